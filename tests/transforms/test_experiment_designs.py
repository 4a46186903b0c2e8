"""Interrupted series, single-place designs, placebos and second opinions."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from livinglab.errors import DataError
from transforms.experiment import (
    adjusted_p,
    before_after,
    block_bootstrap,
    count_ratio,
    did,
    glsar,
    its,
    placebo_in_space,
    placebo_in_time,
    weather_normalised,
)
from transforms.experiments.regression import ols_prewhitened

DAY0 = date(2026, 1, 5)
CONTRAST = np.array([0.0, 1.0])
VECTOR = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])


def days(n: int) -> list[date]:
    return [DAY0 + timedelta(k) for k in range(n)]


def phases(before: int, after: int) -> dict[str, tuple[date, date]]:
    t0 = DAY0 + timedelta(before)
    return {"before": (DAY0, t0), "after": (t0, t0 + timedelta(after))}


def ar1(n: int, r: float, seed: int, runs: int = 1) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(size=(runs, n + 200))
    return np.asarray(lfilter([1.0], [1.0, -r], shocks, axis=1)[:, 200:])


def weather(n: int, seed: int) -> pd.DataFrame:
    columns = {"temperature": ar1(n, 0.8, seed)[0] * 3, "wind": ar1(n, 0.4, seed + 1)[0]}
    return pd.DataFrame(columns, index=days(n))


def step(n: int, effect: float) -> np.ndarray:
    return effect * (np.arange(2 * n) >= n)


def test_its_matches_worked_vector() -> None:
    fit = its(pd.Series(VECTOR, index=days(12)), **phases(6, 6), lags=2)
    assert fit.slope_before.effect == pytest.approx(0.371429, abs=5e-7)
    assert fit.level.effect == pytest.approx(1.771429, abs=5e-7)
    assert fit.slope.effect == pytest.approx(0.0, abs=1e-9)


def test_its_effect_is_level_plus_slope_times_horizon() -> None:
    trend = 0.05 * np.arange(120) + step(60, 4.0) + 0.1 * np.maximum(np.arange(120) - 60, 0)
    outcome = pd.Series(trend + ar1(120, 0.3, 3)[0] / 5, index=days(120))
    fit = its(outcome, **phases(60, 60), horizon_days=30)
    assert fit.effect.effect == pytest.approx(fit.level.effect + 30 * fit.slope.effect)
    assert fit.effect.low < 7.0 < fit.effect.high
    assert fit.newey_west.effect == pytest.approx(fit.effect.effect)


def test_its_with_a_control_removes_the_common_course() -> None:
    common = pd.Series(np.sin(np.arange(120) / 9) * 20, index=days(120))
    noise = ar1(120, 0.2, 4, runs=2)
    treated = common + noise[0] + step(60, 5.0)
    fit = its(treated, control=common + noise[1], **phases(60, 60))
    assert fit.formula.startswith("treated - control")
    assert fit.effect.low < 5.0 < fit.effect.high


def test_its_drops_days_without_outcome_or_covariate() -> None:
    table = weather(60, 5)
    outcome = pd.Series(ar1(60, 0.3, 6)[0], index=days(60))
    outcome.iloc[4] = np.nan
    table.iloc[40, 0] = np.nan
    fit = its(outcome, **phases(30, 30), covariates=table, weekdays=True)
    assert (fit.n_days, fit.n_missing) == (58, 2)
    assert fit.covariates[:2] == ("temperature", "wind")
    assert json.dumps(fit.to_dict(), allow_nan=False)


def test_its_refuses_a_yearly_cycle_of_less_than_a_year() -> None:
    with pytest.raises(DataError, match="more than a year"):
        its(pd.Series(1.0, index=days(60)), **phases(30, 30), yearly_cycle=True)


def test_its_with_a_yearly_cycle_over_two_years() -> None:
    n = 730
    season = 10 * np.sin(2 * np.pi * np.arange(n) / 365.2425)
    outcome = pd.Series(season + ar1(n, 0.4, 7)[0] + step(365, 3.0), index=days(n))
    fit = its(outcome, **phases(365, 365), yearly_cycle=True)
    assert fit.level.low < 3.0 < fit.level.high
    assert fit.level.high - fit.level.low < 2


def test_before_after_removes_weekdays_and_weather() -> None:
    table = weather(84, 8)
    week = np.tile([0, 0, 0, 0, 0, -8, -9.0], 12)
    outcome = week + 1.5 * table["temperature"] + ar1(84, 0.3, 52)[0] / 2 + step(42, 3.0) + 40
    fit = before_after(outcome, **phases(42, 42), covariates=table)
    assert fit.estimate.low < 3.0 < fit.estimate.high
    assert fit.estimate.high - fit.estimate.low < 2
    plain = before_after(outcome, **phases(42, 42), weekdays=False)
    assert plain.estimate.se > 2 * fit.estimate.se


def test_weather_normalised_agrees_with_regression_and_tells_how_good_the_model_is() -> None:
    table = weather(112, 11)
    outcome = 40 + 2 * table["temperature"] - table["wind"] + ar1(112, 0.3, 53)[0] + step(56, 4.0)
    model = weather_normalised(outcome, table, **phases(56, 56))
    regression = before_after(outcome, **phases(56, 56), covariates=table)
    assert model.estimate.low < 4.0 < model.estimate.high
    assert model.estimate.effect == pytest.approx(regression.estimate.effect, abs=0.6)
    assert model.fit["r2"] > 0.9
    assert model.fit["rmse_left_out_weeks"] > 0.8


def test_weather_normalised_effect_is_observed_minus_predicted() -> None:
    """The regression with slopes of its own gives exactly the mean residual of a before model."""
    table = weather(84, 13)
    outcome = 20 + table["temperature"] + ar1(84, 0.3, 51)[0] + step(42, 1.0)
    design = np.column_stack([np.ones(84), table.to_numpy()])
    y = outcome.to_numpy()
    beta = np.linalg.lstsq(design[:42], y[:42])[0]
    residual = float((y[42:] - design[42:] @ beta).mean())
    fit = weather_normalised(outcome, table, **phases(42, 42), weekdays=False)
    assert fit.estimate.effect == pytest.approx(residual, abs=1e-9)


def test_count_ratio_recovers_a_known_ratio() -> None:
    rng = np.random.default_rng(15)
    mean = 200 * np.tile([1, 1, 1, 1, 1, 0.5, 0.4], 12) * np.exp(step(42, np.log(1.2)))
    counts = pd.Series(rng.poisson(mean * rng.gamma(50, 1 / 50, 84)).astype(float), index=days(84))
    fit = count_ratio(counts, **phases(42, 42))
    assert fit.effect_percent == pytest.approx(20, abs=5)
    assert fit.estimate.low < np.log(1.2) < fit.estimate.high
    with pytest.raises(DataError, match="negative counts"):
        count_ratio(counts - 1000, **phases(42, 42))


def test_count_ratio_with_uptime_is_about_rates() -> None:
    rng = np.random.default_rng(16)
    hours = pd.Series(np.where(np.arange(84) < 42, 10.0, 20.0), index=days(84))
    counts = pd.Series(rng.poisson(30 * hours.to_numpy()).astype(float), index=days(84))
    fit = count_ratio(counts, **phases(42, 42), uptime_h=hours, weekdays=False)
    assert fit.effect_percent == pytest.approx(0, abs=3)


def test_second_opinions_surround_the_same_effect() -> None:
    y = ar1(84, 0.4, 17)[0] + step(42, 2.0)
    design = np.column_stack([np.ones(84), step(42, 1.0)])
    main = ols_prewhitened(y, design, CONTRAST)
    for other in (glsar(y, design, CONTRAST), block_bootstrap(y, design, CONTRAST)):
        assert other.effect == pytest.approx(main.effect, abs=0.3)
        assert other.low < 2.0 < other.high
    with pytest.raises(DataError, match="do not fit"):
        block_bootstrap(y, design, CONTRAST, block=100)


def test_did_carries_second_opinions_unless_told_not_to() -> None:
    treated = pd.Series(ar1(84, 0.3, 18)[0], index=days(84))
    full = did(treated, treated * 0, **phases(42, 42))
    short = did(treated, treated * 0, **phases(42, 42), second_opinions=False)
    assert [other.method for other in full.sensitivity] == [
        "OLS, Newey-West",
        "GLS, AR(1)",
        "moving-block bootstrap, 7 days",
        "controlled interrupted time series",
    ]
    assert short.verdict == full.verdict
    assert [other.method for other in short.sensitivity] == ["controlled interrupted time series"]


def test_placebo_in_time_ranks_a_real_effect_first() -> None:
    noise = pd.Series(ar1(84, 0.2, 19)[0] + step(42, 6.0), index=days(84))
    found = placebo_in_time(noise, noise * 0, before=phases(42, 42)["before"], effect=6.0)
    assert (found.rank, len(found.effects)) == (1, 15)
    assert found.p == pytest.approx(1 / 16)
    with pytest.raises(DataError, match="no room"):
        placebo_in_time(noise, noise * 0, before=phases(20, 20)["before"], effect=6.0)


def test_placebo_in_space_cannot_say_more_than_its_number_of_areas() -> None:
    noise = ar1(84, 0.2, 20, runs=4)
    controls = {f"c{k}": pd.Series(row, index=days(84)) for k, row in enumerate(noise)}
    found = placebo_in_space(controls, **phases(42, 42), effect=9.0)
    assert found.p == pytest.approx(0.2)
    with pytest.raises(DataError, match="two or more"):
        placebo_in_space({"a": controls["c0"]}, **phases(42, 42), effect=1.0)


def test_adjusted_p_matches_worked_vectors_and_keeps_families_apart() -> None:
    p = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}
    holm = [value for value, _ in adjusted_p(p, declared="abcd").values()]
    assert holm == pytest.approx([0.04, 0.06, 0.06, 0.06])
    bh = [value for value, _ in adjusted_p(p, declared="").values()]
    assert bh == pytest.approx([0.04] * 4)
    mixed = adjusted_p(p, declared="a")
    assert mixed["a"] == (0.01, "holm")
    assert mixed["d"][1].startswith("exploratory")
