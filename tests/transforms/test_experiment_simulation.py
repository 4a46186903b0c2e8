"""Do intervals cover, and is an effect claimed no more often than the nominal level?

Noise is AR(1) with fixed seeds; 500 runs make a standard error of 1 percentage point, so the band
93..97 % is two standard errors wide on each side.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from transforms.experiment import Verdict, before_after, did, its, weather_normalised
from transforms.experiments.regression import Vector, ols_hac, ols_prewhitened

RUNS = 500
CONTRAST = np.array([0.0, 1.0])


def noise(n: int, r: float, seed: int, runs: int = RUNS) -> np.ndarray:
    """AR(1) series of unit innovations, one per row, started in their stationary state."""
    shocks = np.random.default_rng(seed).normal(size=(runs, n + 200))
    return np.asarray(lfilter([1.0], [1.0, -r], shocks, axis=1)[:, 200:])


def step(before: int, after: int) -> np.ndarray:
    return np.column_stack([np.ones(before + after), np.arange(before + after) >= before])


def coverage(before: int, after: int, r: float, seed: int) -> float:
    design = step(before, after)
    fits = (ols_prewhitened(y, design, CONTRAST) for y in noise(before + after, r, seed))
    return float(np.mean([fit.low <= 0.0 <= fit.high for fit in fits]))


@pytest.mark.parametrize("r", [0.0, 0.3, 0.4, 0.5])
def test_interval_covers_the_truth_at_six_weeks_a_phase(r: float) -> None:
    assert 0.93 <= coverage(42, 42, r, seed=20) <= 0.97


@pytest.mark.parametrize(("before", "after"), [(28, 28), (28, 56), (84, 84)])
def test_interval_covers_the_truth_at_other_lengths(before: int, after: int) -> None:
    assert 0.93 <= coverage(before, after, 0.4, seed=21) <= 0.97


def test_newey_west_alone_does_not_cover() -> None:
    """Why the verdict does not rest on it: 87 % instead of 95 % at r = 0.5."""
    fits = [ols_hac(y, step(42, 42), CONTRAST) for y in noise(84, 0.5, 20)]
    assert np.mean([fit.low <= 0.0 <= fit.high for fit in fits]) < 0.91


def claims(effect: float, r: float, seed: int, runs: int) -> list[Verdict]:
    days = [date(2026, 1, 5) + timedelta(k) for k in range(84)]
    phases = {"before": (days[0], days[42]), "after": (days[42], days[-1] + timedelta(1))}
    control = pd.Series(0.0, index=days)
    shift = effect * (np.arange(84) >= 42)

    def verdict(y: Vector) -> Verdict:
        treated = pd.Series(y + shift, index=days)
        return did(treated, control, **phases, second_opinions=False).verdict

    return [verdict(y) for y in noise(84, r, seed, runs)]


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5])
def test_effect_is_claimed_no_more_often_than_alpha_where_there_is_none(r: float) -> None:
    found = claims(0.0, r, seed=22, runs=RUNS)
    assert np.mean([verdict is Verdict.EFFECT for verdict in found]) <= 0.05


def test_known_effect_is_recovered_without_bias() -> None:
    design = step(42, 42)
    effects = [
        ols_prewhitened(y + 2.0 * design[:, 1], design, CONTRAST).effect for y in noise(84, 0.4, 23)
    ]
    standard_error = np.std(effects) / RUNS**0.5
    assert np.mean(effects) == pytest.approx(2.0, abs=3 * standard_error)


def test_large_effect_is_claimed_nearly_always() -> None:
    found = claims(4.0, 0.3, seed=24, runs=200)
    assert np.mean([verdict is Verdict.EFFECT for verdict in found]) >= 0.9


def test_power_at_the_detectable_effect_is_near_eighty_percent() -> None:
    """The MDE is for the interval; the pre-trend check of the verdict costs power on top."""
    design = step(42, 42)
    r = 0.3
    # True values, not estimates: 42(1-r)/(1+r) days a phase, spread of AR(1) noise.
    mde = 2.8016 * (1 / (1 - r**2)) ** 0.5 * (2 / (42 * (1 - r) / (1 + r))) ** 0.5
    hits = [
        ols_prewhitened(y + mde * design[:, 1], design, CONTRAST).low > 0 for y in noise(84, r, 25)
    ]
    assert 0.68 <= np.mean(hits) <= 0.86


def share_covered(lows: list[float], highs: list[float], truth: float) -> float:
    inside = [low <= truth <= high for low, high in zip(lows, highs, strict=True)]
    return float(np.mean(inside))


DAYS = [date(2026, 1, 5) + timedelta(k) for k in range(84)]
PHASES = {"before": (DAYS[0], DAYS[42]), "after": (DAYS[42], DAYS[-1] + timedelta(1))}


def test_interrupted_series_covers_level_and_effect() -> None:
    truth = 2.0 * (np.arange(84) >= 42) + 0.02 * np.arange(84)
    fits = [its(pd.Series(y + truth, index=DAYS), **PHASES) for y in noise(84, 0.4, 26)]
    for part in ("level", "effect"):
        lows = [getattr(fit, part).low for fit in fits]
        highs = [getattr(fit, part).high for fit in fits]
        assert 0.93 <= share_covered(lows, highs, 2.0) <= 0.98


def test_designs_with_weather_cover() -> None:
    """Adjusted by regression, and by a model that knows the before phase only."""
    errors = noise(84, 0.4, 27)
    sky = noise(84, 0.7, 28)
    found: dict[str, list[tuple[float, float]]] = {"regression": [], "model": []}
    for y, w in zip(errors, sky, strict=True):
        table = pd.DataFrame({"temperature": w}, index=DAYS)
        outcome = pd.Series(y + 1.5 * w + 2.0 * (np.arange(84) >= 42), index=DAYS)
        for name, fit in (
            ("regression", before_after(outcome, **PHASES, covariates=table, weekdays=False)),
            ("model", weather_normalised(outcome, table, **PHASES, weekdays=False)),
        ):
            found[name].append((fit.estimate.low, fit.estimate.high))
    for pairs in found.values():
        lows, highs = zip(*pairs, strict=True)
        assert 0.93 <= share_covered(list(lows), list(highs), 2.0) <= 0.98
