"""What a design can show: effective days, minimal detectable effect, standardised effect."""

from __future__ import annotations

from math import expm1
from typing import Final

import numpy as np
from scipy import stats

from transforms.experiments.noise import Vector

#: exp() of more overflows.
LARGEST_LOG: Final = 700.0


def effective_days(n: float, r: float) -> float:
    """Independent days that `n` days with lag-1 autocorrelation `r` are worth, n(1-r)/(1+r).

    References
    ----------
    .. [1] Bayley, G. V. and Hammersley, J. M. (1946), Suppl. J. Royal Stat. Soc. 8, 184-197.
       DOI 10.2307/2983560

    Examples
    --------
    >>> effective_days(60, 0.5)
    20.0
    """
    return n * (1 - r) / (1 + r)


def power_at(ratio: float, df: float, *, alpha: float = 0.05) -> float:
    """Probability that a two-sided t test finds an effect of `ratio` true standard errors.

    P(|T| > t_(1-alpha/2)), T noncentral Student with `df` degrees of freedom and noncentrality
    `ratio`: exact for normal estimates whose squared standard error is chi-squared.

    Parameters
    ----------
    ratio : float
        True effect over true standard error.
    df : float
        Degrees of freedom; NaN gives NaN.
    alpha : float
        Level of the test.

    References
    ----------
    .. [1] Johnson, N. L. and Welch, B. L. (1940), Applications of the non-central
       t-distribution, Biometrika 31, 362-389, doi:10.1093/biomet/31.3-4.362.

    Examples
    --------
    >>> round(power_at(2.8016, 1e6), 3), round(power_at(2.8016, 10), 3)
    (0.8, 0.714)
    """
    least = float(stats.t.ppf(1 - alpha / 2, df))
    return float(stats.nct.sf(least, df, ratio) + stats.nct.cdf(-least, df, ratio))


def normal_ratio(alpha: float = 0.05, power: float = 0.8) -> float:
    """Standard errors that an effect must have to be found with probability `power`, if known.

    Examples
    --------
    >>> round(normal_ratio(), 4)
    2.8016
    """
    return float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))


def minimal_detectable_effect(
    sigma: float, m_before: float, m_after: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest true effect that a comparison of two phases finds with probability `power`.

    (z_(1-alpha/2) + z_power) sigma sqrt(1/m_b + 1/m_a), in the unit of `sigma`.

    Parameters
    ----------
    sigma : float
        Standard deviation of the daily outcome within a phase.
    m_before, m_after : float
        Effective days of the phases (`effective_days`).
    alpha, power : float
        Level of the test and probability of finding the effect.

    References
    ----------
    .. [1] Bloom, H. S. (1995), Minimum detectable effects, Evaluation Review 19, 547-556.
       DOI 10.1177/0193841X9501900504

    Examples
    --------
    >>> round(minimal_detectable_effect(5, 30, 30), 3)
    3.617
    >>> round(minimal_detectable_effect(5, 20, 20), 4)
    4.4297
    """
    if m_before <= 0 or m_after <= 0:
        return float("inf")
    return normal_ratio(alpha, power) * sigma * float(np.sqrt(1 / m_before + 1 / m_after))


def attained_effect(se: float, df: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true effect that is found with probability `power` by an estimate of this precision.

    (t_(1-alpha/2) + t_power) SE with the error that came out: the planned
    `minimal_detectable_effect` holds only while the days stay as steady as before. Infinite where
    there is no error to go by.

    Examples
    --------
    >>> round(attained_effect(1.0, 1e9), 4), attained_effect(float("nan"), 3)
    (2.8016, inf)
    """
    if not (se > 0 and df > 0):
        return float("inf")
    return se * float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))


def ratio_percent(log_ratio: float) -> float:
    """Logarithm of a ratio as a change [%]; infinite beyond what a float holds.

    Examples
    --------
    >>> round(ratio_percent(0.182321556793955), 9), ratio_percent(1e6), ratio_percent(-1e6)
    (20.0, inf, -100.0)
    """
    return 100 * expm1(log_ratio) if log_ratio < LARGEST_LOG else float("inf")


def hedges_g(before: Vector, after: Vector) -> float:
    """Standardised difference of two phases with small-sample factor J = 1 - 3/(4 df - 1).

    NaN where neither phase varies.

    References
    ----------
    .. [1] Hedges, L. V. (1981), J. Educational Statistics 6, 107-128.
       DOI 10.3102/10769986006002107

    Examples
    --------
    >>> round(hedges_g(np.array([2, 1, 3, 2, 4, 3.0]), np.array([6, 5, 7, 6, 8, 7.0])), 6)
    3.520477
    >>> hedges_g(np.ones(3), np.ones(3))
    nan
    """
    df = len(before) + len(after) - 2
    if min(len(before), len(after)) < 2:
        return float("nan")
    squares = np.var(before) * len(before) + np.var(after) * len(after)
    if squares == 0:
        return float("nan")
    pooled = float(np.sqrt(squares / df))
    factor = 1 - 3 / (4 * df - 1)
    return factor * float(after.mean() - before.mean()) / pooled
