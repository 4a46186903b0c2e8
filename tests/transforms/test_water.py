"""Means and sums of water series: gaps, clock changes, chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.frames import empty_panel, to_panel
from transforms.water import daily_mean, daily_sum, hourly_mean, hourly_sum

ZONE = "Europe/Amsterdam"
FUNCTIONS = (hourly_mean, daily_mean, hourly_sum, daily_sum)


def days(first: str, count: int) -> dict[str, Any]:
    start = pd.Timestamp(first, tz=ZONE)
    return {"start": start, "end": start + pd.DateOffset(days=count), "zone": ZONE}


def readings(first: str, count: int, freq: str, series: str = "a", seed: int = 1) -> pd.DataFrame:
    span = days(first, count)
    times = pd.date_range(span["start"], span["end"], freq=freq, inclusive="left")
    return to_panel(times, series, np.random.default_rng(seed).gamma(0.4, 2.0, len(times)))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_interval_has_a_row_where_nothing_arrived(function: Any) -> None:
    table = function(empty_panel(), **days("2025-10-26", 1), steps={"a": 600, "b": 3600})
    assert len(table) == 2 * (25 if "hourly" in function.__name__ else 1)
    assert table["value"].isna().all(), "no rain measured is not dry"
    assert set(table["status"]) == {"insufficient"}


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25)])
def test_daily_sum_covers_the_hours_of_the_civil_day(day: str, hours: int) -> None:
    panel = readings(day, 1, "1h")
    table = daily_sum(panel, **days(day, 1), steps={"a": 3600})
    assert table["n"].tolist() == [hours]
    assert table["value"].iloc[0] == pytest.approx(panel["value"].sum())


def test_daily_sum_with_a_missing_interval_has_no_value() -> None:
    panel = readings("2026-03-01", 1, "10min")
    panel = panel.drop(panel.index[40])
    assert daily_sum(panel, **days("2026-03-01", 1), steps={"a": 600})["value"].isna().all()
    hours = hourly_sum(panel, **days("2026-03-01", 1), steps={"a": 600})
    assert hours["value"].isna().sum() == 1


def test_daily_sum_below_full_coverage_is_not_scaled_up() -> None:
    panel = readings("2026-03-01", 1, "1h")
    part = panel.iloc[:20]
    table = daily_sum(part, **days("2026-03-01", 1), steps={"a": 3600}, coverage=0.75)
    assert table["value"].iloc[0] == pytest.approx(part["value"].sum())
    assert table["coverage"].iloc[0] == pytest.approx(20 / 24)


def test_daily_mean_of_three_hour_flow_needs_eight_of_eight() -> None:
    panel = readings("2026-03-01", 2, "3h").iloc[:15]
    table = daily_mean(panel, **days("2026-03-01", 2), steps={"a": 10_800}, coverage=1.0)
    assert table["n"].tolist() == [8, 7]
    assert table["status"].tolist() == ["valid", "insufficient"]


def test_daily_mean_of_fixed_utc1_days_differs_in_summer() -> None:
    panel = readings("2026-06-30", 3, "1h")
    span = days("2026-07-01", 1)
    civil = daily_mean(panel, **span, steps={"a": 3600})
    fixed = daily_mean(panel, **span, steps={"a": 3600}, period="day_utc1")
    assert civil.index[0] == pd.Timestamp("2026-06-30T22:00Z")
    assert fixed.index[0] == pd.Timestamp("2026-06-30T23:00Z")


@settings(max_examples=20, deadline=None)
@given(
    drop=st.sets(st.integers(0, 6 * 144 - 1), max_size=200),
    cut=st.integers(1, 5),
    which=st.sampled_from(FUNCTIONS),
)
def test_results_do_not_depend_on_how_time_is_cut(drop: set[int], cut: int, which: Any) -> None:
    panel = readings("2025-10-24", 6, "10min")
    panel = panel.drop(panel.index[sorted(drop)])
    span = days("2025-10-24", 6)
    middle = span["start"] + pd.DateOffset(days=cut)
    whole = which(panel, **span, steps={"a": 600}, coverage=0.75)
    parts = [
        which(panel, start=a, end=b, zone=ZONE, steps={"a": 600}, coverage=0.75)
        for a, b in ((span["start"], middle), (middle, span["end"]))
    ]
    pd.testing.assert_frame_equal(pd.concat(parts), whole, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-50, 50), seeds=st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_a_constant_shifts_means_and_devices_do_not_mix(shift: float, seeds: list[int]) -> None:
    parts = {
        f"s{k}": readings("2026-03-01", 2, "1h", f"s{k}", seed) for k, seed in enumerate(seeds)
    }
    steps = dict.fromkeys(parts, 3600)
    together = pd.concat(parts.values())
    plain = daily_mean(together, **days("2026-03-01", 2), steps=steps)
    moved = daily_mean(
        together.assign(value=together["value"] + shift), **days("2026-03-01", 2), steps=steps
    )
    assert (moved["value"] - plain["value"]).to_numpy() == pytest.approx(shift, abs=1e-9)
    for name, panel in parts.items():
        alone = daily_mean(panel, **days("2026-03-01", 2), steps={name: 3600})
        pd.testing.assert_frame_equal(plain[plain["series"] == name], alone, check_exact=True)
    assert plain["coverage"].between(0, 1).all()
