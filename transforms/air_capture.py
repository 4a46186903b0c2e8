"""Data capture of a year of air: also within its quarters, its seasons or its summer months.

References
----------
.. [1] Directive 2008/50/EC, Annex VII.A.2 (ozone) and XI.A.
.. [2] Directive (EU) 2024/2881, Annex V.B (85 %, also within the quarters of the year).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import covered_mean, is_covered
from transforms.air import HOUR_COVERAGE, hour_cells, hourly_steps
from transforms.cells import Cells, rebinned, regrid
from transforms.frames import Bools
from transforms.intervals import UTC1, Bins, civil_months, parts_within

MONTHS: Final = 12
#: Parts of the year by month; winter is January to March with October to December.
QUARTERS: Final = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)
SEASONS: Final = (0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0)
PARTS: Final[Mapping[str, tuple[int, ...]]] = {"quarters": QUARTERS, "seasons": SEASONS}
#: Summer is April to September; five of its months are enough for a count [1]_.
SUMMER: Final = slice(3, 9)
SUMMER_MONTHS: Final = 5
#: Daily maxima that a month of a count needs, and the share of its hours 08-20 [1]_.
DAYS_OF_MONTH: Final = 27
DAYTIME: Final = (8, 20)
DAYTIME_COVERAGE: Final = 0.9


def is_captured(
    base: Cells, panel: pd.DataFrame, zone: str, steps: Mapping[str, int], rule: str, share: float
) -> Bools:
    """Whether the data of each year are enough, by the name the rule has in configuration.

    Parameters
    ----------
    base : Cells
        Values of each year that a statistic counts: hours or days.
    panel, steps
        What they were made of: "summer_months" looks at the hours of the day again.
    zone : str
        Zone of the years.
    rule : str
        "year": `share` of the values of the year. "quarters": and of each quarter. "seasons": of
        summer (April to September) and of winter, each. "summer_months": in five of the six months
        April to September 27 values and 90 % of the hours from 08:00 to 20:00 in fixed UTC+1.
    share : float
        Least share of the values, 0..1; "summer_months" has its own numbers.

    Raises
    ------
    DataError
        On an unknown rule.
    """
    whole = is_covered(base.n, base.expected, share)
    if rule == "year":
        return whole
    months = civil_months(*_span(base.bins), zone)
    by_month = rebinned(base, months)
    if rule == "summer_months":
        enough = (by_month.n >= DAYS_OF_MONTH) & _daytime(panel, months, steps)
        summer = enough.reshape(-1, MONTHS)[:, SUMMER]
        return np.asarray(summer.sum(axis=1) >= SUMMER_MONTHS, dtype=np.bool_)
    if rule not in PARTS:
        known = ", ".join(("year", *PARTS, "summer_months"))
        raise DataError(f"unknown rule of data capture {rule!r}", hint=f"one of {known}")
    parts = [np.equal(PARTS[rule], part) for part in sorted(set(PARTS[rule]))]
    n, expected = (each.reshape(-1, MONTHS) for each in (by_month.n, by_month.expected))
    held = [is_covered(n[:, part].sum(1), expected[:, part].sum(1), share) for part in parts]
    return np.asarray(whole & np.logical_and.reduce(held), dtype=np.bool_)


def _daytime(panel: pd.DataFrame, months: Bins, steps: Mapping[str, int]) -> Bools:
    """Whether each month has enough of its hours from 08:00 to 20:00 in fixed UTC+1."""
    daytime = parts_within(months, UTC1, [DAYTIME])
    grid = hour_cells(panel, daytime, steps)
    hours = regrid(grid, covered_mean(grid, HOUR_COVERAGE), daytime, hourly_steps(grid))
    return is_covered(hours.n, hours.expected, DAYTIME_COVERAGE)


def _span(bins: Bins) -> tuple[pd.Timestamp, pd.Timestamp]:
    first, last = bins.span_ns
    return pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC")
