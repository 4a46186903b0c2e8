"""Tests of a value against its season, against the past day, and against the sites around it.

Hours are whole UTC hours, whatever window is computed: a verdict depends on the values of those
hours alone, added in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from livinglab.flags import Flag
from livinglab.timeline import HOUR_NS
from transforms.frames import Bools, Flags, Floats, Ints, to_index
from transforms.quality.checks import verdicts
from transforms.quality.thresholds import Season, Thresholds
from transforms.quality.track import Track

#: Rows of whole series that are tested at once: their columns fit into a processor's cache.
BLOCK_ROWS: Final = 50_000
#: Least share of the expected values over which a standard deviation is judged.
ATTENUATED_SHARE = 0.5
_HOUR_S = 3600


def climatology(track: Track) -> Flags:
    """Flag 4 or 3 outside the spans of the season, 2 where no season covers the time.

    Seasons by month and hour of the day in UTC. Own test, because ioos_qc 3.0.0 calls a missing
    value inside a season good, and knows months or hours, not both at once.
    """
    flags = verdicts(track, np.zeros(len(track.code), dtype=bool))
    for seasons, here in track.choice([row.climatology for row in track.thresholds]):
        if seasons:
            flags[here] = _climatology(track.value[here], track.hour[here], seasons)
    return flags


def _climatology(value: Floats, hour: Ints, seasons: tuple[Season, ...]) -> Flags:
    first = int(hour.min())
    covering = _seasons_of(np.arange(first, int(hour.max()) + 1), seasons)
    number = covering[hour - first]
    flags = np.full(len(value), Flag.UNKNOWN, dtype=np.int8)
    for place in np.unique(covering[covering >= 0]).tolist():
        here = number == place
        np.putmask(flags, here, Flag.GOOD)
        np.putmask(flags, here & _outside(value, seasons[place].suspect), Flag.SUSPECT)
        fail = seasons[place].fail
        if fail is not None:
            np.putmask(flags, here & _outside(value, fail), Flag.FAIL)
    np.putmask(flags, np.isnan(value), Flag.MISSING)
    return flags


def _seasons_of(hours: Ints, seasons: tuple[Season, ...]) -> Flags:
    """Number of the last season that covers each UTC hour, -1 where none does."""
    index = to_index(hours * HOUR_NS)
    month, hour = np.asarray(index.month), np.asarray(index.hour)
    number = np.full(len(hours), -1, dtype=np.int8)
    for place, season in enumerate(seasons):
        number[_within(month, *season.months) & _within_hours(hour, *season.hours)] = place
    return number


def _within(number: Ints, first: int, last: int) -> Bools:
    if first <= last:
        return np.asarray((number >= first) & (number <= last), dtype=np.bool_)
    return np.asarray((number >= first) | (number <= last), dtype=np.bool_)


def _within_hours(hour: Ints, start: int, end: int) -> Bools:
    return _within(hour, start, end - 1) if end else _within(hour, start, 23)


def _outside(value: Floats, span: tuple[float, float]) -> Bools:
    return np.asarray((value < span[0]) | (value > span[1]), dtype=np.bool_)


class Hours:
    """Values of each series in each UTC hour that a track touches.

    Parameters
    ----------
    keep : array of bool
        Rows that count.
    span : (int, int), optional
        First hour and number of hours of the tables; default: the hours of the track.
    """

    def __init__(self, track: Track, keep: Bools, span: tuple[int, int] | None = None) -> None:
        first, width = hours_of(track) if span is None else span
        self.shape = (len(track.thresholds), width)
        self.place = place_of(track, first, width)
        everything = bool(keep.all())
        self._cell = self.place if everything else self.place[keep]
        self._value = track.value if everything else track.value[keep]
        n = np.bincount(self._cell, minlength=self.shape[0] * width)
        self.n = n.astype(np.float64).reshape(self.shape)
        self.mean = np.divide(
            self._sum(self._value), self.n, out=np.zeros(self.shape), where=self.n > 0
        )

    def _sum(self, weight: Floats) -> Floats:
        size = self.shape[0] * self.shape[1]
        sums = np.bincount(self._cell, weights=weight, minlength=size).astype(np.float64)
        return sums.reshape(self.shape)

    def squares(self) -> Floats:
        """Sum of squared distances from the hour's own mean."""
        return self._sum((self._value - self.mean.ravel()[self._cell]) ** 2)


