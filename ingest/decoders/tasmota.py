"""Tasmota: telemetry of ESP boards, `tele/{topic}/SENSOR` and the replies to `Status 8` and 10.

The first level names the sensor, the second the quantity. `Time` is local without offset unless
SetOption52 is on; an `Epoch` beside it wins. `TempUnit` and `PressureUnit` apply to all sensors of
the message.

References
----------
.. [1] tasmota/docs, docs/MQTT.md, docs/Sensors and Bluetooth.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ingest.decoders import keys, times
from ingest.decoders.base import Context
from ingest.decoders.discovery import announced_unit
from ingest.decoders.json_guard import parse_object, require_object
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import names, number, switch, unit_text
from livinglab.errors import Reason
from livinglab.model import Decoded, Message, Reading

_PREFIXES: Final = frozenset(names("tele stat cmnd"))
_KINDS: Final = frozenset(names("SENSOR STATUS8 STATUS10"))
_NOT_SENSORS: Final = frozenset(names("Time Epoch TempUnit PressureUnit SpeedUnit"))
_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "Temperature": ("temperature", "Cel"),
    "Humidity": ("relative_humidity", "%"),
    "DewPoint": ("dew_point", "Cel"),
    "Pressure": ("air_pressure", "hPa"),
    "Illuminance": ("illuminance", "lx"),
    "CarbonDioxide": ("co2", "ppm"),
    "CO2": ("co2", "ppm"),
    "eCO2": ("eco2", "ppm"),
    "TVOC": ("tvoc", "ppb"),
    "PM1": ("pm1", "ug/m3"),
    "PM1_0": ("pm1", "ug/m3"),
    "PM2.5": ("pm2_5", "ug/m3"),
    "PM2_5": ("pm2_5", "ug/m3"),
    "PM4": ("pm4", "ug/m3"),
    "PM4_0": ("pm4", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "Moisture": ("soil_moisture", "%"),
    "Noise": ("sound_level", "dB"),
    "UvIndex": ("uv_index", "1"),
    "pH": ("ph", "pH"),
    "DO": ("dissolved_oxygen", "mg/L"),
    "EC": ("electrical_conductivity", "uS/cm"),
    "Voltage": ("voltage", "V"),
    "Current": ("current", "A"),
    "Power": ("power", "W"),
    "Battery": ("battery_level", "%"),
    "OBJTMP": ("temperature", "Cel"),
    "AMBTMP": ("temperature", "Cel"),
    "Distance": ("distance", "cm"),
    "Speed/Act": ("wind_speed", ""),
    "Speed/Avg": ("wind_speed", ""),
    "Speed/Max": ("wind_gust", ""),
    "Dir/Deg": ("wind_direction", "deg"),
}
_STATED_UNITS: Final[Mapping[str, tuple[str, str | None]]] = {
    "temperature": ("TempUnit", "Cel"),
    "dew_point": ("TempUnit", "Cel"),
    "air_pressure": ("PressureUnit", "hPa"),
    "wind_speed": ("SpeedUnit", None),
    "wind_gust": ("SpeedUnit", None),
}
# A rain sensor's words mean other things elsewhere.
_RAIN_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "Active": ("precipitation", "mm"),
    "Total": ("precipitation_cumulative", "mm"),
    "FlowRate": ("precipitation_intensity", "mm/h"),
}
_RAIN: Final = re.compile(r"RG-?15|Hydreon", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(Temperature|Illuminance|Humidity|Pressure|Distance)\d{1,2}")
_RAW_INPUT: Final = re.compile(r"A\d{1,2}")
_CHIPS: Final = re.compile(r"ESP32|ESP8266", re.IGNORECASE)
_PLANTS: Final = re.compile(r"Flora|HHCC|CHIRP|MiFlora", re.IGNORECASE)
_LASERS: Final = re.compile(r"VL53|VL6180", re.IGNORECASE)  # these count in mm, ultrasound in cm
_PROBES: Final = re.compile(r"DS18|ANALOG|MAX31|MAX6675|MLX|Thermo|MHZ|CCS811", re.IGNORECASE)
_RADARS: Final = re.compile(r"LD2410", re.IGNORECASE)
_AIR: Final = frozenset(names("Humidity Pressure DewPoint"))


def decode(message: Message, context: Context) -> Decoded:
    """Readings of all sensors of a board, under the board's topic.

    `Reading.key` is `<sensor>/<quantity>`; a 1-wire probe, whose number can change, is named by its
    id: `DS18B20/[Id=00000566CC39]/Temperature`.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, TIME for an impossible time.
    """
    levels = message.topic.split("/")
    kind = levels[-1]
    if kind not in _KINDS:
        return Decoded(note=kind[:40])
    body = parse_object(message.payload)
    if "StatusSNS" in body:
        body = require_object(body["StatusSNS"], "StatusSNS")
    moment = _clock(body, context.timezone)
    own = "/".join(level for level in levels[:-1] if level not in _PREFIXES)
    device = in_grammar(own, message, context)
    dropped: list[tuple[str, str]] = []
    found = list(_sensors(body, dropped))
    if context.earlier:
        found = [_announced(row, body, message.topic, context) for row in found]
    rows = [row._replace(time_ns=moment.ns, local=moment.local) for row in found]
    note = "" if rows else "no sensor"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _announced(row: Reading, body: Mapping[str, object], topic: str, context: Context) -> Reading:
    """The reading in the unit that Home Assistant was told, where the message states none."""
    if row.quantity in _STATED_UNITS and _STATED_UNITS[row.quantity][0] in body:
        return row
    path = row.key.split("/")
    unit = announced_unit(topic, path, context)
    known = keys.meaning(path[-1]) if unit is not None else None
    if row.quantity:
        return row if unit is None or not keys.fits(row.quantity, unit) else row._replace(unit=unit)
    if known is None or not keys.fits(known.quantity, unit):
        return row
    return row._replace(quantity=known.quantity, unit=unit)


def _clock(body: Mapping[str, object], zone: str) -> times.Instant:
    epoch = number(body.get("Epoch"))
    own = times.epoch(epoch) if epoch is not None else times.UNSET
    return own if own != times.UNSET else times.instant(body.get("Time"), zone)


def _sensors(body: Mapping[str, object], dropped: list[tuple[str, str]]) -> Iterator[Reading]:
    for name, content in body.items():
        if name in _NOT_SENSORS:
            continue
        if isinstance(content, dict):
            yield from _sensor(name, content, body, dropped)
        elif switch(content) is not None:
            yield Reading(name, "", switch(content) or 0.0, "1", None)


def _sensor(
    name: str,
    sensor: Mapping[str, object],
    body: Mapping[str, object],
    dropped: list[tuple[str, str]],
) -> Iterator[Reading]:
    prefix = _prefix(name, sensor)
    for key, content in _flat(sensor):
        value = number(content)
        if value is None:
            if content is None and key in _KEYS:
                dropped.append((f"{prefix}/{key}", Reason.NO_VALUE.value))
            continue
        quantity, unit = _meaning(name, key, sensor, body)
        if key == "People" and _RADARS.match(name):  # 0, 1 nobody; 2, 3 somebody
            quantity, unit, value = "occupancy", "1", float(value >= 2)
        yield Reading(f"{prefix}/{key}"[:120], quantity, value, unit, None)


def _flat(sensor: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Values of a sensor; those of a group ("Speed": {"Avg", "Max"}) by path.

    A momentary wind speed beside the average is no mean wind speed.
    """
    for key, content in sensor.items():
        if not isinstance(content, dict):
            yield key, content
            continue
        for part, value in content.items():
            if part != "Act" or "Avg" not in content:
                yield f"{key}/{part}", value


