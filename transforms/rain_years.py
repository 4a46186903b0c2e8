"""Rain events of a year, from its hours of rain.

References
----------
.. [1] STOWA 2019-19, Neerslagstatistiek en -reeksen voor het waterbeheer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.cells import cells
from transforms.intervals import years
from transforms.rain import rain_events
from transforms.yearly import covered_year

RESULTS: Final = ("events", "largest_mm", "mean_mm")
_HOUR_MIN: Final = 60


def rain_events_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.95,
    period: str = "year",
    result: str = "events",
    pause_h: float = 6.0,
    least_mm: float = 1.0,
) -> pd.DataFrame:
    """Number of rain events of a year, or the depth of the largest or the mean one [mm].

    Wet spells of clock hours, separated by `pause_h` hours or more without 0.1 mm. An event over
    New Year belongs to both years, with its part of the rain.

    Parameters
    ----------
    panel : DataFrame
        Rain of hours [mm].
    start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`.
    result : str
        "events" [1], "largest_mm" or "mean_mm"; no depth in a year without events.
    pause_h, least_mm : float
        As of `transforms.rain.rain_events`; the pause changes the number of events by a factor 2.

    Raises
    ------
    DataError
        On an unknown result.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2025-01-01", periods=8760, freq="h", tz="UTC")
    >>> rain = np.zeros(8760)
    >>> rain[[10, 11, 25, 900]] = [2.0, 1.0, 4.0, 0.5]
    >>> asked = {"start": times[0], "end": times[-1], "zone": "UTC", "steps": {"a": 3600}}
    >>> rain_events_of_year(to_panel(times, "a", rain), **asked)["value"].tolist()
    [2.0]
    """
    if result not in RESULTS:
        hint = f"one of {', '.join(RESULTS)}"
        raise DataError(f"unknown result of rain events {result!r}", hint=hint)
    grid = cells(panel, years(start, end, zone, period), steps)
    value = np.full(len(grid), np.nan)
    for cell in np.flatnonzero(grid.n):
        first, last = np.searchsorted(grid.key, [cell, cell + 1])
        hours = pd.DatetimeIndex(grid.time_ns[first:last], tz="UTC")
        rain = pd.Series(grid.value[first:last], index=hours)
        events = rain_events(rain, _HOUR_MIN, pause_h=pause_h, least_mm=least_mm)
        value[cell] = _of(events["depth_mm"], result)
    return covered_year(grid, value, coverage)


def _of(depth: pd.Series, result: str) -> float:
    if result == "events":
        return float(len(depth))
    return float(depth.max() if result == "largest_mm" else depth.mean())
