"""Flags of a window that is read with its reach equal the slice of the flags of the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.frames import time_ns, to_panel
from transforms.quality import Thresholds, flag, reach_s

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
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_flag_of_a_window_equals_the_slice_of_the_whole(data: st.DataObject) -> None:
    panel = data.draw(gappy_panels())
    rows = {"a": limits(data.draw), "b": limits(data.draw)}
    start = data.draw(st.integers(0, 6000)) * SECOND
    end = start + data.draw(st.integers(1, 3000)) * SECOND
    before = max(reach_s(row)[0] for row in rows.values()) * SECOND
    after = max(reach_s(row)[1] for row in rows.values()) * SECOND
    times = time_ns(panel)
    window = panel[(times >= start - before) & (times < end + after)]
    cut, whole = flag(window, rows), flag(panel, rows)
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
