"""One evaluation for all methods: what each reports, checks, and when nothing may be claimed."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from livinglab.errors import DataError
from transforms.experiment import Check, Design, Result, Verdict, adjusted_verdict, evaluate
from transforms.experiments.checks import say_unit
from transforms.experiments.regression import Estimate
from transforms.experiments.verdict import judge

DAY0 = date(2026, 1, 5)
N = 56
METHODS = ("did", "cits", "its", "before_after", "weather_normalised", "counts")


def days(n: int = 2 * N) -> list[date]:
    return [DAY0 + timedelta(k) for k in range(n)]


def design(method: str = "did", **changes: object) -> Design:
    t0 = DAY0 + timedelta(N)
    options: dict[str, object] = {"before": (DAY0, t0), "after": (t0, t0 + timedelta(N))}
    return Design(method=method, **(options | changes))


def ar1(r: float, seed: int, n: int = 2 * N) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(size=n + 200)
    return np.asarray(lfilter([1.0], [1.0, -r], shocks)[200:])


def weather(seed: int = 3) -> pd.DataFrame:
    columns = {"temperature": 10 + 3 * ar1(0.8, seed), "rain": ar1(0.2, seed + 1)}
    return pd.DataFrame(columns, index=days())


def outcome(effect: float, seed: int = 9) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Treated with a weekly rhythm, weather and a step of `effect`; control without the step."""
    table = weather()
    week = np.tile([0, 0, 0, 0, 0, -15, -20.0], 16)
    common = pd.Series(200 + week, index=days()) + 2 * table["temperature"]
    step = effect * (np.arange(2 * N) >= N)
    return common + ar1(0.3, seed) + step, common - 50 + ar1(0.3, seed + 1), table


def evaluated(method: str, effect: float = 5.0, **changes: object) -> Result:
    treated, control, table = outcome(effect)
    with_weather = method in ("weather_normalised", "before_after", "its", "counts")
    return evaluate(
        treated,
        control if method in ("did", "cits") else None,
        design=design(method, weekdays="adjust", **changes),
        covariates=table if with_weather else None,
    )


@pytest.mark.parametrize("method", METHODS)
def test_evaluate_finds_a_known_effect_by_each_method(method: str) -> None:
    result = evaluated(method)
    truth = np.log(1 + 5 / 217) if method == "counts" else 5.0
    assert result.low < truth < result.high
    assert result.verdict is Verdict.EFFECT, result.reasons
    assert result.percent["low"] < result.percent["effect"] < result.percent["high"]
    assert 0 < result.mde < abs(result.effect)
    assert len(result.sensitivity) >= 3
    assert result.placebo_in_time is not None
    assert result.placebo_in_time.rank == 1 or method in ("cits", "its")


@pytest.mark.parametrize("method", METHODS)
def test_evaluate_names_what_could_have_been_seen_where_nothing_happened(method: str) -> None:
    result = evaluated(method, 0.0)
    assert result.low < 0 < result.high
    assert result.verdict is Verdict.NO_EFFECT, result.reasons
    assert "MDE" in result.headline
    assert ("%" in result.headline) is (method == "counts")


