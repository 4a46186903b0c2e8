"""What is known about the keys of each series: whether a value is new, corrected or a repeat.

A key is (device, channel, quantity, time). The ledger of readings has to say of each value whether
its key was stored before, for a history that does not fit into memory. Per series this module knows

- `newest`, the latest time ever stored: a later value is new, which is nearly always the case;
- the last few keys, complete above `floor`;
- below `floor`, *pages*: stretches of time read from the store when a late value asks for them.

Memory is bounded by the registry (series) and by `PAGES`. After a restart only `newest` is left,
and pages answer the rest, so the answers stay exact with one exception: two loaders of a share
group do not see each other's keys newer than `newest`, so a reading that both received counts as
stored twice.

The store may hold writes of an attempt that a crash cut off; asking it again would turn "new" into
"repeat". Therefore what was there before a late write (`late`) goes into the loader's state before
the write, and is laid over the pages when the attempt is repeated (`before_images`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from livinglab.model import Point, SeriesKey
from livinglab.timeline import HOUR_NS

RECENT: Final = 3  # keys per series that are answered without asking, and up to twice as many;
MOST_RECENT: Final = 64  # for series whose readings do not come in order of time
PAGES: Final = 512  # pages held over all series
NEVER: Final = -(1 << 63)

SeriesName = tuple[str, str, str]  # measurement, device, channel
LateKey = tuple[str, str, str, int, str]  # measurement, device, channel, time in ns, quantity
LookUp = Callable[[SeriesKey, int, int], Iterable[Point]]
Values = dict[str, float]
_point: Final = tuple.__new__  # half the time of the NamedTuple's own constructor


class _Refused(Values):
    """The values of a key that the store refused: every field is there, none may be written."""

    def __contains__(self, field: object) -> bool:
        return True


REFUSED: Final = _Refused()


class Slot:
    """One series in memory. `known`, `out`: values at `time`, and those of them to be written.

    `log` holds the points of `SeriesMemory.extend`, later than all of `recent`, until somebody
    wants to know more of the series than that.
    """

    __slots__ = (
        "committed", "floor", "hour", "known", "limit", "log", "log_turn", "newest",
        "out", "pages", "recent", "room", "series", "span_ns", "time", "turn",
    )  # fmt: skip

    def __init__(self, series: SeriesKey, newest: int, span_ns: int) -> None:
        self.series = series
        self.span_ns = span_ns
        self.newest = self.committed = self.floor = newest
        self.recent: dict[int, Values] = {}
        self.pages: dict[int, dict[int, Values]] | None = None
        self.room = RECENT
        self.limit = 2 * RECENT
        self.time = NEVER
        self.turn = -1
        self.hour = NEVER
        self.known: Values = {}
        self.out: Values | None = None
        self.log: list[Point] = []
        self.log_turn = -1

    def catch_up(self) -> None:
        """Enter the logged keys; the slot is then turned to the last of them."""
        for _, time_ns, values in self.log:
            self.recent[time_ns] = values  # type: ignore[assignment]  # made by `extend`
        self.time = self.log[-1].time_ns
        self.turn = self.log_turn
        self.known = self.out = self.recent[self.time]
        self.log.clear()
        if len(self.recent) > self.limit:
            self.shed()

    def keep(self, time_ns: int, values: Values) -> None:
        """Remember a key; those that have been held longest leave."""
        self.recent[time_ns] = values
        if len(self.recent) > self.limit:
            self.shed()

    def shed(self) -> None:
        """Forget all but the keys that came last, and those that came since the last commit.

        The latter stay because the store must not be asked about them: an attempt that a crash cut
        off may have written them. Pages that are in memory learn of those that go.
        """
        keys = list(self.recent.items())
        self.recent = {}
        for time_ns, values in keys[: -self.room]:
            if time_ns > self.committed:
                self.recent[time_ns] = values
                continue
            self.floor = max(self.floor, time_ns)
            page = self.pages.get(time_ns // self.span_ns) if self.pages is not None else None
            if page is not None:
                page[time_ns] = values
        self.recent.update(keys[-self.room :])
        self.limit = 2 * max(self.room, len(self.recent))

    def settle(self) -> None:
        """All keys so far are committed."""
        self.committed = self.newest
        self.hour = NEVER
        self.limit = 2 * self.room
        if self.pages is None and len(self.log) > self.room:
            self.floor = max(self.floor, self.log[-self.room - 1].time_ns)
            self.recent.clear()
            del self.log[: -self.room]
        elif self.log and len(self.log) + len(self.recent) > self.limit:
            self.catch_up()
        elif len(self.recent) > self.limit:
            self.shed()


class SeriesMemory:
    """Slots of all series, and the points to be written next.

    Parameters
    ----------
    newest : mapping of (measurement, device, channel) to int
        The latest stored time of each series, from the loader's state.
    look_up : callable
        Stored points of a series in [start, end); whatever was handed out is in the store by then.
    before_images : mapping of LateKey to float or None
        What was stored before the late writes of an attempt that was cut off.

    Attributes
    ----------
    points : list of Point
        To be written; taken by `take`.
    hours : set of (device, hour in ns)
        Touched since the last `settle`.
    late : dict of LateKey to float or None
        What was stored before the late writes since the last `take`.
    refused : collection of (SeriesKey, time)
        Keys that the store refuses.
    """

    def __init__(
        self,
        newest: Mapping[SeriesName, int],
        look_up: LookUp,
        before_images: Mapping[LateKey, float | None] | None = None,
    ) -> None:
        self._newest = newest
        self._look_up = look_up
        self._before_images = dict(before_images or {})
        self._slots: dict[SeriesName, Slot] = {}
        self._pages = 0
        self._touched: dict[Slot, None] = {}
        self.turn = 0
        self.points: list[Point] = []
        self.hours: set[tuple[str, int]] = set()
        self.late: dict[LateKey, float | None] = {}
        self.refused: Collection[tuple[SeriesKey, int]] = ()

    def slot(self, measurement: str, device: str, channel: str, step_s: int) -> Slot:
        """The slot of a series; `step_s` only sizes its pages (about 144 readings)."""
        name = (measurement, device, channel)
        slot = self._slots.get(name)
        if slot is None:
            span_h = min(max(144 * step_s // 3_600, 1), 240)
            newest = self._newest.get(name, NEVER)
            slot = self._slots[name] = Slot(
                SeriesKey(measurement, (device, channel)), newest, span_h * HOUR_NS
            )
        return slot

    def open(self, slot: Slot, time_ns: int) -> None:
        """Turn the slot to a key: what is known there, and a new point where nothing can be."""
        if slot.log:
            slot.catch_up()
            if slot.time == time_ns and slot.turn == self.turn:
                return
        slot.turn = self.turn
        slot.time = time_ns
        if self.refused and (slot.series, time_ns) in self.refused:
            slot.known, slot.out = REFUSED, None
        elif time_ns > slot.newest:
            values: Values = {}
            slot.known = slot.out = values
            slot.newest = time_ns
            recent = slot.recent
            recent[time_ns] = values
            if len(recent) > slot.limit:
                slot.shed()
            self.points.append(_point(Point, (slot.series, time_ns, values)))
            if time_ns >= slot.hour + HOUR_NS:
                self._note_hour(slot, time_ns)
        else:
            slot.known, slot.out = self._known(slot, time_ns), None

    def extend(
        self,
        slots: Sequence[Slot],
        fields: Sequence[tuple[str, ...]],
        time_ns: int,
        values: Iterable[float],
    ) -> bool:
        """Add a new key to several series, as `open` would; only if it is new in all of them.

        `fields` are those of each slot in turn, `values` theirs in the same order.
        """
        for slot in slots:
            if time_ns <= slot.newest:
                return False
        if self.refused:
            return False
        turn, add = self.turn, self.points.append
        rest = iter(values)
        for slot, names in zip(slots, fields):  # noqa: B905  # as many, and this is the hot path
            point = _point(Point, (slot.series, time_ns, dict(zip(names, rest))))  # noqa: B905  # takes its share
            add(point)
            slot.log.append(point)
            slot.newest = time_ns
            slot.log_turn = turn
            if time_ns >= slot.hour + HOUR_NS:
                self._note_hour(slot, time_ns)
        return True

    def amend(self, slot: Slot, field: str, value: float) -> None:
        """Write a value at a key that may have been stored before."""
        known = slot.known
        self._touched[slot] = None
        if slot.time <= slot.committed:
            series = slot.series
            device, channel = series.tags
            key = (series.measurement, device, channel, slot.time, field)
            self.late.setdefault(key, known.get(field))
            self._before_images.pop(key, None)
        known[field] = value
        if slot.out is None:
            slot.out = {}
            self.points.append(Point(slot.series, slot.time, slot.out))
            self._note_hour(slot, slot.time)
        slot.out[field] = value

    def take(self) -> tuple[list[Point], dict[LateKey, float | None]]:
        """Hand out the points to be written and what was stored before the late ones."""
        points, late = self.points, self.late
        self.points, self.late = [], {}
        self.turn += 1
        return points, late

    def newest_touched(self) -> dict[SeriesName, int]:
        """The latest time of each series that got a later one since the last `settle`."""
        return {
            (slot.series.measurement, slot.series.tags[0], slot.series.tags[1]): slot.newest
            for slot in self._touched
            if slot.newest != slot.committed
        }

    def settle(self) -> None:
        """All that was handed out is stored and in the loader's state."""
        for slot in self._touched:
            slot.settle()
        self._touched.clear()
        self._before_images.clear()
        self.hours = set()
        self.refused = ()

    def roll_back(
        self,
        before_images: Mapping[LateKey, float | None],
        refused: Collection[tuple[SeriesKey, int]] = (),
    ) -> None:
        """Forget everything since `settle`, as a restart would."""
        self.take()
        self._before_images = dict(before_images)
        self.refused = refused
        self.hours = set()
        for slot in self._touched:
            slot.newest = slot.floor = slot.committed
            slot.recent.clear()
            slot.log.clear()
        self._touched.clear()
        for slot in self._slots.values():
            slot.time, slot.hour, slot.pages = NEVER, NEVER, None
        self._pages = 0

    def forget(self, device: str, newest: Mapping[SeriesName, int]) -> None:
        """The device's series were rewritten by someone else, up to `newest`."""
        for name, slot in self._slots.items():
            if name[1] == device:
                top = max(newest.get(name, NEVER), slot.newest)
                slot.newest = slot.committed = slot.floor = top
                slot.recent.clear()
                slot.log.clear()
                slot.time, slot.pages = NEVER, None
        self._newest = {**self._newest, **newest}

    def _note_hour(self, slot: Slot, time_ns: int) -> None:
        """The hour of a point is touched; later points of the same hour need not say so again."""
        self._touched[slot] = None
        hour = time_ns - time_ns % HOUR_NS
        slot.hour = max(slot.hour, hour)
        self.hours.add((slot.series.tags[0], hour))

    def _known(self, slot: Slot, time_ns: int) -> Values:
        """Values at a key, as a copy: the original may be on its way to the store."""
        values = slot.recent.get(time_ns)
        if values is not None:
            slot.recent[time_ns] = copy = dict(values)
            return copy
        self._touched[slot] = None
        if time_ns > slot.floor:
            values = {}
            slot.keep(time_ns, values)
            return values
        slot.room = min(2 * slot.room, MOST_RECENT)
        page = self._page(slot, time_ns // slot.span_ns)
        page[time_ns] = copy = dict(page.get(time_ns, {}))
        return copy

    def _page(self, slot: Slot, number: int) -> dict[int, Values]:
        if slot.pages is not None and (page := slot.pages.get(number)) is not None:
            return page
        if self._pages >= PAGES:
            for other in self._slots.values():
                other.pages = None
            self._pages = 0
        start = number * slot.span_ns
        page = {
            point.time_ns: dict(point.fields)  # type: ignore[arg-type]  # raw holds floats
            for point in self._look_up(slot.series, start, start + slot.span_ns)
        }
        self._lay_over(slot, start, page)
        slot.pages = slot.pages if slot.pages is not None else {}
        slot.pages[number] = page
        self._pages += 1
        return page

    def _lay_over(self, slot: Slot, start: int, page: dict[int, Values]) -> None:
        name = (slot.series.measurement, *slot.series.tags)
        for (*series, time_ns, field), old in self._before_images.items():
            if tuple(series) != name or not start <= time_ns < start + slot.span_ns:
                continue
            values = page.setdefault(time_ns, {})
            if old is None:
                values.pop(field, None)
            else:
                values[field] = old
