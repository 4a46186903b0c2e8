"""Pressures, conductivity, moisture, weirs and overflows on worked vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.groundwater import depth_below_surface, shallow_share
from transforms.overflow import join_spills, overflow_events, spill_stretches
from transforms.water_physics import (
    barometer_at,
    dip_check,
    ec25,
    head_from_logger,
    level_from_distance,
    relative_extractable_water,
    station_pressure,
    topp_moisture,
    water_column,
    water_density,
    weir_flow,
)


def test_head_from_logger_matches_worked_vector() -> None:
    assert float(water_column(1215.0, 1013.0)) == pytest.approx(2.05919, abs=5e-6)
    head = head_from_logger(1215.0, 1013.0, reference_m_nap=1.5, cable_m=4.0)
    assert float(head) == pytest.approx(-0.44081, abs=5e-6)


def test_water_density_matches_tanaka() -> None:
    assert water_density([10.0, 20.0]) == pytest.approx([999.70, 998.21], abs=0.005)
    assert float(water_density(10.0, salt_g_l=10)) == pytest.approx(1006.70, abs=0.005)


def test_one_hectopascal_is_a_centimetre_of_water() -> None:
    assert float(water_column(1.0, 0.0)) == pytest.approx(0.010194, abs=5e-7)


def test_ec25_matches_worked_vector_and_is_refused_for_odd_coefficients() -> None:
    assert float(ec25(1000.0, 15.0)) == pytest.approx(1236.09, abs=0.005)
    with pytest.raises(DataError, match="no compensation"):
        ec25(1000.0, 15.0, per_k=0.2)


def test_topp_matches_worked_vector() -> None:
    assert float(topp_moisture(20.0)) == pytest.approx(34.54, abs=5e-3)
    assert float(topp_moisture(13.7)) == pytest.approx(25.5, abs=0.05)


def test_weir_flow_matches_worked_vector() -> None:
    assert float(weir_flow(0.10, 2.0)) == pytest.approx(0.11574, abs=5e-6)
    with pytest.raises(DataError, match="unknown crest"):
        weir_flow(0.1, 2.0, crest="round")


def test_missing_stays_missing() -> None:
    assert np.isnan(water_column(np.nan, 1013.0))
    assert np.isnan(ec25(np.nan, 15.0))
    assert np.isnan(weir_flow(np.nan, 1.0))
    assert np.isnan(level_from_distance([np.nan], 2.0)).all()


def test_barometer_is_not_interpolated_over_a_long_gap() -> None:
    clock = pd.DatetimeIndex(["2026-03-01T00:00Z", "2026-03-01T00:20Z", "2026-03-01T02:00Z"])
    air = pd.Series([1000.0, 1002.0, 1004.0], index=clock)
    at = pd.DatetimeIndex(
        ["2026-02-28T23:59Z", "2026-03-01T00:10Z", "2026-03-01T00:20Z", "2026-03-01T01:00Z"]
    )
    assert barometer_at(air, at).tolist() == pytest.approx(
        [np.nan, 1001.0, 1002.0, np.nan], nan_ok=True
    )
    with pytest.raises(DataError, match="different clocks"):
        barometer_at(air, at.tz_localize(None))
    assert barometer_at(air.iloc[:0], at).isna().all()


def test_barometric_compensation_removes_the_weather() -> None:
    clock = pd.date_range("2026-03-01", periods=48, freq="1h", tz="UTC")
    air = pd.Series(1013 + 15 * np.sin(np.arange(48) / 8), index=clock)
    absolute = air + 200
    raw = absolute.to_numpy()
    head = head_from_logger(raw, barometer_at(air, clock), reference_m_nap=0.0, cable_m=3.0)
    assert np.ptp(head) < 1e-9
    assert np.ptp(water_column(raw, 1013.0)) > 0.25


def test_station_pressure_is_below_sea_level_pressure_inland() -> None:
    assert float(station_pressure(1013.0, 50.0)) == pytest.approx(1007.0)


def test_dip_check_names_a_drift() -> None:
    at = pd.date_range("2026-03-01", periods=3)
    check = dip_check(pd.Series([1.0, 1.0, 1.0], index=at), pd.Series([1.0, 0.99, 0.95], index=at))
    assert (check.n, check.is_accepted) == (3, False)
    assert check.largest == pytest.approx(0.05)
    nothing = dip_check(pd.Series(dtype=float), pd.Series(dtype=float))
    assert not nothing.is_accepted


def test_depth_below_surface_and_shallow_share() -> None:
    depth = depth_below_surface(pd.Series([6.3, 5.0, np.nan]), 6.85)
    assert depth.tolist() == pytest.approx([0.55, 1.85, np.nan], nan_ok=True)
    assert shallow_share(depth) == 0.5


def test_relative_extractable_water_refuses_swapped_constants() -> None:
    with pytest.raises(DataError, match="must exceed"):
        relative_extractable_water([10.0], wilting_point=30, field_capacity=10)


def test_join_spills_matches_worked_vector() -> None:
    spills = pd.DataFrame(
        {
            "start": pd.to_datetime(["2026-03-01 10:00", "2026-03-02 09:00"]),
            "end": pd.to_datetime(["2026-03-01 11:00", "2026-03-02 09:30"]),
        }
    )
    event = join_spills(spills).iloc[0]
    assert (event["gross_h"], event["net_h"], event["stretches"]) == (23.5, 1.5, 2)
    with pytest.raises(DataError, match="out of order"):
        join_spills(spills.iloc[::-1])


def test_spill_needs_two_readings_and_a_centimetre() -> None:
    five = pd.date_range("2026-07-01T10:00Z", periods=8, freq="5min")
    level = pd.Series([0.0, 0.5, 0.0, 0.01, 0.01, 0.2, 0.2, np.nan], index=five)
    found = spill_stretches(level, 0.0, 300)
    assert found["start"].tolist() == [five[5]]
    assert found["end"].tolist() == [five[7]]


def test_a_missing_level_breaks_a_stretch() -> None:
    five = pd.date_range("2026-07-01T10:00Z", periods=6, freq="5min")
    level = pd.Series([0.2, 0.2, np.nan, 0.2, 0.2, 0.2], index=five)
    assert len(spill_stretches(level, 0.0, 300)) == 2
    assert len(spill_stretches(level.dropna(), 0.0, 300)) == 2


def test_overflow_events_carry_volume_and_the_rain_before() -> None:
    five = pd.date_range("2026-07-01T10:00Z", periods=40, freq="5min")
    level = pd.Series(0.0, index=five)
    level.iloc[[3, 4, 5, 20, 21]] = 0.1
    rain = pd.Series(0.1, index=pd.date_range("2026-07-01T00:00Z", periods=30, freq="1h"))
    events = overflow_events(level, crest_m_nap=0.0, step_s=300, width_m=2.0, rain=rain)
    assert len(events) == 1
    assert events["volume_m3"].iloc[0] == pytest.approx(0.11574 * 5 * 300, abs=0.02)
    assert events["rain_24h_mm"].iloc[0] == pytest.approx(1.1)
    assert bool(events["is_dry_weather"].iloc[0])
    none = overflow_events(level * 0, crest_m_nap=0.0, step_s=300, width_m=2.0, rain=rain)
    assert len(none) == 0
