"""Decentlab: version 2, device number, flags, then one group of 16-bit words per set flag.

The frame does not say of which model it is, and models share lengths: the name of the codec does,
`decentlab-tbrg` for a DL-TBRG. A frame with the battery alone is normal.

References
----------
.. [1] Decentlab, device user guides; decentlab/decentlab-decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from ingest.decoders.codecs import table

_HEAD: Final = 5
_VERSION: Final = 2
_BATTERY: Final = "battery_voltage u16/1000 V"
# Groups of a model in the order of the flags, parted by "|".
_MODELS: Final[Mapping[str, str]] = {
    "atm41": "- u16, precipitation u16-32768/1000 mm, - u16, - u16, wind_speed u16-32768/100 m/s,"
    " wind_direction u16-32768/10 deg, maximum_wind_speed u16-32768/100 m/s,"
    " air_temperature u16-32768/10 Cel, - u16, atmospheric_pressure u16-32768/100 kPa,"
    " relative_humidity u16-32768/10 %, internal_temperature u16-32768/10 Cel, - u16, - u16, - u16,"
    f" - u16, - u16 | {_BATTERY}",
    "ctd10": "water_depth u16-32768 mm, temperature u16-32768/10 Cel,"
    f" electrical_conductivity u16 uS/cm, - u16 | {_BATTERY}",
    "mbx": f"distance u16 mm, number_of_valid_samples u16 | {_BATTERY}",
    "pm": f"{_BATTERY} | pm1_0_mass_concentration u16/10 ug/m3,"
    " pm2_5_mass_concentration u16/10 ug/m3, pm4_mass_concentration u16/10 ug/m3,"
    " pm10_mass_concentration u16/10 ug/m3, - u16, - u16, - u16, - u16, - u16, - u16"
    " | sht_temperature u16, sht_humidity u16 | half_pressure u16",
    "tbrg": "precipitation u16/10 mm, precipitation_interval u16 s, cumulative_low u16,"
    f" cumulative_high u16 | {_BATTERY}",
}
_GROUPS: Final = {
    model: tuple(
        fields for _, fields in table.rows("\n".join(f":{part}" for part in text.split("|")))
    )
    for model, text in _MODELS.items()
}


def decode(model: str, frame: bytes, _port: int) -> Mapping[str, object]:
    """What a frame of a model says, by the names of the maker's codec, with units.

    Raises
    ------
    DecodeError
        FORMAT for another version, an unknown flag or a length that does not fit the flags.
    """
    if len(frame) < _HEAD or frame[0] != _VERSION:
        raise table.undecodable(0, "no frame of version 2")
    flags = int.from_bytes(frame[3:5], "big")
    groups = _GROUPS[model]
    chosen = [group for place, group in enumerate(groups) if flags >> place & 1]
    fields = tuple(field for group in chosen for field in group)
    if flags >> len(groups) or len(frame) != _HEAD + table.size_of(fields):
        raise table.undecodable(3, f"flags or length are not those of a {model}")
    return _computed(dict(table.values(fields, frame[_HEAD:], "big")))


def _computed(found: dict[str, table.Value]) -> Mapping[str, object]:
    """Values that take two words or a formula: a sum in two words, a Sensirion SHT21, 2 Pa."""
    result: dict[str, object] = dict(found)
    for name, unit, compute in _FORMULAS:
        words = [result.pop(word) for word in name.split("+") if word in result]
        if words:
            numbers = [word for word in words if isinstance(word, float)]
            result[_RESULTS[name]] = {"value": compute(*numbers), "unit": unit}
    return result


_RESULTS: Final = {
    "cumulative_low+cumulative_high": "cumulative_precipitation",
    "sht_temperature": "air_temperature",
    "sht_humidity": "air_humidity",
    "half_pressure": "barometric_pressure",
}
_FORMULAS: Final[tuple[tuple[str, str, Callable[..., float]], ...]] = (
    ("cumulative_low+cumulative_high", "mm", lambda low, high: (low + high * 65_536) / 10),
    ("sht_temperature", "Cel", lambda word: 175.72 * word / 65_536 - 46.85),
    ("sht_humidity", "%", lambda word: 125 * word / 65_536 - 6),
    ("half_pressure", "Pa", lambda word: word * 2),
)
CODECS: Final = {f"decentlab-{model}": partial(decode, model) for model in _GROUPS}
