"""One contract for both stores, on real SQLite files and a real InfluxDB: reading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from store.sample import ALL, HOUR, T0, air, clean, everything, window

from livinglab.model import Point, SeriesKey
from livinglab.store import Store


@pytest.fixture
def filled(store: Store) -> Store:
    points = [
        air(device, hour, channel, no2=10.0 * hour, pm2_5=float(hour))
        for device in ("d1", "d2", "d3")
        for channel in ("0", "1")
        for hour in range(48)
    ]
    points += [air("d4", 5, o3=1.5)]
    assert store.write("raw", points) == []
    return store


def test_frame_selects_by_device_field_and_half_open_window(filled: Store) -> None:
    frame = filled.frame("raw", "air", *window(3, 5), {"device": "d2"}, ["pm2_5"])
    assert frame.columns.tolist() == ["device", "channel", "pm2_5"]
    assert frame["channel"].tolist() == ["0", "0", "1", "1"]
    assert frame["pm2_5"].tolist() == [3.0, 4.0, 3.0, 4.0]
    assert frame.index.name == "time"
    assert frame.index.dtype == "datetime64[ns, UTC]"
    assert frame.index[0] == pd.Timestamp(T0 + 3 * HOUR, tz="UTC")


def test_frame_dtypes_are_declared(filled: Store) -> None:
    filled.write("clean", [clean("d1", 0, 1.0)])
    assert filled.frame("raw", "air", *ALL).dtypes.astype(str).to_dict() == {
        "device": "str", "channel": "str", "no2": "float64", "o3": "float64", "pm2_5": "float64",
    }  # fmt: skip
    assert filled.frame("clean", "air", *ALL).dtypes.astype(str).to_dict() == {
        "lab": "str", "device": "str", "channel": "str", "quantity": "str",
        "flag": "int64", "tests": "str", "value": "float64",
    }  # fmt: skip


def test_frame_several_values_of_a_tag_mean_any_of_them(filled: Store) -> None:
    chosen = {"device": ["d3", "d1", "nobody"], "channel": "1"}
    frame = filled.frame("raw", "air", *window(0, 1), chosen)
    assert frame["device"].tolist() == ["d1", "d3"]
    assert filled.frame("raw", "air", *ALL, {"device": []}).empty
    assert list(filled.points("raw", "air", *ALL, {"device": []})) == []
    assert filled.series("raw", "air", {"device": ()}) == []


def test_frame_rows_without_the_asked_fields_are_left_out(filled: Store) -> None:
    assert filled.frame("raw", "air", *ALL, fields=["o3"])["device"].tolist() == ["d4"]
    both = filled.frame("raw", "air", *window(5, 6), {"device": ["d1", "d4"]}, ["o3", "no2"])
    assert both["o3"].isna().tolist() == [True, True, False]
    assert both["no2"].tolist()[:2] == [50.0, 50.0]


def test_frame_unknown_field_is_a_column_of_nulls(filled: Store) -> None:
    frame = filled.frame("raw", "air", *window(0, 1), {"device": "d1"}, ["no2", "never_seen"])
    assert frame["never_seen"].isna().all()
    assert frame["never_seen"].dtype == np.float64
    assert filled.frame("raw", "air", *ALL, fields=["never_seen"]).empty


def test_frame_without_points_has_the_columns_and_dtypes(filled: Store) -> None:
    full = filled.frame("raw", "air", *ALL, fields=["no2"])
    for empty in (
        filled.frame("raw", "air", *window(100, 101), fields=["no2"]),
        filled.frame("raw", "air", *window(5, 5), fields=["no2"]),
        filled.frame("raw", "air", *ALL, {"device": "nobody"}, ["no2"]),
        filled.frame("raw", "noise", *ALL, fields=["no2"]),
    ):
        assert len(empty) == 0
        assert empty.columns.tolist() == full.columns.tolist()
        assert empty.dtypes.tolist() == full.dtypes.tolist()
        assert empty.index.dtype == full.index.dtype
        assert empty.index.name == "time"


def test_frame_integers_with_gaps_are_floats_and_texts_missing(store: Store) -> None:
    series = SeriesKey("air", ("lombok", "d1", "0", "no2"))
    rows = [{"value": 1.0}, {"flag": 4}, {"tests": ""}, {"tests": "12", "flag": 3}]
    store.write("clean", [Point(series, T0 + i, row) for i, row in enumerate(rows)])
    frame = store.frame("clean", "air", *ALL)
    assert frame["flag"].dtype == np.float64
    assert frame["flag"].isna().tolist() == [True, False, True, False]
    assert frame["tests"].isna().tolist() == [True, True, False, False]
    assert frame["tests"].tolist()[2:] == ["", "12"]


def test_reading_with_wrong_arguments_is_the_callers_error(store: Store) -> None:
    with pytest.raises(ValueError, match="no tag 'lab'"):
        store.frame("raw", "air", *ALL, {"lab": "lombok"})
    with pytest.raises(ValueError, match="runs backwards"):
        store.frame("raw", "air", 2, 1)
    with pytest.raises(ValueError, match="no field is asked for"):
        store.frame("raw", "air", *ALL, fields=[])
    with pytest.raises(ValueError, match="no field 'valeu'"):
        store.frame("clean", "air", *ALL, fields=["valeu"])
    with pytest.raises(ValueError, match="chunk_s must be positive"):
        list(store.frames("raw", "air", *ALL, fields=["no2"], chunk_s=0))


def test_frames_concatenated_equal_the_frame(filled: Store) -> None:
    chunks = list(filled.frames("raw", "air", *window(-24, 72), fields=["no2", "o3"]))
    assert [len(chunk) for chunk in chunks] == [24 * 6 + 1, 24 * 6]
    whole = filled.frame("raw", "air", *window(-24, 72), fields=["no2", "o3"])
    joined = pd.concat(chunks).sort_values(["device", "channel", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, whole, check_freq=False)


def test_frames_leap_over_years_without_data(store: Store) -> None:
    store.write("raw", [Point(SeriesKey("air", ("d1", "0")), t, {"no2": 1.0}) for t in (5, T0)])
    chunks = list(store.frames("raw", "air", -(2**62), 2**62, fields=["no2"], chunk_s=60))
    assert [chunk.index.asi8.tolist() for chunk in chunks] == [[5], [T0]]


def test_frames_only_hold_one_chunk(filled: Store) -> None:
    chunks = filled.frames("raw", "air", *window(0, 48), chunk_s=3600)
    assert isinstance(chunks, Iterator)
    first = next(chunks)
    assert len(first) == 6
    filled.write("raw", [air("d9", 2, no2=1.0)])  # a reader in the middle locks nobody out
    assert sum(len(chunk) for chunk in chunks) == 47 * 6 + 2


def test_latest_gives_the_newest_point_of_each_series(filled: Store) -> None:
    newest = filled.latest("raw", "air", {"channel": "0"})
    assert newest == [
        *(air(device, 47, no2=470.0, pm2_5=47.0) for device in ("d1", "d2", "d3")),
        air("d4", 5, o3=1.5),
    ]
    assert filled.latest("raw", "noise") == []


def test_series_exist_as_long_as_they_have_points(filled: Store) -> None:
    assert [key.tags for key in filled.series("raw", "air", {"device": ["d4", "d1"]})] == [
        ("d1", "0"), ("d1", "1"), ("d4", "0"),
    ]  # fmt: skip
    filled.delete("raw", "air", *ALL, {"device": "d4"})
    assert filled.series("raw", "air", {"device": "d4"}) == []
    assert filled.series("raw", "water") == []


def test_buckets_and_measurements_are_apart(filled: Store) -> None:
    filled.write("clean", [clean("d1", 0, 1.0)])
    filled.write("raw", [Point(SeriesKey("water", ("d1", "0")), T0, {"no2": 7.0})])
    filled.delete("raw", "air", *ALL)
    assert everything(filled) == []
    assert len(everything(filled, "clean")) == len(everything(filled, "raw", "water")) == 1
