"""Counters that stand still, quantities that contradict each other, sites with two sensors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.frames import to_panel
from transforms.quality import Ceiling, Thresholds, configured, flag, reach_s

HOUR = 3_600_000_000_000
NAN = float("nan")


def counts(values: list[float], first_hour: int = 0, **rows: object) -> list[int]:
    panel = to_panel((first_hour + np.arange(len(values))) * HOUR, "s", values)
    thresholds = Thresholds(step_s=3600, **rows)  # type: ignore[arg-type]
    return flag(panel, {"s": thresholds})["zero_run"].tolist()


def test_zero_run_by_day_is_suspect_after_more_than_its_length() -> None:
    """Six hours of zeros are six readings; the seventh is more than six hours."""
    assert counts([5, *[0] * 8, 1], 5, zero_suspect_s=6 * 3600) == [1, *[1] * 6, 3, 3, 1]


def test_zero_run_of_the_night_is_no_fault() -> None:
    assert set(counts([0] * 10, 19, zero_suspect_s=6 * 3600)) == {1}
    # it does not count towards the day that follows
    assert counts([0] * 14, 0, zero_suspect_s=6 * 3600) == [1] * 11 + [3] * 3


def test_zero_run_of_a_day_and_night_fails() -> None:
    assert counts([0] * 26, 0, zero_fail_s=24 * 3600) == [1] * 24 + [4] * 2


def test_zero_run_ends_at_a_gap_and_ignores_missing_values() -> None:
    values = [0.0] * 4 + [NAN] * 5 + [0.0] * 4
    assert counts(values, 5, zero_suspect_s=6 * 3600) == [1] * 4 + [9] * 5 + [1] * 4
    assert counts([0.0] * 4 + [NAN] + [0.0] * 4, 5, zero_suspect_s=6 * 3600)[-2:] == [3, 3]


def test_zero_run_without_thresholds_is_not_run() -> None:
    assert set(counts([0] * 30)) == {2}


def test_consistency_objects_to_fine_dust_above_all_dust() -> None:
    fine = to_panel(np.arange(4) * HOUR, "s", [10.0, 13.0, 14.0, 20.0])
    all_dust = to_panel(np.array([0, 1, 2]) * HOUR, "s", [10.0, 10.0, 10.0], "pm10")
    ceiling = Ceiling(quantity="pm10", factor=1.1, offset=2)
    rows = {"s": Thresholds(step_s=3600, ceiling=ceiling)}
    assert flag(fine, rows, all_dust)["consistency"].tolist() == [1, 1, 3, 2]
    assert flag(fine, rows)["consistency"].tolist() == [2] * 4


def test_neighbour_counts_a_site_with_two_sensors_once() -> None:
    """Two sensors of one broken site would else outvote the two sites around it."""
    levels = {"a": 10.0, "b": 11.0, "c0": 40.0, "c1": 42.0}
    parts = [to_panel([0], name, [value]) for name, value in levels.items()]
    common = {"step_s": 3600, "neighbour_group": "g", "neighbour_distance": 5.0}

    def verdicts(**sites: str) -> list[int]:
        rows = {
            name: Thresholds(**common, neighbour_least=2, neighbour_site=sites.get(name))
            for name in levels
        }
        return flag(pd.concat(parts), rows)["neighbour"].tolist()

    assert verdicts(c0="c", c1="c", a="a", b="b") == [3, 3, 3, 3]
    assert verdicts() == [3, 3, 3, 3]
    levels["d"] = 10.5
    parts.append(to_panel([0], "d", [10.5]))
    assert verdicts(c0="c", c1="c", a="a", b="b", d="d") == [1, 1, 3, 3, 1]


def test_configured_names_the_tests_that_have_thresholds() -> None:
    row = Thresholds(step_s=3600, zero_fail_s=7200, neighbour_group="g", neighbour_share=0.5)
    assert configured(row) == {"missing", "zero_run", "neighbour"}
    assert reach_s(row) == (7200 + 3 * 3600 + 3600, 3600)


@pytest.mark.parametrize("hours", [(5, 5), (19, 5), (-1, 5), (5, 25)])
def test_thresholds_refuse_hours_that_are_no_day(hours: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="zero_hours"):
        Thresholds(step_s=60, zero_hours=hours)
