"""Groundwater statistics of Dutch practice through `pastas`: GHG, GLG, GVG, shallow days.

Heads are in m NAP, one or more per day, on naive civil dates. "Highest" means highest head; below
the surface it is the smallest depth (`depth_below_surface`), so never feed depths to `ghg`.

A hydrological year runs from 1 April to 31 March and is labelled with its last day. `pastas` picks
the heads of the 14th and 28th and averages them; where the Dutch definition is stricter than the
library (three extremes, three spring dates) that is an option here.

References
----------
.. [1] Collenteur, R. A. et al. (2019), Pastas: open source software for the analysis of
   groundwater time series, Groundwater 57, 877-885, doi:10.1111/gwat.12925.
.. [2] Van der Sluijs, P. and De Gruijter, J. J. (1985), Water table classes: a method to describe
   seasonal fluctuation and duration of water tables on Dutch soil maps, Agricultural Water
   Management 10, 109-125, doi:10.1016/0378-3774(85)90001-8.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: Days that a reading may stand for a spring date (half the distance of two reference dates).
REACH_DAYS: Final = 8
MIN_VALUES: Final = 16  # of the 24 of a year
MIN_YEARS: Final = 8
HYDROLOGICAL_YEAR: Final = "YE-MAR"
CALENDAR_YEAR: Final = "YE-DEC"


def daily_heads(head: pd.Series) -> pd.Series:
    """Mean of the readings of each day that has one, by date.

    Raises
    ------
    DataError
        If the index has a time zone: take the civil dates before.

    Examples
    --------
    >>> stamps = pd.to_datetime(["2020-01-01 06:00", "2020-01-01 18:00", "2020-01-05 06:00"])
    >>> daily_heads(pd.Series([1.0, 2.0, np.nan], index=stamps)).tolist()
    [1.5]
    """
    index = pd.DatetimeIndex(head.index)
    if index.tz is not None:
        raise DataError("heads with a time zone", hint="give naive civil dates")
    values = pd.Series(head.to_numpy(dtype=np.float64), index=index.as_unit("ns").normalize())
    return values.dropna().groupby(level=0).mean()


def semi_monthly(head: pd.Series) -> pd.Series:
    """Heads at the 14th and 28th of the months [m NAP]: the nearest reading of each.

    A reading serves the reference date it is nearest to; a date that no reading is nearest to has
    no value.

    Examples
    --------
    >>> stamps = pd.to_datetime(["2020-01-12", "2020-01-15", "2020-02-25"])
    >>> semi_monthly(pd.Series([1.0, 2.0, 3.0], index=stamps)).to_dict()
    {Timestamp('2020-01-14 00:00:00'): 2.0, Timestamp('2020-02-28 00:00:00'): 3.0}
    """
    return _gxg("ghg", daily_heads(head), output="semimonthly")


def ghg_yearly(
    head: pd.Series, *, n_extreme: str = "three", min_values: int = MIN_VALUES
) -> pd.Series:
    """Mean of the highest heads of each hydrological year (HG3) [m NAP].

    Parameters
    ----------
    head : Series of float
        Heads in m NAP on naive dates.
    n_extreme : str
        "three": always the three highest, as the definition says. "pastas": two where a year has
        16 to 20 values, one under 13, three otherwise; what the library does, 2 to 8 mm higher in
        our wells.
    min_values : int
        Least semi-monthly values of a year; fewer make it NaN.

    Returns
    -------
    Series of float
        By the last day of the hydrological year (31 March).

    Raises
    ------
    DataError
        On another `n_extreme`.
    """
    return _yearly_extreme("ghg", head, n_extreme, min_values)


def glg_yearly(
    head: pd.Series, *, n_extreme: str = "three", min_values: int = MIN_VALUES
) -> pd.Series:
    """Mean of the lowest heads of each hydrological year (LG3) [m NAP]; else as `ghg_yearly`."""
    return _yearly_extreme("glg", head, n_extreme, min_values)


def gvg_yearly(
    head: pd.Series, *, fill: str = "linear", min_values: int = 2, min_spring: int = 1
) -> pd.Series:
    """Mean of the heads of 14 March, 28 March and 14 April of each year [m NAP].

    Parameters
    ----------
    fill : str
        "linear": interpolated between days with a reading, at most 8 days from one. "nearest": as
        `semi_monthly`.
    min_values : int
        Least values of the year, on any date.
    min_spring : int
        Least of the three spring dates; 1 is what pastas does, 3 is strict.

    Returns
    -------
    Series of float
        By 31 December.

    Raises
    ------
    DataError
        On an unknown `fill`.
    """
    limits = {"linear": REACH_DAYS, "nearest": 0}
    if fill not in limits:
        raise DataError(f"unknown way to fill {fill!r}", hint="linear or nearest")
    options = {"fill_method": fill, "limit": limits[fill], "min_n_meas": min_values}
    mean = _gxg("gvg", daily_heads(head), output="yearly", **options)
    if min_spring <= 1 or mean.empty:
        return mean
    present = spring_heads(head, fill=fill).resample(CALENDAR_YEAR).count()
    return mean.where(present.reindex(mean.index).fillna(0) >= min_spring)


def spring_heads(head: pd.Series, *, fill: str = "linear") -> pd.Series:
    """Heads on 14 March, 28 March and 14 April [m NAP], those that `gvg_yearly` averages."""
    options = {"fill_method": fill, "limit": REACH_DAYS if fill == "linear" else 0}
    values = _gxg("gvg", daily_heads(head), output="semimonthly", **options).dropna()
    if values.empty:
        return values
    stamps = pd.DatetimeIndex(values.index)
    return values[(stamps.month == 3) | ((stamps.month == 4) & (stamps.day == 14))]


def gg_yearly(head: pd.Series, *, min_values: int = MIN_VALUES) -> pd.Series:
    """Mean of the semi-monthly heads of each hydrological year [m NAP]."""
    return _gxg("gg", daily_heads(head), output="yearly", min_n_meas=min_values)


def long_term(yearly: pd.Series, *, min_years: int = MIN_YEARS) -> float:
    """Mean over the valid years, NaN with fewer than `min_years`.

    Examples
    --------
    >>> long_term(pd.Series([1.0, np.nan, 2.0]), min_years=2)
    1.5
    >>> long_term(pd.Series([1.0, 2.0]))
    nan
    """
    valid = yearly.dropna()
    return float(valid.mean()) if len(valid) >= min_years else float("nan")


def ghg(head: pd.Series, *, n_extreme: str = "three") -> float:
    """Mean highest groundwater level [m NAP]: `ghg_yearly` over at least 8 years, else NaN."""
    return long_term(ghg_yearly(head, n_extreme=n_extreme))


def glg(head: pd.Series, *, n_extreme: str = "three") -> float:
    """Mean lowest groundwater level [m NAP]: `glg_yearly` over at least 8 years, else NaN."""
    return long_term(glg_yearly(head, n_extreme=n_extreme))


def gvg(head: pd.Series, *, fill: str = "linear") -> float:
    """Mean spring groundwater level [m NAP]: `gvg_yearly` over at least 8 years, else NaN."""
    return long_term(gvg_yearly(head, fill=fill))


def last_hydrological_years(head: pd.Series, years: int = MIN_YEARS) -> pd.Series:
    """Heads of the last `years` complete hydrological years.

    Examples
    --------
    >>> stamps = pd.date_range("2000-01-01", "2010-07-01")
    >>> part = last_hydrological_years(pd.Series(0.0, index=stamps))
    >>> part.index[0].date().isoformat(), part.index[-1].date().isoformat()
    ('2002-04-01', '2010-03-31')
    """
    days = daily_heads(head)
    if days.empty:
        return days
    last = days.index[-1]
    # A year is complete when the record reaches its 31 March.
    end = pd.Timestamp(last.year, 3, 31)
    end = end if last >= end else end - pd.DateOffset(years=1)
    first = pd.Timestamp(end.year - years, 4, 1)
    return days[(days.index >= first) & (days.index <= end)]


def quantile_level(head: pd.Series, q: float) -> float:
    """Mean over calendar years of the `q` quantile of the daily medians [m NAP].

    0.94 and 0.06 stand for GHG and GLG where readings are daily; no year is too short.
    """
    days = _daily_medians(head)
    return float(days.resample(CALENDAR_YEAR).quantile(q).mean())


def spring_median_level(head: pd.Series) -> float:
    """Mean over years of the median head of 14 March to 14 April [m NAP]."""
    days = _daily_medians(head)
    dates = pd.DatetimeIndex(days.index)
    spring = ((dates.month == 3) & (dates.day >= 14)) | ((dates.month == 4) & (dates.day <= 14))
    return float(days[spring].resample(CALENDAR_YEAR).median().mean())


def depth_below_surface(head_m_nap: pd.Series, surface_m_nap: float) -> pd.Series:
    """Depth of the groundwater below the surface [m], positive downwards.

    Examples
    --------
    >>> depth_below_surface(pd.Series([5.76]), 6.85).round(6).tolist()
    [1.09]
    """
    return surface_m_nap - head_m_nap


def water_table_class(ghg_cm: float, glg_cm: float) -> str:
    """Dutch water table class (grondwatertrap) of a mean highest and lowest level; "" for none.

    Parameters
    ----------
    ghg_cm, glg_cm : float
        Depths BELOW the surface [cm]: the highest level is the smaller one.

    Raises
    ------
    DataError
        If the highest level is deeper than the lowest.

    References
    ----------
    .. [1] Van der Sluijs, P. and De Gruijter, J. J. (1985), Agricultural Water Management 10,
       109-125, doi:10.1016/0378-3774(85)90001-8 (classes of 1988, with the drier parts b).

    Examples
    --------
    >>> water_table_class(15, 45), water_table_class(30, 110), water_table_class(60, 150)
    ('I', 'IIIb', 'VI')
    """
    if np.isnan(ghg_cm) or np.isnan(glg_cm):
        return ""
    if ghg_cm > glg_cm:
        raise DataError(f"GHG at {ghg_cm:g} cm is deeper than GLG at {glg_cm:g} cm",
                        hint="give depths below the surface, not heads")  # fmt: skip
    if glg_cm < 50:
        return "I"
    wet = next((name for deepest, name in ((80, "II"), (120, "III")) if glg_cm <= deepest), "V")
    if ghg_cm < 40:
        return f"{wet}b" if ghg_cm >= 25 else wet
    if glg_cm <= 120:
        return "IV" if glg_cm >= 80 else ""
    return next((name for deepest, name in ((80, "VI"), (140, "VII")) if ghg_cm <= deepest), "VIII")


def shallow_share(depth_m: pd.Series, limit_m: float = 0.7) -> float:
    """Share of the days on which the groundwater is less than `limit_m` below the surface.

    0.7 m for roads, 0.5 m for gardens [engineering default]; NaN without a day.

    Examples
    --------
    >>> shallow_share(pd.Series([0.6, 0.7, 0.8, np.nan]))
    0.3333333333333333
    """
    present = depth_m.dropna()
    return float((present < limit_m).mean()) if len(present) else float("nan")


def _yearly_extreme(name: str, head: pd.Series, n_extreme: str, min_values: int) -> pd.Series:
    if n_extreme == "pastas":
        return _gxg(name, daily_heads(head), output="yearly", min_n_meas=min_values)
    if n_extreme != "three":
        raise DataError(f"unknown number of extremes {n_extreme!r}", hint="three or pastas")

    def extreme(year: pd.Series) -> float:
        if len(year) < min_values:
            return float("nan")
        ordered = np.sort(year.to_numpy())
        return float((ordered[-3:] if name == "ghg" else ordered[:3]).mean())

    values = semi_monthly(head)
    return values if values.empty else values.resample(HYDROLOGICAL_YEAR).apply(extreme)


def _gxg(name: str, days: pd.Series, **options: Any) -> pd.Series:
    """`pastas.stats` of daily heads, a Series; of no heads an empty one."""
    if days.empty:
        return days
    # It loads numba, which takes seconds, and only groundwater needs it.
    from pastas.stats import dutch  # noqa: PLC0415

    with warnings.catch_warnings():
        # pastas 2.0 calls pandas in ways that pandas 4 will not know; the lock pins both.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = getattr(dutch, name)(days, **options)
    return pd.Series(found, dtype="float64")


def _daily_medians(head: pd.Series) -> pd.Series:
    index = pd.DatetimeIndex(head.index).as_unit("ns").normalize()
    values = pd.Series(head.to_numpy(dtype=np.float64), index=index).dropna()
    return values.groupby(level=0).median()
