"""How rows of the year of weirs, rain gauges, households and trucks are run on worked vectors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from oracle_runs import Row, apart
from shared_mobility_water import knmi
from year_runs import long_panel, year_of

from transforms.frames import to_panel


def overflow(row: Row) -> float:
    """Domain 10.2: 10:00 to 11:00 and 09:00 to 09:30 the next day are one event of 23.5 h.

    A second one, 24 h after the end of the first, spills over an hour's edge for 40 minutes.
    """
    stamps = pd.date_range("2025-01-01", periods=8760, freq="h", tz="UTC")
    net = pd.Series(0.0, index=stamps)
    net["2025-07-01T10:00Z"], net["2025-07-02T09:00Z"] = 1.0, 0.5
    net["2025-07-03T10:00Z"], net["2025-07-03T11:00Z"] = 1 / 6, 0.5
    expected = {"events": 2.0, "gross_h": 23.5 + 2 / 3, "net_h": 1.5 + 2 / 3}
    ours = year_of(row, to_panel(stamps, "a", net.to_numpy()), 2025, 3600)
    return apart([ours], [expected[row["parameters"]["result"]]])


def rain_events(row: Row) -> float:
    """Events of De Bilt's hours, found by walking from hour to hour."""
    rain = knmi()["precipitation"].dropna()
    rain = rain[rain.index.year == 2000]
    given = row["parameters"]
    depths, dry, depth = [], math.inf, 0.0
    for amount in rain:
        wet = amount >= 0.1
        if wet and dry >= given["pause_h"]:
            depths.append(depth)
            depth = 0.0
        depth += amount if wet else 0.0
        dry = 0 if wet else dry + 1
    depths = [each for each in (*depths, depth) if each >= given["least_mm"] - 1e-9]
    ours = year_of(row, to_panel(rain.index, "a", rain.to_numpy()), 2000, 3600)
    expected = {"events": float(len(depths)), "largest_mm": max(depths)}
    return apart([ours], [expected[given["result"]]])


# ---------------------------------------------------------------- circular
COLLECTIONS = pd.date_range("2025-01-06", "2025-10-27", freq="7D", tz="UTC")  # ten months


def household_waste(row: Row) -> float:
    """A ton every Monday of ten months for 250 households; an area without a number has none."""
    from transforms.waste import household_waste_of_year

    panel = pd.concat([to_panel(COLLECTIONS, name, np.full(len(COLLECTIONS), 1000.0))
                       for name in ("other", "street")])  # fmt: skip
    start, end = (pd.Timestamp(f"{year}-01-01", tz="UTC") for year in (2025, 2026))
    assert row["parameters"]["households"] == {}, "the numbers stand in lab.yaml"
    table = household_waste_of_year(panel, start=start, end=end, zone="UTC", coverage=0.8,
                                    steps={"other": 86_400, "street": 86_400},
                                    households={"street": 250})  # fmt: skip
    days = sum((31, 28, 31, 30, 31, 30, 31, 31, 30, 31))
    expected = 1000.0 * len(COLLECTIONS) / 250 / (days / 7)
    assert table["status"].tolist() == ["insufficient", "valid"]
    return apart(table["value"], [math.nan, expected])


def separation(row: Row) -> float:
    """Residual waste of ten months, separated of two of them: those two alone are compared."""
    residual = pd.Series(60.0, index=COLLECTIONS.tz_localize(None))
    good = pd.Series(90.0, index=residual.index[:8])  # January and February
    panel = pd.concat([to_panel(days.index.tz_localize("UTC"), "a", days.to_numpy(), name)
                       for name, days in (("waste_residual_daily", residual),
                                          ("waste_separated_daily", good))])  # fmt: skip
    both = residual.index.month.isin([1, 2]).sum()
    expected = 90 * len(good) / (90 * len(good) + 60 * both)
    return apart([year_of(row, panel, 2025, 86_400)], [expected])


def solar(row: Row) -> float:
    """Days on which one of the meters is unknown do not enter."""
    stamps = pd.date_range("2025-01-01", "2025-12-31", tz="UTC")
    made = 5 + 4 * np.sin(np.arange(365) / 58)
    columns = {"energy_exported_daily": made * 0.6, "energy_imported_daily": 11 - made,
               "energy_produced_daily": made}  # fmt: skip
    panel = long_panel(stamps, columns)
    lost = (panel["quantity"] == "energy_imported_daily") & (panel.index.day == 3)
    known = stamps.day != 3
    own = 0.4 * made[known].sum()
    whole = {"self_consumption": made[known].sum(),
             "self_sufficiency": (11 - made[known]).sum() + own}  # fmt: skip
    ours = year_of(row, panel[~lost], 2025, 86_400)
    return apart([ours], [own / whole[row["parameters"]["result"]]])
