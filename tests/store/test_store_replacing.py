"""One contract for both stores, on real SQLite files and a real InfluxDB: replace and delete."""

from __future__ import annotations

import math

import pytest
from store.sample import ALL, HOUR, T0, air, clean, everything, window

from livinglab.errors import OvertakenError
from livinglab.model import Point, SeriesKey
from livinglab.store import Replaced, Store


def test_delete_takes_the_window_and_leaves_its_neighbours(store: Store) -> None:
    series = SeriesKey("air", ("d1", "0"))
    store.write("raw", [Point(series, T0 + ns, {"no2": 1.0}) for ns in (-1, 0, 5, 9, 10)])
    store.write("raw", [air("d2", 0, no2=2.0)])
    store.delete("raw", "air", T0, T0 + 10, {"device": "d1", "channel": "0"})
    assert [(p.series.tags[0], p.time_ns - T0) for p in everything(store)] == [
        ("d1", -1), ("d1", 10), ("d2", 0),
    ]  # fmt: skip
    store.delete("raw", "air", T0, T0, {"device": "d2"})
    assert len(everything(store)) == 3


def test_delete_then_write_at_the_same_key_is_kept(store: Store) -> None:
    store.write("raw", [air("d1", 0, no2=1.0, o3=2.0)])
    store.delete("raw", "air", *ALL, {"device": "d1"})
    store.write("raw", [air("d1", 0, no2=3.0)])
    assert everything(store) == [air("d1", 0, no2=3.0)]


def test_replace_makes_the_window_hold_exactly_the_points(store: Store) -> None:
    store.write("clean", [clean(d, h, float(h)) for d in ("d1", "d2") for h in range(10)])
    new = [clean("d1", 3, 3.0), clean("d1", 5, 55.0), clean("d1", 6, 6.0, 4), clean("d3", 4, 1.0)]
    chosen = {"lab": "lombok", "device": ["d1", "d3"]}
    done = store.replace("clean", "air", *window(3, 7), chosen, new)
    assert done == Replaced(written=3, deleted=1, unchanged=1)
    expected = [clean("d1", h, float(h)) for h in (0, 1, 2)] + new[:3]
    expected += [clean("d1", h, float(h)) for h in (7, 8, 9)]
    expected += [clean("d2", h, float(h)) for h in range(10)] + new[3:]
    assert everything(store, "clean") == expected


def test_replace_by_the_same_points_writes_nothing(store: Store) -> None:
    points = [clean("d1", h, h / 3) for h in range(5)]
    first = store.replace("clean", "air", *window(0, 5), {"lab": "lombok"}, points)
    calls: list[int] = []
    again = store.replace(
        "clean", "air", *window(0, 5), {"lab": "lombok"}, points, lambda: calls.append(1)
    )
    assert (first, again) == (Replaced(5, 0, 0), Replaced(0, 0, 5))
    assert calls == []


def test_replace_by_nothing_empties_the_window_only(store: Store) -> None:
    store.write("clean", [clean("d1", h, 1.0) for h in range(4)])
    assert store.replace("clean", "air", *window(1, 3), {"device": "d1"}, []) == Replaced(0, 2, 0)
    assert [point.time_ns for point in everything(store, "clean")] == [T0, T0 + 3 * HOUR]


def test_replace_forgets_a_value_that_became_nan(store: Store) -> None:
    store.write("clean", [clean("d1", h, 1.5) for h in range(4)])
    new = [clean("d1", 0, 1.5), clean("d1", 1, math.nan), clean("d1", 2, 2.5), clean("d1", 3, 1.5)]
    assert store.replace("clean", "air", *window(0, 4), {}, new) == Replaced(2, 0, 2)
    values = store.frame("clean", "air", *ALL)["value"]
    assert values.isna().tolist() == [False, True, False, False]
    assert store.replace("clean", "air", *window(0, 4), {}, new) == Replaced(0, 0, 4)


def test_replace_guard_stops_before_the_first_write(store: Store) -> None:
    store.write("clean", [clean("d1", 0, 1.0)])

    def overtaken() -> None:
        raise OvertakenError("another run has claimed the window")

    for points in ([clean("d1", 1, 2.0)], [clean("d1", 0, math.nan)], []):
        with pytest.raises(OvertakenError):
            store.replace("clean", "air", *window(0, 2), {}, points, overtaken)
    assert everything(store, "clean") == [clean("d1", 0, 1.0)]


def test_replace_guard_between_write_and_delete_leaves_old_and_new(store: Store) -> None:
    store.write("clean", [clean("d1", 0, 1.0)])
    calls = []

    def second_time() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OvertakenError("another run has claimed the window")

    with pytest.raises(OvertakenError):
        store.replace("clean", "air", *window(0, 2), {}, [clean("d1", 1, 2.0)], second_time)
    assert everything(store, "clean") == [clean("d1", 0, 1.0), clean("d1", 1, 2.0)]


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([clean("d1", 5, 1.0)], "outside the window"),
        ([clean("d2", 0, 1.0)], "outside the window or the tags"),
        ([clean("d1", 0, 1.0), clean("d1", 0, 2.0)], "two points"),
        ([clean("d1", 0, math.inf)], "must be finite"),
    ],
)
def test_replace_refuses_points_that_do_not_belong(store: Store, points, reason) -> None:
    store.write("clean", [clean("d1", 0, 9.0)])
    with pytest.raises(ValueError, match=reason):
        store.replace(
            "clean", "air", *window(0, 2), {"device": "d1"}, [*points, clean("d1", 1, 1.0)]
        )
    assert everything(store, "clean") == [clean("d1", 0, 9.0)]


def test_replace_many_points_in_stretches(store: Store) -> None:
    points = [clean("d1", h, float(h)) for h in range(25_000)]
    calls: list[int] = []

    def count() -> None:
        calls.append(1)

    assert store.replace("clean", "air", *ALL, {}, points, count) == Replaced(25_000, 0, 0)
    assert len(calls) >= 2
    odd = points[1::2]
    assert store.replace("clean", "air", *ALL, {}, [], count).deleted == 25_000
    assert store.replace("clean", "air", *ALL, {}, odd).written == 12_500
