"""Rijkswaterstaat Waterinfo exports."""

from __future__ import annotations

from io import StringIO
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: Numbers that stand for "no value".
SENTINELS: Final = (999_999_999.0, -999_999_999.0, 99_999.0)
#: MET = UTC+1 all year, whatever the season.
MET: Final = "Etc/GMT-1"


def parse_waterinfo(text: str) -> pd.DataFrame:
    r"""Levels of an export, by UTC time of the value.

    Semicolons, decimal commas and bare CR line ends are the format's own. Stamps are MET (UTC+1
    all year); a 10-minute value is the mean of 5 minutes before to 5 minutes after its stamp, and
    the stamp is kept.

    Returns
    -------
    DataFrame
        Index `time` (UTC, ns); `location`, `level_m_nap` (NaN for sentinels and quality 99).

    Raises
    ------
    DataError
        If columns are missing, or a value is not in cm against NAP.

    Examples
    --------
    >>> head = "LOCATIE_CODE;EENHEID_CODE;HOEDANIGHEID_CODE;WAARNEMINGDATUM;"
    >>> head += "WAARNEMINGTIJD (MET/CET);NUMERIEKEWAARDE;KWALITEITSOORDEEL_CODE"
    >>> table = parse_waterinfo(head + "\rK;cm;NAP;01-07-2022;00:00:00;43;Normale waarde\r")
    >>> table.index[0].isoformat(), table["level_m_nap"].iloc[0]
    ('2022-06-30T23:00:00+00:00', np.float64(0.43))
    """
    rows = text.replace("\r\n", "\n").replace("\r", "\n")
    table = pd.read_csv(StringIO(rows), sep=";", decimal=",", dtype={"WAARNEMINGDATUM": str})
    clock = next((name for name in table.columns if name.startswith("WAARNEMINGTIJD")), None)
    if clock is None or "NUMERIEKEWAARDE" not in table.columns:
        raise DataError("not a Waterinfo export", hint="columns WAARNEMINGTIJD, NUMERIEKEWAARDE")
    if set(table["EENHEID_CODE"]) - {"cm"} or set(table["HOEDANIGHEID_CODE"]) - {"NAP"}:
        raise DataError("levels are not in cm against NAP", hint="export 'Waterhoogte', NAP")
    stamp = pd.to_datetime(
        table["WAARNEMINGDATUM"] + " " + table[clock], format="%d-%m-%Y %H:%M:%S"
    )
    cm = pd.to_numeric(table["NUMERIEKEWAARDE"]).to_numpy(dtype=np.float64)
    invalid = np.isin(cm, SENTINELS) | (table["KWALITEITSOORDEEL_CODE"].astype(str) == "99")
    index = pd.DatetimeIndex(stamp, name="time").tz_localize(MET).tz_convert("UTC").as_unit("ns")
    return pd.DataFrame(
        {
            "location": table["LOCATIE_CODE"].to_numpy(),
            "level_m_nap": np.where(invalid, np.nan, cm / 100),
        },
        index=index,
    )
