"""Week by week: whether the areas moved apart before anybody intervened."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np

from transforms.experiments.design import Design, Rows
from transforms.experiments.model import Model
from transforms.experiments.noise import Vector
from transforms.experiments.regression import Estimate, weighted_each
from transforms.experiments.result import Week

#: Days of a week that must have a value.
LEAST_OF_WEEK: Final = 4


def event_study(
    rows: Rows, adjusted: Vector, model: Model, design: Design, *, first: date
) -> tuple[Week, ...]:
    """Mean of each week of both phases against the mean of the before phase.

    The reference is the whole before phase, not its last week alone, whose noise would be in every
    difference. Errors come from the noise around the fit of both phases.

    Parameters
    ----------
    adjusted : array of float
        Outcome less what the covariates explain.
    first : date
        First day of the before phase.
    """
    start = np.where(rows.after == 1, rows.first, 0)
    number = (rows.day - start) // 7
    groups = [
        (which, int(week))
        for which in (0, 1)
        for week in np.unique(number[rows.after == which])
        if np.sum((number == week) & (rows.after == which)) >= LEAST_OF_WEEK
    ]
    if not groups:
        return ()
    before = (rows.after == 0) / np.sum(rows.after == 0)
    members = np.array([(number == week) & (rows.after == which) for which, week in groups])
    weights = members / members.sum(axis=1, keepdims=True) - before
    found = weighted_each(
        adjusted, model.matrix, weights, rows.day, alpha=design.alpha, lags=design.lags
    )
    p = _holm_before(groups, found)
    return tuple(
        Week(
            first=first + timedelta(7 * week + (rows.first if which else 0)),
            after=bool(which),
            days=int(member.sum()),
            effect=estimate.effect,
            low=estimate.low,
            high=estimate.high,
            p=each,
        )
        for (which, week), member, estimate, each in zip(groups, members, found, p, strict=True)
    )


def _holm_before(groups: list[tuple[int, int]], found: list[Estimate]) -> list[float]:
    """Holm over the weeks before; NaN for those after."""
    is_early = np.array([which == 0 for which, _ in groups])
    p = np.full(len(groups), np.nan)
    early = np.array([each.p for each in found])[is_early]
    if len(early) and not np.isnan(early).any():
        p[is_early] = holm(early)
    return [float(value) for value in p]


def holm(p: Vector) -> Vector:
    """P values adjusted by Holm's step-down method.

    `statsmodels.stats.multitest.multipletests` gives the same and collects garbage at each call,
    which takes longer than the rest of an evaluation.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03, 0.02])).round(6).tolist()
    [0.04, 0.06, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    stepped = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    found = np.empty_like(stepped)
    found[order] = stepped
    return found
