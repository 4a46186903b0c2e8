"""The Things Stack's normalised payload: one schema for what codecs name differently.

References
----------
.. [1] TheThingsNetwork/lorawan-devices, lib/payload.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ingest.decoders import mapping, times
from ingest.decoders.values import number, switch
from ingest.decoders.vendor import Collection
from livinglab.errors import DecodeError
from livinglab.model import Reading

#: What the keys of these readings begin with.
PREFIX: Final = "normalized_payload/"
#: No node runs on more than this; a larger "voltage" is the percentage that some vendors put there.
MAX_BATTERY_V: Final = 13.0

_ROWS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("air/temperature", "air_temperature", "Cel"),
    ("air/relativeHumidity", "relative_humidity", "%"),
    ("air/pressure", "air_pressure", "hPa"),
    ("air/co2", "co2", "ppm"),
    ("air/lightIntensity", "illuminance", "lx"),
    ("soil/temperature", "soil_temperature", "Cel"),
    ("soil/moisture", "soil_moisture", "%"),
    ("soil/ec", "electrical_conductivity", "dS/m"),
    ("soil/pH", "ph", "pH"),
    ("soil/n", "soil_nitrogen", "ppm"),
    ("soil/p", "soil_phosphorus", "ppm"),
    ("soil/k", "soil_potassium", "ppm"),
    ("wind/speed", "wind_speed", "m/s"),
    ("wind/direction", "wind_direction", "deg"),
    ("rain/intensity", "precipitation_intensity", "mm/h"),
    ("rain/cumulative", "precipitation_cumulative", "mm"),
    ("water/temperature/current", "water_temperature", "Cel"),
    ("water/leak", "water_leak", "1"),
    ("metering/water/total", "water_volume", "L"),
    ("action/motion/detected", "motion", "1"),
    ("position/latitude", "latitude", "deg"),
    ("position/longitude", "longitude", "deg"),
)


def read(item: Mapping[str, object], into: Collection) -> None:
    """Adds the readings of one normalised measurement to `into`, under keys of their own.

    They say again what the decoded payload says, as far as that is in the schema: a device model
    maps one of the two.
    """
    time = _time(item, into)
    taken = {reading.key for reading in into.readings if reading.time_ns == time.ns}
    for path, quantity, unit in _rows(item):
        found = mapping.at(item, path)
        value = switch(found) if isinstance(found, bool) else number(found)
        if value is not None:
            key = _key(item, path, taken)
            into.add(Reading(key, quantity, value, unit, time.ns, "0", time.local))


def _key(item: Mapping[str, object], path: str, taken: set[str]) -> str:
    """The path, with the depth or place that tells several sensors apart."""
    group = path.split("/", maxsplit=1)[0]
    key = PREFIX + path
    for name in ("depth", "location"):
        where = mapping.at(item, f"{group}/{name}")
        if isinstance(where, str | int | float) and not isinstance(where, bool):
            key += f"/[{name}={str(where)[:30]}]"
    number = 1
    while key in taken:
        number += 1
        key = f"{PREFIX}{path}/{number}"
    taken.add(key)
    return key


def _rows(item: Mapping[str, object]) -> Iterator[tuple[str, str, str | None]]:
    yield from _ROWS
    battery = number(item.get("battery"))
    if battery is not None and battery > MAX_BATTERY_V:
        yield "battery", "battery_level", "%"
    else:
        yield "battery", "battery_voltage", "V"


def _time(item: Mapping[str, object], into: Collection) -> times.Instant:
    try:
        own = times.instant(item.get("time"), into.zone)
    except DecodeError:
        return into.time
    return into.time if own == times.UNSET else own
