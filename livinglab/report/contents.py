"""What a report says of a lab: one row per indicator and area, from the stored indicators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from livinglab.model import Theme
from livinglab.project import Project
from livinglab.registry import Indicator, Lab, Limit
from livinglab.timeline import DAY_NS, civil_date

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value beside one limit or guideline, in words; exceeded only strictly above it."""

    text: str
    is_above: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One indicator of one area: the newest value that is not empty, and how it compares.

    `coverage` is in 0..1; `comparisons` are empty where there is no limit value, or no value.
    """

    indicator: Indicator
    area: str
    when: str
    value: float  # NaN: no interval of the window has a value
    coverage: float
    status: str
    n_values: int
    comparisons: tuple[Comparison, ...]

    @property
    def against(self) -> str:
        """The comparisons in one text, "" where there are none."""
        return "; ".join(said.text for said in self.comparisons)

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


_UNITS: Final = {
    "1": "",
    "1/cm3": "1/cm³",
    "Cel": "°C",
    "deg": "°",
    "m3": "m³",
    "m3/s": "m³/s",
    "mg/m3": "mg/m³",
    "uS/cm": "µS/cm",
    "ug/m3": "µg/m³",
}


def unit_text(unit: str) -> str:
    """Unit as people write it: nothing for a count.

    Examples
    --------
    >>> unit_text("ug/m3"), unit_text("m NAP"), unit_text("1")
    ('µg/m³', 'm NAP', '')
    """
    return _UNITS.get(unit, unit)


def lab_section(project: Project, lab_id: str, start_ns: int, end_ns: int) -> LabSection:
    """Gather the indicators of one lab in [start, end) (UTC ns).

    Returns
    -------
    LabSection
        Rows ordered by theme, indicator as in the registry, area. Indicators without a
        stored row are left out; a row without any value has NaN and says "insufficient".
    """
    registry = project.registry
    lab = registry.labs[lab_id]
    rows: list[Row] = []
    frames: dict[str, pd.DataFrame] = {}
    known = {row.theme for row in registry.indicators.values()}
    for theme in (theme for theme in Theme if theme in known):
        stored = project.store.frame("indicators", theme, start_ns, end_ns, {"lab": lab_id})
        for indicator in registry.indicators.values():
            part = stored[stored["indicator"] == indicator.id]
            if indicator.theme == theme and len(part):
                if not indicator.of:  # one value a year is nothing to draw
                    frames[indicator.id] = part
                rows.extend(_rows(indicator, part, lab.timezone))
    return LabSection(lab, tuple(rows), frames)


def _rows(indicator: Indicator, frame: pd.DataFrame, zone: str) -> list[Row]:
    rows = []
    for area, part in frame.groupby("area", sort=True):
        with_value = part[part["value"].notna()]
        newest = (with_value if len(with_value) else part).iloc[-1]
        moment: Any = newest.name  # a Timestamp: the index is one of times
        when = _when(indicator, moment.value, zone)
        value = float(newest["value"]) if len(with_value) else math.nan
        # A year with too few values is never compared with a limit.
        is_whole = len(with_value) and not (indicator.of and newest["status"] != "valid")
        said = [_compared(value, limit) for limit in indicator.limits] if is_whole else []
        rows.append(
            Row(
                indicator,
                str(area),
                when,
                value,
                float(newest["coverage"]),
                str(newest["status"]),
                len(with_value),
                tuple(said),
            )
        )
    return rows


def _when(indicator: Indicator, time_ns: int, zone: str) -> str:
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    if indicator.period == "hour":
        return f"{pd.Timestamp(time_ns, tz='UTC').tz_convert(zone):%Y-%m-%d %H:%M}"
    if indicator.of:
        # The middle of a summer decides: a legal year may begin an hour before the civil one.
        year = civil_date(time_ns + 180 * DAY_NS, zone).year
        return f"{year}/{year + 1}" if indicator.period == "hydrological_year" else str(year)
    return civil_date(time_ns, zone).isoformat()


def _compared(value: float, limit: Limit) -> Comparison:
    """Compare unrounded and strictly above; values of sensors are indicative beside a limit."""
    is_above = value > limit.value
    details = [
        f"{limit.allowed} a year allowed" if limit.allowed is not None else "",
        f"from {limit.valid_from}" if limit.valid_from else "",
    ]
    more = ", ".join(filter(None, details))
    verdict = "above" if is_above else "within"
    text = f"{verdict} {limit.value:g} {limit.scheme}" + (f" ({more})" if more else "")
    return Comparison(text, is_above)
