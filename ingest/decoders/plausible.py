"""Values that cannot be: codes for "no value", and what no sensor of the quantity can see.

For what has no device model: the model's own sentinels and range are better, because they know the
device. Ranges are physical, not climatological: they catch a wrong codec, a wrong unit, a dead
sensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livinglab.errors import Reason
from livinglab.model import Reading

#: Codes that never are a measurement, whatever the quantity: 0x7FFF and 0xFFFF, scaled and not.
SENTINELS: Final = frozenset(
    (
        327.67,
        -327.68,
        3276.7,
        -3276.8,
        655.35,
        6553.5,
        99999.0,
        999999999.0,
        -999.0,
        -9999.0,
        -999.9,
    )
)
_WORDS: Final = frozenset((32767.0, -32768.0, 65535.0, 65534.0))  # counts may reach these
_PROBE_POWER_ON: Final = 85.0  # DS18B20: the register before the first conversion
_PROBE_LOST: Final = -127.0

_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "air_temperature": (-60, 60),
    "temperature": (-100, 150),
    "soil_temperature": (-40, 70),
    "water_temperature": (-5, 100),
    "dew_point": (-80, 60),
    "relative_humidity": (0, 100),
    "air_pressure": (800, 1_100),
    "co2": (0, 100_000),
    "eco2": (0, 100_000),
    "tvoc": (0, 100_000),
    "pm1": (0, 10_000),
    "pm2_5": (0, 10_000),
    "pm4": (0, 10_000),
    "pm10": (0, 10_000),
    "sound_level": (0, 200),
    "sound_level_la": (0, 200),
    "sound_level_laeq": (0, 200),
    "sound_level_lamax": (0, 200),
    "sound_level_lamin": (0, 200),
    "sound_level_peak": (0, 200),
    "illuminance": (0, 250_000),
    "uv_index": (0, 30),
    "wind_speed": (0, 120),
    "wind_gust": (0, 120),
    "wind_direction": (0, 360),
    "precipitation": (0, 2_000),
    "precipitation_cumulative": (0, 1_000_000),
    "precipitation_intensity": (0, 2_000),
    "water_depth": (0, 1_000),
    "distance": (0, 10_000),
    "fill_level": (0, 100),
    "soil_moisture": (0, 100),
    "electrical_conductivity": (0, 500_000),
    "ph": (0, 14),
    "dissolved_oxygen": (0, 60),
    "oxygen_saturation": (0, 300),
    "turbidity": (0, 100_000),
    "battery_level": (0, 100),
    "occupancy": (0, 3),  # free, occupied, and the classes that some makers add
    "battery_voltage": (0, 60),
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "heading": (0, 360),
    "speed": (0, 150),
    "speed_v85": (0, 300),
    "people_count": (0, 1_000_000),
}
# Unit of the payload -> factor and offset to the unit of the range.
_CONVERSIONS: Final[Mapping[str, tuple[float, float]]] = {
    "degF": (5 / 9, -160 / 9),
    "K": (1.0, -273.15),
    "Pa": (0.01, 0.0),
    "kPa": (10.0, 0.0),
    "bar": (1000.0, 0.0),
    "mmHg": (1.33322387415, 0.0),
    "inHg": (33.86389, 0.0),
    "mV": (0.001, 0.0),
    "mm": (0.001, 0.0),
    "cm": (0.01, 0.0),
    "km/h": (1 / 3.6, 0.0),
    "mph": (0.44704, 0.0),
    "kn": (1852 / 3600, 0.0),
    "mS/cm": (1000.0, 0.0),
    "dS/m": (1000.0, 0.0),
    "S/m": (10_000.0, 0.0),
    "m3/m3": (100.0, 0.0),
    "klx": (1000.0, 0.0),
}
_IN_MILLIMETRES: Final = ("precipitation", "precipitation_cumulative")


def reason_against(reading: Reading) -> Reason | None:
    """Why a reading cannot be true, None where it can.

    Examples
    --------
    >>> reason_against(Reading("TempC_DS", "temperature", 327.67, "Cel", None))
    <Reason.SENTINEL: 'sentinel'>
    >>> reason_against(Reading("p", "air_pressure", 101_325.0, "Pa", None)) is None
    True
    """
    quantity, value = reading.quantity, reading.value
    if value in SENTINELS or _is_probe_code(reading):
        return Reason.SENTINEL
    if quantity.startswith("count"):
        return Reason.IMPLAUSIBLE if value < 0 else None
    if value in _WORDS and quantity not in ("illuminance", "electrical_conductivity"):
        return Reason.SENTINEL
    low, high = _RANGES.get(quantity, (float("-inf"), float("inf")))
    factor, offset = _conversion(reading)
    return None if low <= value * factor + offset <= high else Reason.IMPLAUSIBLE


def _is_probe_code(reading: Reading) -> bool:
    if not reading.quantity.endswith("temperature") or reading.unit != "Cel":
        return False
    is_probe = "ds18" in f"{reading.key} {reading.channel}".casefold()
    return reading.value == _PROBE_LOST or (is_probe and reading.value == _PROBE_POWER_ON)


def _conversion(reading: Reading) -> tuple[float, float]:
    if reading.unit is None or (reading.unit == "mm" and reading.quantity in _IN_MILLIMETRES):
        return 1.0, 0.0
    if reading.quantity == "speed_v85":
        return 1.0, 0.0
    return _CONVERSIONS.get(reading.unit, (1.0, 0.0))
