"""Statistics of a year: means, sums, extremes and counts of the values of its hours or days.

One row per year and series. A year below its coverage keeps its value, but its status is
"indicative": it is never compared with a limit, and a count or sum in it is a lower bound.

References
----------
.. [1] Directive (EU) 2024/2881, Annex V.D (counts in incomplete years).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import Cells, cells, indicator_rows, is_covered
from transforms.cells import maximum, statistic
from transforms.circular import degree_days
from transforms.discharge import lowest_mean_flow
from transforms.frames import INDICATIVE, VALID, Bools, Floats, Ints
from transforms.heat import heat_waves
from transforms.intervals import Bins, years
from transforms.rain_statistics import return_period


def year_rows(
    series: Sequence[str], bins: Bins, value: Floats, n: Ints, expected: Ints, covered: Bools
) -> pd.DataFrame:
    """Rows of an indicator of the year, as `transforms.aggregate.indicator_rows`.

    Where `covered` does not hold a value stays and is "indicative"; without any values, or where
    the value is NaN, it is "insufficient".
    """
    table = indicator_rows(series, bins, value, n, expected, n > 0)
    is_weak = ~covered & (table["status"] == VALID).to_numpy()
    return table.assign(status=table["status"].mask(is_weak, INDICATIVE))


def covered_year(grid: Cells, value: Floats, coverage: float) -> pd.DataFrame:
    """`year_rows` of one value per cell, with the coverage of the cells themselves."""
    n, expected = grid.n, grid.expected
    return year_rows(grid.series, grid.bins, value, n, expected, is_covered(n, expected, coverage))


def year_statistic(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    of_values: str = "mean",
) -> pd.DataFrame:
    """Mean, sum, extreme or percentile of the values of a year.

    Parameters
    ----------
    panel : DataFrame
        Panel of hourly or daily values [any unit].
    start, end : Timestamp
        Years that start in [start, end).
    zone : str
        Time zone of the lab.
    steps : mapping of str to int
        Step of the values of each series [s]: 3600 or 86400.
    coverage : float
        Least share of the values of the year.
    period : str
        As of `transforms.intervals.years`.
    of_values : str
        "mean", "energy_mean", "sum", "circular_mean", "min", "max" or "pNN" (linear percentile).

    Returns
    -------
    DataFrame
        Index `time` (start of the year, UTC), columns `series`, `value`, `coverage`, `n`,
        `status`: "valid", "indicative" below the coverage, "insufficient" without any value.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> days = pd.date_range("2025-01-01", periods=365, tz="UTC")
    >>> panel = to_panel(days, "a", np.full(365, 2.0))
    >>> asked = {"start": days[0], "end": days[-1], "zone": "UTC", "steps": {"a": 86400}}
    >>> year_statistic(panel, **asked, of_values="sum")[["value", "status"]].values.tolist()
    [[730.0, 'valid']]
    >>> year_statistic(panel[:10], **asked)[["value", "n", "status"]].values.tolist()
    [[2.0, 10, 'indicative']]
    """
    grid = cells(panel, years(start, end, zone, period), steps)
    return covered_year(grid, statistic(grid, of_values), coverage)


def count_in_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    at_least: float | None = None,
    below: float | None = None,
) -> pd.DataFrame:
    """Number of hours or days of a year whose value is in [at_least, below).

    Summer days (25 degC or more), dry days (less than 0.3 mm), tropical nights. For limits, which
    are exceeded strictly, see `transforms.air_annual.exceedance_count`.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `year_statistic`.
    at_least, below : float or None
        Bounds in the unit of the panel; None = without bound.

    Raises
    ------
    DataError
        Without any bound.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> days = pd.date_range("2025-07-01", periods=3, tz="UTC")
    >>> asked = {"start": pd.Timestamp("2025-01-01", tz="UTC"), "end": days[-1], "zone": "UTC"}
    >>> panel = to_panel(days, "a", [24.9, 25.0, 31.0])
    >>> count_in_year(panel, **asked, steps={"a": 86400}, at_least=25.0)["value"].tolist()
    [2.0]
    """
    if at_least is None and below is None:
        raise DataError("a count without a bound counts everything", hint="at_least or below")
    grid = cells(panel, years(start, end, zone, period), steps)
    low, high = (-np.inf if at_least is None else at_least), (np.inf if below is None else below)
    inside = (grid.value >= low) & (grid.value < high)
    count = np.bincount(grid.key[inside], minlength=len(grid)).astype(np.float64)
    return covered_year(grid, np.where(grid.n > 0, count, np.nan), coverage)


def return_period_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    duration_min: float = 60,
) -> pd.DataFrame:
    """Return period of the greatest rain depth of a year [years], in the present climate.

    0.5 where it is more frequent than that; 1000 stands for 1000 and more.

    Parameters
    ----------
    panel : DataFrame
        Greatest depths of the days in `duration_min` minutes [mm].
    start, end, zone, steps, coverage, period
        As in `year_statistic`.
    duration_min : float
        10..14400 min.

    References
    ----------
    .. [1] STOWA 2019-19, Neerslagstatistiek en -reeksen voor het waterbeheer 2019.
    """
    grid = cells(panel, years(start, end, zone, period), steps)
    found = [
        np.nan if np.isnan(depth) else min(return_period(depth, duration_min), 1000.0)
        for depth in maximum(grid)
    ]
    return covered_year(grid, np.asarray(found, dtype=np.float64), coverage)


def lowest_flow_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    length_d: int = 7,
) -> pd.DataFrame:
    """Lowest mean of `length_d` consecutive days of a year, in the unit of the panel.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `year_statistic`; daily means.
    length_d : int
        7 for the 7-day minimum.
    """
    asked = years(start, end, zone, period)
    return per_year(
        panel, asked, steps, coverage, zone, lambda days: lowest_mean_flow(days, length_d)
    )


def heat_waves_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
) -> pd.DataFrame:
    """Number of local heat waves of a year: 5 days of 25 degC or more, 3 of them 30 degC or more.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `year_statistic`; daily maxima of air temperature [Cel].

    References
    ----------
    .. [1] KNMI, definition of a heat wave (there at De Bilt; here "local").
    """
    asked = years(start, end, zone, period)
    return per_year(panel, asked, steps, coverage, zone, lambda days: float(len(heat_waves(days))))


def degree_days_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    base: float = 18.0,
    weighted: bool = True,
) -> pd.DataFrame:
    """Sum of the degree days of a year [Cel d]: how much heating its weather asked for.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `year_statistic`; daily means of air temperature [Cel].
    base, weighted
        As of `transforms.circular.degree_days`.
    """

    def sum_of(days: pd.Series) -> float:
        return float(degree_days(days, base=base, weighted=weighted).sum())

    asked = years(start, end, zone, period)
    return per_year(panel, asked, steps, coverage, zone, sum_of)


def per_year(
    panel: pd.DataFrame,
    bins: Bins,
    steps: Mapping[str, int],
    coverage: float,
    zone: str,
    function: Callable[[pd.Series], float],
) -> pd.DataFrame:
    """`year_rows` of a function of each series and year.

    Parameters
    ----------
    function : callable
        Gets the values of a year (without NaN) by naive local time; NaN = no value.
    """
    grid = cells(panel, bins, steps)
    value = np.full(len(grid), np.nan)
    for cell in np.flatnonzero(grid.n):
        value[cell] = function(values_of(grid, int(cell), zone))
    return covered_year(grid, value, coverage)


def values_of(grid: Cells, cell: int, zone: str) -> pd.Series:
    """Values of one cell by naive local time."""
    first, last = np.searchsorted(grid.key, [cell, cell + 1])
    stamps = pd.DatetimeIndex(grid.time_ns[first:last], tz="UTC").tz_convert(zone)
    return pd.Series(grid.value[first:last], index=stamps.tz_localize(None))