@pytest.mark.parametrize("method", METHODS)
def test_evaluate_repeats_to_the_byte_and_is_plain_json(method: str) -> None:
    first, second = (json.dumps(evaluated(method).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("method", METHODS)
def test_evaluate_drops_days_without_covariate_or_outcome_and_counts_them(method: str) -> None:
    treated, control, table = outcome(5.0)
    treated.iloc[3] = np.nan
    table.iloc[60, 0] = np.nan
    with_weather = method not in ("did", "cits")
    result = evaluate(
        treated,
        None if with_weather else control,
        design=design(method),
        covariates=table if with_weather else None,
    )
    assert result.before.used == N - 1
    assert result.after.used == N - with_weather
    assert result.after.adjusted == N - with_weather
    assert result.n_dropped == 1 + with_weather


def test_evaluate_of_trends_reports_level_and_slope() -> None:
    result = evaluated("cits")
    assert set(result.parts) == {
        "change of level on the first day",
        "change of slope per day",
        "slope before per day",
    }
    level = result.parts["change of level on the first day"]
    slope = result.parts["change of slope per day"]
    assert result.effect == pytest.approx(level.effect + slope.effect * (N - 1) / 2)
    assert result.pre_trend is None
    assert result.event_study == ()


def test_evaluate_without_control_says_what_that_means() -> None:
    result = evaluated("before_after")
    (check,) = [check for check in result.checks if check.name == "control area"]
    assert not check.passed
    assert check.consequence in result.reasons
    assert result.to_dict()["mean"]["control_before"] is None


def test_evaluate_weather_normalised_needs_a_second_way_that_agrees() -> None:
    result = evaluated("weather_normalised")
    assert "regression on covariates" in [other.method for other in result.sensitivity]
    assert result.fit["r2"] > 0.8
    for low, verdict in ((0.5, Verdict.EFFECT), (-0.5, Verdict.INCONCLUSIVE)):
        regression = Estimate("regression on covariates", 2.0, 1.0, 50, low, 4.0, 0.05)
        found, reasons = judge(
            Estimate("model", 2.0, 0.5, 50, 1.0, 3.0, 0.01),
            (),
            (regression,),
            mde=1.0,
            attained=1.1,
            method="weather_normalised",
            has_control=False,
            placebo=False,
            say=say_unit,
        )
        assert found is verdict
        assert ("does not confirm" in reasons[0]) is (low < 0)


def test_evaluate_of_counts_with_control_is_a_ratio_of_ratios() -> None:
    rng = np.random.default_rng(6)
    common = 300 * np.exp(0.3 * ar1(0.5, 8) / 2)
    treated = pd.Series(
        rng.poisson(common * np.where(np.arange(2 * N) >= N, 1.2, 1.0)).astype(float), index=days()
    )
    control = pd.Series(rng.poisson(2 * common).astype(float), index=days())
    result = evaluate(treated, control, design=design("counts"))
    assert result.percent["low"] < 20 < result.percent["high"]
    assert result.percent["high"] - result.percent["low"] < 10
    with pytest.raises(DataError, match="negative counts"):
        evaluate(treated - 1000, control, design=design("counts"))


def test_evaluate_event_study_shows_weeks_before_and_after() -> None:
    weeks = evaluated("did").event_study
    assert [week.after for week in weeks] == [False] * 8 + [True] * 8
    assert weeks[8].first == DAY0 + timedelta(N)
    assert abs(sum(week.effect for week in weeks[:8])) < 1e-9
    assert all(week.low > 0 for week in weeks[8:])


def test_evaluate_does_not_claim_where_a_week_before_moved_as_much() -> None:
    treated, control, _ = outcome(6.0)
    treated.iloc[14:21] += 12.0
    result = evaluate(treated, control, design=design())
    assert result.low > 0
    assert result.verdict is Verdict.INCONCLUSIVE
    assert any("week of 2026-01-19" in reason for reason in result.reasons)


def test_evaluate_names_odd_days_and_shows_the_result_without_them() -> None:
    treated, control, _ = outcome(6.0)
    treated.iloc[[70, 71]] -= 60.0
    result = evaluate(treated, control, design=design())
    (check,) = [check for check in result.checks if check.name == "odd days"]
    assert not check.passed
    assert "2026-03-16, 2026-03-17" in check.consequence
    (without,) = [other for other in result.sensitivity if other.method == "without 2 odd days"]
    assert without.low < 6.0 < without.high
    assert without.se < result.estimate.se


def test_evaluate_with_changed_instruments_is_invalid() -> None:
    treated, control, _ = outcome(6.0)
    swapped = Check("instruments", passed=False, consequence="Sensor a was replaced by b.")
    result = evaluate(treated, control, design=design(), instruments=swapped)
    assert result.verdict is Verdict.INVALID
    assert result.reasons[0] == "Sensor a was replaced by b."


def test_evaluate_tells_an_unexpected_direction() -> None:
    reasons = evaluated("did", expected="decrease").reasons
    assert any("expects a change for less" in reason for reason in reasons)
    assert not any("expects" in reason for reason in evaluated("did", expected="increase").reasons)


def test_evaluate_sees_unequal_weekdays() -> None:
    treated, control, _ = outcome(5.0)
    treated = treated.mask(
        (np.arange(2 * N) >= N) & (pd.DatetimeIndex(treated.index).day_of_week == 6)
    )
    loose = evaluate(treated, control, design=design(weekdays="whole_weeks"))
    assert any("rhythm of the week" in reason for reason in loose.reasons)
    assert "adjusted for the day of the week" in [other.method for other in loose.sensitivity]
    tight = evaluate(treated, control, design=design(weekdays="adjust"))
    assert not any("rhythm" in reason for reason in tight.reasons)


def test_evaluate_of_a_constant_covariate_is_invalid_with_the_reason() -> None:
    treated, control, _ = outcome(5.0)
    dry = pd.DataFrame({"rain": 0.0}, index=days())
    result = evaluate(treated, control, design=design(), covariates=dry)
    assert result.verdict is Verdict.INVALID
    assert any("say the same" in reason for reason in result.reasons)


def test_evaluate_ranks_the_effect_among_control_areas() -> None:
    treated, control, _ = outcome(6.0)
    controls = {f"c{k}": control + ar1(0.2, 30 + k) for k in range(4)}
    mean = sum(controls.values()) / 4
    result = evaluate(treated, mean, design=design(), controls=controls)
    assert result.placebo_in_space is not None
    assert (result.placebo_in_space.rank, result.placebo_in_space.p) == (1, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("method", "with_control", "told"),
    [("did", False, "needs a control"), ("its", True, "knows no control")],
)
def test_evaluate_refuses_a_control_that_does_not_suit(
    method: str, with_control: bool, told: str
) -> None:
    treated, control, _ = outcome(0.0)
    with pytest.raises(DataError, match=told):
        evaluate(treated, control if with_control else None, design=design(method))


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "magic"},
        {"weekdays": "perhaps"},
        {"expected": "up"},
        {"alpha": 2.0},
        {"lags": -1},
        {"relevant": 0.0},
        {"relevant": float("inf")},
    ],
)
def test_design_refuses_what_nobody_knows(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError, match=str(next(iter(wrong.values())))):
        design(**wrong)


