"""Placebos of an evaluation: the same computation where nothing happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from transforms.experiments.days import contrast_days
from transforms.experiments.design import WITH_TREND, Design, Rows
from transforms.experiments.model import effect_of, structure_of
from transforms.experiments.noise import Vector
from transforms.experiments.result import Placebo

#: Days that a false intervention must leave on either side.
LEAST_SIDE: Final = 14


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
    return _ranked("in time", effect, found) if found else None


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
    """Each control area as if it had been treated, against the mean of the others.

    None with fewer than two areas, or without values.
    """
    if len(controls) < 2 or design.method in WITH_TREND:
        return None
    found = [_false_effect(name, controls, design) for name in controls]
    known = [each for each in found if np.isfinite(each)]
    return _ranked("in space", effect, known) if len(known) > 1 else None


def _false_effect(name: str, controls: Mapping[str, pd.Series], design: Design) -> float:
    """Effect of one control area against the mean of the others; NaN where a phase has no day."""
    others = pd.concat([part for key, part in controls.items() if key != name], axis=1)
    frame = contrast_days(
        controls[name],
        others.mean(axis=1, skipna=False),
        before=design.before,
        after=design.after,
        zone=design.zone,
    )
    means = frame.groupby("after")["d"].mean()
    return float(means.loc[1] - means.loc[0])


def _ranked(kind: str, effect: float, found: Sequence[float]) -> Placebo:
    """Placebo effects with the rank of the real one among them, 1 = largest."""
    larger = sum(abs(other) >= abs(effect) for other in found)
    return Placebo(kind, effect, tuple(found), larger + 1, (1 + larger) / (1 + len(found)))
