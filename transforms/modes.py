"""Shares of traffic modes, passenger-car equivalents, and what may be published of small counts.

References
----------
.. [1] Telraam, data documentation: modes counted and their shares of passages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import is_covered, result_frame
from transforms.cells import cells, total
from transforms.intervals import civil_days, hours
from transforms.wide import from_wide, to_wide

#: Modes of camera counters; a share means nothing without its set.
MODES: Final = ("count_car", "count_bike", "count_pedestrian", "count_heavy")


def shares(counts: Mapping[str, float]) -> dict[str, float]:
    """Share of each mode in the passages of all modes given, 0..1; NaN where nobody passed.

    Shares of passages at a point, not of trips or of persons.

    Examples
    --------
    >>> shares({"car": 60.0, "bike": 40.0}), shares({"car": 0.0})
    ({'car': 0.6, 'bike': 0.4}, {'car': nan})
    """
    whole = sum(counts.values())
    return {mode: count / whole if whole else float("nan") for mode, count in counts.items()}


def modal_share(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    mode: str = "count_bike",
    modes: Sequence[str] = MODES,
    period: str = "day",
    uptime: str = "uptime",
    least_uptime: float = 0.5,
) -> pd.DataFrame:
    """Share of one mode in the passages of all `modes`, 0..1.

    Counts of the intervals in which every mode has a value are summed, then divided: an interval
    that lacks a mode would shift the shares.

    Parameters
    ----------
    panel : DataFrame
        Counts with the column `quantity`.
    coverage : float
        Least share of the intervals of the period with all modes. A share may rest on a part of
        the day, if the parts compared are the same.
    mode, modes : str, sequence of str
        Numerator; the set of the denominator, which must be stated with the number.
    period : str
        "day" (civil day of `zone`) or "hour".
    uptime, least_uptime : str, float
        Quantity that says which share of an interval a counter ran, and how much of it is enough;
        intervals with less are left out.
    start, end, steps
        As in `transforms.mobility.daily_count`.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; n = intervals with all modes.

    Raises
    ------
    DataError
        If `mode` is not in `modes`, the period is unknown or the panel has no `quantity`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T10:00Z")
    >>> panel = to_panel([day, day], "a", [30.0, 10.0], ["count_car", "count_bike"])
    >>> modal_share(panel, start=day, end=day + pd.Timedelta(hours=1), zone="UTC", period="hour",
    ...     steps={"a": 3600}, modes=["count_car", "count_bike"])["value"].tolist()
    [0.25]
    """
    if mode not in modes:
        raise DataError(f"{mode!r} is not among the modes {', '.join(modes)}")
    if period not in {"day", "hour"}:
        raise DataError(f"unknown period {period!r}", hint="'day' or 'hour'")
    bins = civil_days(start, end, zone) if period == "day" else hours(start, end)
    wide = to_wide(panel, [*modes, uptime])
    all_there = wide[list(modes)].notna().all(axis=1) & ~(wide[uptime] < least_uptime)
    sums = {
        name: cells(from_wide(wide, wide[name].where(all_there)), bins, steps) for name in modes
    }
    grid = sums[mode]
    whole = np.sum([total(each) for each in sums.values()], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(whole > 0, total(grid) / whole, np.nan)
    n, expected = grid.n, grid.expected
    return result_frame(grid, share, n, expected, is_covered(n, expected, coverage))


def car_equivalents(counts: Mapping[str, float], factors: Mapping[str, float]) -> float:
    """Passenger-car equivalents (pae) of counts; factors are configuration (CROW: by junction).

    Raises
    ------
    DataError
        If a mode has no factor.

    Examples
    --------
    >>> car_equivalents({"car": 100.0, "heavy": 10.0}, {"car": 1.0, "heavy": 2.0})
    120.0
    """
    missing = sorted(set(counts) - set(factors))
    if missing:
        raise DataError(f"no pae factor for {', '.join(missing)}", hint="configure one per mode")
    return float(sum(count * factors[mode] for mode, count in counts.items()))


def publishable(counts: pd.Series, *, least: int = 5, rounded_to: int = 5) -> pd.Series:
    """Counts as they may be published: under `least` withheld (NaN), others rounded.

    A cell that could be found by subtraction from a published total needs a second cell withheld
    with it; that is for the table as a whole to do.

    References
    ----------
    .. [1] CBS, small-area disclosure practice (cells of at least 5 persons).

    Examples
    --------
    >>> publishable(pd.Series([0.0, 3.0, 7.0, 13.0])).tolist()
    [0.0, nan, 5.0, 15.0]
    """
    is_small = (counts > 0) & (counts < least)
    rounded = np.floor(counts.to_numpy(dtype=np.float64) / rounded_to + 0.5) * rounded_to
    return pd.Series(rounded, index=counts.index).mask(is_small)


def publishable_share(part: float, whole: float, *, least: int = 10) -> float:
    """Share that may be published, 0..1: only of at least `least` movements or persons, else NaN.

    References
    ----------
    .. [1] CBS, small-area disclosure practice (percentages over 10 or more).

    Examples
    --------
    >>> publishable_share(3, 12), publishable_share(3, 9)
    (0.25, nan)
    """
    return part / whole if whole >= least else float("nan")
