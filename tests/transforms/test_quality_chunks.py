"""Flags of a window that is read with its reach equal the slice of the flags of the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.frames import time_ns, to_panel
from transforms.quality import Ceiling, Season, StateLimit, Thresholds, flag, reach_s

SECOND = 1_000_000_000
STEP_S = 60


@st.composite
def gappy_panels(draw: st.DrawFn) -> pd.DataFrame:
    """Two series with jitter, gaps, doubled rates, missing values and flat stretches."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    parts = []
    for name in ("a", "b"):
        size = draw(st.integers(0, 80))
        steps = rng.choice([60, 60, 60, 59, 61, 30, 120, 180, 181, 600], size)
        extra = rng.choice([0, 0, 0, 1, 250_000_000], size)
        times = np.cumsum(steps * SECOND + extra)
        values = np.cumsum(rng.choice([0.0, 0.0, 0.0, 0.05, 1.0, -1.0, 20.0, -20.0], size))
        values[rng.random(size) < 0.1] = np.nan
        parts.append(to_panel(times, name, values))
    return pd.concat(parts)


def limits(draw: st.DrawFn) -> Thresholds:
    flat = draw(st.sampled_from([60, 100, 300, 601]))
    return Thresholds(
        step_s=STEP_S,
        max_gap_s=draw(st.sampled_from([None, 60, 90, 180])),
        gross_fail=(-50, 50),
        spike_suspect=draw(st.sampled_from([None, 0.5, 5.0])),
        spike_fail=8.0,
        rate_per_s=draw(st.sampled_from([None, 0.01, 0.2])),
        flat_tolerance=0.1,
        flat_suspect_s=flat,
        flat_fail_s=2 * flat,
        timing_least_s=draw(st.sampled_from([None, 45.5])),
        warm_up_s=draw(st.sampled_from([None, 300])),
        warm_up_gap_s=draw(st.sampled_from([None, 100])),
        state_limits=draw(st.sampled_from([(), (StateLimit(quantity="battery", low=3.3),)])),
        zero_suspect_s=draw(st.sampled_from([None, 100, 180])),
        zero_fail_s=240,
        zero_hours=(0, 1),
        ceiling=draw(st.sampled_from([None, Ceiling(quantity="battery", offset=-3.4)])),
    )


def slow_limits(draw: st.DrawFn) -> Thresholds:
    """Tests that look at whole hours and at other series."""
    period = draw(st.sampled_from([None, 3600, 10800]))
    return Thresholds(
        step_s=600,
        gross_fail=(-30, 30),
        climatology=(Season(suspect=(-5, 20), fail=(-9, 25), months=(1, 1), hours=(22, 4)),),
        attenuated_period_s=period,
        attenuated_suspect=period and 3.0,
        neighbour_group=draw(st.sampled_from(["here", "here", "here", None])),
        neighbour_distance=8.0,
        neighbour_share=0.5,
        neighbour_bias=draw(st.sampled_from([0.0, 2.5])),
        neighbour_least=2,
    )


def readings_of_a_day(rng: np.random.Generator) -> pd.DataFrame:
    """Four gappy series around each other, with outliers, ten-minute step."""
    parts = []
    for name in "abcd":
        times = np.cumsum(rng.choice([600, 600, 590, 1200, 9000], 90)) * SECOND
        values = rng.normal(10, 4, 90) + 40 * (rng.random(90) < 0.05)
        parts.append(to_panel(times, name, values))
    return pd.concat(parts)


def windows(data: st.DataObject, last: int, rows: dict[str, Thresholds]) -> tuple[int, ...]:
    """Start and end of a window, and of what must be read for it."""
    start = data.draw(st.integers(0, last)) * SECOND
    end = start + data.draw(st.integers(1, last // 2)) * SECOND
    before = max(reach_s(row)[0] for row in rows.values()) * SECOND
    after = max(reach_s(row)[1] for row in rows.values()) * SECOND
    return start, end, start - before, end + after


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_flag_of_a_window_equals_the_slice_of_the_whole(data: st.DataObject) -> None:
    panel = data.draw(gappy_panels())
    rows = {"a": limits(data.draw), "b": limits(data.draw)}
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    times = np.cumsum(rng.integers(1, 3000, 20)) * SECOND
    battery = to_panel(times, "a", rng.uniform(3.1, 3.6, 20), "battery")
    start, end, first, last = windows(data, 6000, rows)
    cut = flag(inside(panel, first, last), rows, inside(battery, first, last))
    whole = flag(panel, rows, battery)
    pd.testing.assert_frame_equal(inside(cut, start, end), inside(whole, start, end))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_flag_by_hours_and_neighbours_equals_the_slice_of_the_whole(data: st.DataObject) -> None:
    panel = readings_of_a_day(np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))))
    rows = {name: slow_limits(data.draw) for name in "abcd"}
    start, end, first, last = windows(data, 100_000, rows)
    cut, whole = flag(inside(panel, first, last), rows), flag(panel, rows)
    pd.testing.assert_frame_equal(inside(cut, start, end), inside(whole, start, end))


def inside(frame: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    times = time_ns(frame)
    return frame[(times >= start) & (times < end)]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_flag_of_one_series_does_not_depend_on_the_others(data: st.DataObject) -> None:
    panel = data.draw(gappy_panels())
    rows = {"a": limits(data.draw), "b": limits(data.draw)}
    whole = flag(panel, rows)
    for name, row in rows.items():
        alone = flag(panel[panel["series"] == name], {name: row})
        pd.testing.assert_frame_equal(alone, whole[whole["series"] == name])


def test_flag_does_not_depend_on_how_series_are_put_into_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = readings_of_a_day(np.random.default_rng(5))
    common = {"step_s": 600, "spike_suspect": 6.0, "flat_tolerance": 1.0, "flat_fail_s": 1200}
    season = Season(suspect=(-5, 20), months=(1, 1))
    rows = {
        name: Thresholds(
            **common,
            gross_fail=(-30, 20 + place),
            climatology=(season,) if place % 2 else (),
            attenuated_period_s=3600,
            attenuated_suspect=1.0 + place,
            neighbour_group="here",
            neighbour_distance=4.0,
            neighbour_least=2,
        )
        for place, name in enumerate("abcd")
    }
    whole = flag(panel, rows)
    assert (whole.drop(columns=["series", "value", "missing"]).isin([3, 4])).any().sum() >= 6
    for size in (1, 200):
        monkeypatch.setattr("transforms.quality.flagging.BLOCK_ROWS", size)
        monkeypatch.setattr("transforms.quality.context.BLOCK_ROWS", size)
        pd.testing.assert_frame_equal(flag(panel, rows), whole)
