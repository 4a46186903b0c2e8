"""Rain: amounts from gauges, intensities over fixed durations, events, traces.

Depths in mm, one value per reporting interval of constant step, by UTC start of the interval; NaN
= missing. Missing rain is never dry.

References
----------
.. [1] STOWA 2019-19, Neerslagstatistiek en -reeksen voor het waterbeheer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.aggregate import is_covered, result_frame
from transforms.cells import Cells, cells
from transforms.frames import Bools, Floats
from transforms.intervals import Bins, contiguous, days

#: Durations of depth-duration tables [min].
DURATIONS_MIN: Final = (5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880)
#: Rain under this is no rain for events [mm per interval].
WET_MM: Final = 0.1
#: More than this in a minute is a fault of the gauge.
IMPOSSIBLE_MM_PER_MIN: Final = 20.0


def traces_to_mm(rain: ArrayLike, *, trace_mm: float = 0.0) -> Floats:
    """Hourly amounts with KNMI's -1 ("less than 0.05 mm") as `trace_mm`.

    0 in sums, as the published daily series has it except on days with traces only; 0.025 mm per
    hour where the wetness counts.

    Examples
    --------
    >>> traces_to_mm([-1.0, 0.0, 1.2]).tolist(), traces_to_mm([-1.0], trace_mm=0.025).tolist()
    ([0.0, 0.0, 1.2], [0.025])
    """
    value = np.asarray(rain, dtype=np.float64)
    return np.where(value == -1, trace_mm, value)


def amounts_from_counter(total: ArrayLike, *, step_s: int) -> Floats:
    """Rain per interval [mm] from a running total; the first interval is unknown (NaN).

    A fall of the total is a reset: the new total is what fell since. More than 20 mm a minute is
    impossible and becomes NaN. A missing total makes its own interval and the next unknown.

    Examples
    --------
    >>> amounts_from_counter([5.0, 5.2, 0.4, np.nan, 1.0], step_s=600).round(6).tolist()
    [nan, 0.2, 0.4, nan, nan]
    """
    counter = np.asarray(total, dtype=np.float64)
    rain = np.full(len(counter), np.nan)
    rain[1:] = np.diff(counter)
    rain = np.where(rain < 0, counter, rain)
    return np.where(rain > IMPOSSIBLE_MM_PER_MIN * step_s / 60, np.nan, rain)


def amounts_from_tips(tips: ArrayLike, tip_mm: float) -> Floats:
    """Rain per interval [mm] of a tipping bucket: tips times the volume of the bucket.

    Examples
    --------
    >>> amounts_from_tips([0, 3], 0.2).round(6).tolist()
    [0.0, 0.6]
    """
    return np.asarray(tips, dtype=np.float64) * tip_mm


def rolling_depth(rain: pd.Series, step_min: int, duration_min: int) -> pd.Series:
    """Depth of the `duration_min` minutes that END with each interval [mm].

    NaN where an interval of the window is missing. Windows slide by the native step: sums over
    fixed clock hours miss the wettest hour by 10 to 15 %.

    Raises
    ------
    DataError
        If the duration is no multiple of the step, or stamps do not fit the step.

    Examples
    --------
    >>> five = pd.date_range("2026-07-01T10:00Z", periods=4, freq="5min")
    >>> rolling_depth(pd.Series([1.0, 2.0, 4.0, np.nan], index=five), 5, 10).tolist()
    [nan, 3.0, 6.0, nan]
    """
    if duration_min % step_min:
        raise DataError(
            f"{duration_min} min is no multiple of the step of {step_min} min",
            hint="ask for durations that the gauge can resolve",
        )
    grid = _on_grid(rain, step_min)
    width = duration_min // step_min
    known = grid.notna().rolling(width).sum() == width
    # Plain sums per window: a running sum drifts, and 0.1 mm must stay 0.1 mm.
    depth = np.full(len(grid), np.nan)
    if len(grid) >= width:
        windows = np.lib.stride_tricks.sliding_window_view(grid.to_numpy(), width)
        depth[width - 1 :] = windows.sum(axis=1)
    return pd.Series(np.where(known, depth, np.nan), index=grid.index)


def depth_duration(
    rain: pd.Series, step_min: int, durations_min: Sequence[int] = DURATIONS_MIN
) -> pd.Series:
    """Largest depth over each duration in the record [mm], by duration [min].

    Durations shorter than the step or no multiple of it are left out.

    Examples
    --------
    >>> five = pd.date_range("2026-07-01T10:00Z", periods=4, freq="5min")
    >>> depth_duration(pd.Series([1.0, 2.0, 4.0, 0.0], index=five), 5, [5, 10, 20]).to_dict()
    {5: 4.0, 10: 6.0, 20: 7.0}
    """
    usable = [duration for duration in durations_min if duration % step_min == 0]
    found = {duration: float(rolling_depth(rain, step_min, duration).max()) for duration in usable}
    return pd.Series(found, dtype=np.float64).rename_axis("duration_min")


def max_depth(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    duration_min: int = 60,
    period: str = "day",
) -> pd.DataFrame:
    """Largest depth over `duration_min` minutes that ends in the day [mm].

    Needs the hours before the day that the duration reaches back. Windows with a missing interval
    are left out; the coverage is the share of the windows of the day that are whole.

    Parameters
    ----------
    panel : DataFrame
        Rain per interval [mm].
    steps : mapping of str to int
        Nominal interval of every series [s], a divisor of the duration.
    duration_min : int
        Length of the window [min].
    period : str
        "day" = civil day of `zone`; "day_utc1" = day of fixed UTC+1.
    start, end, zone, coverage
        As in `transforms.water.daily_sum`.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; n = whole windows.

    Raises
    ------
    DataError
        If a step does not divide the duration.
    """
    for series, step in steps.items():
        if (60 * duration_min) % step:
            raise DataError(f"{series!r}: a step of {step} s does not divide {duration_min} min")
    bins = days(start, end, zone, period)
    parts = [
        _max_depth_of(panel, bins, {name: step for name, step in steps.items() if step == size},
                      60 * duration_min, coverage)
        for size in sorted(set(steps.values()))
    ]  # fmt: skip
    return pd.concat(parts).sort_values("series", kind="stable") if len(parts) > 1 else parts[0]


def _max_depth_of(
    panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int], length_s: int, coverage: float
) -> pd.DataFrame:
    """As `max_depth` for series of one step: a grid of intervals, windows along it."""
    step = next(iter(steps.values()))
    width, step_ns = length_s // step, step * 1_000_000_000
    first = int(bins.edges_ns[0]) - (width - 1) * step_ns
    edges = np.arange(first, int(bins.edges_ns[-1]) + 1, step_ns, dtype=np.int64)
    fine = cells(panel[panel["series"].isin(list(steps))], contiguous(edges), steps)
    rain = np.full(len(fine), np.nan)
    rain[fine.key] = fine.value
    table = rain.reshape(len(fine.series), -1)
    windows = np.lib.stride_tricks.sliding_window_view(table, width, axis=1).sum(axis=2)
    ends = fine.bins.start_ns[width - 1 :]
    return _largest(fine, windows, bins, ends, coverage)


def _largest(
    fine: Cells, windows: Floats, bins: Bins, ends: np.ndarray, coverage: float
) -> pd.DataFrame:
    place = bins.locate(ends)
    key = (np.arange(len(fine.series))[:, np.newaxis] * len(bins) + place).ravel()
    depth = windows.ravel()
    keep = ~np.isnan(depth) & (np.tile(place, len(fine.series)) >= 0)
    size = len(fine.series) * len(bins)
    n = np.bincount(key[keep], minlength=size).astype(np.int64)
    value = np.full(size, -np.inf)
    np.maximum.at(value, key[keep], depth[keep])
    grid = Cells(fine.series, bins, fine.step_s, key[keep], depth[keep], np.zeros(keep.sum()))
    expected = grid.expected
    value = np.where(n > 0, value, np.nan)
    return result_frame(grid, value, n, expected, is_covered(n, expected, coverage))


def rain_events(
    rain: pd.Series, step_min: int, *, pause_h: float = 6.0, least_mm: float = 1.0
) -> pd.DataFrame:
    """Rain events: wet spells separated by at least `pause_h` hours without 0.1 mm.

    Parameters
    ----------
    rain : Series of float
        Rain per interval [mm] by start of the interval.
    pause_h : float
        Dry time that ends an event: 6 h in statistics, 24 h in Dutch sewer practice. It changes
        the number of events by a factor 2: store it with them.
    least_mm : float
        Least depth of an event.

    Returns
    -------
    DataFrame
        `start`, `end` (of the last wet interval), `depth_mm`, `max_interval_mm`, `wet_intervals`,
        `missing` (intervals without value inside), `pause_h`.

    Notes
    -----
    A missing interval neither ends nor prolongs an event; `missing` tells which depths are low.

    Examples
    --------
    >>> hours = pd.date_range("2026-07-01T00:00Z", periods=24, freq="1h")
    >>> rain = pd.Series([2.0, 1.0] + [0.0] * 8 + [3.0] + [0.0] * 13, index=hours)
    >>> rain_events(rain, 60)["depth_mm"].tolist(), len(rain_events(rain, 60, pause_h=24))
    ([3.0, 3.0], 1)
    """
    grid = _on_grid(rain, step_min)
    wet = (grid >= WET_MM).to_numpy()
    place = np.flatnonzero(wet)
    if not len(place):
        return _events(grid, [], step_min, pause_h)
    gap = np.diff(place) - 1
    breaks = np.flatnonzero(gap * step_min >= pause_h * 60)
    groups = np.split(place, breaks + 1)
    table = _events(grid, groups, step_min, pause_h)
    return table[table["depth_mm"] >= least_mm - 1e-9].reset_index(drop=True)


def is_cloudburst(rain: pd.Series, step_min: int) -> Bools:
    """Whether each interval ends a cloudburst: over 10 mm in 5 min or over 25 mm in 1 h.

    The 5-minute criterion needs a step that divides 5 min; otherwise only the hour is judged.

    References
    ----------
    .. [1] KNMI, explanation "Wolkbreuk".
    """
    result = np.zeros(len(_on_grid(rain, step_min)), dtype=bool)
    for duration, limit in ((5, 10.0), (60, 25.0)):
        if duration % step_min == 0:
            result |= (rolling_depth(rain, step_min, duration) > limit).to_numpy()
    return result


def _on_grid(rain: pd.Series, step_min: int) -> pd.Series:
    index = pd.DatetimeIndex(rain.index)
    if not len(index):
        return rain
    grid = pd.date_range(index[0], index[-1], freq=f"{step_min}min")
    if not index.isin(grid).all():
        raise DataError(f"stamps do not fit a step of {step_min} min", hint="give the gauge's step")
    return rain.reindex(grid)


def _events(
    grid: pd.Series, groups: Sequence[np.ndarray], step_min: int, pause_h: float
) -> pd.DataFrame:
    step = pd.Timedelta(minutes=step_min)
    rows = []
    for group in groups:
        part = grid.iloc[group[0] : group[-1] + 1]
        rows.append(
            {
                "start": part.index[0],
                "end": part.index[-1] + step,
                "depth_mm": float(part.sum()),
                "max_interval_mm": float(part.max()),
                "wet_intervals": len(group),
                "missing": int(part.isna().sum()),
                "pause_h": pause_h,
            }
        )
    names = ["start", "end", "depth_mm", "max_interval_mm", "wet_intervals", "missing", "pause_h"]
    return pd.DataFrame(rows, columns=names)
