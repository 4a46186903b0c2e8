"""Ozone over months and years: peak season of the WHO, target value over three years.

References
----------
.. [1] WHO global air quality guidelines (2021), table 0.1.
.. [2] Directive 2008/50/EC, Annex VII.B.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from transforms.aggregate import is_covered
from transforms.air import HOUR_COVERAGE, window_means
from transforms.cells import Cells, maximum, mean, regrid
from transforms.frames import Floats, Ints
from transforms.intervals import UTC1, civil_days, civil_months, civil_years
from transforms.yearly import year_rows

SEASON_MONTHS: Final = 6
DAY_COVERAGE: Final = 0.75
_DAY_S: Final = 86_400


def peak_season(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - years of fixed UTC+1, as the other ozone statistics
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Peak-season ozone [ug/m3]: highest mean of daily maximum 8-hour means over six months.

    The six consecutive months lie within the calendar year (fixed UTC+1); each day weighs the same.

    Parameters
    ----------
    panel, start, end, steps
        As in `transforms.air_annual.annual_mean`; ozone in ug/m3.
    coverage : float
        Least share of the days of the six months; only such seasons compete.

    Returns
    -------
    DataFrame
        As `transforms.air_annual.annual_mean`; `n` and `coverage` count the days of the season.

    References
    ----------
    .. [1] WHO global air quality guidelines (2021), table 0.1: 60 ug/m3.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2025-01-01", "2026-01-01", freq="h", tz=UTC1, inclusive="left")
    >>> warm = np.where((times.month >= 4) & (times.month <= 9), 90.0, 40.0)
    >>> rows = {"start": times[0], "end": times[-1], "zone": UTC1, "steps": {"o3": 3600}}
    >>> peak_season(to_panel(times, "o3", warm), **rows)["value"].round(1).tolist()
    [90.0]
    """
    years = civil_years(start, end, UTC1)
    first, last = (pd.Timestamp(edge, tz="UTC") for edge in years.span_ns)
    days, months = civil_days(first, last, UTC1), civil_months(first, last, UTC1)
    windows = window_means(panel, days, steps, HOUR_COVERAGE)
    enough = is_covered(windows.n, windows.expected, DAY_COVERAGE)
    step = np.full(len(windows.series), _DAY_S, dtype=np.int64)
    daily = np.where(enough, maximum(windows), np.nan)
    by_month = regrid(windows, daily, months, step)
    value, n, expected = _best_season(by_month, len(years), coverage)
    whole = is_covered(n, expected, coverage)
    return year_rows(by_month.series, years, value, n, expected, whole)


def _best_season(by_month: Cells, years: int, coverage: float) -> tuple[Floats, Ints, Ints]:
    """Highest six-month mean of each series and year, its days with a value and its days.

    Among the seasons that are covered; where none is, the season with most days.
    """
    shape = (len(by_month.series), years, 12)
    n, days = by_month.n.reshape(shape), by_month.expected.reshape(shape)
    total = np.where(n > 0, mean(by_month).reshape(shape) * n, 0.0)
    sums, counts, lengths = (_six_months(table) for table in (total, n, days))
    means = np.divide(sums, counts, out=np.full(sums.shape, -np.inf), where=counts > 0)
    covered = is_covered(counts.astype(np.int64), lengths.astype(np.int64), coverage)
    score = np.where(covered.any(axis=-1, keepdims=True), np.where(covered, means, -np.inf), counts)
    best = np.argmax(score, axis=-1)[..., np.newaxis]
    value = np.take_along_axis(means, best, axis=-1).ravel()
    chosen = [np.take_along_axis(table, best, axis=-1).ravel() for table in (counts, lengths)]
    return (
        np.where(np.isfinite(value), value, np.nan),
        chosen[0].astype(np.int64),
        chosen[1].astype(np.int64),
    )


def _six_months(table: Floats | Ints) -> Floats:
    """Sums over six consecutive months, for the seven seasons that lie within a year."""
    result = np.zeros((*table.shape[:-1], 12 - SEASON_MONTHS + 1))
    for offset in range(SEASON_MONTHS):
        result += table[..., offset : offset + result.shape[-1]]
    return result


def three_year_mean(exceedance_days: ArrayLike, is_valid: ArrayLike) -> float:
    """Mean number of exceedance days over the valid ones of up to three years; NaN without any.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex VII.B, note 2 (one valid year is enough).

    Examples
    --------
    >>> three_year_mean([20, 31, 27], [True, True, False]), three_year_mean([4], [False])
    (25.5, nan)
    """
    days = np.asarray(exceedance_days, dtype=np.float64)[np.asarray(is_valid, dtype=np.bool_)]
    return float(days.mean()) if len(days) else float("nan")
