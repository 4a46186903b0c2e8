"""Keys of quality/*.yaml: a test's threshold with the unit in its name.

`spike_suspect_ug_m3: 20` becomes `spike_suspect: 20.0`; a key in another unit than the quantity's
is an unknown key, so that 20 ppb can never pass for 20 ug/m3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from livinglab.config.findings import Findings, Loc, Place, nearest

_WORDS: Final = {"": "raw", "1": "count", "%": "percent"}
HOUR_S: Final = 3600


def unit_slug(unit: str) -> str:
    """A unit as part of a key.

    Examples
    --------
    >>> [unit_slug(unit) for unit in ("ug/m3", "dB(A)", "1", "%", "1/cm3", "L/min", "Cel")]
    ['ug_m3', 'dba', 'count', 'percent', '1_cm3', 'l_min', 'cel']
    """
    return _WORDS.get(unit) or re.sub(r"[^a-z0-9]+", "_", re.sub(r"[()]", "", unit).lower())


def threshold_keys(unit: str) -> dict[str, str]:
    """Keys that a quantity of `unit` may have, and what they set."""
    return {key.format(u=unit_slug(unit)): row.name for key, row in _KEYS.items()}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the thresholds of one quantity; every mistake is noted with its path.

    Parameters
    ----------
    unit : str
        Of the quantity.
    units : mapping of str to str
        Unit of every quantity, for tests that look at another one.
    """

    unit: str
    units: Mapping[str, str]
    place: Place
    findings: Findings

    def read(self, raw: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
        """Thresholds under the tests' names; null stays, it switches a test off."""
        return self.mapping(raw, _KEYS, loc)

    def mapping(self, raw: Mapping[str, Any], keys: Mapping[str, _Key], loc: Loc) -> dict[str, Any]:
        """Values of a mapping whose keys are known, under the names they set."""
        known = {key.format(u=unit_slug(self.unit)): row for key, row in keys.items()}
        read: dict[str, Any] = {}
        for key, value in raw.items():
            row = known.get(key)
            if row is None:
                self.findings.add(
                    self.place, (*loc, key), f"unknown threshold{nearest(key, known)}"
                )
                continue
            try:
                read[row.name] = None if value is None else row.parse(value, self, (*loc, key))
            except ValueError as error:
                self.findings.add(self.place, (*loc, key), f"{error}, got {value!r}")
        return read

    def quantity_of(self, key: str) -> str:
        """Quantity that a key like `relative_humidity_percent` names with its unit."""
        known = {f"{name}_{unit_slug(unit)}": name for name, unit in self.units.items()}
        if key not in known:
            raise ValueError(f"expected a quantity with its unit{nearest(key, known)}")
        return known[key]


@dataclass(frozen=True, slots=True)
class _Key:
    """What a key sets, and how its value is read."""

    name: str
    parse: Callable[[Any, Reader, Loc], Any]


def _span(value: Any, _reader: Reader, _loc: Loc) -> tuple[float | None, float | None]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("expected [least, greatest]; null = no bound")
    least, greatest = (None if bound is None else _number(bound) for bound in value)
    if least is not None and greatest is not None and least > greatest:
        raise ValueError("expected [least, greatest] in this order")
    return least, greatest


def _seconds(value: Any, _reader: Reader, _loc: Loc) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError("expected whole seconds above 0")
    return value


def _whole_hours(value: Any, reader: Reader, loc: Loc) -> int:
    seconds = _seconds(value, reader, loc)
    if seconds % HOUR_S:
        raise ValueError(f"expected whole hours in seconds ({HOUR_S}, {2 * HOUR_S}, ...)")
    return seconds


def _positive(value: Any, _reader: Reader, _loc: Loc) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError("expected a number above 0")
    return number


def _any_number(value: Any, _reader: Reader, _loc: Loc) -> float:
    return _number(value)


def _least(value: Any, _reader: Reader, _loc: Loc) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        raise ValueError("expected 2 or more: one neighbour cannot tell who is wrong")
    return value


def _pair_of(first: int, last: int, told: str) -> Callable[[Any, Reader, Loc], tuple[int, int]]:
    def parse(value: Any, _reader: Reader, _loc: Loc) -> tuple[int, int]:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise ValueError(told)
        if not all(isinstance(item, int) and first <= item <= last for item in value):
            raise ValueError(told)
        return int(value[0]), int(value[1])

    return parse


def _hours_of_a_day(value: Any, reader: Reader, loc: Loc) -> tuple[int, int]:
    hours = _HOURS(value, reader, loc)
    if hours[0] >= hours[1]:
        raise ValueError("expected ascending hours of one day, UTC")
    return hours


def _seasons(value: Any, reader: Reader, loc: Loc) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("expected a list of seasons")  # noqa: TRY004 - one kind of refusal
    return tuple(_season(item, reader, (*loc, number)) for number, item in enumerate(value))


def _season(value: Any, reader: Reader, loc: Loc) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        reader.findings.add(reader.place, loc, "expected a mapping of keys to values")
        return {}
    season = reader.mapping(value, _SEASON_KEYS, loc)
    if season.get("suspect") is None:
        told = f"missing: suspect_{unit_slug(reader.unit)}"
        reader.findings.add(reader.place, loc, told)
    if season.get("hours", (0, 24))[0] == season.get("hours", (0, 24))[1]:
        reader.findings.add(reader.place, (*loc, "hours"), "expected two different hours")
    return season


def _state_limits(value: Any, reader: Reader, loc: Loc) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("expected quantities with their spans")  # noqa: TRY004
    limits: dict[str, Any] = {}
    for key, span in value.items():
        try:
            limits[reader.quantity_of(key)] = _span(span, reader, loc)
        except ValueError as error:
            reader.findings.add(reader.place, (*loc, key), f"{error}, got {span!r}")
    return limits


def _ceiling(value: Any, reader: Reader, loc: Loc) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("expected quantity, factor and offset")  # noqa: TRY004
    ceiling = reader.mapping(value, _CEILING_KEYS, loc)
    quantity = str(ceiling.get("quantity"))
    if quantity not in reader.units:
        told = f"unknown quantity{nearest(quantity, reader.units)}"
        reader.findings.add(reader.place, (*loc, "quantity"), told)
    elif reader.units[quantity] != reader.unit:
        told = f"{quantity} has the unit {reader.units[quantity]!r}, expected {reader.unit!r}"
        reader.findings.add(reader.place, (*loc, "quantity"), told)
    return ceiling


def _text(value: Any, _reader: Reader, _loc: Loc) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a name")  # noqa: TRY004 - one kind of refusal
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number")  # noqa: TRY004 - one kind of refusal
    return float(value)


_HOURS: Final = _pair_of(0, 24, "expected [from, to) in hours of the day, UTC")

#: Key in the file (with {u} for the unit) -> name of the test's threshold.
_KEYS: Final[Mapping[str, _Key]] = {
    "max_gap_s": _Key("max_gap_s", _seconds),
    "gross_fail_{u}": _Key("gross_fail", _span),
    "gross_suspect_{u}": _Key("gross_suspect", _span),
    "climatology": _Key("climatology", _seasons),
    "spike_suspect_{u}": _Key("spike_suspect", _positive),
    "spike_fail_{u}": _Key("spike_fail", _positive),
    "rate_{u}_per_min": _Key("rate_per_min", _positive),
    "flat_tolerance_{u}": _Key("flat_tolerance", _positive),
    "flat_suspect_s": _Key("flat_suspect_s", _seconds),
    "flat_fail_s": _Key("flat_fail_s", _seconds),
    "attenuated_period_s": _Key("attenuated_period_s", _whole_hours),
    "attenuated_suspect_{u}": _Key("attenuated_suspect", _positive),
    "attenuated_fail_{u}": _Key("attenuated_fail", _positive),
    "neighbour_distance_{u}": _Key("neighbour_distance", _positive),
    "neighbour_share": _Key("neighbour_share", _positive),
    "neighbour_bias_{u}": _Key("neighbour_bias", _any_number),
    "neighbour_least": _Key("neighbour_least", _least),
    "timing_least_s": _Key("timing_least_s", _positive),
    "warm_up_s": _Key("warm_up_s", _seconds),
    "warm_up_gap_s": _Key("warm_up_gap_s", _seconds),
    "state_limits": _Key("state_limits", _state_limits),
    "zero_suspect_s": _Key("zero_suspect_s", _seconds),
    "zero_fail_s": _Key("zero_fail_s", _seconds),
    "zero_hours": _Key("zero_hours", _hours_of_a_day),
    "ceiling": _Key("ceiling", _ceiling),
}
_SEASON_KEYS: Final[Mapping[str, _Key]] = {
    "months": _Key("months", _pair_of(1, 12, "expected [first, last] month, 1 to 12")),
    "hours": _Key("hours", _HOURS),
    "suspect_{u}": _Key("suspect", _span),
    "fail_{u}": _Key("fail", _span),
}
_CEILING_KEYS: Final[Mapping[str, _Key]] = {
    "quantity": _Key("quantity", _text),
    "factor": _Key("factor", _positive),
    "offset_{u}": _Key("offset", _any_number),
}
