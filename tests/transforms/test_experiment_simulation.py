"""Whether intervals cover, and effects are claimed no more often than the nominal level.

Noise is AR(1) with fixed seeds; 500 runs make a standard error of 1 percentage point, so the band
93..97 % is two standard errors wide on each side. What is run is what the evaluation runs: its
models and its estimators on arrays; only the calendar work of a single evaluation is left out.

EXPERIMENT_RUNS=5000 in the environment makes a deeper profile with a narrower band. The table of
all shares is printed at the end (pytest -s).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from transforms.experiment import Design, Verdict, evaluate
from transforms.experiments.count_model import count_estimate
from transforms.experiments.days import Phase
from transforms.experiments.design import METHODS, WITH_TREND, Rows, pairs_of
from transforms.experiments.model import model_of
from transforms.experiments.noise import Vector
from transforms.experiments.power import normal_ratio, power_at
from transforms.experiments.regression import Estimate, ols_hac, ols_prewhitened
from transforms.experiments.work import Work

RUNS: Final = int(os.environ.get("EXPERIMENT_RUNS", "500"))
#: 500 runs: 93..97 %. More runs leave less room for chance and keep the room for bias.
BAND: Final = 0.02 if RUNS <= 500 else 0.0125
DAY0: Final = date(2026, 1, 5)
N: Final = 42
T0: Final = DAY0 + timedelta(N)
DESIGN: Final = {"before": (DAY0, T0), "after": (T0, T0 + timedelta(N))}
DAY: Final = np.arange(2 * N)
AFTER: Final = (DAY >= N).astype(float)
WEEK: Final = np.column_stack([(number == DAY % 7).astype(float) for number in range(6)])

Shares = dict[tuple[str, str, float], float]


def noise(r: float, seed: int, runs: int = RUNS, n: int = 2 * N) -> np.ndarray:
    """AR(1) series of unit innovations, one per row, started in their stationary state."""
    shocks = np.random.default_rng(seed).normal(size=(runs, n + 200))
    return np.asarray(lfilter([1.0], [1.0, -r], shocks, axis=1)[:, 200:])


def rows(y: Vector, extra: np.ndarray, counts: Vector | None = None) -> Rows:
    """Days of both phases as the evaluation makes them."""
    return Rows(
        y=y,
        day=DAY,
        after=AFTER,
        extra=extra - extra.mean(axis=0),
        names=tuple(map(str, range(extra.shape[1]))),
        first=N,
        half=(N - 1) / 2,
        counts=counts,
    )


def estimates(method: str, weekdays: str, r: float, seed: int) -> Iterator[tuple[Estimate, float]]:
    """Estimates of a method on simulated days, each with the truth."""
    has_control = method in ("did", "cits")
    errors, sky, own = noise(r, seed), noise(0.7, seed + 1), noise(r, seed + 2)
    counted = np.random.default_rng(seed + 3)
    trend = 0.03 * DAY if method in WITH_TREND else 0.0
    for e, w, c in zip(errors, sky, own, strict=True):
        with_sky = method in ("before_after", "weather_normalised", "counts")
        week = 2.0 * (DAY % 7 == 6)
        truth = 0.2 if method == "counts" else 2.0
        # A week's rhythm that both areas share cancels; in one area the model must know it.
        shared = week if weekdays == "adjust" else 0.0
        y = truth * AFTER + (e - c) / 2**0.5 if has_control else truth * AFTER + e
        y = y + trend + shared + (1.5 * w if with_sky and method != "counts" else 0.0)
        parts = [w[:, np.newaxis]] if with_sky else []
        parts += [WEEK] if weekdays == "adjust" else []
        extra = np.column_stack(parts) if parts else np.zeros((2 * N, 0))
        if method == "counts":
            level = np.exp(5.5 + truth * AFTER + 0.1 * e + 0.05 * w - 0.1 * shared)
            data = rows(np.log(level), extra, counted.poisson(level).astype(float))
            model = model_of(method, data, has_control=False)
            yield count_estimate(data, model, Design(method=method, **DESIGN)), truth
            continue
        data = rows(y + (week if method == "paired_days" else 0.0), extra)
        data = pairs_of(data) if method == "paired_days" else data
        model = model_of(method, data, has_control=has_control)
        yield ols_prewhitened(data.y, model.matrix, model.contrast, day=data.day), truth


@pytest.fixture(scope="module")
def table() -> Iterator[Shares]:
    """Shares found, printed at the end."""
    found: Shares = {}
    yield found
    print(f"\ncoverage of the 95 % interval, {RUNS} runs, {N} + {N} days")
    for (method, weekdays, r), share in found.items():
        print(f"  {method:20} weekdays {weekdays:12} r {r:3.1f}  {100 * share:5.1f} %")


CASES: Final = [
    (method, weekdays, r)
    for method in METHODS
    for weekdays in ("adjust", "whole_weeks")
    for r in (0.0, 0.3, 0.5, 0.7)
    # A single area without dummies keeps the rhythm of the week in its residuals: not offered.
    # Pairs need none, as both days are of the same weekday.
    if (weekdays == "adjust" and method != "paired_days")
    or (weekdays == "whole_weeks" and method in ("did", "cits", "paired_days"))
]


@pytest.mark.parametrize(("method", "weekdays", "r"), CASES)
def test_interval_of_every_method_covers_and_the_effect_is_recovered(
    table: Shares, method: str, weekdays: str, r: float
) -> None:
    found = list(estimates(method, weekdays, r, seed=100))
    truth = found[0][1]
    share = float(np.mean([fit.low <= truth <= fit.high for fit, _ in found]))
    table[method, weekdays, r] = share
    assert abs(share - 0.95) <= BAND
    effects = np.array([fit.effect for fit, _ in found])
    error = float(effects.std()) / len(effects) ** 0.5
    # The logarithm of a mean with noise is a little below the mean of the logarithm.
    assert effects.mean() == pytest.approx(truth, abs=4 * error)


def test_interval_of_few_counts_covers_though_chance_hides_the_memory_of_days() -> None:
    """About 90 a day: Poisson chance halves the lag-1 autocorrelation of what moves the days.

    Without an allowance for it 89 % of the intervals cover.
    """
    counted, found = np.random.default_rng(31), []
    design = Design(method="counts", **DESIGN)
    for e in noise(0.7, 30):
        counts = counted.poisson(np.exp(4.5 + 0.1 * e)).astype(float)
        data = rows(np.log(counts), np.zeros((2 * N, 0)), counts)
        fit = count_estimate(data, model_of("counts", data, has_control=False), design)
        found.append(fit.low <= 0.0 <= fit.high)
    assert abs(float(np.mean(found)) - 0.95) <= BAND


@pytest.mark.parametrize(("before", "after"), [(28, 28), (28, 56), (84, 84)])
def test_interval_covers_at_other_lengths(before: int, after: int) -> None:
    step = np.column_stack([np.ones(before + after), np.arange(before + after) >= before])
    series = noise(0.4, 21, n=before + after)
    fits = (ols_prewhitened(y, step, np.array([0.0, 1.0])) for y in series)
    share = float(np.mean([fit.low <= 0.0 <= fit.high for fit in fits]))
    assert abs(share - 0.95) <= BAND


def test_newey_west_alone_does_not_cover() -> None:
    """Why the verdict does not rest on it: 87 % instead of 95 % at r = 0.5."""
    step = np.column_stack([np.ones(2 * N), AFTER])
    fits = [ols_hac(y, step, np.array([0.0, 1.0])) for y in noise(0.5, 20, min(RUNS, 500))]
    assert np.mean([fit.low <= 0.0 <= fit.high for fit in fits]) < 0.91


# ------------------------------------------------------------------ verdicts


def verdicts(effect: float, r: float, seed: int, runs: int, drift: float = 0.0) -> list[Verdict]:
    """Verdicts of a difference in differences, as the evaluation comes to them."""
    design, phase = Design(**DESIGN), Phase(DAY0, T0 - timedelta(1), N, N, N, N, N)
    later = Phase(T0, T0 + timedelta(N - 1), N, N, N, N, N)
    found = []
    for y in noise(r, seed, runs):
        data = rows(y + effect * AFTER + drift * DAY, np.zeros((2 * N, 0)))
        work = Work(design, data, (phase, later), has_control=True)
        found.append(work.judged(work.weeks(), work.required_opinions(), None)[0])
    return found


def test_verdicts_of_the_simulation_are_those_of_the_evaluation() -> None:
    index = [DAY0 + timedelta(k) for k in range(2 * N)]
    control = pd.Series(0.0, index=index)
    for effect in (0.0, 3.0):
        series = (pd.Series(y + effect * AFTER, index=index) for y in noise(0.3, 22, 3))
        whole = [evaluate(one, control, design=Design(**DESIGN)).verdict for one in series]
        assert whole == verdicts(effect, 0.3, 22, 3)


def share_of(verdict: Verdict, found: list[Verdict]) -> float:
    return float(np.mean([each is verdict for each in found]))


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5])
def test_effect_is_claimed_no_more_often_than_alpha_where_there_is_none(r: float) -> None:
    assert share_of(Verdict.EFFECT, verdicts(0.0, r, seed=22, runs=RUNS)) <= 0.05


def test_most_drifts_are_not_claimed_as_effects() -> None:
    """Not all: six weeks of noise hide a slow drift, which the check says in words.

    The plain interval excludes 0 in nearly all of these runs, in which nothing happened.
    """
    runs = min(RUNS, 500) // 2
    step = np.column_stack([np.ones(2 * N), AFTER])
    plain = [
        ols_prewhitened(y + 0.05 * DAY, step, np.array([0.0, 1.0])) for y in noise(0.3, 26, runs)
    ]
    assert np.mean([fit.low > 0 for fit in plain]) > 0.9
    assert share_of(Verdict.EFFECT, verdicts(0.0, 0.3, 26, runs, drift=0.05)) < 0.4
    assert share_of(Verdict.EFFECT, verdicts(0.0, 0.3, 26, runs, drift=0.2)) < 0.1


def test_large_effect_is_claimed_nearly_always() -> None:
    assert share_of(Verdict.EFFECT, verdicts(4.0, 0.3, seed=24, runs=100)) >= 0.9


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5])
def test_power_at_the_detectable_effect_is_what_the_report_says(r: float) -> None:
    """Near 80 %, and by its degrees of freedom 71 to 74 %: within four standard errors of 500 runs.

    The MDE is for the interval; the checks of the verdict cost power on top.
    """
    step = np.column_stack([np.ones(2 * N), AFTER])
    # True values, not estimates: 42(1-r)/(1+r) days a phase, spread of AR(1) noise.
    mde = 2.8016 * (1 / (1 - r**2)) ** 0.5 * (2 / (N * (1 - r) / (1 + r))) ** 0.5
    fits = [ols_prewhitened(y + mde * AFTER, step, np.array([0.0, 1.0])) for y in noise(r, 25)]
    share = np.mean([fit.low > 0 for fit in fits])
    assert 0.68 <= share <= 0.86
    told = np.mean([power_at(normal_ratio(), fit.df) for fit in fits])
    assert share == pytest.approx(told, abs=0.08)
