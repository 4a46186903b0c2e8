"""What the single-place designs share: their days, their fit, their result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.covariates import covariate_columns
from transforms.experiments.days import Dates, contrast_days
from transforms.experiments.noise import Matrix, Vector
from transforms.experiments.regression import Estimate, ols_prewhitened
from transforms.experiments.result import plain


@dataclass(frozen=True, slots=True)
class AdjustedResult:
    """A before/after effect with what it was adjusted for.

    Parameters
    ----------
    design : str
        Which comparison.
    estimate : Estimate
        In the unit of the outcome; for counts as log ratio.
    effect_percent : float
        Relative to what was expected without the intervention [%].
    n_before, n_after, n_missing : int
        Days (or pairs) used, days of the phases that were not.
    covariates : tuple of str
        What was adjusted for.
    fit : dict
        How well the model describes the before phase: r2, and for the weather-normalised design
        the error on left-out weeks.
    """

    design: str
    estimate: Estimate
    effect_percent: float
    n_before: int
    n_after: int
    n_missing: int
    covariates: tuple[str, ...]
    fit: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return dict(plain(asdict(self)))


def phase_days(
    outcome: pd.Series,
    before: Dates,
    after: Dates,
    covariates: pd.DataFrame | None,
    weekdays: bool,
    zone: str | None,
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Days of both phases with outcome and covariates, the covariates, and how many are missing."""
    frame = contrast_days(outcome, None, before=before, after=after, zone=zone)
    extra = covariate_columns(frame, covariates, weekdays=weekdays, zone=zone)
    keep = frame["d"].notna() & extra.notna().all(axis=1)
    used = frame[keep]
    if used["after"].nunique() < 2:
        raise DataError("no day with a value in one of the phases", hint="see the coverage")
    return used, extra[keep], int((~keep).sum())


def fit_days(
    used: pd.DataFrame, design: Matrix, contrast: Vector, alpha: float, lags: int | None
) -> Estimate:
    """Contrast of the outcome of `phase_days`, by `ols_prewhitened`."""
    y, day = used["d"].to_numpy(dtype=np.float64), used["day"].to_numpy(dtype=np.int64)
    return ols_prewhitened(y, design, contrast, alpha=alpha, lags=lags, day=day)


def adjusted_result(
    design: str,
    used: pd.DataFrame,
    extra: pd.DataFrame,
    missing: int,
    estimate: Estimate,
    fit: dict[str, float],
) -> AdjustedResult:
    """Result with the effect relative to what was expected without the intervention."""
    is_after = used["after"] == 1
    expected = float(used.loc[is_after, "d"].mean()) - estimate.effect
    return AdjustedResult(
        design=design,
        estimate=estimate,
        effect_percent=percent(estimate.effect, expected),
        n_before=int((~is_after).sum()),
        n_after=int(is_after.sum()),
        n_missing=missing,
        covariates=tuple(extra.columns),
        fit=fit,
    )


def percent(effect: float, expected: float) -> float:
    """Effect in percent of what was expected; NaN where that is not positive.

    Examples
    --------
    >>> percent(-2.0, 10.0), percent(1.0, 0.0)
    (-20.0, nan)
    """
    return 100 * effect / expected if expected > 0 else float("nan")
