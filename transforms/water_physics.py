"""Water from pressures, conductivity and permittivity: density, heads, EC25, moisture, weirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.frames import Floats

#: Normal gravity at 52 degrees north (GRS80) [m/s2].
GRAVITY: Final = 9.8126
#: Compensation of conductivity per K: KCl standard, as data loggers use it.
EC_COEFFICIENT: Final = 0.0191
#: Longest gap between barometer readings to interpolate over [s], engineering default.
BAROMETER_GAP_S: Final = 1800
#: Weir coefficients by crest [m^0.5/s], +-5 %.
WEIR_COEFFICIENTS: Final = {"sharp": 1.83, "broad": 1.70}


def water_density(temperature: ArrayLike, salt_g_l: float = 0.0) -> Floats:
    """Density of water [kg/m3] at `temperature` [Cel]; +0.7 per g/L of dissolved salt.

    References
    ----------
    .. [1] Tanaka, M. et al. (2001), Recommended table for the density of water between 0 and
       40 degC, Metrologia 38, 301-309, doi:10.1088/0026-1394/38/4/3.

    Examples
    --------
    >>> water_density([10.0, 20.0]).round(2).tolist()
    [999.7, 998.21]
    """
    t = np.asarray(temperature, dtype=np.float64)
    bend = (t - 3.983035) ** 2 * (t + 301.797) / (522_528.9 * (t + 69.34881))
    return np.asarray(999.97495 * (1 - bend) + 0.7 * salt_g_l, dtype=np.float64)


def water_column(
    absolute_hpa: ArrayLike,
    barometer_hpa: ArrayLike,
    temperature: ArrayLike = 10.0,
    *,
    salt_g_l: float = 0.0,
) -> Floats:
    """Height of the water above a pressure sensor [m].

    100 (p_abs - p_baro) / (rho g). A vented sensor has no barometer: give 0.

    Parameters
    ----------
    absolute_hpa, barometer_hpa : array of float
        STATION pressures [hPa]: KNMI's P is reduced to sea level, about 0.12 hPa/m higher. 1 hPa
        of error is 1 cm of water.
    temperature : array of float
        Of the water [Cel].
    salt_g_l : float
        Dissolved salt [g/L].

    Examples
    --------
    >>> water_column(1215.0, 1013.0).round(5).item()
    2.05919
    """
    pressure = np.asarray(absolute_hpa, dtype=np.float64) - np.asarray(barometer_hpa)
    weight = water_density(temperature, salt_g_l) * GRAVITY
    return np.asarray(100 * pressure / weight, dtype=np.float64)


def head_from_logger(
    absolute_hpa: ArrayLike,
    barometer_hpa: ArrayLike,
    *,
    reference_m_nap: float,
    cable_m: float,
    temperature: ArrayLike = 10.0,
) -> Floats:
    """Head in m NAP from an absolute pressure logger on a cable.

    Parameters
    ----------
    reference_m_nap : float
        Top of the tube, from which the cable hangs.
    cable_m : float
        Length from there to the sensor.

    Examples
    --------
    >>> head_from_logger(1215.0, 1013.0, reference_m_nap=1.5, cable_m=4.0).round(5).item()
    -0.44081
    """
    return reference_m_nap - cable_m + water_column(absolute_hpa, barometer_hpa, temperature)


def level_from_distance(distance_m: ArrayLike, sensor_m_nap: float) -> Floats:
    """Level in m NAP from a downward-looking distance sensor at `sensor_m_nap`.

    Examples
    --------
    >>> level_from_distance([0.75, float("nan")], 2.0).tolist()
    [1.25, nan]
    """
    return sensor_m_nap - np.asarray(distance_m, dtype=np.float64)


def station_pressure(sea_level_hpa: ArrayLike, height_m: float) -> Floats:
    """Pressure at the station [hPa] from one reduced to sea level, near the ground: -0.12 hPa/m.

    Examples
    --------
    >>> station_pressure(1013.0, 10.0).item()
    1011.8
    """
    return np.asarray(sea_level_hpa, dtype=np.float64) - 0.12 * height_m


def barometer_at(
    barometer: pd.Series, times: pd.DatetimeIndex, *, gap_s: int = BAROMETER_GAP_S
) -> pd.Series:
    """Barometer at the times of a logger [hPa], linear between readings at most `gap_s` apart.

    NaN outside the record and inside longer gaps: an old barometer value makes a water level of
    its own.

    Raises
    ------
    DataError
        If the two do not share a clock (one with a zone, one without).

    Examples
    --------
    >>> clock = pd.date_range("2026-03-01T00:00Z", periods=3, freq="30min")
    >>> air = pd.Series([1000.0, 1002.0, np.nan], index=clock)
    >>> barometer_at(air, pd.DatetimeIndex(["2026-03-01T00:15Z", "2026-03-01T01:00Z"])).tolist()
    [1001.0, nan]
    """
    present = barometer.dropna().sort_index()
    index = pd.DatetimeIndex(present.index)
    if (index.tz is None) != (times.tz is None):
        raise DataError("barometer and logger are on different clocks", hint="give both in UTC")
    if not len(present):
        return pd.Series(np.nan, index=times)
    known, wanted = index.as_unit("ns").asi8, times.as_unit("ns").asi8
    value = np.interp(wanted, known, present.to_numpy(dtype=np.float64))
    after = np.searchsorted(known, wanted, side="left").clip(0, len(known) - 1)
    before = (np.searchsorted(known, wanted, side="right") - 1).clip(0, len(known) - 1)
    outside = (wanted < known[0]) | (wanted > known[-1])
    too_far = known[after] - known[before] > gap_s * 1_000_000_000
    return pd.Series(np.where(outside | too_far, np.nan, value), index=times)


@dataclass(frozen=True, slots=True)
class DipCheck:
    """Hand measurements against a logger [m]: offset = dip - logger."""

    n: int
    mean_offset: float
    largest: float
    is_accepted: bool


def dip_check(
    dips_m_nap: pd.Series, logger_m_nap: pd.Series, *, accept_m: float = 0.02
) -> DipCheck:
    """Compare hand dips with the logger at the same times; within 2 cm is accepted.

    Examples
    --------
    >>> at = pd.date_range("2026-03-01", periods=2)
    >>> dip_check(pd.Series([1.00, 1.05], index=at), pd.Series([0.99, 1.04], index=at)).is_accepted
    True
    """
    offset = (dips_m_nap - logger_m_nap).dropna().to_numpy(dtype=np.float64)
    if not len(offset):
        return DipCheck(0, float("nan"), float("nan"), is_accepted=False)
    largest = float(np.abs(offset).max())
    return DipCheck(len(offset), float(offset.mean()), largest, largest <= accept_m + 1e-12)


def ec25(
    conductivity: ArrayLike, temperature: ArrayLike, *, per_k: float = EC_COEFFICIENT
) -> Floats:
    """Electrical conductivity at 25 Cel [uS/cm]: EC_T / (1 + a (T - 25)).

    Only for EC at measured temperature: many devices compensate already, and doing it twice is
    wrong by 2 % per K. Store `per_k` with the result.

    Raises
    ------
    DataError
        If `per_k` is outside 0.0175..0.0205, the range found in waters.

    References
    ----------
    .. [1] Hayashi, M. (2004), Temperature-electrical conductivity relation of water for
       environmental monitoring, Environmental Monitoring and Assessment 96, 119-128,
       doi:10.1023/B:EMAS.0000031719.83065.68.

    Examples
    --------
    >>> ec25(1000.0, 15.0).round(2).item(), ec25(700.0, 25.0).item()
    (1236.09, 700.0)
    """
    if not 0.0175 <= per_k <= 0.0205:
        raise DataError(f"{per_k} per K is no compensation of natural water", hint="e.g. 0.0191")
    t = np.asarray(temperature, dtype=np.float64)
    return np.asarray(np.asarray(conductivity, dtype=np.float64) / (1 + per_k * (t - 25)))


def topp_moisture(permittivity: ArrayLike) -> Floats:
    """Volumetric water content [% vol] of mineral soil from its relative permittivity.

    References
    ----------
    .. [1] Topp, G. C., Davis, J. L. and Annan, A. P. (1980), Electromagnetic determination of soil
       water content, Water Resources Research 16, 574-582, doi:10.1029/WR016i003p00574.

    Examples
    --------
    >>> topp_moisture([13.7, 20.0]).round(2).tolist()
    [25.49, 34.54]
    """
    e = np.asarray(permittivity, dtype=np.float64)
    theta = -0.053 + 0.0292 * e - 5.5e-4 * e**2 + 4.3e-6 * e**3
    return np.asarray(100 * theta, dtype=np.float64)


def relative_extractable_water(
    moisture: ArrayLike, *, wilting_point: float, field_capacity: float
) -> Floats:
    """Water that plants can still take, 0 at wilting point, 1 at field capacity (all in % vol).

    Examples
    --------
    >>> relative_extractable_water([10.0, 20.0], wilting_point=10, field_capacity=30).tolist()
    [0.0, 0.5]
    """
    if field_capacity <= wilting_point:
        raise DataError("field capacity must exceed the wilting point")
    theta = np.asarray(moisture, dtype=np.float64)
    return (theta - wilting_point) / (field_capacity - wilting_point)


def weir_flow(head_m: ArrayLike, width_m: float, *, crest: str = "sharp") -> Floats:
    """Free overfall over a weir [m3/s], C b h^1.5 with h above the crest; 0 below it.

    Examples
    --------
    >>> weir_flow([0.10, -0.05], 2.0).round(5).tolist()
    [0.11574, 0.0]
    """
    if crest not in WEIR_COEFFICIENTS:
        raise DataError(f"unknown crest {crest!r}", hint="sharp or broad")
    h = np.asarray(head_m, dtype=np.float64)
    return np.asarray(WEIR_COEFFICIENTS[crest] * width_m * np.maximum(h, 0.0) ** 1.5)
