"""Indicators of speed sensors: V85, V50, share over a limit, from passages and from histograms.

References
----------
.. [1] FHWA, Traffic Monitoring Guide, 2022: percentile speeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import is_covered, result_frame
from transforms.cells import cells, percentile, total
from transforms.intervals import Bins, civil_days, hours
from transforms.speeds import TELRAAM_BIN_KMH, percentile_from_bins
from transforms.wide import from_wide, mark_weak, to_wide

#: Vehicles under which a percentile speed says little about a street [engineering default].
LEAST_VEHICLES: Final = 30


def v85(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,
    q: float = 0.85,
    period: str = "day",
    least_vehicles: int = LEAST_VEHICLES,
) -> pd.DataFrame:
    """Speed that 85 % of the vehicles do not exceed [km/h], from single passages.

    Linear percentile (R type 7) of the passages in the period.

    Parameters
    ----------
    panel : DataFrame
        `vehicle_speed` events in km/h, one row per passage.
    steps : mapping of str to int
        Names every series; passages have no nominal interval, so the numbers are not used.
    coverage : float
        Least share of `least_vehicles`; what counts is at least one vehicle and
        n >= coverage * least_vehicles. The coverage reported is min(n / least_vehicles, 1).
    q : float
        0.85, or 0.5 for V50.
    period : str
        "day" (civil day of `zone`) or "hour".
    least_vehicles : int
        Vehicles under which the value is "indicative".
    start, end, zone
        As in `daily_count`.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; n = vehicles.

    Raises
    ------
    DataError
        If the panel breaks the contract, or period or q is unknown.

    References
    ----------
    .. [1] CROW, V85 (85th percentile of free spot speeds).
    .. [2] Hyndman and Fan (1996), doi:10.1080/00031305.1996.10473566.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01", tz="Europe/Amsterdam")
    >>> times = pd.date_range(day, periods=20, freq="1min")
    >>> passages = to_panel(times, "a", [30.0] * 17 + [50.0] * 3)
    >>> table = v85(passages, start=day, end=day + pd.DateOffset(days=2), zone="Europe/Amsterdam",
    ...     steps={"a": 1})
    >>> table["value"].round(6).tolist(), table["status"].tolist()
    ([33.0, nan], ['indicative', 'insufficient'])
    """
    grid = cells(panel, _period(start, end, zone, period), steps)
    n = grid.n
    enough = is_covered(n, np.full_like(n, least_vehicles), coverage)
    frame = result_frame(
        grid,
        percentile(grid, 100 * q),
        n,
        np.full_like(n, max(least_vehicles, 1)),
        enough,
    )
    return mark_weak(frame, n < least_vehicles)


def v50(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,
    period: str = "day",
    least_vehicles: int = LEAST_VEHICLES,
) -> pd.DataFrame:
    """Median speed of the vehicles [km/h]; otherwise as `v85`."""
    return v85(
        panel,
        start=start,
        end=end,
        zone=zone,
        steps=steps,
        coverage=coverage,
        q=0.5,
        period=period,
        least_vehicles=least_vehicles,
    )


def share_over_limit(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,
    limit_kmh: float = 30.0,
    period: str = "day",
    least_vehicles: int = LEAST_VEHICLES,
) -> pd.DataFrame:
    """Share of the vehicles faster than `limit_kmh` [1], no tolerance taken off; else as `v85`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01", tz="Europe/Amsterdam")
    >>> passages = to_panel(pd.date_range(day, periods=4, freq="1min"), "a", [28.0, 30, 31, 45])
    >>> share_over_limit(passages, start=day, end=day + pd.DateOffset(days=1), steps={"a": 1},
    ...     zone="Europe/Amsterdam", least_vehicles=1)["value"].tolist()
    [0.5]
    """
    faster = panel.assign(
        value=(panel["value"] > limit_kmh).astype(np.float64).where(panel["value"].notna())
    )
    grid = cells(faster, _period(start, end, zone, period), steps)
    n = grid.n
    enough = is_covered(n, np.full_like(n, least_vehicles), coverage)
    share = total(grid) / np.maximum(n, 1)
    frame = result_frame(grid, share, n, np.full_like(n, max(least_vehicles, 1)), enough)
    return mark_weak(frame, n < least_vehicles)


def v85_from_bins(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.0,
    q: float = 0.85,
    period: str = "day",
    prefix: str = "speed_share_",
    weight: str = "count_car",
    bins: int = 25,
    width_kmh: float = TELRAAM_BIN_KMH,
    open_bin: str = "null",
) -> pd.DataFrame:
    """Percentile speed from speed histograms, pooled over the period by vehicles [km/h].

    Parameters
    ----------
    panel : DataFrame
        Quantities `prefix` + "00", "01", ... (share or percentage of the vehicles per bin of
        `width_kmh`, the last one open) and `weight` (vehicles in the interval).
    coverage : float
        Least share of the intervals of the period with a histogram and a count.
    open_bin : str
        As in `transforms.speeds.percentile_from_bins`.
    start, end, zone, steps, q, period
        As in `v85`; steps are those of the histograms.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; n = intervals with a histogram. NaN where no
        vehicle passed or the percentile lies in the open bin.

    Raises
    ------
    DataError
        If the panel has no column `quantity` or breaks the contract.

    References
    ----------
    .. [1] Telraam, data documentation, car_speed_hist_0to120plus.
    """
    names = [f"{prefix}{k:02d}" for k in range(bins)]
    wide = to_wide(panel, [*names, weight])
    share = wide[names].to_numpy(dtype=np.float64)
    vehicles = share / np.nansum(share, axis=1, keepdims=True).clip(1e-300)
    vehicles = vehicles * wide[weight].to_numpy(dtype=np.float64)[:, np.newaxis]
    whole = ~np.isnan(vehicles).any(axis=1) & (np.nansum(share, axis=1) > 0)
    marker = from_wide(wide, np.where(whole, 1.0, np.nan))
    grid = cells(marker, _period(start, end, zone, period), steps)
    pooled = [
        total(cells(from_wide(wide, np.where(whole, column, np.nan)), grid.bins, steps))
        for column in vehicles.T
    ]
    value = percentile_from_bins(
        np.nan_to_num(np.stack(pooled, axis=1)), q, width_kmh=width_kmh, open_bin=open_bin
    )
    expected = grid.expected
    return result_frame(grid, value, grid.n, expected, is_covered(grid.n, expected, coverage))


def _period(start: pd.Timestamp, end: pd.Timestamp, zone: str, period: str) -> Bins:
    if period == "day":
        return civil_days(start, end, zone)
    if period == "hour":
        return hours(start, end)
    raise DataError(f"unknown period {period!r}", hint="'day' or 'hour'")
