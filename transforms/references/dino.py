"""DINOloket exports: groundwater wells and staff gauges."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from livinglab.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class DinoSeries:
    """One export; levels in m NAP, positions in RD New.

    Parameters
    ----------
    name : str
        "B33F0080-001" (well and filter) or "P58A0001" (staff gauge).
    x_rd, y_rd : float
        Position of the last row of the history [m].
    ground_level, tube_top, screen_top, screen_bottom : float
        Of the last row of the history [m NAP]; NaN at a staff gauge.
    level : Series of float
        [m NAP] by civil date, in the order of the file; blanks are NaN.
    """

    name: str
    x_rd: float
    y_rd: float
    ground_level: float
    tube_top: float
    screen_top: float
    screen_bottom: float
    level: pd.Series


def parse_dino(text: str) -> DinoSeries:
    r"""Read one DINO export.

    The file gives cm NAP and dates without a time of day; several history rows describe the same
    well over time, and the last one is what is there now.

    Raises
    ------
    DataError
        If the text is no such export, or its reference is not NAP.

    Examples
    --------
    >>> rows = ["Referentie:,NAP", "Locatie,X-coordinaat,Y-coordinaat", "P1,183740,373030", "",
    ...         "Locatie,Peildatum,Stand (cm t.o.v. NAP)", "P1,14-06-1963,2751", "P1,28-06-1963,"]
    >>> parse_dino("\r\n".join(rows)).level.tolist()
    [27.51, nan]
    """
    lines = text.splitlines()
    heads = [k for k, line in enumerate(lines) if line.startswith("Locatie,")]
    if len(heads) != 2:
        raise DataError(
            "not a DINO export: a table of the well and a table of levels are expected",
            hint="export as CSV from DINOloket, one well per file",
        )
    if not any(line.replace(" ", "").startswith("Referentie:,NAP") for line in lines[: heads[0]]):
        raise DataError("the export does not say NAP", hint="export levels against NAP")
    history, readings = (_table(lines[heads[0] : heads[1]]), _table(lines[heads[1] :]))
    last = history[-1]
    well = last["Locatie"]
    return DinoSeries(
        name=f"{well}-{last['Filternummer']}" if "Filternummer" in last else well,
        x_rd=_number(last, "X-coordinaat"),
        y_rd=_number(last, "Y-coordinaat"),
        ground_level=_number(last, "Maaiveld (cm t.o.v. NAP)") / 100,
        tube_top=_number(last, "Meetpunt (cm t.o.v. NAP)") / 100,
        screen_top=_number(last, "Bovenkant filter (cm t.o.v. NAP)") / 100,
        screen_bottom=_number(last, "Onderkant filter (cm t.o.v. NAP)") / 100,
        level=_levels(readings),
    )


def _table(lines: list[str]) -> list[Mapping[str, str]]:
    rows = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    names = [name.strip() for name in rows[0]]
    return [dict(zip(names, (cell.strip() for cell in row), strict=False)) for row in rows[1:]]


def _number(row: Mapping[str, str], name: str) -> float:
    return float(row.get(name) or "nan")


def _levels(rows: list[Mapping[str, str]]) -> pd.Series:
    cm = np.array([_number(row, "Stand (cm t.o.v. NAP)") for row in rows])
    stamps = pd.to_datetime([row["Peildatum"] for row in rows], format="%d-%m-%Y")
    return pd.Series(cm / 100, index=stamps.as_unit("ns"), name="level_m_nap")
