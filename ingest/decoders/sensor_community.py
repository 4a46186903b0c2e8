"""Sensor.Community (airrohr firmware): the JSON that stations post, as bridges publish it.

Every value is a text. The prefix of a `value_type` names the sensor and becomes the channel. P1 is
PM10 and P2 is PM2.5 everywhere, except for the PPD42NS, which counts particles. The firmware sends
no time; the API form [2]_ has a `timestamp` (UTC) but drops prefix and station, which are then in
the topic. A bridge may add a `timestamp` with its offset.

References
----------
.. [1] opendata-stuttgart/sensors-software, airrohr-firmware/airrohr-firmware.ino.
.. [2] opendata-stuttgart/meta, API: api.luftdaten.info/static/v1/data.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import json_type, parse, require_object
from ingest.decoders.times import instant
from ingest.decoders.topics import own_or_topic, plain
from ingest.decoders.values import number_in
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

# Suffix of a value_type -> quantity and unit. Pressure is that of the station, not of sea level.
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "P0": ("pm1", "ug/m3"),
    "P1": ("pm10", "ug/m3"),
    "P2": ("pm2_5", "ug/m3"),
    "P4": ("pm4", "ug/m3"),
    "temperature": ("air_temperature", "Cel"),
    "humidity": ("relative_humidity", "%"),
    "pressure": ("air_pressure", "Pa"),
    "noise_LAeq": ("sound_level_laeq", "dB(A)"),
    "noise_LA_min": ("sound_level_lamin", "dB(A)"),
    "noise_LA_max": ("sound_level_lamax", "dB(A)"),
    "co2_ppm": ("co2", "ppm"),
    "lat": ("latitude", "deg"),
    "lon": ("longitude", "deg"),
    "height": ("altitude", "m"),
}
_NO_READINGS: Final = frozenset(
    (
        "samples",
        "min_micro",
        "max_micro",
        "interval",
        "signal",
        "GPS_date",
        "GPS_time",
        "GPS_timestamp",
        "timestamp",
    )
)
_COUNTERS: Final = ("PPD", "PPD42NS")
_SENSORS: Final = re.compile(
    r"(SDS|PMS|HPM|SPS30|NPM|IPS|PPD|PPD42NS|BME280|BME680|BMP|BMP180|BMP280|SHT3X|HTU21D|DS18B20|"
    r"DHT|SCD30|GPS|DNMS|\w+?)_(.+)"
)
_STATION: Final = re.compile(r"(?:esp8266|esp32|raspi|TTN|esp)-?(\w+)", re.IGNORECASE)
# -1 is the firmware's failed reading; a humidity of exactly 0 is a dead sensor (it cannot occur).
_FAILED: Final = -1.0


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a station, under `esp8266id` (also `esp32id`, `raspiid`) or the topic.

    `Reading.key` is the `value_type`. An entry that is no name and number is dropped alone.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, DEVICE where no station is named, or two different ones.
    """
    body = _body(message, context)
    entries = body.get("sensordatavalues")
    if not isinstance(entries, list):
        text = f"sensordatavalues must be an array, not {json_type(entries)}"
        raise DecodeError(Reason.SYNTAX, text)
    if len(entries) > MAX_READINGS:
        raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} values in one message")
    device = _station(body, message, context)
    rows, dropped = _read(entries, _time(body, context))
    if _counts(body, entries):
        rows = [
            row._replace(quantity="", unit=None) if row.key in ("P1", "P2") else row for row in rows
        ]
    note = "" if rows else "no numeric value"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _body(message: Message, context: Context) -> dict[str, object]:
    """The message as an object; a bridge may publish each value under a topic of its own.

    The `value` of an entry then means what its sibling `value_type` said before.
    """
    place, _, kind = message.topic.rpartition("/")
    if kind == "value_type":
        return {"sensordatavalues": []}
    body = parse(message.payload)
    if kind == "value":
        wanted = f"{place}/value_type"
        earlier = [item.payload for item in context.earlier if item.topic == wanted]
        kind = earlier[-1].decode("utf-8", "replace").strip(' "') if earlier else kind
    if isinstance(body, dict):
        return body
    if _meaning(kind)[0] or kind in _NO_READINGS:
        return {"sensordatavalues": [{"value_type": kind, "value": body}]}
    if "/sensordatavalues/" in message.topic:
        return {"sensordatavalues": []}  # a value without its sibling value_type means nothing
    return require_object(body, "the payload")


