"""What a report says of a lab: one row per indicator and area, from the stored indicators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from livinglab.project import Project
from livinglab.registry import Indicator, Lab, Limit
from livinglab.timeline import civil_date

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Row:
    """One indicator of one area: the newest value that is not empty, and how it compares.

    `coverage` is in 0..1; `against` says the comparison in words, "" where there is no limit value.
    """

    indicator: Indicator
    area: str
    when: str
    value: float  # NaN: no interval of the window has a value
    coverage: float
    status: str
    n_values: int
    against: str

    @property
    def unit(self) -> str:
        """Unit as people write it: a count has none."""
        return unit_text(self.indicator.unit)


@dataclass(frozen=True, slots=True)
class LabSection:
    """A lab's rows and the frames behind them, for tables and charts."""

    lab: Lab
    rows: tuple[Row, ...]
    frames: dict[str, pd.DataFrame]  # indicator id -> stored rows of the window


def unit_text(unit: str) -> str:
    """Unit as people write it: nothing for a count."""
    return "" if unit == "1" else unit


def lab_section(project: Project, lab_id: str, start_ns: int, end_ns: int) -> LabSection:
    """Gather the indicators of one lab in [start, end) (UTC ns).

    Returns
    -------
    LabSection
        Rows ordered by theme and indicator as in indicators.yaml, then area. Indicators without a
        stored row are left out; a row without any value has NaN and says "insufficient".
    """
    registry = project.registry
    lab = registry.labs[lab_id]
    rows: list[Row] = []
    frames: dict[str, pd.DataFrame] = {}
    for theme in dict.fromkeys(indicator.theme for indicator in registry.indicators.values()):
        stored = project.store.frame("indicators", theme, start_ns, end_ns, {"lab": lab_id})
        for indicator in registry.indicators.values():
            part = stored[stored["indicator"] == indicator.id] if indicator.theme == theme else ()
            if len(part):
                frames[indicator.id] = part
                rows.extend(_rows(indicator, part, lab.timezone))
    return LabSection(lab, tuple(rows), frames)


def _rows(indicator: Indicator, frame: pd.DataFrame, zone: str) -> list[Row]:
    rows = []
    for area, part in frame.groupby("area", sort=True):
        with_value = part[part["value"].notna()]
        newest = (with_value if len(with_value) else part).iloc[-1]
        when = _when(indicator, int(newest.name.value), zone)
        value = float(newest["value"]) if len(with_value) else math.nan
        limit = _against(indicator.limits, value) if len(with_value) else ""
        rows.append(
            Row(
                indicator,
                str(area),
                when,
                value,
                float(newest["coverage"]),
                str(newest["status"]),
                len(with_value),
                limit,
            )
        )
    return rows


def _when(indicator: Indicator, time_ns: int, zone: str) -> str:
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    if indicator.period == "hour":
        return f"{pd.Timestamp(time_ns, tz='UTC').tz_convert(zone):%Y-%m-%d %H:%M}"
    return civil_date(time_ns, zone).isoformat()


def _against(limits: tuple[Limit, ...], value: float) -> str:
    """Compare with each limit, unrounded and strictly above; sensor values are indicative."""
    said = []
    for limit in limits:
        verdict = "above" if value > limit.value else "within"
        allowed = f" ({limit.allowed} a year allowed)" if limit.allowed is not None else ""
        said.append(f"{verdict} {limit.value:g} {limit.scheme}{allowed}")
    return "; ".join(said)
