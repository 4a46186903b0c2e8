"""Means over several years of a statistic of the year, as target values of the directives ask.

References
----------
.. [1] Directive 2008/50/EC, Annex VII.B (ozone: mean of three and of five years) and XIV.A (average
   exposure indicator: mean of three years).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import is_covered
from transforms.air_annual import YEAR_COVERAGE, annual_mean, aot40, exceedance_count
from transforms.frames import VALID, Bools, Floats, Ints
from transforms.intervals import UTC1, years
from transforms.yearly import year_rows

#: Statistics of one year, by the name that configuration gives them.
STATISTICS = ("annual_mean", "aot40", "exceedance_count")


def mean_of_years(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    statistic: str,
    number: int,
    year_coverage: float = YEAR_COVERAGE,
    of: str = "hour",
    limit: float | None = None,
    capture: str = "year",
) -> pd.DataFrame:
    """Mean of a statistic over the last `number` years (fixed UTC+1), the one asked for included.

    Only years that are valid by themselves enter. The row is valid when enough of them are, and the
    year it is named for is one of them: while that one runs, the mean is of the years before.

    Parameters
    ----------
    panel : DataFrame
        Hourly values of all the years [ug/m3]; rows of configuration ask for them (`before_h`).
    start, end, zone, steps
        As in `transforms.air_annual.annual_mean`.
    coverage : float
        Least share of the years that are valid: 0.6 is 3 of 5, 0.33 is 1 of 3.
    statistic : str
        "annual_mean", "aot40" or "exceedance_count".
    number : int
        Years, at least 1.
    year_coverage : float
        Least data capture of each year.
    of, limit, capture
        As of `transforms.air_annual.exceedance_count`; `limit` for "exceedance_count" only.

    Returns
    -------
    DataFrame
        As `transforms.air_annual.annual_mean`; `n` counts valid years.

    Raises
    ------
    DataError
        On an unknown statistic, fewer than one year, or a count without a limit.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2024-01-01", "2026-01-01", freq="h", tz=UTC1, inclusive="left")
    >>> panel = to_panel(times, "a", np.where(times.year == 2024, 10.0, 20.0))
    >>> asked = {"start": times[-8760], "end": times[-1], "zone": "UTC", "steps": {"a": 3600}}
    >>> table = mean_of_years(panel, **asked, statistic="annual_mean", number=2)
    >>> table[["value", "n", "status"]].values.tolist()
    [[15.0, 2, 'valid']]
    """
    asked = years(start, end, zone, "year_utc1")
    if number < 1:
        raise DataError(f"a mean of {number} years", hint="number: 1 or more")
    if not len(asked):
        return year_rows(sorted(steps), asked, *_nothing())
    first = asked.index[0].tz_convert(UTC1) - pd.DateOffset(years=number - 1)
    given = {"start": first, "end": end, "zone": zone, "steps": steps, "coverage": year_coverage}
    table = _each_year(panel, given, statistic, of, limit, capture)
    shape = (len(steps), len(asked) + number - 1)
    valid = (table["status"] == VALID).to_numpy().reshape(shape)
    value, n = _means(table["value"].to_numpy().reshape(shape), valid, number)
    expected = np.full(len(n), number, dtype=np.int64)
    own = valid[:, number - 1 :].ravel()
    covered = is_covered(n, expected, coverage) & own
    return year_rows(sorted(steps), asked, value, n, expected, covered)


def _each_year(
    panel: pd.DataFrame,
    given: Mapping[str, object],
    statistic: str,
    of: str,
    limit: float | None,
    capture: str,
) -> pd.DataFrame:
    if statistic == "annual_mean":
        return annual_mean(panel, **given, capture=capture)  # type: ignore[arg-type]
    if statistic == "aot40":
        return aot40(panel, **given)  # type: ignore[arg-type]
    if statistic != "exceedance_count":
        hint = f"one of {', '.join(STATISTICS)}"
        raise DataError(f"unknown statistic of a year {statistic!r}", hint=hint)
    if limit is None:
        raise DataError("a count of exceedances without a limit", hint="limit: a number")
    return exceedance_count(panel, **given, of=of, limit=limit, capture=capture)  # type: ignore[arg-type]


def _means(value: Floats, valid: Bools, number: int) -> tuple[Floats, Ints]:
    """Mean and number of the valid years among the `number` that end with each."""
    window = np.lib.stride_tricks.sliding_window_view
    kept = window(np.where(valid, value, 0.0), number, axis=1)
    n = window(valid, number, axis=1).sum(axis=2).ravel()
    total = kept.sum(axis=2).ravel()
    return np.where(n > 0, total / np.maximum(n, 1), np.nan), n.astype(np.int64)


def _nothing() -> tuple[Floats, Ints, Ints, Bools]:
    none = np.zeros(0, dtype=np.int64)
    return np.zeros(0), none, none, np.zeros(0, dtype=np.bool_)
