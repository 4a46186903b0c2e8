"""How a row of indicators.yaml is run on the data behind a reference; each gives the deviation."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from shared_data import (
    airbase_panel,
    london,
    noise,
    noise_panel,
    oracle_csv,
    oracle_json,
    toucan,
)
from shared_mobility_water import BERLIN, TELRAAM, flow, knmi, quantities_panel, telraam

from transforms.frames import to_panel

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
NOON = pd.Timestamp("2026-07-01T12:00Z")

Row = Mapping[str, Any]
RAIN, TEMPERATURE = "precipitation", "air_temperature"


def values(row: Row, panel: pd.DataFrame, start: Any, end: Any, **given: Any) -> pd.Series[float]:
    """Values of a row's own function, with its own parameters."""
    module, _, name = row["function"].partition(":")
    rows = {"zone": "UTC", "coverage": row["coverage"], **row.get("parameters", {}), **given}
    table = getattr(importlib.import_module(f"transforms.{module}"), name)(
        panel, start=start, end=end, **rows
    )
    assert len(set(table["series"])) == 1
    return table["value"]


def apart(ours: Any, theirs: Any) -> float:
    """Largest deviation, relative where values exceed 1; missing on one side only is infinite."""
    one, other = (np.asarray(side, dtype=np.float64) for side in (ours, theirs))
    assert one.shape == other.shape
    assert one.size
    if (np.isnan(one) != np.isnan(other)).any():
        return float("inf")
    return float(np.nanmax(np.abs(one - other) / np.maximum(1.0, np.abs(other))))


# ---------------------------------------------------------------- hourly and daily means
def hourly_mean(row: Row) -> float:
    oracle = oracle_csv("air/rtp_rt01_hourly.csv")
    start = pd.DatetimeIndex(pd.to_datetime(oracle["utc_hour_start"], utc=True)).as_unit("ns")
    name = {"pm2_5": "pm25", "no2": "no2", "o3": "o3"}.get(row["quantities"][0], "temp")
    minutes = toucan("rt01")[name].dropna()
    panel = to_panel(minutes.index, "a", minutes.to_numpy())
    ours = values(row, panel, start[0], start[-1] + HOUR, steps={"a": 60})
    return apart(ours.reindex(start), oracle[name])


FILES = {"no2": "no2", "o3": "o3", "pm10": "pm10", "pm2_5": "pm25"}
PPB = {"no2": 46.0055 / 24.055117, "o3": 47.9982 / 24.055117}


def london_panel(name: str, shift: pd.Timedelta) -> pd.DataFrame:
    """London's hours; shifted by an hour, its UTC days are days of fixed UTC+1."""
    table = london()
    (column,) = [each for each in table.columns if each.lower().startswith(name)]
    hours = table[column].dropna()
    times = hours.index if hours.index.tz else hours.index.tz_localize("UTC")
    return to_panel(times - shift, "a", hours.to_numpy() * PPB.get(name, 1.0))


def london_days(name: str) -> pd.Series[float]:
    oracle = oracle_csv("air/london_daily_means.csv")
    rows = oracle[oracle["quantity"] == name]
    return rows.set_index(pd.to_datetime(rows["date"], utc=True))["mean"]


def daily_mean(row: Row) -> float:
    if row["quantities"][0] not in FILES:
        return airbase_daily_mean(row)
    name = FILES[row["quantities"][0]]
    days = london_days(name)
    shift = HOUR if row["period"] == "day_utc1" else 0 * HOUR
    panel = london_panel(name, shift)
    start, end = days.index[0] - shift, days.index[-1] + DAY - shift
    ours = values(row, panel, start, end, steps={"a": 3600})
    return apart(ours.to_numpy()[[place.days for place in days.index - days.index[0]]], days)


def airbase_daily_mean(row: Row) -> float:
    oracle = oracle_csv("air/airbase_betr801_no2_daily.csv")
    days = pd.DatetimeIndex(pd.to_datetime(oracle["date"])).tz_localize("Etc/GMT-1")
    start = days.tz_convert("UTC").as_unit("ns")
    ours = values(row, airbase_panel("betr801"), start[0], start[-1] + DAY, steps={"no2": 3600})
    return apart(ours.reindex(start), oracle["mean"])


