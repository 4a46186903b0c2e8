"""Indicators of traffic counters and speed sensors, the names configuration uses.

Every function takes a panel and returns one row per series and interval (see
`transforms.aggregate.result_frame`). A count is a sum, so an interval with a reading missing has no
count: a partial sum is lower than the truth, and scaling it up would invent traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import is_covered, result_frame
from transforms.cells import Cells, cells, maximum, regrid, total
from transforms.frames import Ints, require_panel, time_ns
from transforms.intervals import Bins, civil_days, hours, hours_between, parts_of_days
from transforms.speed_indicators import share_over_limit, v50, v85, v85_from_bins
from transforms.wide import mark_weak

__all__ = [
    "daily_count",
    "highest_hour",
    "hourly_count",
    "in_operation",
    "share_over_limit",
    "v50",
    "v85",
    "v85_from_bins",
]

HOUR_S: Final = 3_600
DAY_S: Final = 86_400


def hourly_count(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 1.0,
    uptime: str = "uptime",
    least_uptime: float = 0.5,
) -> pd.DataFrame:
    """Passages per hour [1].

    Sum of the counts whose interval starts in the hour. Where the panel also holds the quantity
    `uptime` (a camera counter's share of the hour in operation), a count with less than
    `least_uptime` is void: its zeros are darkness, not empty streets. Counts are taken as already
    divided by uptime, as Telraam does.

    Parameters
    ----------
    panel : DataFrame
        Counts per interval; one quantity, or one and `uptime`.
    start, end : Timestamp
        Hours that start in [start, end).
    zone : str
        Not used: hours are the same in every zone of whole hours.
    steps : mapping of str to int
        Nominal interval of every series [s].
    coverage : float
        Least share of the intervals of the hour; 1 = all, as a partial sum is too low.
    uptime : str
        Name of the quantity that holds the uptime, 0..1.
    least_uptime : float
        Least uptime of a valid count.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`.

    Raises
    ------
    DataError
        If the panel breaks the contract or holds more than one count.

    References
    ----------
    .. [1] Telraam, data documentation, "uptime" (hours below 0.5 are unreliable).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> quarters = pd.date_range("2026-03-29T00:00Z", periods=7, freq="15min")
    >>> table = hourly_count(to_panel(quarters, "a", [1.0, 2, 3, 4, 5, 6, 7]), start=quarters[0],
    ...     end=quarters[0] + pd.Timedelta(hours=2), zone="Europe/Amsterdam", steps={"a": 900})
    >>> table["value"].tolist(), table["n"].tolist()
    ([10.0, nan], [4, 3])
    """
    counts = in_operation(panel, uptime, least_uptime)
    grid = cells(counts, hours(start, end), steps)
    return _counted(grid, grid.expected, coverage, None)


def daily_count(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    hours_of_day: tuple[int, int] = (0, 24),
    merged_autumn_hour: bool = False,
    indicative_coverage: float | None = None,
    uptime: str = "uptime",
    least_uptime: float = 0.5,
) -> pd.DataFrame:
    """Passages per civil day [1] (etmaalintensiteit).

    Sum of the counts of the calendar day of `zone`, which has 23, 24 or 25 hours; only days with
    all their intervals have a total (at the default coverage of 1).

    Parameters
    ----------
    hours_of_day : (int, int)
        Local hours [from, to) that are counted and expected, e.g. (8, 17) for cameras that see by
        daylight only.
    merged_autumn_hour : bool
        Counters on local clocks write one row for the two hours of the same name when summer time
        ends; then 24 hours are expected on the day of 25.
    indicative_coverage : float, optional
        From this coverage on, a day below `coverage` keeps its sum with status "indicative": a
        lower bound that must not be compared between days. Camera counters never see a whole day.
    panel, start, end, zone, steps, coverage, uptime, least_uptime
        As in `hourly_count`; civil days that start in [start, end).

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`, index = UTC start of the civil day.

    Raises
    ------
    DataError
        As `hourly_count`.

    References
    ----------
    .. [1] FHWA, Traffic Monitoring Guide (2022), 3.2 (a day total needs all intervals).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2025-10-26", tz="Europe/Amsterdam")
    >>> times = pd.date_range(day, periods=25, freq="1h")
    >>> table = daily_count(to_panel(times, "a", np.ones(25)), start=day, zone="Europe/Amsterdam",
    ...     end=day + pd.DateOffset(days=2), steps={"a": 3600})
    >>> table["value"].tolist(), table["coverage"].tolist()
    ([25.0, nan], [1.0, 0.0])
    """
    counts = in_operation(panel, uptime, least_uptime)
    bins = _days(start, end, zone, hours_of_day)
    grid = cells(counts, bins, steps)
    expected = grid.expected
    if merged_autumn_hour:
        expected = np.minimum(expected, np.repeat(DAY_S // grid.step_s, len(bins)))
    return _counted(grid, expected, coverage, indicative_coverage)


def highest_hour(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    result: str = "count",
    uptime: str = "uptime",
    least_uptime: float = 0.5,
) -> pd.DataFrame:
    """Highest hour count of each civil day, or its share of the day's passages.

    Hours of the clock with all their intervals; of equal hours it does not matter which.

    Parameters
    ----------
    panel, start, end, zone, steps, uptime, least_uptime
        As in `daily_count`.
    coverage : float
        Least share of the hours of the day that were counted; a share of a part of the day is too
        high.
    result : str
        "count": passages per hour. "share": of the day's passages [1], none on a day without any.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`, index = UTC start of the civil day; n = hours.

    Raises
    ------
    DataError
        As `hourly_count`, or on an unknown result.

    References
    ----------
    .. [1] FHWA, Traffic Monitoring Guide (2022), glossary (peak hour).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> counts = to_panel(pd.date_range(day, periods=24, freq="h"), "a", [6.0] + [2.0] * 23)
    >>> asked = {"start": day, "end": day + pd.Timedelta(days=1), "zone": "UTC"}
    >>> highest_hour(counts, **asked, steps={"a": 3600}, result="share")["value"].round(4).tolist()
    [0.1154]
    """
    if result not in {"count", "share"}:
        raise DataError(f"unknown result of a highest hour {result!r}", hint="count or share")
    bins = civil_days(start, end, zone)
    grid = cells(in_operation(panel, uptime, least_uptime), hours_between(*bins.span_ns), steps)
    counts = np.where(is_covered(grid.n, grid.expected, 1.0), total(grid), np.nan)
    by_day = regrid(grid, counts, bins, np.maximum(grid.step_s, HOUR_S))
    value, whole = maximum(by_day), total(by_day)
    if result == "share":
        value = np.divide(value, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    n, expected = by_day.n, by_day.expected
    return result_frame(by_day, value, n, expected, is_covered(n, expected, coverage))


def in_operation(panel: pd.DataFrame, uptime: str, least_uptime: float) -> pd.DataFrame:
    """Counts of a panel without those measured while the counter was mostly off.

    A count is void if its device reports `uptime` below `least_uptime` at the same time. The
    device of a series "area|device|channel" is what stands before the last bar.

    Raises
    ------
    DataError
        If the panel holds more than one quantity besides `uptime`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> hour = pd.to_datetime(["2026-03-01T06:00Z", "2026-03-01T07:00Z"] * 2)
    >>> panel = to_panel(hour, "a|cam|0", [5.0, 7.0, 0.25, 0.8],
    ...                  ["count_bike", "count_bike", "uptime", "uptime"])
    >>> in_operation(panel, "uptime", 0.5)["value"].tolist()
    [7.0]
    """
    require_panel(panel)
    if "quantity" not in panel.columns:
        return panel
    is_uptime = (panel["quantity"] == uptime).to_numpy()
    counts = panel[~is_uptime]
    names = sorted(counts["quantity"].unique())
    if len(names) > 1:
        raise DataError(
            f"one count at a time, got {', '.join(names)}",
            hint="modes are told apart by modal_split",
        )
    # NaN uptime is no statement that the counter ran.
    low = panel[is_uptime & ~(panel["value"] >= least_uptime).to_numpy()]
    void = _device_times(counts).isin(_device_times(low))
    return counts.loc[~void, ["series", "value"]]


def _device_times(panel: pd.DataFrame) -> pd.MultiIndex:
    device = panel["series"].str.rsplit("|", n=1).str[0]
    return pd.MultiIndex.from_arrays([device.to_numpy(), time_ns(panel)])


def _counted(
    grid: Cells, expected: Ints, coverage: float, indicative_coverage: float | None
) -> pd.DataFrame:
    n = grid.n
    complete = is_covered(n, expected, coverage)
    if indicative_coverage is None:
        return result_frame(grid, total(grid), n, expected, complete)
    partial = is_covered(n, expected, indicative_coverage)
    frame = result_frame(grid, total(grid), n, expected, complete | partial)
    return mark_weak(frame, ~complete)


def _days(start: pd.Timestamp, end: pd.Timestamp, zone: str, span: tuple[int, int]) -> Bins:
    if span == (0, 24):
        return civil_days(start, end, zone)
    if not 0 <= span[0] < span[1] <= 24:
        raise DataError(f"hours_of_day {span} is no span of a day", hint="e.g. [8, 17]")
    return parts_of_days(start, end, zone, [span])
