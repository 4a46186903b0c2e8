"""Rows of places whose devices the demo lacks: from devices.csv through the pipeline's functions.

A weir, a charging socket, a route, a household, a truck and a countryside, with readings of one
day; every row that they have must give each area one value that is valid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from config_tree import ConfigTree

from livinglab.pipeline.indicators import evaluated, panel_of
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import Window
from transforms.frames import time_ns

ZONE = "Europe/Amsterdam"
DAY = pd.Timestamp("2025-09-03", tz=ZONE)
LAB = "lombok"
DEVICES = {
    "weir-01": ("overflow-logger", "kanaalstraat"),
    "socket-01": ("charging-socket", "kanaalstraat"),
    "socket-02": ("charging-socket", "kanaalstraat"),
    "route-01": ("travel-time-route", "kanaalstraat"),
    "house-01": ("household-meters", "kanaalstraat"),
    "truck-01": ("waste-weighing", "kanaalstraat"),
    "station-01": ("weather-station", "kanaalstraat"),
    "station-02": ("weather-station", "rural"),
}
#: Value by the number of the reading.
READINGS = {
    "weir_head": lambda n: np.where((n > 40) & (n < 60), 0.1, -0.5),
    "socket_connected": lambda n: (n > 100) * 1.0,
    "socket_power": lambda n: np.where((n > 100) & (n < 200), 7400.0, 0.0),
    "socket_energy": lambda n: 100.0 + n * 0.1,
    "travel_time": lambda n: 300.0 + n % 60,  # the 300 is an outlier of its quarter of an hour
    "energy_produced": lambda n: 10.0 + n * 0.2,
    "energy_exported": lambda n: 10.0 + n * 0.1,
    "energy_imported": lambda n: 10.0 + n * 0.3,
    "waste": lambda n: np.where(n == 9, 40.0, np.nan),
    "air_temperature": lambda n: 15.0 + n * 0.0,
    "wind_speed": lambda n: 1.0 + n * 0.0,
}


@pytest.fixture(scope="module")
def scope(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    tree = ConfigTree(Path(tmp_path_factory.mktemp("tree")))
    lab, street = f"labs/{LAB}", "  - {id: vleutenseweg, label: Vleutenseweg}"
    tree.replace(f"{lab}/lab.yaml", street, f"{street}\n  - {{id: rural, label: Polder}}")
    for name, (model, area) in DEVICES.items():
        row = f"{name},{model},135300,456200,,,1.0,{area},,2025-06-01,,Lab,public"
        tree.append(f"{lab}/devices.csv", row)
    crest = "weir-01,weir_head,linear,slope=1 offset=-0.85,2025-06-01,,crest surveyed"
    tree.append(f"{lab}/calibrations.csv", crest)
    return Scope(tree.load())


def readings(scope: Scope, theme: str) -> pd.DataFrame:
    """Clean readings of the devices, as the pipeline hands them to the functions."""
    parts = []
    for row in scope.rows(LAB, theme):
        if row.id not in DEVICES:
            continue
        step = pd.Timedelta(seconds=row.step_s)
        times = pd.date_range(DAY - step, DAY + pd.Timedelta(hours=33), freq=step)
        for quantity, channel in scope.measured(row.model, theme):
            if quantity in READINGS:
                value = READINGS[quantity](np.arange(len(times)))
                parts.append(pd.DataFrame({"series": f"{row.area}|{row.id}|{channel}",
                                           "quantity": quantity, "value": value, "flag": 1},
                                          index=times.tz_convert("UTC").as_unit("ns")))  # fmt: skip
    table = pd.concat(parts).dropna()
    return table.assign(ns=time_ns(table)).reset_index(drop=True)


def valid_areas(scope: Scope, name: str) -> dict[str, float]:
    indicator = scope.registry.indicators[name]
    rows = [row for row in scope.rows(LAB, indicator.theme.value) if row.id in DEVICES]
    days = [Window(*(int(at.tz_convert("UTC").value) for at in (DAY, DAY + pd.DateOffset(days=1))))]
    panel = panel_of(readings(scope, indicator.theme.value), indicator)
    frame = evaluated(indicator, panel, days, ZONE, scope.expected(indicator, rows))
    valid = frame[frame["status"] == "valid"]
    return dict(zip(valid["area"], valid["value"], strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("overflow_daily", 19 * 5 / 60),
        ("overflow_volume_daily", 19 * 300 * 1.83 * 0.1**1.5),
        ("charging_connected_day", 188 / 288),
        ("charging_share_day", 99 / 288),
        ("charging_idle_day", 89 / 188),
        ("charging_energy_day", 28.8),
        ("travel_time_daily", 330.0),
        ("energy_produced_daily", 19.2),
        ("self_consumption_daily", 0.5),
        ("self_sufficiency_daily", 0.25),
        ("waste_separated_daily", 200.0),
        ("waste_residual_daily", 40.0),
        ("waste_glass_daily", 40.0),
        ("heat_increment_night", 0.0),
    ],
)
def test_row_gives_the_street_its_value(scope: Scope, name: str, expected: float) -> None:
    assert valid_areas(scope, name) == {"kanaalstraat": pytest.approx(expected)}


def test_households_of_an_area_reach_the_row(tmp_path: Path) -> None:
    tree = ConfigTree(tmp_path)
    tree.replace("labs/lombok/lab.yaml", "{id: kanaalstraat, label: Kanaalstraat}",
                 "{id: kanaalstraat, label: Kanaalstraat, households: 420}")  # fmt: skip
    row = tree.load().indicators["waste_paper_household_week"]
    assert dict(row.parameters["households"]) == {"kanaalstraat": 420}


@pytest.mark.parametrize("wrong", ["420", "{kanaalstraat: 0}", "{kanaalstraat: many}"])
def test_wrong_households_of_a_row_are_told(tmp_path: Path, wrong: str) -> None:
    tree = ConfigTree(tmp_path)
    row = "of: [waste_paper_daily]\n  parameters: {households: "
    tree.replace("indicators.yaml", row + "{}}", row + wrong + "}")
    (problem,) = tree.problems()
    assert "waste_paper_household_week.parameters.households: expected {area: number}" in problem


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("id: kanaalstraat, label: Kanaalstraat, households: 0", "areas[0].households"),
        ("id: kanaalstraat, label: Kanaalstraat, households: many", "areas[0].households"),
        ("id: papaverweg, label: Papaverweg, households: 9", "exists in lab buiksloterham too"),
    ],
)
def test_wrong_households_are_told_with_their_place(tmp_path: Path, new: str, told: str) -> None:
    tree = ConfigTree(tmp_path)
    tree.replace("labs/lombok/lab.yaml", "id: kanaalstraat, label: Kanaalstraat", new)
    mine = [problem for problem in tree.problems() if told in problem]
    assert any("labs/lombok/lab.yaml, line" in problem for problem in mine), tree.problems()
