"""Formulas that correct readings of low-cost sensors and sound level meters; arrays in, arrays out.

References
----------
.. [1] Barkjohn et al. (2021), Development and application of a United States-wide correction for
   PM2.5 data collected with the PurpleAir sensor, doi:10.5194/amt-14-4617-2021; extended range as
   in the AirNow fire and smoke map (2022).
.. [2] Crilley et al. (2018), Evaluation of a low-cost optical particle counter (Alphasense
   OPC-N2), doi:10.5194/amt-11-709-2018.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from livinglab.flags import Flag
from transforms.frames import Flags, Floats

#: Density of the dry particle over that of water, the 1.65 g/cm3 of [2]_.
DRY_DENSITY: Final = 1.65
#: The growth factor diverges towards 100 %: it is capped here [%]; suspect above (our default).
GROWTH_CAP_RH: Final = 95.0
#: No correction is trusted above this humidity [%]: fog.
GROWTH_FAIL_RH: Final = 99.0

#: Level of a sound calibrator [dB]: 1 Pa at 1 kHz.
CALIBRATOR_DB: Final = 94.0
#: Drift between two checks that is accepted, and that can still be corrected [dB].
DRIFT_ACCEPTED_DB: Final = 0.5
DRIFT_CORRECTED_DB: Final = 1.0


def barkjohn(pm2_5: ArrayLike, relative_humidity: ArrayLike) -> Floats:
    """PM2.5 of a Plantower sensor, corrected for the United States [ug/m3].

    A candidate elsewhere: not fitted on Dutch aerosol nor on SDS011 or SPS30; judge it against a
    local reference.

    Parameters
    ----------
    pm2_5 : array
        Mean of the cf_1 values of both channels [ug/m3].
    relative_humidity : array
        Of the device [%].

    References
    ----------
    .. [1] Barkjohn et al. (2021), doi:10.5194/amt-14-4617-2021; five ranges of AirNow 2022.

    Examples
    --------
    >>> barkjohn([20, 40, 100, 235, 300], 60).round(4).tolist()
    [11.058, 26.778, 79.178, 199.6114, 289.526]
    """
    x = np.asarray(pm2_5, dtype=np.float64)
    humid = 0.0862 * np.asarray(relative_humidity, dtype=np.float64)
    low, middle = 0.524 * x - humid + 5.75, 0.786 * x - humid + 5.75
    high = 2.966 + 0.69 * x + 8.84e-4 * x**2
    rising = x / 20 - 1.5
    between = (0.786 * rising + 0.524 * (1 - rising)) * x - humid + 5.75
    turning = x / 50 - 4.2
    above = (
        (0.69 * turning + 0.786 * (1 - turning)) * x
        - humid * (1 - turning)
        + 2.966 * turning
        + 5.75 * (1 - turning)
        + 8.84e-4 * x**2 * turning
    )
    return np.select(
        [x < 30, x < 50, x < 210, x < 260, x >= 260], [low, between, middle, above, high], np.nan
    )


def kappa_koehler(
    pm: ArrayLike, relative_humidity: ArrayLike, kappa: float
) -> tuple[Floats, Flags]:
    """Dry particulate matter from an optical sensor that sees the water on the particles.

    pm / C with C = 1 + (kappa / 1.65) / (100 / RH - 1), RH capped at 95 %.

    Parameters
    ----------
    pm : array
        As measured [ug/m3].
    relative_humidity : array
        At the sensor [%].
    kappa : float
        Hygroscopicity, 0.3 to 0.4 to begin with, fitted per site.

    Returns
    -------
    tuple of arrays
        Dry concentration [ug/m3]; flags: 1, 3 above 95 %, 4 above 99 % relative humidity.

    References
    ----------
    .. [1] Crilley et al. (2018), doi:10.5194/amt-11-709-2018.

    Examples
    --------
    >>> dry, flags = kappa_koehler([30.0, 30.0], [80.0, 99.5], 0.4)
    >>> dry.round(4).tolist(), flags.tolist()
    ([15.2308, 5.3514], [1, 4])
    """
    humidity = np.asarray(relative_humidity, dtype=np.float64)
    activity = np.clip(humidity, 0.0, GROWTH_CAP_RH) / 100
    growth = 1 + (kappa / DRY_DENSITY) * activity / (1 - activity)
    flags = np.where(humidity > GROWTH_CAP_RH, Flag.SUSPECT, Flag.GOOD)
    flags = np.where(humidity > GROWTH_FAIL_RH, Flag.FAIL, flags)
    return np.asarray(pm, dtype=np.float64) / growth, flags.astype(np.int8)


def baseline_drift(
    value: ArrayLike,
    share: ArrayLike,
    *,
    zero: tuple[float, float],
    gain: tuple[float, float] = (1.0, 1.0),
) -> Floats:
    """Reading corrected for a zero and a gain that drift linearly between two checks.

    Parameters
    ----------
    value : array
        As measured.
    share : array
        Place in time between the checks, 0 at the first, 1 at the second.
    zero, gain : (float, float)
        Reading of zero gas, and (reading - zero) / reference of span gas, at both checks.

    Examples
    --------
    >>> baseline_drift([12.0, 14.0], [0.0, 1.0], zero=(2.0, 4.0), gain=(1.0, 1.25)).tolist()
    [10.0, 8.0]
    """
    at = np.asarray(share, dtype=np.float64)
    z = zero[0] + (zero[1] - zero[0]) * at
    s = gain[0] + (gain[1] - gain[0]) * at
    return np.asarray((np.asarray(value, dtype=np.float64) - z) / s, dtype=np.float64)


def calibrator_check(
    level: ArrayLike, share: ArrayLike, *, readings: tuple[float, float]
) -> tuple[Floats, Flags]:
    """Sound level between two checks with a 94 dB calibrator.

    Drift up to 0.5 dB is accepted: the correction of the first check holds throughout. Up to 1 dB
    it is interpolated in time and the levels are suspect (3); beyond, they fail (4) back to the
    first check. The three bounds are engineering defaults after ISO 1996-2.

    Parameters
    ----------
    level : array
        As measured [dB(A)].
    share : array
        Place in time between the checks, 0 at the first, 1 at the second.
    readings : (float, float)
        What the meter showed of 94 dB at both checks [dB].

    Examples
    --------
    >>> level, flags = calibrator_check([60.0, 60.0], [0.0, 1.0], readings=(93.8, 94.6))
    >>> level.round(3).tolist(), flags.tolist()
    ([60.2, 59.4], [3, 3])
    >>> calibrator_check([60.0], [1.0], readings=(94.0, 94.5))[0].tolist()
    [60.0]
    """
    measured, at = np.asarray(level, dtype=np.float64), np.asarray(share, dtype=np.float64)
    first, drift = CALIBRATOR_DB - readings[0], readings[1] - readings[0]
    # Rounded to 0.001 dB: 94.5 - 94.0 must not fail by a bit of binary arithmetic.
    size = round(abs(drift), 3)
    correction = np.full(at.shape, first) if size <= DRIFT_ACCEPTED_DB else first - drift * at
    flag = Flag.GOOD if size <= DRIFT_ACCEPTED_DB else Flag.SUSPECT
    flag = Flag.FAIL if size > DRIFT_CORRECTED_DB else flag
    return measured + correction, np.full(measured.shape, flag, dtype=np.int8)
