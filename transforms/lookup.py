"""What was measured besides, at or shortly before each reading."""

from __future__ import annotations

import numpy as np
import pandas as pd

from livinglab.timeline import SECOND_NS
from transforms.frames import Floats, require_panel, time_ns


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
        One value per row of `panel`, NaN where none is recent enough.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 5_000_000_000, 9_000_000_000], "s", [1.0, 1.0, 1.0])
    >>> besides = to_panel([0, 4_000_000_000], "s", [20.0, 21.0], "air_temperature")
    >>> latest(panel, besides, "air_temperature", 4).tolist()
    [20.0, 21.0, nan]
    """
    if besides is None or panel.empty:
        return np.full(len(panel), np.nan)
    require_panel(besides)
    known = besides[(besides["quantity"] == quantity) & besides["value"].notna()]
    asked = pd.DataFrame({"ns": time_ns(panel), "series": panel["series"].array})
    told = pd.DataFrame(
        {"ns": time_ns(known), "series": known["series"].array, "found": known["value"].array}
    )
    asked = asked.astype({"series": "str"}).sort_values("ns", kind="stable")
    told = told.astype({"series": "str"}).sort_values("ns", kind="stable")
    joined = pd.merge_asof(
        asked.reset_index(names="row"), told, on="ns", by="series", tolerance=lag_s * SECOND_NS
    )
    result = np.full(len(panel), np.nan)
    result[joined["row"].to_numpy()] = joined["found"].to_numpy(dtype=np.float64)
    return result
