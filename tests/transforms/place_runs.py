"""How rows of weirs, sockets, routes, households and trucks are run on worked vectors.

The expected numbers are reckoned here by hand or in the plainest way; each gives the deviation.
"""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
from oracle_runs import DAY, HOUR, NOON, Row, apart, values
from shared_mobility_water import quantities_panel

from transforms.frames import to_panel


# ---------------------------------------------------------------- weirs
def overflow(row: Row) -> float:
    """Domain 10.2: on from 10:00 to 11:00, and from 09:00 to 09:30 of the next day."""
    start = NOON.floor("D")
    times = pd.date_range(start - HOUR, start + 2 * DAY + HOUR, freq="10min")
    late = (times >= start + DAY + 9 * HOUR) & (times < start + DAY + 9.5 * HOUR)
    on = ((times >= start + 10 * HOUR) & (times < start + 11 * HOUR)) | late
    alone = times == start + 20 * HOUR  # one reading is no spill
    panel = to_panel(times, "a", np.where(on | alone, 0.1, -0.3))
    ours = values(row, panel, start, start + 2 * DAY, steps={"a": 600})
    hours = np.zeros(48)
    hours[10], hours[33] = 1.0, 0.5
    if row["period"] == "hour":
        return apart(ours, hours)
    days = hours.reshape(2, 24).sum(axis=1)
    is_volume = row["parameters"]["result"] == "volume"
    return apart(ours, days * 3600 * 1.83 * 0.1**1.5 if is_volume else days)


# ---------------------------------------------------------------- parking peak, charging, routes
def peak_of_places(row: Row) -> float:
    """Two of three places from 09:07 on, three of three from 09:20 to 09:31."""
    start = NOON.floor("D")
    times = pd.date_range(start - HOUR, start + DAY, freq="min", inclusive="left")
    spans = {"a": ("09:00", "12:00"), "b": ("09:07", "12:00"), "c": ("09:20", "09:31")}
    clock = times.strftime("%H:%M")
    taken = {name: ((clock >= first) & (clock < last)) * 1.0
             for name, (first, last) in spans.items()}  # fmt: skip
    panel = pd.concat([to_panel(times, f"square|{name}|0", on) for name, on in taken.items()])
    quarters = pd.Series(sum(taken.values()) / 3, index=times).groupby(times.floor("15min")).mean()
    module, _, name = row["function"].partition(":")
    table = getattr(importlib.import_module(f"transforms.{module}"), name)(
        panel, start=start, end=start + DAY, zone="UTC", coverage=row["coverage"],
        steps=dict.fromkeys(panel["series"].unique(), 60), **row.get("parameters", {}),
    )  # fmt: skip
    return apart(table["value"], [quarters.max()] * 3)


SOCKET_ON = [1.0] * 10 + [0.0] * 14
SOCKET_W = [7400.0] * 3 + [100.0] * 7 + [20.0] * 14


def socket(row: Row) -> float:
    """Connected for ten hours of the day, charging for three: idle for seven."""
    start = NOON.floor("D")
    times = pd.date_range(start, start + DAY, freq="h", inclusive="left")
    panel = quantities_panel("a", times, {"socket_connected": SOCKET_ON, "socket_power": SOCKET_W})
    if len(row["quantities"]) == 1:
        panel = panel[panel["quantity"] == "socket_power"][["series", "value"]]
    expected = 7 / 10 if len(row["quantities"]) > 1 else 3 / 24
    return apart(values(row, panel, start, start + DAY, steps={"a": 3600}), [expected])


