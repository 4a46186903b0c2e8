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
import numpy.typing as npt
import statsmodels.api as sm
from scipy import stats

from livinglab.errors import DataError

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

#: Lag-1 coefficients that the filter may take; above, the series is a trend rather than noise.
MAX_AR: Final = 0.97
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
    used = default_lags(len(y)) if lags is None else lags
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
    day: npt.NDArray[np.int64] | None = None,
) -> Estimate:
    """Contrast of an OLS fit with prewhitened, bias-corrected Newey-West errors.

    1. Residuals e = M y; their lag-1 autocorrelation is pulled towards -1/n by the fit. It is
       corrected by inverting its expectation tr(M W M R)/tr(M R) under AR(1) noise of
       coefficient r, R = r^|i-j|, W the lag-1 pairs. Negative coefficients count as 0.
    2. Variance of the contrast under that AR(1): s2 c'(X'X)^-1 X'RX (X'X)^-1 c with
       s2 = e'e/tr(M R), which is unbiased.
    3. What the filter e_t - r e_(t-1) leaves is judged by Newey-West: its Bartlett-weighted
       autocorrelations, less their expectation under step 2, scale the variance.
    4. Student quantiles with 1/df = 1/(m - k) + (2/3)(L + 1)/n, m = n(1 - r)/(1 + r): the first
       term is what autocorrelated rows are worth, the second the noise of a Bartlett estimate.

    Lags follow the calendar: rows next to a gap are not neighbours.

    Parameters
    ----------
    y, design, contrast, alpha, lags
        As in `ols_hac`.
    day : array of int, optional
        Day number of each row, strictly increasing; 0, 1, 2 ... where not given.

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
    return ols_prewhitened_each(y, design, [contrast], alpha=alpha, lags=lags, day=day)[0]


def ols_prewhitened_each(
    y: Vector,
    design: Matrix,
    contrasts: Sequence[Vector],
    *,
    alpha: float = 0.05,
    lags: int | None = None,
    day: npt.NDArray[np.int64] | None = None,
) -> list[Estimate]:
    """Several contrasts of one fit; each as `ols_prewhitened`."""
    require_design(y, design)
    n, k = design.shape
    used = default_lags(n) if lags is None else lags
    noise = _Noise(y, design, np.arange(n) if day is None else np.asarray(day))
    r = noise.lag1()
    ratio = max(noise.remaining_ratio(r, used), MIN_RATIO)
    worth = max(n * (1 - r) / (1 + r) - k, 1.0)
    df = 1 / (1 / worth + (2 / 3) * (used + 1) / n)
    method = "OLS, prewhitened Newey-West"
    found = []
    for contrast in contrasts:
        effect, variance = noise.under_ar1(r, contrast)
        se = float(np.sqrt(variance * ratio))
        found.append(student(method, effect, se, df, alpha=alpha, lags=used))
    return found


def residual_lag1(y: Vector, design: Matrix, day: npt.NDArray[np.int64] | None = None) -> float:
    """Lag-1 autocorrelation of the noise around an OLS fit, corrected for the fit's own bias.

    Between 0 and 0.97; a negative or undefined one counts as 0, which is conservative.

    Examples
    --------
    >>> residual_lag1(np.array([1.0, -1, 1, -1, 1, -1]), np.ones((6, 1)))
    0.0
    """
    require_design(y, design)
    return _Noise(y, design, np.arange(len(y)) if day is None else np.asarray(day)).lag1()


def require_design(y: Vector, design: Matrix) -> None:
    """Refuse what a regression cannot answer: NaN, too few rows, collinear columns.

    Raises
    ------
    DataError
        With what is wrong and what to do.
    """
    n, k = design.shape
    if not (np.isfinite(y).all() and np.isfinite(design).all()):
        raise DataError("a regression got missing values", hint="drop such days before")
    if n < k + 2:
        raise DataError(
            f"{n} days are too few for {k} coefficients",
            hint=f"have at least {k + 2} days, or fewer covariates",
        )
    if np.linalg.matrix_rank(design) < k:
        raise DataError(
            "two or more regressors say the same",
            hint="drop a covariate that is constant or a combination of others",
        )


class _Noise:
    """Residuals of a fit and what theory expects of them.

    The residual maker M = I - QQ' (Q the orthonormal columns of the design) is never multiplied
    out: with k columns every product costs n^2 k.
    """

    def __init__(self, y: Vector, design: Matrix, day: npt.NDArray[np.int64]) -> None:
        self.q, upper = np.linalg.qr(design)
        self.beta = np.linalg.solve(upper, self.q.T @ y)
        self.to_beta = np.linalg.solve(upper, self.q.T)  # (X'X)^-1 X'
        self.fitted = design @ self.beta
        self.residual = y - self.fitted
        self.distance = np.abs(np.subtract.outer(day, day))
        self.next = np.flatnonzero(np.diff(day) == 1)  # rows that have the next day beside them

    @property
    def is_flat(self) -> bool:
        scale = max(float(np.abs(self.fitted).max()), 1e-300)
        return bool(np.abs(self.residual).max() <= 1e-12 * scale)

    def correlation(self, r: float) -> Matrix:
        """r^|i-j| by calendar distance."""
        power = np.power(r, np.arange(int(self.distance.max()) + 1), dtype=np.float64)
        return np.asarray(power[self.distance], dtype=np.float64)

    def of_residuals(self, noise: Matrix) -> Matrix:
        """Covariance M S M of the residuals when that of the noise is S."""
        across = noise @ self.q
        inner = self.q @ (self.q.T @ across)
        return np.asarray(noise - across @ self.q.T - self.q @ across.T + inner @ self.q.T)

    def by_lag(self, matrix: Matrix) -> Vector:
        """Sums of a matrix over its entries of equal calendar distance."""
        return np.bincount(self.distance.ravel(), matrix.ravel()).astype(np.float64)

    def lag1(self) -> float:
        if self.is_flat or len(self.next) == 0:
            return 0.0
        e, i = self.residual, self.next
        observed = float(e[i] @ e[i + 1] / (e @ e))
        pairs = np.zeros_like(self.distance, dtype=np.float64)
        pairs[i, i + 1] = pairs[i + 1, i] = 0.5
        whole = self.by_lag(np.eye(len(e)) - self.q @ self.q.T)
        neighbours = self.by_lag(self.of_residuals(pairs))
        lag = np.arange(len(whole))

        def expected(r: float) -> float:
            power = np.power(r, lag, dtype=np.float64)
            return float(neighbours @ power) / float(whole @ power)

        return _inverse_increasing(expected, observed, 0.0, MAX_AR)

    def under_ar1(self, r: float, contrast: Vector) -> tuple[float, float]:
        """Contrast and its variance under AR(1) noise of coefficient `r`."""
        correlation = self.correlation(r)
        scale = len(self.residual) - float(np.sum(self.q * (correlation @ self.q)))
        weight = contrast @ self.to_beta
        variance = float(self.residual @ self.residual) / scale
        return float(contrast @ self.beta), variance * float(weight @ correlation @ weight)

    def remaining_ratio(self, r: float, lags: int) -> float:
        """Long-run variance that the AR(1) filter left, as a ratio to white noise."""
        i = self.next
        if self.is_flat or len(i) < 2:
            return 1.0
        u = self.residual[i + 1] - r * self.residual[i]
        covariance = self.of_residuals(self.correlation(r))
        rows = covariance[i + 1] - r * covariance[i]
        expected = rows[:, i + 1] - r * rows[:, i]
        distance = self.distance[np.ix_(i, i)].ravel()
        seen = np.bincount(distance, np.outer(u, u).ravel(), lags + 1)
        theory = np.bincount(distance, expected.ravel(), lags + 1)
        lag = np.arange(1, lags + 1)
        weight = 1 - lag / (lags + 1)
        return 1 + float(weight @ (seen[lag] / seen[0] - theory[lag] / theory[0]))


def _inverse_increasing(function: Any, target: float, low: float, high: float) -> float:
    """`x` in [low, high] where an increasing function meets `target`, to 1e-10 by bisection."""
    if target <= function(low):
        return low
    if target >= function(high):
        return high
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return (low + high) / 2
