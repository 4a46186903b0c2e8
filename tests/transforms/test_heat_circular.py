"""Heat, energy and materials on worked cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.circular import (
    degree_days,
    emptyings,
    infiltration_rate,
    kg_per_household_week,
    rain_deficit,
    self_consumption,
    self_sufficiency,
    separation_rate,
    used_between,
)
from transforms.frames import empty_panel, to_panel
from transforms.heat import (
    DAY_CLASSES,
    daily_maximum,
    daily_minimum,
    days_at_least,
    heat_index,
    heat_waves,
    is_tropical_night,
    night_minimum,
    pet_class,
    urban_increment,
)

ZONE = "Europe/Amsterdam"


def span(first: str, count: int) -> dict[str, Any]:
    start = pd.Timestamp(first, tz=ZONE)
    return {"start": start, "end": start + pd.DateOffset(days=count), "zone": ZONE}


def test_heat_index_matches_worked_vector() -> None:
    assert float(heat_index(32.0, 60.0)) == pytest.approx(37.074, abs=5e-4)
    assert np.isnan(heat_index(26.9, 60.0))


@pytest.mark.parametrize("function", [daily_maximum, daily_minimum, night_minimum])
def test_extremes_without_readings_are_missing(function: Any) -> None:
    table = function(empty_panel(), **span("2026-07-01", 2), steps={"a": 600})
    assert len(table) == 2
    assert table["value"].isna().all()


def test_night_minimum_of_the_clock_change_knows_its_hours() -> None:
    start = pd.Timestamp("2025-10-25", tz=ZONE)
    times = pd.date_range(start, periods=60, freq="1h")
    table = night_minimum(to_panel(times, "a", np.full(60, 12.0)), **span("2025-10-25", 1),
                          steps={"a": 3600})  # fmt: skip
    assert table["n"].tolist() == [13]


def test_heat_wave_needs_three_tropical_days_and_no_gap() -> None:
    days = pd.date_range("2026-07-01", periods=8)
    assert len(heat_waves(pd.Series([26, 31, 32, 29, 27, 26, 25, 24], index=days))) == 0
    wave = pd.Series([26, 31, 32, 30, 27, 26, 24, 33], index=days)
    found = heat_waves(wave)
    assert found["days"].tolist() == [6]
    assert found["peak"].tolist() == [32.0]
    wave.iloc[2] = np.nan
    assert len(heat_waves(wave)) == 0
    assert len(heat_waves(wave.drop(days[2]))) == 0


def test_day_classes_count_what_is_known() -> None:
    maximum = pd.Series([19.9, 20.0, 25.0, 30.0, np.nan])
    counts = [days_at_least(maximum, limit) for limit in DAY_CLASSES.values()]
    assert counts == [3, 2, 1]


def test_tropical_night_of_an_unknown_minimum_is_unknown() -> None:
    assert np.isnan(is_tropical_night(pd.Series([np.nan])).iloc[0])


@pytest.mark.parametrize(
    ("pet", "name"), [(23.0, "none"), (23.1, "slight"), (41.0, "strong"), (41.1, "extreme")]
)
def test_pet_class_edges(pet: float, name: str) -> None:
    assert pet_class(pet) == name


def test_urban_increment_leaves_windy_hours_out() -> None:
    night = pd.date_range("2026-07-01T22:00Z", periods=4, freq="1h")
    site = pd.Series([24.0, 24, 30, 30], index=night)
    wind = pd.Series([1.0, 2.0, 3.0, 9.0], index=night)
    found = urban_increment(site, pd.Series(20.0, index=night), wind)
    assert found.tolist() == [4.0]
    assert found.index[0] == pd.Timestamp("2026-07-01")


def test_used_between_of_a_replaced_meter() -> None:
    assert used_between([5.0, 7.0, 1.0]).tolist()[1:] == [2.0, 1.0]


def test_energy_shares() -> None:
    assert self_consumption(10, 4) == pytest.approx(0.6)
    assert self_sufficiency(10, 4, 12) == pytest.approx(0.5)
    assert np.isnan(self_consumption(0, 0))
    with pytest.raises(DataError, match="exceeds production"):
        self_consumption(1, 2)


def test_degree_days_weigh_the_season() -> None:
    days = pd.Series(8.0, index=pd.DatetimeIndex(["2026-01-15", "2026-03-15", "2026-04-15"]))
    assert degree_days(days).tolist() == pytest.approx([11.0, 10.0, 8.0])


def test_waste() -> None:
    assert separation_rate(30, 70) == pytest.approx(0.3)
    assert np.isnan(separation_rate(0, 0))
    with pytest.raises(DataError, match="no households"):
        kg_per_household_week(10, 0, 7)


def test_emptyings_ignore_small_falls_and_gaps() -> None:
    level = pd.Series(
        [50.0, 45.0, np.nan, 3.0], index=pd.date_range("2026-03-01", periods=4, freq="1h")
    )
    assert emptyings(level).tolist() == [level.index[3]]


def test_rain_deficit_starts_on_1_april_and_is_never_negative() -> None:
    days = pd.date_range("2026-03-30", "2026-10-02")
    deficit = rain_deficit(pd.Series(3.0, index=days), pd.Series(2.0, index=days))
    assert deficit.index[0] == pd.Timestamp("2026-04-01")
    assert deficit.index[-1] == pd.Timestamp("2026-09-30")
    assert deficit.iloc[-1] == pytest.approx(183.0)
    wet = rain_deficit(pd.Series(1.0, index=days), pd.Series(2.0, index=days))
    assert (wet == 0).all()
    late = rain_deficit(pd.Series(1.0, index=days[20:]), pd.Series(0.0, index=days[20:]))
    assert late.isna().all(), "a record that starts in mid-April has no deficit since 1 April"


def test_infiltration_rate_in_mm_per_hour() -> None:
    hours = pd.date_range("2026-03-01", periods=3, freq="1h")
    rate = infiltration_rate(pd.Series([0.5, 0.49, 0.47], index=hours))
    assert rate.tolist()[1:] == pytest.approx([10.0, 20.0])
