"""Smart Citizen Kit: readings in JSON, and in the raw dialect that is no JSON.

The token in the topic is a secret and the only identity: its SHA-256 is what becomes the device id.
Times are UTC even where no offset is written.

References
----------
.. [1] fablabbcn/smartcitizen-api, spec/lib; smartcitizen-docs, "Third party sensors".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from ingest.decoders import times
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import parse_object, require_object, require_text
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import number_in
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_IDS: Final[Mapping[str, tuple[str, str]]] = {
    "10": ("battery_level", "%"),
    "14": ("illuminance", "lx"),
    "53": ("sound_level_la", "dB(A)"),
    "55": ("air_temperature", "Cel"),
    "56": ("relative_humidity", "%"),
    "58": ("air_pressure", "kPa"),
    "87": ("pm2_5", "ug/m3"),
    "88": ("pm10", "ug/m3"),
    "89": ("pm1", "ug/m3"),
    "112": ("eco2", "ppm"),
    "113": ("tvoc", "ppb"),
}
_RAW: Final = re.compile(r"\s*\{([^{}]*)\}\s*", re.ASCII)


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a kit, under the hash of its token; `Reading.key` is the sensor id.

    A sensor id that nobody listed has quantity `sck:<id>`.

    Raises
    ------
    DecodeError
        SYNTAX or FORMAT for what is neither dialect, TIME for an impossible time.
    """
    levels = message.topic.split("/")
    device = in_grammar(_hashed(levels), message, context)
    kind = "/".join(levels[3:])
    if kind.startswith("readings/raw"):
        rows, dropped = _raw(message.payload)
    elif kind == "readings" or not kind:
        rows, dropped = _json(message.payload)
    else:
        return Decoded(note=kind[:40])
    if len(rows) > MAX_READINGS:
        raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one message")
    note = "" if rows else "no numeric value"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _hashed(levels: list[str]) -> str:
    """The device id of `device/sck/{token}/...`, "" for another topic."""
    if levels[:2] != ["device", "sck"] or len(levels) < 3 or not levels[2]:
        return ""
    return "sck-" + hashlib.sha256(levels[2].encode("utf-8", "replace")).hexdigest()[:16]


def _json(payload: bytes) -> tuple[list[Reading], list[tuple[str, str]]]:
    body = parse_object(payload)
    samples = body.get("data")
    if not isinstance(samples, list):
        raise DecodeError(Reason.SYNTAX, "data must be an array of samples")
    rows: list[Reading] = []
    dropped: list[tuple[str, str]] = []
    for sample in samples:
        item = require_object(sample, "a sample")
        moment = times.instant(item.get("recorded_at"), "UTC")
        sensors = item.get("sensors")
        if not isinstance(sensors, list):
            raise DecodeError(Reason.SYNTAX, "sensors must be an array")
        for sensor in sensors:
            is_pair = isinstance(sensor, dict) and isinstance(sensor.get("id"), int | str)
            if not is_pair:
                dropped.append(("sensors", Reason.FORMAT.value))
                continue
            _add(str(sensor["id"]), sensor.get("value"), moment.ns, rows, dropped)
    return rows, dropped


def _raw(payload: bytes) -> tuple[list[Reading], list[tuple[str, str]]]:
    require_text(payload.decode("utf-8", "ignore").encode())
    text = payload.decode("ascii", "ignore")  # the platform strips such noise too
    found = _RAW.fullmatch(text.replace("\x00", ""))
    if not found:
        raise DecodeError(Reason.FORMAT, "not the raw dialect: {t:<time>,<id>:<value>,...}")
    pairs = [pair.partition(":") for pair in found[1].split(",") if pair.strip()]
    stated = [value.strip() for key, _, value in pairs if key.strip() == "t"]
    moment = times.instant(stated[0] if stated else None, "UTC")
    rows: list[Reading] = []
    dropped: list[tuple[str, str]] = []
    for key, separator, value in pairs:
        name = key.strip()
        if not separator or not (name == "t" or name.isdigit()):
            raise DecodeError(Reason.FORMAT, f"not the raw dialect: {key.strip()[:40]!r}")
        if name != "t":
            _add(name, value, moment.ns, rows, dropped)
    return rows, dropped


def _add(
    key: str,
    value: object,
    time_ns: int | None,
    rows: list[Reading],
    dropped: list[tuple[str, str]],
) -> None:
    found = number_in(value)
    if found is None:
        dropped.append((key[:20], Reason.NO_VALUE.value))
        return
    quantity, unit = _IDS.get(key, (f"sck:{key[:20]}", None))
    rows.append(Reading(key[:20], quantity, found, unit, time_ns))
