"""Annual air statistics, profiles and indices against reference results and worked vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import airbase, airbase_panel, as_panel, london, oracle_json

from livinglab.errors import DataError
from transforms.air_annual import (
    annual_mean,
    annual_percentile,
    aot40,
    exceedance_count,
    rank_value,
)
from transforms.air_index import EAQI_2024, LKI_2014, band, eaqi, eaqi_hour, lki, lki_hour
from transforms.frames import to_panel
from transforms.intervals import UTC1
from transforms.profiles import day_of_week, hour_of_day, weekend

STATIONS = ("betr801", "fr04037")
PERCENTILES = {"min": 0.0, "p50": 50.0, "p95": 95.0, "p98": 98.0, "p99_8": 99.8, "max": 100.0}
COLUMNS = {"no2": "no2_ppb", "nox": "nox_ppb", "o3": "o3_ppb"}
COLUMNS |= {"pm10": "pm10_ug_m3", "pm25": "pm25_ug_m3"}
MASSES = {"no2": 46.0055, "nox": 46.0055, "o3": 47.9982}


def yearly(function: Any, panel: pd.DataFrame, rows: dict[str, Any], **more: Any) -> pd.Series:
    """Values by year of a one-series panel."""
    table = function(panel, **rows, **more)
    return pd.Series(table["value"].to_numpy(), table.index.tz_convert(rows["zone"]).year)


def statistics(panel: pd.DataFrame, rows: dict[str, Any]) -> dict[str, pd.Series]:
    """Every key of the oracle that is a number of a year."""
    mean = annual_mean(panel, **rows)
    years = mean.index.tz_convert(rows["zone"]).year
    daily = exceedance_count(panel, **rows, of="day", limit=50.0)
    windows = exceedance_count(panel, **rows, of="max_8h", limit=120.0)
    return {
        "n_valid": pd.Series(mean["n"].to_numpy(), years),
        "capture": pd.Series(mean["coverage"].to_numpy(), years),
        "mean": pd.Series(mean["value"].to_numpy(), years),
        **{
            name: yearly(annual_percentile, panel, rows, percent=percent)
            for name, percent in PERCENTILES.items()
        },
        "n_valid_days": pd.Series(daily["n"].to_numpy(), years),
        "days_gt_50": pd.Series(daily["value"].to_numpy(), years),
        "days_gt_25": yearly(exceedance_count, panel, rows, of="day", limit=25.0),
        "max_daily_mean": yearly(rank_value, panel, rows, of="day", allowed=0),
        "rank36_daily": yearly(rank_value, panel, rows, of="day", allowed=35),
        "hours_gt_200": yearly(exceedance_count, panel, rows, limit=200.0),
        "rank19_hourly": yearly(rank_value, panel, rows, allowed=18),
        "n_valid_max8h_days": pd.Series(windows["n"].to_numpy(), years),
        "days_max8h_gt_120": pd.Series(windows["value"].to_numpy(), years),
        "highest_max8h": yearly(rank_value, panel, rows, of="max_8h", allowed=0),
        "rank26_max8h": yearly(rank_value, panel, rows, of="max_8h", allowed=25),
    }


def check(ours: dict[str, pd.Series], expected: dict[str, Any]) -> None:
    about = {"year", "quantity", "unit", "hours_in_year"}
    assert expected.keys() - about <= ours.keys()
    for name in expected.keys() - about:
        value = ours[name].loc[expected["year"]]
        assert value == pytest.approx(expected[name], rel=1e-6, abs=1e-6), (name, expected)


@pytest.mark.parametrize("station", STATIONS)
def test_annual_statistics_match_airbase_oracle(station: str) -> None:
    rows = {
        "start": pd.Timestamp("2010-01-01", tz=UTC1),
        "end": pd.Timestamp("2013-01-01", tz=UTC1),
        "zone": UTC1,
        "steps": {"no2": 3600},
    }
    ours = statistics(airbase_panel(station), rows)
    for expected in oracle_json(f"air/airbase_{station}_no2.json")["stats"]:
        check(ours, expected)


@pytest.mark.parametrize("quantity", sorted(COLUMNS))
def test_annual_statistics_match_london_oracle(quantity: str) -> None:
    factor = MASSES.get(quantity, 24.055117) / 24.055117
    panel = as_panel((london()[[COLUMNS[quantity]]] * factor).set_axis([quantity], axis=1))
    rows = {
        "start": pd.Timestamp("2000-01-01T00:00Z"),
        "end": pd.Timestamp("2002-01-01T00:00Z"),
        "zone": "UTC",
        "steps": {quantity: 3600},
        "period": "year",
    }
    ours = statistics(panel, rows)
    found = [s for s in oracle_json("air/london_annual.json")["stats"] if s["quantity"] == quantity]
    assert len(found) == 2
    for expected in found:
        check(ours, expected)


@pytest.mark.parametrize("station", STATIONS)
def test_airbase_rows_and_flags_match_oracle(station: str) -> None:
    oracle = oracle_json(f"air/airbase_{station}_no2.json")
    rows = airbase(station)
    assert len(rows) == 24 * oracle["rows"]
    assert (rows["flag"] <= 0).sum() == oracle["n_flag_invalid"]


@pytest.mark.parametrize("station", STATIONS)
def test_profiles_match_airbase_oracle(station: str) -> None:
    oracle = oracle_json(f"air/airbase_{station}_no2.json")
    panel = airbase_panel(station)
    hours = hour_of_day(panel, UTC1)
    expected = [oracle["mean_by_hour_of_day"][str(hour)] for hour in hours["hour"]]
    np.testing.assert_allclose(hours["mean"], expected, rtol=1e-6, atol=1e-6)
    ends = weekend(panel, UTC1)["mean"].tolist()
    means = [oracle["mean_weekday"], oracle["mean_weekend"]]
    assert ends == pytest.approx(means, rel=1e-6, abs=1e-6)
    assert day_of_week(panel, UTC1)["n"].sum() == len(panel)


def test_annual_mean_below_capture_is_indicative() -> None:
    panel = airbase_panel("betr801")
    rows = {"start": pd.Timestamp("2010-01-01", tz=UTC1), "zone": UTC1, "steps": {"no2": 3600}}
    rows["end"] = pd.Timestamp("2013-01-01", tz=UTC1)
    strict = annual_mean(panel, **rows, coverage=0.9)
    assert set(strict["status"]) == {"valid", "indicative"}
    assert strict["value"].notna().all()
    assert set(annual_mean(panel, **rows, coverage=0.85)["status"]) == {"valid"}


def test_annual_mean_of_a_year_without_data_is_missing() -> None:
    rows = {"start": pd.Timestamp("2009-01-01", tz=UTC1), "zone": UTC1, "steps": {"no2": 3600}}
    table = annual_mean(airbase_panel("betr801"), **rows, end=pd.Timestamp("2010-01-01", tz=UTC1))
    assert table["status"].tolist() == ["insufficient"]
    assert table["value"].isna().all()
    assert table["n"].tolist() == [0]


def test_exceedance_count_is_strict() -> None:
    times = pd.date_range("2025-01-01", periods=3, freq="h", tz="UTC")
    panel = to_panel(times, "a", [199.9, 200.0, 200.1])
    rows = {"start": times[0], "end": times[-1], "zone": "UTC", "steps": {"a": 3600}}
    table = exceedance_count(panel, **rows, period="year", limit=200.0)
    assert table[["value", "status"]].to_numpy().tolist() == [[1.0, "indicative"]]


def test_annual_values_refuse_unknown_bases_and_periods() -> None:
    times = pd.date_range("2025-01-01", periods=3, freq="h", tz="UTC")
    panel = to_panel(times, "a", [1.0, 2.0, 3.0])
    rows = {"start": times[0], "end": times[-1], "zone": "UTC", "steps": {"a": 3600}}
    with pytest.raises(DataError, match="max_8h"):
        exceedance_count(panel, **rows, of="week", limit=1.0)
    with pytest.raises(DataError, match="year_utc1"):
        annual_mean(panel, **rows, period="day")


def test_aot40_scales_by_possible_over_measured_hours() -> None:
    """Domain 10.2: hours 85, 100, 70 inside 08-20 make 25 before scaling."""
    times = pd.date_range("2025-06-01T07:00Z", periods=3, freq="h")
    rows = {"start": pd.Timestamp("2025-01-01", tz=UTC1), "zone": UTC1, "steps": {"o3": 3600}}
    rows["end"] = pd.Timestamp("2026-01-01", tz=UTC1)
    table = aot40(to_panel(times, "o3", [85.0, 100.0, 70.0]), **rows)
    possible = 92 * 12
    assert table["value"].tolist() == pytest.approx([25.0 * possible / 3])
    assert table["status"].tolist() == ["indicative"]
    outside = [times[0] - pd.Timedelta(hours=1), pd.Timestamp("2025-08-01T10:00Z")]
    assert aot40(to_panel(outside, "o3", [500.0, 500.0]), **rows)["value"].isna().all()


def test_aot40_of_a_whole_season() -> None:
    times = pd.date_range("2025-01-01", "2026-01-01", freq="h", tz=UTC1, inclusive="left")
    panel = to_panel(times, "o3", np.full(len(times), 90.0))
    rows = {"start": times[0], "end": times[-1], "zone": UTC1, "steps": {"o3": 3600}}
    table = aot40(panel, **rows)
    assert table[["value", "n", "status"]].to_numpy().tolist() == [[92 * 12 * 10.0, 1104, "valid"]]


def test_lki_worked_vectors() -> None:
    """Domain 10.2."""
    rows = {"o3": [70.0, 50.0], "no2": [40.0, 40.0], "pm10": [22.0, 40.0]}
    assert lki(rows).tolist() == [5.0, 5.0]
    assert [float(band(rows[name][0], LKI_2014[name])) for name in rows] == [5.0, 4.0, 3.0]


def test_lki_reaches_eleven_only_when_all_are_ten() -> None:
    assert lki({"o3": [201.0], "no2": [151.0], "pm10": [151.0]}).tolist() == [11.0]
    assert lki({"o3": [201.0], "no2": [150.0], "pm10": [151.0]}).tolist() == [10.0]
    assert lki({"o3": [201.0]}).tolist() == [10.0], "one component alone is not all"


def test_eaqi_worked_vectors() -> None:
    """Domain 10.2."""
    rows = {"pm2_5": [15.4, 15.6], "no2": [9.0, 9.0], "o3": [100.0, 100.0]}
    assert eaqi(rows).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("table", [LKI_2014, EAQI_2024])
def test_bands_ascend_and_their_upper_edges_belong_to_them(table: Any) -> None:
    for edges in table.values():
        assert list(edges) == sorted(set(edges))
        assert band(edges, edges).tolist() == list(range(1, len(edges) + 1))
        assert band(np.nextafter(edges, np.inf), edges).tolist() == list(range(2, len(edges) + 2))


def stations(values: dict[str, float], steps: int = 1) -> pd.DataFrame:
    names = list(values) * steps
    times = np.repeat(np.arange(steps) * 3_600_000_000_000, len(values))
    return to_panel(times, "a", [values[name] for name in names], names)


HOUR = {
    "start": pd.Timestamp(0, tz="UTC"),
    "end": pd.Timestamp(1, unit="h", tz="UTC"),
    "zone": "UTC",
    "steps": {"a": 3600, "b": 3600},
}


def test_lki_hour_needs_every_component() -> None:
    table = lki_hour(stations({"o3": 70.0, "no2": 40.0, "pm10": 22.0}), **HOUR)
    assert table["value"].tolist()[0] == 5.0
    assert table["status"].tolist() == ["valid", "insufficient"]
    partial = lki_hour(stations({"o3": 70.0, "no2": 40.0}), **HOUR)
    assert partial["n"].tolist() == [2, 0]
    assert partial["value"].isna().all()


def test_eaqi_hour_follows_the_site_rule() -> None:
    panel = stations({"no2": 30.0, "pm2_5": 4.0})
    assert eaqi_hour(panel, **HOUR)["status"].tolist() == ["insufficient", "insufficient"]
    traffic = eaqi_hour(panel, **HOUR, traffic=True)
    assert traffic["value"].tolist()[0] == 3.0
    urban = eaqi_hour(stations({"no2": 30.0, "pm10": 4.0, "o3": 10.0}), **HOUR)
    assert urban["value"].tolist()[0] == 3.0


def test_indices_refuse_unknown_components() -> None:
    with pytest.raises(DataError, match="soot"):
        lki({"soot": [1.0]})
