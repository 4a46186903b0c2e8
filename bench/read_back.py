"""Reading back, side by side: this store's frames, and InfluxDB's own Python client.

    python bench/read_back.py [--points 400000] [--devices 50] [--rounds 3]

Both read the same points (two fields each) from the same real InfluxDB into a DataFrame, in turn,
in one run. CPU-seconds are those of the reading process. Shown are the medians, and how many times
less than the client library they are. The frames are compared value by value before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from influxdb_client import InfluxDBClient
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from services.influx_server import InfluxServer, provide_influx

from livinglab.model import Point, SeriesKey
from livinglab.store import Store, open_store

START = 1_700_000_000_000_000_000
STEP = 60_000_000_000
Reader = Callable[[], pd.DataFrame]


def fill(store: Store, points: int, devices: int) -> int:
    """Write the points; return the end of their window in ns."""
    store.prepare()
    keys = [SeriesKey("air", (f"d{n:03d}", "0")) for n in range(devices)]
    batch: list[Point] = []
    for n in range(points):
        fields = {"no2": n * 0.37 % 97, "o3": n * 0.11 % 131}
        batch.append(Point(keys[n % devices], START + n // devices * STEP, fields))
        if len(batch) == 20_000 or n == points - 1:
            store.write("raw", batch)
            batch.clear()
    return START + (points // devices + 1) * STEP


def by_client(server: InfluxServer, end: int) -> pd.DataFrame:
    """What the client library's manual shows."""
    start, stop = (pd.Timestamp(each, tz="UTC").isoformat() for each in (START, end))
    query = f"""
        from(bucket: "raw") |> range(start: {start}, stop: {stop})
          |> filter(fn: (r) => r._measurement == "air")
          |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    """
    with InfluxDBClient(server.url, server.token, org=server.org) as client:
        frame = client.query_api().query_data_frame(query)
    return frame.rename(columns={"_time": "time"}).set_index("time")


def by_frames(store: Store, end: int) -> pd.DataFrame:
    """Day by day, as in bounded memory."""
    return pd.concat(store.frames("raw", "air", START, end))


def require_equal(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Stop when the ways differ in a value."""
    columns = ["device", "channel", "no2", "o3"]
    for frame in (ours, theirs):
        frame.index = pd.DatetimeIndex(frame.index).as_unit("ns")
    tables = [
        frame.reset_index()
        .sort_values(["device", "time"])[["time", *columns]]
        .reset_index(drop=True)
        for frame in (ours, theirs)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True, check_dtype=False)


def measured(read: Reader) -> tuple[float, float]:
    """Wall and CPU seconds of one read."""
    wall, cpu = time.perf_counter(), time.process_time()
    read()
    return time.perf_counter() - wall, time.process_time() - cpu


def report(rows: dict[str, list[tuple[float, float]]], title: str) -> None:
    """Print the medians and the ratios to the client library, the last row."""
    medians = {
        name: tuple(statistics.median(column) for column in zip(*runs, strict=True))
        for name, runs in rows.items()
    }
    theirs = list(medians.values())[-1]
    table = Table(title=title)
    for heading in ("way", "wall s", "CPU s", "wall, times less", "CPU, times less"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, (wall, cpu) in medians.items():
        ratios = (f"{theirs[0] / wall:.1f}", f"{theirs[1] / cpu:.1f}")
        table.add_row(name, f"{wall:.2f}", f"{cpu:.3f}", *ratios)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=400_000)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = provide_influx(Path(folder), print)
        store = open_store(server.store_url, token=server.token)
        try:
            end = fill(store, asked.points, asked.devices)
            ways: dict[str, Reader] = {
                "store.frame": lambda: store.frame("raw", "air", START, end),
                "store.frames, a day each": lambda: by_frames(store, end),
                "influxdb-client query_data_frame": lambda: by_client(server, end),
            }
            require_equal(ways["store.frame"](), by_client(server, end))
            rows = {
                name: [measured(read) for _ in range(asked.rounds)] for name, read in ways.items()
            }
        finally:
            store.close()
            server.stop()
    report(rows, f"{asked.points} points with two fields from {asked.devices} devices")


if __name__ == "__main__":
    main()
