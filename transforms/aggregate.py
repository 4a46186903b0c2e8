"""Rows of indicators from cells, with coverage and status, and the devices of an area combined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.cells import (
    Cells,
    cells,
    mean,
    percentile,
    statistic,
    to_direction,
    to_energy,
    to_level,
    total,
)
from transforms.frames import (
    INDICATIVE,
    INSUFFICIENT,
    VALID,
    Bools,
    Floats,
    Ints,
    text_column,
    to_index,
)
from transforms.intervals import Bins

__all__ = [
    "Cells",
    "binned",
    "cells",
    "combine",
    "covered_mean",
    "covered_result",
    "indicator_rows",
    "is_covered",
    "percentile",
    "result_frame",
    "total",
]


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


def covered_mean(grid: Cells, coverage: float) -> Floats:
    """Arithmetic mean of each cell, NaN below `coverage`."""
    return np.where(is_covered(grid.n, grid.expected, coverage), mean(grid), np.nan)


def covered_result(grid: Cells, value: Floats, coverage: float) -> pd.DataFrame:
    """Rows of an indicator whose coverage is that of the cells themselves; see `indicator_rows`."""
    n, expected = grid.n, grid.expected
    return result_frame(grid, value, n, expected, is_covered(n, expected, coverage))


def result_frame(
    grid: Cells, value: Floats, n: Ints, expected: Ints, covered: Bools
) -> pd.DataFrame:
    """Rows of an indicator: one per cell of `grid`; see `indicator_rows`."""
    return indicator_rows(grid.series, grid.bins, value, n, expected, covered)


def indicator_rows(
    series: Sequence[str], bins: Bins, value: Floats, n: Ints, expected: Ints, covered: Bools
) -> pd.DataFrame:
    """Rows of an indicator: one per series and bin, value NaN where it is not covered.

    Returns
    -------
    DataFrame
        Index `time` (UTC start of the bin), ordered by series, then time; columns `series`,
        `value`, `coverage` (n/expected, at most 1), `n`, `status` ("valid" or "insufficient").
    """
    valid = covered & ~np.isnan(value)
    number = np.repeat(np.arange(len(series), dtype=np.int32), len(bins))
    return pd.DataFrame(
        {
            "series": text_column(number, series),
            "value": np.where(valid, value, np.nan),
            "coverage": np.minimum(n / expected, 1.0),
            "n": n,
            "status": text_column(valid.astype(np.int8), (INSUFFICIENT, VALID)),
        },
        index=to_index(np.tile(bins.start_ns, len(series))),
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
        As `indicator_rows`; ordered so that it is a panel itself.

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
    return covered_result(grid, statistic(grid, name), coverage)


def combine(frame: pd.DataFrame, area_of: Mapping[str, str], rule: str) -> pd.DataFrame:
    """Combine the devices of an area into one value per interval.

    Parameters
    ----------
    frame : DataFrame
        Result of an indicator: index `time`, columns `series`, `value`, `coverage`, `n`, `status`.
    area_of : mapping of str to str
        Area of each series; every series of `frame` must be in it.
    rule : str
        "mean", "energy_mean", "circular_mean" (directions in degrees) and "max": of the devices
        that have a value. "sum": only where all have one.

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
    if rule not in AREA_RULES:
        raise DataError(f"unknown area rule {rule!r}", hint=f"one of {', '.join(AREA_RULES)}")
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
    needed = devices if rule == "sum" else np.ones(size, dtype=np.int64)
    combined = AREA_RULES[rule](value[present], group[present], size)
    result = np.where(with_value >= needed, combined, np.nan)
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


def _group_sum(value: Floats, group: Ints, size: int) -> Floats:
    return np.bincount(group, weights=value, minlength=size).astype(np.float64)


def _group_mean(value: Floats, group: Ints, size: int) -> Floats:
    n = np.bincount(group, minlength=size)
    return _group_sum(value, group, size) / np.maximum(n, 1)


def _group_energy_mean(value: Floats, group: Ints, size: int) -> Floats:
    energy = _group_mean(to_energy(value), group, size)
    return to_level(np.where(energy > 0, energy, np.nan))


def _group_max(value: Floats, group: Ints, size: int) -> Floats:
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, group, value)
    return highest


def _group_direction(value: Floats, group: Ints, size: int) -> Floats:
    angle = np.deg2rad(value)
    east = _group_mean(np.sin(angle), group, size)
    return to_direction(east, _group_mean(np.cos(angle), group, size))


#: How the devices of an area combine, by the name configuration gives it.
AREA_RULES: Final[Mapping[str, Callable[[Floats, Ints, int], Floats]]] = {
    "mean": _group_mean,
    "energy_mean": _group_energy_mean,
    "sum": _group_sum,
    "max": _group_max,
    "circular_mean": _group_direction,
}


def _area_coverage(rows: pd.DataFrame, group: Ints, devices: Ints, rule: str) -> Floats:
    coverage = rows["coverage"].to_numpy(dtype=np.float64)
    if rule == "sum":
        least = np.ones(len(devices))
        np.minimum.at(least, group, coverage)
        return least
    sums = np.bincount(group, weights=coverage, minlength=len(devices))
    return np.minimum(sums / np.maximum(devices, 1), 1.0)
