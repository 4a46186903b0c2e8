"""Air quality indices: the Dutch LKI and the European index, from hourly means.

Both are computed by us from published breakpoints; where a station's own index is published, that
one counts, and ours is a second opinion (`lki_calc`).

References
----------
.. [1] RIVM report 2014-0050 (Luchtkwaliteitsindex).
.. [2] EEA, European Air Quality Index; bands revised 2024, ETC HE Report 2024/17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.aggregate import covered_mean, indicator_rows
from transforms.cells import cells
from transforms.frames import Floats, of_quantity, require_panel
from transforms.intervals import hours

Bands = Mapping[str, tuple[float, ...]]

#: Upper edges of LKI 1 to 9 [ug/m3, hourly mean]; above the last: 10 [1]_.
LKI_2014: Final[Bands] = MappingProxyType(
    {
        "o3": (15, 30, 40, 60, 80, 100, 140, 180, 200),
        "no2": (10, 20, 30, 45, 60, 75, 100, 125, 150),
        "pm10": (10, 20, 30, 45, 60, 75, 100, 125, 150),
        "pm2_5": (10, 15, 20, 30, 40, 50, 70, 90, 100),
    }
)
#: Components of the index that stations publish.
LKI_COMPONENTS: Final = ("no2", "o3", "pm10")

#: Upper edges of the bands 1 (good) to 5 (very poor); above the last: 6, extremely poor [2]_.
EAQI_2024: Final[Bands] = MappingProxyType(
    {
        "pm2_5": (5, 15, 50, 90, 140),
        "pm10": (15, 45, 120, 195, 270),
        "no2": (10, 25, 60, 100, 150),
        "o3": (60, 100, 120, 160, 180),
        "so2": (20, 40, 125, 190, 275),
    }
)
#: Until 2024, with particulate matter as 24 h running mean; never mix both in one series.
EAQI_2016: Final[Bands] = MappingProxyType(
    {
        "pm2_5": (10, 20, 25, 50, 75),
        "pm10": (20, 40, 50, 100, 150),
        "no2": (40, 90, 120, 230, 340),
        "o3": (50, 100, 130, 240, 380),
        "so2": (100, 200, 350, 500, 750),
    }
)
EAQI_NAMES: Final = ("good", "fair", "moderate", "poor", "very poor", "extremely poor")


def band(concentration: ArrayLike, edges: Sequence[float]) -> Floats:
    """Number of the band that holds a concentration: 1 up to the first edge (inclusive), and so on.

    Examples
    --------
    >>> band([-1.0, 15.0, 15.1, float("nan")], LKI_2014["o3"]).tolist()
    [1.0, 1.0, 2.0, nan]
    """
    value = np.asarray(concentration, dtype=np.float64)
    number = np.searchsorted(np.asarray(edges, dtype=np.float64), value, side="left") + 1.0
    return np.where(np.isnan(value), np.nan, number)


def lki(concentrations: Mapping[str, ArrayLike], bands: Bands = LKI_2014) -> Floats:
    """Dutch air quality index: the highest component, one higher where all are equal (1 to 11).

    Parameters
    ----------
    concentrations : mapping of str to array
        Hourly means [ug/m3] by quantity, of equal length.

    Returns
    -------
    array
        NaN where a component is missing: a missing pollutant is not a clean one.

    References
    ----------
    .. [1] RIVM report 2014-0050.

    Examples
    --------
    >>> lki({"o3": [70, 50], "no2": [40, 40], "pm10": [22, 40]}).tolist()
    [5.0, 5.0]
    >>> lki({"o3": [70.0], "no2": [float("nan")]}).tolist()
    [nan]
    """
    parts = _bands_of(concentrations, bands)
    worst = np.max(parts, axis=0)
    equal = (np.min(parts, axis=0) == worst) & (len(parts) > 1)
    return np.asarray(worst + equal, dtype=np.float64)


def eaqi(concentrations: Mapping[str, ArrayLike], bands: Bands = EAQI_2024) -> Floats:
    """European air quality index: band of the worst component, 1 (good) to 6 (extremely poor).

    Concentrations are rounded half up to whole ug/m3 before they are compared, as the agency shows
    the bands. NaN components are left out; `eaqi_hour` decides whether enough are there.

    Examples
    --------
    >>> [EAQI_NAMES[int(i) - 1] for i in eaqi({"pm2_5": [15.4, 15.6], "no2": [9.0, 9.0]})]
    ['fair', 'moderate']
    """
    rounded = {
        name: np.floor(np.asarray(value, dtype=np.float64) + 0.5)
        for name, value in concentrations.items()
    }
    parts = _bands_of(rounded, bands)
    return np.asarray(np.fmax.reduce(parts, axis=0), dtype=np.float64)


def lki_hour(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    components: Sequence[str] = LKI_COMPONENTS,
) -> pd.DataFrame:
    """LKI of each hour from the hourly means of its components; see `lki`.

    Parameters
    ----------
    panel : DataFrame
        Panel with the column `quantity`; a series is a station.
    start, end, zone, steps, coverage
        As in `transforms.air.hourly_mean`; `coverage` holds for each component.
    components : sequence of str
        Quantities; without one of them there is no index.

    Returns
    -------
    DataFrame
        As `transforms.air.hourly_mean`; `n` and `coverage` count components.
    """
    means = _hourly_components(panel, start, end, steps, coverage, components)
    return _index_rows(means, lki(means), start, end, steps)


def eaqi_hour(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    traffic: bool = False,
) -> pd.DataFrame:
    """European index of each hour from the hourly means of its components; see `eaqi`.

    A traffic site needs NO2 and a particulate matter, another one O3 besides; else there is no
    index.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage
        As in `lki_hour`.
    traffic : bool
        Whether the sites are traffic sites.
    """
    means = _hourly_components(panel, start, end, steps, coverage, tuple(EAQI_2024))
    there = {name: ~np.isnan(value) for name, value in means.items()}
    enough = there["no2"] & (there["pm2_5"] | there["pm10"]) & (there["o3"] | traffic)
    return _index_rows(means, np.where(enough, eaqi(means), np.nan), start, end, steps)


def _bands_of(concentrations: Mapping[str, ArrayLike], bands: Bands) -> Floats:
    unknown = concentrations.keys() - bands.keys()
    if unknown or not concentrations:
        raise DataError(f"no bands for {sorted(unknown)}", hint=f"one or more of {sorted(bands)}")
    return np.stack([band(value, bands[name]) for name, value in concentrations.items()])


def _hourly_components(
    panel: pd.DataFrame,
    start: pd.Timestamp,
    end: pd.Timestamp,
    steps: Mapping[str, int],
    coverage: float,
    components: Sequence[str],
) -> dict[str, Floats]:
    require_panel(panel)
    bins = hours(start, end)
    return {
        name: covered_mean(cells(of_quantity(panel, name), bins, steps), coverage)
        for name in components
    }


def _index_rows(
    means: Mapping[str, Floats],
    value: Floats,
    start: pd.Timestamp,
    end: pd.Timestamp,
    steps: Mapping[str, int],
) -> pd.DataFrame:
    n = np.sum([~np.isnan(mean) for mean in means.values()], axis=0).astype(np.int64)
    expected = np.full(len(n), len(means), dtype=np.int64)
    return indicator_rows(sorted(steps), hours(start, end), value, n, expected, ~np.isnan(value))
