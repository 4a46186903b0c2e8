"""Residuals of a fit, what theory expects of them, and the autocorrelation they betray."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]

#: Lag-1 coefficients that the filter may take; above, the series is a trend rather than noise.
MAX_AR: Final = 0.97
#: The same where a share of the noise has no memory: what is left of it tells so little that
#: higher values would be chance, and the interval useless.
MAX_AR_BESIDE_WHITE: Final = 0.9


class Geometry:
    """What depends on the regressors and the calendar alone, the same for every outcome.

    Noise is AR(1) of coefficient r, of which a share `white` may be without memory: then r is that
    of the rest.

    The residual maker M = I - QQ' (Q the orthonormal columns of the design) is never multiplied
    out: with k columns every product costs n^2 k.
    """

    def __init__(self, design: Matrix, day: Days, white: float = 0.0) -> None:
        self.white = white
        self.q, upper = np.linalg.qr(design)
        self.to_beta = np.linalg.solve(upper, self.q.T)  # (X'X)^-1 X'
        self.distance = np.abs(np.subtract.outer(day, day))
        self.next = np.flatnonzero(np.diff(day) == 1)  # rows that have the next day beside them
        pairs = np.zeros(self.distance.shape)
        i = self.next
        pairs[i, i + 1] = pairs[i + 1, i] = 0.5
        self._whole = self._by_lag(np.eye(len(day)) - self.q @ self.q.T)
        self._neighbours = self._by_lag(self.of_residuals(pairs))
        self._lag = np.arange(len(self._whole))

    def of_residuals(self, noise: Matrix) -> Matrix:
        """Covariance M S M of the residuals when that of the noise is S."""
        across = noise @ self.q
        inner = self.q @ (self.q.T @ across)
        return np.asarray(noise - across @ self.q.T - self.q @ across.T + inner @ self.q.T)

    def correlation(self, r: float) -> Matrix:
        """r^|i-j| by calendar distance, less the white share off the diagonal."""
        power = self._powers(r, np.arange(int(self.distance.max()) + 1))
        return np.asarray(power[self.distance], dtype=np.float64)

    def expected_lag1(self, r: float) -> float:
        """Lag-1 autocorrelation that residuals show on average under AR(1) noise of `r`."""
        power = self._powers(r, self._lag)
        return float(self._neighbours @ power) / float(self._whole @ power)

    def worth(self, n: int, r: float) -> float:
        """Independent days that `n` days are worth, n(1-r)/(1+r) where no share is white."""
        return n / (1 + 2 * (1 - self.white) * r / (1 - r))

    def _powers(self, r: float, lag: npt.NDArray[np.int64]) -> Vector:
        power = (1 - self.white) * np.power(r, lag, dtype=np.float64)
        power[lag == 0] = 1.0
        return np.asarray(power)

    def _by_lag(self, matrix: Matrix) -> Vector:
        """Sums of a matrix over its entries of equal calendar distance."""
        return np.bincount(self.distance.ravel(), matrix.ravel()).astype(np.float64)


@lru_cache(maxsize=16)
def _geometry(design: bytes, day: bytes, rows: int, white: float) -> Geometry:
    return Geometry(
        np.frombuffer(design, dtype=np.float64).reshape(rows, -1),
        np.frombuffer(day, dtype=np.int64),
        white,
    )


def geometry_of(design: Matrix, day: Days, white: float = 0.0) -> Geometry:
    """Geometry of a design, remembered: bootstraps, placebos and simulations ask for it again."""
    plain = np.ascontiguousarray(design, dtype=np.float64)
    days = np.ascontiguousarray(day, dtype=np.int64)
    return _geometry(plain.tobytes(), days.tobytes(), len(days), white)


class Noise:
    """Least-squares residuals of one outcome, and the AR(1) noise that explains them."""

    def __init__(self, y: Vector, design: Matrix, day: Days, white: float = 0.0) -> None:
        self.geometry = geometry_of(design, day, white)
        self.beta = self.geometry.to_beta @ y
        self.fitted = design @ self.beta
        self.residual = y - self.fitted

    @property
    def is_flat(self) -> bool:
        """Whether the fit leaves nothing but rounding."""
        scale = max(float(np.abs(self.fitted).max()), 1e-300)
        return bool(np.abs(self.residual).max() <= 1e-12 * scale)

    def lag1(self) -> float:
        """Lag-1 autocorrelation of the noise: what residuals show, corrected for the fit's bias."""
        i, e = self.geometry.next, self.residual
        if self.is_flat or len(i) == 0:
            return 0.0
        observed = float(e[i] @ e[i + 1] / (e @ e))
        most = MAX_AR_BESIDE_WHITE if self.geometry.white else MAX_AR
        return _inverse_increasing(self.geometry.expected_lag1, observed, 0.0, most)

    def variances(self, r: float, weights: Matrix) -> Vector:
        """Variance of weighted sums of the outcome (one row of weights each) under AR(1) noise."""
        q, correlation = self.geometry.q, self.geometry.correlation(r)
        scale = len(self.residual) - float(np.sum(q * (correlation @ q)))
        variance = float(self.residual @ self.residual) / scale
        return np.asarray(variance * np.sum((weights @ correlation) * weights, axis=1))

    def remaining_ratio(self, r: float, lags: int) -> float:
        """Long-run variance that the AR(1) filter left, as a ratio to white noise."""
        i = self.geometry.next
        if self.is_flat or len(i) < 2:
            return 1.0
        u = self.residual[i + 1] - r * self.residual[i]
        covariance = self.geometry.of_residuals(self.geometry.correlation(r))
        rows = covariance[i + 1] - r * covariance[i]
        expected = rows[:, i + 1] - r * rows[:, i]
        distance = self.geometry.distance[np.ix_(i, i)].ravel()
        seen = np.bincount(distance, np.outer(u, u).ravel(), lags + 1)
        theory = np.bincount(distance, expected.ravel(), lags + 1)
        if not seen[0] > 0:  # only days without a neighbour differ from the fit
            return 1.0
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
