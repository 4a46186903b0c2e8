"""Before and after at one place against a model: normalised for weather, and counts as ratios."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.adjusted import (
    AdjustedResult,
    adjusted_result,
    fit_days,
    phase_days,
)
from transforms.experiments.count_model import quasi_poisson
from transforms.experiments.days import Dates, by_date
from transforms.experiments.opinions import fit_of_before


def weather_normalised(
    outcome: pd.Series,
    covariates: pd.DataFrame,
    *,
    before: Dates,
    after: Dates,
    weekdays: bool = True,
    alpha: float = 0.05,
    lags: int | None = None,
    zone: str | None = None,
) -> AdjustedResult:
    """Observed minus predicted in the after phase, by a model that knows the before phase only.

    The model is y = a + g' W (weather, weekday), fitted on the before phase. Its mean error in the
    after phase is the coefficient of A in one regression in which the after phase has slopes of its
    own around its own mean weather; the error of the prediction is thereby part of the interval,
    which a plain test of the residuals forgets.

    Parameters
    ----------
    covariates : DataFrame
        Daily weather that the intervention cannot have moved. Days with a gap are dropped.
    outcome, before, after, weekdays, alpha, lags, zone
        As in `before_after`.

    Returns
    -------
    AdjustedResult
        `fit`: r2 in the before phase, and rmse of weeks left out of the fit one after the other.

    References
    ----------
    .. [1] Lin, W. (2013), Agnostic notes on regression adjustments to experimental data, Annals of
       Applied Statistics 7, 295-318, doi:10.1214/12-AOAS583 (regression with interactions).
    .. [2] Grange, S. K. and Carslaw, D. C. (2019), Using meteorological normalisation to detect
       interventions in air quality time series, Science of the Total Environment 653, 578-588,
       doi:10.1016/j.scitotenv.2018.10.344.
    """
    used, extra, missing = phase_days(outcome, before, after, covariates, weekdays, zone)
    step = used["after"].to_numpy(dtype=np.float64)
    weather = extra.to_numpy(dtype=np.float64)
    centred = weather - weather[step == 1].mean(axis=0)
    own = centred * step[:, np.newaxis]
    design = np.column_stack([np.ones(len(used)), step, centred, own])
    contrast = np.zeros(design.shape[1])
    contrast[1] = 1.0
    estimate = fit_days(used, design, contrast, alpha, lags)
    is_before = step == 0
    fit = fit_of_before(
        used["d"].to_numpy(dtype=np.float64)[is_before], weather[is_before],
        used["day"].to_numpy(dtype=np.int64)[is_before],
    )  # fmt: skip
    return adjusted_result("weather-normalised difference", used, extra, missing, estimate, fit)


def count_ratio(
    counts: pd.Series,
    *,
    before: Dates,
    after: Dates,
    covariates: pd.DataFrame | None = None,
    weekdays: bool = True,
    uptime_h: pd.Series | None = None,
    alpha: float = 0.05,
    lags: int | None = None,
    zone: str | None = None,
) -> AdjustedResult:
    """Ratio of counts after to before, by a quasi-Poisson model with log link.

    Errors are Newey-West through statsmodels, so they hold for counts that vary more than Poisson
    and from day to day; quantiles are Student's with the days that autocorrelated residuals are
    worth.

    Parameters
    ----------
    counts : Series of float
        Day totals, 0 or more.
    uptime_h : Series of float, optional
        Hours of operation, as an offset; for counts that are not yet scaled.
    before, after, covariates, weekdays, alpha, lags, zone
        As in `before_after`.

    Returns
    -------
    AdjustedResult
        `estimate` is the log ratio; `effect_percent` = 100 (exp(b) - 1).

    Raises
    ------
    DataError
        On negative counts.

    References
    ----------
    .. [1] McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 6.
    """
    used, extra, missing = phase_days(counts, before, after, covariates, weekdays, zone)
    if (used["d"] < 0).any():
        raise DataError("negative counts", hint="a count ratio is for counts")
    offset = None
    if uptime_h is not None:
        hours = by_date(uptime_h, zone).reindex(used.index)
        keep = (hours > 0).to_numpy()
        used, extra, missing = used[keep], extra[keep], missing + int((~keep).sum())
        offset = np.log(hours[keep].to_numpy(dtype=np.float64))
    step = used["after"].to_numpy(dtype=np.float64)
    design = np.column_stack([np.ones(len(used)), step, extra.to_numpy(dtype=np.float64)])
    estimate = quasi_poisson(
        used["d"].to_numpy(dtype=np.float64),
        design,
        used["day"].to_numpy(dtype=np.int64),
        offset,
        alpha=alpha,
        lags=lags,
    )
    result = adjusted_result("count ratio, quasi-Poisson", used, extra, missing, estimate, {})
    return replace(result, effect_percent=100 * float(np.expm1(estimate.effect)))
