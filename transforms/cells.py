"""Cells: values sorted into series and bins of time, and their statistics.

A cell is one series in one bin. Each statistic is computed from the cell's own values in the order
of time, so a result does not depend on which other cells are computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS
from transforms.frames import Floats, Ints, require_panel, series_codes, time_ns
from transforms.intervals import Bins


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Present values of a panel, sorted into cells; series-major, cell = series * bins + bin.

    Parameters
    ----------
    series : tuple of str
        Series in ascending order, also those without a value.
    step_s : array of int64
        Nominal interval of each series in s.
    key : array of int64
        Cell of each value, non-decreasing.
    value : array of float64
        Values without NaN, in the order of time within a cell.
    time_ns : array of int64
        Time of each value.
    """

    series: tuple[str, ...]
    bins: Bins
    step_s: Ints
    key: Ints
    value: Floats
    time_ns: Ints

    def __len__(self) -> int:
        return len(self.series) * len(self.bins)

    @property
    def n(self) -> Ints:
        """Values in each cell."""
        return np.bincount(self.key, minlength=len(self)).astype(np.int64)

    @property
    def expected(self) -> Ints:
        """Values each cell should have, by the clock and the nominal step; at least 1."""
        per_series = self.bins.length_s[np.newaxis, :] // self.step_s[:, np.newaxis]
        return np.asarray(np.maximum(per_series, 1).ravel(), dtype=np.int64)

    def hours_with_data(self) -> Ints:
        """Clock hours (UTC) of each cell in which at least one value lies."""
        hour = self.time_ns // HOUR_NS
        new = np.ones(len(hour), dtype=bool)
        new[1:] = (np.diff(self.key) != 0) | (np.diff(hour) != 0)
        return np.bincount(self.key[new], minlength=len(self)).astype(np.int64)


def cells(panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int]) -> Cells:
    """Sort the values of a panel into cells; values outside every bin and NaN are left out.

    Parameters
    ----------
    steps : mapping of str to int
        Nominal interval of every expected series [s]; a series without readings has empty cells.

    Raises
    ------
    DataError
        If the panel breaks the contract or holds a series that `steps` lacks.
    """
    require_panel(panel)
    names = tuple(sorted(steps))
    step_s = np.asarray([steps[name] for name in names], dtype=np.int64)
    if (step_s <= 0).any():
        raise DataError("a nominal step must be a positive number of seconds")
    code, values = series_codes(panel, names), panel["value"].to_numpy()
    return _sorted_into(names, bins, step_s, code, time_ns(panel), values)


def regrid(grid: Cells, value: Floats, bins: Bins, step_s: Ints) -> Cells:
    """Sort one value per cell of `grid` (an hour's mean, say) into the cells of longer bins.

    Parameters
    ----------
    value : array of float64
        Per cell of `grid`; its time is the start of the cell's bin, NaN is left out.
    step_s : array of int64
        Interval at which each series can have such a value [s].
    """
    code = np.repeat(np.arange(len(grid.series)), len(grid.bins))
    times = np.tile(grid.bins.start_ns, len(grid.series))
    return _sorted_into(grid.series, bins, step_s, code, times, value)


def rebinned(grid: Cells, bins: Bins) -> Cells:
    """Sort the values of `grid` into other bins."""
    code = grid.key // max(len(grid.bins), 1)
    return _sorted_into(grid.series, bins, grid.step_s, code, grid.time_ns, grid.value)


def _sorted_into(
    names: tuple[str, ...], bins: Bins, step_s: Ints, code: Ints, times: Ints, values: Floats
) -> Cells:
    place = bins.locate(times)
    keep = np.flatnonzero((place >= 0) & ~np.isnan(values))
    key = code[keep] * len(bins) + place[keep]
    return Cells(names, bins, step_s, key, values[keep], times[keep])


def total(grid: Cells) -> Floats:
    """Sum of each cell, NaN where it is empty."""
    return _unless_empty(_sum(grid, grid.value), grid.n)


def mean(grid: Cells) -> Floats:
    """Arithmetic mean of each cell, NaN where it is empty."""
    return _mean(grid, grid.value)


def energy_mean(grid: Cells) -> Floats:
    """Level of the mean energy of each cell [dB], 10 lg(mean(10^(L/10))); NaN where it is empty.

    References
    ----------
    .. [1] ISO 1996-1:2016, 3.1.7 (equivalent continuous sound pressure level).
    """
    return to_level(_mean(grid, to_energy(grid.value)))


def circular_mean(grid: Cells) -> Floats:
    """Direction of the mean unit vector of each cell [degrees, 0 <= d < 360].

    NaN where the cell is empty or the directions cancel (no resultant beyond rounding).
    """
    angle = np.deg2rad(grid.value)
    return to_direction(_mean(grid, np.sin(angle)), _mean(grid, np.cos(angle)))


