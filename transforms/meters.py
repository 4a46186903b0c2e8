"""Use of energy from running meters, per civil day.

A meter is read at the start of each interval: what it counts between two readings was used in
between. Areas take the mean over their meters, which is use per household where each household has
one.

References
----------
.. [1] Besluit energie meetinstrumenten (running totals); NTA 8130, smart meters of households.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from livinglab.timeline import SECOND_NS
from transforms.aggregate import is_covered, result_frame
from transforms.cells import cells, total
from transforms.frames import Bools, Floats, Ints, names_in, series_codes, time_ns
from transforms.intervals import Bins, civil_days


def daily_use(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
) -> pd.DataFrame:
    """Use of each civil day [unit of the meter]: sum of what the meter counted in it.

    What a gap within the day counted is known; a gap across midnight belongs to neither day. A fall
    of the meter is a reset: what it shows then is what was used since, at least.

    Parameters
    ----------
    panel : DataFrame
        Readings of running totals.
    start, end : Timestamp
        Civil days that start in [start, end); the panel holds the reading after the last one.
    zone : str
        Time zone of the lab.
    steps : mapping of str to int
        Interval of the readings of every expected series [s].
    coverage : float
        Least share of the day whose use is known.

    Returns
    -------
    DataFrame
        As `transforms.water.daily_sum`; `n` counts intervals whose use is known.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-29", tz="Europe/Amsterdam")  # 23 hours
    >>> times = pd.date_range(day, periods=25, freq="1h")
    >>> readings = to_panel(times, "a", 100 + 0.5 * np.arange(25)).drop(times[5])
    >>> table = daily_use(readings, start=day, end=day + pd.DateOffset(days=1),
    ...     zone="Europe/Amsterdam", steps={"a": 3600})
    >>> table[["value", "n"]].to_numpy().tolist()
    [[11.5, 23.0]]
    """
    bins = civil_days(start, end, zone)
    known = panel[panel["value"].notna()]
    times, value = time_ns(known), known["value"].to_numpy()
    code = series_codes(known, names_in(known))
    follows = np.append(np.diff(code) == 0, [False]) if len(code) else np.empty(0, dtype=np.bool_)
    until, after = np.roll(times, -1), np.roll(value, -1)
    used = np.where(after < value, after, after - value)
    inside = follows & _within_one(bins, times, until)
    grid = cells(known.assign(value=np.where(inside, used, np.nan)), bins, steps)
    per_row = (until - times) / SECOND_NS / _step_of(known, steps)
    spans = cells(known.assign(value=np.where(inside, np.rint(per_row), np.nan)), bins, steps)
    n = np.nan_to_num(total(spans)).astype(np.int64)
    expected = grid.expected
    return result_frame(grid, total(grid), n, expected, is_covered(n, expected, coverage))


def _within_one(bins: Bins, times: Ints, until: Ints) -> Bools:
    """Whether a stretch lies in one bin: its last moment is in the bin of its first."""
    return np.asarray(bins.locate(times) == bins.locate(until - 1), dtype=np.bool_)


def _step_of(panel: pd.DataFrame, steps: Mapping[str, int]) -> Floats:
    names = names_in(panel)
    per_series = np.asarray([steps[name] for name in names], dtype=np.float64)
    return per_series[series_codes(panel, names)] if names else np.empty(0)
