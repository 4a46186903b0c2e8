"""The memory of keys answers as if it knew them all, whatever it has forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from ingest.series import HOUR_NS, PAGES, RECENT, LateKey, SeriesMemory
from livinglab.model import Point, SeriesKey

Op = tuple[int, str, float]  # step, field, value
OPS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["a", "b"]), st.sampled_from([1.0, 2.0])),
    max_size=40,
)


class Shelf:
    """A store of one series, in a dictionary, behind a memory."""

    def __init__(self) -> None:
        self.stored: dict[int, dict[str, float]] = {}
        self.asked = 0
        self.before: dict[LateKey, float | None] = {}  # as the loader's state keeps it
        self.newest: dict[tuple[str, str, str], int] = {}
        self.memory = SeriesMemory({}, self.look_up)

    def settle(self) -> None:
        """A commit."""
        self.flush()
        self.newest |= self.memory.newest_touched()
        self.before.clear()
        self.memory.settle()

    def restart(self) -> None:
        """A new process, with what the state and the store hold."""
        self.memory = SeriesMemory(self.newest, self.look_up, self.before)

    def look_up(self, series: SeriesKey, start: int, end: int) -> Iterator[Point]:
        self.flush()
        self.asked += 1
        for time_ns, fields in self.stored.items():
            if start <= time_ns < end:
                yield Point(series, time_ns, dict(fields))

    def flush(self) -> None:
        points, late = self.memory.take()
        self.before = {**late, **self.before}
        for point in points:
            self.stored.setdefault(point.time_ns, {}).update(point.fields)  # type: ignore[arg-type]  # floats

    def put(self, step: int, field: str, value: float) -> str:
        """What the memory says of a value: stored, repeated or corrected."""
        memory = self.memory
        slot = memory.slot("air", "d", "0", 60)
        time_ns = step * HOUR_NS // 4
        if slot.time != time_ns or slot.turn != memory.turn:
            memory.open(slot, time_ns)
        if field not in slot.known:
            memory.amend(slot, field, value)
            return "stored"
        if slot.known[field] == value:
            return "repeated"
        memory.amend(slot, field, value)
        return "corrected"


def told(known: dict[tuple[int, str], float], op: Op) -> str:
    """The definition."""
    step, field, value = op
    before = known.get((step, field))
    known[step, field] = value
    if before is None:
        return "stored"
    return "repeated" if before == value else "corrected"


@given(ops=OPS, settled_every=st.integers(1, 8), restarts=st.sets(st.integers(0, 40)))
def test_memory_answers_as_if_it_knew_every_key(
    ops: list[Op], settled_every: int, restarts: set[int]
) -> None:
    shelf, known = Shelf(), {}
    for number, op in enumerate(ops):
        assert shelf.put(*op) == told(known, op)
        if number % settled_every == 0:
            shelf.settle()
            if number in restarts:
                shelf.restart()
    shelf.flush()
    stored = {
        (time_ns * 4 // HOUR_NS, field): value
        for time_ns, fields in shelf.stored.items()
        for field, value in fields.items()
    }
    assert stored == known


@given(first=OPS, cut=OPS, after=OPS)
def test_memory_gives_the_same_answers_after_an_attempt_that_was_cut_off(
    first: list[Op], cut: list[Op], after: list[Op]
) -> None:
    shelf, known = Shelf(), {}
    for op in first:
        assert shelf.put(*op) == told(known, op)
    shelf.settle()
    for op in cut:
        shelf.put(*op)
    shelf.flush()  # all of it is in the store, none of it is committed
    shelf.restart()
    for op in [*cut, *after]:
        assert shelf.put(*op) == told(known, op)


@given(first=OPS, undone=OPS, after=OPS)
def test_roll_back_equals_a_restart(first: list[Op], undone: list[Op], after: list[Op]) -> None:
    shelf, known = Shelf(), {}
    for op in first:
        assert shelf.put(*op) == told(known, op)
    shelf.settle()
    for op in undone:
        shelf.put(*op)
    shelf.memory.roll_back(shelf.before)
    for op in [*undone, *after]:
        assert shelf.put(*op) == told(known, op)


def test_memory_in_order_never_asks_the_store_and_stays_small() -> None:
    shelf = Shelf()
    for step in range(5_000):
        assert shelf.put(step, "a", 1.0) == "stored"
        if step % 10 == 0:
            shelf.settle()
    slot = shelf.memory.slot("air", "d", "0", 60)
    assert shelf.asked == 0
    assert len(slot.recent) <= 2 * RECENT + 10


def test_memory_keeps_a_bounded_number_of_pages() -> None:
    shelf = Shelf()
    shelf.put(1_000_000, "a", 1.0)
    shelf.settle()
    shelf.restart()
    for step in range(0, 40 * (PAGES + 100), 40):
        assert shelf.put(step, "a", 1.0) == "stored"
    assert shelf.memory._pages <= PAGES


def test_settle_forgets_the_hours_and_open_notes_them_again() -> None:
    shelf = Shelf()
    shelf.put(0, "a", 1.0)
    shelf.put(1, "a", 1.0)
    shelf.put(9, "a", 1.0)
    assert shelf.memory.hours == {("d", 0), ("d", 2 * HOUR_NS)}
    shelf.settle()
    shelf.put(10, "a", 1.0)
    assert shelf.memory.hours == {("d", 2 * HOUR_NS)}
