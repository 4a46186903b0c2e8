"""Difference in differences on daily values: the contrast of two places over two periods."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.days import Dates, Phase, contrast_days, phase
from transforms.experiments.power import detectable_from_before, effective_days, hedges_g
from transforms.experiments.regression import (
    Estimate,
    Matrix,
    Vector,
    default_lags,
    ols_hac,
    ols_prewhitened,
    residual_lag1,
)
from transforms.experiments.resampling import block_bootstrap, glsar
from transforms.experiments.result import DidResult, PreTrend
from transforms.experiments.verdict import judge

#: Under this many days in a phase nothing but an indication comes out.
LEAST_DAYS: Final = 12
FORMULA: Final = "d_t = a + b A_t + e_t, d_t = treated_t - control_t, A_t = 1 in the after phase"


def did(
    treated: pd.Series,
    control: pd.Series,
    *,
    before: Dates,
    after: Dates,
    alpha: float = 0.05,
    min_coverage: float = 0.75,
    lags: int | None = None,
    zone: str | None = None,
    placebo: bool = False,
    second_opinions: bool = True,
) -> DidResult:
    """Effect of an intervention on daily values, net of what a control area did meanwhile.

    The day is the unit: d_t = treated - control over the days on which BOTH have a value, regressed
    on "after"; weather and season common to both cancel. A day with a missing side is dropped and
    counted, never filled. The interval comes from `ols_prewhitened`; Newey-West alone, the usual
    way, is in `sensitivity`, with GLS, a block bootstrap, and the contrast against the continued
    trends of both phases.

    Parameters
    ----------
    treated, control : Series of float
        One value per local day (index: dates, or aware starts of days); NaN = below coverage.
    before, after : (date, date)
        Phases [first day, day after the last); leave the transition out between them.
    alpha : float
        1 - level of the interval.
    min_coverage : float
        Least share of the days of each phase with a value on both sides; below, the verdict is
        "invalid".
    lags : int, optional
        Newey-West lags; max(floor(4 (n/100)^(2/9)), 7) where not given.
    zone : str, optional
        Time zone of the days, where the index holds their UTC starts.
    placebo : bool
        Nobody intervened; passed through to every sentence about the result.
    second_opinions : bool
        Also compute GLS and bootstrap for `sensitivity`; the verdict does not rest on them.

    Raises
    ------
    DataError
        If phases overlap, alpha or coverage are no share, or series are not daily.

    Notes
    -----
    A recalibrated or swapped sensor at the border of the phases looks like an effect: the design
    record must exclude it, no statistic can.

    References
    ----------
    .. [1] Bertrand, M., Duflo, E. and Mullainathan, S. (2004), How much should we trust
       differences-in-differences estimates?, Quarterly J. Economics 119, 249-275.
       DOI 10.1162/003355304772839588
    .. [2] Newey, W. K. and West, K. D. (1987), Econometrica 55, 703-708. DOI 10.2307/1913610

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2026, 1, 1) + timedelta(k) for k in range(56)]
    >>> wave = np.sin(np.arange(56.0) ** 2)
    >>> control = pd.Series(20 + wave, index=days)
    >>> noise = np.cos(np.arange(56.0) ** 2)
    >>> treated = pd.Series(25 + wave + noise - 5.0 * (np.arange(56) >= 28), index=days)
    >>> phases = {"before": (days[0], days[28]), "after": (days[28], date(2026, 2, 26))}
    >>> result = did(treated, control, **phases)
    >>> round(result.effect), result.headline
    (-5, 'effect shown')
    >>> did(treated, control.iloc[:30], **phases).headline
    'invalid'
    """
    for name, share in (("alpha", alpha), ("min_coverage", min_coverage)):
        if not 0 < share < 1 and not (name == "min_coverage" and share == 1):
            raise DataError(f"{name} is {share}", hint="give a share between 0 and 1")
    frame = contrast_days(treated, control, before=before, after=after, zone=zone)
    used = frame[frame["d"].notna()]
    phases = phase(frame, 0), phase(frame, 1)
    estimate, others = _estimates(used, alpha, lags, second_opinions)
    trend, cits = _trends(used, phases, alpha, lags)
    return _result(
        used,
        phases,
        estimate,
        trend,
        (*others, *cits),
        alpha=alpha,
        min_coverage=min_coverage,
        placebo=placebo,
    )


def _result(
    used: pd.DataFrame,
    phases: tuple[Phase, Phase],
    estimate: Estimate,
    trend: PreTrend | None,
    others: tuple[Estimate, ...],
    *,
    alpha: float,
    min_coverage: float,
    placebo: bool,
) -> DidResult:
    d0, d1 = (_d(used, which) for which in (0, 1))
    mde, sigma, _ = detectable_from_before(d0, phases[1].expected, alpha=alpha)
    r = residual_lag1(_y(used), _step(used), _day(used)) if _is_estimable(used) else 0.0
    mean = {
        f"{side}_{name}": float(used.loc[used["after"] == which, side].mean())
        for side in ("treated", "control")
        for which, name in ((0, "before"), (1, "after"))
    }
    base = mean["treated_before"]
    verdict, checks, reasons = judge(
        phases, estimate, trend, others, mde=mde, min_coverage=min_coverage, placebo=placebo
    )
    return DidResult(
        estimator=f"difference in differences, {estimate.method}",
        formula=FORMULA,
        placebo=placebo,
        alpha=alpha,
        min_coverage=min_coverage,
        before=phases[0],
        after=phases[1],
        mean=mean,
        estimate=estimate,
        effect_percent=100 * estimate.effect / base if base > 0 else float("nan"),
        g=hedges_g(d0, d1),
        mde=mde,
        sigma=sigma,
        r=r,
        effective_days=(effective_days(len(d0), r), effective_days(len(d1), r)),
        pre_trend=trend,
        sensitivity=others,
        checks=checks,
        verdict=verdict,
        reasons=reasons,
    )


def _y(used: pd.DataFrame) -> Vector:
    return used["d"].to_numpy(dtype=np.float64)


def _d(used: pd.DataFrame, which: int) -> Vector:
    return used.loc[used["after"] == which, "d"].to_numpy(dtype=np.float64)


def _day(used: pd.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return used["day"].to_numpy(dtype=np.int64)


def _step(used: pd.DataFrame) -> Matrix:
    return np.column_stack([np.ones(len(used)), used["after"].to_numpy(dtype=np.float64)])


def _is_estimable(used: pd.DataFrame) -> bool:
    """Two days in each phase, and a spread within the phases."""
    days = [_d(used, which) for which in (0, 1)]
    if min(len(part) for part in days) < 2 or len(used) < 4:
        return False
    return max(float(np.ptp(part)) for part in days) > 0


def _estimates(
    used: pd.DataFrame, alpha: float, lags: int | None, second_opinions: bool
) -> tuple[Estimate, tuple[Estimate, ...]]:
    """The estimate that decides, and the same contrast with other errors."""
    nan = float("nan")
    if not _is_estimable(used):
        parts = [_d(used, which) for which in (0, 1)]
        effect = float(parts[1].mean() - parts[0].mean()) if all(map(len, parts)) else nan
        return Estimate("not estimable", effect, nan, nan, nan, nan, nan), ()
    y, design, contrast = _y(used), _step(used), np.array([0.0, 1.0])
    hac = ols_hac(y, design, contrast, alpha=alpha, lags=lags)
    decisive = ols_prewhitened(y, design, contrast, alpha=alpha, lags=lags, day=_day(used))
    if not second_opinions or len(y) < 2 * LEAST_DAYS:
        return decisive, (hac,)
    gls = glsar(y, design, contrast, alpha=alpha)
    return decisive, (hac, gls, block_bootstrap(y, design, contrast, alpha=alpha))


def _trends(
    used: pd.DataFrame, phases: tuple[Phase, Phase], alpha: float, lags: int | None
) -> tuple[PreTrend | None, tuple[Estimate, ...]]:
    """Slope before, and the effect when the slope of each phase is its own (controlled ITS)."""
    parts = [used[used["after"] == which] for which in (0, 1)]
    if min(map(len, parts)) < LEAST_DAYS or not _is_estimable(used):
        return None, ()
    slope = _slope(parts[0], alpha, lags)
    half = (phases[1].last - phases[1].first).days / 2
    trend = PreTrend(slope.effect, slope.low, slope.high, slope.effect * half)
    return trend, (_controlled_its(used, half, alpha, lags),)


def _slope(before: pd.DataFrame, alpha: float, lags: int | None) -> Estimate:
    day = _day(before)
    y = _y(before)
    if float(np.ptp(y)) == 0:
        return Estimate("flat", 0.0, 0.0, float(len(y) - 2), 0.0, 0.0, float("nan"))
    used = min(default_lags(len(y)) if lags is None else lags, len(y) - 2)
    design = np.column_stack([np.ones(len(y)), day - day.mean()])
    return ols_prewhitened(y, design, np.array([0.0, 1.0]), alpha=alpha, lags=used, day=day)


def _controlled_its(used: pd.DataFrame, half: float, alpha: float, lags: int | None) -> Estimate:
    """Effect in the middle of the after phase, against the continued before trend."""
    day, after = _day(used), used["after"].to_numpy(dtype=np.float64)
    first = day[after == 1][0]
    design = np.column_stack([np.ones(len(day)), day - first, after, (day - first) * after])
    contrast = np.array([0.0, 0.0, 1.0, half])
    fit = ols_prewhitened(_y(used), design, contrast, alpha=alpha, lags=lags, day=day)
    return Estimate(
        "controlled interrupted time series",
        *(fit.effect, fit.se, fit.df, fit.low, fit.high, fit.p, fit.lags),
    )
