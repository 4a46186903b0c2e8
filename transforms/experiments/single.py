"""Before and after at one place: with covariates, and by paired days.

Without a control area everything else that changed at the same time is part of the "effect"; these
designs are for where no control exists, and as a second opinion where one does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.adjusted import (
    AdjustedResult,
    adjusted_result,
    fit_days,
    percent,
    phase_days,
)
from transforms.experiments.days import Dates, by_date, require_phases
from transforms.experiments.regression import default_lags, ols_prewhitened


def before_after(
    outcome: pd.Series,
    *,
    before: Dates,
    after: Dates,
    covariates: pd.DataFrame | None = None,
    weekdays: bool = True,
    alpha: float = 0.05,
    lags: int | None = None,
    zone: str | None = None,
) -> AdjustedResult:
    """Change of the mean at one place, adjusted by regression: y_t = a + b A_t + g' W_t + e_t.

    Parameters as in `transforms.experiments.interrupted.its`.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2026, 1, 5) + timedelta(k) for k in range(56)]
    >>> load = np.array([5.0, 5, 5, 5, 5, 1, 1] * 8) + 2.0 * (np.arange(56) >= 28)
    >>> wobble = np.sin(np.arange(56.0) ** 2) / 10
    >>> found = before_after(pd.Series(load + wobble, index=days), before=(days[0], days[28]),
    ...                      after=(days[28], date(2026, 3, 2)))
    >>> round(found.estimate.effect, 1)
    2.0
    """
    used, extra, missing = phase_days(outcome, before, after, covariates, weekdays, zone)
    step = used["after"].to_numpy(dtype=np.float64)
    design = np.column_stack([np.ones(len(used)), step, extra.to_numpy(dtype=np.float64)])
    contrast = np.zeros(design.shape[1])
    contrast[1] = 1.0
    estimate = fit_days(used, design, contrast, alpha, lags)
    return adjusted_result("before/after, covariates", used, extra, missing, estimate, {})


def paired_days(
    outcome: pd.Series,
    *,
    before: Dates,
    after: Dates,
    shift_weeks: int | None = None,
    alpha: float = 0.05,
    lags: int | None = None,
    zone: str | None = None,
) -> AdjustedResult:
    """Mean difference between each after day and the same weekday whole weeks earlier.

    Parameters
    ----------
    shift_weeks : int, optional
        Distance of the pairs; the smallest that moves the after phase into the before phase where
        not given, 52 for the same season of the year before.

    Raises
    ------
    DataError
        If no pair lies in the phases.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2026, 1, 5) + timedelta(k) for k in range(56)]
    >>> load = np.array([5.0, 5, 5, 5, 5, 1, 1] * 8) + 2.0 * (np.arange(56) >= 28)
    >>> wobble = np.sin(np.arange(56.0) ** 2) / 10
    >>> found = paired_days(pd.Series(load + wobble, index=days), before=(days[0], days[28]),
    ...                     after=(days[28], date(2026, 3, 2)))
    >>> found.n_after, round(found.estimate.effect, 1)
    (28, 2.0)
    """
    require_phases(before, after)
    values = by_date(outcome, zone)
    weeks = shift_weeks if shift_weeks is not None else -(-(after[0] - before[0]).days // 7)
    late = pd.date_range(*after, inclusive="left", unit="ns")
    early = late - pd.Timedelta(weeks=weeks)
    inside = (early >= pd.Timestamp(before[0])) & (early < pd.Timestamp(before[1]))
    old = values.reindex(early[inside]).to_numpy(dtype=np.float64)
    pairs = pd.DataFrame(
        {"old": old, "d": values.reindex(late[inside]).to_numpy(dtype=np.float64) - old},
        index=late[inside],
    )
    used = pairs.dropna()
    if len(used) < 3:
        raise DataError(
            f"{len(used)} pairs of days at a distance of {weeks} weeks",
            hint="give shift_weeks so that after days fall into the before phase",
        )
    day = (used.index.to_numpy() - used.index.to_numpy()[0]) // np.timedelta64(1, "D")
    estimate = ols_prewhitened(
        used["d"].to_numpy(dtype=np.float64), np.ones((len(used), 1)), np.ones(1),
        alpha=alpha, lags=min(default_lags(len(used)) if lags is None else lags, len(used) - 2),
        day=day.astype(np.int64),
    )  # fmt: skip
    return AdjustedResult(
        design=f"paired days, {weeks} weeks apart",
        estimate=estimate,
        effect_percent=percent(estimate.effect, float(used["old"].mean())),
        n_before=len(used),
        n_after=len(used),
        n_missing=len(late) - len(used),
        covariates=(),
        fit={},
    )