@pytest.mark.parametrize(
    ("relevant", "visible", "interval"),
    [(0.01, False, "beyond"), (5.0, True, "possible"), (50.0, True, "excluded")],
)
@pytest.mark.parametrize("method", ["did", "counts"])
def test_evaluate_says_whether_effects_that_matter_were_visible_and_are_excluded(
    method: str, relevant: float, visible: bool, interval: str
) -> None:
    """Of counts too it is in the unit of the outcome, not in percent."""
    result = evaluated(method, relevant=relevant)
    assert result.relevant is not None
    assert (result.relevant.effect, result.relevant.interval) == (relevant, interval)
    assert result.relevant.visible is visible
    assert evaluated(method).relevant is None


def test_relevant_effect_of_what_cannot_be_estimated_is_unknown() -> None:
    flat = pd.Series(5.0, index=days())
    for method, other in (("did", flat), ("counts", None)):
        result = evaluate(flat * 0, other, design=design(method, relevant=1.0))
        assert result.relevant is not None
        assert (result.relevant.visible, result.relevant.interval) == (False, "unknown")


def test_evaluate_takes_the_lags_of_the_design_or_the_rule() -> None:
    assert evaluated("did").estimate.lags == 7
    fixed = evaluated("did", lags=3)
    assert (fixed.lags, fixed.estimate.lags, fixed.sensitivity[0].lags) == (3, 3, 3)
    assert evaluated("did", lags=500).estimate.lags == 2 * N - 2


def test_pre_trend_tells_the_drift_that_it_cannot_rule_out() -> None:
    """It is the far end of the slope's interval times the days between the middles."""
    treated, control, _ = outcome(2.0)
    result = evaluate(treated, control, design=design())
    trend = result.pre_trend
    assert trend is not None
    assert trend.possible == pytest.approx(trend.high * N)
    assert trend.possible > result.effect / 2
    (check,) = [check for check in result.checks if check.name == "pre-trend"]
    assert check.passed, "it is told, not judged"
    assert result.verdict is Verdict.EFFECT
    assert f"make up to {say_unit(trend.possible)} between the middles" in check.consequence
    assert "such a drift may explain it" in check.consequence


def test_pre_trend_of_a_large_effect_says_that_no_drift_makes_half_of_it() -> None:
    for effect in (40.0, -40.0):
        treated, control, _ = outcome(effect)
        result = evaluate(treated, control, design=design())
        trend = result.pre_trend
        assert trend is not None
        assert trend.possible * effect >= 0
        (check,) = [check for check in result.checks if check.name == "pre-trend"]
        assert "No drift that this interval allows makes more than half" in check.consequence
        assert "may explain" not in check.consequence


def test_drift_counts_the_days_that_a_transition_leaves_out() -> None:
    treated, control, _ = outcome(2.5)
    phases = {
        "before": (DAY0, DAY0 + timedelta(28)),
        "after": (DAY0 + timedelta(N), DAY0 + timedelta(N + 42)),
    }
    trend = evaluate(treated, control, design=design(**phases)).pre_trend
    assert trend is not None
    assert trend.possible == pytest.approx(trend.high * (N + 20.5 - 13.5))
    assert trend.drift == pytest.approx(trend.slope * 20.5)


def test_adjusted_verdict_withdraws_a_claim_that_does_not_survive_the_family() -> None:
    result = evaluated("did")
    assert adjusted_verdict(result, 0.01, 3) is result
    weaker = adjusted_verdict(result, 0.2, 3)
    assert weaker.verdict is Verdict.INCONCLUSIVE
    assert "3 outcomes were declared" in weaker.reasons[0]
    assert weaker.estimate == result.estimate


