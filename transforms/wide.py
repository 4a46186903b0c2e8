"""Several quantities of a panel side by side, and rows marked as weak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.frames import INDICATIVE, Bools, require_panel, time_ns, to_index


def to_wide(panel: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """One row per series and time, one column per quantity; what is not in the panel is NaN.

    Returns
    -------
    DataFrame
        Index (`series`, `ns`), sorted; float columns in the order of `quantities`.

    Raises
    ------
    DataError
        If the panel breaks the contract or has no column `quantity`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 0, 5], "a", [1.0, 2.0, 3.0], ["x", "y", "x"])
    >>> to_wide(panel, ["x", "y", "z"]).to_numpy().tolist()
    [[1.0, 2.0, nan], [3.0, nan, nan]]
    """
    require_panel(panel)
    if "quantity" not in panel.columns:
        raise DataError("the panel has no column 'quantity'", hint="read the quantities by name")
    rows = panel[panel["quantity"].isin(list(quantities))]
    table = pd.DataFrame(
        {
            "series": rows["series"].to_numpy(),
            "ns": time_ns(rows),
            "quantity": rows["quantity"].to_numpy(),
            "value": rows["value"].to_numpy(),
        }
    )
    # Keys are unique by the contract; pivot_table would aggregate and multiply series by times.
    keyed = table.set_index(["series", "ns", "quantity"])["value"]
    wide = keyed.unstack("quantity")  # noqa: PD010
    return wide.reindex(columns=list(quantities)).astype(np.float64)


def from_wide(wide: pd.DataFrame, value: ArrayLike) -> pd.DataFrame:
    """Panel of one value per row of a `to_wide` frame.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> wide = to_wide(to_panel([0, 5], "a", [1.0, 3.0], "x"), ["x"])
    >>> from_wide(wide, wide["x"] * 2)["value"].tolist()
    [2.0, 6.0]
    """
    return pd.DataFrame(
        {
            "series": pd.Series(wide.index.get_level_values("series"), dtype="str").array,
            "value": np.asarray(value, dtype=np.float64),
        },
        index=to_index(wide.index.get_level_values("ns").to_numpy(dtype=np.int64)),
    )


def mark_weak(frame: pd.DataFrame, where: Bools) -> pd.DataFrame:
    """Rows of an indicator that have a value and are in `where` become "indicative"."""
    is_weak = where & frame["value"].notna().to_numpy()
    return frame.assign(status=frame["status"].mask(is_weak, INDICATIVE))