def _time(body: Mapping[str, object], context: Context) -> int | None:
    """The network's `timestamp`, UTC without mark in its API form; the firmware sends none."""
    zone = "UTC" if isinstance(body.get("sensor"), dict) else context.timezone
    return instant(body.get("timestamp"), zone).ns


def _read(
    entries: Iterable[object], time_ns: int | None
) -> tuple[list[Reading], list[tuple[str, str]]]:
    readings: list[Reading] = []
    dropped: list[tuple[str, str]] = []
    for entry in entries:
        name = entry.get("value_type") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str) or not name:
            dropped.append(("sensordatavalues", Reason.FORMAT.value))
            continue
        if name in _NO_READINGS:
            continue
        value = number_in(entry.get("value"))
        quantity, unit, channel = _meaning(name)
        if value is None:
            dropped.append((name[:60], Reason.NO_VALUE.value))
        elif _is_failure(quantity, value):
            dropped.append((name[:60], Reason.SENTINEL.value))
        else:
            readings.append(Reading(name[:60], quantity, value, unit, time_ns, channel))
    return readings, dropped


@lru_cache(maxsize=1024)
def _meaning(name: str) -> tuple[str, str | None, str]:
    """Quantity, unit and channel (the sensor) of a `value_type`; an unknown one has no quantity."""
    if name in _TYPES:
        quantity, unit = _TYPES[name]
        return quantity, unit, "DHT" if name in ("temperature", "humidity") else "0"
    found = _SENSORS.fullmatch(name)
    if found is None or found[1].upper() in _COUNTERS:
        return "", None, "0"
    quantity, unit = _TYPES.get(found[2], ("", ""))
    if found[1] == "DS18B20" and quantity == "air_temperature":
        quantity = "temperature"  # a probe on a wire: nobody knows what it is in
    return quantity, unit or None, found[1]


def _counts(body: Mapping[str, object], entries: Iterable[object]) -> bool:
    """Whether P1 and P2 are the particle counts of a PPD42NS, which has durations beside them."""
    sensor = body.get("sensor")
    kind = sensor.get("sensor_type") if isinstance(sensor, dict) else None
    name = kind.get("name") if isinstance(kind, dict) else None
    if isinstance(name, str) and name.upper() in _COUNTERS:
        return True
    types = [entry.get("value_type") for entry in entries if isinstance(entry, dict)]
    return "durP1" in types or "durP2" in types


def _is_failure(quantity: str, value: float) -> bool:
    if quantity in ("latitude", "longitude", "altitude", "temperature", "air_temperature", ""):
        return False
    return value == _FAILED or (value == 0 and quantity in ("relative_humidity", "air_pressure"))


def _station(body: Mapping[str, object], message: Message, context: Context) -> str:
    own = ""
    for key in ("esp8266id", "esp32id", "raspiid", "esp8266Id", "chipid", "sensor_id"):
        value = body.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            own = str(value).strip()
            break
    if own:
        _require_same(own, message)
    return own_or_topic(own, message, context)


def _require_same(own: str, message: Message) -> None:
    """A topic level that looks like a station must name this one."""
    for level in message.topic.split("/"):
        found = _STATION.fullmatch(level)
        if found and plain(found[1]) != plain(own) and plain(level) != plain(own):
            text = f"the topic says station {level[:60]!r}, the payload {own[:60]!r}"
            raise DecodeError(Reason.DEVICE, text, hint="correct the bridge")