def max_8h(row: Row) -> float:
    oracle = oracle_csv("air/london_o3_max8h.csv")
    start = pd.Timestamp(oracle["date"].iloc[0], tz="UTC") - HOUR
    span = (start, start + len(oracle) * DAY)
    ours = values(row, london_panel("o3", HOUR), *span, steps={"a": 3600})
    return apart(ours, oracle["max8h"])


def running_8h(row: Row) -> float:
    oracle = oracle_csv("air/london_o3_max8h.csv")
    start = pd.Timestamp(oracle["date"].iloc[0], tz="UTC")
    span = (start, start + len(oracle) * DAY)
    ours = values(row, london_panel("o3", 0 * HOUR), *span, steps={"a": 3600})
    days = ours.groupby(ours.index.floor("D")).agg(["max", "count"])
    return apart(days["max"].where(days["count"] >= 18), oracle["max8h"])


def running_24h(row: Row) -> float:
    """The window that ends with a day's last hour is the day."""
    name = FILES[row["quantities"][0]]
    days = london_days(name)
    span = (days.index[0], days.index[-1] + DAY)
    ours = values(row, london_panel(name, 0 * HOUR), *span, steps={"a": 3600})
    return apart(ours.reindex((days.index + 23 * HOUR).as_unit("ns")), days)


# ---------------------------------------------------------------- worked vectors
def at_noon(row: Row, **quantities: float) -> float:
    """Value of one hour with one reading of each quantity."""
    panel = quantities_panel("a", pd.DatetimeIndex([NOON]), {k: [v] for k, v in quantities.items()})
    return float(values(row, panel, NOON, NOON + HOUR, steps={"a": 3600}).iloc[0])


def lki(row: Row) -> float:
    one, all_equal = at_noon(row, o3=70, no2=40, pm10=22), at_noon(row, o3=50, no2=40, pm10=40)
    return apart([one, all_equal], [5, 5])


def eaqi(row: Row) -> float:
    fair = at_noon(row, pm2_5=15.4, no2=9, o3=100)
    return apart([fair, at_noon(row, pm2_5=15.6, no2=9, o3=100)], [2, 3])


def heat_index(row: Row) -> float:
    return apart([at_noon(row, air_temperature=32, relative_humidity=60)], [37.074])


def ec25(row: Row) -> float:
    return apart([at_noon(row, electrical_conductivity=1000, water_temperature=15)], [1236.09])


def wind(row: Row) -> float:
    case = oracle_json("analytic/cases.json")["air"]["wind_direction"]
    times = pd.date_range(NOON, periods=2, freq="30min")
    panel = quantities_panel("a", times, {"wind_direction": case["degrees"]})
    (ours,) = values(row, panel, NOON, NOON + HOUR, steps={"a": 1800})
    return float(abs((ours - case["vector_mean"] + 180) % 360 - 180))


EVENT = [50.0] * 20 + [65.0, 68.0, 70.0, 66.0] + [50.0] * 16


def event_panel() -> pd.DataFrame:
    return to_panel(pd.date_range(NOON, periods=len(EVENT), freq="s"), "a", EVENT)


def intermittency(row: Row) -> float:
    hour = {"steps": {"a": 1}, "coverage": 0.01}
    return apart(values(row, event_panel(), NOON, NOON + HOUR, **hour), [86.6928])


def noise_events(row: Row) -> float:
    start = NOON.floor("D")
    day = {"steps": {"a": 1}, "coverage": 0.0001}
    return apart(values(row, event_panel(), start, start + DAY, **day), [1])


def speeds(expected: Callable[[Mapping[str, Any]], float]) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        case = oracle_json("analytic/cases.json")["mobility"]
        times = pd.date_range(NOON, periods=len(case["speeds"]), freq="min")
        start = NOON.floor("D")
        panel = to_panel(times, "a", np.asarray(case["speeds"], dtype=np.float64))
        least = {"least_vehicles": 1, "steps": {"a": 60}}
        return apart(values(row, panel, start, start + DAY, **least), [expected(case)])

    return run


# ---------------------------------------------------------------- noise
MINUTES = "laeq_1min_20250321_27"


def noise_hour(column: str) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        oracle = oracle_csv("noise/laeq_1min_hourly.csv")
        start = pd.DatetimeIndex(pd.to_datetime(oracle["hour_start"], utc=True)).as_unit("ns")
        ours = values(row, noise_panel(MINUTES), start[0], start[-1] + HOUR, steps={"laeq": 60},
                      coverage=0.0)  # fmt: skip
        return apart(ours.reindex(start), oracle[column])

    return run


