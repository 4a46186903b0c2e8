"""Air quality: hourly means, daily means, running means, daily maximum 8-hour mean.

Concentrations in the canonical unit of the quantity (gases in ug/m3 at 20 degC and 101.325 kPa,
particulate matter at ambient conditions). Negative values near zero are noise and stay in means.

References
----------
.. [1] Directive 2008/50/EC, Annexes VII and XI.
.. [2] Directive (EU) 2024/2881, Annex V.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.timeline import HOUR_NS
from transforms.aggregate import (
    binned,
    covered_mean,
    covered_result,
    indicator_rows,
    is_covered,
)
from transforms.cells import Cells, cells, maximum, mean, regrid
from transforms.frames import Floats, Ints
from transforms.intervals import Bins, days, hours, hours_between

HOUR_S: Final = 3600
#: Least share of the readings of an hour [1]_.
HOUR_COVERAGE: Final = 0.75
#: Length of the window of the ozone target value [h], and its least share of hours [1]_.
WINDOW_H: Final = 8
WINDOW_COVERAGE: Final = 0.75


def hourly_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - hours are the same in every zone; indicators have one signature
    steps: Mapping[str, int],
    coverage: float = HOUR_COVERAGE,
) -> pd.DataFrame:
    """Hourly mean concentration: mean of the valid values in [h, h + 1).

    Parameters
    ----------
    panel : DataFrame
        Panel of one quantity [canonical unit].
    start, end : Timestamp
        Aware; hours that start in [start, end).
    zone : str
        Time zone of the lab; no influence.
    steps : mapping of str to int
        Nominal interval of every expected series [s].
    coverage : float
        Least share of the expected values; 0.75 is 45 of 60 minutes.

    Returns
    -------
    DataFrame
        Index `time` (start of the hour, UTC), columns `series`, `value` (NaN below coverage),
        `coverage`, `n` (values), `status`.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex VII.A.2 and XI.A.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> minutes = 60_000_000_000 * np.arange(60)
    >>> panel = to_panel(minutes, "a", np.arange(60.0))
    >>> span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(3600, unit="s", tz="UTC")}
    >>> hourly_mean(panel, **span, zone="UTC", steps={"a": 60})["value"].tolist()
    [29.5]
    >>> hourly_mean(panel[:44], **span, zone="UTC", steps={"a": 60})["status"].tolist()
    ['insufficient']
    """
    return binned(panel, hours(start, end), steps, "mean", coverage)


def daily_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "day_utc1",
    hour_coverage: float = HOUR_COVERAGE,
) -> pd.DataFrame:
    """Daily mean concentration: mean of the valid hourly means of the day.

    Parameters
    ----------
    panel, start, end, steps
        As in `hourly_mean`. Days of UTC+1 reach one hour beyond a civil day in summer: the panel
        holds that hour too.
    zone : str
        Time zone of the lab; the days of `period` "day" are its calendar days.
    coverage : float
        Least share of the hours of the day: 18 of 24 (23 h: 18, 25 h: 19).
    period : str
        "day_utc1": legal air day, fixed UTC+1 all year. "day": civil day, 23 to 25 h.
    hour_coverage : float
        Least share of the readings of an hour.

    Returns
    -------
    DataFrame
        As `hourly_mean`; `n` and `coverage` count valid hours.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex XI.A.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> hour = 3_600_000_000_000
    >>> panel = to_panel(hour * np.arange(18), "a", np.full(18, 20.0))
    >>> day = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="D", tz="UTC")}
    >>> rows = {**day, "zone": "UTC", "steps": {"a": 3600}, "period": "day"}
    >>> daily_mean(panel, **rows)[["value", "n"]].values.tolist()
    [[20.0, 18.0]]
    >>> daily_mean(panel[1:], **rows)["status"].tolist()
    ['insufficient']
    """
    bins = days(start, end, zone, period)
    grid = hour_cells(panel, bins, steps)
    daily = regrid(grid, covered_mean(grid, hour_coverage), bins, hourly_steps(grid))
    return covered_result(daily, mean(daily), coverage)


def running_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - hours are the same in every zone
    steps: Mapping[str, int],
    coverage: float = WINDOW_COVERAGE,
    width_h: int = WINDOW_H,
    hour_coverage: float = HOUR_COVERAGE,
) -> pd.DataFrame:
    """Running mean over `width_h` hours that end with each hour, from the hourly means.

    Needs the hours before `start`: a panel without them has fewer hours in its first windows.

    Parameters
    ----------
    panel, start, end, zone, steps
        As in `hourly_mean`; margin before: `width_h` - 1 hours.
    coverage : float
        Least share of the hours of a window; 0.75 is 6 of 8.

    Returns
    -------
    DataFrame
        As `hourly_mean`; the row of hour h is the window of hours h - width + 1 to h, and `n` its
        valid hours.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> hour = 3_600_000_000_000
    >>> panel = to_panel(hour * np.arange(8), "a", np.arange(8.0))
    >>> span = {"start": pd.Timestamp(4 * hour, tz="UTC"), "end": pd.Timestamp(8 * hour, tz="UTC")}
    >>> running_mean(panel, **span, zone="UTC", steps={"a": 3600})["value"].tolist()
    [nan, 2.5, 3.0, 3.5]
    """
    first, last = hours(start, end).span_ns
    grid = cells(panel, hours_between(first - (width_h - 1) * HOUR_NS, last), steps)
    value, n = running(grid, covered_mean(grid, hour_coverage), width_h)
    keep = np.tile(grid.bins.start_ns >= first, len(grid.series))
    value, n = value[keep], n[keep]
    expected = np.full(len(n), width_h, dtype=np.int64)
    covered = is_covered(n, expected, coverage)
    return indicator_rows(grid.series, hours(start, end), value, n, expected, covered)


def lowest_of_hours(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - hours are the same in every zone
    steps: Mapping[str, int],
    coverage: float = 1.0,
    width_h: int = 3,
    hour_coverage: float = HOUR_COVERAGE,
) -> pd.DataFrame:
    """Lowest hourly mean of the `width_h` hours that end with each hour.

    Above an alert threshold it means that the threshold was exceeded in all of these consecutive
    hours.

    Parameters
    ----------
    panel, start, end, zone, steps
        As in `hourly_mean`; margin before: `width_h` - 1 hours.
    coverage : float
        Least share of the hours; 1 = all, as a missing hour may have been below.

    Returns
    -------
    DataFrame
        As `running_mean`.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex XII (NO2 and SO2: three consecutive hours).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> hour = 3_600_000_000_000
    >>> panel = to_panel(hour * np.arange(5), "a", [410.0, 450.0, 420.0, 300.0, 500.0])
    >>> span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(5 * hour, tz="UTC")}
    >>> lowest_of_hours(panel, **span, zone="UTC", steps={"a": 3600})["value"].tolist()
    [nan, nan, 410.0, 300.0, 300.0]
    """
    first, last = hours(start, end).span_ns
    grid = cells(panel, hours_between(first - (width_h - 1) * HOUR_NS, last), steps)
    table = covered_mean(grid, hour_coverage).reshape(len(grid.series), -1)
    windows = np.lib.stride_tricks.sliding_window_view(table, width_h, axis=1)
    n = (~np.isnan(windows)).sum(axis=2).ravel().astype(np.int64)
    lowest = np.fmin.reduce(windows, axis=2).ravel()
    expected = np.full(len(n), width_h, dtype=np.int64)
    covered = is_covered(n, expected, coverage)
    return indicator_rows(grid.series, hours(start, end), lowest, n, expected, covered)


def max_daily_8h_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "day_utc1",
    hour_coverage: float = HOUR_COVERAGE,
) -> pd.DataFrame:
    """Highest running 8-hour mean of the day; a window belongs to the day of its last hour.

    The first window of a day runs from 17:00 of the day before to 01:00, the last one from 16:00 to
    24:00. A window needs 6 of its 8 hours, the day 18 of its 24 windows.

    Parameters
    ----------
    panel, start, end, zone, steps, period, hour_coverage
        As in `daily_mean`; margin before: 7 hours. Without it the first windows lack hours.
    coverage : float
        Least share of the windows of the day.

    Returns
    -------
    DataFrame
        As `hourly_mean`; `n` and `coverage` count valid windows.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex VII.A and footnote of Annex XI.B.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel(3_600_000_000_000 * np.arange(24), "a", np.repeat([10.0, 100.0], [16, 8]))
    >>> day = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="D", tz="UTC")}
    >>> rows = {**day, "zone": "UTC", "steps": {"a": 3600}, "period": "day"}
    >>> max_daily_8h_mean(panel, **rows)[["value", "n"]].values.tolist()
    [[100.0, 19.0]]
    """
    bins = days(start, end, zone, period)
    windows = window_means(panel, bins, steps, hour_coverage)
    return covered_result(windows, maximum(windows), coverage)


def window_means(
    panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int], hour_coverage: float
) -> Cells:
    """Valid running 8-hour means, sorted into the bins that hold their last hour."""
    grid = hour_cells(panel, bins, steps, before_h=WINDOW_H - 1)
    value, n = running(grid, covered_mean(grid, hour_coverage), WINDOW_H)
    enough = is_covered(n, np.full(len(n), WINDOW_H, dtype=np.int64), WINDOW_COVERAGE)
    return regrid(grid, np.where(enough, value, np.nan), bins, hourly_steps(grid))


def running(grid: Cells, value: Floats, width: int) -> tuple[Floats, Ints]:
    """Mean and number of the values in the `width` cells that end with each cell, per series.

    The values are added window by window in the order of time: a window's mean depends on its own
    values alone. NaN where a window has none.
    """
    table = value.reshape(len(grid.series), len(grid.bins))
    padded = np.pad(table, ((0, 0), (width - 1, 0)), constant_values=np.nan)
    present = ~np.isnan(padded)
    filled = np.where(present, padded, 0.0)
    size = table.shape[1]
    total, n = np.zeros(table.shape), np.zeros(table.shape, dtype=np.int64)
    for shift in range(width):
        total += filled[:, shift : shift + size]
        n += present[:, shift : shift + size]
    return np.where(n > 0, total / np.maximum(n, 1), np.nan).ravel(), n.ravel()


def hour_cells(
    panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int], before_h: int = 0
) -> Cells:
    """Cells of the hours from `before_h` hours before the first bin to the end of the last."""
    first, last = bins.span_ns
    return cells(panel, hours_between(first - before_h * HOUR_NS, last), steps)


def hourly_steps(grid: Cells) -> Ints:
    """Interval at which a series can have an hourly mean [s]: not more often than it measures."""
    return np.maximum(grid.step_s, HOUR_S)
