"""Indicators of two quantities of one series: wind vector, heat index, EC at 25 degrees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transforms.frames import to_panel
from transforms.water import daily_maximum, hourly_ec25
from transforms.weather import hourly_heat_index, wind_direction

START = pd.Timestamp("2026-07-01T12:00Z")
HOUR = {"start": START, "end": START + pd.Timedelta(hours=1), "zone": "Europe/Amsterdam"}


def side_by_side(step_s: int = 600, **quantities: list[float]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"time": START + pd.Timedelta(seconds=step_s * place), "value": value,
                      "quantity": name}, index=[0])
        for name, values in quantities.items()
        for place, value in enumerate(values)
    ]  # fmt: skip
    rows = pd.concat(parts)
    return to_panel(rows["time"], "a", rows["value"].to_numpy(), rows["quantity"].to_list())


def test_wind_direction_is_a_vector_mean_weighted_by_speed() -> None:
    panel = side_by_side(1800, wind_direction=[0.0, 90.0], wind_speed=[1.0, 3.0])
    table = wind_direction(panel, **HOUR, steps={"a": 1800})
    assert table["value"].iloc[0] == pytest.approx(np.rad2deg(np.arctan2(3, 1)), abs=1e-9)


def test_wind_direction_of_calm_or_opposite_winds_is_missing() -> None:
    opposite = side_by_side(1800, wind_direction=[0.0, 180.0])
    assert wind_direction(opposite, **HOUR, steps={"a": 1800})["value"].isna().all()
    calm = side_by_side(1800, wind_direction=[0.0, 90.0], wind_speed=[0.0, 3.0])
    table = wind_direction(calm, **HOUR, steps={"a": 1800}, coverage=0.5)
    assert table[["value", "n"]].to_numpy().tolist() == [[90.0, 1]]


def test_heat_index_needs_both_quantities_at_one_time() -> None:
    panel = side_by_side(1800, air_temperature=[32.0, 32.0], relative_humidity=[60.0])
    table = hourly_heat_index(panel, **HOUR, steps={"a": 1800}, coverage=0.5)
    assert table["value"].iloc[0] == pytest.approx(37.074, abs=1e-3)
    assert table["n"].tolist() == [1]
    full = hourly_heat_index(panel, **HOUR, steps={"a": 1800})
    assert full["status"].tolist() == ["insufficient"]


def test_heat_index_of_a_cool_hour_is_its_temperature() -> None:
    panel = side_by_side(3600, air_temperature=[20.0], relative_humidity=[60.0])
    assert hourly_heat_index(panel, **HOUR, steps={"a": 3600})["value"].tolist() == [20.0]


def test_ec25_compensates_each_reading_before_the_mean() -> None:
    panel = side_by_side(
        1800, electrical_conductivity=[1000.0, 1000.0], water_temperature=[15.0, 25.0]
    )
    table = hourly_ec25(panel, **HOUR, steps={"a": 1800})
    assert table["value"].iloc[0] == pytest.approx((1236.0939 + 1000.0) / 2, abs=1e-3)


def test_daily_maximum_needs_its_coverage() -> None:
    panel = to_panel(pd.date_range(START, periods=6, freq="1h"), "a", range(6))
    day = {"start": START, "end": START + pd.Timedelta(hours=6), "zone": "UTC"}
    assert daily_maximum(panel, **day, steps={"a": 3600}).empty
    midnight = START.floor("D")
    day = {"start": midnight, "end": midnight + pd.Timedelta(days=1), "zone": "UTC"}
    assert daily_maximum(panel, **day, steps={"a": 3600})["status"].tolist() == ["insufficient"]
    assert daily_maximum(panel, **day, steps={"a": 3600}, coverage=0.25)["value"].tolist() == [5.0]