def noise_day(column: str, night: str) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        days = oracle_json("noise/laeq_1min.json")["as_is"][f"daily_{night}"]
        complete = {pd.Timestamp(day["date"], tz="UTC"): day[column]
                    for day in days if day["complete"]}  # fmt: skip
        levels = noise(MINUTES).index.tz_localize("UTC")
        ours = values(row, noise_panel(MINUTES), levels[0].floor("D"), levels[-1],
                      steps={"laeq": 60})  # fmt: skip
        return apart(
            ours.reindex(pd.DatetimeIndex(complete).as_unit("ns")), list(complete.values())
        )

    return run


# ---------------------------------------------------------------- mobility
def camera(quantities: list[str]) -> pd.DataFrame:
    table = telraam(TELRAAM[0])
    columns = {name: table[name.removeprefix("count_")] for name in quantities}
    return quantities_panel("street|cam|0", table.index, columns)


def local_days() -> tuple[pd.DataFrame, pd.Timestamp, pd.Timestamp]:
    oracle = oracle_csv(f"mobility/telraam_{TELRAAM[0]}_local_days.csv")
    days = pd.DatetimeIndex(pd.to_datetime(oracle["local_date"])).tz_localize(BERLIN)
    return oracle.set_index(days.tz_convert("UTC").as_unit("ns")), days[0], days[-1] + DAY


def counts_of_hours(row: Row) -> float:
    oracle = oracle_json(f"mobility/telraam_{TELRAAM[0]}.json")["month_totals_ok_hours"]
    _, start, end = local_days()
    ours = values(row, camera(row["quantities"]), start, end, steps={"street|cam|0": 3600})
    return apart([ours.sum()], [oracle[row["quantities"][0].removeprefix("count_")]])


def counts_of_days(row: Row) -> float:
    oracle, start, end = local_days()
    given = {"steps": {"street|cam|0": 3600}, "zone": BERLIN, "coverage": 0.0}
    ours = values(row, camera(row["quantities"]), start, end, **given).reindex(oracle.index)
    theirs = oracle[row["quantities"][0].removeprefix("count_")].where(oracle["hours_ok"] > 0)
    return apart(ours, theirs)


def highest_hour(row: Row) -> float:
    """The highest of the day's hours in operation, by plain loops over the camera's file."""
    table = telraam(TELRAAM[0])
    _, start, end = local_days()
    name = row["quantities"][0].removeprefix("count_")
    found: dict[Any, list[float]] = {}
    for at, count, uptime in zip(table.index, table[name], table["uptime"], strict=True):
        if uptime >= 0.5:
            found.setdefault(at.tz_convert(BERLIN).floor("D"), []).append(count)
    days = {day: counts for day, counts in found.items() if start <= day < end and sum(counts)}
    plain = [max(counts) / (sum(counts) if row["parameters"]["result"] == "share" else 1)
             for counts in days.values()]  # fmt: skip
    given = {"steps": {"street|cam|0": 3600}, "zone": BERLIN, "coverage": 0.0}
    ours = values(row, camera(row["quantities"]), start, end, **given)
    return apart(ours.reindex(pd.DatetimeIndex(list(days)).tz_convert("UTC").as_unit("ns")), plain)


def share_of_days(row: Row) -> float:
    oracle, start, end = local_days()
    given = {"steps": {"street|cam|0": 3600}, "zone": BERLIN, "coverage": 0.0}
    ours = values(row, camera(row["quantities"]), start, end, **given).reindex(oracle.index)
    modes = oracle[["car", "bike", "pedestrian", "heavy"]]
    return apart(ours, modes[row["parameters"]["mode"].removeprefix("count_")] / modes.sum(axis=1))


# ---------------------------------------------------------------- water and weather
def knmi_days(source: str, column: str) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        oracle = oracle_csv("water/knmi_260_daily.csv")
        start = pd.to_datetime(oracle["date"].astype(str), utc=True)
        hours = knmi()[source].dropna()
        ours = values(row, to_panel(hours.index, "a", hours.to_numpy()), start.iloc[0],
                      start.iloc[-1] + DAY, steps={"a": 3600})  # fmt: skip
        days = ours.groupby(ours.index.floor("D")).sum() if row["period"] == "hour" else ours
        return apart(days, oracle[column])

    return run


