"""EEA AirBase v8: hourly values of one station and substance, a day per line."""

from __future__ import annotations

from io import StringIO
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: A date, then a value and a flag per hour.
COLUMNS: Final = 49
#: Fixed UTC+1 all year.
CLOCK: Final = "Etc/GMT-1"


def parse_airbase(text: str) -> pd.DataFrame:
    r"""Hourly values by UTC start of the hour, in the unit of the file.

    Pair k of a line is the hour [k - 1, k) in fixed UTC+1. A value is valid only where its flag is
    above 0: there are ordinary numbers with flag 0. Absent days have no rows.

    Returns
    -------
    DataFrame
        Index `time` (UTC, ns), ascending; `value` (NaN where invalid), `flag` (int64).

    Raises
    ------
    DataError
        If a line does not have a date and 24 pairs.

    Examples
    --------
    >>> line = "2010-01-01\t" + "\t".join(["21.5\t1", "-9999.000\t0", "30.0\t0"] * 8)
    >>> table = parse_airbase(line + "\r\n")
    >>> table.index[0].isoformat(), table["value"].tolist()[:3]
    ('2009-12-31T23:00:00+00:00', [21.5, nan, nan])
    """
    try:
        wide = pd.read_csv(StringIO(text), sep="\t", header=None)
        if wide.shape[1] != COLUMNS:
            told = f"{wide.shape[1]} columns, expected a date and 24 pairs of value and flag"
            raise DataError(told, hint="give an hourly file of AirBase v8 as it is")
        day = pd.to_datetime(wide[0], format="%Y-%m-%d")
        value = wide[list(range(1, COLUMNS, 2))].to_numpy(dtype=np.float64).ravel()
        flag = wide[list(range(2, COLUMNS, 2))].to_numpy(dtype=np.int64).ravel()
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"no hourly file of AirBase: {error}") from error
    hours = np.arange(24) * np.timedelta64(1, "h")
    start = pd.DatetimeIndex((day.to_numpy()[:, np.newaxis] + hours).ravel(), name="time")
    index = start.tz_localize(CLOCK).tz_convert("UTC").as_unit("ns")
    table = pd.DataFrame({"value": np.where(flag > 0, value, np.nan), "flag": flag}, index=index)
    return table.sort_index()
