"""Sewer overflows over hours, days and years, from the level above the crest of each weir.

The crest is a fact of the place: a device measures `weir_head`, and its row in calibrations.csv
subtracts the crest from what the sensor sends, with the period it held and the evidence. Where
readings are missing no spill is claimed. Volumes are per metre of crest unless a width is given.

References
----------
.. [1] Stichting RIONED, riool.net, overstortgebeurtenis (pauses up to 24 h belong to the event;
   gross and net duration).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS, SECOND_NS
from transforms.aggregate import covered_result
from transforms.cells import Cells, cells, total
from transforms.frames import Bools, Floats, Ints, names_in, series_codes, time_ns
from transforms.intervals import civil_days, hours, years
from transforms.overflow import ABOVE_CREST_M, PAUSE_H, join_spills
from transforms.water_physics import weir_flow
from transforms.yearly import covered_year

#: What can be asked of the spills of an hour or day, and of the events of a year.
SPILL_RESULTS: Final = ("hours", "volume")
EVENT_RESULTS: Final = ("events", "gross_h", "net_h")


def spill(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "day",
    result: str = "hours",
    width_m: float = 1.0,
    crest: str = "sharp",
) -> pd.DataFrame:
    """Net spilling time [h] or spilled volume [m3] of each hour or civil day.

    A reading spills when it and the one before or after stand more than 0.01 m above the crest.

    Parameters
    ----------
    panel : DataFrame
        Levels above the crest [m], with one reading before `start` and one after `end`.
    start, end, zone
        Hours or civil days that start in [start, end).
    steps : mapping of str to int
        Nominal interval of every series [s].
    coverage : float
        Least share of the expected readings; with some missing the result is a lower bound.
    period : str
        "day" or "hour".
    result : str
        "hours": net duration. "volume": C b h^1.5 over that time, free overfall.
    width_m : float
        Width of the crest [m]; 1 gives the volume per metre.
    crest : str
        "sharp" or "broad".

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`.

    Raises
    ------
    DataError
        On an unknown period, result or crest.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-07-01T00:00Z")
    >>> head = to_panel(pd.date_range(day, periods=24, freq="h"), "a", [0.1] * 2 + [-0.4] * 22)
    >>> asked = {"start": day, "end": day + pd.Timedelta(days=1), "zone": "UTC"}
    >>> spill(head, **asked, steps={"a": 3600})["value"].tolist()
    [2.0]
    >>> spill(head, **asked, steps={"a": 3600}, result="volume", width_m=2.0)["value"].round(
    ...     1).tolist()
    [833.3]
    """
    if period not in {"day", "hour"}:
        raise DataError(f"unknown period {period!r}", hint="'day' or 'hour'")
    if result not in SPILL_RESULTS:
        raise DataError(f"unknown result of a spill {result!r}", hint="hours or volume")
    known = panel[panel["value"].notna()]
    head = known["value"].to_numpy()
    each = _step_of(known, steps)
    rate = weir_flow(head, width_m, crest=crest) if result == "volume" else np.full(len(head), 1.0)
    amount = np.where(_spilling(known, head, each), rate, 0.0)
    bins = civil_days(start, end, zone) if period == "day" else hours(start, end)
    grid = cells(known.assign(value=amount), bins, steps)
    seconds = np.repeat(grid.step_s, len(bins))
    per = 1 if result == "volume" else 3600
    return covered_result(grid, total(grid) * seconds / per, coverage)


def _spilling(panel: pd.DataFrame, head: Floats, step_s: Ints) -> Bools:
    """Readings above the crest whose neighbour in time, one step away, is above it too."""
    on = head > ABOVE_CREST_M
    code = series_codes(panel, names_in(panel))
    near = np.diff(time_ns(panel)) <= 1.5 * step_s[1:] * SECOND_NS
    both = on[1:] & on[:-1] & near & (np.diff(code) == 0)
    return np.asarray(np.append(both, [False]) | np.append([False], both), dtype=np.bool_)[
        : len(on)
    ]


def _step_of(panel: pd.DataFrame, steps: Mapping[str, int]) -> Ints:
    names = names_in(panel)
    per_series = np.asarray([steps[name] for name in names], dtype=np.int64)
    return per_series[series_codes(panel, names)] if names else np.zeros(0, dtype=np.int64)


def overflow_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.9,
    period: str = "year",
    result: str = "events",
    pause_h: float = PAUSE_H,
) -> pd.DataFrame:
    """Overflow events of a year, or their gross or net duration [h].

    Spills that follow each other after less than `pause_h` are one event. Hours in which it spilled
    and that follow each other are one spill; its first hour spills up to its end, its last one from
    its start. An event over New Year belongs to both years.

    Parameters
    ----------
    panel : DataFrame
        Net spilling time of hours [h], 0..1.
    start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`.
    result : str
        "events" [1], "gross_h" with the pauses, "net_h" without.
    pause_h : float
        24 h in Dutch practice [1]_; it changes the number of events: state it with them.

    Raises
    ------
    DataError
        On an unknown result.

    References
    ----------
    .. [1] Stichting RIONED, riool.net, overstortgebeurtenis.
    """
    if result not in EVENT_RESULTS:
        hint = f"one of {', '.join(EVENT_RESULTS)}"
        raise DataError(f"unknown result of overflow events {result!r}", hint=hint)
    grid = cells(panel, years(start, end, zone, period), steps)
    value = np.full(len(grid), np.nan)
    if result == "net_h":
        return covered_year(grid, total(grid), coverage)
    for cell in np.flatnonzero(grid.n):
        events = join_spills(_spills(grid, int(cell)), pause_h=pause_h)
        value[cell] = len(events) if result == "events" else float(events["gross_h"].sum())
    return covered_year(grid, value, coverage)


def _spills(grid: Cells, cell: int) -> pd.DataFrame:
    """Spills of one series and year: `start`, `end` of runs of hours in which it spilled."""
    first, last = np.searchsorted(grid.key, [cell, cell + 1])
    at, net = grid.time_ns[first:last], grid.value[first:last]
    at, net = at[net > 0], net[net > 0]
    new = np.append([True], np.diff(at) > HOUR_NS)[: len(at)]
    begins = np.flatnonzero(new)
    ends = np.append(begins[1:], len(at))[: len(begins)] - 1
    lasted = np.rint(net * HOUR_NS).astype(np.int64)
    start = np.where(begins == ends, at[begins], at[begins] + HOUR_NS - lasted[begins])
    end = at[ends] + lasted[ends]
    return pd.DataFrame({"start": pd.to_datetime(start, utc=True),
                         "end": pd.to_datetime(end, utc=True)})  # fmt: skip
