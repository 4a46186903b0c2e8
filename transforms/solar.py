"""Solar energy of households: self-consumption and self-sufficiency of days and years.

Three running meters of one connection [kWh]: produced by the panels, fed into the grid, taken from
it. Use is what was taken plus what was produced and not fed in.

References
----------
.. [1] Luthander, R. et al. (2015), Photovoltaic self-consumption in buildings: a review, Applied
   Energy 142, 80-94, doi:10.1016/j.apenergy.2014.12.028.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.cells import Cells, cells, total
from transforms.frames import INSUFFICIENT, VALID, Floats, of_quantity
from transforms.intervals import years
from transforms.meters import daily_use
from transforms.yearly import covered_year

RESULTS: Final = ("self_consumption", "self_sufficiency")


def solar_share(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 1.0,
    result: str = "self_consumption",
    produced: str = "energy_produced",
    exported: str = "energy_exported",
    imported: str = "energy_imported",
) -> pd.DataFrame:
    """Self-consumption or self-sufficiency of each civil day, 0..1.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: readings of the three meters [kWh].
    start, end, zone, steps, coverage
        As in `transforms.meters.daily_use`, for each of them.
    result : str
        "self_consumption": (produced - exported) / produced [1]_. "self_sufficiency":
        (produced - exported) / use. No value where the denominator is 0 or more was fed in than
        produced: then the meters do not belong together.
    produced, exported, imported : str
        Their names in `quantity`.

    Returns
    -------
    DataFrame
        As `transforms.meters.daily_use`; `n` and `coverage` are the least of the three.

    Raises
    ------
    DataError
        On an unknown result.
    """
    asked = {"start": start, "end": end, "zone": zone, "steps": steps, "coverage": coverage}
    tables = [
        daily_use(of_quantity(panel, name), **asked)  # type: ignore[arg-type]
        for name in (produced, exported, imported)
    ]
    share = _share(*(table["value"].to_numpy() for table in tables), result=result)
    least = {
        name: np.minimum.reduce([table[name].to_numpy() for table in tables])
        for name in ("coverage", "n")
    }
    status = np.where(np.isnan(share), INSUFFICIENT, VALID)
    return tables[0].assign(value=share, **least, status=pd.Series(status, dtype="str").array)


def solar_share_of_year(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.95,
    period: str = "year",
    result: str = "self_consumption",
    produced: str,
    exported: str,
    imported: str,
) -> pd.DataFrame:
    """Self-consumption or self-sufficiency of a year, 0..1, over days on which all were known.

    Parameters
    ----------
    panel : DataFrame
        Panel with `quantity`: kWh of days.
    start, end, zone, steps, coverage, period
        As in `transforms.yearly.year_statistic`.
    result, produced, exported, imported
        As in `solar_share`.

    Raises
    ------
    DataError
        On an unknown result.
    """
    names = [produced, exported, imported]
    rows = panel[panel["quantity"].isin(names) & panel["value"].notna()]
    whole = rows.groupby([rows["series"], rows.index])["value"].transform("count") == len(names)
    asked = years(start, end, zone, period)
    grids: list[Cells] = [cells(of_quantity(rows[whole], name), asked, steps) for name in names]
    share = _share(*(total(grid) for grid in grids), result=result)
    return covered_year(grids[0], share, coverage)


def _share(produced: Floats, exported: Floats, imported: Floats, *, result: str) -> Floats:
    if result not in RESULTS:
        raise DataError(f"unknown share of solar energy {result!r}", hint=" or ".join(RESULTS))
    own = produced - exported
    whole = produced if result == "self_consumption" else imported + own
    possible = (whole > 0) & (own >= 0) & ~np.isnan(imported)
    share = np.divide(own, whole, out=np.full(len(own), np.nan), where=possible)
    return np.asarray(share, dtype=np.float64)
