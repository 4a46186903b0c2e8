"""Counts with a log link: quasi-Poisson, with errors that survive autocorrelation."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import statsmodels.api as sm

from transforms.experiments.design import Design, Rows
from transforms.experiments.model import Model
from transforms.experiments.noise import Days, Matrix, Vector
from transforms.experiments.regression import Estimate, lags_for, ols_prewhitened, student

#: Beyond this share the memory of the rest can no longer be told.
MOST_CHANCE: Final = 0.8


def quasi_poisson(
    counts: Vector,
    design: Matrix,
    day: Days,
    offset: Vector | None,
    *,
    control: Vector | None = None,
    alpha: float = 0.05,
    lags: int | None = None,
) -> Estimate:
    """Log ratio of counts after to before: second coefficient of a Poisson model with log link.

    The error is the larger of Newey-West by statsmodels and of `ols_prewhitened` on the working
    residuals, so it holds for counts that vary more than Poisson and from day to day. The chance
    in each count (Poisson, of treated and control) has no memory and would hide that of the days;
    its share of the variance is known and allowed for. Quantiles are Student's with the days that
    autocorrelated residuals are worth.

    Parameters
    ----------
    counts : array of float
        0 or more per day.
    design : array of float, shape (n, k)
        Regressors: constant, after, others.
    day : array of int
        Day number of each row.
    offset : array of float, optional
        Logarithm of what the counts are a ratio to: those of a control area. Hours of operation
        need none: `transforms.mobility` has a total of complete days only, or of counts that the
        counter divided by its uptime.
    control : array of float, optional
        The counts of the control area themselves, where the offset is theirs.

    References
    ----------
    .. [1] McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 6.
    """
    width = lags_for(len(counts), lags)
    model = sm.GLM(counts, design, family=sm.families.Poisson(), offset=offset)
    fit: Any = model.fit(
        cov_type="HAC", cov_kwds={"maxlags": width, "use_correction": True}, use_t=True
    )
    mean = np.asarray(fit.fittedvalues, dtype=np.float64)
    root = np.sqrt(mean)
    working = np.log(mean) + (counts - mean) / mean
    if offset is not None:
        working = working - offset
    contrast = np.zeros(design.shape[1])
    contrast[1] = 1.0
    linear = ols_prewhitened(
        root * working,
        root[:, np.newaxis] * design,
        contrast,
        alpha=alpha,
        lags=width,
        day=day,
        white=_chance(counts, mean, control, design.shape[1]),
    )
    se = max(float(fit.bse[1]), linear.se)
    effect = float(fit.params[1])
    return student("quasi-Poisson", effect, se, linear.df, alpha=alpha, lags=width)


def count_estimate(rows: Rows, model: Model, design: Design) -> Estimate:
    """The estimate that decides for the method "counts"."""
    counts = rows.y if rows.counts is None else rows.counts
    control = None if rows.offset is None else np.exp(rows.offset)
    return quasi_poisson(
        counts,
        model.matrix,
        rows.day,
        rows.offset,
        control=control,
        alpha=design.alpha,
        lags=design.lags,
    )


def _chance(counts: Vector, mean: Vector, control: Vector | None, k: int) -> float:
    """Share of the variance of Pearson residuals that is Poisson, at most `MOST_CHANCE`.

    0 where counts vary less than Poisson: means of counts, or counts that were smoothed.
    """
    dispersion = float(np.sum((counts - mean) ** 2 / mean)) / (len(counts) - k)
    poisson = 1.0 if control is None else float(np.mean(1 + mean / control))
    return min(poisson / dispersion, MOST_CHANCE) if dispersion > poisson else 0.0
