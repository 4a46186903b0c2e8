"""Events, intermittency and A weighting: worked vectors, measured data, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import noise_panel

from transforms.frames import empty_panel, time_ns, to_index, to_panel
from transforms.noise import leq
from transforms.noise_events import (
    DEFAULT_RULE,
    EventRule,
    events,
    events_above,
    intermittency_ratio,
)
from transforms.noise_spectrum import a_weighted_level, a_weighting, exact_frequency

SECOND = 1_000_000_000
#: Domain 10.2: 20 s at 50, an event, 16 s at 50 dB.
LEVELS = [50.0] * 20 + [65.0, 68.0, 70.0, 66.0] + [50.0] * 16
#: Domain 3.5, tenths of a decibel.
WEIGHTS = {
    31.5: -39.4, 50: -30.2, 63: -26.2, 80: -22.5, 100: -19.1, 125: -16.1, 160: -13.3, 200: -10.9,
    250: -8.6, 315: -6.6, 400: -4.8, 500: -3.2, 630: -1.9, 800: -0.8, 1000: 0.0, 1250: 0.6,
    1600: 1.0, 2000: 1.2, 2500: 1.3, 3150: 1.2, 4000: 1.0, 5000: 0.5, 6300: -0.1, 8000: -1.1,
    10000: -2.5, 16000: -6.6,
}  # fmt: skip


def seconds(levels: list[float], series: str = "a", start: int = 0) -> pd.DataFrame:
    return to_panel(SECOND * (start + np.arange(len(levels))), series, levels)


def test_events_worked_vector() -> None:
    found = events(seconds(LEVELS))
    assert len(found) == 1
    event = found.iloc[0]
    assert event["start"] == to_index([20 * SECOND])[0]
    assert event["end"] == to_index([24 * SECOND])[0]
    assert event["duration_s"] == 4.0
    assert event["max"] == 70.0
    assert event["background"] == 50.0
    assert (event["laeq"], event["sel"]) == pytest.approx((67.6814, 73.7020), abs=1e-4)
    assert leq(LEVELS) == pytest.approx(58.3015, abs=1e-4)


def hour(levels: list[float], step: int = 1, **more: Any) -> pd.DataFrame:
    span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="h", tz="UTC")}
    rows = {**span, "zone": "UTC", "steps": {"a": step}, "coverage": 0.01, **more}
    return intermittency_ratio(seconds(levels), **rows)


def test_intermittency_ratio_worked_vector_and_bounds() -> None:
    assert hour(LEVELS)["value"].iloc[0] == pytest.approx(86.6928, abs=1e-4)
    assert hour([55.0] * 60)["value"].tolist() == [0.0], "steady sound is not intermittent"
    assert hour(LEVELS, coverage=0.75)["status"].tolist() == ["insufficient"]
    assert hour(LEVELS, step=60)["value"].isna().all(), "minute levels hide events"
    assert hour([])["value"].isna().all()


def test_events_short_pauses_belong_to_the_event() -> None:
    loud, quiet = [70.0] * 4, [50.0] * 20
    paused = [*quiet, *loud, *[50.0] * 4, *loud, *quiet]
    assert events(seconds(paused))["duration_s"].tolist() == [12.0]
    apart = [*quiet, *loud, *[50.0] * 5, *loud, *quiet]
    assert events(seconds(apart))["duration_s"].tolist() == [4.0, 4.0]


def test_events_need_three_loud_seconds_in_a_row() -> None:
    quiet = [50.0] * 20
    assert len(events(seconds([*quiet, 70.0, 70.0, 50.0, 70.0, 70.0, *quiet]))) == 0
    hole = [*quiet, 70.0, 70.0, np.nan, 70.0, 70.0, *quiet]
    assert len(events(seconds(hole))) == 0, "a missing second interrupts"


def test_events_do_not_count_another_state_of_the_street() -> None:
    quiet = [50.0] * 60
    assert len(events(seconds([*quiet, *[70.0] * 301, *quiet]))) == 0
    assert events(seconds([*quiet, *[70.0] * 300, *quiet]))["duration_s"].tolist() == [300.0]


def test_events_between_the_thresholds_go_on() -> None:
    """59 dB is neither loud (60) nor quiet (below 58)."""
    levels = [*[50.0] * 20, *[70.0] * 3, *[59.0] * 10, *[50.0] * 20]
    assert events(seconds(levels))["duration_s"].tolist() == [13.0]


def test_events_of_series_are_apart() -> None:
    panel = pd.concat([seconds(LEVELS, "a"), seconds([50.0] * 40, "b"), seconds(LEVELS, "c", 7)])
    found = events(panel)
    assert found["series"].tolist() == ["a", "c"]
    alone = pd.concat([events(seconds(LEVELS, "a")), events(seconds(LEVELS, "c", 7))])
    pd.testing.assert_frame_equal(found, alone.reset_index(drop=True))
    assert len(events(empty_panel())) == 0


def test_events_in_measured_levels() -> None:
    """Twelve hours of one-second levels: every event is what the rule says."""
    panel = noise_panel("laeq_1s_20250322_00_12")
    found = events(panel)
    assert len(found) > 5
    assert found["duration_s"].between(3, DEFAULT_RULE.longest_s).all()
    assert (found["max"] >= found["background"] + DEFAULT_RULE.rise_db).all()
    assert (found["laeq"] <= found["max"]).all()
    assert (found["start"].iloc[1:].to_numpy() >= found["end"].iloc[:-1].to_numpy()).all()
    for event in found.head(5).itertuples():
        inside = panel[(panel.index >= event.start) & (panel.index < event.end)]["value"]
        assert event.laeq == pytest.approx(leq(inside))
        past = panel[panel.index < event.start].iloc[-900:]["value"]
        assert event.background == pytest.approx(np.percentile(past, 10))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_events_of_a_window_equal_those_of_the_whole(data: st.DataObject) -> None:
    rule = EventRule(background_s=60, longest_s=30, rise_db=8.0)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    panel = pd.concat([restless(rng, name) for name in ("a", "b")])
    start = data.draw(st.integers(100, 500))
    end = start + data.draw(st.integers(1, 300))
    before, after = rule.reach_s
    near = panel[(time_ns(panel) >= (start - before) * SECOND)
                 & (time_ns(panel) < (end + after) * SECOND)]  # fmt: skip
    cut, whole = events(near, rule), events(panel, rule)
    pd.testing.assert_frame_equal(within(cut, start, end), within(whole, start, end))


def restless(rng: np.random.Generator, series: str) -> pd.DataFrame:
    """Ten minutes of levels that jump between states, with missing seconds."""
    states = np.repeat(rng.choice([50.0, 50.0, 57.0, 65.0], 150), rng.integers(1, 12, 150))[:900]
    times = np.arange(len(states))
    keep = rng.random(len(states)) > 0.01
    values = states + rng.normal(0, 0.5, len(states))
    return to_panel(SECOND * times[keep], series, values[keep])


def within(found: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    first, last = to_index([start * SECOND, end * SECOND])
    return found[(found["start"] >= first) & (found["start"] < last)].reset_index(drop=True)


def test_events_above_counts_by_civil_day_and_zero_is_a_number() -> None:
    rows = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(2, unit="D", tz="UTC")}
    rows |= {"zone": "UTC", "steps": {"a": 1}, "coverage": 0.0001}
    quiet = seconds([50.0] * 40, start=86_400)
    table = events_above(pd.concat([seconds(LEVELS), quiet]), **rows)
    assert table["value"].tolist() == [1.0, 0.0]
    assert table["n"].tolist() == [40, 40]
    louder = events_above(seconds(LEVELS), **rows, level=71.0)
    assert louder["value"].fillna(-1).tolist() == [0.0, -1.0], "no data is not no event"
    coarse = events_above(seconds(LEVELS), **{**rows, "steps": {"a": 60}})
    assert coarse["value"].isna().all()


@pytest.mark.parametrize("nominal", WEIGHTS)
def test_a_weighting_matches_the_table(nominal: float) -> None:
    ours = float(a_weighting(exact_frequency(nominal)).round(1))
    assert ours == pytest.approx(WEIGHTS[nominal], abs=1e-9)


def test_a_weighted_level_worked_vector() -> None:
    """Domain 10.2."""
    assert a_weighted_level([70.0, 60.0], [63, 1000]) == pytest.approx(60.1030, abs=1e-4)
    assert np.isnan(a_weighted_level([70.0, np.nan], [63, 1000]))