def hours_of(track: Track) -> tuple[int, int]:
    """First UTC hour of a track, and how many hours it touches."""
    if not len(track.hour):
        return 0, 0
    first = int(track.hour.min())
    return first, int(track.hour.max()) - first + 1


def place_of(track: Track, first: int, width: int) -> Ints:
    """Place of each row in a flat table of hours."""
    return np.asarray(track.code * width + (track.hour - first), dtype=np.int64)


def _judged(value: Floats, suspect: Bools, fail: Bools | None = None) -> Flags:
    """Verdicts of hours: 2 where the value is NaN, else 4, 3 or 1."""
    flags = np.where(np.isnan(value), np.int8(Flag.UNKNOWN), np.int8(Flag.GOOD))
    flags[suspect] = Flag.SUSPECT
    if fail is not None:
        flags[fail] = Flag.FAIL
    return flags


def attenuated(track: Track) -> Flags:
    """Flag 3 or 4 where the standard deviation of the past hours is too small.

    Over the UTC hour of the value and the whole hours before it, `attenuated_period_s` in all; 2
    with less than half of the expected values.

    Notes
    -----
    ioos_qc takes the window that ends with each value, by running sums over the whole series: its
    last bits, and now and then a verdict, depend on where the data begin.
    """
    hours = Hours(track, ~track.missing)
    table = np.full(hours.shape, Flag.UNKNOWN, dtype=np.int8)
    periods = [row.attenuated_period_s for row in track.thresholds]
    suspect, fail = (
        np.asarray([getattr(row, name) for row in track.thresholds], dtype=np.float64)
        for name in ("attenuated_suspect", "attenuated_fail")
    )
    for period in {period for period in periods if period is not None}:
        rows = np.asarray([other == period for other in periods])
        rows &= ~(np.isnan(suspect) & np.isnan(fail))
        deviation = _deviation(hours, track, period)[rows]
        limits = (limit[rows, np.newaxis] for limit in (suspect, fail))
        table[rows] = _judged(deviation, *(deviation < limit for limit in limits))
    flags = table.ravel()[hours.place]
    flags[track.missing] = Flag.MISSING
    return flags


def _deviation(hours: Hours, track: Track, period_s: int) -> Floats:
    """Standard deviation (divisor n) over the hours that end with each hour, NaN where too few."""
    width = period_s // _HOUR_S
    n = _rolled(hours.n, width)
    mean = np.divide(
        _rolled(hours.n * hours.mean, width), n, out=np.zeros(hours.shape), where=n > 0
    )
    squares = _rolled(hours.squares(), width)
    for shift in range(width):
        count = _shifted(hours.n, shift)
        squares += count * (_shifted(hours.mean, shift) - mean) ** 2
    steps = np.asarray([row.step_s for row in track.thresholds])[:, np.newaxis]
    enough = n >= ATTENUATED_SHARE * period_s / steps
    return np.where(enough, np.sqrt(squares / np.maximum(n, 1)), np.nan)


def _rolled(table: Floats, width: int) -> Floats:
    result = np.zeros(table.shape)
    for shift in reversed(range(width)):
        result += _shifted(table, shift)
    return result


def _shifted(table: Floats, hours: int) -> Floats:
    """Table of `hours` hours earlier; zeros before its beginning."""
    result = np.zeros(table.shape)
    if hours < table.shape[1]:
        result[:, hours:] = table[:, : table.shape[1] - hours]
    return result


