"""HSL High-Frequency Positioning: positions of buses, trams, trains and ferries.

The vehicle is operator and vehicle number of the topic (the payload's operator can differ). Time is
`tst` in UTC, else `tsi` in epoch seconds. The same position often arrives twice.

References
----------
.. [1] Digitransit, "High-frequency positioning" (HFP API v1, v2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders import times
from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse_object, require_object
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import number
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "spd": ("speed", "m/s"),
    "hdg": ("heading", "deg"),
    "lat": ("latitude", "deg"),
    "long": ("longitude", "deg"),
    "occu": ("passenger_load", "%"),
}
_MODES: Final = frozenset(("bus", "tram", "train", "metro", "ferry", "ubus", "robot"))


def decode(message: Message, context: Context) -> Decoded:
    """Speed, heading, position and load of a vehicle, under `<operator>/<vehicle>`.

    Identity is vehicle, event and time.

    Raises
    ------
    DecodeError
        SYNTAX for anything but one object with one event, FORMAT without time, TIME for an
        impossible one, DEVICE where the topic names no vehicle.
    """
    body = parse_object(message.payload)
    if len(body) != 1:
        raise DecodeError(Reason.FORMAT, 'one event is expected: {"VP": {...}}')
    event, content = next(iter(body.items()))
    fields = require_object(content, event[:20])
    device = in_grammar(_vehicle(message.topic), message, context)
    moment = times.instant(fields.get("tst"))
    if moment.ns is None:
        moment = times.instant(fields.get("tsi"))
    rows = []
    for key, (quantity, unit) in _KEYS.items():
        value = number(fields.get(key))
        if value is None or (key == "occu" and value == 0):  # 0 is "not measured" as well
            continue
        rows.append(Reading(key, quantity, value, unit, moment.ns))
    identity = f"{device}/{event[:20]}/{moment.ns}" if moment.ns is not None else ""
    return Decoded({device: rows} if rows else {}, identity, note="" if rows else "no position")


def _vehicle(topic: str) -> str:
    levels = topic.split("/")
    for place, level in enumerate(levels[:-2]):
        if level in _MODES and levels[place + 1] and levels[place + 2]:
            return f"{levels[place + 1]}/{levels[place + 2]}"
    return ""
