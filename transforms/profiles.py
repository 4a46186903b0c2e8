"""Mean courses over the day and the week, in the clock that people (or an oracle) live by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from transforms.frames import Ints, require_panel, series_codes


def hour_of_day(panel: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Mean of the present values by local hour of the day.

    Parameters
    ----------
    panel : DataFrame
        Panel of values of equal weight (hourly means, say) [any unit].
    zone : str
        IANA zone; "Etc/GMT-1" is fixed UTC+1.

    Returns
    -------
    DataFrame
        Columns `series`, `hour` (0 to 23), `mean` (NaN without a value), `n`; ordered by both.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 86_400_000_000_000], "a", [10.0, 30.0])
    >>> hour_of_day(panel, "Etc/GMT-1").query("n > 0").values.tolist()
    [['a', 1, 20.0, 2]]
    """
    local = pd.DatetimeIndex(panel.index).tz_convert(zone)
    return _profile(panel, np.asarray(local.hour, dtype=np.int64), "hour", 24)


def day_of_week(panel: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Mean of the present values by local day of the week; 0 = Monday.

    Returns
    -------
    DataFrame
        As `hour_of_day`, with the column `weekday` (0 to 6).
    """
    local = pd.DatetimeIndex(panel.index).tz_convert(zone)
    return _profile(panel, np.asarray(local.day_of_week, dtype=np.int64), "weekday", 7)


def weekend(panel: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Mean of the present values on Monday to Friday (0) and on Saturday and Sunday (1).

    Returns
    -------
    DataFrame
        As `hour_of_day`, with the column `weekend` (0 or 1).
    """
    local = pd.DatetimeIndex(panel.index).tz_convert(zone)
    return _profile(panel, np.asarray(local.day_of_week >= 5, dtype=np.int64), "weekend", 2)


def _profile(panel: pd.DataFrame, place: Ints, name: str, size: int) -> pd.DataFrame:
    require_panel(panel)
    names = sorted(panel["series"].unique())
    value = panel["value"].to_numpy()
    present = ~np.isnan(value)
    key = (series_codes(panel, names) * size + place)[present]
    n = np.bincount(key, minlength=len(names) * size)
    total = np.bincount(key, weights=value[present], minlength=len(names) * size)
    return pd.DataFrame(
        {
            "series": pd.Series(np.repeat(np.asarray(names, dtype=object), size), dtype="str"),
            name: np.tile(np.arange(size), len(names)),
            "mean": np.where(n > 0, total / np.maximum(n, 1), np.nan),
            "n": n,
        }
    )
