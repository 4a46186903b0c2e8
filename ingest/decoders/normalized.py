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
    """Adds the readings of one normalised measurement to `into`.

    A value counts only where the decoded payload has not said the quantity at that time already.
    """
    time = _time(item, into)
    present = {(reading.quantity, reading.time_ns) for reading in into.readings}
    vague = {reading.time_ns for reading in into.readings if reading.quantity == "temperature"}
    for path, quantity, unit in _rows(item):
        found = mapping.at(item, path)
        value = number(found) if not isinstance(found, bool) else switch(found)
        if value is None:
            continue
        if quantity.endswith("_temperature") and time.ns in vague:
            _name_medium(into, quantity, value, time.ns)
        elif (quantity, time.ns) not in present:
            into.add(Reading(path, quantity, value, unit, time.ns, _place(item, path), time.local))


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


def _place(item: Mapping[str, object], path: str) -> str:
    where = mapping.at(item, f"{path.split('/', maxsplit=1)[0]}/location")
    return where[:40] if isinstance(where, str) and where else "0"


def _name_medium(into: Collection, quantity: str, value: float, time_ns: int | None) -> None:
    """The schema says which medium a "temperature" of the decoded payload is of."""
    for index, reading in enumerate(into.readings):
        if (reading.quantity, reading.value, reading.time_ns) == ("temperature", value, time_ns):
            into.readings[index] = reading._replace(quantity=quantity)
