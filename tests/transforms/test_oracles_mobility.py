"""Mobility indicators against the reference results beside the repository."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import ORACLES, oracle_json
from shared_mobility_water import (
    BERLIN,
    FREMONT_TOTAL,
    MOBILITY,
    MODES,
    SEATTLE,
    TELRAAM,
    fremont,
    fremont_panel,
    mobility_oracle,
    quantities_panel,
    telraam,
    telraam_panel,
)

from livinglab.timeline import civil_day
from transforms.mobility import daily_count, hourly_count, v85_from_bins
from transforms.speeds import (
    percentile_from_bins,
    percentile_speed,
    space_mean_speed,
    time_mean_speed,
)
from transforms.traffic_years import (
    aadt,
    average_daily_traffic,
    hour_profile,
    k_factor,
    monthly_average,
    nth_highest_hour,
    weekday_means,
    weekend_day,
    werkdagetmaal,
)

TOLERANCE = 1e-4
CAMERA = {"street|cam|0": 3600}
LOOP = {"bridge|loop|0": 3600}


@pytest.fixture(scope="module")
def case() -> Any:
    return oracle_json("analytic/cases.json")["mobility"]


def local_span(table: pd.DataFrame) -> dict[str, Any]:
    dates = pd.to_datetime(table.iloc[:, 0])
    end = dates.iloc[-1] + pd.Timedelta(days=1)
    return {"start": dates.iloc[0], "end": end}


def camera_days(name: str, mode: str, least_uptime: float) -> pd.DataFrame:
    span = local_span(pd.read_csv(ORACLES / f"mobility/telraam_{name}_local_days.csv"))
    return daily_count(
        telraam_panel(name, mode),
        start=span["start"].tz_localize(BERLIN),
        end=span["end"].tz_localize(BERLIN),
        zone=BERLIN,
        steps=CAMERA,
        coverage=1.0,
        indicative_coverage=0.0,
        least_uptime=least_uptime,
    )


@pytest.mark.parametrize("name", TELRAAM)
@pytest.mark.parametrize("mode", MODES)
def test_daily_count_matches_local_days_of_the_camera(name: str, mode: str) -> None:
    oracle = pd.read_csv(ORACLES / f"mobility/telraam_{name}_local_days.csv")
    good = at_dates(camera_days(name, mode, 0.5), oracle["local_date"])
    every = at_dates(camera_days(name, mode, 0.0), oracle["local_date"])
    # A day without a good hour is a sum of nothing: 0 in the file, no value here.
    ours = good["value"].fillna(0).to_numpy()
    assert np.abs(ours - oracle[mode].to_numpy()).max() <= TOLERANCE
    assert np.abs(every["value"].to_numpy() - oracle[f"{mode}_all"].to_numpy()).max() <= TOLERANCE
    assert good["n"].tolist() == oracle["hours_ok"].tolist()
    assert every["n"].tolist() == oracle["hours_present"].tolist()
    expected = np.round(every["n"] / every["coverage"])
    assert expected.tolist() == oracle["hours_expected"].tolist()
    assert set(good["status"]) <= {"indicative", "insufficient"}, "a camera never sees a whole day"


def at_dates(table: pd.DataFrame, dates: pd.Series) -> pd.DataFrame:
    """Rows of the dates of the file, which leaves days without any row out."""
    dated = table.set_index(table.index.tz_convert(BERLIN).strftime("%Y-%m-%d"))
    absent = dated.drop(index=list(dates))
    assert absent["value"].isna().all()
    return dated.loc[list(dates)]


@pytest.mark.parametrize("name", TELRAAM)
def test_hourly_count_matches_month_totals_of_good_hours(name: str) -> None:
    oracle = mobility_oracle(f"telraam_{name}.json")
    span = telraam(name).index[0], telraam(name).index[-1] + pd.Timedelta(hours=1)
    totals: dict[str, float] = {}
    for mode in MODES:
        table = hourly_count(
            telraam_panel(name, mode), start=span[0], end=span[1], zone=BERLIN, steps=CAMERA
        )
        totals[mode] = float(table["value"].sum())
        assert int((table["status"] == "valid").sum()) == oracle["hours_uptime_ge_0_5"]
    assert totals == pytest.approx(oracle["month_totals_ok_hours"], abs=TOLERANCE)
    whole = sum(totals.values())
    shares = {mode: count / whole for mode, count in totals.items()}
    assert shares == pytest.approx(oracle["modal_share"], abs=TOLERANCE)
    assert len(telraam(name)) == oracle["hours"]


@pytest.mark.parametrize("name", TELRAAM)
def test_camera_totals_are_left_plus_right(name: str) -> None:
    table = telraam(name)
    oracle = mobility_oracle(f"telraam_{name}.json")
    apart = max(
        float((table[f"{mode}_lft"] + table[f"{mode}_rgt"] - table[mode]).abs().max())
        for mode in MODES
    )
    stated = oracle["lft_plus_rgt_equals_total_max_abs_error"]
    assert apart == pytest.approx(stated, abs=TOLERANCE)


def test_daily_count_of_all_hours_on_utc_days_matches_the_published_daily_file() -> None:
    published = mobility_published()
    start = pd.Timestamp(published.index[0], tz="UTC")
    for mode in MODES:
        ours = daily_count(
            telraam_panel(TELRAAM[1], mode, with_uptime=False),
            start=start,
            end=start + pd.Timedelta(days=len(published)),
            zone="UTC",
            steps=CAMERA,
            indicative_coverage=0.0,
        )
        assert np.abs(ours["value"].to_numpy() - published[mode].to_numpy()).max() <= TOLERANCE
    stated = mobility_oracle(f"telraam_{TELRAAM[1]}.json")["published_daily_file"]
    assert stated == {"days": len(published), "max_abs_difference_to_utc_day_sums": 0.0}


def mobility_published() -> pd.DataFrame:
    text = (MOBILITY / "telraam_9000008322_daily_2026-03.json").read_text(encoding="utf-8")
    days = json.loads(text)["days"]
    return pd.DataFrame([day["totals"] for day in days], index=[day["date"] for day in days])


def histogram(name: str) -> np.ndarray:
    return np.array(telraam(name)["car_speed_hist_0to120plus"].tolist(), dtype=np.float64)


@pytest.mark.parametrize("name", TELRAAM)
def test_percentile_from_bins_matches_hourly_v85(name: str) -> None:
    oracle = pd.read_csv(ORACLES / f"mobility/telraam_{name}_v85.csv", parse_dates=["date"])
    table = telraam(name)
    rows = (table["car"] > 0).to_numpy() & table["v85"].notna().to_numpy()
    ours = percentile_from_bins(histogram(name)[rows], open_bin="closed")
    assert table.index[rows].tolist() == oracle["date"].tolist()
    assert np.abs(ours - oracle["v85_hist"].to_numpy()).max() <= TOLERANCE
    apart = np.abs(ours - table["v85"].to_numpy(dtype=np.float64)[rows])
    stated = mobility_oracle(f"telraam_{name}.json")["v85_hist_minus_published"]
    assert len(apart) == stated["n"]
    assert np.median(apart) == pytest.approx(stated["median_abs"], abs=TOLERANCE)
    assert np.percentile(apart, 90) == pytest.approx(stated["p90_abs"], abs=TOLERANCE)


def test_percentile_from_bins_gives_no_value_in_the_open_bin_unless_asked() -> None:
    """The file interpolates beyond 120 km/h as if the open bin ended at 125; two hours, both with
    the camera on for 4 % of the time."""
    oracle = pd.read_csv(ORACLES / f"mobility/telraam_{TELRAAM[1]}_v85.csv")
    table = telraam(TELRAAM[1])
    rows = (table["car"] > 0).to_numpy() & table["v85"].notna().to_numpy()
    ours = percentile_from_bins(histogram(TELRAAM[1])[rows])
    assert np.isnan(ours).tolist() == (oracle["v85_hist"] > 120).tolist()
    assert np.isnan(ours).sum() == 2


@pytest.mark.parametrize("name", TELRAAM)
def test_v85_from_bins_matches_the_pooled_v85(name: str) -> None:
    """All hours, whatever the uptime, pooled by cars."""
    table, shares = telraam(name), histogram(name)
    columns = {f"speed_share_{k:02d}": shares[:, k] for k in range(25)} | {
        "count_car": table["car"]
    }
    panel = quantities_panel("cam", table.index, columns)
    # The percentile of a longer period is that of its pooled bins, so a zone-less "day" that
    # begins before and ends after the file is what the reference did.
    pooled = percentile_from_bins((shares * table["car"].to_numpy()[:, np.newaxis]).sum(axis=0))
    stated = mobility_oracle(f"telraam_{name}.json")["pooled_v85_car_weighted"]
    assert float(pooled) == pytest.approx(stated, abs=TOLERANCE)
    day = table.index[0].tz_convert(BERLIN).normalize()
    span = {"start": day, "end": day + pd.DateOffset(days=1), "zone": BERLIN}
    daily = v85_from_bins(panel, **span, steps={"cam": 3600})
    here = (table.index < span["end"]) & (shares.sum(axis=1) > 0)
    weights = table["car"].to_numpy()[here, np.newaxis]
    assert daily["value"].tolist() == pytest.approx(
        [float(percentile_from_bins((shares[here] * weights).sum(axis=0)))]
    )
    assert daily["n"].tolist() == [int(here.sum())]


@pytest.fixture(scope="module")
def bridge_days() -> pd.DataFrame:
    oracle = pd.read_csv(ORACLES / "mobility/fremont_days.csv")
    span = local_span(oracle)
    return daily_count(
        fremont_panel(),
        start=span["start"].tz_localize(SEATTLE),
        end=span["end"].tz_localize(SEATTLE),
        zone=SEATTLE,
        steps=LOOP,
        merged_autumn_hour=True,
    )


def test_daily_count_matches_days_of_the_bicycle_counter(bridge_days: pd.DataFrame) -> None:
    oracle = pd.read_csv(ORACLES / "mobility/fremont_days.csv")
    assert bridge_days["value"].tolist() == oracle["sum"].tolist()
    assert bridge_days["n"].tolist() == oracle["count"].tolist()
    assert ((bridge_days["status"] == "valid") == oracle["complete"].to_numpy()).all()
    dates = bridge_days.index.tz_convert(SEATTLE).strftime("%Y-%m-%d")
    assert dates.tolist() == oracle["date"].tolist()


def test_daily_count_without_the_merged_hour_misses_the_autumn_days() -> None:
    start = pd.Timestamp("2018-11-04", tz=SEATTLE)
    table = daily_count(
        fremont_panel(),
        start=start,
        end=start + pd.DateOffset(days=1),
        zone=SEATTLE,
        steps=LOOP,
    )
    assert table["status"].tolist() == ["insufficient"]
    assert table["coverage"].iloc[0] == pytest.approx(24 / 25)


def test_speeds_match_analytic_case(case: Mapping[str, Any]) -> None:
    speeds = case["speeds"]
    assert percentile_speed(speeds) == pytest.approx(case["v85_linear"], abs=1e-6)
    ranked = percentile_speed(speeds, method="nearest_rank")
    assert ranked == pytest.approx(case["v85_nearest_rank"], abs=1e-6)
    assert space_mean_speed(speeds)[0] == pytest.approx(case["space_mean_speed"], abs=1e-6)
    assert time_mean_speed(speeds) == pytest.approx(case["time_mean_speed"], abs=1e-6)


def test_civil_days_match_analytic_case() -> None:
    lengths = oracle_json("analytic/cases.json")["time"]["local_day_hours_europe_amsterdam"]
    for text, hours in lengths.items():
        start, end = civil_day(date.fromisoformat(text), "Europe/Amsterdam")
        assert (end - start) / 3.6e12 == hours


@pytest.mark.parametrize("year", [2018, 2019])
def test_annual_averages_match_the_bicycle_counter(bridge_days: pd.DataFrame, year: int) -> None:
    years = {row["year"]: row for row in mobility_oracle("fremont_years.json")["years"]}
    oracle = years[year]
    local = bridge_days.index.tz_convert(SEATTLE).tz_localize(None)
    days = pd.Series(bridge_days["value"].to_numpy(), index=local)
    days = days[days.index.year == year]
    hours = fremont()[FREMONT_TOTAL]
    hours = hours[hours.index.year == year]
    annual = aadt(days)
    ours = {
        "complete_days": annual.n_days,
        "adt_simple_mean_of_days": average_daily_traffic(days).value,
        "aadt_aashto_84_averages": annual.value,
        "total_counted": hours.sum(),
        "weekday_mean": werkdagetmaal(days, dutch_holidays=False).value,
        "weekend_mean": weekend_day(days).value,
        "max_hour": nth_highest_hour(hours, 1),
        "hour30": nth_highest_hour(hours, 30),
        "k30": k_factor(hours, annual.value),
    }
    assert ours == pytest.approx({key: oracle[key] for key in ours}, abs=TOLERANCE)
    for series, key in (
        (monthly_average(days), "madt"),
        (weekday_means(days), "mean_by_weekday_mon0"),
        (hour_profile(hours), "mean_by_hour"),
    ):
        found = {str(label): value for label, value in series.items()}
        assert found == pytest.approx(oracle[key], abs=TOLERANCE)
    assert set(ours) | {"year", "madt", "mean_by_weekday_mon0", "mean_by_hour"} == set(oracle)
