"""Cayenne LPP: bare frames of (channel, type, data) records, big endian.

Lengths are implicit: an unknown type or a short tail makes the whole frame undecodable. The frame
names neither device nor time (except by a record of type 133), and the medium of a temperature is
unknown. Zeros that fill the end of a frame are no record.

References
----------
.. [1] ElectronicCats/CayenneLPP, src/CayenneLPP.h; type = IPSO object id - 3200.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ingest.decoders import times
from ingest.decoders.base import Context
from ingest.decoders.topics import topic_device
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_CLOCK: Final = 133


class _Field(NamedTuple):
    name: str
    quantity: str
    unit: str | None
    size: int
    scale: float
    signed: bool


def _one(
    name: str, quantity: str, unit: str | None, size: int, divisor: int = 1, sign: str = ""
) -> tuple[_Field, ...]:
    return (_Field(name, quantity, unit, size, divisor, sign == "signed"),)


_TYPES: Final[dict[int, tuple[_Field, ...]]] = {
    0: _one("digital_in", "", "1", 1),
    1: _one("digital_out", "", "1", 1),
    2: _one("analog_in", "analog", None, 2, 100, "signed"),
    3: _one("analog_out", "", None, 2, 100, "signed"),
    100: _one("generic", "", None, 4),
    101: _one("illuminance", "illuminance", "lx", 2),
    102: _one("presence", "occupancy", "1", 1),
    103: _one("temperature", "temperature", "Cel", 2, 10, "signed"),
    104: _one("relative_humidity", "relative_humidity", "%", 1, 2),
    113: tuple(
        _Field(f"accelerometer_{axis}", f"acceleration_{axis}", "g", 2, 1000, True)
        for axis in "xyz"
    ),
    115: _one("barometric_pressure", "air_pressure", "hPa", 2, 10),
    116: _one("voltage", "voltage", "V", 2, 100),
    117: _one("current", "current", "A", 2, 1000),
    118: _one("frequency", "", "Hz", 4),
    120: _one("percentage", "", "%", 1),
    121: _one("altitude", "altitude", "m", 2, 1, "signed"),
    125: _one("concentration", "", "ppm", 2),
    128: _one("power", "power", "W", 2),
    130: _one("distance", "distance", "m", 4, 1000),
    131: _one("energy", "", "kWh", 4, 1000),
    132: _one("direction", "", "deg", 2),
    _CLOCK: _one("unix_time", "", "s", 4),
    134: tuple(_Field(f"gyrometer_{axis}", "", "deg/s", 2, 100, True) for axis in "xyz"),
    136: (
        _Field("latitude", "latitude", "deg", 3, 10_000, True),
        _Field("longitude", "longitude", "deg", 3, 10_000, True),
        _Field("altitude", "altitude", "m", 3, 100, True),
    ),
    142: _one("switch", "", "1", 1),
}


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a frame, under the device that the topic names.

    `Reading.key` is `<type>_<channel>`, as The Things Stack names the same values.

    Raises
    ------
    DecodeError
        FORMAT for an unknown type or a short record, DEVICE where the route names no topic level.
    """
    rows = read_frame(message.payload)
    device = topic_device(message, context)
    return Decoded({device: rows} if rows else {}, note="" if rows else "no record")


def read_frame(frame: bytes) -> list[Reading]:
    """Readings of a frame.

    Raises
    ------
    DecodeError
        FORMAT for an unknown type or a short record, TIME for an impossible time.
    """
    readings: dict[str, Reading] = {}
    clock: int | None = None
    for channel, kind, field, value in _records(frame):
        if kind == _CLOCK:
            clock = times.epoch(value).ns
            continue
        key = f"{field.name}_{channel}"
        # A channel that repeats in one frame has a history without times: the first is the newest.
        readings.setdefault(key, Reading(key, field.quantity, value, field.unit, None))
    return [row._replace(time_ns=clock) for row in readings.values()]


def _records(frame: bytes) -> Iterator[tuple[int, int, _Field, float]]:
    if not frame:
        raise DecodeError(Reason.FORMAT, "the frame is empty")
    place = 0
    while place < len(frame):
        if place and not any(frame[place:]):
            return
        if place + 2 > len(frame):
            raise DecodeError(Reason.FORMAT, f"the record at byte {place} is cut off")
        channel, kind = frame[place], frame[place + 1]
        place += 2
        if kind not in _TYPES:
            text = f"type {kind} at byte {place - 1} is unknown, so is its length"
            raise DecodeError(Reason.FORMAT, text)
        for field in _TYPES[kind]:
            data = frame[place : place + field.size]
            if len(data) < field.size:
                raise DecodeError(Reason.FORMAT, f"the record of type {kind} is cut off")
            place += field.size
            number = int.from_bytes(data, "big", signed=field.signed)
            yield channel, kind, field, number / field.scale
