"""One contract for both stores, on real SQLite files and a real InfluxDB: writing and precision."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from store.sample import ALL, T0, air, clean, everything

from livinglab.model import Point, SeriesKey
from livinglab.store import Store


def test_write_then_read_gives_points_ordered_by_tags_then_time(store: Store) -> None:
    given = [air("d2", 1, no2=2.0), air("d1", 2, no2=3.0), air("d1", 1, channel="1", no2=4.0)]
    given += [air("d1", 1, no2=1.0, o3=9.5)]
    assert store.write("raw", given) == []
    assert everything(store) == [given[3], given[1], given[2], given[0]]


def test_write_equal_key_overwrites_the_fields_it_names(store: Store) -> None:
    store.write("raw", [air("d1", 0, no2=1.0, o3=2.0)])
    store.write("raw", [air("d1", 0, no2=5.0)])
    assert everything(store) == [air("d1", 0, no2=5.0, o3=2.0)]


def test_write_two_at_one_key_in_a_batch_keeps_the_later_one(store: Store) -> None:
    batch = [air("d1", 0, no2=1.0, o3=1.0), air("d1", 0, no2=2.0), air("d1", 0, no2=3.0, o3=3.0)]
    store.write("raw", [*batch, air("d1", 0, o3=4.0)])
    assert everything(store) == [air("d1", 0, no2=3.0, o3=4.0)]


def test_write_nothing_is_no_error(store: Store) -> None:
    assert store.write("raw", []) == []
    assert everything(store) == []


def test_write_more_than_one_transaction_holds(store: Store) -> None:
    many = [air(f"d{i % 5}", i / 3600, no2=float(i)) for i in range(42_000)]
    assert store.write("raw", many) == []
    assert len(store.frame("raw", "air", *ALL)) == 42_000


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"no2": "12.5"}, "must be a number"),
        ({"no2": True}, "must be a number"),
        ({"no2": math.inf}, "must be finite"),
        ({"no2": 10**400}, "must be finite"),
        ({"no2": math.nan}, "no field has a value"),
        ({"NO2": 1.0}, "cannot name a field"),
        ({"time": 1.0}, "cannot name a field"),
        ({"device": 1.0}, "cannot name a field"),
        ({"a b": 1.0}, "cannot name a field"),
        ({}, "no field has a value"),
    ],
)
def test_write_bad_field_is_rejected_and_the_others_stored(store: Store, fields, reason) -> None:
    bad = Point(SeriesKey("air", ("d1", "0")), T0, fields)
    (rejected,) = store.write("raw", [air("d1", 1, no2=1.0), bad, air("d1", 2, no2=2.0)])
    assert rejected.point is bad
    assert reason in rejected.reason
    assert everything(store) == [air("d1", 1, no2=1.0), air("d1", 2, no2=2.0)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"value": 1.0, "flag": "1", "tests": "1"}, "'flag' must be a whole number"),
        ({"value": 1.0, "flag": 1.5, "tests": "1"}, "'flag' must be a whole number"),
        ({"value": 1.0, "flag": 2**63, "tests": "1"}, "does not fit 64 bits"),
        ({"value": 1.0, "flag": 1, "tests": 1}, "'tests' must be a text"),
        ({"value": 1.0, "flag": 1, "tests": "\ud800"}, "not valid Unicode"),
        ({"value": 1.0, "flag": 1, "tests": "x" * 1_048_577}, "1048576 at most"),
        ({"value": 1.0, "other": 1}, "no field 'other'"),
    ],
)
def test_write_type_against_the_schema_is_rejected(store: Store, fields, reason) -> None:
    series = SeriesKey("air", ("lombok", "d1", "0", "no2"))
    (rejected,) = store.write("clean", [clean("d2", 0, 1.0), Point(series, T0, fields)])
    assert reason in rejected.reason
    assert everything(store, "clean") == [clean("d2", 0, 1.0)]


@pytest.mark.parametrize(
    "tags",
    [
        ("", "0"),
        ("d\n1", "0"),
        ("d1\\", "0"),
        ("\ud800", "0"),
        ("d1",),
        ("x" * 1025, "0"),
        (1, "0"),
    ],
)
def test_write_tag_that_cannot_be_one_is_rejected(store: Store, tags) -> None:
    bad = Point(SeriesKey("air", tags), T0, {"no2": 1.0})
    assert [each.point for each in store.write("raw", [bad])] == [bad]
    assert store.series("raw", "air") == []


@pytest.mark.parametrize("time_ns", [2**63 - 1, -(2**63), 1.5, None])
def test_write_time_outside_the_range_is_rejected(store: Store, time_ns) -> None:
    bad = Point(SeriesKey("air", ("d1", "0")), time_ns, {"no2": 1.0})
    (rejected,) = store.write("raw", [bad, air("d1", 0, no2=1.0)])
    assert "time" in rejected.reason
    assert len(everything(store)) == 1


def test_write_numpy_values_become_plain_ones(store: Store) -> None:
    fields = {"value": np.float32(0.5), "flag": np.int8(4), "tests": "1"}
    series = SeriesKey("air", ("lombok", "d1", "0", "no2"))
    assert store.write("clean", [Point(series, np.int64(T0), fields)]) == []
    assert everything(store, "clean") == [clean("d1", 0, 0.5, 4, "1")]


def test_write_unknown_bucket_or_measurement_is_the_callers_error(store: Store) -> None:
    with pytest.raises(ValueError, match="no bucket 'dirty'"):
        store.write("dirty", [air("d1", 0, no2=1.0)])
    with pytest.raises(ValueError, match="no schema for ops/air"):
        list(store.points("ops", "air", *ALL))


def test_values_come_back_to_the_last_bit(store: Store) -> None:
    values = [0.1, 1e-300, 5e-324, 1.7976931348623157e308, 1e21, 123456789.123456789, 0.0, -7.25]
    times = [0, 1, T0 + 123_456_789, -1, -(2**63) + 2, 2**63 - 2, 999, T0]
    series = SeriesKey("air", ("d1", "0"))
    given = [Point(series, t, {"no2": v}) for t, v in zip(times, values, strict=True)]
    assert store.write("raw", given) == []
    assert everything(store) == sorted(given, key=lambda point: point.time_ns)
    frame = store.frame("raw", "air", *ALL)
    assert frame.index.asi8.tolist() == sorted(times)
    assert frame["no2"].tolist() == [point.fields["no2"] for point in everything(store)]


@pytest.mark.parametrize("number", [2**63 - 1, 2**53 + 1, -(2**63), 0, 127, 128, 2**31, -1, -33])
def test_integers_keep_63_bits(store: Store, number: int) -> None:
    point = Point(SeriesKey("arrival", ("d1", "loader")), T0, {"v": number})
    assert store.write("ops", [point]) == []
    assert everything(store, "ops", "arrival") == [point]
    frame = store.frame("ops", "arrival", *ALL)
    assert frame["v"].dtype == np.int64
    assert frame["v"].tolist() == [number]


@pytest.mark.parametrize(
    "text",
    ["", "plain", 'say "hi"', "two\nlines\r\n", "back\\slash\\", "comma, equals= blank ",
     "µ³ é ☃ 🎈", "\x00\x01\t", "'single'", "\u2028", "x" * 70_000, ',v="1" 5\nair,device=x no2=1'],
)  # fmt: skip
def test_texts_come_back_as_they_were(store: Store, text: str) -> None:
    point = Point(SeriesKey("registry", ("v1",)), 0, {"body": text, "loaded_ns": T0})
    assert store.write("ops", [point]) == []
    assert everything(store, "ops", "registry") == [point]
    assert store.frame("ops", "registry", *ALL)["body"].tolist() == [text]


@pytest.mark.parametrize(
    "name", ["a b", "a,b", "a=b", "a'b", 'a"b', "é ☃", "日本", " lead", "a" * 500]
)
def test_tags_come_back_as_they_were(store: Store, name: str) -> None:
    points = [air(name, 0, no2=1.0), air("other", 0, no2=2.0)]
    assert store.write("raw", points) == []
    assert {point.series.tags for point in everything(store)} == {(name, "0"), ("other", "0")}
    assert [key.tags[0] for key in store.series("raw", "air", {"device": name})] == [name]
    assert store.frame("raw", "air", *ALL, {"device": name})["device"].tolist() == [name]
    store.delete("raw", "air", *ALL, {"device": name})
    assert everything(store) == [points[1]]


WRITER = """
import json, sys
from pathlib import Path
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
url, token, state_dir, who = sys.argv[1:]
store = open_store(url, token=token, state_dir=Path(state_dir))
series = [SeriesKey("air", (f"p{who}-{n}", "0")) for n in range(4)]
shared = SeriesKey("air", ("shared", "0"))
for step in range(30):
    points = [Point(s, step, {"no2": float(step), f"q{who}": 1.0}) for s in series]
    points.append(Point(shared, step, {f"by_{who}": float(step)}))
    assert store.write("raw", points) == []
print(json.dumps(len(list(store.points("raw", "air", 0, 100)))))
store.close()
"""


def test_several_processes_write_at_once_without_loss(store: Store, tmp_path, request) -> None:
    token = request.getfixturevalue("influx_server").token if "influx" in store.url else ""
    command = [sys.executable, "-c", WRITER, store.url, token, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(who)], stdout=subprocess.PIPE, text=True)
        for who in range(3)
    ]
    seen = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    assert all(count >= 30 * 5 for count in seen)
    points = everything(store)
    assert len(points) == 3 * 4 * 30 + 30
    shared = [point for point in points if point.series.tags[0] == "shared"]
    assert all(
        point.fields == {f"by_{who}": float(point.time_ns) for who in range(3)} for point in shared
    )


def test_probe_of_a_prepared_store_returns(store: Store) -> None:
    store.probe()
    store.prepare()  # a second time is harmless
    store.probe()


def test_store_works_after_close(store: Store) -> None:
    store.close()
    assert store.write("raw", [air("d1", 0, no2=1.0)]) == []
