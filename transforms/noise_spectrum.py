"""A weighting: from levels per frequency band to one level in dB(A).

References
----------
.. [1] IEC 61672-1:2013, annex E (analytical expression of the A weighting).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from transforms.cells import to_energy, to_level
from transforms.frames import Floats


def exact_frequency(nominal: ArrayLike) -> Floats:
    """Exact mid-band frequency 1000 * 10^(k/10) of a nominal third-octave frequency [Hz].

    Examples
    --------
    >>> exact_frequency([63, 1000, 8000]).round(2).tolist()
    [63.1, 1000.0, 7943.28]
    """
    band = np.round(10 * np.log10(np.asarray(nominal, dtype=np.float64) / 1000))
    return np.asarray(1000 * np.power(10.0, band / 10), dtype=np.float64)


def a_weighting(frequency: ArrayLike) -> Floats:
    """A weighting at a frequency [dB re 1 kHz].

    Parameters
    ----------
    frequency : array
        Exact mid-band frequencies [Hz]; see `exact_frequency`.

    References
    ----------
    .. [1] IEC 61672-1:2013, annex E.

    Examples
    --------
    >>> a_weighting(exact_frequency([31.5, 63, 125, 250, 4000])).round(1).tolist()
    [-39.4, -26.2, -16.1, -8.6, 1.0]
    """
    f2 = np.asarray(frequency, dtype=np.float64) ** 2
    low = (f2 + 20.599**2) * np.sqrt((f2 + 107.653**2) * (f2 + 737.862**2))
    response = 12194.217**2 * f2**2 / (low * (f2 + 12194.217**2))
    return np.asarray(20 * np.log10(response) + 2.00, dtype=np.float64)


def a_weighted_level(levels: ArrayLike, nominal: ArrayLike) -> float:
    """Level in dB(A) of unweighted band levels; NaN if a band is missing.

    With the weights in tenths of a decibel, as table 3 of the norm has them.

    Bands that the instrument has A-weighted already must only be summed, not weighted again.

    Parameters
    ----------
    levels : array
        Unweighted levels of octave or third-octave bands [dB].
    nominal : array
        Nominal mid-band frequencies [Hz].

    Examples
    --------
    >>> round(a_weighted_level([70.0, 60.0], [63, 1000]), 4)
    60.103
    """
    weights = a_weighting(exact_frequency(nominal)).round(1)
    weighted = np.asarray(levels, dtype=np.float64) + weights
    return float(to_level(np.asarray(to_energy(weighted).sum())))
