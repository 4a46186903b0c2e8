"""Travel times of a route over hours and days: percentiles, buffer index, planning time index.

References
----------
.. [1] FHWA (2006), Travel Time Reliability: Making It There On Time, All The Time,
   FHWA-HOP-06-070.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import SECOND_NS
from transforms.aggregate import indicator_rows
from transforms.cells import cells
from transforms.frames import Floats, Ints
from transforms.intervals import civil_days, hours
from transforms.travel_time import LEAST_PAIRS, travel_time, without_outliers

#: What can be asked of the travel times of a period.
RESULTS: Final = ("mean", "median", "p80", "p95", "buffer_index", "planning_time_index")
#: Outliers are told from the vehicles of the same quarter of an hour.
_OUTLIERS_NS: Final = 900 * SECOND_NS


def travel_times(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,  # noqa: ARG001 - vehicles have no nominal interval: five are needed
    period: str = "day",
    result: str = "median",
    free_flow_s: float | None = None,
) -> pd.DataFrame:
    """Statistic of the travel times of each hour or civil day [s; indices 1].

    Vehicles beyond median +- 3 * 1.4826 MAD of their quarter of an hour are left out: stops and
    detours. Fewer than five give no value.

    Parameters
    ----------
    panel : DataFrame
        `travel_time` events [s], one row per vehicle seen at both ends of the route.
    start, end, zone
        Hours or civil days that start in [start, end).
    steps : mapping of str to int
        Names every series; the numbers are not used.
    coverage : float
        Not used.
    period : str
        "day" or "hour".
    result : str
        "mean", "median", "p80", "p95", "buffer_index" (P95 - mean) / mean, or
        "planning_time_index" P95 / free flow [1]_.
    free_flow_s : float, optional
        Travel time of the free road [s]; the 15th percentile of the period where not given.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; `n` counts vehicles that entered.

    Raises
    ------
    DataError
        On an unknown period or result.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> times = pd.date_range(day, periods=6, freq="min")
    >>> panel = to_panel(times, "a", [300.0, 310, 320, 330, 340, 3000])
    >>> asked = {"start": day, "end": day + pd.Timedelta(days=1), "zone": "UTC"}
    >>> travel_times(panel, **asked, steps={"a": 60})[["value", "n"]].values.tolist()
    [[320.0, 5.0]]
    """
    if period not in {"day", "hour"}:
        raise DataError(f"unknown period {period!r}", hint="'day' or 'hour'")
    if result not in RESULTS:
        hint = f"one of {', '.join(RESULTS)}"
        raise DataError(f"unknown result of travel times {result!r}", hint=hint)
    bins = civil_days(start, end, zone) if period == "day" else hours(start, end)
    grid = cells(panel, bins, steps)
    value, n = np.full(len(grid), np.nan), np.zeros(len(grid), dtype=np.int64)
    for cell in np.flatnonzero(grid.n):
        first, last = np.searchsorted(grid.key, [cell, cell + 1])
        kept = _kept(grid.time_ns[first:last], grid.value[first:last])
        found = travel_time(kept, free_flow_s=free_flow_s, drop_outliers=False)
        value[cell], n[cell] = getattr(found, result), len(kept)
    expected = np.full(len(grid), LEAST_PAIRS, dtype=np.int64)
    return indicator_rows(grid.series, bins, value, n, expected, n >= LEAST_PAIRS)


def _kept(times: Ints, seconds: Floats) -> Floats:
    """Travel times without the outliers of each quarter of an hour, in the order of time."""
    quarter = times // _OUTLIERS_NS
    edges = np.flatnonzero(np.diff(quarter)) + 1
    return np.concatenate([without_outliers(part) for part in np.split(seconds, edges)])
