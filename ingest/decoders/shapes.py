"""Flat objects that were seen before: their keys are looked up once, not per message.

What the keys of a flat object mean depends on the keys alone, unless one of them needs its value (a
battery in volts or percent, a time, a repeated quantity). `shape` answers for a set of keys; the
typed decoders use it, and give the same result as `vendor.read_object`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ingest.decoders import keys, vendor
from livinglab.model import Reading

_BY_VALUE: Final = frozenset(("battery", "battery_voltage", "soil_moisture"))
_STRUCTURE: Final = frozenset(("value", "values", "measurementId", "measurementValue"))


class Row(NamedTuple):
    """What one key of a flat object becomes."""

    key: str
    quantity: str
    unit: str | None
    channel: str


@lru_cache(maxsize=4096)
def shape(names: tuple[str, ...]) -> tuple[Row, ...] | None:
    """One row per key that becomes a reading; None where the values have a say."""
    if not names or any(_needs_value(name) for name in names):
        return None
    into = vendor.Collection()
    # Distinct values: equal ones under one name would be taken for a repetition.
    vendor.read_object({name: 0.5 + index for index, name in enumerate(names)}, into)
    if any(_is_rival(reading, into.readings) for reading in into.readings):
        return None
    return tuple(Row(item.key, item.quantity, item.unit, item.channel) for item in into.readings)


def _needs_value(name: str) -> bool:
    known = keys.meaning(name)
    if known is not None and (known.quantity in _BY_VALUE or known.quantity == "air_pressure"):
        return known.quantity != "air_pressure" or known.unit is None
    return name in _STRUCTURE or vendor.is_time(name) or len(name) > keys.MAX_KEY


def _is_rival(reading: Reading, all_readings: list[Reading]) -> bool:
    """Whether the reading was parted from another one of its quantity."""
    same = sum(other.quantity == reading.quantity for other in all_readings)
    return bool(reading.quantity) and same > 1 and reading.key == reading.channel.split("/")[-1]