def _prefix(name: str, sensor: Mapping[str, object]) -> str:
    own = sensor.get("Id")
    if isinstance(own, str) and own:
        return f"{re.sub(r'-[0-9]+$', '', name)}/[Id={own[:40]}]"
    return name


def _meaning(
    name: str, key: str, sensor: Mapping[str, object], body: Mapping[str, object]
) -> tuple[str, str | None]:
    numbered = _NUMBERED.fullmatch(key)
    known = (_RAIN_KEYS if _RAIN.match(name) else _KEYS).get(numbered[1] if numbered else key)
    if known is None:
        is_raw = name.startswith("ANALOG") and _RAW_INPUT.fullmatch(key)
        return ("analog" if is_raw else ""), None
    quantity = known[0]
    unit: str | None = known[1]
    if quantity in _STATED_UNITS:
        unit = _stated(body, *_STATED_UNITS[quantity])
    elif key == "Humidity" and _PLANTS.match(name):
        quantity = "soil_moisture"
    elif quantity == "distance":
        unit = "mm" if _LASERS.match(name) else "cm"
    return (_medium(name, sensor) if quantity == "temperature" else quantity), unit


def _stated(body: Mapping[str, object], member: str, default: str | None) -> str | None:
    """The unit that the message states for all its sensors."""
    stated = body.get(member)
    return (unit_text(stated) if isinstance(stated, str) else None) or default


def _medium(name: str, sensor: Mapping[str, object]) -> str:
    if _CHIPS.match(name):
        return "device_temperature"
    if _PLANTS.match(name) or _PROBES.match(name) or not _AIR & sensor.keys():
        return "temperature"
    return "air_temperature"
