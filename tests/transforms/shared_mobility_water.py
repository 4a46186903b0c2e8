"""Readers of the measured mobility and water files and of their reference results.

Clocks, units and sentinels differ per file (see the sources there); each reader says what it made
of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from shared_data import DATA, ORACLES

from transforms.frames import to_panel
from transforms.references.dino import DinoSeries, parse_dino
from transforms.references.knmi import parse_hourly

MOBILITY = DATA / "mobility"
WATER = DATA / "water"
BERLIN = "Europe/Berlin"
SEATTLE = "America/Los_Angeles"
MODES = ("car", "bike", "pedestrian", "heavy")
TELRAAM = ("9000008322_hourly_2025-10", "9000008322_hourly_2026-03")
FREMONT_TOTAL = "Fremont Bridge Sidewalks, south of N 34th St Total"


@cache
def telraam(name: str) -> pd.DataFrame:
    """Hourly records, index UTC hour start; counts are divided by uptime already."""
    text = (MOBILITY / f"telraam_{name}.json").read_text(encoding="utf-8")
    table = pd.DataFrame(json.loads(text)["data"])
    return table.set_index(pd.DatetimeIndex(pd.to_datetime(table["date"], utc=True)))


def telraam_panel(name: str, mode: str, *, with_uptime: bool = True) -> pd.DataFrame:
    """Panel of one mode of "street|cam|0", with the quantity `uptime` beside it."""
    table = telraam(name)
    columns = {f"count_{mode}": table[mode]} | ({"uptime": table["uptime"]} if with_uptime else {})
    return quantities_panel("street|cam|0", table.index, columns)


def quantities_panel(
    series: str, time: pd.DatetimeIndex, columns: Mapping[str, Any]
) -> pd.DataFrame:
    """Panel of one series with several quantities on the same times."""
    values = [np.asarray(column, dtype=np.float64) for column in columns.values()]
    times = np.tile(time.as_unit("ns").asi8, len(columns))
    return to_panel(times, series, np.concatenate(values), np.repeat(list(columns), len(time)))


@cache
def fremont() -> pd.DataFrame:
    """Hourly rows as they are: naive local stamps, counts with gaps."""
    table = pd.read_csv(MOBILITY / "fremont_bicycles_hourly_2018_2019.csv")
    stamps = pd.to_datetime(table["Date"], format="%m/%d/%Y %I:%M:%S %p")
    return table.set_index(pd.DatetimeIndex(stamps))


@cache
def fremont_panel() -> pd.DataFrame:
    """Totals in UTC. The blank 02:00 row of spring does not exist; the one 01:00 row of autumn
    is put on the first of the two hours."""
    counts = fremont()[FREMONT_TOTAL].dropna()
    first = np.ones(len(counts), dtype=bool)
    local = counts.index.tz_localize(SEATTLE, ambiguous=first)
    return to_panel(local, "bridge|loop|0", counts.to_numpy())


@cache
def muenster(name: str) -> pd.DataFrame:
    """15-minute rows, naive local stamps, direction columns renamed to total, in, out."""
    table = pd.read_csv(MOBILITY / f"muenster_{name}.csv")
    table.columns = ["time", "total", "in", "out", "total_status", "in_status", "out_status"]
    return table.set_index(pd.to_datetime(table.pop("time")))


@cache
def radar(name: str) -> pd.DataFrame:
    """Passages: speed_km_h, length_m, direction; index naive device clock."""
    table = pd.read_csv(MOBILITY / f"basel_radar_{name}.csv")
    stamp = pd.to_datetime(table["date"] + " " + table["time"], format="%d.%m.%y %H:%M:%S")
    return table.set_index(pd.DatetimeIndex(stamp))


@cache
def charging_sessions() -> pd.DataFrame:
    """Sessions with repaired dates: start, end (naive local), kwh, socket."""
    table = pd.read_csv(MOBILITY / "perth_kinross_ev_sessions_2019-03-04_04-28.csv")
    frame = pd.DataFrame(
        {
            "start": _repaired(table["Start Date"], table["Start Time"]),
            "end": _repaired(table["End Date"], table["End Time"]),
            "kwh": table["Total kWh"],
        }
    )
    return frame.assign(socket=table["CP ID"].astype(str) + "/" + table["Connector"].astype(str))


def _repaired(date: pd.Series, time: pd.Series) -> pd.Series:
    """Day and month are swapped where the written day is 12 or less."""
    written = pd.to_datetime(date)
    swapped = pd.to_datetime(written.dt.strftime("%Y-%d-%m"), format="%Y-%m-%d", errors="coerce")
    day = written.where(written.dt.day > 12, swapped)
    return day + pd.to_timedelta(time + ":00")


@cache
def dino_export(name: str) -> DinoSeries:
    return parse_dino((WATER / f"{name}.csv").read_bytes().decode("utf-8"))


def dino(name: str) -> pd.Series:
    """Heads or levels in m NAP on naive dates, blanks as NaN."""
    return dino_export(name).level


@cache
def head_csv() -> pd.Series:
    """Heads of B32C0639 in m NAP."""
    table = pd.read_csv(WATER / "head_B32C0639001.csv", index_col="date", parse_dates=["date"])
    return table["head"].astype(np.float64)


@cache
def hseries() -> pd.Series:
    """Hourly heads of the pastas GxG test, m."""
    table = pd.read_csv(WATER / "pastas_hseries_gxg.csv")
    stamps = pd.to_datetime(table["datetime"], format="%d-%m-%Y %H:%M")
    return pd.Series(table["value"].to_numpy(), index=pd.DatetimeIndex(stamps))


@cache
def knmi(trace: float = 0.0) -> pd.DataFrame:
    """Hourly observations of De Bilt, index UTC hour start."""
    path = WATER / "knmi_uurgeg_260_2000H1.txt"
    return parse_hourly(path.read_bytes().decode("latin-1"), trace=trace)


@cache
def flow() -> pd.DataFrame:
    """3-hourly flow of three gauges [m3/s], naive stamps read as UTC."""
    table = pd.read_csv(WATER / "vmm_flow_3h_2009_2010.csv", index_col="Time", parse_dates=["Time"])
    return table.tz_localize("UTC")


def mobility_oracle(name: str) -> Any:
    return json.loads((ORACLES / "mobility" / name).read_text(encoding="utf-8"))


def water_oracle(name: str) -> Any:
    return json.loads((ORACLES / "water" / name).read_text(encoding="utf-8"))
