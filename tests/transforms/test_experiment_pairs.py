"""Paired days: each day of the after phase against the same weekday whole weeks earlier."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from livinglab.errors import DataError
from transforms.experiment import Design, Result, Verdict, evaluate

BEFORE = (date(2025, 1, 6), date(2025, 3, 3))
AFTER = (date(2026, 1, 5), date(2026, 3, 2))  # 364 days later, 56 days
SPAN = pd.date_range(BEFORE[0], AFTER[1], inclusive="left")


def design(**changes: Any) -> Design:
    return Design(**({"method": "paired_days", "before": BEFORE, "after": AFTER} | changes))


def year(effect: float, seed: int = 3) -> tuple[pd.Series, pd.Series]:
    """Treated and control with a week, a season and a step of `effect` in the second winter."""
    rng = np.random.default_rng(seed)
    day = np.arange(len(SPAN))
    common = 100 + 20 * np.sin(2 * np.pi * day / 364) - 30 * (day % 7 >= 5)
    step = effect * (pd.Timestamp(AFTER[0]) <= SPAN)
    treated = common + step + rng.normal(0, 3, len(day))
    return pd.Series(treated, SPAN), pd.Series(common - 40 + rng.normal(0, 3, len(day)), SPAN)


def differences(values: pd.Series) -> np.ndarray:
    early, late = values[: str(BEFORE[1])].iloc[:-1], values[str(AFTER[0]) :]
    return np.asarray(late) - np.asarray(early.iloc[:56])


def textbook(y: np.ndarray, *extra: np.ndarray) -> Any:
    matrix = np.column_stack([np.ones(len(y)), *extra])
    keywords = {"maxlags": 7, "use_correction": True}
    return sm.OLS(y, matrix).fit(cov_type="HAC", cov_kwds=keywords, use_t=True)


def newey_west(result: Result) -> Any:
    return next(each for each in result.sensitivity if each.method == "OLS, Newey-West")


def test_paired_days_find_the_effect_and_are_the_textbook_mean_of_differences() -> None:
    treated, _ = year(5.0)
    result = evaluate(treated, design=design())
    fit = textbook(differences(treated))
    assert result.effect == pytest.approx(float(fit.params[0]), rel=1e-9)
    assert newey_west(result).se == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert result.low < 5.0 < result.high
    assert result.verdict is Verdict.EFFECT, result.reasons
    assert result.formula == "y_t - y_(t-s) = b + e_t, s = whole weeks"
    assert 0 < result.mde < 5
    named = {check.name: check for check in result.checks}
    assert named["weekdays"].passed
    assert not named["control area"].passed


def test_paired_days_with_a_control_take_its_change_off() -> None:
    treated, control = year(0.0)
    control = control + 8.0 * (pd.Timestamp(AFTER[0]) <= SPAN)
    treated = treated + 8.0 * (pd.Timestamp(AFTER[0]) <= SPAN)
    alone, against = (evaluate(treated, other, design=design()) for other in (None, control))
    assert alone.low > 0
    assert against.low < 0 < against.high
    fit = textbook(differences(treated - control))
    assert against.effect == pytest.approx(float(fit.params[0]), rel=1e-9)


def test_paired_days_adjust_for_differences_of_the_weather() -> None:
    treated, _ = year(5.0)
    warm = pd.Series(np.random.default_rng(8).normal(10, 4, len(SPAN)), SPAN)
    treated = treated + 2 * warm
    result = evaluate(treated, design=design(), covariates=warm.to_frame("warm"))
    fit = textbook(differences(treated), differences(warm))
    assert result.effect == pytest.approx(float(fit.params[0]), rel=1e-9)
    assert result.high - result.low < 6
    assert "g' (W_t - W_(t-s))" in result.formula


def test_a_day_without_its_counterpart_is_dropped_on_both_sides() -> None:
    treated, _ = year(5.0)
    treated["2025-01-08"] = np.nan
    treated["2026-01-20"] = np.nan
    result = evaluate(treated, design=design())
    assert (result.before.used, result.after.used, result.n_dropped) == (54, 54, 4)
    assert (result.before.treated, result.after.treated) == (55, 55)


def test_constant_pairs_are_a_stuck_sensor_not_certainty() -> None:
    day = pd.Series(np.arange(len(SPAN)) % 7 * 1.0, SPAN)
    result = evaluate(day + 5.0 * (pd.Timestamp(AFTER[0]) <= SPAN), design=design())
    assert result.verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"after": (date(2026, 1, 6), date(2026, 3, 3))}, "365 days apart"),
        ({"after": (AFTER[0], date(2026, 2, 23))}, "56 and 49 days"),
        ({"weekdays": "adjust"}, "neither weekdays nor a yearly cycle"),
        ({"yearly_cycle": True}, "neither weekdays nor a yearly cycle"),
    ],
)
def test_design_that_makes_no_pairs_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        design(**changes)
