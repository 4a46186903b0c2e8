"""What `replace` has to do: the difference between what a window holds and what it shall hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from livinglab.model import Fields, Point, SeriesKey
from livinglab.store.base import Tags
from livinglab.store.values import checked, is_selected, require_schema, tag_choices

Key = tuple[SeriesKey, int]


class Run(NamedTuple):
    """Points of one series that go together: all of [first_ns, last_ns], both included."""

    series: SeriesKey
    first_ns: int
    last_ns: int
    size: int


@dataclass(slots=True)
class Plan:
    """What to write and what to delete.

    `clear` holds points that lose a field: a store that merges fields must delete them before they
    are written. `vanish` holds those that go for good.
    """

    write: list[Point] = field(default_factory=list)
    clear: list[Run] = field(default_factory=list)
    vanish: list[Run] = field(default_factory=list)
    unchanged: int = 0

    @property
    def deleted(self) -> int:
        """How many points go for good."""
        return sum(run.size for run in self.vanish)


def wanted_points(
    bucket: str,
    measurement: str,
    window: tuple[int, int],
    tags: Tags,
    points: Sequence[Point],
) -> dict[Key, Fields]:
    """The points by series and time; ValueError when one is outside, doubled, or not storable."""
    choices = tag_choices(require_schema(bucket, measurement), tags)
    wanted: dict[Key, Fields] = {}
    inside: dict[SeriesKey, bool] = {}
    start_ns, end_ns = window
    for given in points:
        series, time_ns, fields = point = checked(bucket, given)
        if series not in inside:
            schema = require_schema(bucket, series.measurement)
            fits = series.measurement == measurement
            inside[series] = fits and is_selected(schema, choices, series)
        if not inside[series] or not start_ns <= time_ns < end_ns:
            raise ValueError(f"point outside the window or the tags of replace: {point}")
        if (series, time_ns) in wanted:
            raise ValueError(f"two points of one series and time: {point}")
        wanted[series, time_ns] = fields
    return wanted


def plan(wanted: Mapping[Key, Fields], stored: Mapping[Key, Fields]) -> Plan:
    """Compare; points that are equal in all fields need nothing."""
    result = Plan()
    lossy: set[Key] = set()
    for key, fields in wanted.items():
        before = stored.get(key)
        if before == fields:
            result.unchanged += 1
            continue
        result.write.append(Point(key[0], key[1], fields))
        if before is not None and not before.keys() <= fields.keys():
            lossy.add(key)
    vanished = stored.keys() - wanted.keys()
    order = _times(wanted.keys() | stored.keys())
    result.clear = list(_runs(order, lossy))
    result.vanish = list(_runs(order, vanished))
    return result


def _times(keys: Iterable[Key]) -> dict[SeriesKey, list[int]]:
    times: dict[SeriesKey, list[int]] = {}
    for series, time_ns in keys:
        times.setdefault(series, []).append(time_ns)
    return {series: sorted(times[series]) for series in sorted(times, key=lambda key: key.tags)}


def _runs(order: Mapping[SeriesKey, list[int]], marked: Iterable[Key]) -> Iterable[Run]:
    """Maximal runs of marked points with no unmarked point between them, per series."""
    marks: dict[SeriesKey, set[int]] = {}
    for series, time_ns in marked:
        marks.setdefault(series, set()).add(time_ns)
    for series in (each for each in order if each in marks):
        run: list[int] = []
        for time_ns in order[series]:
            if time_ns in marks[series]:
                run.append(time_ns)
            elif run:
                yield Run(series, run[0], run[-1], len(run))
                run = []
        if run:
            yield Run(series, run[0], run[-1], len(run))
