"""Telraam traffic counts: the answer of the API, or its records one by one.

Counts are extrapolated by 1/uptime and therefore fractions; an hour with uptime 0 is void even if
zeros are printed. The total is `_lft` + `_rgt`: the total has channel "0", the directions their
own. `date` is the start of the interval in UTC.

References
----------
.. [1] Telraam API, "Traffic report" (POST /v1/reports/traffic).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders import times
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import json_type, parse, require_object
from ingest.decoders.topics import topic_device
from ingest.decoders.values import number
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_MODES: Final[Mapping[str, str]] = {
    "heavy": "count_heavy",
    "car": "count_car",
    "bike": "count_bike",
    "pedestrian": "count_pedestrian",
}
_KEYS: Final[Mapping[str, tuple[str, str, str]]] = {
    **{key: (quantity, "1", "0") for key, quantity in _MODES.items()},
    **{
        f"{key}_{side}": (quantity, "1", side)
        for key, quantity in _MODES.items()
        for side in ("lft", "rgt")
    },
    "v85": ("speed_v85", "km/h", "0"),
    "uptime": ("", "1", "0"),
    "night": ("", "1", "0"),
    "night_lft": ("", "1", "lft"),
    "night_rgt": ("", "1", "rgt"),
}


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a traffic report, a list of records or one record, under the segment.

    Records of one camera (`instance_id` other than -1) have the instance in their channel. The
    modes of S2 cameras (`mode_*`) come out with quantity "", for a device model to map.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, FORMAT for a record without date, TIME for an impossible
        one, DEVICE where no segment is named.
    """
    readings: dict[str, list[Reading]] = {}
    dropped: list[tuple[str, str]] = []
    void = 0
    for record in _records(parse(message.payload)):
        device = _device(record, message, context)
        if number(record.get("uptime", 1.0)) == 0:
            void += 1
            continue
        rows = readings.setdefault(device, [])
        rows += _read(record, context.timezone, dropped)
        if len(rows) > MAX_READINGS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one message")
    kept = {device: rows for device, rows in readings.items() if rows}
    note = "" if kept else "void hour" if void else "no record"
    return Decoded(kept, "", tuple(dropped), note)


def _records(body: object) -> list[Mapping[str, object]]:
    if isinstance(body, dict):
        if "report" in body:
            body = body["report"]
        elif "segment_id" in body or "date" in body:
            body = [body]
        elif "status_code" in body:
            body = []
        else:
            raise DecodeError(Reason.FORMAT, "neither a report nor a record of Telraam")
    if not isinstance(body, list):
        text = f"a Telraam report must be an array, not {json_type(body)}"
        raise DecodeError(Reason.SYNTAX, text)
    return [require_object(record, "a record") for record in body]


def _read(record: Mapping[str, object], zone: str, dropped: list[tuple[str, str]]) -> list[Reading]:
    moment = times.instant(record.get("date"), zone)
    if moment == times.UNSET:
        raise DecodeError(Reason.FORMAT, "a record has no date")
    instance = _instance(record)
    rows = []
    for key, content in record.items():
        meaning = _KEYS.get(key) or (("", "1", "0") if key.startswith("mode_") else None)
        if meaning is None:
            continue
        value = number(content)
        if value is None or (value < 0 and meaning[0]):
            if content is not None:  # null is normal: no v85 at night
                dropped.append((key[:60], Reason.VALUE.value))
            continue
        quantity, unit, side = meaning
        channel = "_".join(part for part in (instance, side) if part and part != "0") or "0"
        rows.append(Reading(key[:60], quantity, value, unit, moment.ns, channel, moment.local))
    return rows


def _instance(record: Mapping[str, object]) -> str:
    instance = record.get("instance_id", -1)
    return "" if instance == -1 or type(instance) is not int else str(instance)


def _device(record: Mapping[str, object], message: Message, context: Context) -> str:
    """Segment, or what the route says: a segment is a number of the network, no name of ours."""
    segment = _segment(record) if context.device == "payload" else ""
    return segment or topic_device(message, context)


def _segment(record: Mapping[str, object]) -> str:
    segment = record.get("segment_id")
    if type(segment) is int or (isinstance(segment, str) and segment.strip()):
        return str(segment).strip()
    return ""
