"""Readers of the measured slices and the reference results beside the repository.

Clocks and sentinels differ per file; each reader returns UTC, ns, and NaN for missing.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transforms.frames import to_panel
from transforms.references.airbase import parse_airbase

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
ORACLES = SHARED / "oracles"
HOUR = pd.Timedelta(hours=1)


def oracle_json(path: str) -> Any:
    return json.loads((ORACLES / path).read_text(encoding="utf-8"))


def oracle_csv(path: str) -> pd.DataFrame:
    return pd.read_csv(ORACLES / path)


def as_panel(columns: pd.DataFrame) -> pd.DataFrame:
    """Wide frame (UTC index, one column per series) to a panel."""
    long = columns.rename_axis("time").melt(ignore_index=False, var_name="series").dropna()
    return to_panel(long.index, long["series"], long["value"].to_numpy())


@cache
def airbase(station: str) -> pd.DataFrame:
    """Rows as they are: UTC hour start, value, flag (0, -1 = invalid)."""
    path = next((DATA / "air").glob(f"airbase_*_{station}_no2_*.tsv"))
    return parse_airbase(path.read_bytes().decode("utf-8"))


def airbase_panel(station: str) -> pd.DataFrame:
    rows = airbase(station)
    valid = rows[rows["flag"] > 0]
    return to_panel(valid.index, "no2", valid["value"].to_numpy())


@cache
def london() -> pd.DataFrame:
    """Hourly values in the units of the file."""
    return pd.read_csv(
        DATA / "air/london_marylebone_hourly_2000_2001.csv", index_col="time", parse_dates=["time"]
    )


@cache
def toucan(unit: str) -> pd.DataFrame:
    """One-minute values of a low-cost sensor; the sensor clock is fixed UTC-05:00."""
    path = DATA / f"air/rtp_toucan_{unit}_1min_20190801_15.csv"
    frame = pd.read_csv(path, skiprows=6, encoding="utf-8")
    time = pd.to_datetime(frame.pop("Time"), format="%m/%d/%Y %H:%M")
    frame.index = pd.DatetimeIndex(time).tz_localize("Etc/GMT+5").tz_convert("UTC")
    names = {"NO2 (ppb)": "no2", "O3 (ppb)": "o3", "PM2.5 (µg/m³)": "pm25"}
    names |= {"TEMP (°C)": "temp", "RH (%)": "rh"}
    return frame.rename(columns=names)[list(names.values())].astype("float64")


@cache
def rtp_reference() -> pd.DataFrame:
    """Hourly reference values, valid ones only; columns as in the oracle."""
    frame = pd.read_csv(DATA / "air/rtp_reference_hourly_20190801_15.csv")
    frame = frame[frame["QC Code"] == 0]
    text = frame["Date (UTC)"] + " " + frame["Time (UTC)"]
    time = pd.to_datetime(text, format="%m/%d/%Y %H:%M", utc=True)
    names = {"NO2": "no2", "O3": "o3", "PM2.5-88101": "pm25", "TEMP": "temp", "RHUM": "rh"}
    named = frame.assign(time=time, name=frame["Param"].map(names))
    return named.pivot_table(index="time", columns="name", values="Value")


@cache
def uci() -> pd.DataFrame:
    """Hourly values; the zone is not stated, the clock is taken as UTC. -200 = missing."""
    frame = pd.read_csv(DATA / "air/uci_colocation_2004-03_2004-09.csv")
    text = frame.pop("Date") + " " + frame.pop("Time")
    frame.index = pd.DatetimeIndex(pd.to_datetime(text, format="%d/%m/%Y %H:%M:%S", utc=True))
    return frame.astype("float64").replace(-200.0, np.nan)


@cache
def noise(name: str) -> pd.Series[float]:
    """Levels by the clock of the file, which states no zone."""
    frame = pd.read_csv(DATA / f"noise/{name}.csv", parse_dates=["datetime"])
    return pd.Series(frame.iloc[:, 1].to_numpy(), index=pd.DatetimeIndex(frame["datetime"]))


def noise_panel(name: str, zone: str = "UTC") -> pd.DataFrame:
    """Levels with the file's clock declared to be `zone`."""
    levels = noise(name)
    return to_panel(levels.index.tz_localize(zone), "laeq", levels.to_numpy())


@cache
def vmm_flow() -> pd.DataFrame:
    """Three-hourly flow of three gauges, m3/s; zone not stated, taken as UTC."""
    path = DATA / "water/vmm_flow_3h_2009_2010.csv"
    return pd.read_csv(path, index_col="Time", parse_dates=["Time"]).tz_localize("UTC")
