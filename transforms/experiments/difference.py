"""Difference in differences on daily values: the contrast of two places over two periods."""

from __future__ import annotations

import pandas as pd

from transforms.experiments.days import Dates
from transforms.experiments.design import Design
from transforms.experiments.evaluation import evaluate
from transforms.experiments.result import Result


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
) -> Result:
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
    >>> import numpy as np
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
    design = Design(
        method="did",
        before=before,
        after=after,
        alpha=alpha,
        min_coverage=min_coverage,
        lags=lags,
        zone=zone,
        placebo=placebo,
    )
    return evaluate(treated, control, design=design, opinions=second_opinions)
