"""Travel times between two points: percentiles, buffer index, planning time index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from transforms.frames import Floats

#: Pairs under which no travel time is given [engineering default].
LEAST_PAIRS: Final = 5
#: Half-width of what is kept, in robust standard deviations [engineering default].
KEPT_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, slots=True)
class TravelTime:
    """Travel times of a period [s]; indices without unit; NaN with fewer than 5 pairs."""

    n: int
    dropped: int
    mean: float
    median: float
    p80: float
    p95: float
    buffer_index: float
    planning_time_index: float


def without_outliers(seconds: ArrayLike) -> Floats:
    """Travel times within median +- 3 * 1.4826 * MAD: stops and detours go.

    With no spread at all (MAD 0) everything is kept.

    References
    ----------
    .. [1] Rousseeuw, P. J. and Croux, C. (1993), J. American Statistical Association 88, 1273-1283,
       doi:10.1080/01621459.1993.10476408 (1.4826 MAD as a robust standard deviation).

    Examples
    --------
    >>> without_outliers([300.0, 310, 320, 330, 3000]).tolist()
    [300.0, 310.0, 320.0, 330.0]
    """
    time = np.asarray(seconds, dtype=np.float64)
    time = time[~np.isnan(time)]
    if not len(time):
        return time
    median = np.median(time)
    spread = 1.4826 * np.median(np.abs(time - median))
    if spread == 0:
        return time
    return np.asarray(time[np.abs(time - median) <= KEPT_DEVIATIONS * spread], dtype=np.float64)


def travel_time(
    seconds: ArrayLike, *, free_flow_s: float | None = None, drop_outliers: bool = True
) -> TravelTime:
    """Statistics of the travel times of one period, e.g. 15 minutes [s].

    Parameters
    ----------
    seconds : array of float
        One travel time per vehicle seen at both points.
    free_flow_s : float, optional
        Travel time of a free road; the 15th percentile of the period where not given.
    drop_outliers : bool
        Apply `without_outliers` before.

    Returns
    -------
    TravelTime
        Buffer index (P95 - mean) / mean; planning time index P95 / free flow.

    References
    ----------
    .. [1] FHWA (2006), Travel Time Reliability: Making It There On Time, All The Time,
       FHWA-HOP-06-070.

    Examples
    --------
    >>> times = travel_time([300.0, 310, 320, 330, 420], drop_outliers=False)
    >>> round(times.p95, 6), round(times.buffer_index, 6)
    (402.0, 0.196429)
    >>> travel_time([300.0, 310.0]).mean
    nan
    """
    given = np.asarray(seconds, dtype=np.float64)
    given = given[~np.isnan(given)]
    kept = without_outliers(given) if drop_outliers else given
    n, dropped = len(kept), len(given) - len(kept)
    if n < LEAST_PAIRS:
        nan = float("nan")
        return TravelTime(n, dropped, nan, nan, nan, nan, nan, nan)
    mean = float(kept.mean())
    p15, median, p80, p95 = (float(v) for v in np.percentile(kept, [15, 50, 80, 95]))
    free = p15 if free_flow_s is None else free_flow_s
    return TravelTime(n, dropped, mean, median, p80, p95, (p95 - mean) / mean, p95 / free)
