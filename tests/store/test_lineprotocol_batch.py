"""Lines of a whole batch: the same fields, values and refusals as point by point."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livinglab.model import Point, SeriesKey
from livinglab.store.lineprotocol import LineWriter

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ODD = st.one_of(
    st.integers(), st.text(max_size=8), st.booleans(), st.none(), st.floats(),
    st.lists(st.floats(0, 1), max_size=2), st.dictionaries(st.text(max_size=3), FLOATS, max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(("no2", "pm2_5", "device", "No2", 'a"b', "a,b", ""))
FIELDS = st.dictionaries(st.sampled_from(("no2", "o3", "pm2_5")), FLOATS, min_size=1, max_size=3)
SERIES = st.builds(
    lambda device: SeriesKey("air", (device, "0")), st.sampled_from(("d1", "d 2", "d,3=", "", "\n"))
)
GOOD = st.builds(lambda name: SeriesKey("air", (name, "0")), st.sampled_from(("d1", "d 2", "d,3=")))
TIMES = st.integers(0, 1 << 62)


def parsed(line: str) -> Any:
    head, _, time_ns = line.rpartition(" ")
    head, _, fields = head.rpartition(" ")
    values = [part.partition("=") for part in fields.split(",")]
    return head, [(name, repr(float(value))) for name, _, value in values], time_ns


@given(st.lists(st.builds(Point, GOOD, TIMES, FIELDS), max_size=20))
def test_batch_of_floats_says_what_each_point_says(points: list[Point]) -> None:
    whole = LineWriter("raw").lines(points)
    single = [LineWriter("raw")._line(point) for point in points]
    assert [parsed(line) for line in whole.text] == [parsed(line) for line in single]
    assert list(whole.points) == points
    assert whole.rejected == []


@given(
    st.lists(
        st.builds(
            Point,
            SERIES,
            TIMES | st.integers() | FLOATS,
            FIELDS | st.dictionaries(NAMES, ODD | FLOATS),
        ),
        max_size=6,
    )
)
def test_batch_with_odd_points_refuses_what_each_point_refuses(points: list[Point]) -> None:
    whole = LineWriter("raw").lines(points)
    text, rejected = [], []
    for point in points:
        try:
            text.append(LineWriter("raw")._line(point))
        except ValueError as error:
            rejected.append((point, str(error)))
    assert [parsed(line) for line in whole.text] == [parsed(line) for line in text]
    assert str([(one.point, one.reason) for one in whole.rejected]) == str(rejected)
