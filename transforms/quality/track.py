"""All series of a panel laid out for the tests: neighbours, gaps, windows, thresholds per row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS, SECOND_NS
from transforms.frames import Bools, Floats, Ints, require_panel, series_codes, time_ns
from transforms.lookup import latest
from transforms.quality.thresholds import AT_ONCE_S, STATE_LAG_S, Thresholds

_Choice = TypeVar("_Choice", bound=Hashable)


@dataclass(frozen=True, eq=False)
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
    at_once : mapping of str to array
        The same, measured within a minute before.
    """

    thresholds: tuple[Thresholds, ...]
    series: tuple[str, ...]
    code: Ints
    time_ns: Ints
    value: Floats
    besides: Mapping[str, Floats] = field(default_factory=dict)
    at_once: Mapping[str, Floats] = field(default_factory=dict)

    @cached_property
    def missing(self) -> Bools:
        """Rows without a value."""
        return np.isnan(self.value)

    @cached_property
    def hour(self) -> Ints:
        """UTC hour of each row, since 1970."""
        return np.asarray(self.time_ns // HOUR_NS, dtype=np.int64)

    def threshold(self, name: str) -> Floats:
        """Threshold `name` of each row, NaN where it is not configured (no comparison is true)."""
        per_series = [_number(getattr(row, name)) for row in self.thresholds]
        if len(set(per_series)) <= 1:  # most panels hold one kind of sensor
            number = np.float64(per_series[0] if per_series else np.nan)
            return np.broadcast_to(number, len(self.code))
        return np.asarray(per_series, dtype=np.float64)[self.code]

    @cached_property
    def linked(self) -> Bools:
        """Whether row i + 1 is the next reading of row i's series, and no gap lies between them."""
        near = np.diff(self.time_ns) <= self.threshold("gap_s")[1:] * SECOND_NS
        near &= self.code[1:] == self.code[:-1]
        return near

    @cached_property
    def present(self) -> Track:
        """Rows that have a value."""
        keep = ~self.missing
        if keep.all():
            return self
        return replace(
            self,
            code=self.code[keep],
            time_ns=self.time_ns[keep],
            value=self.value[keep],
            besides={name: column[keep] for name, column in self.besides.items()},
            at_once={name: column[keep] for name, column in self.at_once.items()},
        )

    def blocks(self, rows: int) -> Iterator[tuple[slice, slice, Track]]:
        """Whole series in parts of about `rows` rows, with the rows and series of each part.

        Tests make many passes over their rows: a part stays in the processor's cache, and what they
        need in between is small.
        """
        ends = np.append(np.flatnonzero(np.diff(self.code)) + 1, len(self.code))
        begin = 0
        while begin < len(self.code):
            whole = int(np.searchsorted(ends, begin + rows))
            end = int(ends[min(whole, len(ends) - 1)])
            part = slice(begin, end)
            first, last = int(self.code[begin]), int(self.code[end - 1]) + 1
            yield (
                part,
                slice(first, last),
                replace(
                    self,
                    thresholds=self.thresholds[first:last],
                    series=self.series[first:last],
                    code=np.asarray(self.code[part] - first, dtype=np.int64),
                    time_ns=self.time_ns[part],
                    value=self.value[part],
                    besides={name: column[part] for name, column in self.besides.items()},
                    at_once={name: column[part] for name, column in self.at_once.items()},
                ),
            )
            begin = end

    def choice(self, values: Sequence[_Choice]) -> Iterator[tuple[_Choice, slice]]:
        """Values given per series, with the rows of consecutive series that share one."""
        change = [place for place in range(1, len(values)) if values[place] != values[place - 1]]
        series = [0, *change, len(values)] if len(values) else [0]
        bounds = np.searchsorted(self.code, series).tolist()
        for place, begin, end in zip(series, bounds, bounds[1:], strict=False):
            if begin < end:
                yield values[place], slice(begin, end)


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
    others = {row.ceiling.quantity for row in rows if row.ceiling is not None}
    at_once = {name: latest(panel, state, name, AT_ONCE_S) for name in sorted(others)}
    return Track(rows, tuple(names), code, time_ns(panel), value, besides, at_once)


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
