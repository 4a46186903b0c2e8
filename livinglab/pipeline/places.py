"""Which row of devices.csv a reading belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livinglab.registry import Device


def placed(frame: pd.DataFrame, rows: Sequence[Device]) -> NDArray[np.int64]:
    """Index into `rows` of the row that is valid for each reading, -1 where none is.

    Parameters
    ----------
    frame : DataFrame
        Columns `device` and `ns` (UTC ns since 1970).
    rows : sequence of Device
        Rows of devices.csv; at most one of a device is valid at a time.
    """
    place = np.full(len(frame), -1, dtype=np.int64)
    device, ns = frame["device"].to_numpy(dtype=object), frame["ns"].to_numpy(dtype=np.int64)
    for number, row in enumerate(rows):
        here = (device == row.id) & (ns >= row.from_ns)
        place[here if row.to_ns is None else here & (ns < row.to_ns)] = number
    return place
