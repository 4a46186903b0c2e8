"""Regressors and contrasts of each method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.experiments.design import PAIRED, WITH_TREND, Rows
from transforms.experiments.noise import Days, Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A linear model of the days.

    Parameters
    ----------
    matrix : array of float, shape (n, k)
        Regressors: constant, structure, then what is adjusted for.
    contrast : array of float, shape (k,)
        Weights of the coefficients that make the effect.
    parts : mapping of str to array
        Further contrasts that belong to the answer, by name.
    structure : int
        How many of the columns are constant and structure.
    formula : str
        The model in symbols.
    """

    matrix: Matrix
    contrast: Vector
    parts: dict[str, Vector]
    structure: int
    formula: str


def model_of(method: str, rows: Rows, *, has_control: bool) -> Model:
    """The model of a method on some days.

    Trends count from the first day of the after phase: with t instead of t - t0 in the last term
    the change of level would be that on day 0 [1]_; of a control area the difference is modelled
    [2]_. The weather-normalised model gives the after phase slopes of its own around its own mean
    weather [3]_: its step is the mean of observed less predicted by the before phase alone [4]_,
    and the error of the prediction is part of the interval.

    References
    ----------
    .. [1] Xiao, H., Augusto, O. and Wagenaar, B. H. (2021), Reflection on modern methods: a common
       error in the segmented regression parameterization of interrupted time-series analyses, Int.
       J. Epidemiology 50, 1011-1015, doi:10.1093/ije/dyaa148.
    .. [2] Lopez Bernal, J., Cummins, S. and Gasparrini, A. (2018), The use of controls in
       interrupted time series studies, Int. J. Epidemiology 47, 2082-2093, doi:10.1093/ije/dyy135.
    .. [3] Lin, W. (2013), Agnostic notes on regression adjustments to experimental data, Annals of
       Applied Statistics 7, 295-318, doi:10.1214/12-AOAS583.
    .. [4] Grange, S. K. and Carslaw, D. C. (2019), Using meteorological normalisation to detect
       interventions in air quality time series, Science of the Total Environment 653, 578-588,
       doi:10.1016/j.scitotenv.2018.10.344.
    """
    if method in WITH_TREND:
        return _trends(rows, has_control=has_control)
    if method == PAIRED:
        return _pairs(rows, has_control=has_control)
    return _step(rows, has_control=has_control, method=method)


def structure_of(method: str, day: Vector | Days, after: Vector, first: int) -> Matrix:
    """Columns of a method without what is adjusted for: constant and step, or with trends."""
    if method not in WITH_TREND:
        return np.column_stack([np.ones(len(day)), after])
    since = day - first
    return np.column_stack([np.ones(len(day)), since, after, since * after])


def effect_of(method: str, half: float) -> Vector:
    """Weights that make the effect out of the coefficients of `structure_of`.

    With trends it is the effect in the middle of the after phase, against the continued trend.
    """
    return np.array([0.0, 0.0, 1.0, half] if method in WITH_TREND else [0.0, 1.0])


def _step(rows: Rows, *, has_control: bool, method: str) -> Model:
    structure = structure_of(method, rows.day, rows.after, rows.first)
    extra = rows.extra
    if method == "weather_normalised" and rows.after.any():
        # Slopes of its own for the after phase, around its own mean weather: the coefficient of A
        # is then the mean of observed minus predicted by a model of the before phase alone.
        extra = extra - extra[rows.after == 1].mean(axis=0)
        extra = np.column_stack([extra, extra * rows.after[:, np.newaxis]])
    matrix = np.column_stack([structure, extra])
    return Model(matrix, _padded(effect_of(method, rows.half), matrix), {}, 2,
                 _formula(method, rows, "a + b A_t", has_control=has_control))  # fmt: skip


def _trends(rows: Rows, *, has_control: bool) -> Model:
    structure = structure_of("its", rows.day, rows.after, rows.first)
    matrix = np.column_stack([structure, rows.extra])
    parts = {
        "change of level on the first day": np.array([0.0, 0, 1, 0]),
        "change of slope per day": np.array([0.0, 0, 0, 1]),
        "slope before per day": np.array([0.0, 1, 0, 0]),
    }
    formula = "b0 + b1 (t - t0) + b2 A_t + b3 (t - t0) A_t"
    return Model(
        matrix,
        _padded(effect_of("its", rows.half), matrix),
        {name: _padded(part, matrix) for name, part in parts.items()},
        4,
        _formula("its", rows, formula, has_control=has_control),
    )


def _pairs(rows: Rows, *, has_control: bool) -> Model:
    """The mean of the differences of `pairs_of`."""
    matrix = np.column_stack([np.ones(len(rows.y)), rows.extra])
    side = "d" if has_control else "y"
    told = " + g' (W_t - W_(t-s))" if rows.names else ""
    more = ", d_t = treated_t - control_t" if has_control else ""
    formula = f"{side}_t - {side}_(t-s) = b{told} + e_t, s = whole weeks{more}"
    return Model(matrix, _padded(np.ones(1), matrix), {}, 1, formula)


def _padded(weights: Vector, matrix: Matrix) -> Vector:
    return np.concatenate([weights, np.zeros(matrix.shape[1] - len(weights))])


def _formula(method: str, rows: Rows, structure: str, *, has_control: bool) -> str:
    side = "d_t" if has_control else "y_t"
    extra = " + g' W_t" if rows.names else ""
    if method == "weather_normalised":
        extra = " + g' W_t + h' (W_t - mean of W after) A_t"
    told = "A_t = 1 in the after phase"
    if method == "counts":
        offset = " + log control_t" if has_control else ""
        return f"log E(y_t) = {structure}{extra}{offset}, {told}"
    if has_control:
        told = f"d_t = treated_t - control_t, {told}"
    return f"{side} = {structure}{extra} + e_t, {told}"
