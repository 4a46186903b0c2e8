"""The fast bulk read gives what InfluxDB's own client library gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
from influxdb_client import InfluxDBClient
from store.sample import T0

from livinglab.model import Point, SeriesKey
from livinglab.store import SCHEMA
from livinglab.store.influx import InfluxStore

MINUTE = 60_000_000_000
START, END = T0, T0 + 1_000 * MINUTE


def written(store: InfluxStore) -> None:
    """Series of several shapes: all fields, some fields, gaps, one row only."""
    random = np.random.default_rng(3)
    points = []
    for device, fields in (("d1", ("no2", "o3")), ("d 2,=", ("no2",)), ("d3", ("pm2_5", "o3"))):
        key = SeriesKey("air", (device, "0"))
        for n in range(1_000):
            present = {
                name: float(random.normal(40, 20)) for name in fields if n % 7 or name == "o3"
            }
            if present:
                points.append(Point(key, T0 + n * MINUTE + 123_000, present))
    points.append(Point(SeriesKey("air", ("d1", "1")), T0, {"no2": 1e-9}))
    points.append(Point(SeriesKey("air", ("d1", "0")), END, {"no2": 1.0}))
    assert store.write("raw", points) == []


def flux_column(server, bucket: str, field: str, tags: list[str]) -> pd.Series:
    """One field of the window by Flux and the client library, by time and tags."""
    times = [pd.Timestamp(each, tz="UTC").isoformat() for each in (START, END)]
    quoted = ", ".join(f'"{tag}"' for tag in tags)
    query = f"""
        from(bucket: "{bucket}")
          |> range(start: {times[0]}, stop: {times[1]})
          |> filter(fn: (r) => r._measurement == "air" and r._field == "{field}")
          |> group()
          |> pivot(rowKey: ["_time", {quoted}], columnKey: ["_field"], valueColumn: "_value")
    """
    with InfluxDBClient(server.url, server.token, org=server.org) as client:
        frame = client.query_api().query_data_frame(query)
    # The client library cuts times to microseconds.
    frame["time"] = pd.DatetimeIndex(frame["_time"]).as_unit("ns").tz_convert("UTC")
    return frame.set_index([*tags, "time"])[field]


def flux_frame(server, store: InfluxStore, bucket: str, ours: pd.DataFrame) -> pd.DataFrame:
    """The columns of our frame, each read by the client library."""
    tags = list(SCHEMA[bucket].tags)
    name = store.url.partition("prefix=")[2] + bucket
    fields = [column for column in ours.columns if column not in tags]
    columns = [flux_column(server, name, field, tags) for field in fields]
    joined = pd.concat(columns, axis="columns").sort_index().reset_index()
    return joined.set_index("time")[ours.columns]


def test_frame_of_raw_equals_the_client_library(influx_store, influx_server) -> None:
    written(influx_store)
    ours = influx_store.frame("raw", "air", START, END)
    theirs = flux_frame(influx_server, influx_store, "raw", ours)
    assert len(ours) > 2_500
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_dtype=False)


def test_frame_of_clean_equals_the_client_library(influx_store, influx_server) -> None:
    random = np.random.default_rng(4)
    points = [
        Point(
            SeriesKey("air", ("lombok", f"d{n % 5}", "0", "no2")),
            T0 + n * MINUTE,
            {"value": float(random.normal()), "flag": int(n % 5), "tests": f"{n % 9}112"},
        )
        for n in range(1_000)
    ]
    influx_store.write("clean", points)
    ours = influx_store.frame("clean", "air", START, END)
    theirs = flux_frame(influx_server, influx_store, "clean", ours)
    assert len(ours) == 1_000
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_dtype=False)
