"""Waste by fraction, solar energy and the heat of the city: areas, days apart, wrong inputs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_mobility_water import quantities_panel

from livinglab.errors import DataError
from transforms.aggregate import combine
from transforms.frames import empty_panel, to_panel
from transforms.heat_island import night_increment
from transforms.solar import solar_share, solar_share_of_year
from transforms.waste import daily_waste, household_waste_of_year

ZONE = "Europe/Amsterdam"
DAY = pd.Timestamp("2025-10-25", tz=ZONE)  # the day before a day of 25 hours
EDGES = [DAY + pd.DateOffset(days=number) for number in range(4)]
AREAS = ("north", "rural", "south")


def asked(start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Any]:
    return {"start": start, "end": end, "zone": ZONE}


def same_day_by_day(
    function: Any, panel: pd.DataFrame, before: int, after: int, **rows: Any
) -> Any:
    whole = function(panel, **asked(EDGES[0], EDGES[-1]), **rows)
    parts = []
    for start, end in pairwise(EDGES):
        first, last = start - pd.Timedelta(hours=before), end + pd.Timedelta(hours=after)
        near = panel[(panel.index >= first) & (panel.index < last)]
        parts.append(function(near, **asked(start, end), **rows))
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    return whole


def weather(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    times = pd.date_range(EDGES[0], EDGES[-1] + pd.Timedelta(hours=8), freq="10min")
    parts = []
    for area in AREAS:
        keep = times[rng.random(len(times)) < 0.97]
        columns = {"air_temperature": rng.normal(12, 2, len(keep)),
                   "wind_speed": rng.uniform(0, 5, len(keep))}  # fmt: skip
        parts.append(quantities_panel(f"{area}|{area}1|0", keep, columns))
    return pd.concat(parts)


def test_heat_increment_day_by_day_gives_the_same_bytes() -> None:
    steps = {f"{area}|{area}1|0": 600 for area in AREAS}
    table = same_day_by_day(night_increment, weather(1), 0, 7, steps=steps, coverage=0.1)
    assert sorted(set(table["series"])) == ["north|north1|0", "south|south1|0"]
    assert table.index.tolist()[:3] == [edge.tz_convert("UTC") for edge in EDGES[:3]]
    assert (table["status"] == "valid").any()


def test_heat_increment_without_a_countryside_or_wind_is_unknown() -> None:
    panel = weather(2)
    steps = {f"{area}|{area}1|0": 600 for area in AREAS}
    without = {name: step for name, step in steps.items() if not name.startswith("rural")}
    here = panel[panel["series"].isin(list(without))]
    assert night_increment(here, **asked(*EDGES[:2]), steps=without)["value"].isna().all()
    still = panel[panel["quantity"] == "air_temperature"]
    assert night_increment(still, **asked(*EDGES[:2]), steps=steps)["value"].isna().all()
    away = panel[panel["series"] == "rural|rural1|0"]
    alone = night_increment(away, **asked(*EDGES[:2]), steps={"rural|rural1|0": 600})
    assert combine(alone, {"rural|rural1|0": "rural"}, "mean").empty


def test_waste_of_an_area_is_that_of_its_trucks_together() -> None:
    names = [f"{area}|{truck}|{fraction}" for area in ("east", "west") for truck in "ab"
             for fraction in ("glass", "residual")]  # fmt: skip
    times = [edge + pd.Timedelta(hours=9) for edge in EDGES[:3]]
    parts = [to_panel(times, name, [1.0, 2.0, np.nan]) for name in names]
    rows = {"steps": dict.fromkeys(names, 3600), "fractions": ["glass"]}
    table = same_day_by_day(daily_waste, pd.concat(parts), 0, 0, **rows)
    areas = combine(table, {name: name.partition("|")[0] for name in names}, "max")
    east = areas[areas["area"] == "east"]
    np.testing.assert_array_equal(east["value"], [2.0, 4.0, np.nan])
    assert east["status"].tolist() == ["valid", "valid", "insufficient"]
    none = daily_waste(empty_panel(), **asked(*EDGES[:2]), steps=rows["steps"], fractions=["wood"])
    assert combine(none, {name: name.partition("|")[0] for name in names}, "max").empty


def test_households_are_a_positive_number() -> None:
    with pytest.raises(DataError, match="street: 0 households"):
        household_waste_of_year(
            empty_panel(), **asked(*EDGES[:2]), steps={"street": 1}, households={"street": 0}
        )


def meters(produced: float, exported: float, imported: float) -> pd.DataFrame:
    times = pd.date_range(EDGES[0], EDGES[-1], freq="h")
    hours = np.arange(len(times))
    rates = {"energy_produced": produced, "energy_exported": exported, "energy_imported": imported}
    return quantities_panel("a", times, {name: 9 + rate * hours for name, rate in rates.items()})


def test_solar_share_day_by_day_and_where_it_means_nothing() -> None:
    rows = {"steps": {"a": 3600, "silent": 3600}}
    table = same_day_by_day(solar_share, meters(0.5, 0.25, 1.0), 0, 1, **rows)
    assert table[table["series"] == "a"]["value"].tolist() == pytest.approx([0.5] * 3)
    assert table[table["series"] == "silent"]["status"].tolist() == ["insufficient"] * 3
    for wrong in (meters(0.5, 0.75, 1.0), meters(0.0, 0.0, 1.0)):  # more out than made; no sun
        assert solar_share(wrong, **asked(*EDGES[:2]), **rows)["value"].isna().all()
    dark = solar_share(
        meters(0.0, 0.0, 1.0), **asked(*EDGES[:2]), **rows, result="self_sufficiency"
    )
    assert dark["value"].tolist()[0] == 0.0  # zero is a reading
    one_lost = meters(0.5, 0.25, 1.0)
    lost = (one_lost["quantity"] == "energy_imported") & (one_lost.index == EDGES[1])
    assert solar_share(one_lost[~lost], **asked(*EDGES[:2]), **rows)["value"].isna().all()


def test_unknown_share_of_solar_energy_is_told() -> None:
    with pytest.raises(DataError, match="unknown share of solar energy"):
        solar_share(meters(1, 0, 1), **asked(*EDGES[:2]), steps={"a": 3600}, result="share")
    names = {"produced": "x", "exported": "y", "imported": "z"}
    with pytest.raises(DataError, match="unknown share of solar energy"):
        solar_share_of_year(to_panel([EDGES[0]], "a", [1.0], "x"), **asked(EDGES[0], EDGES[1]),
                            steps={"a": 86_400}, result="share", **names)  # fmt: skip
