"""Before and after at one place, with covariates.

Without a control area everything else that changed at the same time is part of the "effect"; this
design is for where no control exists, and a second opinion where one does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from transforms.experiments.adjusted import (
    AdjustedResult,
    adjusted_result,
    fit_days,
    phase_days,
)
from transforms.experiments.days import Dates


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
