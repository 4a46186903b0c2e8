"""Difference in differences: worked vectors, missing days, verdicts, record."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from livinglab.errors import DataError
from transforms.experiment import Design, Result, Verdict, evaluate
from transforms.experiments.days import contrast_days
from transforms.experiments.power import (
    hedges_g,
    minimal_detectable_effect,
    normal_ratio,
    power_at,
)
from transforms.experiments.regression import ols_hac, ols_prewhitened, residual_lag1

DAY0 = date(2026, 1, 5)
VECTOR = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
STEP = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])


def days(n: int, start: date = DAY0) -> list[date]:
    return [start + timedelta(k) for k in range(n)]


def phases(before: int, after: int) -> dict[str, tuple[date, date]]:
    t0 = DAY0 + timedelta(before)
    return {"before": (DAY0, t0), "after": (t0, t0 + timedelta(after))}


def pair(n: int, effect: float, seed: int = 1) -> tuple[pd.Series, pd.Series]:
    """Treated and control series of 2n days with common weather and own noise of spread 1."""
    rng = np.random.default_rng(seed)
    weather = rng.normal(0, 5, 2 * n)
    control = pd.Series(50 + weather + rng.normal(0, 0.7, 2 * n), index=days(2 * n))
    shift = effect * (np.arange(2 * n) >= n)
    treated = pd.Series(80 + weather + rng.normal(0, 0.7, 2 * n) + shift, index=days(2 * n))
    return treated, control


def did(treated: pd.Series, control: pd.Series, **design: Any) -> Result:
    return evaluate(treated, control, design=Design(method="did", **design))


def vector_did(lags: int | None = 2) -> Result:
    treated = pd.Series(10 + VECTOR, index=days(12))
    return did(treated, pd.Series(10.0, index=days(12)), **phases(6, 6), lags=lags)


def test_ols_hac_matches_worked_vector() -> None:
    fit = ols_hac(VECTOR, STEP, np.array([0.0, 1.0]), lags=2)
    assert fit.effect == pytest.approx(4.0, abs=1e-9)
    assert fit.se == pytest.approx(0.658281, abs=5e-7)
    assert (fit.low, fit.high) == pytest.approx((2.533259, 5.466741), abs=5e-7)


def test_did_reports_newey_west_of_worked_vector_as_sensitivity() -> None:
    hac = vector_did().sensitivity[0]
    assert (hac.se, hac.low) == pytest.approx((0.658281, 2.533259), abs=5e-7)
    assert vector_did().effect == pytest.approx(4.0, abs=1e-9)


def test_did_of_group_means_matches_worked_vector() -> None:
    treated = pd.Series([9, 11.0] * 6 + [13, 15.0] * 6, index=days(24))
    control = pd.Series([8.0, 8.0] * 6 + [9.0] * 12, index=days(24))
    result = did(treated, control, **phases(12, 12))
    assert result.effect == pytest.approx(3.0, abs=1e-9)
    assert result.mean == pytest.approx(
        {"treated_before": 10, "treated_after": 14, "control_before": 8, "control_after": 9}
    )
    assert result.effect_percent == pytest.approx(30.0)


def test_hedges_g_matches_worked_vector() -> None:
    assert hedges_g(VECTOR[:6], VECTOR[6:]) == pytest.approx(3.520477, abs=5e-7)
    assert vector_did().g == pytest.approx(3.520477, abs=5e-7)


def test_minimal_detectable_effect_matches_worked_vectors() -> None:
    assert minimal_detectable_effect(5, 30, 30) == pytest.approx(3.617, abs=5e-4)
    assert minimal_detectable_effect(5, 20, 20) == pytest.approx(4.4297, abs=5e-5)


@pytest.mark.parametrize("df", [3.0, 8.4, 20.0, 200.0])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_power_is_that_of_a_normal_estimate_with_a_chi_squared_error(
    df: float, alpha: float
) -> None:
    """Integrated over the standard error, without the noncentral t distribution."""
    least = stats.t.ppf(1 - alpha / 2, df)

    def part(chi2: float) -> float:
        edge = least * np.sqrt(chi2 / df)
        found = stats.norm.sf(edge - 2.8016) + stats.norm.cdf(-edge - 2.8016)
        return float(found * stats.chi2.pdf(chi2, df))

    expected = quad(part, 0, df + 40 * np.sqrt(df) + 60, limit=500, points=[df])[0]
    assert power_at(2.8016, df, alpha=alpha) == pytest.approx(expected, abs=1e-6)


def test_power_matches_published_values_and_the_normal_limit() -> None:
    """34 pairs and d = 0.5 are the textbook sample size for 80 % (G*Power: 0.8077775)."""
    assert power_at(0.5 * 34**0.5, 33) == pytest.approx(0.8077775, abs=5e-7)
    assert power_at(normal_ratio(), 1e7) == pytest.approx(0.8, abs=1e-5)
    assert power_at(0.0, 12, alpha=0.1) == pytest.approx(0.1)
    assert np.isnan(power_at(2.8, float("nan")))


def test_did_tells_the_power_of_its_detectable_effect() -> None:
    result = did(*pair(42, 0.0), **phases(42, 42))
    expected = power_at(normal_ratio(), result.estimate.df)
    assert result.mde_power == pytest.approx(expected, rel=1e-12)
    assert 0.6 < result.mde_power < 0.8


def test_did_shows_a_known_effect_net_of_common_weather() -> None:
    result = did(*pair(42, 3.0), **phases(42, 42))
    assert result.verdict is Verdict.EFFECT
    assert result.low < 3.0 < result.high
    assert result.headline == "effect shown"


def test_did_names_the_detectable_effect_where_none_is_shown() -> None:
    result = did(*pair(42, 0.0), **phases(42, 42))
    assert result.verdict is Verdict.NO_EFFECT
    assert result.headline == f"no effect shown (MDE {result.mde:.3g})"
    assert result.low < 0 < result.high


def test_did_mde_uses_before_data_only() -> None:
    treated, control = pair(42, 0.0)
    changed = treated.copy()
    changed.iloc[42:] += np.linspace(0, 40, 42)
    assert (
        did(changed, control, **phases(42, 42)).mde == did(treated, control, **phases(42, 42)).mde
    )


def test_did_drops_a_day_that_misses_a_side() -> None:
    treated, control = pair(42, 3.0)
    treated.iloc[3] = np.nan
    control = control.drop(control.index[50])
    result = did(treated, control, **phases(42, 42))
    assert (result.n_used, result.n_dropped) == (82, 2)
    assert (result.before.treated, result.before.control, result.before.used) == (41, 42, 41)
    assert result.after.coverage == pytest.approx(41 / 42)
    assert result.low < 3.0 < result.high


def test_did_is_invalid_below_coverage() -> None:
    treated, control = pair(42, 3.0)
    result = did(treated.iloc[20:], control, **phases(42, 42), min_coverage=0.75)
    assert result.verdict is Verdict.INVALID
    assert "22 of 42 days" in result.reasons[0]


def test_did_says_weak_where_a_fifth_of_days_is_missing() -> None:
    treated, control = pair(42, 3.0)
    treated.iloc[::4] = np.nan
    result = did(treated, control, **phases(42, 42), min_coverage=0.6)
    assert result.verdict is Verdict.EFFECT
    assert any("weak" in reason for reason in result.reasons)


def test_did_under_twelve_days_is_an_indication_only() -> None:
    assert vector_did().verdict is Verdict.INCONCLUSIVE
    assert "indication" in vector_did().reasons[0]


def test_did_of_stuck_sensors_is_invalid() -> None:
    flat = pd.Series(5.0, index=days(60))
    result = did(flat + 2, flat, **phases(30, 30))
    assert result.verdict is Verdict.INVALID
    assert "stuck" in " ".join(result.reasons)


def test_did_without_any_common_day_is_invalid() -> None:
    one = pd.Series(1.0, index=days(30))
    result = did(one, one, **phases(30, 30))
    assert result.verdict is Verdict.INVALID
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["estimate"]["effect"] is None


def test_did_does_not_take_a_drift_for_an_effect() -> None:
    treated, control = pair(42, 0.0)
    drifting = treated + 0.1 * np.arange(84)
    result = did(drifting, control, **phases(42, 42))
    assert result.low > 0, "the plain contrast sees 4.2"
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.pre_trend is not None
    assert result.pre_trend.slope == pytest.approx(0.1, abs=0.03)


def test_did_finds_an_effect_on_top_of_a_drift() -> None:
    treated, control = pair(42, 6.0)
    result = did(treated + 0.1 * np.arange(84), control, **phases(42, 42))
    assert result.verdict is Verdict.EFFECT
    cits = result.sensitivity[-1]
    assert cits.low < 6.0 < cits.high


def test_did_passes_the_placebo_label_on() -> None:
    result = did(*pair(42, 0.0), **phases(42, 42), placebo=True)
    assert result.headline.startswith("placebo: no effect shown (MDE")
    assert "nobody intervened" in result.reasons[-1]


def test_did_leaves_the_transition_out() -> None:
    treated, control = pair(42, 3.0)
    treated.iloc[42:49] = 1e6
    after = (DAY0 + timedelta(49), DAY0 + timedelta(84))
    result = did(treated, control, before=(DAY0, DAY0 + timedelta(42)), after=after)
    assert result.low < 3.0 < result.high


def test_did_reads_starts_of_local_days_across_the_clock_change() -> None:
    start = date(2026, 3, 1)
    local = pd.date_range(start, periods=60, tz="Europe/Amsterdam")
    rng = np.random.default_rng(4)
    values = pd.Series(rng.normal(0, 1, 60), index=local)
    calendar = pd.Series(values.to_numpy(), index=[start + timedelta(k) for k in range(60)])
    when = {
        "before": (start, start + timedelta(30)),
        "after": (start + timedelta(30), start + timedelta(60)),
    }
    in_utc = pd.Series(values.to_numpy(), index=local.tz_convert("UTC"))
    zero = calendar * 0.0
    expected = did(calendar, zero, **when).to_dict()
    assert did(in_utc, zero, **when, zone="Europe/Amsterdam").to_dict() == expected
    with pytest.raises(DataError, match="not the start of a day"):
        did(in_utc, zero, **when)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ((DAY0, DAY0), (DAY0, DAY0 + timedelta(5)), "before phase .* is empty"),
        ((DAY0, DAY0 + timedelta(9)), (DAY0 + timedelta(5), DAY0 + timedelta(20)), "inside"),
    ],
)
def test_did_refuses_impossible_phases(
    before: tuple[date, date], after: tuple[date, date], message: str
) -> None:
    one = pd.Series(1.0, index=days(30))
    with pytest.raises(DataError, match=message):
        did(one, one, before=before, after=after)


def test_did_refuses_two_values_of_a_day() -> None:
    one = pd.Series(1.0, index=[DAY0, DAY0])
    with pytest.raises(DataError, match="two values"):
        did(one, one, **phases(6, 6))


def test_did_refuses_alpha_outside_a_share() -> None:
    with pytest.raises(DataError, match="alpha is 5"):
        did(*pair(6, 0.0), **phases(6, 6), alpha=5)


def test_did_record_is_plain_json_and_repeats_to_the_byte() -> None:
    first, second = (
        json.dumps(did(*pair(42, 1.0), **phases(42, 42)).to_dict(), allow_nan=False)
        for _ in range(2)
    )
    assert first == second
    record = json.loads(first)
    assert record["verdict"] in set(Verdict)
    assert record["before"]["coverage"] == 1.0
    assert record["before"]["first"] == "2026-01-05"


def test_did_does_not_depend_on_the_order_of_rows() -> None:
    treated, control = pair(42, 1.0)
    shuffled = treated.sample(frac=1, random_state=3)
    assert (
        did(shuffled, control, **phases(42, 42)).to_dict()
        == did(treated, control, **phases(42, 42)).to_dict()
    )


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-100, 100), common=st.floats(-100, 100), seed=st.integers(0, 50))
def test_did_ignores_what_both_areas_share_and_adds_what_the_treated_gains(
    shift: float, common: float, seed: int
) -> None:
    treated, control = pair(20, 0.0, seed)
    plain = did(treated, control, **phases(20, 20))
    gained = treated + shift * (np.arange(40) >= 20) + common
    moved = did(gained, control + common, **phases(20, 20))
    assert moved.effect == pytest.approx(plain.effect + shift, abs=1e-8)
    assert moved.estimate.se == pytest.approx(plain.estimate.se, rel=1e-6)


def test_missing_days_never_become_zero() -> None:
    treated, control = pair(20, 0.0)
    frame = contrast_days(treated.iloc[5:], control, **phases(20, 20))
    assert frame["treated"].isna().sum() == 5
    assert frame["d"].isna().sum() == 5


def test_residual_lag1_recovers_the_coefficient_of_the_noise() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        noise = np.zeros(84)
        for k, shock in enumerate(rng.normal(size=84)):
            noise[k] = 0.5 * noise[k - 1] * (k > 0) + shock
        found.append(residual_lag1(noise, np.column_stack([np.ones(84), np.arange(84) >= 42])))
    assert np.mean(found) == pytest.approx(0.5, abs=0.03), "the naive estimate is near 0.44"


def test_ols_prewhitened_keeps_days_apart_across_a_gap() -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(size=60)
    day = np.r_[np.arange(30), np.arange(300, 330)]
    design = np.column_stack([np.ones(60), day >= 300])
    near = ols_prewhitened(y, design, np.array([0.0, 1.0]))
    apart = ols_prewhitened(y, design, np.array([0.0, 1.0]), day=day)
    assert near.effect == pytest.approx(apart.effect)
    assert near.se != apart.se


def test_regression_refuses_a_constant_covariate() -> None:
    with pytest.raises(DataError, match="say the same"):
        ols_hac(VECTOR, np.ones((12, 2)), np.array([0.0, 1.0]))
