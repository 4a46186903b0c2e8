"""Readings described by the generic key table, where no device model speaks for them.

Decoders of keyed formats leave quantity, unit and channel open, because a device model says them.
`described` fills them in from the key alone: for a payload of a device nobody has registered yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ingest.decoders import keys
from ingest.decoders.normalized import MAX_BATTERY_V, PREFIX
from ingest.decoders.values import names
from livinglab.model import Decoded, Reading

#: Formats whose keys say something to the generic table.
KEYED: Final = frozenset(names("tts_v3 chirpstack_v3 chirpstack_v4 plain_json plain_csv"))

_PLACE: Final = re.compile(r"\d+|\[(?P<name>[^=]*)=(?P<value>.*)\]")
_WEIGHTED: Final = re.compile(r"(la|laeq|lamax|lamin)@([A-Z])")
_ONLY_WHICH: Final = frozenset(("value", "avg", "average", "mean", "last", "current", "now"))
_AIR: Final = frozenset(
    names(
        "relative_humidity co2 eco2 air_pressure pm1 pm2_5 pm4 pm10 dew_point tvoc wind_speed no2 "
        "o3"
    )
)
_SOIL: Final = frozenset(("soil_moisture", "soil_permittivity"))
# Probes give a depth in mm, cm or m: without unit it says nothing.
_NEEDS_UNIT: Final = frozenset(("water_depth",))
_IN_HPA: Final = {"Pa": 0.01, "kPa": 10.0, "bar": 1000.0}
_WATER: Final = frozenset(
    ("water_depth", "dissolved_oxygen", "oxygen_saturation", "turbidity", "water_level")
)


def described(decoded: Decoded, format_name: str) -> Decoded:
    """The same readings with quantity, unit and channel as far as the keys tell.

    What the table does not know keeps quantity "". No two readings of a device share quantity,
    channel and time afterwards: equal ones are merged, others get their key as channel.
    """
    devices = {}
    for device, rows in decoded.readings.items():
        is_keyed = format_name in KEYED
        told = _with_media([_described(row) for row in rows]) if is_keyed else rows
        devices[device] = separate(_without_repeats(told))
    return replace(decoded, readings=devices)


def separate(readings: Sequence[Reading]) -> list[Reading]:
    """One reading per quantity, channel and time: equal ones merge, others part by their key."""
    seen: dict[tuple[str, str, int | None, str], Reading] = {}
    result = []
    for reading in readings:
        place = (reading.quantity, reading.channel, reading.time_ns, reading.local)
        rival = seen.setdefault(place, reading) if reading.quantity else reading
        if rival is reading:
            result.append(reading)
        elif (rival.value, rival.unit) != (reading.value, reading.unit):
            channel = reading.key if reading.channel == "0" else f"{reading.channel}/{reading.key}"
            apart = reading._replace(channel=channel)
            place = (apart.quantity, apart.channel, apart.time_ns, apart.local)
            if seen.setdefault(place, apart) is apart:
                result.append(apart)
    return result


def _described(reading: Reading) -> Reading:
    if reading.quantity:
        return reading
    weighted = _WEIGHTED.fullmatch(reading.key)
    if weighted:
        return reading._replace(quantity="sound_level", unit="dB", channel=reading.key)
    parts = reading.key.split("/")
    said = [part for part in parts if not _PLACE.fullmatch(part)]
    if not said:
        return reading
    known, group = _meaning(said)
    if known is None:
        return reading
    quantity, unit = _settled(known, said[-1], reading)
    places = [_place(part) for part in parts if _PLACE.fullmatch(part)]
    channel = "_".join([place for place in (*group, *places, known.channel) if place != "0"])
    return reading._replace(quantity=quantity, unit=unit, channel=channel or "0")


def _meaning(path: Sequence[str]) -> tuple[keys.Meaning | None, Sequence[str]]:
    """Meaning of the last name with its parent ("air" + "temperature") or alone; and the group."""
    if len(path) == 1:
        return keys.meaning(path[0]), ()
    joined = keys.meaning(f"{path[-2]} {path[-1]}")
    if joined is not None:
        return joined, path[:-2]
    if path[-1].casefold() in _ONLY_WHICH:
        return keys.meaning(path[-2]), path[:-2]
    return keys.meaning(path[-1]), path[:-1]


def _place(part: str) -> str:
    found = _PLACE.fullmatch(part)
    return found["value"] if found and found["value"] else part


def _settled(known: keys.Meaning, name: str, reading: Reading) -> tuple[str, str | None]:
    """Quantity and unit: of the payload first, then of the key, then by magnitude.

    The magnitude decides only where it cannot be mistaken: volts, millivolts or percent of a
    battery; Pa, hPa or kPa of the air; a water content of at most 1.
    """
    value, stated = reading.value, reading.unit
    if known.quantity == "battery":
        return _battery(value, stated)
    if stated is not None and known.quantity == "air_pressure":
        return _pressure(name, value, stated)
    if stated is not None:
        fits = keys.fits(known.quantity, stated) or stated in ("%", "1")
        return (known.quantity if fits else ""), stated
    return _by_magnitude(known, name, value)


def _by_magnitude(known: keys.Meaning, name: str, value: float) -> tuple[str, str | None]:
    quantity, unit = known.quantity, known.unit
    if unit is None and quantity in _NEEDS_UNIT:
        return "", None
    if quantity == "battery_voltage" and unit == "V":
        return _volts(name, value)
    if quantity == "air_pressure":
        return _pressure(name, value, unit or _pressure_unit(value))
    if quantity == "soil_moisture" and 0 < value <= 1 and _is_content(name):
        unit = "m3/m3"
    return quantity, unit


def _volts(name: str, value: float) -> tuple[str, str | None]:
    """A "bat" beyond the volts of any node is a percentage, a large voltage one in millivolts."""
    if MAX_BATTERY_V < value <= 100 and name.casefold() == "bat":
        return "battery_level", "%"
    return "battery_voltage", "mV" if value > 100 else "V"


def _battery(value: float, unit: str | None) -> tuple[str, str | None]:
    if unit in ("V", "mV"):
        return "battery_voltage", unit
    if unit is not None:
        return ("battery_level" if unit == "%" else ""), unit
    if value > 1000:
        return "battery_voltage", "mV"
    if 0 < value < MAX_BATTERY_V and not value.is_integer():
        return "battery_voltage", "V"
    return "battery_level", "%"


def _pressure(name: str, value: float, unit: str | None) -> tuple[str, str | None]:
    """A plain "pressure" far below that of any air is that of a submerged probe."""
    if unit is not None and not keys.fits("air_pressure", unit):
        return "", unit
    in_hpa = value * _IN_HPA.get(unit or "", 1.0)
    is_plain = name.casefold() in ("pressure", "press")
    return ("liquid_pressure" if unit and is_plain and in_hpa < 400 else "air_pressure"), unit


def _pressure_unit(value: float) -> str | None:
    for unit, low, high in (("hPa", 500, 1_100), ("Pa", 50_000, 110_000), ("kPa", 50, 110)):
        if low <= value <= high:
            return unit
    return None


def _is_content(name: str) -> bool:
    plain = name.casefold()
    return "content" in plain or "vwc" in plain


def _with_media(readings: Sequence[Reading]) -> list[Reading]:
    """A "temperature" is that of the medium whose other quantities stand beside it."""
    company: dict[str, set[str]] = {}
    for reading in readings:
        company.setdefault(_group(reading), set()).add(reading.quantity or _known(reading))
    return [_with_medium(reading, company[_group(reading)]) for reading in readings]


def _group(reading: Reading) -> str:
    """What a reading stands beside: its channel, or the group of a key without one."""
    if reading.quantity:
        return reading.channel
    return "_".join(reading.key.split("/")[:-1]) or "0"


def _known(reading: Reading) -> str:
    """The quantity of a key that was left open because its unit is unknown."""
    known = keys.meaning(reading.key.rpartition("/")[2])
    return known.quantity if known is not None else ""


def _with_medium(reading: Reading, company: set[str]) -> Reading:
    if reading.quantity != "temperature":
        return reading
    if keys.medium_of(reading.channel) == "air":
        return reading._replace(quantity="air_temperature")
    if "relative_humidity" in company and company & (_SOIL | _WATER):
        return reading  # in the air, or in what is measured beside it
    for medium, signs in (("soil", _SOIL), ("water", _WATER), ("air", _AIR)):
        if company & signs:
            return reading._replace(quantity=f"{medium}_temperature")
    return reading


def _without_repeats(readings: Sequence[Reading]) -> list[Reading]:
    """Without what a normalised payload says again; it may name the medium of a temperature."""
    said = [row for row in readings if not row.key.startswith(PREFIX)]
    for extra in readings:
        if not extra.key.startswith(PREFIX):
            continue
        same = [row for row in said if row.time_ns == extra.time_ns and _is_same(row, extra)]
        if not same:
            said.append(extra)
        elif same[0].quantity != extra.quantity:
            said[said.index(same[0])] = same[0]._replace(quantity=extra.quantity)
    return said


def _is_same(row: Reading, extra: Reading) -> bool:
    if row.quantity == extra.quantity:
        return True
    return row.quantity == "temperature" and extra.quantity.endswith("_temperature")
