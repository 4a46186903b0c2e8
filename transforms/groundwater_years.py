"""Groundwater levels of a year and over eight years, from daily heads of the wells.

`transforms.groundwater` has the definitions. Readings up to 16 days outside a year may be the
nearest to its first or last reference date; rows of configuration ask for them (`before_h`).

References
----------
.. [1] Van der Sluijs, P. and De Gruijter, J. J. (1985), Agricultural Water Management 10, 109-125,
   doi:10.1016/0378-3774(85)90001-8.
.. [2] Collenteur, R. A. et al. (2019), Groundwater 57, 877-885, doi:10.1111/gwat.12925.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import is_covered
from transforms.frames import series_codes
from transforms.groundwater import (
    MIN_YEARS,
    ghg_yearly,
    glg_yearly,
    gvg_yearly,
    semi_monthly,
    spring_heads,
)
from transforms.intervals import Bins, years
from transforms.yearly import year_rows

#: Reference dates of a year, and of its spring.
_SEMI_MONTHLY: Final = 24
_SPRING: Final = 3

Yearly = Callable[[pd.Series], pd.Series]


def level_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.66,
    period: str = "hydrological_year",
    level: str = "high",
    n_extreme: str = "three",
) -> pd.DataFrame:
    """HG3 or LG3 of a hydrological year, or the spring level of a calendar year [m NAP].

    Parameters
    ----------
    panel : DataFrame
        Daily heads [m NAP], also those around the year.
    start, end, zone, steps
        As in `transforms.yearly.year_statistic`.
    coverage : float
        Least share of the reference dates that have a head: 16 of 24, 3 of 3.
    period : str
        "hydrological_year" for "high" and "low", "year" for "spring".
    level : str
        "high": mean of the three highest semi-monthly heads (HG3). "low": of the three lowest
        (LG3). "spring": mean of 14 March, 28 March and 14 April.
    n_extreme : str
        As of `transforms.groundwater.ghg_yearly`.

    Returns
    -------
    DataFrame
        As `transforms.yearly.year_statistic`; `n` counts reference dates.

    Raises
    ------
    DataError
        On an unknown level.
    """
    yearly, dates, expected = _definition(level, n_extreme)
    asked = years(start, end, zone, period)

    def of(heads: pd.Series, last: pd.Timestamp) -> tuple[float, int]:
        first = last - pd.DateOffset(years=1)
        within = dates(heads)
        n = int(((within.index > first) & (within.index <= last)).sum()) if len(within) else 0
        return _at(yearly(heads), last), n

    return _rows(panel, asked, steps, zone, coverage, expected, of)


def long_term_level(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    period: str = "hydrological_year",
    level: str = "high",
    n_extreme: str = "three",
) -> pd.DataFrame:
    """GHG, GLG or GVG [m NAP]: mean of the last 8 years, the one asked for included.

    Parameters
    ----------
    panel : DataFrame
        Daily heads [m NAP] of the eight years and those around them.
    start, end, zone, steps, period, level, n_extreme
        As in `level_of_year`.
    coverage : float
        Least share of the eight years that have a level. With fewer than 8 there is a value
        nevertheless, "indicative": it is no GHG yet.

    Returns
    -------
    DataFrame
        As `transforms.yearly.year_statistic`; `n` counts years.
    """
    yearly, _, _ = _definition(level, n_extreme)
    asked = years(start, end, zone, period)

    def of(heads: pd.Series, last: pd.Timestamp) -> tuple[float, int]:
        levels = yearly(heads).dropna()
        if levels.empty:
            return float("nan"), 0
        first = last - pd.DateOffset(years=MIN_YEARS)
        chosen = levels[(levels.index > first) & (levels.index <= last)]
        return (float(chosen.mean()) if len(chosen) else float("nan")), len(chosen)

    return _rows(panel, asked, steps, zone, coverage, MIN_YEARS, of)


def _definition(level: str, n_extreme: str) -> tuple[Yearly, Yearly, int]:
    """Level by year, the heads it is made of, and how many of them a year has."""
    if level == "spring":
        return gvg_yearly, spring_heads, _SPRING
    extremes = {"high": ghg_yearly, "low": glg_yearly}
    if level not in extremes:
        raise DataError(f"unknown groundwater level {level!r}", hint="high, low or spring")
    found = extremes[level]
    return lambda heads: found(heads, n_extreme=n_extreme), semi_monthly, _SEMI_MONTHLY


def _at(levels: pd.Series, last: pd.Timestamp) -> float:
    return float(levels.get(last, float("nan"))) if len(levels) else float("nan")


def _rows(
    panel: pd.DataFrame,
    asked: Bins,
    steps: Mapping[str, int],
    zone: str,
    coverage: float,
    expected: int,
    function: Callable[[pd.Series, pd.Timestamp], tuple[float, int]],
) -> pd.DataFrame:
    names = tuple(sorted(steps))
    codes = series_codes(panel, names)
    dates = pd.DatetimeIndex(panel.index).tz_convert(zone).tz_localize(None).normalize()
    ends = pd.DatetimeIndex(asked.start_ns + asked.length_s * 1_000_000_000, tz="UTC")
    lasts = ends.tz_convert(zone).tz_localize(None).normalize() - pd.Timedelta(days=1)
    cells: list[tuple[float, int]] = []
    for code in range(len(names)):
        mine = codes == code
        heads = pd.Series(panel["value"].to_numpy()[mine], index=dates[mine])
        cells.extend(function(heads, last) for last in lasts)
    value = np.asarray([each for each, _ in cells], dtype=np.float64)
    n = np.asarray([count for _, count in cells], dtype=np.int64)
    wanted = np.full(len(cells), expected, dtype=np.int64)
    return year_rows(names, asked, value, n, wanted, is_covered(n, wanted, coverage))
