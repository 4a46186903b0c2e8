"""Linear contrasts on daily series with errors that survive autocorrelation.

Two ways to a standard error, both on the same ordinary-least-squares estimate:

`ols_hac`
    Newey-West through statsmodels, small-sample corrected, t quantiles. The textbook way; it is
    what most published evaluations print, and it is too narrow for a few weeks of daily data.
`ols_prewhitened`
    What verdicts of this product rest on: an AR(1) filter whose coefficient is corrected for the
    bias of residuals, Newey-West on what the filter leaves, and Student quantiles with the degrees
    of freedom that autocorrelated days are worth.

In simulations of 42 + 42 days of AR(1) noise (20 000 runs each) the nominal 95 % interval of
`ols_hac` with 7 lags covers 91, 90, 87 and 82 % at r = 0, 0.3, 0.5 and 0.7; that of
`ols_prewhitened` covers 96, 96, 95 and 95 %. tests/transforms/test_experiment_simulation.py
repeats the experiment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import statsmodels.api as sm
from scipy import stats

from livinglab.errors import DataError
from transforms.experiments.noise import Days, Matrix, Noise, Vector

#: The filtered series may lower the long-run variance to this share of the AR(1) value, not below.
MIN_RATIO: Final = 0.3


@dataclass(frozen=True, slots=True)
class Estimate:
    """One contrast with its uncertainty, all in the unit of the outcome.

    Parameters
    ----------
    method : str
        How the standard error came about.
    effect, se : float
        Estimate and standard error.
    df : float
        Degrees of freedom of the Student quantiles.
    low, high : float
        Interval of level 1 - alpha.
    p : float
        Two-sided p value of "no effect".
    lags : int
        Newey-West lags; 0 where none are used.
    """

    method: str
    effect: float
    se: float
    df: float
    low: float
    high: float
    p: float
    lags: int = 0


def default_lags(n: int, least: int = 7) -> int:
    """Newey-West lags for `n` rows: floor(4 (n/100)^(2/9)), at least `least`, at most n - 2.

    `least` is 7 for daily and 24 for hourly rows: a weekly or daily rhythm left in the residuals
    must fall inside the window.

    References
    ----------
    .. [1] Newey, W. K. and West, K. D. (1994), Automatic lag selection in covariance matrix
       estimation, Review of Economic Studies 61, 631-653. DOI 10.2307/2297912

    Examples
    --------
    >>> default_lags(84), default_lags(8760, 24), default_lags(6)
    (7, 24, 4)
    """
    return max(0, min(max(int(4 * (n / 100) ** (2 / 9)), least), n - 2))


def lags_for(n: int, declared: int | None) -> int:
    """Lags that a design declares for `n` rows, at most n - 2; `default_lags` where it does not.

    Examples
    --------
    >>> lags_for(84, None), lags_for(84, 2), lags_for(12, 20)
    (7, 2, 10)
    """
    return default_lags(n) if declared is None else max(0, min(declared, n - 2))


def student(
    method: str, effect: float, se: float, df: float, *, alpha: float, lags: int = 0
) -> Estimate:
    """`Estimate` from a point, its standard error and its degrees of freedom.

    Examples
    --------
    >>> wide = student("t", 4.0, 0.658281, 10, alpha=0.05)
    >>> round(wide.low, 4), round(wide.high, 4)
    (2.5333, 5.4667)
    """
    half = float(stats.t.ppf(1 - alpha / 2, df)) * se
    p = float(2 * stats.t.sf(abs(effect) / se, df)) if se > 0 else float("nan")
    return Estimate(method, effect, se, df, effect - half, effect + half, p, lags)


def ols_hac(
    y: Vector, design: Matrix, contrast: Vector, *, alpha: float = 0.05, lags: int | None = None
) -> Estimate:
    """Contrast of an OLS fit with Newey-West errors, n/(n-k) corrected, Student quantiles.

    Rows are taken as equally spaced in the order given; gaps are the caller's to report.

    Parameters
    ----------
    y : array of float
        Outcome, one row per day, no NaN.
    design : array of float, shape (n, k)
        Regressors with the constant.
    contrast : array of float, shape (k,)
        Weights of the coefficients.
    alpha : float
        1 - level of the interval.
    lags : int, optional
        Lags L of the Bartlett kernel 1 - l/(L+1); `default_lags` where not given.

    Raises
    ------
    DataError
        If rows are too few for the design, or the design is singular.

    References
    ----------
    .. [1] Newey, W. K. and West, K. D. (1987), Econometrica 55, 703-708. DOI 10.2307/1913610

    Examples
    --------
    >>> d = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
    >>> design = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])
    >>> fit = ols_hac(d, design, np.array([0.0, 1.0]), lags=2)
    >>> round(fit.effect, 6), round(fit.se, 6), round(fit.low, 6)
    (4.0, 0.658281, 2.533259)
    """
    require_design(y, design)
    used = lags_for(len(y), lags)
    fit: Any = sm.OLS(y, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": True}, use_t=True
    )
    effect = float(contrast @ fit.params)
    variance = float(contrast @ fit.cov_params() @ contrast)
    se = max(variance, 0.0) ** 0.5
    return student("OLS, Newey-West", effect, se, float(fit.df_resid), alpha=alpha, lags=used)


def ols_prewhitened(
    y: Vector,
    design: Matrix,
    contrast: Vector,
    *,
    alpha: float = 0.05,
    lags: int | None = None,
    day: Days | None = None,
    white: float = 0.0,
) -> Estimate:
    """Contrast of an OLS fit with prewhitened, bias-corrected Newey-West errors.

    1. Residuals e = M y; their lag-1 autocorrelation is pulled towards -1/n by the fit. It is
       corrected by inverting its expectation tr(M W M R)/tr(M R) under AR(1) noise of
       coefficient r, R = r^|i-j|, W the lag-1 pairs. Negative coefficients count as 0.
    2. Variance of the contrast under that AR(1): s2 c'(X'X)^-1 X'RX (X'X)^-1 c with
       s2 = e'e/tr(M R), which is unbiased.
    3. What the filter e_t - r e_(t-1) leaves is judged by Newey-West: its Bartlett-weighted
       autocorrelations, less their expectation under step 2, scale the variance.
    4. Student quantiles with 1/df = 1/m + (2/3)(L + 1)/n, m = (n - k)(1 - r)/(1 + r): the first
       term is what autocorrelated residuals are worth, the second the noise of a Bartlett estimate.
       (m - k instead would leave nothing where days are few and covariates many: useless intervals
       that cover too often.)

    Lags follow the calendar: rows next to a gap are not neighbours.

    Parameters
    ----------
    y, design, contrast, alpha, lags
        As in `ols_hac`.
    day : array of int, optional
        Day number of each row, strictly increasing; 0, 1, 2 ... where not given.
    white : float
        Share of the noise that is known to have no memory, as the chance in a count: it hides the
        memory of the rest from the lag-1 autocorrelation.

    Raises
    ------
    DataError
        If rows are too few for the design, or the design is singular.

    References
    ----------
    .. [1] Andrews, D. W. K. and Monahan, J. C. (1992), An improved heteroskedasticity and
       autocorrelation consistent covariance matrix estimator, Econometrica 60, 953-966.
       DOI 10.2307/2951574
    .. [2] Newey, W. K. and West, K. D. (1987), Econometrica 55, 703-708. DOI 10.2307/1913610
    .. [3] Bayley, G. V. and Hammersley, J. M. (1946), The "effective" number of independent
       observations in an autocorrelated time series, Suppl. J. Royal Stat. Soc. 8, 184-197.
       DOI 10.2307/2983560

    Examples
    --------
    >>> d = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
    >>> design = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])
    >>> fit = ols_prewhitened(d, design, np.array([0.0, 1.0]), lags=2)
    >>> round(fit.effect, 6), fit.se > 0.66, fit.df < 10
    (4.0, True, True)
    """
    return ols_prewhitened_each(
        y, design, [contrast], alpha=alpha, lags=lags, day=day, white=white
    )[0]


def ols_prewhitened_each(
    y: Vector,
    design: Matrix,
    contrasts: Sequence[Vector],
    *,
    alpha: float = 0.05,
    lags: int | None = None,
    day: Days | None = None,
    white: float = 0.0,
) -> list[Estimate]:
    """Several contrasts of one fit; each as `ols_prewhitened`."""
    require_design(y, design)
    n, k = design.shape
    used = lags_for(n, lags)
    noise = Noise(y, design, np.arange(n) if day is None else np.asarray(day), white)
    weights = np.stack(contrasts) @ noise.geometry.to_beta
    return _student_each(noise, weights @ y, weights, (n, k), alpha=alpha, lags=used)


def weighted_each(
    y: Vector, design: Matrix, weights: Matrix, day: Days, *, alpha: float, lags: int | None = None
) -> list[Estimate]:
    """Weighted sums of an outcome (one row of weights each) under the noise around a fit.

    For contrasts that are not in the design, as of single weeks against a phase: the noise is that
    of the whole fit, not of a model with as many coefficients as weeks.
    """
    require_design(y, design)
    used = lags_for(len(y), lags)
    noise = Noise(y, design, day)
    return _student_each(noise, weights @ y, weights, design.shape, alpha=alpha, lags=used)


def _student_each(
    noise: Noise, effects: Vector, weights: Matrix, shape: tuple[int, ...], *, alpha: float,
    lags: int,
) -> list[Estimate]:  # fmt: skip
    n, k = shape
    r = noise.lag1()
    ratio = max(noise.remaining_ratio(r, lags), MIN_RATIO)
    worth = max(noise.geometry.worth(n - k, r), 1.0)
    df = 1 / (1 / worth + (2 / 3) * (lags + 1) / n)
    errors = np.sqrt(noise.variances(r, weights) * ratio)
    return [
        student("OLS, prewhitened Newey-West", float(effect), float(se), df, alpha=alpha, lags=lags)
        for effect, se in zip(effects, errors, strict=True)
    ]


def residual_lag1(y: Vector, design: Matrix, day: Days | None = None) -> float:
    """Lag-1 autocorrelation of the noise around an OLS fit, corrected for the fit's own bias.

    Between 0 and 0.97; a negative or undefined one counts as 0, which is conservative.

    Examples
    --------
    >>> residual_lag1(np.array([1.0, -1, 1, -1, 1, -1]), np.ones((6, 1)))
    0.0
    """
    require_design(y, design)
    return Noise(y, design, np.arange(len(y)) if day is None else np.asarray(day)).lag1()


def unusable(y: Vector, design: Matrix) -> str:
    """Why a regression cannot answer, in words; "" where it can."""
    n, k = design.shape
    if n < k + 2:
        return f"{n} days are too few for {k} coefficients"
    if np.linalg.matrix_rank(design) < k:
        return "two or more regressors say the same"
    return "" if np.isfinite(y).all() and np.isfinite(design).all() else "values are missing"


def require_design(y: Vector, design: Matrix) -> None:
    """Refuse what a regression cannot answer: NaN, too few rows, collinear columns.

    Raises
    ------
    DataError
        With what is wrong and what to do.
    """
    if not (np.isfinite(y).all() and np.isfinite(design).all()):
        raise DataError("a regression got missing values", hint="drop such days before")
    told = unusable(y, design)
    if told:
        hint = f"have at least {design.shape[1] + 2} days; drop covariates that are constant or"
        raise DataError(told, hint=f"{hint} combinations of others")
