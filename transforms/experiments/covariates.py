"""Columns that a regression adjusts for: weather, days of the week, season."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.days import by_date

YEAR_DAYS: Final = 365.2425


def covariate_columns(
    frame: pd.DataFrame,
    covariates: pd.DataFrame | None,
    *,
    weekdays: bool = False,
    yearly_cycle: bool = False,
    zone: str | None = None,
) -> pd.DataFrame:
    """Regressors for the days of a `contrast_days` frame, centred; NaN where a covariate misses.

    Weekdays are dummies against Sunday. Centring leaves effects alone and makes the constant the
    level of an average day.

    Raises
    ------
    DataError
        If a yearly cycle is asked of a year or less, or a covariate is no number per day.
    """
    columns: dict[str, pd.Series] = {}
    if covariates is not None:
        for name in covariates.columns:
            columns[str(name)] = by_date(covariates[name], zone).reindex(frame.index)
    if weekdays:
        day = pd.DatetimeIndex(frame.index).day_of_week
        for number in range(6):
            columns[f"weekday_{number}"] = pd.Series((day == number).astype(float), frame.index)
    if yearly_cycle:
        days = frame["day"].to_numpy(dtype=np.float64)
        if days[-1] <= YEAR_DAYS:
            raise DataError(
                "a yearly cycle needs more than a year of days",
                hint="leave it out, or use a control area that has the same season",
            )
        angle = 2 * np.pi * days / YEAR_DAYS
        columns["season_sin"] = pd.Series(np.sin(angle), frame.index)
        columns["season_cos"] = pd.Series(np.cos(angle), frame.index)
    table = pd.DataFrame(columns, index=frame.index)
    return table - table.mean()
