"""Flags against ioos_qc 3.0.0: exact where the tests are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from ioos_qc.qartod import flat_line_test
from shared_data import noise, oracle_csv, oracle_json, toucan, uci, vmm_flow

from transforms.frames import to_panel
from transforms.quality import Thresholds, flag

STEP_S = {"uci_co_hourly": 3600, "vmm_flow_l06_347": 10800}
TESTS = ["gross_range", "spike", "rate_of_change", "flat_line"]
#: flat_line is 4 in the oracle only because the whole window before these rows is missing.
OUTAGE_ROWS = ["2004-04-05T10:00", "2004-04-15T09:00", "2004-04-23T05:00", "2004-05-10T09:00"]


def measured(name: str, rows: int) -> pd.Series[float]:
    series = {
        "rtp_pm25_1min": lambda: toucan("rt01")["pm25"],
        "rtp_no2_1min": lambda: toucan("rt01")["no2"],
        "laeq_1min": lambda: noise("laeq_1min_20250321_27").tz_localize("UTC"),
        "uci_co_hourly": lambda: uci()["CO_GT"],
        "vmm_flow_l06_347": lambda: vmm_flow()["L06_347"],
    }[name]()
    return series.iloc[:rows]


def thresholds(name: str, config: dict[str, Any]) -> Thresholds:
    return Thresholds(
        step_s=STEP_S.get(name, 60),
        gross_fail=tuple(config["gross_range"]["fail_span"]),
        gross_suspect=tuple(config["gross_range"]["suspect_span"]),
        spike_suspect=config["spike"]["suspect_threshold"],
        spike_fail=config["spike"]["fail_threshold"],
        rate_per_s=config["rate_of_change"]["threshold"],
        flat_suspect_s=config["flat_line"]["suspect_threshold"],
        flat_fail_s=config["flat_line"]["fail_threshold"],
        flat_tolerance=config["flat_line"]["tolerance"],
    )


@pytest.fixture(params=sorted(oracle_json("qc/summary.json")))
def case(request: pytest.FixtureRequest) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    name = str(request.param)
    summary = oracle_json("qc/summary.json")[name]
    values = measured(name, summary["n"])
    panel = to_panel(values.index, "s", values.to_numpy())
    flags = flag(panel, {"s": thresholds(name, summary["config"])})
    return name, flags, oracle_csv(f"qc/{name}_flags.csv")


def test_flag_matches_ioos_qc(case: tuple[str, pd.DataFrame, pd.DataFrame]) -> None:
    name, flags, oracle = case
    times = pd.to_datetime(oracle["time"], utc=True)
    assert (flags.index == pd.DatetimeIndex(times)).all()
    np.testing.assert_allclose(flags["value"], oracle["value"], atol=5.1e-5)
    for test in TESTS[:3]:
        np.testing.assert_array_equal(flags[test], oracle[test], err_msg=f"{name} {test}")


def test_flag_counts_match_the_summary(case: tuple[str, pd.DataFrame, pd.DataFrame]) -> None:
    name, flags, _ = case
    summary = oracle_json("qc/summary.json")[name]
    assert len(flags) == summary["n"]
    artefact = len(OUTAGE_ROWS) if name == "uci_co_hourly" else 0
    for test in (*TESTS, "aggregate"):
        expected = {int(flag): count for flag, count in summary["counts"][test].items()}
        if artefact and test in {"flat_line", "aggregate"}:
            expected = {**expected, 1: expected[1] + artefact}
            expected.pop(4)
        column = flags["flag" if test == "aggregate" else test]
        assert column.value_counts().to_dict() == expected, test


def test_flat_line_matches_ioos_qc_where_no_value_is_missing(
    case: tuple[str, pd.DataFrame, pd.DataFrame],
) -> None:
    name, flags, oracle = case
    config = oracle_json("qc/summary.json")[name]["config"]["flat_line"]
    window = config["fail_threshold"] // STEP_S.get(name, 60) + 1
    whole = (~oracle["value"].isna()).rolling(window, min_periods=1).min().astype(bool)
    for test in ("flat_line", "flag"):
        reference = oracle["aggregate" if test == "flag" else test]
        np.testing.assert_array_equal(flags[test][whole.to_numpy()], reference[whole])


def test_flat_line_differs_from_ioos_qc_only_after_an_outage(
    case: tuple[str, pd.DataFrame, pd.DataFrame],
) -> None:
    name, flags, oracle = case
    mine, theirs = flags["flat_line"].to_numpy(), oracle["flat_line"].to_numpy()
    differing = oracle["time"][mine != theirs].str[:16].tolist()
    assert differing == (OUTAGE_ROWS if name == "uci_co_hourly" else [])
    assert (mine[mine != theirs] == 1).all()


def test_flat_line_does_not_follow_the_median_step_of_the_frame() -> None:
    """ioos_qc counts points by the frame's median step: cut the frame and the verdict changes."""
    minutes = np.concatenate([np.arange(0, 30, 5), np.arange(30, 36)])
    time = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    values = np.concatenate([[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], np.full(6, 5.0)])
    setting = Thresholds(
        step_s=60, max_gap_s=400, flat_tolerance=0.1, flat_suspect_s=600, flat_fail_s=1200
    )

    def theirs(first: int) -> list[int]:
        flags = flat_line_test(values[first:], time[first:].tz_localize(None), 600, 1200, 0.1)
        return [int(value) for value in flags[-6:]]

    def ours(first: int) -> list[int]:
        panel = to_panel(time[first:], "s", values[first:])
        return flag(panel, {"s": setting})["flat_line"].tolist()[-6:]

    assert theirs(0) == [1, 1, 3, 3, 4, 4]  # 5-minute steps: three points make ten minutes
    assert theirs(6) == [1, 1, 1, 1, 1, 1]  # the same values, read without what lies before
    assert ours(0) == ours(6) == [1, 1, 1, 1, 1, 1]  # five minutes are not ten
