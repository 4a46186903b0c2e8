"""Second opinions: the question of an evaluation answered in other ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from transforms.experiments.design import NEEDS_CONTROL, PAIRED, WITH_TREND, Design, Rows
from transforms.experiments.model import Model, model_of
from transforms.experiments.noise import Vector
from transforms.experiments.regression import (
    Estimate,
    ols_hac,
    ols_prewhitened,
    unusable,
)
from transforms.experiments.resampling import block_bootstrap, glsar
from transforms.experiments.verdict import CITS, OWN_TRENDS, REGRESSION

#: How far from the others a day must be to be called odd, in robust standard deviations.
ODD_SPREADS: Final = 6.0

Bools = npt.NDArray[np.bool_]


def second_opinions(
    rows: Rows, model: Model, design: Design, *, every: bool
) -> tuple[Estimate, ...]:
    """The same contrast by Newey-West alone, GLS and bootstrap, and by neighbouring models.

    Parameters
    ----------
    every : bool
        False where days are too few for more than Newey-West.
    """
    y, matrix, contrast, alpha = rows.y, model.matrix, model.contrast, design.alpha
    hac = ols_hac(y, matrix, contrast, alpha=alpha, lags=design.lags)
    if not every:
        return (hac, *regression_opinion(rows, design))
    return (
        hac,
        glsar(y, matrix, contrast, alpha=alpha),
        block_bootstrap(y, matrix, contrast, alpha=alpha),
        *regression_opinion(rows, design),
        *_weekday_opinion(rows, design),
        *_without_odd_days(rows, model, design),
    )


def with_own_trends(rows: Rows, design: Design, *, has_control: bool) -> tuple[Estimate, ...]:
    """The effect in the middle of the after phase against the continued trend of the before phase.

    Nothing where the method models trends anyway, or the phases are further apart than the before
    phase is long: a trend of autumn does not reach into the next one.
    """
    length, apart = design.before[1] - design.before[0], design.after[0] - design.before[1]
    if design.method in WITH_TREND or design.method == PAIRED or apart > length:
        return ()
    model = model_of("its", rows, has_control=has_control)
    if unusable(rows.y, model.matrix):
        return ()
    name = CITS if has_control else OWN_TRENDS
    return (_named(name, rows, model, design),)


def regression_opinion(rows: Rows, design: Design) -> tuple[Estimate, ...]:
    """For a weather-normalised comparison: one regression over both phases."""
    if design.method != "weather_normalised":
        return ()
    model = model_of("before_after", rows, has_control=False)
    return () if unusable(rows.y, model.matrix) else (_named(REGRESSION, rows, model, design),)


def fit_of_before(y: Vector, extra: np.ndarray, day: np.ndarray) -> dict[str, float]:
    """r2 in the before phase, and the error on weeks that the model did not see."""
    design = np.column_stack([np.ones(len(y)), extra])
    inside = y - design @ np.linalg.lstsq(design, y)[0]
    week = (day - day[0]) // 7
    outside = np.full(len(y), np.nan)
    for number in np.unique(week):
        held = week == number
        if (~held).sum() > design.shape[1]:
            beta = np.linalg.lstsq(design[~held], y[~held])[0]
            outside[held] = y[held] - design[held] @ beta
    spread = float(((y - y.mean()) ** 2).sum())
    known = outside[~np.isnan(outside)]
    return {
        "r2": 1 - float((inside**2).sum()) / spread if spread > 0 else float("nan"),
        "rmse_left_out_weeks": float(np.sqrt(np.mean(known**2))) if len(known) else float("nan"),
    }


def _weekday_opinion(rows: Rows, design: Design) -> tuple[Estimate, ...]:
    """With dummies for the days of the week, where the design relies on whole weeks."""
    if design.weekdays != "whole_weeks" or design.method == PAIRED:
        return ()
    week = np.column_stack([(rows.day % 7 == number).astype(np.float64) for number in range(6)])
    extra = np.column_stack([rows.extra, week - week.mean(axis=0)])
    wider = replace(rows, extra=extra, names=(*rows.names, "weekday"))
    model = model_of(design.method, wider, has_control=design.method in NEEDS_CONTROL)
    if unusable(rows.y, model.matrix):
        return ()
    return (_named("adjusted for the day of the week", wider, model, design),)


def odd_days(rows: Rows, model: Model) -> Bools:
    """Days whose residual is beyond `ODD_SPREADS` robust standard deviations."""
    residual = rows.y - model.matrix @ np.linalg.lstsq(model.matrix, rows.y)[0]
    away = np.abs(residual - np.median(residual))
    # 1.4826 times the median deviation is the standard deviation of normal noise.
    return np.asarray(away > ODD_SPREADS * 1.4826 * np.median(away), dtype=np.bool_)


def _without_odd_days(rows: Rows, model: Model, design: Design) -> tuple[Estimate, ...]:
    """The same without days that are far from all others: a broken counter, a festival."""
    kept = ~odd_days(rows, model)
    fewer = rows.kept(kept)
    if kept.all() or unusable(fewer.y, model.matrix[kept]):
        return ()
    less = replace(model, matrix=model.matrix[kept])
    return (_named(f"without {int((~kept).sum())} odd days", fewer, less, design),)


def _named(name: str, rows: Rows, model: Model, design: Design) -> Estimate:
    fit = ols_prewhitened(
        rows.y, model.matrix, model.contrast, alpha=design.alpha, lags=design.lags, day=rows.day
    )
    return replace(fit, method=name)
