"""Files of reference networks: their oddities, and files that are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from shared_data import DATA

from livinglab.errors import DataError
from transforms.references.airbase import parse_airbase
from transforms.references.knmi import parse_hourly
from transforms.references.lml import FIELDS, parse_lml

LINE = "2012-02-29\t" + "\t".join(f"{hour}.5\t{hour % 3 - 1}" for hour in range(24))


def lml(**changes: str) -> str:
    values = {
        "STAT_NUMMER": "NL99001",
        "STAT_NAAM": "Ons Dorp-Kerk&apos;plein",
        "MCLA_CODE": "regio achtergr",
        "OPST_OPDR_ORGA_CODE": "RIVM",
        "MWAA_WAARDE": "-0.4",
        "MWAA_BEGINDATUMTIJD": "20140707230000",
        "MWAA_EINDDATUMTIJD": "20140708000000",
    } | changes
    row = "".join(f"<{tag}>{text}</{tag}>" for tag, text in values.items())
    return f'<?xml version="1.0"?>\r\n<ROWSET>\r\n<ROW>{row}</ROW>\r\n</ROWSET>'


@pytest.mark.parametrize(("substance", "stations"), [("NO2", 75), ("PM10", 73)])
def test_parse_lml_reads_every_station(substance: str, stations: int) -> None:
    text = (DATA / f"air/rivm_lml_2014070708_{substance}.xml").read_text(encoding="utf-8")
    table = parse_lml(text)
    sentinels = text.count("<MWAA_WAARDE>-99")
    assert (len(table), table["value"].isna().sum()) == (stations, sentinels)
    assert sentinels > 0
    assert set(table.index) == {pd.Timestamp("2014-07-07T06:00Z")}, "07:00 in fixed UTC+1"
    assert (table["length_s"] == 3600).all()
    assert table["station"].str.fullmatch(r"(NL)?\d{3,5}").all(), "some have no country before"
    assert table["value"].between(-5, 300).sum() == stations - sentinels


def test_parse_lml_keeps_small_negative_values_and_reads_other_zones() -> None:
    table = parse_lml(lml(), zone="UTC")
    assert table["value"].tolist() == [-0.4], "noise of the monitor, not missing"
    assert table.index[0] == pd.Timestamp("2014-07-07T23:00Z")
    assert table["name"].tolist() == ["Ons Dorp-Kerk'plein"]
    for text in ("-999", "-998", "-999.0", "", "  "):
        assert np.isnan(parse_lml(lml(MWAA_WAARDE=text))["value"].iloc[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no XML"),
        ("<ROWSET><ROW>", "no XML"),
        ("<DATA/>", "the root is 'DATA'"),
        ("<ROWSET><ROW><STAT_NUMMER>NL1</STAT_NUMMER></ROW></ROWSET>", "row 1 has no STAT_NAAM"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><ROWSET/>', "declarations"),
        (lml(MWAA_WAARDE="veel"), "a time or value"),
        (lml(MWAA_BEGINDATUMTIJD="gisteren"), "a time or value"),
    ],
)
def test_parse_lml_refuses_what_is_none(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parse_lml(text)


def test_parse_lml_of_no_rows_is_empty() -> None:
    table = parse_lml("<ROWSET></ROWSET>")
    assert len(table) == 0
    assert {"station", "value"} <= set(table.columns) <= {*FIELDS.values(), "length_s"}


def test_parse_airbase_takes_flags_for_what_they_say() -> None:
    table = parse_airbase(f"{LINE}\r\n")
    assert len(table) == 24
    assert table.index[0] == pd.Timestamp("2012-02-28T23:00Z")
    assert table["value"].notna().tolist() == [hour % 3 == 2 for hour in range(24)]
    assert table["value"].dropna().iloc[0] == 2.5


@pytest.mark.parametrize("text", ["", "2012-02-29\t1.0\t1\n", LINE.replace("2012-02-29", "29-02")])
def test_parse_airbase_refuses_what_is_none(text: str) -> None:
    with pytest.raises(DataError, match=r"AirBase|24 pairs"):
        parse_airbase(text)


def test_parse_hourly_reads_the_web_service_and_refuses_daily_files() -> None:
    table = parse_hourly("# STN,YYYYMMDD,    H,   RH\n  260,20240229,    1,    3\n")
    assert table.index[0] == pd.Timestamp("2024-02-29T00:00Z")
    assert table["precipitation"].tolist() == [pytest.approx(0.3)]
    with pytest.raises(DataError, match="no hours in the file"):
        parse_hourly("# STN,YYYYMMDD,   RH\n  260,20240229,    3\n")
