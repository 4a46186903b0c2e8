"""Counts and speeds: gaps, clock changes, uptime, chunks, devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_mobility_water import muenster, quantities_panel, radar

from livinglab.errors import DataError
from transforms.frames import empty_panel, to_panel
from transforms.mobility import daily_count, hourly_count, share_over_limit, v50, v85
from transforms.speeds import percentile_from_bins, percentile_speed, shares_over, space_mean_speed

ZONE = "Europe/Amsterdam"
HOUR = {"a": 3600}


def days(first: str, count: int) -> dict[str, Any]:
    start = pd.Timestamp(first, tz=ZONE)
    return {"start": start, "end": start + pd.DateOffset(days=count), "zone": ZONE}


def hourly_panel(first: str, count: int, seed: int = 1, series: str = "a") -> pd.DataFrame:
    span = days(first, count)
    times = pd.date_range(span["start"], span["end"], freq="1h", inclusive="left")
    values = np.random.default_rng(seed).poisson(20, len(times)).astype(np.float64)
    return to_panel(times, series, values)


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25)])
def test_daily_count_of_a_clock_change_needs_its_own_hours(day: str, hours: int) -> None:
    panel = hourly_panel(day, 1)
    whole = daily_count(panel, **days(day, 1), steps=HOUR)
    assert (whole["n"].iloc[0], whole["status"].iloc[0]) == (hours, "valid")
    assert whole["value"].iloc[0] == panel["value"].sum()
    short = daily_count(panel.iloc[1:], **days(day, 1), steps=HOUR)
    assert short["status"].iloc[0] == "insufficient"
    assert np.isnan(short["value"].iloc[0])


def test_counts_have_a_row_for_every_interval_and_series_without_readings() -> None:
    for function, rows in ((hourly_count, 48), (daily_count, 2)):
        table = function(empty_panel(), **days("2026-03-01", 2), steps={"a": 3600, "b": 900})
        assert len(table) == 2 * rows
        assert table["value"].isna().all()
        assert (table["n"] == 0).all()
        assert (table["coverage"] == 0).all()
        assert set(table["status"]) == {"insufficient"}


def test_a_missing_hour_never_becomes_a_zero_or_a_smaller_total() -> None:
    panel = hourly_panel("2026-03-01", 1)
    panel.loc[panel.index[7], "value"] = np.nan
    assert daily_count(panel, **days("2026-03-01", 1), steps=HOUR)["value"].isna().all()
    assert hourly_count(panel, **days("2026-03-01", 1), steps=HOUR)["value"].isna().sum() == 1


def test_a_counted_zero_stays_a_zero() -> None:
    panel = hourly_panel("2026-03-01", 1)
    panel["value"] = 0.0
    assert daily_count(panel, **days("2026-03-01", 1), steps=HOUR)["value"].tolist() == [0.0]


def test_daily_count_of_daylight_hours_expects_those_only() -> None:
    panel = hourly_panel("2026-03-29", 1)
    local = panel.index.tz_convert(ZONE).hour
    light = panel[(local >= 8) & (local < 17)]
    table = daily_count(light, **days("2026-03-29", 1), steps=HOUR, hours_of_day=(8, 17))
    assert table["value"].tolist() == [light["value"].sum()]
    assert table["coverage"].tolist() == [1.0]


def test_daily_count_keeps_a_partial_day_as_indicative_where_asked() -> None:
    panel = hourly_panel("2026-03-01", 1).iloc[6:18]
    span = days("2026-03-01", 1)
    table = daily_count(panel, **span, steps=HOUR, indicative_coverage=0.4)
    assert (table["status"].iloc[0], table["coverage"].iloc[0]) == ("indicative", 0.5)
    assert table["value"].iloc[0] == panel["value"].sum()


def test_uptime_voids_a_count_of_its_own_device_only() -> None:
    times = pd.date_range("2026-03-01T06:00Z", periods=2, freq="1h")
    low = quantities_panel("x|low|0", times, {"count_bike": [0, 5], "uptime": [0.0, 0.5]})
    plain = quantities_panel("x|plain|0", times, {"count_bike": [1, 2]})
    table = hourly_count(
        pd.concat([low, plain]),
        start=times[0],
        end=times[0] + pd.Timedelta(hours=2),
        zone=ZONE,
        steps={"x|low|0": 3600, "x|plain|0": 3600},
    )
    assert table["value"].fillna(-1).tolist() == [-1.0, 5.0, 1.0, 2.0]


def test_counts_refuse_two_modes_at_once() -> None:
    times = pd.date_range("2026-03-01", periods=1, tz="UTC")
    both = quantities_panel("a", times, {"count_bike": [1], "count_car": [2]})
    with pytest.raises(DataError, match="one count at a time, got count_bike, count_car"):
        hourly_count(both, **days("2026-03-01", 1), steps=HOUR)


def test_daily_count_refuses_hours_that_are_no_span() -> None:
    with pytest.raises(DataError, match="no span"):
        daily_count(empty_panel(), **days("2026-03-01", 1), steps=HOUR, hours_of_day=(17, 8))


@settings(max_examples=20, deadline=None)
@given(drop=st.sets(st.integers(0, 24 * 6 - 1), max_size=40), cut=st.integers(1, 5))
def test_counts_do_not_depend_on_how_time_is_cut(drop: set[int], cut: int) -> None:
    panel = hourly_panel("2025-10-24", 6)
    panel = panel.drop(panel.index[sorted(drop)])
    for function in (hourly_count, daily_count):
        whole = function(panel, **days("2025-10-24", 6), steps=HOUR)
        middle = pd.Timestamp("2025-10-24", tz=ZONE) + pd.DateOffset(days=cut)
        span = days("2025-10-24", 6)
        parts = [
            function(panel, start=a, end=b, zone=ZONE, steps=HOUR)
            for a, b in ((span["start"], middle), (middle, span["end"]))
        ]
        pd.testing.assert_frame_equal(pd.concat(parts), whole, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(seeds=st.lists(st.integers(0, 9), min_size=2, max_size=4), shift=st.integers(0, 50))
def test_counts_of_a_device_do_not_depend_on_the_others(seeds: list[int], shift: int) -> None:
    parts = {f"s{k}": hourly_panel("2026-03-01", 2, seed, f"s{k}") for k, seed in enumerate(seeds)}
    steps = dict.fromkeys(parts, 3600)
    together = daily_count(pd.concat(parts.values()), **days("2026-03-01", 2), steps=steps)
    for name, panel in parts.items():
        alone = daily_count(panel, **days("2026-03-01", 2), steps={name: 3600})
        pd.testing.assert_frame_equal(together[together["series"] == name], alone)
    moved = pd.concat(parts.values())
    moved["value"] += shift
    raised = daily_count(moved, **days("2026-03-01", 2), steps=steps)
    assert (raised["value"] - together["value"]).tolist() == [24.0 * shift] * len(raised)


def test_daily_count_of_quarter_hours_matches_the_counter_file() -> None:
    """Münster on its autumn day: one row set for two hours, 96 rows of 100 quarters."""
    table = muenster("hammer_strasse_bicycle_15min_2019H2").loc["2019-10-26":"2019-10-28", "total"]
    local = table.index.tz_localize("Europe/Berlin", ambiguous=np.ones(len(table), dtype=bool))
    panel = to_panel(local, "a", table.to_numpy(dtype=np.float64))
    span = {"start": local[0], "end": local[0] + pd.DateOffset(days=3), "zone": "Europe/Berlin"}
    ours = daily_count(panel, **span, steps={"a": 900}, merged_autumn_hour=True)
    assert ours["value"].tolist() == table.groupby(table.index.date).sum().tolist()
    assert daily_count(panel, **span, steps={"a": 900})["status"].tolist() == [
        "valid",
        "insufficient",
        "valid",
    ]


@pytest.mark.parametrize(
    ("name", "n", "v50_kmh", "v85_kmh"),
    [
        ("alemannengasse_2016-10-07_21", 8940, 20, 26),
        ("kilchgrundstrasse_dir1_2015-03-27_04-10", 8418, 37, 43),
        ("laufenstrasse_2016-10-28_11-11", 5246, 16, 21),
    ],
)
def test_percentile_speed_matches_the_radar_summary(
    name: str, n: int, v50_kmh: float, v85_kmh: float
) -> None:
    """The summary takes the value at position int(0.85 n); speeds are whole km/h."""
    speed = radar(name)["speed_km_h"].to_numpy(dtype=np.float64)
    assert len(speed) == n
    assert percentile_speed(speed) == pytest.approx(v85_kmh, abs=0.5)
    assert percentile_speed(speed, 0.5) == pytest.approx(v50_kmh, abs=0.5)


def passages(speeds: list[float], series: str = "a") -> pd.DataFrame:
    times = pd.date_range("2026-03-01T10:00Z", periods=len(speeds), freq="10s")
    return to_panel(times, series, speeds)


def test_v85_is_indicative_with_few_vehicles_and_missing_with_none() -> None:
    panel = passages([30.0] * 17 + [50.0] * 3)
    table = v85(panel, **days("2026-03-01", 2), steps={"a": 1})
    assert table["value"].iloc[0] == pytest.approx(33.0)
    assert table["status"].tolist() == ["indicative", "insufficient"]
    assert table["n"].tolist() == [20, 0]
    enough = v85(panel, **days("2026-03-01", 1), steps={"a": 1}, least_vehicles=20)
    assert enough["status"].tolist() == ["valid"]


def test_v85_of_hours_and_v50_and_share_agree_with_the_vehicles() -> None:
    rng = np.random.default_rng(2)
    speeds = rng.normal(32, 6, 500).clip(5).tolist()
    panel = passages(speeds)
    span = days("2026-03-01", 1)
    for q, function in ((0.85, v85), (0.5, v50)):
        value = function(panel, **span, steps={"a": 1})["value"].iloc[0]
        assert value == pytest.approx(np.percentile(speeds, 100 * q), abs=1e-9)
    share = share_over_limit(panel, **span, steps={"a": 1}, limit_kmh=30)["value"].iloc[0]
    assert share == pytest.approx(shares_over(speeds, [30.0])[30.0])
    hourly = v85(panel, **span, steps={"a": 1}, period="hour")
    assert hourly["n"].sum() == 500


def test_v85_refuses_an_unknown_period() -> None:
    with pytest.raises(DataError, match="unknown period"):
        v85(empty_panel(), **days("2026-03-01", 1), steps=HOUR, period="week")


def test_percentile_from_bins_matches_worked_vectors() -> None:
    shares = [[0, 0, 10, 40, 30, 20, 0], [0, 0, 10, 40, 35, 15, 0]]
    assert percentile_from_bins(shares).tolist() == pytest.approx([26.25, 25.0])


@pytest.mark.parametrize("shares", [[[-1.0, 2.0]], [5.0], [[1.0]]])
def test_percentile_from_bins_refuses_what_is_no_histogram(shares: Any) -> None:
    with pytest.raises(DataError, match="histogram"):
        percentile_from_bins(shares)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(5, 130), min_size=1, max_size=80))
def test_space_mean_never_exceeds_time_mean_and_v50_never_v85(speeds: list[float]) -> None:
    assert space_mean_speed(speeds)[0] <= np.mean(speeds) + 1e-9
    assert percentile_speed(speeds, 0.5) <= percentile_speed(speeds)
