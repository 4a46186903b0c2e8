"""All series of a panel laid out for the tests: neighbours, gaps, windows, thresholds per row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import SECOND_NS
from transforms.frames import Bools, Floats, Ints, require_panel, series_codes, time_ns
from transforms.lookup import latest
from transforms.quality.thresholds import STATE_LAG_S, Thresholds

_INT64_MAX: Final = np.iinfo(np.int64).max
_MS_NS: Final = 1_000_000
_Choice = TypeVar("_Choice", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Rows of a panel with what the tests need to know about them.

    Parameters
    ----------
    thresholds, series : tuples
        Thresholds and name of each series, in the order of `code`.
    code : array of int64
        Series of each row, non-decreasing.
    time_ns, value : arrays
        Time and value of each row; NaN = missing.
    besides : mapping of str to array
        What the device measured besides at each row, by quantity; NaN = not known.
    """

    thresholds: tuple[Thresholds, ...]
    series: tuple[str, ...]
    code: Ints
    time_ns: Ints
    value: Floats
    besides: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def missing(self) -> Bools:
        """Rows without a value."""
        return np.isnan(self.value)

    def threshold(self, name: str) -> Floats:
        """Threshold `name` of each row, NaN where it is not configured (no comparison is true)."""
        per_series = [_number(getattr(row, name)) for row in self.thresholds]
        return np.asarray(per_series, dtype=np.float64)[self.code]

    def linked(self) -> Bools:
        """Whether row i + 1 is the next reading of row i's series, and no gap lies between them."""
        near = np.diff(self.time_ns) <= self.threshold("gap_s")[1:] * SECOND_NS
        return np.asarray((np.diff(self.code) == 0) & near, dtype=np.bool_)

    def present(self) -> Track:
        """Rows that have a value."""
        keep = ~self.missing
        return replace(
            self,
            code=self.code[keep],
            time_ns=self.time_ns[keep],
            value=self.value[keep],
            besides={name: column[keep] for name, column in self.besides.items()},
        )

    def choice(self, values: Sequence[_Choice]) -> Iterator[tuple[_Choice, Bools]]:
        """Each distinct value among those given per series, with the rows of its series."""
        for value in dict.fromkeys(values):
            here = np.asarray([other == value for other in values], dtype=np.bool_)
            yield value, here[self.code]


def lay_out(
    panel: pd.DataFrame, thresholds: Mapping[str, Thresholds], state: pd.DataFrame | None = None
) -> Track:
    """Track of a panel, with what `state` tells about its devices.

    Raises
    ------
    DataError
        If the panel breaks the contract, mixes quantities, or holds a series without thresholds.
    """
    require_panel(panel)
    if "quantity" in panel.columns:
        raise DataError(
            "a panel with a column 'quantity' cannot be flagged",
            hint="make the quantity a part of the series id: each has its own neighbours",
        )
    names = sorted(thresholds)
    rows = tuple(thresholds[name] for name in names)
    code = series_codes(panel, names)
    value = panel["value"].to_numpy(dtype=np.float64)
    needed = {limit.quantity for row in rows for limit in row.state_limits}
    besides = {name: latest(panel, state, name, STATE_LAG_S) for name in sorted(needed)}
    return Track(rows, tuple(names), code, time_ns(panel), value, besides)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def window_start(code: Ints, time_ns: Ints, window_ns: Ints) -> Ints:
    """First row of the same series that is later than time - window, for each row.

    Parameters
    ----------
    code : array of int64
        Series of each row, non-decreasing; times ascend within a series.
    window_ns : array of int64
        Length of each row's window [ns].
    """
    if not len(code):
        return np.empty(0, dtype=np.int64)
    # Laying the series end to end on one axis makes one binary search serve them all. Whole
    # milliseconds, where times allow, keep thousands of series-years on an int64 axis.
    whole_ms = not ((time_ns % _MS_NS).any() or (window_ns % _MS_NS).any())
    unit = _MS_NS if whole_ms else 1
    time, window = time_ns // unit, window_ns // unit
    first = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
    last = np.append(first[1:], len(code)) - 1
    span = time[last] - time[first] + int(window.max()) + 1
    if float(span.astype(np.float64).sum()) > 0.9 * _INT64_MAX:
        raise DataError("too many series-years in one call", hint="work in chunks of time")
    shift = np.cumsum(span) - span - time[first]
    axis = time + np.repeat(shift, last - first + 1)
    return np.asarray(np.searchsorted(axis, axis - window, side="right"), dtype=np.int64)


def window_range(value: Floats, first: Ints, last: Ints) -> Floats:
    """Largest minus smallest of value[first..last], both ends included, for each pair.

    Works in log2(longest window) passes over the whole array, whatever the number of windows; each
    window is covered by two overlapping blocks of the largest power of two that fits.
    """
    result = np.full(len(first), np.nan)
    if not len(first):
        return result
    level = np.frexp((last - first + 1).astype(np.float64))[1] - 1
    high, low, block = value, value, 1
    for current in range(int(level.max()) + 1):
        here = level == current
        left, right = first[here], last[here] - block + 1
        top = np.maximum(high[left], high[right])
        result[here] = top - np.minimum(low[left], low[right])
        high = np.maximum(high[:-block], high[block:])
        low = np.minimum(low[:-block], low[block:])
        block *= 2
    return result
