"""Air indicators against pandas/numpy reference results of measured data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import airbase_panel, as_panel, london, oracle_csv, oracle_json, toucan

from livinglab.errors import DataError
from transforms.aggregate import is_covered
from transforms.air import daily_mean, hourly_mean, max_daily_8h_mean, running_mean
from transforms.frames import empty_panel, to_panel
from transforms.intervals import UTC1

STATIONS = ("betr801", "fr04037")
AMSTERDAM = "Europe/Amsterdam"
#: ug/m3 per ppb at 20 degC and 101.325 kPa: M / 24.055117 (oracles/README.md).
FACTORS = {"no2": 46.0055, "nox": 46.0055, "o3": 47.9982, "pm10": 24.055117, "pm25": 24.055117}
COLUMNS = {"no2": "no2_ppb", "nox": "nox_ppb", "o3": "o3_ppb"}
COLUMNS |= {"pm10": "pm10_ug_m3", "pm25": "pm25_ug_m3"}


def london_panel() -> pd.DataFrame:
    """Five quantities in ug/m3, each as a series."""
    frame = london()
    converted = {
        name: frame[column] * FACTORS[name] / 24.055117 for name, column in COLUMNS.items()
    }
    return as_panel(pd.DataFrame(converted))


def london_span() -> dict[str, Any]:
    rows = {"start": pd.Timestamp("2000-01-01T00:00Z"), "end": pd.Timestamp("2002-01-01T00:00Z")}
    return {**rows, "zone": "UTC", "steps": dict.fromkeys(COLUMNS, 3600)}


@pytest.mark.parametrize("unit", ["rt01", "rt02"])
def test_hourly_mean_matches_oracle(unit: str) -> None:
    oracle = oracle_csv(f"air/rtp_{unit}_hourly.csv").set_index("utc_hour_start")
    oracle.index = pd.DatetimeIndex(pd.to_datetime(oracle.index, utc=True))
    names = ["no2", "o3", "pm25", "temp", "rh"]
    span = {"start": oracle.index[0], "end": oracle.index[-1] + pd.Timedelta(hours=1)}
    table = hourly_mean(
        as_panel(toucan(unit)), **span, zone="UTC", steps=dict.fromkeys(names, 60), coverage=0.75
    )
    for name in names:
        rows = table[table["series"] == name]
        np.testing.assert_allclose(rows["value"], oracle[name], rtol=0, atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(table[table["series"] == "pm25"]["n"], oracle["n_minutes"])


@pytest.mark.parametrize("station", STATIONS)
def test_daily_mean_matches_airbase_oracle(station: str) -> None:
    oracle = oracle_csv(f"air/airbase_{station}_no2_daily.csv").set_index("date")
    table = daily_mean(
        airbase_panel(station),
        start=pd.Timestamp("2010-01-01", tz=UTC1),
        end=pd.Timestamp("2013-01-01", tz=UTC1),
        zone=AMSTERDAM,
        steps={"no2": 3600},
        coverage=0.75,
    )
    table.index = table.index.tz_convert(UTC1).strftime("%Y-%m-%d")
    assert len(table) == 1096, "a row for every day"
    absent = table.index.difference(oracle.index)
    assert (table.loc[absent, "n"] == 0).all()
    ours = table.loc[oracle.index]
    np.testing.assert_array_equal(ours["n"], oracle["n"])
    np.testing.assert_allclose(ours["value"], oracle["mean"], rtol=1e-6, atol=1e-6)


def test_daily_mean_matches_london_oracle() -> None:
    oracle = oracle_csv("air/london_daily_means.csv")
    table = daily_mean(london_panel(), **london_span(), coverage=0.75, period="day")
    table["date"] = table.index.strftime("%Y-%m-%d")
    both = table.merge(oracle, left_on=["series", "date"], right_on=["quantity", "date"])
    assert len(both) == len(oracle) == len(table)
    np.testing.assert_array_equal(both["n_x"], both["n_y"])
    np.testing.assert_allclose(both["value"], both["mean"], rtol=1e-6, atol=1e-6)


def test_max_daily_8h_mean_matches_london_oracle() -> None:
    oracle = oracle_csv("air/london_o3_max8h.csv")
    panel = london_panel()
    rows = {**london_span(), "steps": {"o3": 3600}}
    table = max_daily_8h_mean(panel[panel["series"] == "o3"], **rows, coverage=0.75, period="day")
    assert table.index.strftime("%Y-%m-%d").tolist() == oracle["date"].tolist()
    np.testing.assert_array_equal(table["n"], oracle["n_windows"])
    np.testing.assert_allclose(table["value"], oracle["max8h"], rtol=1e-6, atol=1e-6)
    assert table["value"].isna().sum() == 24


def test_is_covered_matches_arithmetic() -> None:
    for case in oracle_json("analytic/cases.json")["air"]["capture_75"]:
        n, expected = np.array([case["valid"]]), np.array([case["expected"]])
        assert is_covered(n, expected, 0.75).tolist() == [case["ok"]]


def test_max_daily_8h_mean_matches_arithmetic() -> None:
    case = oracle_json("analytic/cases.json")["air"]["eight_hour"]
    times = pd.date_range("2025-06-01", periods=24, freq="h", tz="UTC")
    table = max_daily_8h_mean(
        to_panel(times, "o3", case["hour_values_from_00"]),
        start=times[0],
        end=times[0] + pd.Timedelta(days=1),
        zone="UTC",
        steps={"o3": 3600},
        period="day",
    )
    assert table["value"].tolist() == [case["daily_max8h"]]


def test_gas_conversion_factors_match_arithmetic() -> None:
    case = oracle_json("analytic/cases.json")["air"]
    london_case = oracle_json("air/london_annual.json")["ug_m3_per_ppb"]
    volume = 8.314462618 * 293.15 / 101.325
    assert volume == pytest.approx(case["molar_volume_l_20c_101325pa"], abs=1e-6)
    assert FACTORS["no2"] / volume == pytest.approx(case["no2_ug_m3_per_ppb"], abs=1e-6)
    assert FACTORS["o3"] / volume == pytest.approx(london_case["o3"], abs=1e-6)


def day_of_hours(hours: int, start: str = "2025-06-01") -> tuple[pd.DataFrame, dict[str, Any]]:
    first = pd.Timestamp(start, tz=AMSTERDAM)
    panel = to_panel(pd.date_range(first, periods=hours, freq="h"), "a", np.arange(float(hours)))
    rows = {"start": first, "end": first + pd.DateOffset(days=1), "zone": AMSTERDAM}
    return panel, {**rows, "steps": {"a": 3600}}


@pytest.mark.parametrize(
    ("start", "length", "needed"),
    [("2025-03-30", 23, 18), ("2025-10-26", 25, 19), ("2025-06-01", 24, 18)],
)
def test_daily_mean_of_civil_days_counts_the_hours_of_the_clock(
    start: str, length: int, needed: int
) -> None:
    panel, rows = day_of_hours(length, start)
    whole = daily_mean(panel, **rows, period="day")
    assert whole[["n", "coverage", "status"]].to_numpy().tolist() == [[length, 1.0, "valid"]]
    assert daily_mean(panel[:needed], **rows, period="day")["status"].tolist() == ["valid"]
    short = daily_mean(panel[: needed - 1], **rows, period="day")
    assert short["status"].tolist() == ["insufficient"]
    assert short["n"].tolist() == [needed - 1], "what is there is still counted"


def test_daily_mean_of_the_legal_day_is_utc1_in_summer() -> None:
    panel, rows = day_of_hours(25)
    table = daily_mean(panel, **rows)
    assert table.index.tolist() == [pd.Timestamp("2025-05-31T23:00Z")]
    assert table["value"].tolist() == [12.5], "hours 1 to 24 of the civil day and after"


@pytest.mark.parametrize("start", ["2025-03-30", "2025-10-26", "2025-06-01", "2025-12-31"])
def test_every_civil_day_holds_the_start_of_one_legal_day(start: str) -> None:
    panel, rows = day_of_hours(0, start)
    assert len(daily_mean(panel, **rows)) == 1


def test_daily_mean_takes_hours_not_minutes() -> None:
    """The mean of hourly means: an hour with 45 minutes weighs as much as one with 60."""
    times = pd.date_range("2025-06-01", periods=24 * 60, freq="min", tz="UTC")
    values = np.where(times.hour < 12, 10.0, 20.0)
    keep = (times.hour < 12) | (times.minute < 45)
    rows = {"start": times[0], "end": times[-1], "zone": "UTC", "steps": {"a": 60}}
    table = daily_mean(to_panel(times[keep], "a", values[keep]), **rows, period="day")
    assert table["value"].tolist() == [15.0]


def test_max_daily_8h_mean_uses_the_evening_before() -> None:
    first = pd.Timestamp("2025-06-02", tz=UTC1)
    times = pd.date_range(first - pd.Timedelta(hours=7), periods=31, freq="h")
    panel = to_panel(times, "a", np.repeat([80.0, 0.0], [8, 23]))
    rows = {"start": first, "end": first + pd.Timedelta(days=1), "zone": UTC1}
    table = max_daily_8h_mean(panel, **rows, steps={"a": 3600})
    assert table[["value", "n"]].to_numpy().tolist() == [[80.0, 24]]
    without = max_daily_8h_mean(panel[7:], **rows, steps={"a": 3600})
    assert without["n"].tolist() == [19]
    assert without["value"].tolist() == [80.0 / 6]


def test_running_mean_needs_three_quarters_of_its_hours() -> None:
    times = pd.date_range("2025-06-01", periods=8, freq="h", tz="UTC")
    values = np.array([1.0, np.nan, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0])
    rows = {"start": times[-1], "end": times[-1] + pd.Timedelta(hours=1), "zone": "UTC"}
    rows["steps"] = {"a": 3600}
    table = running_mean(to_panel(times, "a", values), **rows)
    assert table[["value", "n", "status"]].to_numpy().tolist() == [[31 / 6, 6, "valid"]]
    values[4] = np.nan
    assert running_mean(to_panel(times, "a", values), **rows)["value"].isna().all()


def test_indicators_have_a_row_for_what_never_arrived() -> None:
    rows = day_of_hours(0)[1]
    for function in (hourly_mean, daily_mean, max_daily_8h_mean, running_mean):
        table = function(empty_panel(), **{**rows, "steps": {"a": 60, "b": 3600}})
        assert set(table["series"]) == {"a", "b"}
        assert table["value"].isna().all(), "missing is never zero"
        assert (table["n"] == 0).all()
        assert (table["coverage"] == 0).all()
        assert (table["status"] == "insufficient").all()
        assert len(table) == (48 if function in {hourly_mean, running_mean} else 2)


def test_hourly_mean_keeps_negative_values_near_zero() -> None:
    panel = to_panel(3_600_000_000_000 * np.arange(1), "a", [-3.0])
    span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="h", tz="UTC")}
    assert hourly_mean(panel, **span, zone="UTC", steps={"a": 3600})["value"].tolist() == [-3.0]


def test_daily_mean_refuses_a_period_that_is_none() -> None:
    panel, rows = day_of_hours(3)
    with pytest.raises(DataError, match="day_utc1"):
        daily_mean(panel, **rows, period="fortnight")