# ------------------------------------------------------------------ what must not be claimed


def test_before_after_in_another_season_is_no_effect_however_small_p_is() -> None:
    treated, _, _ = outcome(15.0)
    plain = evaluate(treated, design=design("before_after", weekdays="adjust"))
    named = {check.name: check for check in plain.checks}
    assert plain.p < 0.05
    assert plain.verdict is Verdict.INCONCLUSIVE
    assert "56 days apart in the year" in named["season"].consequence
    assert "different seasons" in plain.reasons[0]
    told = evaluated("before_after").checks
    assert [check.passed for check in told if check.name == "season"] == [True]
    assert "season" not in {check.name for check in evaluated("did").checks}
    none, _, _ = outcome(0.0)
    hidden = evaluate(none, design=design("before_after", weekdays="adjust"))
    assert hidden.verdict is Verdict.INCONCLUSIVE
    assert "could hide an effect" in hidden.reasons[0]


def test_the_same_weeks_of_two_years_are_one_season() -> None:
    index = pd.date_range("2024-03-04", "2025-04-14", inclusive="left")
    values = pd.Series(np.random.default_rng(4).normal(50, 3, len(index)), index=index)
    result = evaluate(
        values + 6.0 * (index >= "2025-01-01"),
        design=Design(
            method="before_after",
            before=(date(2024, 3, 4), date(2024, 4, 15)),
            after=(date(2025, 3, 3), date(2025, 4, 14)),
            weekdays="adjust",
        ),
    )
    season = next(check for check in result.checks if check.name == "season")
    assert season.passed
    assert result.verdict is Verdict.EFFECT, result.reasons


def test_days_less_steady_than_foretold_make_what_could_be_seen_larger() -> None:
    treated, control, _ = outcome(0.0)
    wild = np.where(np.arange(2 * N) >= N, 6.0, 0.0) * ar1(0.0, 21)
    result = evaluate(treated + wild, control, design=design())
    calm = evaluate(treated, control, design=design())
    assert result.mde == calm.mde  # from the before phase alone
    assert result.mde_attained > 1.5 * result.mde
    precision = next(check for check in result.checks if check.name == "precision")
    assert not precision.passed
    if result.verdict is Verdict.NO_EFFECT:
        assert say_unit(result.mde_attained) in result.reasons[0]
    assert next(check for check in calm.checks if check.name == "precision").passed


@pytest.mark.parametrize("side", ["treated", "control"])
@pytest.mark.parametrize("value", [0.0, 190.0])
def test_side_that_never_varies_in_a_phase_is_no_effect(side: str, value: float) -> None:
    treated, control, _ = outcome(0.0)
    stuck = treated if side == "treated" else control
    stuck.iloc[N:] = value
    result = evaluate(treated, control, design=design())
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"The {side} side is {value:g} on every day after" in " ".join(result.reasons)


HARD = {
    "nothing": lambda y: y * np.nan,
    "nothing after": lambda y: np.where(np.arange(len(y)) < N, y, np.nan),
    "nothing before": lambda y: np.where(np.arange(len(y)) < N, np.nan, y),
    "one day each": lambda y: np.where(np.isin(np.arange(len(y)), [3, N + 3]), y, np.nan),
    "zeros": lambda y: y * 0,
    "zeros after": lambda y: np.where(np.arange(len(y)) < N, y, 0.0),
    "zeros before": lambda y: np.where(np.arange(len(y)) < N, 0.0, y),
    "huge": lambda y: y * 1e15,
    "every other day": lambda y: (np.arange(len(y)) % 2) * 1.0,
}


@pytest.mark.parametrize("method", [*METHODS, "paired_days"])
@pytest.mark.parametrize("kind", list(HARD))
def test_hard_series_have_a_result_that_claims_nothing(method: str, kind: str) -> None:
    """No warning, no error, plain JSON, and never an effect."""
    treated, control, table = outcome(0.0)
    with_weather = method in ("weather_normalised", "counts")
    result = evaluate(
        pd.Series(HARD[kind](treated.round().to_numpy()), index=treated.index),
        control if method in ("did", "cits") else None,
        design=design(method),
        covariates=table if with_weather else None,
    )
    json.dumps(result.to_dict(), allow_nan=False)
    assert result.verdict is not Verdict.EFFECT, result.reasons


def test_control_that_never_varies_controls_nothing_and_that_is_told() -> None:
    treated, control, _ = outcome(5.0)
    result = evaluate(treated, control * 0, design=design(weekdays="adjust"))
    told = {check.name: check for check in result.checks}
    assert not told["control area"].passed
    assert "as if there were none" in told["control area"].consequence
    assert told["stuck"].passed