def neighbour(track: Track, usable: Bools) -> Flags:
    """Flag 3 on the hours whose mean is too far from the median of the neighbours' means.

    Too far is more than the larger of `neighbour_distance` and `neighbour_share` times the median,
    after `neighbour_bias` has been taken off each site; 2 with fewer than `neighbour_least`
    neighbours.

    Parameters
    ----------
    usable : array of bool
        Values that no other test calls suspect or failed: only they make up the means.
    """
    groups = [row.neighbour_group for row in track.thresholds]
    flags = np.where(track.missing, np.int8(Flag.MISSING), np.int8(Flag.UNKNOWN))
    if not len(track.code) or not any(group is not None for group in groups):
        return flags
    span = hours_of(track)
    means = _hourly(track, usable, span)
    table = np.full(means.shape, Flag.UNKNOWN, dtype=np.int8)
    for group in {group for group in groups if group is not None}:
        members = [number for number, other in enumerate(groups) if other == group]
        distance, limit = _distances(means[members], [track.thresholds[one] for one in members])
        table[members] = _judged(distance, distance > limit)
    for rows, series, block in track.blocks(BLOCK_ROWS):
        found = table[series].ravel()[place_of(block, *span)]
        np.copyto(flags[rows], found, where=~block.missing)
    return flags


def _hourly(track: Track, usable: Bools, span: tuple[int, int]) -> Floats:
    """Means of the hours of all series, NaN where one has no usable value."""
    table = np.full((len(track.thresholds), span[1]), np.nan)
    for rows, series, block in track.blocks(BLOCK_ROWS):
        hours = Hours(block, usable[rows] & ~block.missing, span)
        np.copyto(table[series], hours.mean, where=hours.n > 0)
    return table


def _distances(mean: Floats, rows: Sequence[Thresholds]) -> tuple[Floats, Floats]:
    """Distance of each member's hour from the median of the others, and what is allowed."""
    own = mean - np.asarray([[row.neighbour_bias] for row in rows])
    sites = [row.neighbour_site or number for number, row in enumerate(rows)]
    known = {name: number for number, name in enumerate(dict.fromkeys(sites))}
    site = np.asarray([known[name] for name in sites])
    median, others = (table[site] for table in median_of_others(_of_sites(own, site)))
    least = np.asarray([[row.neighbour_least] for row in rows])
    floor = np.asarray([[row.neighbour_distance or 0.0] for row in rows])
    share = np.asarray([[row.neighbour_share] for row in rows])
    distance = np.where(others >= least, np.abs(own - median), np.nan)
    return distance, np.maximum(floor, share * np.abs(median))


def _of_sites(own: Floats, site: Ints) -> Floats:
    """Mean over the series of each site, hour by hour; NaN where none has a value."""
    present = ~np.isnan(own)
    total, n = (np.zeros((int(site.max()) + 1, own.shape[1])) for _ in range(2))
    np.add.at(total, site, np.where(present, own, 0.0))
    np.add.at(n, site, present)
    mean = np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)
    return np.asarray(mean, dtype=np.float64)


def median_of_others(table: Floats) -> tuple[Floats, Ints]:
    """Median over the other rows of each column, and how many of them have a value.

    Sorts each column once; leaving a row out moves what lies above it down by one.

    Examples
    --------
    >>> median, others = median_of_others(np.array([[1.0], [2.0], [9.0], [np.nan]]))
    >>> median.ravel().tolist(), others.ravel().tolist()
    ([5.5, 5.0, 1.5, 2.0], [2, 2, 2, 3])
    """
    present = ~np.isnan(table)
    ordered = np.sort(table, axis=0)
    place = np.argsort(np.argsort(table, axis=0, kind="stable"), axis=0, kind="stable")
    others = present.sum(axis=0)[np.newaxis, :] - present
    place = np.where(present, place, len(table))

    def at(rank: Ints) -> Floats:
        rank = np.clip(rank + (rank >= place), 0, len(table) - 1)
        return np.take_along_axis(ordered, rank, axis=0)

    middle = (at((others - 1) // 2) + at(others // 2)) / 2
    return np.where(others > 0, middle, np.nan), others
