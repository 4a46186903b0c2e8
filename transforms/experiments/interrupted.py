"""Interrupted time series: a change of level and of slope at the intervention."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.covariates import covariate_columns
from transforms.experiments.days import Dates, contrast_days
from transforms.experiments.noise import Matrix
from transforms.experiments.regression import (
    Estimate,
    default_lags,
    ols_hac,
    ols_prewhitened_each,
)
from transforms.experiments.result import plain


@dataclass(frozen=True, slots=True)
class ItsResult:
    """Level and slope change, in the unit of the outcome (per day for slopes).

    Parameters
    ----------
    formula : str
        What was fitted.
    n_days, n_missing : int
        Days used and days of the phases without a value.
    slope_before, level, slope : Estimate
        Trend before; jump on the first day of the after phase; change of the trend.
    effect : Estimate
        Jump plus change of trend over `horizon_days`, against the continued before trend.
    horizon_days : float
        Days after the start of the after phase at which `effect` holds.
    newey_west : Estimate
        `effect` with the textbook errors, for comparison.
    covariates : tuple of str
        What was adjusted for.
    """

    formula: str
    n_days: int
    n_missing: int
    slope_before: Estimate
    level: Estimate
    slope: Estimate
    effect: Estimate
    horizon_days: float
    newey_west: Estimate
    covariates: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return dict(plain(asdict(self)))


def its(
    outcome: pd.Series,
    *,
    before: Dates,
    after: Dates,
    control: pd.Series | None = None,
    covariates: pd.DataFrame | None = None,
    weekdays: bool = False,
    yearly_cycle: bool = False,
    alpha: float = 0.05,
    lags: int | None = None,
    horizon_days: float | None = None,
    zone: str | None = None,
) -> ItsResult:
    """Interrupted time series on daily values, with a control series a controlled one (CITS).

    y_t = b0 + b1 t + b2 A_t + b3 (t - t0) A_t + weekday + season + W_t + e_t, t in days, t0 the
    first day of the after phase. Centring the second slope on t0 makes b2 the jump there; with t
    instead it would be the jump on day 0. With a control, y is treated - control.

    Parameters
    ----------
    outcome : Series of float
        One value per local day; NaN = below coverage, dropped.
    before, after : (date, date)
        Phases [first day, day after the last).
    control : Series of float, optional
        The same outcome where nothing changed.
    covariates : DataFrame, optional
        Daily covariates that the intervention cannot have moved (weather, holidays); days with a
        gap in them are dropped.
    weekdays : bool
        Dummies for the days of the week.
    yearly_cycle : bool
        Annual sine and cosine; only where the days span more than a year.
    lags : int, optional
        Newey-West lags.
    horizon_days : float, optional
        Where `effect` is evaluated; the middle of the after phase where not given.
    zone : str, optional
        Time zone of the days, where the index holds their UTC starts.

    Raises
    ------
    DataError
        If phases overlap, days are too few, or a yearly cycle is asked of less than a year.

    References
    ----------
    .. [1] Xiao, H., Augusto, O. and Wagenaar, B. H. (2021), Reflection on modern methods: a common
       error in the segmented regression parameterization of interrupted time-series analyses, Int.
       J. Epidemiology 50, 1011-1015, doi:10.1093/ije/dyaa148.
    .. [2] Lopez Bernal, J., Cummins, S. and Gasparrini, A. (2018), The use of controls in
       interrupted time series studies, Int. J. Epidemiology 47, 2082-2093, doi:10.1093/ije/dyy135.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2026, 1, 1) + timedelta(k) for k in range(12)]
    >>> d = pd.Series([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0], index=days)
    >>> fit = its(d, before=(days[0], days[6]), after=(days[6], date(2026, 1, 13)), lags=2)
    >>> round(fit.slope_before.effect, 6), round(fit.level.effect, 6), abs(fit.slope.effect) < 1e-9
    (0.371429, 1.771429, True)
    """
    frame = contrast_days(outcome, control, before=before, after=after, zone=zone)
    extra = covariate_columns(
        frame, covariates, weekdays=weekdays, yearly_cycle=yearly_cycle, zone=zone
    )
    keep = frame["d"].notna() & extra.notna().all(axis=1)
    used, extra = frame[keep], extra[keep]
    if used["after"].nunique() < 2:
        raise DataError("no day with a value in one of the phases", hint="see the coverage")
    first = int(frame.loc[frame["after"] == 1, "day"].iloc[0])
    half = int((frame["after"] == 1).sum()) / 2
    horizon = half if horizon_days is None else horizon_days
    design = _design(used, extra, first)
    y, day = used["d"].to_numpy(dtype=np.float64), used["day"].to_numpy(dtype=np.int64)
    width = default_lags(len(y)) if lags is None else lags

    contrasts = np.zeros((4, design.shape[1]))
    contrasts[:, 1:4] = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, horizon]], dtype=float)
    trend, level, slope, effect = ols_prewhitened_each(
        y, design, list(contrasts), alpha=alpha, lags=width, day=day
    )
    return ItsResult(
        formula=f"{'treated - control' if control is not None else 'y'} ~ t + A + (t - t0) A",
        n_days=len(used),
        n_missing=len(frame) - len(used),
        slope_before=trend,
        level=level,
        slope=slope,
        effect=effect,
        horizon_days=horizon,
        newey_west=ols_hac(y, design, contrasts[3], alpha=alpha, lags=width),
        covariates=tuple(extra.columns),
    )


def _design(used: pd.DataFrame, extra: pd.DataFrame, first: int) -> Matrix:
    """Constant, t, A, (t - t0) A, covariates; t counts from the first day of the before phase."""
    day = used["day"].to_numpy(dtype=np.float64)
    after = used["after"].to_numpy(dtype=np.float64)
    parts = [np.ones(len(day)), day, after, (day - first) * after]
    return np.column_stack([*parts, extra.to_numpy(dtype=np.float64)])
