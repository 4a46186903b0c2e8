"""Urban heat increment of nights: the street against the countryside, in calm hours.

The countryside is an area of the lab, by convention the one named `rural`: its devices are not in
the lab's streets. Cloud is not judged: no device measures it.

References
----------
.. [1] Oke, T. R. (1973), City size and the urban heat island, Atmospheric Environment 7, 769-779,
   doi:10.1016/0004-6981(73)90140-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.timeline import HOUR_NS
from transforms.aggregate import covered_mean, is_covered, result_frame
from transforms.cells import Cells, cells, mean, regrid
from transforms.frames import Floats, of_quantity
from transforms.intervals import Bins, civil_dates, civil_days, hours_between

#: Hours of the night, UTC, counted from the day's own midnight UTC.
NIGHT_UTC_H: Final = (22, 28)
CALM_M_S: Final = 3.0
HOUR_COVERAGE: Final = 0.75


def night_increment(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.5,
    rural: str = "rural",
    calm_m_s: float = CALM_M_S,
    temperature: str = "air_temperature",
    wind: str = "wind_speed",
) -> pd.DataFrame:
    """Heat increment of the night that follows each civil day [K]: street minus countryside.

    Mean over the calm hours from 22:00 to 04:00 UTC in which both were measured. Calm is a mean
    wind below `calm_m_s`, of all wind sensors of the panel.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: temperatures [Cel] and wind speeds [m/s] of "area|device|channel".
    start, end, zone
        Civil days that start in [start, end); the panel reaches 7 hours further.
    steps : mapping of str to int
        Nominal interval of every series [s].
    coverage : float
        Least share of the six hours that are calm and measured.
    rural : str
        Area that is the countryside; its own series have no row. Without it there is no value.
    temperature, wind : str
        Their names in `quantity`.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; `n` counts hours.
    """
    bins = civil_days(start, end, zone)
    night = _nights(start, end, zone, bins)
    every = hours_between(*night.span_ns)
    means = {
        name: _hours(of_quantity(panel, name), every, steps).reshape(len(steps), -1)
        for name in (temperature, wind)
    }
    names = sorted(steps)
    is_rural = np.asarray([name.partition("|")[0] == rural for name in names], dtype=np.bool_)
    away = _mean_of(means[temperature][is_rural])
    calm = _mean_of(means[wind]) < calm_m_s
    street = {name: steps[name] for name, out in zip(names, is_rural, strict=True) if not out}
    difference = np.where(calm, means[temperature][~is_rural] - away, np.nan)
    grid = cells(panel.iloc[:0][["series", "value"]], every, street)
    per_night = regrid(grid, difference.ravel(), night, np.full(len(street), 3600, dtype=np.int64))
    n, expected = per_night.n, per_night.expected
    held = is_covered(n, expected, coverage)
    return result_frame(per_night, mean(per_night), n, expected, held)


def _hours(panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int]) -> Floats:
    grid: Cells = cells(panel, bins, steps)
    return covered_mean(grid, HOUR_COVERAGE)


def _mean_of(table: Floats) -> Floats:
    """Mean over the series of each hour that have a value; NaN of none."""
    n = (~np.isnan(table)).sum(axis=0)
    return np.where(n > 0, np.nansum(table, axis=0) / np.maximum(n, 1), np.nan)


def _nights(start: pd.Timestamp, end: pd.Timestamp, zone: str, days: Bins) -> Bins:
    """Nights by UTC clock, named by the civil day that they follow."""
    midnight = civil_dates(start, end, zone).as_unit("ns").asi8
    first, last = (midnight + hour * HOUR_NS for hour in NIGHT_UTC_H)
    edges = np.stack([first, last], axis=1).ravel()
    owner = np.full(max(len(edges) - 1, 0), -1, dtype=np.int64)
    owner[::2] = np.arange(len(midnight))
    length = (last - first) // 1_000_000_000
    return Bins(days.start_ns, length, edges, owner)
