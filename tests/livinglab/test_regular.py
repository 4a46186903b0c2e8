"""Readings at regular intervals: the quantity's rule, coverage, clock changes, no false zero."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_lab import ZONE, base_registry

from livinglab.errors import DataError
from livinglab.regular import aggregated, interval_at, require_interval, whole_intervals
from livinglab.timeline import HOUR_NS, MINUTE_NS, parse_instant
from transforms.frames import to_index

START = parse_instant("2025-10-26", ZONE)  # a day of 25 hours


def readings(values: list[float], step_ns: int = 10 * MINUTE_NS, start_ns: int = START) -> Any:
    index = to_index([start_ns + place * step_ns for place in range(len(values))])
    frame = pd.DataFrame({"device": "a", "channel": "0", "value": values}, index=index)
    return frame.astype({"device": "str", "channel": "str", "value": "float64"})


def combined(frame: Any, name: str = "no2", every: str = "1h", step_s: int = 600) -> Any:
    steps = pd.Series(np.full(len(frame), step_s))
    return aggregated(frame, base_registry().quantities[name], every, ZONE, steps)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("no2", [0.0, 10.0, 20.0, 0.0, 0.0, 0.0], 5.0),
        # 10 lg of the mean energy: three at 60 dB and three at 50 dB
        ("sound_level_laeq", [60.0, 60.0, 60.0, 50.0, 50.0, 50.0], 57.4036),
        ("count_bike", [1.0, 2.0, 3.0, 0.0, 0.0, 4.0], 10.0),
        ("wind_direction", [350.0, 10.0, 350.0, 10.0, 350.0, 10.0], 0.0),
    ],
)
def test_aggregated_follows_the_rule_of_the_quantity(
    name: str, values: list[float], expected: float
) -> None:
    (row,) = combined(readings(values), name).itertuples()
    assert (row.value + 180) % 360 == pytest.approx(expected + 180, abs=1e-4)
    assert (row.coverage, row.n) == (1.0, 6)


def test_value_stands_from_three_quarters_of_the_interval_on() -> None:
    frame = pd.concat(
        [readings([1.0] * 4), readings([1.0] * 5, start_ns=START + 2 * HOUR_NS)],
    )
    rows = combined(frame)
    assert rows["coverage"].tolist() == pytest.approx([4 / 6, 5 / 6])
    assert rows["value"].isna().tolist() == [True, False]
    assert rows["n"].tolist() == [4, 5]  # the empty hour between has no row, and no zero


def test_reading_that_stands_for_longer_than_the_interval_says_nothing_about_it() -> None:
    (row,) = combined(readings([7.0]), every="10min", step_s=3600).itertuples()
    assert np.isnan(row.value)
    assert (row.coverage, row.n) == (0.0, 1)


def test_events_have_no_step_and_every_one_counts() -> None:
    (row,) = combined(readings([30.0, 50.0]), "vehicle_speed").itertuples()
    assert (row.value, row.n) == (40.0, 2)
    assert np.isnan(row.coverage)


def test_day_is_that_of_the_lab_and_has_25_hours() -> None:
    rows = combined(readings([1.0] * 30, HOUR_NS), "count_bike", "1d", 3600)
    assert rows.index[0] == pd.Timestamp("2025-10-25T22:00Z")
    assert rows["n"].tolist() == [25, 5]
    assert rows["coverage"].tolist() == pytest.approx([1.0, 5 / 24])
    assert rows["value"].iloc[0] == 25.0


def test_nothing_gives_nothing_in_the_same_columns() -> None:
    some, none = combined(readings([1.0])), combined(readings([]))
    assert len(none) == 0
    assert none.dtypes.to_dict() == some.dtypes.to_dict()
    assert none.index.dtype == some.index.dtype


@given(cuts=st.sets(st.integers(1, 399)), every=st.sampled_from(["10min", "1h", "1d"]))
def test_pieces_of_any_size_give_the_same(cuts: set[int], every: str) -> None:
    frame = readings([float(place % 17) / 3 for place in range(400)])
    edges = [0, *sorted(cuts), 400]
    pieces = [frame.iloc[low:high] for low, high in pairwise(edges)]
    parts = [combined(piece, every=every) for piece in whole_intervals(pieces, every, ZONE)]
    pd.testing.assert_frame_equal(pd.concat(parts), combined(frame, every=every))


@given(time_ns=st.integers(0, 2**61), every=st.sampled_from(["1min", "15min", "1h", "1d"]))
def test_interval_holds_its_time(time_ns: int, every: str) -> None:
    start, end = interval_at(time_ns, every, ZONE)
    assert start <= time_ns < end


@pytest.mark.parametrize("text", ["7min", "90min", "0min", "2h", "1w", "hour", "1 h"])
def test_interval_that_is_none_says_which_there_are(text: str) -> None:
    with pytest.raises(DataError, match="no interval to read at") as caught:
        require_interval(text, base_registry().quantities["no2"])
    assert '"1d"' in caught.value.hint


def test_counter_has_no_mean() -> None:
    quantity = replace(base_registry().quantities["energy"])
    with pytest.raises(DataError, match="reading of a counter"):
        require_interval("1h", quantity)
