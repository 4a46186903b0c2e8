"""No text can leave its place in a line: property tests with the real server as the judge."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store.sample import ALL, T0

from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
from livinglab.store.influx import InfluxStore
from livinglab.store.lineprotocol import LineWriter, escape

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
NASTY = st.text(st.sampled_from("a,= \"\\\n\r\t'#é☃\x00\x7f\u2028\ud800"), max_size=8)
TEXT = ANY_TEXT | NASTY
ON_SERVER = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def server_store(influx_server) -> Iterator[InfluxStore]:
    url = f"{influx_server.store_url}&prefix=lp{uuid.uuid4().hex[:8]}-"
    store = open_store(url, token=influx_server.token)
    store.prepare()
    yield store
    store.remove_buckets()
    store.close()


def merged(points: list[Point]) -> dict[tuple[SeriesKey, int], dict[str, object]]:
    result: dict[tuple[SeriesKey, int], dict[str, object]] = {}
    for point in points:
        plain = {n: v for n, v in point.fields.items() if v == v}  # noqa: PLR0124 NaN is null
        result.setdefault((point.series, point.time_ns), {}).update(plain)
    return result


def measurements(store: InfluxStore, bucket: str) -> set[str]:
    found = store._reader._query(bucket, "SHOW MEASUREMENTS")
    return {row[0] for each in found for row in each.rows()}


RAW_POINTS = st.builds(
    Point,
    st.builds(SeriesKey, st.just("air") | TEXT, st.tuples(TEXT, TEXT)),
    st.integers(-5, 5) | st.integers(-(2**64), 2**64),
    st.dictionaries(
        st.sampled_from(["no2", "pm2_5"]) | TEXT, st.floats() | st.integers() | TEXT, max_size=3
    ),
)


@ON_SERVER
@given(st.lists(RAW_POINTS, max_size=20))
@example([Point(SeriesKey("air", ("a,b=c d", "é ☃")), T0, {"no2": -0.0})])
def test_any_raw_point_is_stored_as_it_is_or_rejected(server_store, points) -> None:
    rejected = {id(each.point) for each in server_store.write("raw", points)}
    accepted = [point for point in points if id(point) not in rejected]
    stored = [
        point
        for measurement in measurements(server_store, "raw")
        for point in server_store.points("raw", measurement, *ALL)
    ]
    try:
        assert merged(stored) == merged(accepted)
        assert len(stored) == len(merged(accepted))
    finally:
        for measurement in measurements(server_store, "raw"):
            server_store.delete("raw", measurement, *ALL)


@ON_SERVER
@given(st.lists(st.tuples(TEXT, TEXT), max_size=20))
@example([("v1", '"'), ("v2", "\\"), ("v3", '\\"'), ("v4", 'x" 5\nair,device=y no2=1')])
def test_any_text_field_is_stored_as_it_is_or_rejected(server_store, records) -> None:
    points = [
        Point(SeriesKey("registry", (version,)), 0, {"body": body, "loaded_ns": n})
        for n, (version, body) in enumerate(records)
    ]
    rejected = {id(each.point) for each in server_store.write("ops", points)}
    accepted = [point for point in points if id(point) not in rejected]
    stored = list(server_store.points("ops", "registry", *ALL))
    frame = server_store.frame("ops", "registry", *ALL)
    server_store.delete("ops", "registry", *ALL)
    assert merged(stored) == merged(accepted)
    assert frame["body"].tolist() == [point.fields["body"] for point in stored]
    assert measurements(server_store, "ops") <= {"registry"}


@given(TEXT, TEXT, st.floats())
def test_lines_hold_one_line_per_point(device: str, channel: str, value: float) -> None:
    point = Point(SeriesKey("air", (device, channel)), T0, {"no2": value})
    lines = LineWriter("raw").lines([point])
    assert len(lines.text) + len(lines.rejected) == 1
    for line in lines.text:
        assert line.isprintable()
        line.encode()
    if device == "" or "\\" in device or not math.isfinite(value):
        assert lines.rejected


def test_lines_write_each_type_in_its_notation() -> None:
    series = SeriesKey("air", ("lombok", "d 1", "0", "no2"))
    point = Point(series, 7, {"value": 1, "flag": 4, "tests": 'a"b\\'})
    assert LineWriter("clean").lines([point]).text == [
        'air,lab=lombok,device=d\\ 1,channel=0,quantity=no2 value=1.0,flag=4i,tests="a\\"b\\\\" 7'
    ]


def test_lines_of_one_key_in_two_buckets_have_the_tags_of_each() -> None:
    series = SeriesKey("air", ("a", "b", "c", "d"))
    point = Point(series, 1, {"value": 2.0})
    assert LineWriter("clean").lines([point]).text[0].startswith("air,lab=a,device=b,")
    assert LineWriter("indicators").lines([point]).text[0].startswith("air,lab=a,area=b,")


def test_escape_leaves_plain_text_alone() -> None:
    assert escape("utr-aq-01", "tag") == "utr-aq-01"
    assert escape("a,b c=d", "tag") == "a\\,b\\ c\\=d"
    assert escape("a,b", "field") == '"a,b"'
