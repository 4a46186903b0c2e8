"""Keys of quality/*.yaml: a test's threshold with the unit in its name.

`spike_suspect_ug_m3: 20` becomes `spike_suspect: 20.0`; a key in another unit than the quantity's
is an unknown key, so that 20 ppb can never pass for 20 ug/m3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from livinglab.config.findings import Findings, Loc, Place, nearest

_WORDS: Final = {"": "raw", "1": "count", "%": "percent"}

#: Key in the file (with {u} for the unit) -> name of the test's threshold.
_KEYS: Final = {
    "gross_fail_{u}": "gross_fail",
    "gross_suspect_{u}": "gross_suspect",
    "spike_suspect_{u}": "spike_suspect",
    "spike_fail_{u}": "spike_fail",
    "rate_{u}_per_min": "rate_per_min",
    "flat_tolerance_{u}": "flat_tolerance",
    "flat_suspect_s": "flat_suspect_s",
    "flat_fail_s": "flat_fail_s",
    "max_gap_s": "max_gap_s",
}


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
    return {key.format(u=unit_slug(unit)): name for key, name in _KEYS.items()}


def read_thresholds(
    raw: Mapping[str, Any], unit: str, place: Place, loc: Loc, findings: Findings
) -> dict[str, Any]:
    """Thresholds of one quantity under the tests' names; null stays, it switches a test off."""
    known = threshold_keys(unit)
    read: dict[str, Any] = {}
    for key, value in raw.items():
        name = known.get(key)
        if name is None:
            findings.add(place, (*loc, key), f"unknown threshold{nearest(key, known)}")
            continue
        try:
            read[name] = None if value is None else _reader(name)(value)
        except ValueError as error:
            findings.add(place, (*loc, key), f"{error}, got {value!r}")
    return read


def _reader(name: str) -> Callable[[Any], Any]:
    if name.startswith("gross"):
        return _span
    return _seconds if name.endswith("_s") else _positive


def _span(value: Any) -> tuple[float | None, float | None]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("expected [least, greatest]; null = no bound")
    least, greatest = (None if bound is None else _number(bound) for bound in value)
    if least is not None and greatest is not None and least > greatest:
        raise ValueError("expected [least, greatest] in this order")
    return least, greatest


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError("expected whole seconds above 0")
    return value


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError("expected a number above 0")
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("expected a number")  # noqa: TRY004 - one kind of refusal
    return float(value)
