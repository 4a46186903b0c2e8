"""One evaluation for all methods: days, model, estimate, second opinions, checks, verdict."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from transforms.experiments.days import phase
from transforms.experiments.design import METHODS, Design, day_table, rows_of
from transforms.experiments.placebos import space_placebo
from transforms.experiments.result import Check, Result
from transforms.experiments.work import Work


def evaluate(
    treated: pd.Series,
    control: pd.Series | None = None,
    *,
    design: Design,
    covariates: pd.DataFrame | None = None,
    controls: Mapping[str, pd.Series] | None = None,
    instruments: Check | None = None,
    opinions: bool = True,
) -> Result:
    """Evaluate one outcome of an experiment.

    The day is the unit. A day without a value on a side, or without a covariate, is dropped and
    counted, never filled. The interval is that of `ols_prewhitened` (for counts at least as wide as
    Newey-West on the quasi-Poisson model); Newey-West alone, GLS and a block bootstrap are in
    `sensitivity`.

    Parameters
    ----------
    treated, control : Series of float
        One value per local day (index: dates, or aware starts of days); NaN = below coverage.
    design : Design
        How it is evaluated.
    covariates : DataFrame, optional
        Daily weather or traffic that the intervention cannot have moved.
    controls : mapping of str to Series, optional
        The control areas one by one, for the placebo in space.
    instruments : Check, optional
        What the registry says about swapped or recalibrated sensors; a failed one is "invalid".
    opinions : bool
        Also compute second opinions and placebos; the verdict does not rest on the former, except
        where a regression must confirm a weather-normalised effect.

    Raises
    ------
    DataError
        If phases overlap, series are not daily, or the control does not suit the method.

    Notes
    -----
    A recalibrated or swapped sensor at the border of the phases looks like an effect: the registry
    must exclude it (`instruments`), no statistic can.

    References
    ----------
    .. [1] Bertrand, M., Duflo, E. and Mullainathan, S. (2004), How much should we trust
       differences-in-differences estimates?, Quarterly J. Economics 119, 249-275.
       DOI 10.1162/003355304772839588
    .. [2] Newey, W. K. and West, K. D. (1987), Econometrica 55, 703-708. DOI 10.2307/1913610

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> import numpy as np
    >>> days = [date(2026, 1, 1) + timedelta(k) for k in range(56)]
    >>> wave, noise = np.sin(np.arange(56.0) ** 2), np.cos(np.arange(56.0) ** 2)
    >>> control = pd.Series(20 + wave, index=days)
    >>> treated = pd.Series(25 + wave + noise - 5.0 * (np.arange(56) >= 28), index=days)
    >>> design = Design(before=(days[0], days[28]), after=(days[28], date(2026, 2, 26)))
    >>> result = evaluate(treated, control, design=design)
    >>> round(result.effect), result.headline
    (-5, 'effect shown')
    >>> evaluate(treated, control.iloc[:30], design=design).headline
    'invalid'
    """
    frame, extra = day_table(treated, control, covariates, design)
    rows = rows_of(frame, extra, design)
    has_control = control is not None
    phases = (
        phase(frame, 0, has_control=has_control),
        phase(frame, 1, has_control=has_control),
    )
    work = Work(
        design,
        rows,
        phases,
        has_control=has_control,
        stuck=_stuck(frame),
        is_idle=has_control and _is_idle(frame),
    )
    others = work.sensitivity() if opinions else work.required_opinions()
    weeks = work.weeks()
    verdict, checks, reasons = work.judged(weeks, others, instruments)
    mean = _means(frame)
    in_space = opinions and controls and design.method == "did"
    return Result(
        method=design.method,
        estimator=f"{METHODS[design.method]}, {work.estimate.method}",
        formula=work.model.formula,
        scale="log ratio" if design.method == "counts" else "unit",
        placebo=design.placebo,
        alpha=design.alpha,
        min_coverage=design.min_coverage,
        expected=design.expected,
        weekdays=design.weekdays,
        covariates=rows.names,
        before=phases[0],
        after=phases[1],
        mean=mean,
        estimate=work.estimate,
        parts=work.parts,
        percent=work.percent(mean),
        relevant=work.relevance(mean),
        pre_trend=work.trend,
        event_study=weeks,
        placebo_in_time=work.placebo() if opinions else None,
        placebo_in_space=space_placebo(controls or {}, design, work.estimate.effect)
        if in_space
        else None,
        sensitivity=others,
        checks=checks,
        verdict=verdict,
        reasons=reasons,
        **work.numbers(),
    )


def _stuck(frame: pd.DataFrame) -> str:
    """The first side that has one and the same value on all days of a phase, in words.

    A control that never varies makes no effect; that it controls nothing is another check.
    """
    for side in ("treated", "control"):
        values = [_constant(frame, side, which) for which in (0, 1)]
        if side == "control" and _is_idle(frame):
            continue
        for value, name in zip(values, ("before", "after"), strict=True):
            if value is not None:
                return f"The {side} side is {value:g} on every day {name}"
    return ""


def _is_idle(frame: pd.DataFrame) -> bool:
    """Whether the control has the same value on all days of both phases."""
    values = {_constant(frame, "control", which) for which in (0, 1)}
    return len(values) == 1 and None not in values


def _constant(frame: pd.DataFrame, side: str, which: int) -> float | None:
    """The value of a side on all days of a phase; None where it varies."""
    values = frame.loc[frame["used"] & (frame["after"] == which), side].dropna()
    is_one = len(values) > 1 and bool((values == values.iloc[0]).all())
    return float(values.iloc[0]) if is_one else None


def _means(frame: pd.DataFrame) -> dict[str, float]:
    used = frame[frame["used"]]
    return {
        f"{side}_{name}": float(used.loc[used["after"] == which, side].mean())
        for side in ("treated", "control")
        for which, name in ((0, "before"), (1, "after"))
    }
