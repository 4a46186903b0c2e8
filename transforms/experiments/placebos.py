"""Placebos of an evaluation: the same computation where nothing happened."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transforms.experiments.design import WITH_TREND, Design, Rows
from transforms.experiments.model import effect_of, structure_of
from transforms.experiments.noise import Vector
from transforms.experiments.resampling import LEAST_SIDE, placebo_in_space, ranked
from transforms.experiments.result import Placebo


def placebo_before(rows: Rows, adjusted: Vector, design: Design, effect: float) -> Placebo | None:
    """Effect at every false date within the before phase, against the real one.

    Each false date leaves `LEAST_SIDE` days on either side, half of them with a value. Neighbouring
    dates share most of their days, so the rank is a description, not an exact test. None where the
    before phase has no room.

    Parameters
    ----------
    adjusted : array of float
        Outcome less what the covariates explain, of all rows.
    effect : float
        The real effect, by the same plain contrast as the false ones.
    """
    is_before = rows.after == 0
    y, day = adjusted[is_before], rows.day[is_before]
    found = []
    for at in range(LEAST_SIDE, rows.first - LEAST_SIDE + 1):
        late = day >= at
        if min(int(late.sum()), int((~late).sum())) < LEAST_SIDE // 2:
            continue
        matrix = structure_of(design.method, day, late.astype(np.float64), at)
        # With trends, judged as far from the false date as the real effect is from the real one.
        half = min(rows.half, (int(day[-1]) - at) / 2)
        weights = effect_of(design.method, half)
        found.append(float(weights @ np.linalg.lstsq(matrix, y)[0]))
    return ranked("in time", effect, found) if found else None


def plain_effect(rows: Rows, adjusted: Vector, design: Design) -> float:
    """The effect by the plain contrast that placebos are computed with."""
    matrix = structure_of(design.method, rows.day, rows.after, rows.first)
    weights = effect_of(design.method, rows.half)
    if len(adjusted) < matrix.shape[1]:
        return float("nan")
    return float(weights @ np.linalg.lstsq(matrix, adjusted)[0])


def space_placebo(
    controls: Mapping[str, pd.Series], design: Design, effect: float
) -> Placebo | None:
    """Each control area as if it had been treated; None with fewer than two, or without values."""
    if len(controls) < 2 or design.method in WITH_TREND:
        return None
    found = placebo_in_space(
        controls, before=design.before, after=design.after, effect=effect, zone=design.zone
    )
    known = tuple(each for each in found.effects if np.isfinite(each))
    return ranked("in space", effect, known) if len(known) > 1 else None
