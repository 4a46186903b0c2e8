"""Rain: traces, counters, windows, events, return periods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_mobility_water import knmi

from livinglab.errors import DataError
from transforms.frames import to_panel
from transforms.rain import (
    amounts_from_counter,
    amounts_from_tips,
    depth_duration,
    is_cloudburst,
    max_depth,
    rain_events,
    rolling_depth,
    traces_to_mm,
)
from transforms.rain_statistics import climate_factor, design_depth, return_period
from transforms.water import hourly_sum

FIVE = pd.Timedelta(minutes=5)
RETURNS = (1, 2, 5, 10, 25, 50, 100)
TABLE = {
    10: (10.2, 12.2, 15.1, 17.5, 21.3, 24.7, 28.7),
    30: (13.5, 16.6, 21.2, 25.3, 32.0, 38.2, 45.8),
    60: (16.2, 20.0, 25.8, 31.0, 39.5, 47.7, 57.7),
    120: (19.5, 24.0, 30.7, 36.8, 46.9, 56.5, 68.4),
    720: (30.5, 36.5, 45.2, 52.9, 65.2, 76.6, 90.2),
    1440: (36.8, 43.8, 54.2, 63.0, 75.9, 86.9, 98.9),
    2880: (46.0, 54.0, 65.5, 74.9, 88.5, 99.5, 111.4),
}


def gauge(values: list[float], freq: str = "5min") -> pd.Series:
    times = pd.date_range("2026-07-01T10:00Z", periods=len(values), freq=freq)
    return pd.Series(values, index=times)


@pytest.mark.parametrize("duration", TABLE)
def test_design_depth_matches_stowa_table(duration: int) -> None:
    ours = [design_depth(duration, years) for years in RETURNS]
    assert ours == pytest.approx(TABLE[duration], abs=0.05)


def test_return_period_matches_worked_vector() -> None:
    assert return_period(45, 60) == pytest.approx(40.41, abs=0.005)
    assert design_depth(60, 100, scenario="2050H") == pytest.approx(61.80, abs=0.005)
    assert climate_factor(60, "2050H") == pytest.approx(1.0715)


@settings(max_examples=60, deadline=None)
@given(duration=st.sampled_from(sorted(TABLE)), years=st.floats(0.6, 115))
def test_return_period_inverts_design_depth(duration: int, years: float) -> None:
    assert return_period(design_depth(duration, years), duration) == pytest.approx(years, rel=1e-6)


def test_return_period_takes_the_shorter_one_where_the_formulas_do_not_join() -> None:
    """At 12 h the depth of 121 years is 6 mm below that of 120 years."""
    assert design_depth(720, 121) < design_depth(720, 120)
    depth = (design_depth(720, 121) + design_depth(720, 120)) / 2
    assert return_period(depth, 720) < 120
    assert design_depth(720, return_period(100, 720)) == pytest.approx(100, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 10), "duration 5 min"),
        ((60, 2000), "return period 2000"),
    ],
)
def test_design_depth_refuses_what_the_statistics_do_not_cover(
    arguments: tuple[float, float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        design_depth(*arguments)


def test_climate_factor_refuses_unknown_scenarios_and_long_durations() -> None:
    with pytest.raises(DataError, match="unknown scenario"):
        design_depth(60, 10, scenario="2075X")
    with pytest.raises(DataError, match="beyond 24 h"):
        design_depth(2880, 10, scenario="2050H")


def test_traces_are_not_missing_and_not_negative() -> None:
    assert traces_to_mm([-1, 0, 5]).tolist() == [0, 0, 5]


def test_amounts_from_counter_survive_a_reset_and_refuse_a_jump() -> None:
    rain = amounts_from_counter([10.0, 10.4, 0.2, 300.0], step_s=300)
    assert rain[1:3] == pytest.approx([0.4, 0.2])
    assert np.isnan(rain[[0, 3]]).all()


def test_amounts_from_tips() -> None:
    assert amounts_from_tips([5], 0.2).tolist() == [1.0]


def test_rolling_depth_of_a_window_with_a_gap_is_unknown() -> None:
    rain = gauge([1.0, 1.0, 1.0, 1.0]).drop(pd.Timestamp("2026-07-01T10:10Z"))
    assert rolling_depth(rain, 5, 10).tolist()[1:] == pytest.approx(
        [2.0, np.nan, np.nan], nan_ok=True
    )


def test_rolling_depth_refuses_a_finer_duration_than_the_gauge() -> None:
    with pytest.raises(DataError, match="no multiple"):
        rolling_depth(gauge([1.0], "1h"), 60, 30)
    with pytest.raises(DataError, match="do not fit"):
        rolling_depth(gauge([1.0, 2.0], "7min"), 5, 10)


def test_depth_duration_finds_what_clock_hours_miss() -> None:
    rain = gauge([0.0] * 6 + [2.0] * 12 + [0.0] * 6)
    assert depth_duration(rain, 5)[60] == 24.0
    hours = hourly_sum(
        to_panel(rain.index, "a", rain.to_numpy()),
        start=rain.index[0],
        end=rain.index[-1] + FIVE,
        zone="UTC",
        steps={"a": 300},
    )
    assert hours["value"].max() == 12.0


def test_depth_duration_never_falls_with_duration() -> None:
    hourly = knmi()["precipitation"]
    depths = depth_duration(hourly, 60)
    assert depths.index.tolist() == [60, 120, 240, 480, 720, 1440, 2880]
    assert depths.is_monotonic_increasing
    assert depths[60] == hourly.max()


def daily(count: int) -> dict[str, Any]:
    start = pd.Timestamp("2026-07-01", tz="Europe/Amsterdam")
    return {"start": start, "end": start + pd.DateOffset(days=count), "zone": "Europe/Amsterdam"}


def rain_panel(count: int, seed: int, series: str = "a", freq: str = "10min") -> pd.DataFrame:
    span = daily(count)
    first = span["start"] - pd.Timedelta(hours=2)
    times = pd.date_range(first, span["end"], freq=freq, inclusive="left")
    return to_panel(times, series, np.random.default_rng(seed).gamma(0.1, 2, len(times)).round(1))


def test_max_depth_matches_the_rolling_sum() -> None:
    panel = rain_panel(3, 1)
    table = max_depth(panel, **daily(3), steps={"a": 600}, duration_min=60)
    rolled = rolling_depth(panel["value"], 10, 60)
    days = rolled.groupby(rolled.index.tz_convert("Europe/Amsterdam").date).max()
    assert table["value"].tolist() == pytest.approx(days.iloc[1:].tolist(), abs=1e-12)
    assert table["coverage"].tolist() == [1.0, 1.0, 1.0]


def test_max_depth_leaves_windows_with_a_gap_out() -> None:
    panel = rain_panel(2, 1)
    holes = panel.drop(panel.index[12 + 60 : 12 + 70])
    table = max_depth(holes, **daily(2), steps={"a": 600}, duration_min=60)
    assert table["n"].tolist() == [144 - 15, 144]
    none = max_depth(holes.iloc[:0], **daily(2), steps={"a": 600}, duration_min=60)
    assert none["value"].isna().all()
    assert set(none["status"]) == {"insufficient"}


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(1, 3), seed=st.integers(0, 5))
def test_max_depth_does_not_depend_on_chunks_or_other_gauges(cut: int, seed: int) -> None:
    both = pd.concat([rain_panel(4, seed), rain_panel(4, seed + 1, "b", "5min")])
    steps = {"a": 600, "b": 300}
    span = daily(4)
    middle = span["start"] + pd.DateOffset(days=cut)
    whole = max_depth(both, **span, steps=steps)
    zone = span["zone"]
    parts = [
        max_depth(both, start=a, end=b, zone=zone, steps=steps)
        for a, b in ((span["start"], middle), (middle, span["end"]))
    ]
    joined = pd.concat(parts).rename_axis("time").sort_values(["series", "time"])
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    alone = max_depth(both[both["series"] == "a"], **span, steps={"a": 600})
    pd.testing.assert_frame_equal(whole[whole["series"] == "a"], alone, check_exact=True)


def test_max_depth_refuses_a_step_that_does_not_fit() -> None:
    with pytest.raises(DataError, match="does not divide"):
        max_depth(rain_panel(1, 1), **daily(1), steps={"a": 700}, duration_min=60)


def test_rain_events_depend_on_the_pause() -> None:
    rain = gauge([2.0] + [0.0] * 7 + [1.5] + [0.0] * 30 + [0.4], "1h")
    six = rain_events(rain, 60)
    assert six["depth_mm"].tolist() == [2.0, 1.5]
    assert (six["pause_h"] == 6).all()
    assert len(rain_events(rain, 60, pause_h=24)) == 1
    assert len(rain_events(rain, 60, least_mm=0.1)) == 3


def test_rain_events_count_missing_intervals_inside() -> None:
    events = rain_events(gauge([2.0, np.nan, 1.0], "1h"), 60)
    assert events["missing"].tolist() == [1]
    assert len(rain_events(gauge([0.0, np.nan], "1h"), 60)) == 0


def test_rain_events_of_de_bilt_hold_nearly_all_rain() -> None:
    rain = knmi()["precipitation"]
    events = rain_events(rain, 60, least_mm=0.1)
    assert events["depth_mm"].sum() == pytest.approx(rain.sum(), abs=1e-6)
    assert (events["start"].diff().dropna() > pd.Timedelta(hours=6)).all()


def test_is_cloudburst_by_five_minutes_or_by_the_hour() -> None:
    assert is_cloudburst(gauge([0.0, 10.5]), 5).tolist() == [False, True]
    assert is_cloudburst(gauge([5.0] * 6), 5).tolist() == [False] * 6
    assert is_cloudburst(gauge([3.0] * 12), 5).tolist() == [False] * 11 + [True]
    assert is_cloudburst(gauge([26.0], "1h"), 60).tolist() == [True]
