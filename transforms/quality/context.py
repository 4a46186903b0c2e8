"""Tests of a value against its season, against the past day, and against the sites around it.

Hours are whole UTC hours, whatever window is computed: a verdict depends on the values of those
hours alone, added in the order of time.
"""

from __future__ import annotations

import numpy as np

from livinglab.flags import Flag
from livinglab.timeline import HOUR_NS
from transforms.frames import Bools, Flags, Floats, Ints, to_index
from transforms.quality.checks import verdicts
from transforms.quality.thresholds import Season, Thresholds
from transforms.quality.track import Track

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
            flags[here] = _climatology(track.value[here], track.time_ns[here], seasons)
    return flags


def _climatology(value: Floats, time_ns: Ints, seasons: tuple[Season, ...]) -> Flags:
    index = to_index(time_ns)
    month, hour = np.asarray(index.month), np.asarray(index.hour)
    flags = np.full(len(value), Flag.UNKNOWN, dtype=np.int8)
    for season in seasons:
        here = _within(month, *season.months) & _within_hours(hour, *season.hours)
        verdict = np.where(_outside(value, season.suspect), Flag.SUSPECT, Flag.GOOD)
        if season.fail is not None:
            verdict = np.where(_outside(value, season.fail), Flag.FAIL, verdict)
        flags[here] = verdict[here]
    flags[np.isnan(value)] = Flag.MISSING
    return flags


def _within(number: Ints, first: int, last: int) -> Bools:
    if first <= last:
        return np.asarray((number >= first) & (number <= last), dtype=np.bool_)
    return np.asarray((number >= first) | (number <= last), dtype=np.bool_)


def _within_hours(hour: Ints, start: int, end: int) -> Bools:
    return _within(hour, start, end - 1) if end else _within(hour, start, 23)


def _outside(value: Floats, span: tuple[float, float]) -> Bools:
    return np.asarray((value < span[0]) | (value > span[1]), dtype=np.bool_)


class Hours:
    """Values of each series in each UTC hour that a track touches."""

    def __init__(self, track: Track, keep: Bools) -> None:
        hour = track.time_ns // HOUR_NS
        first = int(hour.min()) if len(hour) else 0
        self.shape = (len(track.thresholds), int(hour.max()) - first + 1 if len(hour) else 0)
        self.place = track.code * self.shape[1] + hour - first
        self._cell, self._value = self.place[keep], track.value[keep]
        self.n = self._sum(np.ones(len(self._value)))
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

    def at_rows(self, table: Floats) -> Floats:
        """Value of a table of hours at each row of the track."""
        return np.asarray(table.ravel()[self.place], dtype=np.float64)


def attenuated(track: Track) -> Flags:
    """Flag 3 or 4 where the standard deviation of the past hours is too small.

    Over the UTC hour of the value and the whole hours before it, `attenuated_period_s` in all; 2
    with less than half of the expected values.

    Notes
    -----
    ioos_qc takes the window that ends with each value, by running sums over the whole series: its
    last bits, and now and then a verdict, depend on where the data begin.
    """
    deviation = np.full(len(track.code), np.nan)
    if len(track.code):
        hours = Hours(track, ~track.missing)
        for period, here in track.choice([row.attenuated_period_s for row in track.thresholds]):
            if period is not None:
                deviation[here] = hours.at_rows(_deviation(hours, track, period))[here]
    suspect, fail = track.threshold("attenuated_suspect"), track.threshold("attenuated_fail")
    evaluated = ~np.isnan(deviation) & ~(np.isnan(suspect) & np.isnan(fail))
    return verdicts(track, evaluated, deviation < suspect, deviation < fail)


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
    distance = np.full(len(track.code), np.nan)
    limit = np.full(len(track.code), np.nan)
    groups = [row.neighbour_group for row in track.thresholds]
    if len(track.code) and any(group is not None for group in groups):
        hours = Hours(track, usable)
        for group, here in track.choice(groups):
            if group is not None:
                members = [number for number, other in enumerate(groups) if other == group]
                table, span = _distances(hours, track.thresholds, members)
                distance[here] = hours.at_rows(table)[here]
                limit[here] = hours.at_rows(span)[here]
    return verdicts(track, ~np.isnan(distance), distance > limit)


def _distances(
    hours: Hours, thresholds: tuple[Thresholds, ...], members: list[int]
) -> tuple[Floats, Floats]:
    """Distance of each member's hour from the median of the others, and what is allowed."""
    rows = [thresholds[member] for member in members]
    bias = np.asarray([[row.neighbour_bias] for row in rows])
    own = np.where(hours.n[members] > 0, hours.mean[members] - bias, np.nan)
    sites = [
        row.neighbour_site or f"series {member}" for row, member in zip(rows, members, strict=True)
    ]
    site = np.asarray([list(dict.fromkeys(sites)).index(name) for name in sites])
    median, others = (table[site] for table in median_of_others(_of_sites(own, site)))
    least = np.asarray([[row.neighbour_least] for row in rows])
    floor = np.asarray([[row.neighbour_distance or 0.0] for row in rows])
    share = np.asarray([[row.neighbour_share] for row in rows])
    distance, limit = np.full(hours.shape, np.nan), np.full(hours.shape, np.nan)
    distance[members] = np.where(others >= least, np.abs(own - median), np.nan)
    limit[members] = np.maximum(floor, share * np.abs(median))
    return distance, limit


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
