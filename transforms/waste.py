"""Household waste by fraction, separation and emptied containers, over days and years.

Each collection or deposit is one event of `waste` [kg]; its fraction is the channel of the series
"area|device|fraction". A day without a collection has no value: it says nothing about waste.

References
----------
.. [1] CBS, Gemeentelijke afvalstoffen; hoeveelheden (household waste by fraction per inhabitant).
.. [2] Rijkswaterstaat, VANG Huishoudelijk Afval (separation rate: separated over all waste).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS
from transforms.aggregate import covered_result, indicator_rows, is_covered
from transforms.cells import Cells, cells, rebinned, total
from transforms.frames import Bools, Floats, names_in, of_quantity, series_codes, time_ns
from transforms.intervals import Bins, civil_days, civil_months, years
from transforms.yearly import year_rows

MONTHS: Final = 12
#: Fall of the fill level that is an emptying [%], and how old the reading before may be [h]
#: [engineering default].
FALL: Final = 40.0
MOST_GAP_H: Final = 24


def daily_waste(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,  # noqa: ARG001 - collections have no nominal interval
    fractions: Sequence[str],
) -> pd.DataFrame:
    """Waste of some fractions that an area gave on each civil day [kg].

    Each series of the fractions has the sum of its area; areas take the largest, which is that sum.

    Parameters
    ----------
    panel : DataFrame
        `waste` events [kg].
    start, end, zone
        Civil days that start in [start, end).
    steps : mapping of str to int
        Names every series "area|device|fraction"; the numbers are not used.
    coverage : float
        Not used.
    fractions : sequence of str
        Channels that count; series of others have no row.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; `n` counts collections.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> panel = pd.concat([to_panel([day], "street|truck|glass", [80.0]),
    ...                    to_panel([day], "street|truck|paper", [120.0])])
    >>> asked = {"start": day, "end": day + pd.Timedelta(days=1), "zone": "UTC"}
    >>> daily_waste(panel, **asked, fractions=["glass", "paper"],
    ...     steps={"street|truck|glass": 1, "street|truck|paper": 1})["value"].tolist()
    [200.0, 200.0]
    """
    mine = {name: step for name, step in sorted(steps.items()) if _fraction(name) in fractions}
    bins = civil_days(start, end, zone)
    grid = cells(panel[panel["series"].isin(list(mine))], bins, mine)
    shape = (len(mine), len(bins))
    kg, n = np.nan_to_num(total(grid)).reshape(shape), grid.n.reshape(shape)
    areas = np.asarray([name.partition("|")[0] for name in mine], dtype=object)
    same = (areas[:, np.newaxis] == areas).astype(np.int64)
    value, count = (same @ kg).ravel(), (same @ n).ravel()
    return indicator_rows(grid.series, bins, value, count, np.maximum(count, 1), count > 0)


def _fraction(series: str) -> str:
    return series.rpartition("|")[2]


def household_waste_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    households: Mapping[str, int],
) -> pd.DataFrame:
    """Waste per household and week of a year [kg], over the months with a collection.

    Parameters
    ----------
    panel : DataFrame
        Waste of days [kg], one series per area.
    start, end, zone, steps, period
        As in `transforms.yearly.year_statistic`.
    coverage : float
        Least share of the months of the year that have a collection.
    households : mapping of str to int
        Households of each area; an area that is not named has no value.

    Returns
    -------
    DataFrame
        As `transforms.yearly.year_statistic`; `n` counts months.

    Raises
    ------
    DataError
        On a number of households that is not positive.
    """
    for area, number in households.items():
        if not number > 0:
            raise DataError(f"{area}: {number} households", hint="a positive number, or no entry")
    grid = cells(panel, years(start, end, zone, period), steps)
    kg, held, weeks = _by_month(grid, zone)
    served = np.asarray([float(households.get(name, np.nan)) for name in grid.series])
    share = np.where(held, weeks, 0.0).sum(axis=1) * np.repeat(served, len(grid.bins))
    value = np.divide(kg.sum(axis=1), share, out=np.full(len(grid), np.nan), where=share > 0)
    return _rows(grid, value, held, coverage)


def separation_rate_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    separated: str,
    residual: str,
) -> pd.DataFrame:
    """Separated waste as a share of all of a year, 0..1, over the months in which both were taken.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: waste of days [kg], one series per area.
    start, end, zone, steps, coverage, period
        As in `household_waste_of_year`.
    separated, residual : str
        Their names in `quantity`.
    """
    asked = years(start, end, zone, period)
    parts = [cells(of_quantity(panel, name), asked, steps) for name in (separated, residual)]
    (apart, one, _), (rest, other, _) = (_by_month(grid, zone) for grid in parts)
    both = one & other
    good, bad = (np.where(both, kg, 0.0).sum(axis=1) for kg in (apart, rest))
    whole = good + bad
    value = np.divide(good, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return _rows(parts[0], value, both, coverage)


def _by_month(grid: Cells, zone: str) -> tuple[Floats, Bools, Floats]:
    """Sums of the months of each cell [kg], whether they have a value, and their weeks."""
    first, last = (pd.Timestamp(edge, tz="UTC") for edge in grid.bins.span_ns)
    months = rebinned(grid, civil_months(first, last, zone))
    shape = (-1, MONTHS)
    weeks = np.tile(months.bins.length_s / (7 * 86_400), len(grid.series)).reshape(shape)
    return np.nan_to_num(total(months)).reshape(shape), (months.n > 0).reshape(shape), weeks


def _rows(grid: Cells, value: Floats, held: Bools, coverage: float) -> pd.DataFrame:
    n = held.sum(axis=1).astype(np.int64)
    expected = np.full(len(grid), MONTHS, dtype=np.int64)
    return year_rows(grid.series, grid.bins, value, n, expected, is_covered(n, expected, coverage))


def emptyings_of_day(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    fall: float = FALL,
) -> pd.DataFrame:
    """Times that each container was emptied on each civil day: falls of its level [1].

    Parameters
    ----------
    panel : DataFrame
        Fill levels [%], with those of 24 h before `start`.
    start, end, zone, steps, coverage
        As in `transforms.water.daily_mean`.
    fall : float
        Least fall from one reading to the next, at most 24 h later [%].

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> levels = to_panel(pd.date_range(day, periods=4, freq="6h"), "a", [80.0, 85.0, 5.0, 10.0])
    >>> emptyings_of_day(levels, start=day, end=day + pd.Timedelta(days=1), zone="UTC",
    ...     steps={"a": 21_600})["value"].tolist()
    [1.0]
    """
    known = panel[panel["value"].notna()]
    level, times = known["value"].to_numpy(), time_ns(known)
    code = series_codes(known, names_in(known))
    falls = np.zeros(len(level))
    near = (np.diff(code) == 0) & (np.diff(times) <= MOST_GAP_H * HOUR_NS)
    falls[1:] = near & (np.diff(level) <= -fall)
    bins: Bins = civil_days(start, end, zone)
    grid = cells(known.assign(value=falls), bins, steps)
    return covered_result(grid, total(grid), coverage)
