"""Noise over a year: long-term Lday, Levening, Lnight and Lden, and what makes a year whole.

References
----------
.. [1] Directive 2002/49/EC, Annex I.1 and I.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from transforms.aggregate import Cells, cells, is_covered
from transforms.cells import energy_mean
from transforms.frames import Bools, of_quantity
from transforms.intervals import years
from transforms.noise import weighted_level
from transforms.yearly import year_rows

#: Least days with a value in each half of a year [engineering default].
HALF_YEAR_DAYS: Final = 60


def long_term_level(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
) -> pd.DataFrame:
    """Long-term average level of a part of the day [dB(A)]: energy mean over the days of a year.

    Parameters
    ----------
    panel : DataFrame
        Panel of daily Lday, Levening or Lnight [dB(A)].
    start, end, zone, steps, period
        As in `transforms.yearly.year_statistic`.
    coverage : float
        Least share of the days; besides, 60 days in each half of the year.

    Returns
    -------
    DataFrame
        As `transforms.yearly.year_statistic`; `n` counts days.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> days = pd.date_range("2025-01-01", periods=365, tz="UTC")
    >>> panel = to_panel(days, "a", np.tile([50.0, 70.0], 183)[:365])
    >>> asked = {"start": days[0], "end": days[-1], "zone": "UTC", "steps": {"a": 86400}}
    >>> long_term_level(panel, **asked)[["value", "status"]].round(1).values.tolist()
    [[67.0, 'valid']]
    """
    grid = cells(panel, years(start, end, zone, period), steps)
    whole = _is_whole(grid, zone, coverage)
    return year_rows(grid.series, grid.bins, energy_mean(grid), grid.n, grid.expected, whole)


def lden_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "year",
    parts: Sequence[str] = ("lday", "levening", "lnight"),
) -> pd.DataFrame:
    """Lden of a year [dB(A)]: weighted sum of the long-term levels of its three parts.

    Not the mean of daily Lden. Day, evening + 5 dB and night + 10 dB weigh 12, 4 and 8 hours.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: daily Lday, Levening and Lnight under the names in `parts` [dB(A)].
    start, end, zone, steps, coverage, period
        As in `long_term_level`; each part must have its days.

    Returns
    -------
    DataFrame
        As `long_term_level`; `n` and `coverage` are those of the part with the fewest days.
    """
    asked = years(start, end, zone, period)
    grids = [cells(of_quantity(panel, name), asked, steps) for name in parts]
    value = weighted_level(*(energy_mean(grid) for grid in grids))
    n = np.minimum.reduce([grid.n for grid in grids])
    whole = np.logical_and.reduce([_is_whole(grid, zone, coverage) for grid in grids])
    return year_rows(grids[0].series, asked, value, n, grids[0].expected, whole)


def _is_whole(grid: Cells, zone: str, coverage: float) -> Bools:
    """Whether the days of each year reach the coverage, and enough of them lie in either half."""
    month = pd.DatetimeIndex(grid.time_ns, tz="UTC").tz_convert(zone).month
    first = np.bincount(grid.key[np.asarray(month <= 6)], minlength=len(grid))
    halves = (first >= HALF_YEAR_DAYS) & (grid.n - first >= HALF_YEAR_DAYS)
    return is_covered(grid.n, grid.expected, coverage) & halves