def to_direction(east: Floats, north: Floats) -> Floats:
    """Direction of a vector [degrees, 0 <= d < 360]; NaN where it has no length beyond rounding.

    Examples
    --------
    >>> to_direction(np.array([1.0, 0.0]), np.array([0.0, 0.0])).tolist()
    [90.0, nan]
    """
    degrees = np.mod(np.rad2deg(np.arctan2(east, north)), 360.0)
    degrees = np.where(degrees >= 360.0, 0.0, degrees)  # mod of -1e-15 rounds up to 360
    return np.where(np.hypot(east, north) > 1e-9, degrees, np.nan)


def minimum(grid: Cells) -> Floats:
    """Smallest value of each cell, NaN where it is empty."""
    return percentile(grid, 0.0)


def maximum(grid: Cells) -> Floats:
    """Largest value of each cell, NaN where it is empty."""
    return percentile(grid, 100.0)


def count(grid: Cells) -> Floats:
    """Number of values in each cell; an empty cell has none, which is a missing number."""
    return _unless_empty(grid.n.astype(np.float64), grid.n)


def percentile(grid: Cells, q: float) -> Floats:
    """`q`-th percentile of each cell by linear interpolation (type 7 of Hyndman and Fan).

    References
    ----------
    .. [1] Hyndman and Fan (1996), Sample quantiles in statistical packages,
       doi:10.1080/00031305.1996.10473566.
    """
    if not 0.0 <= q <= 100.0:
        raise DataError(f"percentile {q} is outside 0..100")
    n = grid.n
    result = np.full(len(grid), np.nan)
    filled = n > 0
    first = (np.cumsum(n) - n)[filled]
    ordered = _ascending(grid)
    rank = (n[filled] - 1) * (q / 100.0)
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, n[filled] - 1)
    low, high, part = ordered[first + below], ordered[first + above], rank - below
    # The two forms of numpy.percentile: exact at both ends, monotonic in between.
    result[filled] = np.where(
        part < 0.5, low + (high - low) * part, high - (high - low) * (1.0 - part)
    )
    return result


def to_energy(level: Floats) -> Floats:
    """Relative energy of a level in dB."""
    return np.power(10.0, np.asarray(level, dtype=np.float64) / 10.0)


def to_level(energy: Floats) -> Floats:
    """Level in dB of a relative energy; NaN of NaN."""
    return 10.0 * np.log10(np.asarray(energy, dtype=np.float64))


def rank(grid: Cells, k: int) -> Floats:
    """`k`-th highest value of each cell, NaN where it has fewer values.

    With `k` = allowed exceedances + 1, a value at or below the limit means compliance.
    """
    if k < 1:
        raise DataError(f"rank {k}: the highest value has rank 1")
    n = grid.n
    result = np.full(len(grid), np.nan)
    enough = n >= k
    ordered = _ascending(grid)
    result[enough] = ordered[np.cumsum(n)[enough] - k]
    return result


def _ascending(grid: Cells) -> Floats:
    """Values of each cell in ascending order, one cell after the other."""
    n = grid.n
    rows, width = np.flatnonzero(n), int(n.max(initial=0))
    if len(rows) * width > 4 * len(grid.value):  # cells too unequal for one table
        return np.asarray(grid.value[np.lexsort((grid.value, grid.key))], dtype=np.float64)
    table = np.full((len(rows), width), np.inf)
    filled = np.arange(width) < n[rows, np.newaxis]
    table[filled] = grid.value
    # -0.0 equals 0.0: only a stable order does not depend on the width of the table.
    has_minus_zero = bool((np.signbit(grid.value) & (grid.value == 0)).any())
    table.sort(axis=1, kind="stable" if has_minus_zero else None)
    return table[filled]


def exceedances(grid: Cells, limit: float) -> Floats:
    """Number of values of each cell strictly above `limit`; NaN where it has no value."""
    above = np.bincount(grid.key[grid.value > limit], minlength=len(grid)).astype(np.float64)
    return _unless_empty(above, grid.n)


def _sum(grid: Cells, weight: Floats) -> Floats:
    # bincount adds one value after the other in the order given: the sum of a cell depends on its
    # own values alone, which neither cumulative sums nor np.sum over a longer axis promise.
    return np.bincount(grid.key, weights=weight, minlength=len(grid)).astype(np.float64)


def _mean(grid: Cells, value: Floats) -> Floats:
    n = grid.n
    return _unless_empty(_sum(grid, value) / np.maximum(n, 1), n)


def _unless_empty(value: Floats, n: Ints) -> Floats:
    return np.where(n > 0, value, np.nan)


#: Statistics by the name configuration gives them; "pNN" is the NN-th percentile.
STATISTICS: Final[Mapping[str, Callable[[Cells], Floats]]] = {
    "mean": mean,
    "energy_mean": energy_mean,
    "sum": total,
    "circular_mean": circular_mean,
    "min": minimum,
    "max": maximum,
    "count": count,
}


def statistic(grid: Cells, name: str) -> Floats:
    """Statistic `name` of each cell.

    Raises
    ------
    DataError
        If there is no such statistic.
    """
    if name in STATISTICS:
        return STATISTICS[name](grid)
    if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
        return percentile(grid, float(name[1:]))
    known = ", ".join((*STATISTICS, "pNN"))
    raise DataError(f"unknown statistic {name!r}", hint=f"one of {known}")
