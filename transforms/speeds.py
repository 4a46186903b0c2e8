"""Speeds of passing vehicles: percentiles, means, shares over a limit. Pure numbers, no time.

Spot speeds in km/h. A percentile belongs to vehicles: it is never averaged over hours, the
vehicles (or the bins, weighted by counts) are pooled instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.frames import Floats, Ints

#: Width of Telraam's 25 speed bins; the last one is open.
TELRAAM_BIN_KMH: Final = 5.0


def percentile_speed(speed_kmh: ArrayLike, q: float = 0.85, *, method: str = "linear") -> float:
    """Speed that the share `q` of the vehicles does not exceed [km/h].

    Parameters
    ----------
    speed_kmh : array of float
        One value per vehicle; NaN is left out.
    q : float
        0.85 for V85, 0.5 for the median V50.
    method : str
        "linear" (R type 7) or "nearest_rank" (the ceil(q n)-th smallest). They differ by several
        km/h on small counts: store which one was used.

    Returns
    -------
    float
        NaN where no vehicle is left.

    Raises
    ------
    DataError
        On an unknown method or q outside 0..1.

    References
    ----------
    .. [1] Hyndman and Fan (1996), Sample quantiles in statistical packages,
       doi:10.1080/00031305.1996.10473566.

    Examples
    --------
    >>> speeds = [30.0] * 17 + [50.0] * 3
    >>> round(percentile_speed(speeds), 6), percentile_speed(speeds, method="nearest_rank")
    (33.0, 30.0)
    >>> percentile_speed([])
    nan
    """
    if not 0 <= q <= 1:
        raise DataError(f"percentile {q} is outside 0..1")
    speed = np.sort(_present(speed_kmh))
    if not len(speed):
        return float("nan")
    if method == "linear":
        return float(np.percentile(speed, 100 * q))
    if method == "nearest_rank":
        return float(speed[max(math.ceil(q * len(speed) - 1e-9), 1) - 1])
    raise DataError(f"unknown percentile method {method!r}", hint="linear or nearest_rank")


def percentile_from_bins(
    shares: ArrayLike,
    q: float = 0.85,
    *,
    width_kmh: float = TELRAAM_BIN_KMH,
    open_bin: str = "null",
) -> Floats:
    """Percentile speed of each row of binned speeds [km/h].

    Linear interpolation of the cumulative share within the first bin that reaches `q`.

    Parameters
    ----------
    shares : array of float, shape (..., bins)
        Shares, percentages or counts per bin of `width_kmh` from 0 upwards, the last bin open.
    open_bin : str
        "null": no value where the percentile lies in the open bin, whose end nobody knows.
        "closed": interpolate as if the open bin were as wide as the others.

    Returns
    -------
    array of float, shape (...)
        NaN where the row is empty, and as `open_bin` says.

    Raises
    ------
    DataError
        On negative shares, fewer than two bins or an unknown `open_bin`.

    Examples
    --------
    >>> percentile_from_bins([[0, 0, 10, 40, 30, 20, 0], [0, 0, 10, 40, 35, 15, 0]]).tolist()
    [26.25, 25.0]
    >>> percentile_from_bins([[0.0, 0, 0], [0, 0, 5]]).tolist()
    [nan, nan]
    >>> percentile_from_bins([0.0, 0, 5], open_bin="closed").item()
    14.25
    """
    share = np.asarray(shares, dtype=np.float64)
    if share.ndim == 0 or share.shape[-1] < 2:
        raise DataError("a speed histogram needs at least two bins")
    if (share < 0).any():
        raise DataError("a speed histogram holds a negative share")
    if open_bin not in {"null", "closed"}:
        raise DataError(f"unknown treatment of the open bin {open_bin!r}", hint="null or closed")
    total = share.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        reached = np.cumsum(share, axis=-1) / total
    position, k = _crossing(reached, q)
    is_open = k == share.shape[-1] - 1
    return np.where(is_open & (open_bin == "null"), np.nan, position) * width_kmh


def _crossing(reached: Floats, q: float) -> tuple[Floats, Ints]:
    """Position in bins where the cumulative share meets `q` (NaN in no data), and its bin."""
    # A share of exactly q after rounding counts as reached, as with exact arithmetic.
    k = np.argmax(reached >= q - 1e-12, axis=-1)
    at = np.take_along_axis(reached, k[..., np.newaxis], axis=-1)[..., 0]
    before = np.take_along_axis(reached, np.maximum(k - 1, 0)[..., np.newaxis], axis=-1)[..., 0]
    before = np.where(k > 0, before, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return k + (q - before) / (at - before), k


def time_mean_speed(speed_kmh: ArrayLike) -> float:
    """Arithmetic mean of spot speeds [km/h]; NaN of none.

    Examples
    --------
    >>> time_mean_speed([30.0] * 17 + [50.0] * 3)
    33.0
    """
    speed = _present(speed_kmh)
    return float(speed.mean()) if len(speed) else float("nan")


def space_mean_speed(speed_kmh: ArrayLike, *, least_kmh: float = 5.0) -> tuple[float, int]:
    """Harmonic mean n / sum(1/v) [km/h], the one that travel times need, and values dropped.

    Speeds below `least_kmh` are radar ghosts that would dominate a harmonic mean; they are left
    out and counted.

    References
    ----------
    .. [1] Wardrop, J. G. (1952), Some theoretical aspects of road traffic research, Proc. ICE 1,
       325-362, doi:10.1680/ipeds.1952.11259.

    Examples
    --------
    >>> mean, dropped = space_mean_speed([30.0] * 17 + [50.0] * 3 + [1.0])
    >>> round(mean, 6), dropped
    (31.914894, 1)
    """
    speed = _present(speed_kmh)
    kept = speed[speed >= least_kmh]
    mean = float(len(kept) / (1 / kept).sum()) if len(kept) else float("nan")
    return mean, len(speed) - len(kept)


def shares_over(speed_kmh: ArrayLike, limits_kmh: Sequence[float]) -> dict[float, float]:
    """Share of vehicles faster than each limit, 0..1, without any tolerance; NaN of no vehicle.

    Examples
    --------
    >>> shares_over([28.0, 30.0, 31.0, 45.0], [30, 40])
    {30: 0.5, 40: 0.25}
    """
    speed = _present(speed_kmh)
    if not len(speed):
        return dict.fromkeys(limits_kmh, float("nan"))
    return {limit: float(np.mean(speed > limit)) for limit in limits_kmh}


def _present(speed_kmh: ArrayLike) -> Floats:
    speed = np.asarray(speed_kmh, dtype=np.float64).ravel()
    return np.asarray(speed[~np.isnan(speed)], dtype=np.float64)
