"""Statistics of discharge and levels over long records."""

from __future__ import annotations

import numpy as np
import pandas as pd

from livinglab.errors import DataError


def exceeded_flow(flow: pd.Series, percent: float) -> float:
    """Flow that is exceeded `percent` % of the time, in the unit of `flow`: Q95 is low, Q5 high.

    Linear percentile over the values present; negative flows (tide, backwater) stay in.

    Examples
    --------
    >>> exceeded_flow(pd.Series([1.0, 2, 3, 4, 5]), 50), exceeded_flow(pd.Series([np.nan]), 50)
    (3.0, nan)
    """
    if not 0 <= percent <= 100:
        raise DataError(f"{percent} % of the time is outside 0..100")
    present = flow.dropna().to_numpy(dtype=np.float64)
    return float(np.percentile(present, 100 - percent)) if len(present) else float("nan")


def lowest_mean_flow(days: pd.Series, length: int = 7) -> float:
    """Lowest mean of `length` consecutive complete days (7-day minimum).

    Parameters
    ----------
    days : Series of float
        Daily means by naive date, NaN where the day is not complete; absent dates count as such.

    References
    ----------
    .. [1] WMO-No. 1029, Manual on low-flow estimation and prediction (2008), 3.2.

    Examples
    --------
    >>> stamps = pd.date_range("2026-01-01", periods=10)
    >>> lowest_mean_flow(pd.Series([9.0, 1, 1, 1, 1, 1, 1, 1, 9, np.nan], index=stamps))
    1.0
    >>> lowest_mean_flow(pd.Series([1.0] * 6, index=stamps[:6]))
    nan
    """
    whole = days.sort_index().asfreq("D")
    return float(whole.rolling(length).mean().min())


def monthly_means(values: pd.Series) -> pd.Series:
    """Mean of the values present by calendar month "YYYY-MM"."""
    present = values.dropna()
    return present.groupby(pd.DatetimeIndex(present.index).strftime("%Y-%m")).mean()


def yearly_means(values: pd.Series, *, least: int = 12) -> pd.DataFrame:
    """Number, mean and fitness for trends of the readings of each calendar year.

    Returns
    -------
    DataFrame
        Index year; `n`, `mean`, `is_year_mean` (n >= `least`).

    Examples
    --------
    >>> gauge = pd.Series([1.0, 2.0, np.nan], index=pd.date_range("2020-01-01", periods=3))
    >>> yearly_means(gauge).to_dict("records")
    [{'n': 2, 'mean': 1.5, 'is_year_mean': False}]
    """
    present = values.dropna()
    years = present.groupby(pd.DatetimeIndex(present.index).year)
    table = pd.DataFrame({"n": years.count(), "mean": years.mean()})
    return table.assign(is_year_mean=table["n"] >= least)
