"""Averages of counters over weeks and years: AADT, workday and weekday averages, peak hours.

Day totals are Series by naive civil date, NaN where the day is not complete
(`transforms.mobility.daily_count`); hour counts are Series by naive local hour. Averages balance
weekdays and months, so that missing Sundays or a missing August do not bias them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.calendar_nl import Span, is_workday

#: Cells of the AASHTO method: 12 months, 7 weekdays.
CELLS = 84


@dataclass(frozen=True, slots=True)
class Average:
    """A traffic average: value [passages per day], complete days used, cells with a day."""

    value: float
    n_days: int
    cells: int


def average_daily_traffic(days: pd.Series) -> Average:
    """Mean of the complete days, whatever weekdays and months they are (simple ADT).

    Examples
    --------
    >>> average_daily_traffic(pd.Series([10.0, np.nan, 20.0])).value
    15.0
    """
    present = days.dropna()
    return Average(float(present.mean()) if len(present) else float("nan"), len(present), 0)


def aadt(days: pd.Series) -> Average:
    """Annual average daily traffic by the AASHTO method.

    Mean of 12 monthly means, each the mean of its 7 weekday means. NaN unless all 84 cells hold a
    complete day: a month without Sundays is not an average month.

    Parameters
    ----------
    days : Series of float
        Day totals of ONE calendar year by naive date.

    Raises
    ------
    DataError
        If the days span more than one calendar year.

    References
    ----------
    .. [1] FHWA, Traffic Monitoring Guide (2022), Appendix L; AASHTO, Guidelines for Traffic Data
       Programs.

    Examples
    --------
    >>> year = pd.date_range("2026-01-01", "2026-12-31")
    >>> aadt(pd.Series(100.0, index=year)).value
    100.0
    >>> aadt(pd.Series(100.0, index=year[:300])).value
    nan
    """
    present = _one_year(days)
    cells = _weekday_months(present)
    monthly = cells.groupby(level="month").mean()
    value = float(monthly.mean()) if len(cells) == CELLS else float("nan")
    return Average(value, len(present), len(cells))


def monthly_average(days: pd.Series) -> pd.Series:
    """Monthly average daily traffic (MADT) by month 1..12: mean of the 7 weekday means.

    NaN for a month that lacks a weekday.
    """
    cells = _weekday_months(_one_year(days))
    months = cells.groupby(level="month")
    return months.mean().where(months.count() == 7).reindex(range(1, 13)).rename_axis("month")


def weekday_means(days: pd.Series) -> pd.Series:
    """Mean of the complete days of each weekday, 0 = Monday; NaN where there is none."""
    present = days.dropna()
    grouped = present.groupby(pd.DatetimeIndex(present.index).day_of_week).mean()
    return grouped.reindex(range(7)).rename_axis("weekday")


def werkdagetmaal(
    days: pd.Series, *, dutch_holidays: bool = True, school_holidays: Iterable[Span] = ()
) -> Average:
    """Mean of the Monday-to-Friday day totals (werkdagetmaalintensiteit).

    Parameters
    ----------
    dutch_holidays : bool
        Leave Dutch holidays out (`transforms.calendar_nl.traffic_holidays`).
    school_holidays : iterable of (date, date)
        First and last day of further periods to leave out.

    Examples
    --------
    >>> week = pd.Series([5.0] * 5 + [1.0, 1.0], index=pd.date_range("2026-04-20", periods=7))
    >>> werkdagetmaal(week).value, weekdagetmaal(week).value
    (5.0, 3.857142857142857)
    """
    present = days.dropna()
    dates = pd.DatetimeIndex(present.index)
    keep = is_workday(dates, school_holidays) if dutch_holidays else dates.day_of_week < 5
    return average_daily_traffic(present[keep])


def weekdagetmaal(days: pd.Series) -> Average:
    """Mean of the seven weekday means (weekdagetmaalintensiteit); NaN if a weekday is missing."""
    means = weekday_means(days)
    value = float(means.mean()) if means.notna().all() else float("nan")
    return Average(value, int(days.notna().sum()), int(means.notna().sum()))


def weekend_day(days: pd.Series) -> Average:
    """Mean of the Saturdays and Sundays."""
    present = days.dropna()
    return average_daily_traffic(
        present[np.asarray(pd.DatetimeIndex(present.index).day_of_week >= 5)]
    )


def hour_profile(hours: pd.Series) -> pd.Series:
    """Mean count by local hour of day 0..23, over all counted hours."""
    present = hours.dropna()
    grouped = present.groupby(pd.DatetimeIndex(present.index).hour).mean()
    return grouped.reindex(range(24)).rename_axis("hour")


def nth_highest_hour(hours: pd.Series, n: int = 30) -> float:
    """`n`-th highest hour count of the record; NaN with fewer hours.

    Examples
    --------
    >>> nth_highest_hour(pd.Series([3.0, 9.0, 7.0]), 2), nth_highest_hour(pd.Series([3.0]), 2)
    (7.0, nan)
    """
    if n < 1:
        raise DataError(f"the {n}-th highest hour does not exist", hint="1 is the highest")
    present = np.sort(hours.dropna().to_numpy(dtype=np.float64))
    return float(present[-n]) if len(present) >= n else float("nan")


def k_factor(hours: pd.Series, aadt_value: float, n: int = 30) -> float:
    """K30: share of the annual average day that its 30th highest hour carries.

    References
    ----------
    .. [1] FHWA, Traffic Monitoring Guide (2022), glossary, K-factor.
    """
    return nth_highest_hour(hours, n) / aadt_value


def peak_hours(
    hours: pd.Series, spans: Iterable[tuple[int, int]] = ((7, 9), (16, 18))
) -> pd.Series:
    """Highest hour of the average day, its share, and the mean of each peak span.

    Parameters
    ----------
    hours : Series of float
        Counts by naive local hour, e.g. of workdays only.
    spans : iterable of (int, int)
        Local hours [from, to); the mean is over their hours.

    Returns
    -------
    Series
        `hour` (start of the highest hour), `count`, `share` of the average day, and
        `mean_HH_HH` per span [passages per hour].

    Examples
    --------
    >>> stamps = pd.date_range("2026-03-02", periods=24, freq="h")
    >>> counts = pd.Series([0.0] * 7 + [30, 50] + [10.0] * 8 + [60] + [0.0] * 6, index=stamps)
    >>> peak_hours(counts)[["hour", "count", "mean_07_09"]].tolist()
    [17.0, 60.0, 40.0]
    """
    profile = hour_profile(hours)
    total = float(profile.sum()) if profile.notna().all() else float("nan")
    top = float("nan") if profile.isna().all() else float(np.nanargmax(profile.to_numpy()))
    highest = float(profile.max())
    result = {"hour": top, "count": highest, "share": highest / total if total else float("nan")}
    for first, last in spans:
        result[f"mean_{first:02d}_{last:02d}"] = float(profile.loc[first : last - 1].mean())
    return pd.Series(result)


def aadt_from_short_count(
    short: pd.Series, reference: pd.Series, reference_aadt: float, *, least_days: int = 7
) -> tuple[Average, float]:
    """AADT of a site counted for some days only, by day-of-year factors of a permanent counter.

    Mean over the counted days of V_site * (AADT_ref / V_ref); the reference must be a counter of
    the same kind (commuter, mixed, recreational).

    Parameters
    ----------
    short, reference : Series of float
        Day totals by naive date.
    reference_aadt : float
        `aadt` of the reference.
    least_days : int
        Least common complete days; both weekend days must be among them.

    Returns
    -------
    Average, float
        Estimate (NaN below `least_days`), and the standard deviation of the daily estimates.

    References
    ----------
    .. [1] Hankey, S., Lindsey, G. and Marshall, J. (2014), Day-of-year scaling factors and design
       considerations for nonmotorized traffic monitoring programs, Transportation Research Record
       2468, 64-73, doi:10.3141/2468-08.

    Examples
    --------
    >>> week = pd.date_range("2026-03-02", periods=7)
    >>> estimate, spread = aadt_from_short_count(
    ...     pd.Series(50.0, index=week), pd.Series(200.0, index=week), 300.0)
    >>> estimate.value, spread
    (75.0, 0.0)
    """
    both = pd.concat([short, reference], axis=1, join="inner", keys=["site", "reference"]).dropna()
    both = both[both["reference"] > 0]
    scaled = both["site"] * reference_aadt / both["reference"]
    weekdays = set(pd.DatetimeIndex(both.index).day_of_week)
    enough = len(both) >= least_days and {5, 6} <= weekdays
    value = float(scaled.mean()) if enough else float("nan")
    spread = float(scaled.std(ddof=1)) if len(scaled) > 1 else float("nan")
    return Average(value, len(both), len(weekdays)), spread


def _one_year(days: pd.Series) -> pd.Series:
    dates = pd.DatetimeIndex(days.index)
    if len(dates.year.unique()) > 1:
        raise DataError("days of more than one calendar year", hint="give one year at a time")
    return days.dropna()


def _weekday_months(days: pd.Series) -> pd.Series:
    """Mean day total of each (month, weekday) that has a complete day."""
    dates = pd.DatetimeIndex(days.index)
    keys = [pd.Index(dates.month, name="month"), pd.Index(dates.day_of_week, name="weekday")]
    return days.groupby(keys).mean()
