"""Heat in the street: hot days and nights, heat waves, heat index, urban increment.

Daily extremes are of local days; one of our sensors is not De Bilt, so a heat wave here is a LOCAL
one. Temperatures in Cel, humidity in %.

References
----------
.. [1] KNMI, klimatologie: warm, summer and tropical days (maximum of 20, 25 and 30 degC or more).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from transforms.aggregate import binned
from transforms.frames import Floats
from transforms.intervals import civil_days, parts_of_days

#: KNMI's words for days by their maximum.
DAY_CLASSES: Final = {"warm": 20.0, "summer": 25.0, "tropical": 30.0}
TROPICAL_NIGHT: Final = 20.0
#: Below this the regression behind the heat index does not hold.
LEAST_HEAT_INDEX: Final = 27.0
#: Heat stress by PET: upper edge of the class [Cel].
PET_CLASSES: Final = ((18.0, "cold"), (23.0, "none"), (29.0, "slight"), (35.0, "moderate"),
                      (41.0, "strong"))  # fmt: skip


def daily_maximum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Highest temperature of the civil day [Cel]; null below `coverage`, as the peak may be lost.

    Parameters and result as `transforms.water.daily_mean`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-07-01", tz="Europe/Amsterdam")
    >>> panel = to_panel(pd.date_range(day, periods=24, freq="1h"), "a", range(24))
    >>> daily_maximum(panel, start=day, end=day + pd.DateOffset(days=2), steps={"a": 3600},
    ...     zone="Europe/Amsterdam")["value"].tolist()
    [23.0, nan]
    """
    return binned(panel, civil_days(start, end, zone), steps, "max", coverage)


def daily_minimum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Lowest temperature of the civil day [Cel]; else as `daily_maximum`."""
    return binned(panel, civil_days(start, end, zone), steps, "min", coverage)


def night_minimum(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Lowest temperature of the night 20:00 to 08:00 local that FOLLOWS the civil day [Cel].

    A night of 20 Cel or more is tropical (`is_tropical_night`). Needs 8 h of data after the day.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-07-01", tz="Europe/Amsterdam")
    >>> panel = to_panel(pd.date_range(day, periods=48, freq="1h"), "a", [15.0] * 20 + [21.0] * 28)
    >>> night_minimum(panel, start=day, end=day + pd.DateOffset(days=1), steps={"a": 3600},
    ...     zone="Europe/Amsterdam")["value"].tolist()
    [21.0]
    """
    nights = parts_of_days(start, end, zone, [(20, 32)])
    return binned(panel, nights, steps, "min", coverage)


def days_at_least(maximum: pd.Series, limit: float) -> int:
    """Number of days with a maximum of `limit` or more; unknown days do not count.

    Examples
    --------
    >>> days_at_least(pd.Series([24.9, 25.0, np.nan]), DAY_CLASSES["summer"])
    1
    """
    return int((maximum >= limit).sum())


def is_tropical_night(minimum: pd.Series) -> pd.Series:
    """Whether the temperature stayed at 20 Cel or more; missing stays missing.

    Examples
    --------
    >>> is_tropical_night(pd.Series([20.0, 19.9, np.nan])).tolist()
    [1.0, 0.0, nan]
    """
    return (minimum >= TROPICAL_NIGHT).astype(np.float64).where(minimum.notna())


def heat_waves(maximum: pd.Series) -> pd.DataFrame:
    """Local heat waves: 5 or more days in a row of 25 Cel or more, 3 of them of 30 or more.

    Parameters
    ----------
    maximum : Series of float
        Daily maximum by naive date; a missing day ends a wave.

    Returns
    -------
    DataFrame
        `start`, `end` (last day), `days`, `tropical_days`, `peak`.

    References
    ----------
    .. [1] KNMI, explanation "Hittegolf" (national ones are of De Bilt).

    Examples
    --------
    >>> week = pd.Series([26, 31, 32, 30, 27, 24], index=pd.date_range("2026-07-01", periods=6))
    >>> heat_waves(week)[["days", "tropical_days"]].to_dict("records")
    [{'days': 5, 'tropical_days': 3}]
    """
    days = maximum.sort_index().asfreq("D")
    is_summer = (days >= DAY_CLASSES["summer"]).to_numpy()
    run = np.cumsum(np.append(True, np.diff(is_summer.astype(np.int8)) != 0)[: len(days)])
    rows = []
    for number in np.unique(run[is_summer]):
        part = days[is_summer & (run == number)]
        tropical = days_at_least(part, DAY_CLASSES["tropical"])
        if len(part) >= 5 and tropical >= 3:
            rows.append((part.index[0], part.index[-1], len(part), tropical, float(part.max())))
    return pd.DataFrame(rows, columns=["start", "end", "days", "tropical_days", "peak"])


def heat_index(temperature: ArrayLike, humidity: ArrayLike) -> Floats:
    """Apparent temperature of Rothfusz [Cel]; NaN below 27 Cel, where it does not hold.

    References
    ----------
    .. [1] Rothfusz, L. P. (1990), The heat index equation, NWS Southern Region SR 90-23.

    Examples
    --------
    >>> heat_index([32.0, 20.0], [60.0, 60.0]).round(3).tolist()
    [37.074, nan]
    """
    t = np.asarray(temperature, dtype=np.float64)
    r = np.asarray(humidity, dtype=np.float64)
    index = (
        -8.784695
        + 1.61139411 * t
        + 2.338549 * r
        - 0.14611605 * t * r
        - 0.012308094 * t**2
        - 0.016424828 * r**2
        + 0.002211732 * t**2 * r
        + 0.00072546 * t * r**2
        - 0.000003582 * t**2 * r**2
    )
    return np.where(t >= LEAST_HEAT_INDEX, index, np.nan)


def pet_class(pet: float) -> str:
    """Heat stress of a physiological equivalent temperature [Cel].

    References
    ----------
    .. [1] Matzarakis, A., Mayer, H. and Iziomon, M. (1999), Int. J. Biometeorology 43, 76-84,
       doi:10.1007/s004840050119.

    Examples
    --------
    >>> pet_class(20.0), pet_class(38.0), pet_class(45.0)
    ('none', 'strong', 'extreme')
    """
    return next((name for edge, name in PET_CLASSES if pet <= edge), "extreme")


def urban_increment(
    site: pd.Series, rural: pd.Series, wind_speed: pd.Series, *, calm_m_s: float = 3.0
) -> pd.Series:
    """Nightly urban heat increment [K]: mean of site - rural, 22:00 to 04:00 UTC, calm hours.

    Parameters
    ----------
    site, rural, wind_speed : Series of float
        Hourly, by UTC start of the hour; [Cel], [Cel], [m/s].
    calm_m_s : float
        Hours with less wind count [engineering default].

    Returns
    -------
    Series of float
        By the date (UTC) of the evening; nights without such an hour are absent.

    Examples
    --------
    >>> night = pd.date_range("2026-07-01T20:00Z", periods=8, freq="1h")
    >>> urban_increment(pd.Series(22.0, index=night), pd.Series(18.0, index=night),
    ...     pd.Series(2.0, index=night)).tolist()
    [4.0]
    """
    both = pd.concat([site, rural, wind_speed], axis=1, keys=["site", "rural", "wind"]).dropna()
    hour = pd.DatetimeIndex(both.index).hour
    calm = both[((hour >= 22) | (hour < 4)) & (both["wind"] < calm_m_s).to_numpy()]
    evening = (pd.DatetimeIndex(calm.index) - pd.Timedelta(hours=4)).tz_localize(None).normalize()
    return (calm["site"] - calm["rural"]).groupby(evening).mean()
