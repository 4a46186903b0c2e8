"""Second opinions: GLS and block bootstrap; p values of several outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from livinglab.errors import DataError
from transforms.experiments.noise import Matrix, Vector
from transforms.experiments.regression import Estimate, student

#: Bootstrap draws, and the seed that makes them repeatable.
DRAWS: Final = 2000
SEED: Final = 20260101


def glsar(
    y: Vector, design: Matrix, contrast: Vector, *, alpha: float = 0.05, rounds: int = 10
) -> Estimate:
    """Contrast by feasible GLS with AR(1) errors (Cochrane-Orcutt iterated), Student quantiles.

    References
    ----------
    .. [1] Cochrane, D. and Orcutt, G. H. (1949), J. American Statistical Association 44, 32-61.
       DOI 10.1080/01621459.1949.10483290

    Examples
    --------
    >>> d = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
    >>> design = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])
    >>> 3 < glsar(d, design, np.array([0.0, 1.0])).effect < 5
    True
    """
    # Its test of convergence divides by coefficients, one of which may be exactly 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        fit: Any = sm.GLSAR(y, design, rho=1).iterative_fit(rounds)
    effect = float(contrast @ fit.params)
    variance = float(contrast @ fit.cov_params() @ contrast)
    se = max(variance, 0.0) ** 0.5
    return student("GLS, AR(1)", effect, se, float(fit.df_resid), alpha=alpha)


def block_bootstrap(
    y: Vector,
    design: Matrix,
    contrast: Vector,
    *,
    alpha: float = 0.05,
    block: int = 7,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """Contrast with a percentile interval from moving blocks of `block` days of residuals.

    Residuals are drawn in overlapping blocks, added to the fitted values and refitted. The seed is
    fixed: the same data give the same interval.

    References
    ----------
    .. [1] Künsch, H. R. (1989), The jackknife and the bootstrap for general stationary
       observations, Annals of Statistics 17, 1217-1241. DOI 10.1214/aos/1176347265

    Examples
    --------
    >>> d = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
    >>> design = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])
    >>> fit = block_bootstrap(d, design, np.array([0.0, 1.0]), block=3)
    >>> fit == block_bootstrap(d, design, np.array([0.0, 1.0]), block=3), round(fit.effect, 6)
    (True, 4.0)
    """
    n = len(y)
    if block > n:
        raise DataError(f"blocks of {block} days do not fit into {n} days")
    beta = np.linalg.lstsq(design, y)[0]
    residual = y - design @ beta
    weight = np.linalg.pinv(design).T @ contrast
    effect = float(contrast @ beta)
    count = -(-n // block)
    starts = np.random.default_rng(seed).integers(0, n - block + 1, (draws, count))
    place = (starts[:, :, np.newaxis] + np.arange(block)).reshape(draws, -1)[:, :n]
    drawn = residual[place]
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    found = effect + drawn @ weight
    low, high = (float(v) for v in np.quantile(found, [alpha / 2, 1 - alpha / 2]))
    beyond = float(np.mean(np.abs(found - effect) >= abs(effect)))
    p = (1 + beyond * draws) / (1 + draws)
    name = f"moving-block bootstrap, {block} days"
    return Estimate(name, effect, float(found.std(ddof=1)), float(draws - 1), low, high, p)


def adjusted_p(p: Mapping[str, float], *, declared: Sequence[str]) -> dict[str, tuple[float, str]]:
    """P values adjusted for their number: Holm for the declared outcomes, Benjamini-Hochberg else.

    Parameters
    ----------
    p : mapping of str to float
        p value per outcome.
    declared : sequence of str
        Outcomes named in the design record before data were seen; all others are exploratory.

    Returns
    -------
    dict of str to (float, str)
        Adjusted p and "holm" or "exploratory, fdr_bh", in the order of `p`.

    References
    ----------
    .. [1] Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian J.
       Statistics 6, 65-70.
    .. [2] Benjamini, Y. and Hochberg, Y. (1995), J. Royal Stat. Soc. B 57, 289-300.
       DOI 10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> found = adjusted_p({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}, declared="abcd")
    >>> [round(value, 6) for value, _ in found.values()]
    [0.04, 0.06, 0.06, 0.06]
    """
    result: dict[str, tuple[float, str]] = {}
    families = (("holm", "holm", True), ("fdr_bh", "exploratory, fdr_bh", False))
    for method, label, is_declared in families:
        names = [name for name in p if (name in declared) is is_declared]
        if names:
            adjusted = multipletests([p[name] for name in names], method=method)[1]
            found = zip(names, adjusted, strict=True)
            result |= {name: (float(value), label) for name, value in found}
    return {name: result[name] for name in p}
