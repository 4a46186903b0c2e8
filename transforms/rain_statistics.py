"""How rare is a shower: Dutch extreme-rain statistics at a point, whole year.

Formulas of STOWA 2019-19 (current climate), kept by the 2024 update, which adds multipliers for
climate scenarios. Durations 10 min to 10 days, return periods 0.5 to 1000 years.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, log10
from typing import Final

from livinglab.errors import DataError

#: Rise of temperature since 1991-2020 by scenario [K] (KNMI'23, via the 2024 statistics).
SCENARIOS: Final = {
    "2033L": 0.6,
    "2050L": 0.8,
    "2050M": 1.1,
    "2050H": 1.5,
    "2100L": 0.8,
    "2100M": 1.9,
    "2100H": 4.0,
}
LONGEST_RETURN: Final = 1000.0
SHORTEST_RETURN: Final = 0.5
#: Beyond this, durations over 90 min follow another formula.
JOIN_YEARS: Final = 120.0


def design_depth(duration_min: float, return_years: float, *, scenario: str | None = None) -> float:
    """Depth [mm] that is reached or exceeded once in `return_years` years on average.

    Parameters
    ----------
    duration_min : float
        10 to 14 400 min.
    return_years : float
        0.5 to 1000 years.
    scenario : str, optional
        "2033L", "2050L|M|H", "2100L|M|H"; current climate where not given. Only up to 24 h.

    Raises
    ------
    DataError
        Outside these ranges, or on an unknown scenario.

    References
    ----------
    .. [1] STOWA 2019-19, Neerslagstatistiek en -reeksen voor het waterbeheer 2019.
    .. [2] STOWA 2024, Neerslagstatistiek voor korte en lange duren, climate scenarios KNMI'23.

    Examples
    --------
    >>> round(design_depth(60, 100), 1), round(design_depth(1440, 10), 1)
    (57.7, 63.0)
    >>> round(design_depth(60, 100, scenario="2050H"), 2)
    61.8
    """
    if not 10 <= duration_min <= 14_400:
        raise DataError(f"duration {duration_min:g} min is outside 10..14400")
    if not SHORTEST_RETURN <= return_years <= LONGEST_RETURN:
        raise DataError(f"return period {return_years:g} years is outside 0.5..1000")
    depth = _glo if duration_min <= 720 else _gev
    return depth(duration_min, return_years) * climate_factor(duration_min, scenario)


def climate_factor(duration_min: float, scenario: str | None) -> float:
    """Multiplier of the depth in a climate scenario; 1 for the current climate.

    Examples
    --------
    >>> round(climate_factor(60, "2050H"), 4), climate_factor(60, None)
    (1.0715, 1.0)
    """
    if scenario is None:
        return 1.0
    if scenario not in SCENARIOS:
        raise DataError(f"unknown scenario {scenario!r}", hint=f"one of {', '.join(SCENARIOS)}")
    if duration_min > 1440:
        raise DataError("no climate factor beyond 24 h", hint="use the current climate")
    return 1 + 0.234 * (SCENARIOS[scenario] - 0.4) / 3.6


def return_period(depth_mm: float, duration_min: float, *, scenario: str | None = None) -> float:
    """Return period [years] of a depth; 0.5 where it is more frequent, inf beyond 1000 years.

    Numerical inverse of `design_depth`: the shortest return period that reaches the depth. The
    formulas for T > 120 years do not join those below (at 12 h the depth falls by 6 mm there), so
    the two pieces are searched one after the other.

    Examples
    --------
    >>> round(return_period(45, 60), 2), return_period(500, 60), return_period(1, 60)
    (40.41, inf, 0.5)
    """

    def reaches(years: float) -> bool:
        return design_depth(duration_min, years, scenario=scenario) >= depth_mm

    if reaches(SHORTEST_RETURN):
        return SHORTEST_RETURN
    for low, high in ((SHORTEST_RETURN, JOIN_YEARS), (JOIN_YEARS, LONGEST_RETURN)):
        if reaches(high):
            return _first_reaching(reaches, low, high)
    return float("inf")


def _first_reaching(reaches: Callable[[float], bool], low: float, high: float) -> float:
    """Bisection to nine digits; `reaches(high)` holds and `reaches` does not fall back between."""
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def _glo(duration_min: float, years: float) -> float:
    """Generalised logistic distribution, up to 12 h."""
    d = log10(duration_min)
    location = 1.02 * (7.339 + 0.848 * d + 2.844 * d**2)
    if duration_min <= 104:
        dispersion = 0.04704 + 0.1978 * d - 0.05729 * d**2
    else:
        dispersion = 0.2801 - 0.0333 * d
    shape = -0.0336 - 0.264 * d + 0.0636 * d**2
    # The report prints T <= 1 here, a misprint for T > 120.
    if duration_min > 90 and years > JOIN_YEARS:
        shape = -0.310 - 0.0544 * d + 0.0288 * d**2
    p = exp(-1 / years)
    return float(location * (1 + dispersion / shape * (1 - ((1 - p) / p) ** shape)))


def _gev(duration_min: float, years: float) -> float:
    """Generalised extreme-value distribution, over 12 h."""
    d = log10(duration_min)
    location = 1.02 * (0.239 - 0.0250 * log(duration_min / 60)) ** (-1 / 0.512)
    dispersion = 0.478 - 0.0681 * d
    shape = 0.118 - 0.266 * d + 0.0586 * d**2
    return float(location * (1 + dispersion / shape * (1 - years**-shape)))