def route(row: Row) -> float:
    """Domain 10.2 buffer index: 300 310 320 330 420 s, none of them in one quarter of an hour.

    A sixth vehicle that stopped for lunch is beyond three deviations of its own quarter.
    """
    start = NOON.floor("D") + 9 * HOUR
    seconds = [300.0, 310.0, 320.0, 330.0, 420.0]
    quarters = [start + minutes * HOUR / 60 for minutes in (1, 16, 31, 46, 59)]
    crowd = [start + 16 * HOUR / 60 + pd.Timedelta(seconds=each) for each in (1, 2, 3)]
    times, all_seconds = [*quarters, *crowd], [*seconds, 309.0, 311.0, 3600.0]
    panel = to_panel(pd.DatetimeIndex(times), "a", all_seconds)
    kept = sorted([*seconds, 309.0, 311.0])
    low, high = np.percentile(kept, 15), np.percentile(kept, 95)
    average = sum(kept) / len(kept)
    expected = {"median": kept[3], "p80": np.percentile(kept, 80), "p95": high,
                "buffer_index": (high - average) / average,
                "planning_time_index": high / low}[row["parameters"]["result"]]  # fmt: skip
    first, length = (start, HOUR) if row["period"] == "hour" else (start.floor("D"), DAY)
    return apart(values(row, panel, first, first + length, steps={"a": 60}), [expected])


# ---------------------------------------------------------------- circular, heat of the city
def waste_of_fractions(row: Row) -> float:
    """Two trucks weigh six fractions: the area's sum of those asked for, by hand."""
    start = NOON.floor("D")
    kg = {"residual": 400.0, "organic": 150.0, "paper": 90.0, "glass": 40.0, "packaging": 25.0,
          "textile": 5.0}  # fmt: skip
    parts = [to_panel([start + hour * HOUR], f"street|{truck}|{name}", [share * mass])
             for name, mass in kg.items()
             for truck, hour, share in (("a", 7, 0.25), ("b", 15, 0.75))]  # fmt: skip
    panel = pd.concat(sorted(parts, key=lambda part: part["series"].iloc[0]))
    asked = row["parameters"]["fractions"]
    module, _, name = row["function"].partition(":")
    table = getattr(importlib.import_module(f"transforms.{module}"), name)(
        panel, start=start, end=start + DAY, zone="UTC", coverage=row["coverage"],
        steps=dict.fromkeys(panel["series"], 3600), fractions=asked,
    )  # fmt: skip
    return apart(table["value"], [sum(kg[each] for each in asked)] * 2 * len(asked))


def emptyings(row: Row) -> float:
    start = NOON.floor("D")
    levels = [80.0, 90.0, 20.0, 60.0, 59.0, 19.0, 30.0, 95.0]  # falls of 70, 1 and 40
    panel = to_panel(pd.date_range(start, periods=8, freq="3h"), "a", levels)
    return apart(values(row, panel, start, start + DAY, steps={"a": 10_800}), [2.0])


def solar(row: Row) -> float:
    """10 kWh produced, 6 fed in, 12 taken: 40 % of the production and a quarter of the use."""
    start = NOON.floor("D")
    times = pd.date_range(start, start + DAY, freq="h")
    meters = {"energy_produced": 10.0, "energy_exported": 6.0, "energy_imported": 12.0}
    totals = {name: 500 + np.linspace(0, kwh, 25) for name, kwh in meters.items()}
    ours = values(row, quantities_panel("a", times, totals), start, start + DAY,
                  steps={"a": 3600})  # fmt: skip
    expected = {"self_consumption": 4 / 10, "self_sufficiency": 4 / 16}
    return apart(ours, [expected[row["parameters"]["result"]]])


def heat_increment(row: Row) -> float:
    """A night of six hours of which the second and third blow: the mean of the other four."""
    start = NOON.floor("D")
    times = pd.date_range(start, start + 2 * DAY, freq="h", inclusive="left")
    wind = np.full(len(times), 2.0)
    wind[23:25] = 3.0
    street, away = 20.0 + np.arange(len(times)) / 10, np.full(len(times), 18.0)
    panels = [quantities_panel(f"{area}|{area}1|0", times,
                               {"air_temperature": warm, "wind_speed": wind})
              for area, warm in (("rural", away), ("street", street))]  # fmt: skip
    steps = {"rural|rural1|0": 3600, "street|street1|0": 3600}
    ours = values(row, pd.concat(panels), start, start + DAY, steps=steps)
    calm = [22, 25, 26, 27]
    return apart(ours, [sum(street[hour] - 18.0 for hour in calm) / 4])
