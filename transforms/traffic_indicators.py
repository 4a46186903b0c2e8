"""Indicators of the year of counters: average days, AADT, design hour, modal split.

Panels hold the day totals (or hour counts) of complete intervals; `transforms.traffic_years` has
the definitions.

References
----------
.. [1] FHWA, Traffic Monitoring Guide (2022), Appendix L (averages) and glossary (K-factor).
.. [2] NDW, Dexter, list of days excluded from workdays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import Cells, cells
from transforms.calendar_nl import is_workday
from transforms.frames import INDICATIVE, of_quantity
from transforms.intervals import years
from transforms.traffic_years import (
    Average,
    aadt,
    aadt_from_short_count,
    average_daily_traffic,
    k_factor,
    nth_highest_hour,
    peak_hours,
    weekdagetmaal,
    weekend_day,
    werkdagetmaal,
)
from transforms.yearly import covered_year, per_year, values_of

#: Averages of day totals, by the name that configuration gives them.
AVERAGES: Final[Mapping[str, Callable[[pd.Series], Average]]] = {
    "aadt": aadt,
    "all_days": average_daily_traffic,
    "weekdagetmaal": weekdagetmaal,
    "weekend_day": weekend_day,
    "werkdagetmaal": werkdagetmaal,
}

#: What can be asked of the peak hour of the average workday.
PEAK_RESULTS: Final = ("hour", "count", "share")


def average_day(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    average: str = "aadt",
) -> pd.DataFrame:
    """Average day of a year [passages per day].

    Parameters
    ----------
    panel : DataFrame
        Day totals of complete days.
    start, end, zone, steps, period
        As in `transforms.yearly.year_statistic`.
    coverage : float
        Least share of the days of the year that are complete.
    average : str
        "aadt": AASHTO method, no value unless every weekday of every month was counted.
        "werkdagetmaal": Monday to Friday without Dutch holidays. "weekdagetmaal": mean of the seven
        weekday means. "weekend_day". "all_days": plain mean.

    Returns
    -------
    DataFrame
        As `transforms.yearly.year_statistic`; `n` counts complete days.

    Raises
    ------
    DataError
        On an unknown average.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> days = pd.date_range("2025-01-01", periods=365, tz="UTC")
    >>> asked = {"start": days[0], "end": days[-1], "zone": "UTC", "steps": {"a": 86400}}
    >>> average_day(to_panel(days, "a", np.full(365, 80.0)), **asked)["value"].tolist()
    [80.0]
    """
    if average not in AVERAGES:
        raise DataError(f"unknown average day {average!r}", hint=f"one of {', '.join(AVERAGES)}")
    asked = years(start, end, zone, period)
    return per_year(
        panel, asked, steps, coverage, zone, lambda days: AVERAGES[average](_dated(days)).value
    )


def estimated_aadt(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    least_days: int = 7,
) -> pd.DataFrame:
    """AADT of counters with partial data, by day-of-year factors of the lab's permanent counters.

    A counter with a complete AADT has that. For another each counted day is scaled by what that day
    was to the year at a permanent counter of the same kind of traffic: the one that shares most
    days with it. Estimates are "indicative".

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `average_day`.
    least_days : int
        Least days in common, both weekend days among them.

    References
    ----------
    .. [1] Hankey, S., Lindsey, G. and Marshall, J. (2014), Transportation Research Record 2468,
       64-73, doi:10.3141/2468-08.
    """
    asked = years(start, end, zone, period)
    grid = cells(panel, asked, steps)
    count = len(asked)
    value = np.full(len(grid), np.nan)
    estimated = np.zeros(len(grid), dtype=np.bool_)
    for year in range(count):
        counted = {
            cell: _dated(values_of(grid, cell, zone)) for cell in range(year, len(grid), count)
        }
        known = {cell: aadt(days).value for cell, days in counted.items()}
        references = {cell: known[cell] for cell in counted if not np.isnan(known[cell])}
        for cell, days in counted.items():
            estimated[cell] = cell not in references
            value[cell] = references.get(cell, np.nan)
            if estimated[cell] and references:
                value[cell] = _scaled(days, counted, references, least_days)
    table = covered_year(grid, value, coverage)
    is_guess = estimated & (~np.isnan(value))
    return table.assign(status=table["status"].mask(is_guess, INDICATIVE))


def _scaled(
    days: pd.Series,
    counted: Mapping[int, pd.Series],
    references: Mapping[int, float],
    least_days: int,
) -> float:
    common = {cell: len(days.index.intersection(counted[cell].index)) for cell in references}
    best = max(sorted(common), key=lambda cell: common[cell])
    found, _ = aadt_from_short_count(days, counted[best], references[best], least_days=least_days)
    return found.value


def design_hour(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    rank: int = 30,
) -> pd.DataFrame:
    """`rank`-th highest hour count of a year [passages per hour].

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`; hour counts.
    rank : int
        30 for the customary design hour.

    References
    ----------
    .. [1] FHWA, Traffic Monitoring Guide (2022), glossary.
    """
    asked = years(start, end, zone, period)
    return per_year(
        panel, asked, steps, coverage, zone, lambda hours: nth_highest_hour(hours, rank)
    )


def k_factor_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    hours: str,
    days: str,
    rank: int = 30,
) -> pd.DataFrame:
    """K30 of a year [1]: its 30th highest hour as a share of the annual average day.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: hour counts and day totals.
    start, end, zone, steps, coverage, period, rank
        As in `design_hour`.
    hours, days : str
        Their names in `quantity`.
    """
    asked = years(start, end, zone, period)
    hourly = cells(of_quantity(panel, hours), asked, steps)
    daily = cells(of_quantity(panel, days), asked, dict.fromkeys(steps, 86_400))
    share = [
        k_factor(
            values_of(hourly, cell, zone), aadt(_dated(values_of(daily, cell, zone))).value, rank
        )
        for cell in range(len(hourly))
    ]
    return covered_year(hourly, np.asarray(share, dtype=np.float64), coverage)


def peak_of_workdays(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    hours_of_day: tuple[int, int] = (7, 9),
) -> pd.DataFrame:
    """Mean hour count in the peak of the average workday of a year [passages per hour].

    Monday to Friday without Dutch holidays, local hours [from, to).

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`; hour counts.
    hours_of_day : (int, int)
        (7, 9) for the morning, (16, 18) for the evening peak.
    """
    first, last = hours_of_day

    def mean_of(hours: pd.Series) -> float:
        dates = pd.DatetimeIndex(hours.index)
        workdays = hours[is_workday(dates.normalize())]
        return float(peak_hours(workdays, [(first, last)])[f"mean_{first:02d}_{last:02d}"])

    return per_year(panel, years(start, end, zone, period), steps, coverage, zone, mean_of)


def peak_hour_of_workdays(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    result: str = "share",
) -> pd.DataFrame:
    """Highest hour of the average workday of a year: when, how many, or which share of the day.

    Monday to Friday without Dutch holidays, by local hour. No share unless every hour of the day
    was counted.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`; hour counts.
    result : str
        "hour": local hour it begins at [h], 0..23. "count": passages per hour. "share": of the
        average workday [1].

    Raises
    ------
    DataError
        On an unknown result.
    """
    if result not in PEAK_RESULTS:
        hint = f"one of {', '.join(PEAK_RESULTS)}"
        raise DataError(f"unknown result of a peak hour {result!r}", hint=hint)

    def peak_of(hours: pd.Series) -> float:
        workdays = hours[is_workday(pd.DatetimeIndex(hours.index).normalize())]
        return float(peak_hours(workdays)[result])

    return per_year(panel, years(start, end, zone, period), steps, coverage, zone, peak_of)


def mode_share_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.5,
    period: str = "year",
    mode: str,
    modes: Sequence[str],
) -> pd.DataFrame:
    """Share of one mode in the passages of a year [1], over days on which all were counted.

    Shares of passages, not of trips or persons.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: day totals by mode.
    start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`.
    mode : str
        One of `modes`.
    modes : sequence of str
        The set that the share is one of, stated with the number.

    Raises
    ------
    DataError
        If `mode` is not one of `modes`.
    """
    if mode not in modes:
        raise DataError(f"{mode!r} is none of the modes", hint=f"one of {', '.join(modes)}")
    asked = years(start, end, zone, period)
    rows = panel[panel["quantity"].isin(list(modes))]
    whole = rows.groupby([rows["series"], rows.index])["value"].transform("count") == len(modes)
    grids = {name: cells(of_quantity(rows[whole], name), asked, steps) for name in modes}
    sums = {name: _sums(grid) for name, grid in grids.items()}
    total = np.add.reduce(list(sums.values()))
    share = np.divide(sums[mode], total, out=np.full(len(total), np.nan), where=total > 0)
    return covered_year(grids[mode], share, coverage)


def _sums(grid: Cells) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.bincount(grid.key, weights=grid.value, minlength=len(grid)).astype(np.float64)


def _dated(days: pd.Series) -> pd.Series:
    """Day totals by naive civil date."""
    return pd.Series(days.to_numpy(), index=pd.DatetimeIndex(days.index).normalize())
