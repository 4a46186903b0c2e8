"""RIVM, national air quality network (LML): one hour of all stations as XML."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: Numbers that stand for "no value".
SENTINELS: Final = (-998.0, -999.0)
#: Fields of a row, and what they are called here.
FIELDS: Final = {
    "STAT_NUMMER": "station",
    "STAT_NAAM": "name",
    "MCLA_CODE": "station_type",
    "OPST_OPDR_ORGA_CODE": "organisation",
    "MWAA_WAARDE": "value",
    "MWAA_BEGINDATUMTIJD": "begin",
    "MWAA_EINDDATUMTIJD": "end",
}


def parse_lml(text: str, *, zone: str = "Etc/GMT-1") -> pd.DataFrame:
    """Hourly means of the stations of one file, by UTC start of the hour [ug/m3].

    Parameters
    ----------
    text : str
        A ROWSET of rows, one per station.
    zone : str
        The files state no zone; fixed UTC+1 unless it is known to be another.

    Returns
    -------
    DataFrame
        Index `time` (UTC, ns); `station`, `name`, `station_type`, `organisation` (str), `value`
        (NaN for -998, -999 and blanks; small negative values are noise and stay), `length_s`.

    Raises
    ------
    DataError
        If the text is no such file, a field is missing, or a number or time is none.

    Examples
    --------
    >>> row = "".join(f"<{tag}>{text}</{tag}>" for tag, text in {
    ...     "STAT_NUMMER": "NL1", "STAT_NAAM": "a", "MCLA_CODE": "stad verkeer",
    ...     "OPST_OPDR_ORGA_CODE": "RIVM", "MWAA_WAARDE": "-999",
    ...     "MWAA_BEGINDATUMTIJD": "20140707070000",
    ...     "MWAA_EINDDATUMTIJD": "20140707080000"}.items())
    >>> table = parse_lml(f"<ROWSET><ROW>{row}</ROW></ROWSET>")
    >>> table.index[0].isoformat(), table["value"].iloc[0]
    ('2014-07-07T06:00:00+00:00', np.float64(nan))
    """
    rows = [_row(number, row) for number, row in enumerate(_root(text).iter("ROW"), 1)]
    table = pd.DataFrame(rows, columns=list(FIELDS.values()), dtype="str")
    try:
        begin, end = (pd.to_datetime(table[name], format="%Y%m%d%H%M%S")
                      for name in ("begin", "end"))  # fmt: skip
        value = pd.to_numeric(table["value"].replace("", np.nan)).to_numpy(dtype=np.float64)
    except ValueError as error:
        raise DataError(f"a time or value of the file is none: {error}") from error
    index = pd.DatetimeIndex(begin, name="time").tz_localize(zone).tz_convert("UTC").as_unit("ns")
    names = ["station", "name", "station_type", "organisation"]
    return table[names].set_axis(index).assign(
        value=np.where(np.isin(value, SENTINELS), np.nan, value),
        length_s=((end - begin) / pd.Timedelta(seconds=1)).to_numpy(),
    )  # fmt: skip


def _root(text: str) -> ET.Element:
    if "<!" in text.replace("<!--", ""):  # entities that grow without end need a declaration
        raise DataError("XML with declarations is not read", hint="give the file as RIVM sends it")
    try:
        root = ET.fromstring(text.lstrip("\ufeff"))  # noqa: S314 - without declarations
    except ET.ParseError as error:
        raise DataError(f"no XML: {error}", hint="give a whole file of the LML") from error
    if root.tag != "ROWSET":
        raise DataError(f"the root is {root.tag!r}, not 'ROWSET'", hint="give a file of the LML")
    return root


def _row(number: int, row: ET.Element) -> list[str]:
    missing = [tag for tag in FIELDS if row.find(tag) is None]
    if missing:
        raise DataError(f"row {number} has no {', '.join(missing)}")
    return [(row.findtext(tag) or "").strip() for tag in FIELDS]
