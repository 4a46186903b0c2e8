"""Calibration: periods, methods, covariates, and the worked vectors of the corrections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livinglab.errors import DataError
from transforms.calibration import COVARIATE_LAG_S, METHODS, Row, apply, reach_s
from transforms.corrections import barkjohn, calibrator_check, kappa_koehler
from transforms.frames import empty_panel, time_ns, to_panel

SECOND = 1_000_000_000
NAN = float("nan")


def test_apply_holds_from_start_to_before_end() -> None:
    panel = to_panel([0, 10, 20, 30], "s", [1.0, 1.0, 1.0, 1.0])
    rows = [
        Row("s", "linear", {"offset": 0, "slope": 2}, 10, 20),
        Row("s", "linear", {"offset": 0, "slope": 3}, 20, None),
    ]
    table = apply(panel, rows)
    assert table["value"].tolist() == [1.0, 2.0, 3.0, 3.0]
    assert table["calibration"].tolist() == [-1, 0, 1, 1]
    assert panel["value"].tolist() == [1.0] * 4, "the input is not touched"


def test_apply_of_one_series_leaves_the_others() -> None:
    panel = to_panel([0, 0], ["a", "b"], [1.0, 1.0])
    table = apply(panel, [Row("b", "linear", {"offset": 1, "slope": 1}, 0, None)])
    assert table["value"].tolist() == [1.0, 2.0]
    assert len(apply(empty_panel(), [Row("b", "barkjohn", {}, 0, None)])) == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([Row("s", "magic", {}, 0, None)], "magic"),
        ([Row("s", "linear", {"offset": 1}, 0, None)], "slope"),
        ([Row("s", "linear", {"offset": 1, "slope": 1}, 0, 9)] * 2, "same time"),
        ([Row("s", "drift", {"zero_start": 0, "zero_end": 1}, 0, None)], "no end"),
    ],
)
def test_apply_refuses_rows_that_cannot_hold(rows: list[Row], message: str) -> None:
    with pytest.raises(DataError, match=message):
        apply(to_panel([5], "s", [1.0]), rows)


def test_apply_multi_linear_uses_covariates_and_its_fitted_range() -> None:
    parameters = {
        "offset": 1,
        "slope": 2,
        "slope_air_temperature": 0.5,
        "slope_relative_humidity": -1,
    }
    row = Row("s", "multi_linear", {**parameters, "max_air_temperature": 30}, 0, None)
    panel = to_panel([0, SECOND], "s", [10.0, 10.0])
    covariates = to_panel(
        [0, 0, SECOND], "s", [20.0, 3.0, 31.0],
        ["air_temperature", "relative_humidity", "air_temperature"],
    )  # fmt: skip
    table = apply(panel, [row], covariates)
    assert table["value"].tolist() == [1 + 20 + 10 - 3, 1 + 20 + 15.5 - 3]
    assert table["flag"].tolist() == [1, 3]


def test_apply_without_its_covariate_fails_the_value_and_does_not_change_it() -> None:
    row = Row("s", "kappa_koehler", {"kappa": 0.4}, 0, None)
    late = COVARIATE_LAG_S * SECOND
    panel = to_panel([0, 10, 10 + late, 11 + late], "s", [30.0] * 4)
    humidity = to_panel([10], "s", [80.0], "relative_humidity")
    table = apply(panel, [row], humidity)
    assert table["flag"].tolist() == [4, 1, 1, 4]
    assert table["value"].round(4).tolist() == [30.0, 15.2308, 15.2308, 30.0]
    assert apply(panel, [row])["flag"].tolist() == [4] * 4
    assert reach_s([row]) == (COVARIATE_LAG_S, 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_apply_to_a_window_equals_the_slice_of_the_whole(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    panel = to_panel(np.cumsum(rng.integers(1, 900, 40)) * SECOND, "s", rng.normal(20, 5, 40))
    humidity = to_panel(
        np.cumsum(rng.integers(1, 1500, 25)) * SECOND, "s", rng.uniform(40, 101, 25),
        "relative_humidity",
    )  # fmt: skip
    change = int(rng.integers(0, 15_000)) * SECOND
    rows = [
        Row("s", "drift", {"zero_start": 1, "zero_end": 2}, 0, change),
        Row("s", "barkjohn", {}, change, None),
    ]
    start = data.draw(st.integers(0, 15_000)) * SECOND
    end = start + data.draw(st.integers(1, 6_000)) * SECOND
    before = start - reach_s(rows)[0] * SECOND
    window = panel[(time_ns(panel) >= start) & (time_ns(panel) < end)]
    near = humidity[(time_ns(humidity) >= before) & (time_ns(humidity) < end)]
    whole = apply(panel, rows, humidity)
    assert apply(window, rows, near).equals(whole.loc[window.index])


def test_barkjohn_worked_vector_and_its_joins() -> None:
    """Domain 10.2; the formula is continuous where its ranges meet."""
    ours = barkjohn([20, 40, 100, 235, 300], 60)
    np.testing.assert_allclose(ours, [11.058, 26.778, 79.178, 199.6114, 289.526], atol=1e-4)
    joins = np.array([30.0, 50.0, 210.0, 260.0])
    np.testing.assert_allclose(barkjohn(joins, 60), barkjohn(joins - 1e-9, 60), atol=1e-6)
    assert np.isnan(barkjohn([NAN, 20.0], [50.0, NAN])).all()


def test_kappa_koehler_worked_vector_and_its_cap() -> None:
    """Domain 10.2; at 80 % and 0.4 the factor is 1.97."""
    dry, flags = kappa_koehler([30.0, 30.0, 30.0, 30.0], [80.0, 95.0, 98.0, 99.5], 0.4)
    assert dry[0] == pytest.approx(15.2308, abs=1e-4)
    assert 30.0 / dry[0] == pytest.approx(1.97, abs=0.005)
    assert dry[1] == dry[2] == dry[3]
    assert flags.tolist() == [1, 1, 3, 4]


def test_apply_drift_is_linear_between_checks() -> None:
    row = Row(
        "s", "drift",
        {"zero_start": 2, "zero_end": 4, "gain_start": 1, "gain_end": 1.25}, 0, 100,
    )  # fmt: skip
    table = apply(to_panel([0, 50, 99], "s", [12.0, 12.0, 12.0]), [row])
    assert table["value"].tolist() == pytest.approx([10.0, 9 / 1.125, (12 - 3.98) / 1.2475])


@pytest.mark.parametrize(
    ("shown", "levels", "flag"),
    [
        ((93.7, 94.2), [60.3, 60.3], 1),  # half a decibel: the first check holds
        ((93.7, 94.3), [60.3, 59.7], 3),
        ((94.0, 95.0), [60.0, 59.0], 3),
        ((94.0, 92.9), [60.0, 61.1], 4),
    ],
)
def test_calibrator_check_by_drift(shown: tuple[float, float], levels: list, flag: int) -> None:
    level, flags = calibrator_check([60.0, 60.0], [0.0, 1.0], readings=shown)
    assert level.tolist() == pytest.approx(levels)
    assert flags.tolist() == [flag, flag]


def test_apply_keeps_missing_missing_in_every_method() -> None:
    parameters = {
        "offset": 1.0, "slope": 1.0, "kappa": 0.3, "zero_start": 0.0, "zero_end": 0.0,
        "reading_start": 94.0, "reading_end": 94.0,
    }  # fmt: skip
    humidity = to_panel([0], "s", [50.0], "relative_humidity")
    for method in METHODS:
        table = apply(to_panel([0], "s", [NAN]), [Row("s", method, parameters, 0, 9)], humidity)
        assert table["value"].isna().all(), method
        assert table["flag"].tolist() == [9], method
