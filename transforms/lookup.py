"""What was measured besides, at or shortly before each reading."""

from __future__ import annotations

import numpy as np
import pandas as pd

from livinglab.timeline import SECOND_NS
from transforms.frames import (
    Floats,
    is_named,
    names_in,
    require_panel,
    series_codes,
    time_ns,
)
from transforms.sliding import last_before


def latest(panel: pd.DataFrame, besides: pd.DataFrame | None, quantity: str, lag_s: int) -> Floats:
    """Latest value of a quantity of the same series at or before each row, not older than `lag_s`.

    Parameters
    ----------
    panel : DataFrame
        Panel whose rows ask.
    besides : DataFrame or None
        Panel with the column `quantity`, under the series ids of `panel`; None knows nothing.
    quantity : str
        Which one.
    lag_s : int
        Largest age [s].

    Returns
    -------
    array
        One value per row of `panel`, NaN where none is recent enough; not to be written to.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 5_000_000_000, 9_000_000_000], "s", [1.0, 1.0, 1.0])
    >>> besides = to_panel([0, 4_000_000_000], "s", [20.0, 21.0], "air_temperature")
    >>> latest(panel, besides, "air_temperature", 4).tolist()
    [20.0, 21.0, nan]
    """
    result = np.full(len(panel), np.nan)
    if besides is None or panel.empty:
        return result
    require_panel(besides)
    is_told = is_named(besides, "quantity", quantity) & ~np.isnan(besides["value"].to_numpy())
    known = besides if is_told.all() else besides[is_told]
    if known.empty:
        return result
    # Both are in order of series and time: one binary search serves all series.
    names = sorted({*names_in(panel), *names_in(known)})
    asked, told = series_codes(panel, names), series_codes(known, names)
    if np.array_equal(asked, told) and np.array_equal(time_ns(panel), time_ns(known)):
        return known["value"].to_numpy(dtype=np.float64)  # sent in one message
    lag_ns = lag_s * SECOND_NS
    place = last_before(told, time_ns(known), asked, time_ns(panel))
    found = place >= 0
    place = place[found]
    near = (told[place] == asked[found]) & (time_ns(panel)[found] - time_ns(known)[place] <= lag_ns)
    rows = np.flatnonzero(found)[near]
    result[rows] = known["value"].to_numpy()[place[near]]
    return result
