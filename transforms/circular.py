"""Energy and materials of households, and drought: meters, degree days, separation, deficits."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.frames import Floats

#: Upper heating value of Groningen gas [kWh/m3] (35.17 MJ); a configuration value.
GAS_KWH_PER_M3: Final = 9.77
KWH_PER_GJ: Final = 1000 / 3.6
#: Weights of heating degree days by month (wind, sun and habits of the season).
DEGREE_DAY_WEIGHTS: Final = {1: 1.1, 2: 1.1, 3: 1.0, 4: 0.8, 5: 0.8, 6: 0.8, 7: 0.8, 8: 0.8,
                             9: 0.8, 10: 1.0, 11: 1.1, 12: 1.1}  # fmt: skip


def used_between(meter: ArrayLike) -> Floats:
    """Use per interval from a running meter, first interval unknown; a fall is a reset.

    After a reset the new reading is what was used since. Missing readings make their own interval
    and the next one unknown: the sum over them is then unknown too, not smaller.

    Examples
    --------
    >>> used_between([100.0, 101.5, 0.5, np.nan, 3.0]).tolist()
    [nan, 1.5, 0.5, nan, nan]
    """
    value = np.asarray(meter, dtype=np.float64)
    used = np.full(len(value), np.nan)
    used[1:] = np.diff(value)
    return np.where(used < 0, value, used)


def self_consumption(pv_kwh: float, export_kwh: float) -> float:
    """Share of the own solar energy that is used at home, 0..1; NaN without production.

    Raises
    ------
    DataError
        If more is exported than produced.

    Examples
    --------
    >>> self_consumption(10.0, 6.0)
    0.4
    """
    if export_kwh > pv_kwh:
        raise DataError(f"export {export_kwh:g} kWh exceeds production {pv_kwh:g} kWh")
    return (pv_kwh - export_kwh) / pv_kwh if pv_kwh > 0 else float("nan")


def self_sufficiency(pv_kwh: float, export_kwh: float, use_kwh: float) -> float:
    """Share of the use that comes from the own roof, 0..1; NaN without use.

    Examples
    --------
    >>> self_sufficiency(10.0, 6.0, 8.0)
    0.5
    """
    return (pv_kwh - export_kwh) / use_kwh if use_kwh > 0 else float("nan")


def degree_days(daily_mean: pd.Series, *, base: float = 18.0, weighted: bool = True) -> pd.Series:
    """Heating degree days of each day [K d]: max(0, base - mean), weighted by month.

    Missing days stay missing; a sum over them must be judged by its coverage.

    Parameters
    ----------
    daily_mean : Series of float
        Mean temperature [Cel] by naive date.
    weighted : bool
        April to September 0.8, March and October 1.0, November to February 1.1.

    Examples
    --------
    >>> winter = pd.Series([8.0, 20.0, np.nan], index=pd.date_range("2026-01-01", periods=3))
    >>> degree_days(winter).tolist(), degree_days(winter, weighted=False).tolist()
    ([11.0, 0.0, nan], [10.0, 0.0, nan])
    """
    days = (base - daily_mean).clip(lower=0.0)
    if not weighted:
        return days
    months = pd.DatetimeIndex(daily_mean.index).month
    weights = np.array([DEGREE_DAY_WEIGHTS[int(month)] for month in months])
    return pd.Series(days.to_numpy(dtype=np.float64) * weights, index=daily_mean.index)


def use_per_degree_day(use: float, degree_day_sum: float) -> float:
    """Heating use per degree day, to compare winters; NaN without any degree day.

    Examples
    --------
    >>> use_per_degree_day(1500.0, 2500.0)
    0.6
    """
    return use / degree_day_sum if degree_day_sum > 0 else float("nan")


def separation_rate(separated_kg: float, residual_kg: float) -> float:
    """Share of household waste that is separated, 0..1; NaN without waste.

    Examples
    --------
    >>> separation_rate(60.0, 40.0)
    0.6
    """
    whole = separated_kg + residual_kg
    return separated_kg / whole if whole > 0 else float("nan")


def kg_per_household_week(kg: float, households: int, days: float) -> float:
    """Mass per household and week [kg].

    Raises
    ------
    DataError
        Without households or days.

    Examples
    --------
    >>> kg_per_household_week(1000.0, 100, 14.0)
    5.0
    """
    if households <= 0 or days <= 0:
        raise DataError("no households or no days to divide by")
    return kg / households / (days / 7)


def emptyings(fill_level: pd.Series, *, fall: float = 40.0) -> pd.DatetimeIndex:
    """Times at which a container was emptied: the level [%] falls by `fall` or more.

    Examples
    --------
    >>> hours = pd.date_range("2026-03-01", periods=4, freq="1h")
    >>> len(emptyings(pd.Series([80.0, 85.0, 5.0, 10.0], index=hours)))
    1
    """
    present = fill_level.dropna()
    return pd.DatetimeIndex(present.index[(present.diff() <= -fall).to_numpy()])


def rain_deficit(evaporation_mm: pd.Series, rain_mm: pd.Series) -> pd.Series:
    """Cumulative rain deficit since 1 April of each year [mm], never below 0; until 30 September.

    Parameters
    ----------
    evaporation_mm, rain_mm : Series of float
        Makkink reference evaporation and rain per day, by naive date; a missing day makes the rest
        of its year missing.

    References
    ----------
    .. [1] KNMI, explanation "Neerslagtekort".

    Examples
    --------
    >>> april = pd.date_range("2026-04-01", periods=4)
    >>> rain_deficit(pd.Series([3.0, 3, 3, 3], index=april),
    ...              pd.Series([0.0, 10, 0, 1], index=april)).tolist()
    [3.0, 0.0, 3.0, 5.0]
    """
    change = (evaporation_mm - rain_mm).sort_index().asfreq("D")
    months = pd.DatetimeIndex(change.index).month
    season = change[(months >= 4) & (months <= 9)]
    result = np.full(len(season), np.nan)
    years = pd.DatetimeIndex(season.index).year
    for year in np.unique(years):
        here = np.flatnonzero(years == year)
        if season.index[here[0]].day_of_year == pd.Timestamp(year, 4, 1).day_of_year:
            result[here] = _not_below_zero(season.to_numpy(dtype=np.float64)[here])
    return pd.Series(result, index=season.index)


def infiltration_rate(level_m: pd.Series) -> pd.Series:
    """Infiltration [mm/h] from a falling level after the inflow has stopped; first value unknown.

    Examples
    --------
    >>> hours = pd.date_range("2026-03-01", periods=2, freq="30min")
    >>> infiltration_rate(pd.Series([0.20, 0.19], index=hours)).round(6).tolist()
    [nan, 20.0]
    """
    hours = np.diff(pd.DatetimeIndex(level_m.index).as_unit("ns").asi8) / 3.6e12
    fall = -1000 * np.diff(level_m.to_numpy(dtype=np.float64))
    return pd.Series(np.append(np.nan, fall / hours), index=level_m.index)


def retention_share(rain_mm: float, runoff_mm: float) -> float:
    """Share of the rain of an event that did not run off, 0..1; NaN without rain.

    Examples
    --------
    >>> retention_share(20.0, 5.0)
    0.75
    """
    return 1 - runoff_mm / rain_mm if rain_mm > 0 else float("nan")


def _not_below_zero(change: Floats) -> Floats:
    """Running sum that starts again at 0 instead of falling below it."""
    total = np.cumsum(change)
    return total - np.minimum(np.minimum.accumulate(total), 0.0)
