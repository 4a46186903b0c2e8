"""A sensor beside a reference instrument: agreement, expanded uncertainty, fitted calibration.

Pairs are simultaneous values (hourly means, both sufficiently covered); pairs with a missing value
are left out. Pairs are never shuffled in time: fit on the first part, judge on a later one.

References
----------
.. [1] European Commission, Guide to the Demonstration of Equivalence of Ambient Air Monitoring
   Methods (2010), clause 9.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.frames import Floats

#: Uncertainty of the reference method for PM2.5 and level at which U is stated [ug/m3] [1]_.
U_REFERENCE = 0.67
LIMIT_LEVEL = 30.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a sensor compares with a reference, in the unit of the values unless noted.

    Parameters
    ----------
    n : int
        Pairs.
    slope, intercept, r2 : float
        Ordinary least squares of sensor on reference.
    rmse, mae, mean_bias : float
        Of sensor - reference.
    orth_slope, orth_intercept, orth_rss : float
        Orthogonal regression, and its residual sum of squares (vertical).
    expanded_uncertainty : float
        U (k = 2) relative to `level`, dimensionless.
    level, u_reference : float
        Level for which U is stated; uncertainty of the reference.
    """

    n: int
    slope: float
    intercept: float
    r2: float
    rmse: float
    mae: float
    mean_bias: float
    orth_slope: float
    orth_intercept: float
    orth_rss: float
    expanded_uncertainty: float
    level: float
    u_reference: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted calibration: reference = offset + sum(coefficient * predictor).

    Parameters
    ----------
    n : int
        Pairs it was fitted on.
    offset : float
        Constant.
    coefficients : mapping of str to float
        By predictor.
    ranges : mapping of str to (float, float)
        Smallest and largest value of each predictor in the fit: outside, results are suspect.
    r2, rmse : float
        On the pairs of the fit; rmse with divisor n.
    """

    n: int
    offset: float
    coefficients: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]
    r2: float
    rmse: float

    def predict(self, predictors: Mapping[str, ArrayLike]) -> Floats:
        """Calibrated values."""
        parts = [
            coefficient * np.asarray(predictors[name], dtype=np.float64)
            for name, coefficient in self.coefficients.items()
        ]
        return np.asarray(np.sum(parts, axis=0) + self.offset, dtype=np.float64)

    def parameters(self, raw: str) -> dict[str, float]:
        """Parameters of a multi-linear row of calibrations.csv for the quantity `raw`."""
        row = {"offset": self.offset, "slope": self.coefficients[raw]}
        for name, (low, high) in self.ranges.items():
            label = "value" if name == raw else name
            if name != raw:
                row[f"slope_{name}"] = self.coefficients[name]
            row |= {f"min_{label}": low, f"max_{label}": high}
        return row


def agreement(
    sensor: ArrayLike,
    reference: ArrayLike,
    *,
    level: float = LIMIT_LEVEL,
    u_reference: float = U_REFERENCE,
) -> Agreement:
    """Compare simultaneous values of a sensor and a reference.

    Parameters
    ----------
    sensor, reference : array
        Of equal length; NaN pairs are left out [unit of the quantity].
    level : float
        Concentration at which the relative expanded uncertainty is stated; the default belongs to
        PM2.5, and the figure means something for that quantity only.
    u_reference : float
        Standard uncertainty between reference instruments.

    Raises
    ------
    DataError
        With fewer than three pairs, or values that do not vary.

    References
    ----------
    .. [1] Guide to the Demonstration of Equivalence (2010), clause 9.5.

    Examples
    --------
    >>> result = agreement([6, 10, 17, 19, 27], [5, 10, 15, 20, 25])
    >>> round(result.orth_intercept, 6), round(result.orth_slope, 6), round(result.orth_rss, 6)
    (0.297746, 1.033484, 6.745452)
    >>> round(result.expanded_uncertainty, 6)
    0.124641
    """
    y, x = _paired(sensor, reference, least=3)
    n = len(x)
    sxx, syy = float(np.sum((x - x.mean()) ** 2)), float(np.sum((y - y.mean()) ** 2))
    sxy = float(np.sum((x - x.mean()) * (y - y.mean())))
    _require_variation({"reference": x, "sensor": y})
    if sxy == 0.0:
        raise DataError("values that do not vary together have no regression")
    slope = sxy / sxx
    orth = (syy - sxx + np.sqrt((syy - sxx) ** 2 + 4 * sxy**2)) / (2 * sxy)
    origin = float(y.mean() - orth * x.mean())
    rss = float(np.sum((y - origin - orth * x) ** 2))
    variance = rss / (n - 2) - u_reference**2 + (origin + (orth - 1) * level) ** 2
    difference = y - x
    return Agreement(
        n=n,
        slope=slope,
        intercept=float(y.mean() - slope * x.mean()),
        r2=sxy**2 / (sxx * syy),
        rmse=_rms(difference),
        mae=float(np.abs(difference).mean()),
        mean_bias=float(difference.mean()),
        orth_slope=float(orth),
        orth_intercept=origin,
        orth_rss=rss,
        expanded_uncertainty=2 * float(np.sqrt(max(variance, 0.0))) / level,
        level=level,
        u_reference=u_reference,
    )


def fit_linear(reference: ArrayLike, predictors: Mapping[str, ArrayLike]) -> Fit:
    """Fit reference = offset + sum(coefficient * predictor) by ordinary least squares.

    Parameters
    ----------
    reference : array
        Values of the reference [unit of the quantity].
    predictors : mapping of str to array
        The sensor's own value and covariates (temperature, humidity); rows with a NaN are left out.

    Raises
    ------
    DataError
        With too few rows, a column that does not vary, or predictors that determine each other.

    Examples
    --------
    >>> fit = fit_linear([3.0, 5.0, 7.0, 9.5], {"raw": [1.0, 2.0, 3.0, 4.0]})
    >>> round(fit.offset, 3), round(fit.coefficients["raw"], 3), fit.ranges["raw"]
    (0.75, 2.15, (1.0, 4.0))
    """
    columns = {name: np.asarray(value, dtype=np.float64) for name, value in predictors.items()}
    y, *used = _paired(reference, *columns.values(), least=len(columns) + 2)
    _require_variation(dict(zip(("reference", *columns), (y, *used), strict=True)))
    design = np.column_stack([np.ones(len(y)), *used])
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < design.shape[1]:
        raise DataError("predictors that determine each other have no separate coefficients")
    residual = y - design @ solution
    return Fit(
        n=len(y),
        offset=float(solution[0]),
        coefficients=dict(zip(columns, solution[1:].tolist(), strict=True)),
        ranges={
            name: (float(value.min()), float(value.max()))
            for name, value in zip(columns, used, strict=True)
        },
        r2=1 - float(residual @ residual) / float(np.sum((y - y.mean()) ** 2)),
        rmse=_rms(residual),
    )


def _require_variation(columns: Mapping[str, Floats]) -> None:
    constant = [f"{name} ({column[0]:g} all the time)" for name, column in columns.items()
                if not np.ptp(column)]  # fmt: skip
    if constant:
        raise DataError(
            f"nothing can be fitted to what does not vary: {', '.join(constant)}",
            hint="a sensor or a station that hangs; choose a period in which both measured",
        )


def between_sampler_uncertainty(one: ArrayLike, other: ArrayLike) -> float:
    """Uncertainty between two identical samplers: sqrt(sum(d^2) / 2n) [unit of the values].

    References
    ----------
    .. [1] Guide to the Demonstration of Equivalence (2010), clause 9.5.3.1.

    Examples
    --------
    >>> between_sampler_uncertainty([1.0, 2.0, float("nan")], [2.0, 3.0, 4.0]) ** 2
    0.5000000000000001
    """
    a, b = _paired(one, other, least=1)
    return float(np.sqrt(np.sum((a - b) ** 2) / (2 * len(a))))


def rmse(sensor: ArrayLike, reference: ArrayLike) -> float:
    """Root mean square difference of the pairs without a missing value [unit of the values]."""
    a, b = _paired(sensor, reference, least=1)
    return _rms(a - b)


def _rms(difference: Floats) -> float:
    return float(np.sqrt(np.mean(difference**2)))


def _paired(*columns: ArrayLike, least: int) -> list[Floats]:
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    if len({array.shape for array in arrays}) != 1:
        raise DataError(f"columns of different length: {[len(array) for array in arrays]}")
    whole = ~np.isnan(np.stack(arrays)).any(axis=0)
    if whole.sum() < least:
        raise DataError(f"{int(whole.sum())} complete rows, at least {least} are needed")
    return [array[whole] for array in arrays]
