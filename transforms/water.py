"""Indicators of water: levels, flow, rain per hour and day.

Levels are in m NAP (the sensor's zero has been added before), flow in L/min, rain in mm per
reporting interval. A sum needs its intervals: missing rain is not dry weather.

References
----------
.. [1] Directive 2008/50/EC, Annex VII.A: 75 % of values make an aggregate; here for water as well.
.. [2] Hayashi, M., 2004. Environmental Monitoring and Assessment 96, 119-128 (EC at 25 degC).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from transforms.aggregate import binned
from transforms.intervals import days, hours
from transforms.water_physics import EC_COEFFICIENT, ec25
from transforms.wide import from_wide, to_wide


def hourly_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Mean of the hour, in the unit of the panel (m NAP, L/min, uS/cm ...).

    Mean of the values that start in [h, h + 1 h); null below `coverage`. Nothing is interpolated.

    Parameters
    ----------
    panel : DataFrame
        Levels or flows of one quantity.
    start, end : Timestamp
        Hours that start in [start, end).
    zone : str
        Not used: hours are the same in every zone of whole hours.
    steps : mapping of str to int
        Nominal interval of every series [s]; over 3600, only the hours that hold a value have one.
    coverage : float
        Least share of the expected values, 0..1.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`.

    Raises
    ------
    DataError
        If the panel breaks the contract.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2026-03-01T00:00Z", periods=3, freq="30min")
    >>> table = hourly_mean(to_panel(times, "a", [-0.4, -0.5, -0.6]), start=times[0],
    ...     end=times[0] + pd.Timedelta(hours=2), zone="Europe/Amsterdam", steps={"a": 1800})
    >>> table["value"].tolist()
    [-0.45, nan]
    """
    return binned(panel, hours(start, end), steps, "mean", coverage)


def daily_mean(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "day",
) -> pd.DataFrame:
    """Mean of the civil day, in the unit of the panel.

    Mean of all values of the day (not of hourly means; the same where the step is constant); null
    below `coverage`. At coverage 1 and a step of 3 h, 8 of 8 values are needed.

    Parameters
    ----------
    period : str
        "day" = civil day of `zone`; "day_utc1" = day of fixed UTC+1.
    panel, start, end, zone, steps, coverage
        As in `hourly_mean`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-29", tz="Europe/Amsterdam")
    >>> times = pd.date_range(day, periods=23, freq="1h")
    >>> table = daily_mean(to_panel(times, "a", range(23)), start=day, zone="Europe/Amsterdam",
    ...     end=day + pd.DateOffset(days=1), steps={"a": 3600}, coverage=1.0)
    >>> table["value"].tolist(), table["n"].tolist()
    ([11.0], [23])
    """
    return binned(panel, days(start, end, zone, period), steps, "mean", coverage)


def hourly_sum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 1.0,
) -> pd.DataFrame:
    """Sum of the hour, e.g. rain [mm].

    Sum of the values that start in [h, h + 1 h); null below `coverage`, never scaled up. An hour
    without readings is null, not 0.

    Parameters
    ----------
    panel, start, end, zone, steps
        As in `hourly_mean`; values are amounts per reporting interval.
    coverage : float
        Least share of the intervals; 1 = all, since a partial sum is too low.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2026-03-01T00:00Z", periods=3, freq="30min")
    >>> hourly_sum(to_panel(times, "a", [0.0, 0.2, 1.0]), start=times[0], steps={"a": 1800},
    ...     end=times[0] + pd.Timedelta(hours=2), zone="Europe/Amsterdam")["value"].tolist()
    [0.2, nan]
    """
    return binned(panel, hours(start, end), steps, "sum", coverage)


def daily_sum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    period: str = "day",
) -> pd.DataFrame:
    """Sum of the civil day, e.g. rain [mm]; KNMI's own days are UTC days (zone "UTC").

    Sum of all values of the day; null below `coverage`, never scaled up.

    Parameters
    ----------
    period : str
        "day" = civil day of `zone`; "day_utc1" = day of fixed UTC+1.
    panel, start, end, zone, steps, coverage
        As in `hourly_sum`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2025-10-26", tz="Europe/Amsterdam")
    >>> times = pd.date_range(day, periods=26, freq="1h")
    >>> table = daily_sum(to_panel(times, "a", [0.1] * 26), start=day, zone="Europe/Amsterdam",
    ...     end=day + pd.DateOffset(days=2), steps={"a": 3600})
    >>> table["value"].round(6).tolist(), table["coverage"].round(4).tolist()
    ([2.5, nan], [1.0, 0.0417])
    """
    return binned(panel, days(start, end, zone, period), steps, "sum", coverage)


def daily_maximum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "day",
) -> pd.DataFrame:
    """Highest value of the civil day, in the unit of the panel; else as `daily_mean`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-07-01T00:00Z")
    >>> panel = to_panel(pd.date_range(day, periods=4, freq="6h"), "a", [18.0, 21.0, 24.0, 20.0])
    >>> daily_maximum(panel, start=day, end=day + pd.Timedelta(days=1), zone="UTC",
    ...     steps={"a": 21600})["value"].tolist()
    [24.0]
    """
    return binned(panel, days(start, end, zone, period), steps, "max", coverage)


def hourly_ec25(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    per_k: float = EC_COEFFICIENT,
) -> pd.DataFrame:
    """Mean electrical conductivity of the hour, compensated to 25 Cel [uS/cm].

    Each reading is compensated by the water temperature measured with it; one without temperature
    is left out. Only for devices that report EC at the temperature of the water.

    Parameters
    ----------
    panel : DataFrame
        With the column `quantity`: electrical_conductivity [uS/cm], water_temperature [Cel].
    per_k : float
        Relative change per K, see `transforms.water_physics.ec25`.
    start, end, zone, steps, coverage
        As in `hourly_mean`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> noon = pd.Timestamp("2026-03-01T12:00Z")
    >>> names = ["electrical_conductivity", "water_temperature"]
    >>> table = hourly_ec25(to_panel([noon, noon], "a", [1000.0, 15.0], names), start=noon,
    ...     end=noon + pd.Timedelta(hours=1), zone="UTC", steps={"a": 3600})
    >>> table["value"].round(2).tolist()
    [1236.09]
    """
    wide = to_wide(panel, ["electrical_conductivity", "water_temperature"])
    value = ec25(wide["electrical_conductivity"], wide["water_temperature"], per_k=per_k)
    return binned(from_wide(wide, value), hours(start, end), steps, "mean", coverage)
