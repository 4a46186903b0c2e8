"""Statistics over bins of time and over the devices of an area, with coverage.

A cell is one series in one bin. Each statistic is computed from the cell's own values in the order
of time, so a result does not depend on which other cells are computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS
from transforms.frames import (
    INDICATIVE,
    INSUFFICIENT,
    VALID,
    Bools,
    Floats,
    Ints,
    require_panel,
    series_codes,
    time_ns,
)
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
    times, values = time_ns(panel), panel["value"].to_numpy()
    place = bins.locate(times)
    keep = (place >= 0) & ~np.isnan(values)
    key = (series_codes(panel, names) * len(bins) + place)[keep]
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
    east, north = _mean(grid, np.sin(angle)), _mean(grid, np.cos(angle))
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
    ordered = grid.value[np.lexsort((grid.value, grid.key))]
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


def is_covered(n: Ints, expected: Ints, coverage: float) -> Bools:
    """Whether n of expected reaches `coverage`, in integers: 45 of 60 is 75 %, 44 is not.

    Never true for n = 0.

    References
    ----------
    .. [1] Directive 2008/50/EC, Annex VII.A.2 and XI.A (75 % of the values).

    Examples
    --------
    >>> is_covered(np.array([44, 45, 17, 18]), np.array([60, 60, 23, 23]), 0.75).tolist()
    [False, True, False, True]
    >>> is_covered(np.array([0]), np.array([1]), 0.0).tolist()
    [False]
    """
    share = Fraction(coverage).limit_denominator(10_000)
    return np.asarray(
        (share.denominator * n >= share.numerator * expected) & (n > 0), dtype=np.bool_
    )


def result_frame(
    grid: Cells, value: Floats, n: Ints, expected: Ints, covered: Bools
) -> pd.DataFrame:
    """Rows of an indicator: one per cell, value NaN where it is not covered.

    Returns
    -------
    DataFrame
        Index `time` (UTC start of the bin), ordered by series, then time; columns `series`,
        `value`, `coverage` (n/expected, at most 1), `n`, `status` ("valid" or "insufficient").
    """
    valid = covered & ~np.isnan(value)
    names = np.asarray(grid.series, dtype=object)
    return pd.DataFrame(
        {
            "series": pd.Series(np.repeat(names, len(grid.bins)), dtype="str").array,
            "value": np.where(valid, value, np.nan),
            "coverage": np.minimum(n / expected, 1.0),
            "n": n,
            "status": pd.Series(np.where(valid, VALID, INSUFFICIENT), dtype="str").array,
        },
        index=grid.bins.index.take(np.tile(np.arange(len(grid.bins)), len(names))),
    )


def binned(
    panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int], name: str, coverage: float
) -> pd.DataFrame:
    """Statistic `name` of every series of `steps` in every bin, null below `coverage`.

    Parameters
    ----------
    panel : DataFrame
        Panel; what lies outside the bins is ignored.
    bins : Bins
        See `transforms.intervals`.
    steps : mapping of str to int
        Nominal interval of every expected series [s].
    name : str
        "mean", "energy_mean", "sum", "circular_mean", "min", "max", "count" or "pNN".
    coverage : float
        Least share of the expected values, 0..1.

    Returns
    -------
    DataFrame
        As `result_frame`; ordered so that it is a panel itself.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> from transforms.intervals import hours
    >>> readings = to_panel([0, 1_800_000_000_000], "a", [1.0, 3.0])
    >>> noon = pd.Timestamp(0, tz="UTC"), pd.Timestamp(7200, unit="s", tz="UTC")
    >>> table = binned(readings, hours(*noon), {"a": 1800}, "mean", 0.75)
    >>> table["value"].tolist(), table["status"].tolist()
    ([2.0, nan], ['valid', 'insufficient'])
    """
    grid = cells(panel, bins, steps)
    n, expected = grid.n, grid.expected
    return result_frame(grid, statistic(grid, name), n, expected, is_covered(n, expected, coverage))


def combine(frame: pd.DataFrame, area_of: Mapping[str, str], rule: str) -> pd.DataFrame:
    """Combine the devices of an area into one value per interval.

    Parameters
    ----------
    frame : DataFrame
        Result of an indicator: index `time`, columns `series`, `value`, `coverage`, `n`, `status`.
    area_of : mapping of str to str
        Area of each series; every series of `frame` must be in it.
    rule : str
        "mean" and "energy_mean": of the devices that have a value. "sum": only where all have one.

    Returns
    -------
    DataFrame
        Index `time`, ordered by area, then time; columns `area`, `value`; `coverage` is the mean
        over the devices ("sum": the smallest, since every part is needed); `n` their sum.
        `status` is "valid" if every device has a valid value, "indicative" if only some have one
        (a mean over changing devices moves without any change in the street) or one of them is
        indicative itself, else "insufficient" with value NaN.

    Raises
    ------
    DataError
        On an unknown rule or a series without an area.

    Examples
    --------
    >>> frame = pd.DataFrame({"series": ["a", "b"], "value": [50.0, 70.0], "coverage": 1.0,
    ...     "n": 60, "status": "valid"}, index=pd.DatetimeIndex([0, 0], tz="UTC", name="time"))
    >>> round(combine(frame, {"a": "street", "b": "street"}, "energy_mean")["value"].iloc[0], 2)
    np.float64(67.03)
    """
    if rule not in {"mean", "energy_mean", "sum"}:
        raise DataError(f"unknown area rule {rule!r}", hint="mean, energy_mean or sum")
    rows, group, heads = _by_area(frame, area_of)
    return _combined(rows, group, heads, rule)


def _by_area(
    frame: pd.DataFrame, area_of: Mapping[str, str]
) -> tuple[pd.DataFrame, Ints, pd.DataFrame]:
    """Rows ordered by (area, time, series), the number of their group, and one row per group."""
    areas = frame["series"].map(dict(area_of))
    if areas.isna().any():
        name = frame["series"][areas.isna()].iloc[0]
        raise DataError(f"series {name!r} belongs to no area", hint="name its area in area_of")
    rows = frame.assign(area=areas.astype("str"), time=frame.index).reset_index(drop=True)
    rows = rows.sort_values(["area", "time", "series"], kind="stable", ignore_index=True)
    first = ~rows.duplicated(["area", "time"])
    return rows, first.to_numpy().cumsum() - 1, rows.loc[first, ["area", "time"]]


def _combined(rows: pd.DataFrame, group: Ints, heads: pd.DataFrame, rule: str) -> pd.DataFrame:
    size = len(heads)
    value = rows["value"].to_numpy(dtype=np.float64)
    present = ~np.isnan(value)
    devices = np.bincount(group, minlength=size)
    with_value = np.bincount(group[present], minlength=size)
    energetic = rule == "energy_mean"
    parts = np.where(present, to_energy(value) if energetic else value, 0.0)
    sums = np.bincount(group, weights=parts, minlength=size)
    if rule == "sum":
        result = np.where(with_value == devices, sums, np.nan)
    else:
        result = np.where(with_value > 0, sums / np.maximum(with_value, 1), np.nan)
        result = to_level(result) if energetic else result
    indicative = np.bincount(group[(rows["status"] == INDICATIVE).to_numpy()], minlength=size)
    whole = (with_value == devices) & (indicative == 0)
    status = np.where(np.isnan(result), INSUFFICIENT, np.where(whole, VALID, INDICATIVE))
    return pd.DataFrame(
        {
            "area": heads["area"].array,
            "value": result,
            "coverage": _area_coverage(rows, group, devices, rule),
            "n": np.bincount(group, weights=rows["n"], minlength=size).astype(np.int64),
            "status": pd.Series(status, dtype="str").array,
        },
        index=pd.DatetimeIndex(heads["time"], name="time"),
    )


def _area_coverage(rows: pd.DataFrame, group: Ints, devices: Ints, rule: str) -> Floats:
    coverage = rows["coverage"].to_numpy(dtype=np.float64)
    if rule == "sum":
        least = np.ones(len(devices))
        np.minimum.at(least, group, coverage)
        return least
    sums = np.bincount(group, weights=coverage, minlength=len(devices))
    return np.minimum(sums / np.maximum(devices, 1), 1.0)
