"""Flags: edge cases of each test, aggregate, manual verdicts, encoding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ioos_qc.qartod import gross_range_test

from livinglab.errors import DataError
from livinglab.flags import TESTS, aggregate
from transforms.frames import empty_panel, to_panel
from transforms.quality import (
    Thresholds,
    Verdict,
    aggregate_flags,
    encode_tests,
    flag,
    override,
    reach_s,
    tally,
)

MINUTE = 60_000_000_000
NAN = float("nan")


def flags_of(test: str, values: list[float], minutes: list[float] | None = None, **rows: object):
    times = range(len(values)) if minutes is None else minutes
    panel = to_panel([int(minute * MINUTE) for minute in times], "s", values)
    return flag(panel, {"s": Thresholds(step_s=60, **rows)})[test].tolist()


def test_gross_range_limits_are_inclusive() -> None:
    values = [0.0, 10.0, -0.1, 10.1, 2.0, 8.0, 1.9, 8.1, NAN]
    spans = {"gross_fail": (0, 10), "gross_suspect": (2, 8)}
    assert flags_of("gross_range", values, **spans) == [3, 3, 4, 4, 1, 1, 3, 3, 9]


def test_gross_range_with_only_one_of_its_spans() -> None:
    assert flags_of("gross_range", [1.0, 11.0], gross_suspect=(0, 10)) == [1, 3]
    assert flags_of("gross_range", [1.0, 11.0], gross_fail=(0, 10)) == [1, 4]


def test_gross_range_of_many_series_equals_ioos_qc_of_each() -> None:
    rng = np.random.default_rng(1)
    spans = {"a": (0.0, 50.0), "b": (-20.0, 20.0), "c": (0.0, 50.0)}
    time = pd.date_range("2025-01-01", periods=200, freq="min", tz="UTC", unit="ns")
    panel = pd.concat([to_panel(time, name, rng.normal(20, 30, 200)) for name in spans])
    flags = flag(panel, {n: Thresholds(step_s=60, gross_fail=span) for n, span in spans.items()})
    for name, span in spans.items():
        rows = flags[flags["series"] == name]
        np.testing.assert_array_equal(rows["gross_range"], gross_range_test(rows["value"], span))


def test_spike_needs_both_neighbours() -> None:
    limits = {"spike_suspect": 5, "spike_fail": 15}
    assert flags_of("spike", [0, 0, 20, 0, 0], **limits) == [2, 3, 4, 3, 2]
    assert flags_of("spike", [0, NAN, 20, 0, 0], **limits) == [2, 9, 2, 3, 2]


def test_spike_across_a_gap_has_a_missing_neighbour() -> None:
    values, limits = [0.0, 0.0, 20.0, 0.0, 0.0], {"spike_suspect": 5, "max_gap_s": 120}
    assert flags_of("spike", values, [0, 1, 2, 4, 5], **limits) == [2, 3, 3, 3, 2]
    assert flags_of("spike", values, [0, 1, 2, 5, 6], **limits) == [2, 3, 2, 2, 2]


def test_spike_threshold_of_zero_is_a_threshold() -> None:
    """`if threshold:` would take 0 for "not configured"."""
    assert flags_of("spike", [1, 1, 1.001, 1], spike_suspect=0, spike_fail=5) == [2, 3, 3, 2]


def test_spike_as_large_as_its_threshold_is_none() -> None:
    limits = {"spike_suspect": 5, "spike_fail": 10}
    assert flags_of("spike", [0, 5, 0], **limits) == [2, 1, 2]
    assert flags_of("spike", [0, 10, 0], **limits) == [2, 3, 2]
    assert flags_of("spike", [0, 10.001, 0], **limits) == [2, 4, 2]


def test_rate_of_change_flags_the_later_value_and_forgets_over_gaps() -> None:
    assert flags_of("rate_of_change", [0, 60, 60, 0], rate_per_s=0.9) == [1, 3, 1, 3]
    assert flags_of("rate_of_change", [0, NAN, 600], rate_per_s=0.9) == [1, 9, 1]
    assert flags_of("rate_of_change", [0, 9999], [0, 4], rate_per_s=0.9) == [1, 1]
    assert flags_of("rate_of_change", [0, 60], rate_per_s=1.0) == [1, 1]


def test_flat_line_after_an_outage_is_not_flat() -> None:
    rows = {"flat_tolerance": 0.1, "flat_suspect_s": 120, "flat_fail_s": 240}
    assert flags_of("flat_line", [5.0] * 6, **rows) == [1, 1, 3, 3, 4, 4]
    values = [5.0, 5.0, NAN, NAN, NAN, NAN, 5.0, 5.0]
    assert flags_of("flat_line", values, max_gap_s=60, **rows) == [1, 1, 9, 9, 9, 9, 1, 1]


def test_flat_line_tolerates_jitter_of_half_a_step() -> None:
    rows = {"flat_tolerance": 0.1, "flat_suspect_s": 120}
    assert flags_of("flat_line", [5.0] * 4, [0, 1.3, 1.8, 3.2], **rows) == [1, 1, 3, 3]


def test_flat_line_tolerance_is_strict() -> None:
    rows = {"flat_tolerance": 0.5, "flat_suspect_s": 120}
    assert flags_of("flat_line", [1.0, 1.5, 1.0], **rows) == [1, 1, 1]
    assert flags_of("flat_line", [1.0, 1.25, 1.0], **rows) == [1, 1, 3]


def test_flag_keeps_series_apart() -> None:
    """The last value of one series is no neighbour of the first value of the next."""
    panel = pd.concat([to_panel([0, MINUTE], name, [level, level]) for name, level in
                       (("a", 0.0), ("b", 90.0))])  # fmt: skip
    row = Thresholds(step_s=60, spike_suspect=1, rate_per_s=0.1, flat_tolerance=1, flat_fail_s=60)
    flags = flag(panel, {"a": row, "b": row})
    assert flags["rate_of_change"].tolist() == [1, 1, 1, 1]
    assert flags["spike"].tolist() == [2, 2, 2, 2]
    assert flags["flat_line"].tolist() == [1, 4, 1, 4]


def test_flag_without_thresholds_is_unknown_and_values_stay() -> None:
    panel = to_panel([0, MINUTE, 2 * MINUTE], "s", [1.0, NAN, -0.0])
    flags = flag(panel, {"s": Thresholds(step_s=60)})
    assert flags["flag"].tolist() == [2, 9, 2]
    pd.testing.assert_frame_equal(flags[["series", "value"]], panel)
    assert {str(flags[name].dtype) for name in [*TESTS[1:3], "flag"]} == {"int8"}


def test_flag_of_an_empty_panel() -> None:
    flags = flag(empty_panel(), {"s": Thresholds(step_s=60, spike_suspect=1)})
    assert len(flags) == 0
    assert encode_tests(flags).tolist() == []
    assert len(tally(flags)) == 0


def test_flag_refuses_a_series_without_thresholds() -> None:
    with pytest.raises(DataError, match="thresholds: b"):
        flag(to_panel([0], "b", [1.0]), {"a": Thresholds(step_s=60)})


def test_flag_refuses_mixed_quantities() -> None:
    panel = to_panel([0, 0], "s", [1.0, 2.0], ["no2", "o3"])
    with pytest.raises(DataError, match="quantity"):
        flag(panel, {"s": Thresholds(step_s=60)})


@pytest.mark.parametrize(
    "rows",
    [
        {"step_s": 0},
        {"step_s": 60, "max_gap_s": 0},
        {"step_s": 60, "gross_fail": (5, 1)},
        {"step_s": 60, "gross_fail": (0, 5), "gross_suspect": (0, 6)},
        {"step_s": 60, "spike_suspect": 3, "spike_fail": 2},
        {"step_s": 60, "flat_tolerance": 1, "flat_suspect_s": 30},
        {"step_s": 60, "flat_suspect_s": 120},
    ],
)
def test_thresholds_refuse_what_contradicts_itself(rows: dict) -> None:
    with pytest.raises(DataError):
        Thresholds(**rows)


def test_aggregate_flags_equals_the_precedence_of_livinglab_flags() -> None:
    rng = np.random.default_rng(2)
    columns = rng.choice([1, 2, 3, 4, 9], (4, 500)).astype(np.int8)
    expected = [int(aggregate(tuple(row))) for row in columns.T]
    assert aggregate_flags(list(columns)).tolist() == expected


def test_encode_tests_has_a_digit_per_test() -> None:
    panel = to_panel([0, MINUTE], "s", [500.0, NAN])
    flags = flag(panel, {"s": Thresholds(step_s=60, gross_fail=(0, 1), rate_per_s=1)})
    good = dict(zip(TESTS, encode_tests(flags).iloc[0], strict=True))
    assert good["gross_range"] == "4"
    assert good["rate_of_change"] == "1"
    assert good["spike"] == good["neighbour"] == good["manual"] == "2"
    assert encode_tests(flags).iloc[1][TESTS.index("missing")] == "9"


def test_override_wins_over_every_test_but_not_over_missing() -> None:
    panel = to_panel([0, MINUTE, 2 * MINUTE, 3 * MINUTE], "s", [1.0, 500.0, NAN, 500.0])
    flags = flag(panel, {"s": Thresholds(step_s=60, gross_fail=(0, 100))})
    fixed = override(flags, [Verdict("s", 3, 0, MINUTE), Verdict("s", 1, MINUTE, 3 * MINUTE)])
    assert fixed["flag"].tolist() == [3, 1, 9, 4]
    assert fixed["manual"].tolist() == [3, 1, 9, 2]
    assert fixed["gross_range"].tolist() == flags["gross_range"].tolist()


def test_override_of_a_series_that_is_not_there_changes_nothing() -> None:
    flags = flag(to_panel([0], "s", [1.0]), {"s": Thresholds(step_s=60)})
    assert override(flags, [Verdict("other", 4, 0, MINUTE)])["flag"].tolist() == [2]


def test_override_refuses_flags_that_nobody_can_give() -> None:
    flags = flag(to_panel([0], "s", [1.0]), {"s": Thresholds(step_s=60)})
    with pytest.raises(DataError, match="1, 3, 4"):
        override(flags, [Verdict("s", 9, 0, MINUTE)])


def test_reach_s_is_that_of_the_longest_configured_test() -> None:
    assert reach_s(Thresholds(step_s=600, rate_per_s=1, max_gap_s=900)) == (900, 0)
    flat = Thresholds(step_s=600, flat_tolerance=1, flat_suspect_s=3600)
    assert reach_s(flat) == (4200, 0)


def test_tally_counts_every_value_once_per_test() -> None:
    panel = to_panel([0, 1, 2, 0], ["a", "a", "a", "b"], [1.0, 500.0, NAN, 1.0])
    row = Thresholds(step_s=60, gross_fail=(0, 100))
    counts = tally(flag(panel, {"a": row, "b": row}))
    assert counts.groupby(["series", "test"])["n"].sum().loc["a"].unique().tolist() == [3]
    assert counts.query("series == 'a' and test == 'flag' and flag == 4")["n"].tolist() == [1]