def flow_days(row: Row) -> float:
    gauge = flow()["L06_347"].dropna()
    start, end = gauge.index[0].floor("D"), gauge.index[-1].ceil("D")
    ours = values(row, to_panel(gauge.index, "a", gauge.to_numpy()), start, end, steps={"a": 10800})
    return apart([ours.max()], [oracle_json("water/vmm_flow.json")["L06_347"]["max_daily"]])


def rain_depth(row: Row) -> float:
    """Hourly rain of De Bilt read as amounts of the row's own step, against plain sums."""
    minutes = row["parameters"]["duration_min"]
    step = min(minutes, 60)
    rain = knmi()[RAIN].dropna()
    times = pd.date_range("2000-01-01", periods=len(rain), freq=f"{step}min", tz="UTC")
    plain = pd.Series(rain.to_numpy(), index=times).rolling(minutes // step).sum()
    expected = plain.groupby(times.floor("D")).max()[1:-1]
    ours = values(row, to_panel(times, "a", rain.to_numpy()), expected.index[0],
                  expected.index[-1] + DAY, steps={"a": 60 * step})  # fmt: skip
    return apart(ours, expected)


def night_minimum(row: Row) -> float:
    hours = knmi()[TEMPERATURE].dropna()
    night = hours[(hours.index.hour >= 20) | (hours.index.hour < 8)]
    expected = night.groupby((night.index - 8 * HOUR).floor("D")).min()[1:-1]
    ours = values(row, to_panel(hours.index, "a", hours.to_numpy()), expected.index[0],
                  expected.index[-1] + DAY, steps={"a": 3600})  # fmt: skip
    return apart(ours, expected)


# ---------------------------------------------------------------- places, meters, alerts
def lowest_of_hours(row: Row) -> float:
    """London's NO2 against plain minima of complete runs of three hours."""
    panel = london_panel("no2", 0 * HOUR)
    start, end = pd.Timestamp("2000-03-01", tz="UTC"), pd.Timestamp("2000-04-01", tz="UTC")
    hours = panel["value"].reindex(pd.date_range(start - 2 * HOUR, end, freq="h")[:-1])
    plain = hours.rolling(3).min().iloc[2:]
    return apart(values(row, panel, start, end, steps={"a": 3600}), plain)


def night_events(row: Row) -> float:
    """The event at noon is none of the night; the same at 03:00 belongs to the night before."""
    noon, levels = NOON.floor("D"), event_panel()
    night = to_panel(levels.index + 15 * HOUR, "a", levels["value"].to_numpy())
    day = {"steps": {"a": 1}, "coverage": 0.0001}
    ours = values(row, pd.concat([levels, night]), noon, noon + 2 * DAY, **day)
    return apart(ours, [1.0, np.nan])


def occupied(row: Row) -> float:
    """Taken from 06:00 to 15:00 by messages of every hour."""
    start = NOON.floor("D")
    times = pd.date_range(start - HOUR, start + DAY, freq="h", inclusive="left")
    taken = (times.hour >= 6) & (times.hour < 15)
    ours = values(row, to_panel(times, "a", taken * 1.0), start, start + DAY, steps={"a": 3600})
    theirs = taken[1:] * 1.0 if row["period"] == "hour" else [9 / 24]
    return apart(ours, theirs)


def arrivals(row: Row) -> float:
    start = NOON.floor("D")
    times = pd.date_range(start - HOUR, start + DAY, freq="h", inclusive="left")
    panel = to_panel(times, "a", np.isin(times.hour, (3, 4, 9, 20)) * 1.0)
    return apart(values(row, panel, start, start + DAY, steps={"a": 3600}), [3.0])


def meter(row: Row) -> float:
    """Flow of De Bilt's rain as a running meter: its days are the published sums."""
    rain = knmi()[RAIN].fillna(0.0)
    oracle = oracle_csv("water/knmi_260_daily.csv")
    days = pd.to_datetime(oracle["date"].astype(str), utc=True)
    total = 500 + np.concatenate(([0.0], np.cumsum(rain.to_numpy())))
    times = rain.index.append(rain.index[-1:] + HOUR)
    ours = values(row, to_panel(times, "a", total), days.iloc[0], days.iloc[-1] + DAY,
                  steps={"a": 3600})  # fmt: skip
    return apart(ours, oracle["rain_mm_trace_0"])
