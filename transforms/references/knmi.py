"""KNMI hourly observations ("uurgegevens")."""

from __future__ import annotations

from io import StringIO
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: Column of the file -> name here and factor to its unit.
COLUMNS: Final = {
    "DD": ("wind_direction", 1.0),  # degrees, 0 calm and 990 variable become NaN
    "FH": ("wind_speed", 0.1),  # m/s, mean of the hour
    "FX": ("wind_gust", 0.1),  # m/s
    "T": ("air_temperature", 0.1),  # Cel, at the end of the hour
    "TD": ("dew_point", 0.1),  # Cel
    "SQ": ("sunshine_h", 0.1),  # h
    "Q": ("global_radiation_j_cm2", 1.0),
    "DR": ("rain_duration_h", 0.1),  # h
    "RH": ("precipitation", 0.1),  # mm
    "P": ("sea_level_pressure", 0.1),  # hPa, reduced to sea level: not what a logger feels
    "N": ("cloud_octas", 1.0),  # 9 = sky invisible
    "U": ("relative_humidity", 1.0),  # %
}
#: -1 in these columns means "less than half the last digit", which is not missing.
TRACES: Final = ("SQ", "RH")


def parse_hourly(text: str, *, trace: float = 0.0) -> pd.DataFrame:
    r"""Hourly observations in canonical units, by UTC START of the hour.

    KNMI names an hour by its end, UTC: HH = 24 of a date is 23:00 to 24:00 of that date.

    Parameters
    ----------
    text : str
        The file with its header.
    trace : float
        What -1 ("< 0.05 mm", "< 0.05 h") becomes: 0 in sums, or 0.025, the middle.

    Returns
    -------
    DataFrame
        Index `time` (UTC, ns); `station` and the columns of `COLUMNS` that the file has; blanks are
        NaN.

    Raises
    ------
    DataError
        If the header line "# STN,YYYYMMDD,HH,..." is missing.

    Examples
    --------
    >>> rows = "# STN,YYYYMMDD,   HH,    T,   RH\n\n  260,20000101,   24,   49,   -1\n"
    >>> hourly = parse_hourly(rows)
    >>> hourly.index[0].isoformat(), hourly["precipitation"].iloc[0]
    ('2000-01-01T23:00:00+00:00', np.float64(0.0))
    """
    lines = text.splitlines()
    head = next((k for k, line in enumerate(lines) if line.replace(" ", "")[:5] == "#STN,"), None)
    if head is None:
        raise DataError("no line '# STN,YYYYMMDD,HH,...'", hint="give KNMI's file with its header")
    names = [name.strip() for name in lines[head].lstrip("# ").split(",")]
    names = ["HH" if name == "H" else name for name in names]  # files of the web service say H
    if "HH" not in names or "YYYYMMDD" not in names:
        raise DataError("no hours in the file", hint="give hourly observations, not daily ones")
    rows = "\n".join(line for line in lines[head + 1 :] if line.strip())
    table = pd.read_csv(StringIO(rows), names=names, skipinitialspace=True)
    day = pd.to_datetime(table["YYYYMMDD"].astype(str), format="%Y%m%d")
    start = day + pd.to_timedelta(table["HH"] - 1, unit="h")
    index = pd.DatetimeIndex(start, name="time").tz_localize("UTC").as_unit("ns")
    columns = {
        name: _scaled(table[column], column, factor, trace)
        for column, (name, factor) in COLUMNS.items()
        if column in table.columns
    }
    return pd.DataFrame({"station": table["STN"].to_numpy(), **columns}, index=index)


def _scaled(
    column: pd.Series, name: str, factor: float, trace: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    raw = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    value = raw * factor
    if name in TRACES:
        value = np.where(raw == -1, trace, value)
    if name == "DD":
        value = np.where((raw == 0) | (raw == 990), np.nan, value)
    return value
