"""Counts of missing hours, estimated and marked as such; never for legal or experiment outcomes.

References
----------
.. [1] FHWA, Traffic Monitoring Guide (2022), 3.2 (imputed data must be marked and left out of peak
   hours and design volumes).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

#: Weeks on either side whose same weekday and hour are looked at.
WEEKS: Final = 4
#: Most hours of a day, and most of all hours, that may be estimated (engineering defaults).
MOST_OF_A_DAY: Final = 3
MOST_OF_ALL: Final = 0.1


def impute_hours(hours: pd.Series) -> pd.DataFrame:
    """Hourly counts with short gaps filled from the same hours of the weeks around.

    A missing hour becomes the median of its weekday and hour over 4 weeks on either side, times how
    busy the day was: the sum of its counted hours over the sum of their medians. Days with more
    than 3 missing hours stay as they are, and so does a record of which more than 10 % is missing.

    Parameters
    ----------
    hours : Series of float
        Counts by naive local hour, every hour once; NaN = missing.

    Returns
    -------
    DataFrame
        Index as given; `value` (NaN where still missing), `imputed` (bool): leave these out of peak
        hours, V85 and tests.

    Examples
    --------
    >>> clock = pd.date_range("2026-03-02", periods=14 * 24, freq="h")
    >>> counts = pd.Series(np.where(clock.hour == 8, 50.0, 10.0), index=clock)
    >>> counts[:24] *= 2.0
    >>> counts.iloc[8] = np.nan
    >>> impute_hours(counts)["value"].tolist()[8]
    100.0
    """
    missing = hours.isna()
    none = np.zeros(len(hours), dtype=bool)
    if not missing.any() or missing.mean() > MOST_OF_ALL:
        return pd.DataFrame({"value": hours, "imputed": none}, index=hours.index)
    usual = _usual(hours)
    days = pd.DatetimeIndex(hours.index).normalize()
    known = hours.notna() & usual.notna()
    counted = hours.where(known).groupby(days).transform("sum")
    expected = usual.where(known).groupby(days).transform("sum")
    busy = (counted / expected).where(expected > 0)
    few = missing.groupby(days).transform("sum") <= MOST_OF_A_DAY
    estimate = (usual * busy).where(missing & few)
    return pd.DataFrame({"value": hours.fillna(estimate), "imputed": estimate.notna()})


def _usual(hours: pd.Series) -> pd.Series:
    """Median of the same weekday and hour, up to four weeks before and after; not the hour itself.

    NaN where none of them was counted.
    """
    table = hours.groupby(level=0).mean()
    index = pd.DatetimeIndex(hours.index)
    around = [
        table.reindex(index + pd.Timedelta(weeks=week)).to_numpy()
        for week in range(-WEEKS, WEEKS + 1)
        if week
    ]
    ordered = pd.DataFrame(np.stack(around, axis=1), index=hours.index)
    return ordered.median(axis=1)
