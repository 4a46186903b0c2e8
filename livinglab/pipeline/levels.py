"""Levels above the zero of a sensor, from what it measures instead: a pressure or a distance.

A model says what its level is made of (`derives`). An absolute pressure needs a `barometric` row of
calibrations.csv, which names the barometer; without one in force there is no level. Calibrations of
the pressure itself come first. The height of the sensor's zero against NAP is added later, as for
loggers that send levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.pipeline.besides import BAROMETRIC, row_of
from livinglab.pipeline.scope import Scope
from livinglab.registry import Calibration
from transforms import calibration
from transforms.frames import Floats, to_index, to_panel
from transforms.water_physics import (
    barometer_at,
    level_from_distance,
    station_pressure,
    water_column,
)

#: Temperature of groundwater where a calibration names none [Cel].
WATER_CEL: Final = 10.0


def with_levels(
    readings: pd.DataFrame,
    scope: Scope,
    rows: Sequence[Any],
    calibrations: Sequence[Calibration],
    barometers: Mapping[str, pd.Series],
) -> pd.DataFrame:
    """Readings, and the quantities derived of them under the same device, channel and place.

    Parameters
    ----------
    readings : DataFrame
        As `cleaning.read_raw` returns it.
    rows : sequence of Device
        Rows of devices.csv that `place` points into.
    calibrations : sequence of Calibration
        All that hold within the reach of the window.
    barometers : mapping of str to Series
        Air pressure by device [hPa].
    """
    parts = [readings]
    for place, row in enumerate(rows):
        for name, source in scope.registry.models[row.model].derives.items():
            here = readings[(readings["place"] == place) & (readings["quantity"] == source)]
            of_device = [found for found in calibrations if found.device == row.id]
            value = _derived(here, source, of_device, barometers)
            level = here.assign(quantity=name, value=value)
            parts.append(level[np.isfinite(value)])
    return readings if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _derived(
    here: pd.DataFrame,
    source: str,
    calibrations: Sequence[Calibration],
    barometers: Mapping[str, pd.Series],
) -> Floats:
    measured = _corrected(here, [found for found in calibrations if found.quantity == source])
    if source == "distance":
        return level_from_distance(measured, 0.0)
    level = np.full(len(here), np.nan)
    ns = here["ns"].to_numpy(dtype=np.int64)
    for found in calibrations:
        if found.method == BAROMETRIC:
            end = np.iinfo(np.int64).max if found.to_ns is None else found.to_ns
            during = (ns >= found.from_ns) & (ns < end)
            level[during] = _column(measured[during], ns[during], found, barometers)
    return level


def _corrected(here: pd.DataFrame, calibrations: Sequence[Calibration]) -> Floats:
    """Values of one device after its linear or drift calibrations; they need no covariates."""
    value = here["value"].to_numpy(dtype=np.float64, copy=True)
    for channel in here["channel"].unique():
        mask = (here["channel"] == channel).to_numpy()
        panel = to_panel(here["ns"].to_numpy()[mask], "s", value[mask])
        order = np.argsort(here["ns"].to_numpy()[mask], kind="stable")
        rows = [row_of(found, "s") for found in calibrations]
        value[np.flatnonzero(mask)[order]] = calibration.apply(panel, rows)["value"].to_numpy()
    return value


def _column(
    pressure: Floats, ns: Any, found: Calibration, barometers: Mapping[str, pd.Series]
) -> Floats:
    """Height of the water above the sensor [m]."""
    given = found.parameters
    air = np.zeros(len(pressure))
    if found.barometer:
        known = barometers[found.barometer]
        air = barometer_at(known, to_index(ns)).to_numpy(dtype=np.float64)
        air = station_pressure(air, given.get("sea_level_m", 0.0))
    temperature = given.get("temperature", WATER_CEL)
    column = water_column(pressure, air, temperature, salt_g_l=given.get("salt_g_l", 0.0))
    return column + given.get("offset", 0.0)
