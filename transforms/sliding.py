"""Sliding windows of time over all series of a panel at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from livinglab.errors import DataError
from transforms.frames import Floats, Ints

_INT64_MAX: Final = np.iinfo(np.int64).max
_MS_NS: Final = 1_000_000


def common_unit_ns(*times_ns: Ints) -> int:
    """A millisecond where all times are whole milliseconds, else a nanosecond [ns].

    Thousands of series-years fit on an int64 axis of milliseconds, 290 on one of nanoseconds.
    """
    return 1 if any((times % _MS_NS).any() for times in times_ns) else _MS_NS


def end_to_end(code: Ints, time: Ints, reach: int) -> Ints:
    """Times of all series on one ascending axis, one series after the other.

    One binary search then serves all series: a look of up to `reach` before or after a row stays
    within its series.

    Parameters
    ----------
    code : array of int64
        Series of each row, non-decreasing; times ascend within a series.
    time : array of int64
        In any unit.
    reach : int
        Farthest look, in the same unit.

    Raises
    ------
    DataError
        With more time than the axis holds.

    Examples
    --------
    >>> end_to_end(np.array([0, 0, 1]), np.array([5, 7, 5]), 10).tolist()
    [0, 2, 13]
    """
    if not len(code):
        return np.empty(0, dtype=np.int64)
    first = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
    last = np.append(first[1:], len(code)) - 1
    span = time[last] - time[first] + reach + 1
    if float(span.astype(np.float64).sum()) > 0.9 * _INT64_MAX:
        raise DataError("too many series-years in one call", hint="work in chunks of time")
    shift = np.cumsum(span) - span - time[first]
    return np.asarray(time + np.repeat(shift, last - first + 1), dtype=np.int64)


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
    unit = common_unit_ns(time_ns, window_ns)
    window = window_ns // unit
    axis = end_to_end(code, time_ns // unit, int(window.max()))
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


def last_before(code: Ints, time: Ints, asked_code: Ints, asked_time: Ints) -> Ints:
    """Last row at or before each (series, time) that is asked for, -1 where there is none.

    The row may be one of another series: compare the codes.

    Parameters
    ----------
    code, time : array of int64
        Series and time of the rows, by series, then time.
    asked_code, asked_time : array of int64
        The same of what is asked for, in any order.

    Examples
    --------
    >>> code, time = np.array([0, 0, 1]), np.array([5, 9, 5])
    >>> last_before(code, time, np.array([0, 0, 1]), np.array([4, 7, 99])).tolist()
    [-1, 0, 2]
    """
    place = np.full(len(asked_code), -1, dtype=np.int64)
    if not len(code):
        return place
    first = np.searchsorted(code, np.arange(int(max(code[-1], asked_code.max(initial=0))) + 2))
    order = np.flatnonzero(np.diff(asked_code, prepend=-1))
    for begin, end in zip(order, [*order[1:], len(asked_code)], strict=True):
        series = int(asked_code[begin])
        rows = slice(first[series], first[series + 1])
        here = np.searchsorted(time[rows], asked_time[begin:end], side="right") - 1
        place[begin:end] = np.where(here >= 0, here + first[series], -1)
    return place
