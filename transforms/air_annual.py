"""Air quality over a year: means, percentiles, exceedances, ranks, AOT40.

One row per year and series. A year below its data capture still has a value, but its status is
"indicative": it is never compared with a limit, and a count in it is a lower bound. Values are not
rounded; comparisons with a limit are strict (>).

References
----------
.. [1] Directive 2008/50/EC, Annexes I, VII and XI.
.. [2] Directive (EU) 2024/2881, Annex V.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import covered_mean, is_covered
from transforms.air import HOUR_COVERAGE, hour_cells, hourly_steps, window_means
from transforms.air_capture import is_captured
from transforms.cells import Cells, exceedances, maximum, mean, percentile, rank, regrid, total
from transforms.frames import Floats
from transforms.intervals import (
    UTC1,
    Bins,
    civil_days,
    civil_years,
    parts_of_days,
    regrouped,
    years,
)
from transforms.yearly import covered_year, year_rows

#: Least share of the values of a year: 90 % by 2008/50/EC, 85 % by (EU) 2024/2881.
YEAR_COVERAGE: Final = 0.9
DAY_COVERAGE: Final = 0.75
_DAY_S: Final = 86_400


def annual_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = YEAR_COVERAGE,
    period: str = "year_utc1",
    capture: str = "year",
) -> pd.DataFrame:
    """Annual mean concentration: mean of all valid hourly means (not of daily means).

    Parameters
    ----------
    panel, steps
        As in `transforms.air.hourly_mean`.
    start, end : Timestamp
        Years that start in [start, end).
    zone : str
        Time zone of the lab; the years of `period` "year" are those of its calendar.
    coverage : float
        Least data capture, of the hours of the year by the clock.
    period : str
        "year_utc1": fixed UTC+1 all year. "year": civil year.
    capture : str
        Where the capture must hold: "year", "quarters", "seasons" or "summer_months", see
        `transforms.air_capture.is_captured`.

    Returns
    -------
    DataFrame
        Index `time` (start of the year, UTC), columns `series`, `value`, `coverage` (capture), `n`
        (valid hours), `status`: "valid", "indicative" below the capture, "insufficient" without
        any value.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex I.A and XI.A (90 %).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2025-01-01", periods=8760, freq="h", tz="UTC")
    >>> panel = to_panel(times, "a", np.repeat([10.0, 30.0], 4380))
    >>> rows = {"start": times[0], "end": times[-1], "zone": "UTC", "steps": {"a": 3600}}
    >>> annual_mean(panel, **rows, period="year")[["value", "status"]].values.tolist()
    [[20.0, 'valid']]
    >>> annual_mean(panel[:100], **rows, period="year")[["value", "status"]].values.tolist()
    [[10.0, 'indicative']]
    """
    asked, zone = years(start, end, zone, period), _zone(zone, period)
    base = _base(panel, asked, zone, steps, "hour")
    return _rows(base, mean(base), panel, zone, steps, capture, coverage)


def annual_percentile(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = YEAR_COVERAGE,
    period: str = "year_utc1",
    of: str = "hour",
    capture: str = "year",
    percent: float = 98.0,
) -> pd.DataFrame:
    """Percentile (linear) of a year's hourly means, daily means or daily maximum 8-hour means.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period, capture
        As in `annual_mean`.
    of : str
        "hour", "day" or "max_8h".
    percent : float
        0..100; 0 is the lowest, 100 the highest value.
    """
    asked, zone = years(start, end, zone, period), _zone(zone, period)
    base = _base(panel, asked, zone, steps, of)
    return _rows(base, percentile(base, percent), panel, zone, steps, capture, coverage)


def exceedance_count(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = YEAR_COVERAGE,
    period: str = "year_utc1",
    of: str = "hour",
    capture: str = "year",
    limit: float,
) -> pd.DataFrame:
    """Number of hours or days of a year strictly above `limit`.

    In an incomplete year it is a lower bound ("indicative"), which may still prove non-compliance.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period, of, capture
        As in `annual_percentile`.
    limit : float
        In the unit of the panel; a value equal to it is no exceedance.

    References
    ----------
    .. [1] Directive (EU) 2024/2881, Annex V.D.
    """
    asked, zone = years(start, end, zone, period), _zone(zone, period)
    base = _base(panel, asked, zone, steps, of)
    return _rows(base, exceedances(base, limit), panel, zone, steps, capture, coverage)


def rank_value(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = YEAR_COVERAGE,
    period: str = "year_utc1",
    of: str = "hour",
    capture: str = "year",
    allowed: int,
) -> pd.DataFrame:
    """Highest value of a year when the `allowed` highest are set aside.

    At or below the limit it means compliance with "not more than `allowed` times a year": the 19th
    highest NO2 hour for 18 allowed exceedances, the 36th PM10 day, the 26th ozone day.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage, period, of, capture
        As in `annual_percentile`.
    allowed : int
        Exceedances that the limit permits.
    """
    asked, zone = years(start, end, zone, period), _zone(zone, period)
    base = _base(panel, asked, zone, steps, of)
    return _rows(base, rank(base, allowed + 1), panel, zone, steps, capture, coverage)


def aot40(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - the directive fixes the clock
    steps: Mapping[str, int],
    coverage: float = 0.9,
    threshold: float = 80.0,
) -> pd.DataFrame:
    """AOT40 of ozone [ug/m3 h]: sum of what hourly means exceed 80 ug/m3 by.

    Hours from 08:00 to 20:00 in fixed UTC+1, May to July. With missing hours the sum is scaled by
    possible / measured hours. The target value 18000 is for the mean of five years.

    Parameters
    ----------
    panel, start, end, steps
        As in `annual_mean`; ozone in ug/m3.
    coverage : float
        Least share of those hours.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex VII.A.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.date_range("2025-05-01T07:00Z", periods=12, freq="h")  # 08-20 in UTC+1
    >>> panel = to_panel(day[:3], "a", [85.0, 100.0, 70.0])
    >>> rows = {"start": pd.Timestamp("2024-12-31T23:00Z"), "end": day[0], "zone": "UTC"}
    >>> table = aot40(panel, **rows, steps={"a": 3600})
    >>> table["n"].tolist(), (table["value"] * table["coverage"]).tolist()
    ([3], [25.0])
    """
    years = civil_years(start, end, UTC1)
    grid = hour_cells(panel, growing_season(years), steps)
    hourly = covered_mean(grid, HOUR_COVERAGE)
    above = np.where(np.isnan(hourly), np.nan, np.maximum(hourly - threshold, 0.0))
    season = regrid(grid, above, growing_season(years), hourly_steps(grid))
    scale = season.expected / np.maximum(season.n, 1)
    return covered_year(season, total(season) * scale, coverage)


def growing_season(years: Bins) -> Bins:
    """One bin per year: 08:00 to 20:00 of the days of May, June and July, in fixed UTC+1."""
    first, last = (pd.Timestamp(edge, tz="UTC") for edge in years.span_ns)
    parts = parts_of_days(first, last, UTC1, [(8, 20)])
    month = parts.index.tz_convert(UTC1).month
    group = np.where((month >= 5) & (month <= 7), years.locate(parts.start_ns), -1)
    return regrouped(parts, group, years.start_ns)


def _rows(
    base: Cells,
    value: Floats,
    panel: pd.DataFrame,
    zone: str,
    steps: Mapping[str, int],
    capture: str,
    coverage: float,
) -> pd.DataFrame:
    covered = is_captured(base, panel, zone, steps, capture, coverage)
    return year_rows(base.series, base.bins, value, base.n, base.expected, covered)


def _zone(zone: str, period: str) -> str:
    return UTC1 if period == "year_utc1" else zone


def _base(panel: pd.DataFrame, years: Bins, zone: str, steps: Mapping[str, int], of: str) -> Cells:
    """Values of each year that a statistic counts: hours, days or daily maxima."""
    if of == "hour":
        grid = hour_cells(panel, years, steps)
        return regrid(grid, covered_mean(grid, HOUR_COVERAGE), years, hourly_steps(grid))
    first, last = (pd.Timestamp(edge, tz="UTC") for edge in years.span_ns)
    day_bins = civil_days(first, last, zone)
    if of == "day":
        grid = hour_cells(panel, day_bins, steps)
        daily = regrid(grid, covered_mean(grid, HOUR_COVERAGE), day_bins, hourly_steps(grid))
        value = covered_mean(daily, DAY_COVERAGE)
    elif of == "max_8h":
        daily = window_means(panel, day_bins, steps, HOUR_COVERAGE)
        enough = is_covered(daily.n, daily.expected, DAY_COVERAGE)
        value = np.where(enough, maximum(daily), np.nan)
    else:
        raise DataError(f"unknown base of annual values {of!r}", hint="hour, day or max_8h")
    return regrid(daily, value, years, np.full(len(daily.series), _DAY_S, dtype=np.int64))
