"""Weather in the street: wind direction as a vector, apparent temperature.

Indicators that need two quantities of one series at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transforms.aggregate import covered_result
from transforms.cells import cells, mean, to_direction
from transforms.heat import LEAST_HEAT_INDEX, heat_index
from transforms.intervals import hours
from transforms.wide import from_wide, to_wide


def wind_direction(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    calm_m_s: float = 0.0,
) -> pd.DataFrame:
    """Direction of the mean wind vector of the hour [degrees, where the wind comes from].

    Readings are weighted by their speed; one without a speed weighs 1. Readings of at most
    `calm_m_s` have no direction: they are left out and do not count as measured. Null where the
    vectors cancel.

    Parameters
    ----------
    panel : DataFrame
        With the column `quantity`: wind_direction [deg], and wind_speed [m/s] where it is measured.
    start, end, steps, coverage
        As in `transforms.air.hourly_mean`.
    calm_m_s : float
        Speed up to which there is calm.

    References
    ----------
    .. [1] WMO-No. 8, Guide to Instruments and Methods of Observation, Volume I, chapter 5.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2026-03-01T00:00Z", periods=2, freq="30min")
    >>> panel = to_panel(times, "a", [350.0, 10.0], "wind_direction")
    >>> table = wind_direction(panel, start=times[0], end=times[0] + pd.Timedelta(hours=1),
    ...     zone="UTC", steps={"a": 1800})
    >>> table["value"].round(6).tolist()
    [0.0]
    """
    wide = to_wide(panel, ["wind_direction", "wind_speed"])
    speed = wide["wind_speed"].fillna(1.0)
    angle = np.deg2rad(wide["wind_direction"].where(speed > calm_m_s))
    bins = hours(start, end)
    east = cells(from_wide(wide, speed * np.sin(angle)), bins, steps)
    north = cells(from_wide(wide, speed * np.cos(angle)), bins, steps)
    return covered_result(east, to_direction(mean(east), mean(north)), coverage)


def hourly_heat_index(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Heat index of the hour [Cel] from its mean temperature and humidity; see `heat.heat_index`.

    Below 27 Cel the regression does not hold: the hour's mean temperature itself is returned, as
    weather services do.

    Parameters
    ----------
    panel : DataFrame
        With the column `quantity`: air_temperature [Cel], relative_humidity [%].
    start, end, steps, coverage
        As in `transforms.air.hourly_mean`; readings that have both quantities count.

    References
    ----------
    .. [1] Rothfusz, L. P. (1990), The heat index equation, NWS Southern Region SR 90-23.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> noon = pd.Timestamp("2026-07-01T12:00Z")
    >>> panel = to_panel([noon, noon], "a", [32.0, 60.0], ["air_temperature", "relative_humidity"])
    >>> table = hourly_heat_index(panel, start=noon, end=noon + pd.Timedelta(hours=1), zone="UTC",
    ...     steps={"a": 3600})
    >>> table["value"].round(3).tolist()
    [37.074]
    """
    wide = to_wide(panel, ["air_temperature", "relative_humidity"])
    both = wide.where(wide.notna().all(axis=1))
    bins = hours(start, end)
    temperature = cells(from_wide(both, both["air_temperature"]), bins, steps)
    degrees = mean(temperature)
    humidity = mean(cells(from_wide(both, both["relative_humidity"]), bins, steps))
    felt = np.where(degrees >= LEAST_HEAT_INDEX, heat_index(degrees, humidity), degrees)
    return covered_result(temperature, felt, coverage)
