"""Charging sockets over civil days: charging share, idle share.

A socket reports every interval whether a vehicle is connected (`socket_connected`, 0 or 1) and the
power it draws (`socket_power`). The connected share is `transforms.parking.occupied_share`, kWh per
socket and day is `transforms.meters.daily_use` of its meter. Areas take the mean of their sockets.

References
----------
.. [1] Wolbertus, R., Kroesen, M., van den Hoed, R. and Chorus, C. (2018), Fully charged: an
   empirical study into the factors that influence connection times at EV-charging stations, Energy
   Policy 123, 1-7, doi:10.1016/j.enpol.2018.08.030 (connected without charging).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.aggregate import covered_result, is_covered, result_frame
from transforms.cells import cells, mean, total
from transforms.intervals import civil_days
from transforms.wide import from_wide, to_wide

#: Power above which a socket charges [W]; below it is the vehicle's or the socket's own use
#: [engineering default].
CHARGING_W: Final = 100.0


def charging_share(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    least_w: float = CHARGING_W,
) -> pd.DataFrame:
    """Share of the civil day in which a socket draws more than `least_w`, 0..1.

    Parameters
    ----------
    panel : DataFrame
        Power [W] of each interval.
    start, end, zone, steps, coverage
        As in `transforms.water.daily_mean`.
    least_w : float
        Power above which it charges [W].

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> power = to_panel(pd.date_range(day, periods=24, freq="h"), "a", [11e3] * 6 + [40.0] * 18)
    >>> asked = {"start": day, "end": day + pd.Timedelta(days=1), "zone": "UTC"}
    >>> charging_share(power, **asked, steps={"a": 3600})["value"].tolist()
    [0.25]
    """
    known = panel[panel["value"].notna()]
    charging = (known["value"] > least_w).astype(np.float64)
    grid = cells(known.assign(value=charging), civil_days(start, end, zone), steps)
    return covered_result(grid, mean(grid), coverage)


def idle_share(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    connected: str = "socket_connected",
    power: str = "socket_power",
    least_w: float = CHARGING_W,
) -> pd.DataFrame:
    """Share of the connected time of the civil day without charging, 0..1; none where never so.

    Only intervals of which both are known.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: states 0 and 1, and power [W], at the same times.
    start, end, zone, steps, coverage, least_w
        As in `charging_share`.
    connected, power : str
        Their names in `quantity`.

    Returns
    -------
    DataFrame
        As `transforms.aggregate.result_frame`; `n` counts intervals of which both are known.

    Raises
    ------
    DataError
        On other states than 0 and 1.
    """
    wide = to_wide(panel, [connected, power]).dropna()
    if not wide[connected].isin((0.0, 1.0)).all():
        raise DataError(f"{connected}: states other than 0 and 1", hint="map connected to 1")
    bins = civil_days(start, end, zone)
    on = wide[connected]
    grid = cells(from_wide(wide, on), bins, steps)
    idle = total(cells(from_wide(wide, on * (wide[power] <= least_w)), bins, steps))
    whole = total(grid)
    share = np.divide(idle, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    n, expected = grid.n, grid.expected
    return result_frame(grid, share, n, expected, is_covered(n, expected, coverage))
