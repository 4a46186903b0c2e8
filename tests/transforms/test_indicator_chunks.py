"""Indicators computed day by day, each day with its declared margin alone, give the same bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import (
    air,
    air_index,
    charging,
    mobility,
    noise,
    overflow_indicators,
    travel_indicators,
    waste,
)
from transforms.frames import time_ns, to_ns, to_panel

ZONE = "Europe/Amsterdam"
#: Civil days around both clock changes, and an ordinary pair.
PERIODS = (("2025-03-29", 3), ("2025-10-25", 3), ("2025-06-01", 2))

#: Function, parameters, hours before and after the civil day that it needs.
INDICATORS = [
    (air.hourly_mean, {}, 0, 0),
    (air.daily_mean, {}, 0, 1),
    (air.daily_mean, {"period": "day"}, 0, 0),
    (air.running_mean, {}, 7, 0),
    (air.running_mean, {"width_h": 24}, 23, 0),
    (air.max_daily_8h_mean, {}, 7, 1),
    (air.max_daily_8h_mean, {"period": "day"}, 7, 0),
    (mobility.highest_hour, {}, 0, 0),
    (mobility.highest_hour, {"result": "share"}, 0, 0),
    (overflow_indicators.spill, {}, 1, 1),
    (overflow_indicators.spill, {"result": "volume"}, 1, 1),
    (charging.charging_share, {"least_w": 60.0}, 0, 0),
    (travel_indicators.travel_times, {"result": "buffer_index"}, 0, 0),
    (waste.emptyings_of_day, {"fall": 20.0}, 24, 0),
    (noise.laeq_hour, {}, 0, 0),
    (noise.level_exceeded, {"percent": 90}, 0, 0),
    (noise.lday, {}, 0, 0),
    (noise.levening, {}, 0, 0),
    (noise.lnight, {}, 0, 8),
    (noise.lnight, {"night": "calendar"}, 0, 0),
    (noise.lden, {}, 0, 8),
    (noise.lden, {"night": "calendar"}, 0, 0),
]


def label(value: Any) -> str | None:
    return getattr(value, "__name__", None)


def readings(rng: np.random.Generator, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """Two gappy series at ten minutes with jitter and missing values, a complete hourly one."""
    parts = []
    for name, step in (("a", 600), ("b", 600), ("h", 3600)):
        offsets = np.arange(-30 * 3600, (days * 25 + 30) * 3600, step)
        share = 1.0 if name == "h" else rng.choice([0.7, 0.85, 1.0])
        offsets = offsets[rng.random(len(offsets)) < share]
        jitter = 0 if name == "h" else rng.integers(0, 120, len(offsets))
        values = rng.normal(55, 15, len(offsets))
        values[rng.random(len(offsets)) < (0.0 if name == "h" else 0.02)] = np.nan
        parts.append(to_panel(to_ns(start) + (offsets + jitter) * 10**9, name, values))
    return pd.concat(parts)


def cut(panel: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    times = time_ns(panel)
    return panel[(times >= to_ns(start)) & (times < to_ns(end))]


@pytest.mark.parametrize(("function", "more", "before", "after"), INDICATORS, ids=label)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), period=st.sampled_from(PERIODS))
def test_day_by_day_gives_the_same_bytes(
    function: Any, more: dict[str, Any], before: int, after: int, seed: int, period: Any
) -> None:
    first = pd.Timestamp(period[0], tz=ZONE)
    edges = [first + pd.DateOffset(days=number) for number in range(period[1] + 1)]
    panel = readings(np.random.default_rng(seed), first, period[1])
    rows = {"zone": ZONE, "steps": {"a": 600, "b": 600, "h": 3600, "silent": 60}, **more}
    whole = function(panel, start=edges[0], end=edges[-1], coverage=0.75, **rows)
    parts = []
    for start, end in pairwise(edges):
        margin = pd.Timedelta(hours=before), pd.Timedelta(hours=after)
        near = cut(panel, start - margin[0], end + margin[1])
        parts.append(function(near, start=start, end=end, coverage=0.75, **rows))
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    assert joined["value"].to_numpy().tobytes() == whole["value"].to_numpy().tobytes()
    assert (whole["status"] == "valid").any()


@pytest.mark.parametrize(("function", "more", "before", "after"), INDICATORS, ids=label)
def test_rows_start_inside_and_are_complete(
    function: Any, more: dict[str, Any], before: int, after: int
) -> None:
    for date, length in (("2025-03-30", 23), ("2025-10-26", 25), ("2025-06-01", 24)):
        start = pd.Timestamp(date, tz=ZONE)
        end = start + pd.DateOffset(days=1)
        table = function(
            readings(np.random.default_rng(1), start, 1),
            start=start, end=end, zone=ZONE, coverage=0.75,
            steps={"a": 600, "b": 600, "h": 3600, "silent": 60}, **more,
        )  # fmt: skip
        hourly = function in {air.hourly_mean, air.running_mean, noise.laeq_hour}
        hourly |= function is noise.level_exceeded
        assert len(table) == 4 * (length if hourly else 1)
        assert ((table.index >= start) & (table.index < end)).all()
        assert table.columns.tolist() == ["series", "value", "coverage", "n", "status"]
        assert table["coverage"].between(0, 1).all()
        silent = table[table["series"] == "silent"]
        assert silent["value"].isna().all()
        assert (silent["status"] == "insufficient").all()


def test_indices_day_by_day_give_the_same_bytes() -> None:
    first = pd.Timestamp("2025-10-25", tz=ZONE)
    edges = [first + pd.DateOffset(days=number) for number in range(4)]
    rng = np.random.default_rng(5)
    parts = [
        readings(rng, first, 3).query("series == 'h'").assign(quantity=name)
        for name in ("no2", "o3", "pm10")
    ]
    panel = pd.concat(parts)
    rows = {"zone": ZONE, "steps": {"h": 3600}, "coverage": 0.75}
    for function in (air_index.lki_hour, air_index.eaqi_hour):
        whole = function(panel, start=edges[0], end=edges[-1], **rows)
        days = [function(panel, start=start, end=end, **rows) for start, end in pairwise(edges)]
        pd.testing.assert_frame_equal(pd.concat(days), whole, check_exact=True)
        assert (whole["status"] == "valid").any()
