"""Interrupted series, single-place designs, placebos and second opinions."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from livinglab.errors import DataError
from transforms.experiment import Design, Result, adjusted_p, evaluate
from transforms.experiments.count_model import quasi_poisson
from transforms.experiments.regression import Estimate, ols_prewhitened
from transforms.experiments.resampling import block_bootstrap, glsar

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


def by(
    method: str,
    outcome: pd.Series,
    control: pd.Series | None = None,
    covariates: pd.DataFrame | None = None,
    **design: Any,
) -> Result:
    options = {"weekdays": "adjust"} | design
    return evaluate(
        outcome, control, design=Design(method=method, **options), covariates=covariates
    )


def trends(result: Result) -> tuple[Estimate, Estimate, Estimate]:
    """Slope before, change of level, change of slope."""
    names = ("slope before per day", "change of level on the first day", "change of slope per day")
    before, level, slope = (result.parts[name] for name in names)
    return before, level, slope


def test_its_matches_worked_vector() -> None:
    outcome = pd.Series(VECTOR, index=days(12))
    before, level, slope = trends(by("its", outcome, **phases(6, 6), lags=2, weekdays="ignore"))
    assert before.effect == pytest.approx(0.371429, abs=5e-7)
    assert level.effect == pytest.approx(1.771429, abs=5e-7)
    assert slope.effect == pytest.approx(0.0, abs=1e-9)


def test_its_effect_is_level_plus_slope_times_horizon() -> None:
    """The horizon is the middle of the after phase, 29.5 days after its first one."""
    trend = 0.05 * np.arange(120) + step(60, 4.0) + 0.1 * np.maximum(np.arange(120) - 60, 0)
    outcome = pd.Series(trend + ar1(120, 0.3, 3)[0] / 5, index=days(120))
    fit = by("its", outcome, **phases(60, 60), weekdays="ignore")
    _, level, slope = trends(fit)
    assert fit.effect == pytest.approx(level.effect + 29.5 * slope.effect)
    assert fit.low < 6.95 < fit.high
    assert fit.sensitivity[0].method == "OLS, Newey-West"
    assert fit.sensitivity[0].effect == pytest.approx(fit.effect)


def test_cits_removes_the_common_course() -> None:
    common = pd.Series(np.sin(np.arange(120) / 9) * 20, index=days(120))
    noise = ar1(120, 0.2, 4, runs=2)
    treated = common + noise[0] + step(60, 5.0)
    fit = by("cits", treated, common + noise[1], **phases(60, 60), weekdays="ignore")
    assert "d_t = treated_t - control_t" in fit.formula
    assert fit.low < 5.0 < fit.high


def test_its_drops_days_without_outcome_or_covariate() -> None:
    table = weather(60, 5)
    outcome = pd.Series(ar1(60, 0.3, 6)[0], index=days(60))
    outcome.iloc[4] = np.nan
    table.iloc[40, 0] = np.nan
    fit = by("its", outcome, covariates=table, **phases(30, 30))
    assert (fit.n_used, fit.n_dropped) == (58, 2)
    assert fit.covariates[:2] == ("temperature", "wind")
    assert json.dumps(fit.to_dict(), allow_nan=False)


def test_its_refuses_a_yearly_cycle_of_less_than_a_year() -> None:
    with pytest.raises(DataError, match="more than a year"):
        by("its", pd.Series(1.0, index=days(60)), **phases(30, 30), yearly_cycle=True)


def test_its_with_a_yearly_cycle_over_two_years() -> None:
    n = 730
    season = 10 * np.sin(2 * np.pi * np.arange(n) / 365.2425)
    outcome = pd.Series(season + ar1(n, 0.4, 7)[0] + step(365, 3.0), index=days(n))
    fit = by("its", outcome, **phases(365, 365), yearly_cycle=True, weekdays="ignore")
    _, level, _ = trends(fit)
    assert level.low < 3.0 < level.high
    assert level.high - level.low < 2


def test_before_after_removes_weekdays_and_weather() -> None:
    table = weather(84, 8)
    week = np.tile([0, 0, 0, 0, 0, -8, -9.0], 12)
    outcome = week + 1.5 * table["temperature"] + ar1(84, 0.3, 52)[0] / 2 + step(42, 3.0) + 40
    fit = by("before_after", outcome, covariates=table, **phases(42, 42))
    assert fit.low < 3.0 < fit.high
    assert fit.high - fit.low < 2
    plain = by("before_after", outcome, **phases(42, 42), weekdays="ignore")
    assert plain.estimate.se > 2 * fit.estimate.se


def test_before_after_of_a_week_with_a_quiet_weekend() -> None:
    load = np.array([5.0, 5, 5, 5, 5, 1, 1] * 8) + 2.0 * (np.arange(56) >= 28)
    outcome = pd.Series(load + np.sin(np.arange(56.0) ** 2) / 10, index=days(56))
    assert round(by("before_after", outcome, **phases(28, 28)).effect, 1) == 2.0


def test_weather_normalised_agrees_with_regression_and_tells_how_good_the_model_is() -> None:
    table = weather(112, 11)
    outcome = 40 + 2 * table["temperature"] - table["wind"] + ar1(112, 0.3, 53)[0] + step(56, 4.0)
    model = by("weather_normalised", outcome, covariates=table, **phases(56, 56))
    regression = by("before_after", outcome, covariates=table, **phases(56, 56))
    assert model.low < 4.0 < model.high
    assert model.effect == pytest.approx(regression.effect, abs=0.6)
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
    when = phases(42, 42)
    fit = by("weather_normalised", outcome, covariates=table, weekdays="ignore", **when)
    assert fit.effect == pytest.approx(residual, abs=1e-9)


def test_counts_recover_a_known_ratio() -> None:
    rng = np.random.default_rng(15)
    mean = 200 * np.tile([1, 1, 1, 1, 1, 0.5, 0.4], 12) * np.exp(step(42, np.log(1.2)))
    counts = pd.Series(rng.poisson(mean * rng.gamma(50, 1 / 50, 84)).astype(float), index=days(84))
    fit = by("counts", counts, **phases(42, 42))
    assert fit.effect_percent == pytest.approx(20, abs=5)
    assert fit.low < np.log(1.2) < fit.high
    with pytest.raises(DataError, match="negative counts"):
        by("counts", counts - 1000, **phases(42, 42))


def test_counts_over_hours_of_operation_are_about_rates() -> None:
    """Twice the counts in twice the hours are no effect: the offset is what counts relate to."""
    rng = np.random.default_rng(16)
    hours = np.where(np.arange(84) < 42, 10.0, 20.0)
    counts = rng.poisson(30 * hours).astype(float)
    design = np.column_stack([np.ones(84), step(42, 1.0)])
    fit = quasi_poisson(counts, design, np.arange(84), np.log(hours))
    assert 100 * np.expm1(fit.effect) == pytest.approx(0, abs=3)
    sides = (pd.Series(values, index=days(84)) for values in (counts, hours))
    whole = by("counts", *sides, **phases(42, 42), weekdays="ignore")
    assert whole.effect == pytest.approx(fit.effect, rel=1e-9)


def test_second_opinions_surround_the_same_effect() -> None:
    y = ar1(84, 0.4, 17)[0] + step(42, 2.0)
    design = np.column_stack([np.ones(84), step(42, 1.0)])
    main = ols_prewhitened(y, design, CONTRAST)
    for other in (glsar(y, design, CONTRAST), block_bootstrap(y, design, CONTRAST)):
        assert other.effect == pytest.approx(main.effect, abs=0.3)
        assert other.low < 2.0 < other.high
    with pytest.raises(DataError, match="do not fit"):
        block_bootstrap(y, design, CONTRAST, block=100)


def test_evaluation_carries_second_opinions_unless_told_not_to() -> None:
    treated = pd.Series(ar1(84, 0.3, 18)[0], index=days(84))
    design = Design(method="did", **phases(42, 42))
    full, short = (
        evaluate(treated, treated * 0, design=design, opinions=which) for which in (True, False)
    )
    assert [other.method for other in full.sensitivity] == [
        "OLS, Newey-West",
        "GLS, AR(1)",
        "moving-block bootstrap, 7 days",
        "controlled interrupted time series",
    ]
    assert short.verdict == full.verdict
    assert [other.method for other in short.sensitivity] == ["controlled interrupted time series"]


def test_placebo_in_time_ranks_a_real_effect_first() -> None:
    treated = pd.Series(ar1(84, 0.2, 19)[0] + step(42, 6.0), index=days(84))
    found = by("did", treated, treated * 0, **phases(42, 42), weekdays="ignore").placebo_in_time
    assert found is not None
    assert (found.rank, len(found.effects)) == (1, 15)
    assert found.p == pytest.approx(1 / 16)
    y = treated.to_numpy()[:42]
    rolled = [y[at:].mean() - y[:at].mean() for at in range(14, 29)]
    assert found.effects == pytest.approx(rolled)
    short = by("did", treated, treated * 0, **phases(20, 20), weekdays="ignore")
    assert short.placebo_in_time is None, "20 days leave no room for a false date"


def test_placebo_in_space_cannot_say_more_than_its_number_of_areas() -> None:
    noise = ar1(84, 0.2, 20, runs=5)
    controls = {f"c{k}": pd.Series(row, index=days(84)) for k, row in enumerate(noise[:4])}
    mean = pd.concat(controls.values(), axis=1).mean(axis=1)
    treated = pd.Series(noise[4] + step(42, 9.0), index=days(84))
    design = Design(method="did", **phases(42, 42))
    found = evaluate(treated, mean, design=design, controls=controls).placebo_in_space
    assert found is not None
    assert (found.rank, found.p) == (1, pytest.approx(0.2))
    other = (controls["c1"] + controls["c2"] + controls["c3"]) / 3
    d = (controls["c0"] - other).to_numpy()
    assert found.effects[0] == pytest.approx(d[42:].mean() - d[:42].mean())
    one = {"c0": controls["c0"]}
    alone = evaluate(treated, controls["c0"], design=design, controls=one)
    assert alone.placebo_in_space is None, "one area is no distribution"


def test_adjusted_p_matches_worked_vectors_and_keeps_families_apart() -> None:
    p = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}
    holm = [value for value, _ in adjusted_p(p, declared="abcd").values()]
    assert holm == pytest.approx([0.04, 0.06, 0.06, 0.06])
    bh = [value for value, _ in adjusted_p(p, declared="").values()]
    assert bh == pytest.approx([0.04] * 4)
    mixed = adjusted_p(p, declared="a")
    assert mixed["a"] == (0.01, "holm")
    assert mixed["d"][1].startswith("exploratory")
