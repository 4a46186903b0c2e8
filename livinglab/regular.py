"""Readings as means or sums of regular intervals, each with the share of it that has readings.

The rule is the quantity's own: arithmetic mean, energy mean of levels, sum, mean direction. What is
computed here is for readers; indicators have definitions of their own.

References
----------
.. [1] Directive 2008/50/EC, Annex XI.A: a mean needs 75 % of its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from livinglab.errors import DataError
from livinglab.model import Aggregation, Kind
from livinglab.timeline import HOUR_NS, MINUTE_NS, civil_date, civil_day

if TYPE_CHECKING:
    import pandas as pd

    from livinglab.registry import Quantity
    from transforms.intervals import Bins

#: Least share of an interval that must have readings for its value to stand.
LEAST_COVERAGE: Final = 0.75

#: Statistic of `transforms.cells` for each rule of aggregation.
STATISTICS: Final[Mapping[Aggregation, str]] = {
    Aggregation.MEAN: "mean",
    Aggregation.ENERGETIC: "energy_mean",
    Aggregation.SUM: "sum",
    Aggregation.CIRCULAR: "circular_mean",
}

_DAY: Final = "1d"
_HINT: Final = 'write "10min" (minutes that divide an hour), "1h", or "1d" (civil days of the lab)'


def require_interval(text: str, quantity: Quantity) -> str:
    """`text`, if it is an interval that `quantity` can be read at.

    Raises
    ------
    DataError
        If it is none, or means and sums of the quantity say nothing.
    """
    minutes = re.fullmatch(r"([1-9]\d?)min", text)
    if text not in {"1h", _DAY} and not (minutes and 60 % int(minutes[1]) == 0):
        raise DataError(f"{text!r} is no interval to read at", hint=_HINT)
    if quantity.kind is Kind.COUNTER:
        raise DataError(
            f"{quantity.name} is the reading of a counter: its mean or sum says nothing",
            hint="read it without `every`, and take differences",
        )
    return text


def interval_at(time_ns: int, every: str, zone: str) -> tuple[int, int]:
    """[start, end) in UTC ns of the interval that holds a time.

    Examples
    --------
    >>> interval_at(HOUR_NS + 1, "1h", "UTC") == (HOUR_NS, 2 * HOUR_NS)
    True
    """
    if every == _DAY:
        return civil_day(civil_date(time_ns, zone), zone)
    step = HOUR_NS if every == "1h" else int(every.removesuffix("min")) * MINUTE_NS
    start = time_ns - time_ns % step
    return start, start + step


def whole_intervals(
    frames: Iterable[pd.DataFrame], every: str, zone: str
) -> Iterator[pd.DataFrame]:
    """The rows of consecutive frames, cut so that no interval is in two of them."""
    import pandas as pd  # noqa: PLC0415 - only who reads needs it

    rest: pd.DataFrame | None = None
    for frame in frames:
        rows = frame if rest is None else pd.concat([rest, frame])
        last_ns = int(rows.index.as_unit("ns").asi8.max())  # type: ignore[attr-defined]
        is_open = rows.index >= pd.Timestamp(interval_at(last_ns, every, zone)[0], tz="UTC")
        rest = rows[is_open]
        if not is_open.all():
            yield rows[~is_open]
    if rest is not None:
        yield rest


def aggregated(
    frame: pd.DataFrame, quantity: Quantity, every: str, zone: str, step_s: pd.Series[int]
) -> pd.DataFrame:
    """One row per series and interval that has a reading, by time, device and channel.

    Parameters
    ----------
    frame : DataFrame
        Index UTC; columns device, channel (str), value [unit of the quantity]; no NaN.
    step_s : Series of int
        Time that each reading stands for [s], row by row.

    Returns
    -------
    DataFrame
        Index: start of the interval. Columns device, channel, value, coverage, n. `value` is NaN
        where less than `LEAST_COVERAGE` of the interval has readings; sums are not scaled up. A
        reading that stands for more than an interval says nothing about one. Events (a passing
        vehicle) have no step: their coverage is NaN and every value stands.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from transforms.cells import cells, statistic, total  # noqa: PLC0415
    from transforms.frames import time_ns, to_index, to_panel  # noqa: PLC0415

    names = (frame["device"] + "|" + frame["channel"]).to_numpy()
    series = sorted(set(names))
    bins = _bins(frame, every, zone)
    times, steps = time_ns(frame), dict.fromkeys(series, 1)
    grid = cells(to_panel(times, names, frame["value"]), bins, steps)
    length_s = np.tile(bins.length_s, len(series))
    stands_for = step_s.to_numpy(dtype=np.float64)
    stands_for[stands_for > bins.length_s.max(initial=0)] = 0.0
    coverage = total(cells(to_panel(times, names, stands_for), bins, steps)) / length_s
    value = statistic(grid, STATISTICS[quantity.aggregation])
    if quantity.kind is Kind.EVENT:
        coverage = np.full(len(grid), np.nan)
    else:
        value = np.where(coverage >= LEAST_COVERAGE, value, np.nan)
    keys = [name.partition("|") for name in series]
    answer = pd.DataFrame(
        {
            "device": np.repeat([key[0] for key in keys], len(bins)),
            "channel": np.repeat([key[2] for key in keys], len(bins)),
            "value": value,
            "coverage": coverage,
            "n": grid.n,
        },
        index=to_index(np.tile(bins.start_ns, len(series))),
    )
    answer = answer.astype({"device": "str", "channel": "str", "n": "int64"})
    return answer[answer["n"] > 0].sort_index(kind="stable")


def _bins(frame: pd.DataFrame, every: str, zone: str) -> Bins:
    import numpy as np  # noqa: PLC0415

    from transforms.intervals import contiguous  # noqa: PLC0415

    times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
    if not len(times):
        return contiguous(np.empty(0, dtype=np.int64))
    start, end = interval_at(int(times.min()), every, zone)
    last = int(times.max())
    if every != _DAY:
        return contiguous(np.arange(start, last + (end - start) + 1, end - start))
    edges, day = [start, end], civil_date(start, zone)
    while edges[-1] <= last:
        day += timedelta(days=1)
        edges.append(civil_day(day, zone)[1])
    return contiguous(np.asarray(edges, dtype=np.int64))
