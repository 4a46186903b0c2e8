"""Which indicators of a lab are drawn, and how: values as steps over the intervals they cover."""

from __future__ import annotations

import importlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from livinglab.registry import Indicator
from livinglab.report.charts import COLOURS, new_figure, svg_text
from livinglab.report.contents import unit_text
from livinglab.timeline import DAY_NS, HOUR_NS, to_datetime

if TYPE_CHECKING:
    import pandas as pd

#: Indicators of a day in one chart: those with limits, not more than so many.
DAILY_TOGETHER: Final = 2
#: Least share of the intervals that must have a value: a few dots are no picture.
_LEAST_SHARE: Final = 0.2
#: A limit is drawn if it is below so many times the largest value: else it flattens the data.
_LIMIT_REACH: Final = 1.5
#: Values whose smallest is below so much of the largest are shown from zero on.
_FROM_ZERO: Final = 0.4
_WIDE, _NARROW, _HEIGHT, _LINE = 6.0, 3.5, 2.3, 0.17  # inches
_LONGEST: Final = {True: 72, False: 42}  # characters that a wide, a narrow chart has room for
_DASHES: Final[tuple[Any, ...]] = ("--", ":", "-.", (0, (8, 2)), (0, (1, 3)))


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and what stands below it; a wide one has room for hours."""

    svg: str
    caption: str
    is_wide: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What all charts of a lab share: window [start, end) in UTC ns, zone, labels of areas."""

    start_ns: int
    end_ns: int
    zone: str
    areas: Mapping[str, str]


def charts_of(
    indicators: Collection[Indicator], frames: Mapping[str, pd.DataFrame], scene: Scene
) -> Iterator[list[Chart]]:
    """Draw what tells most: a row of charts per set of quantities, hours and beside them days.

    Parameters
    ----------
    indicators : collection of Indicator
        Of one theme, in their order.
    frames : mapping of str to DataFrame
        Indicator id -> stored rows of the window.
    """
    drawable = [row for row in indicators if row.id in frames and _is_drawable(frames[row.id])]
    for quantities in dict.fromkeys(row.quantities for row in drawable):
        family = [row for row in drawable if row.quantities == quantities]
        # The plainest: a mean of the hour before a percentile or a running mean of it.
        hourly = (row for row in family if row.period == "hour")
        hours = sorted(hourly, key=lambda row: len(row.parameters))[:1]
        days = _days([row for row in family if row.period != "hour"])
        together = [chosen for chosen in (hours, days) if chosen]
        yield [
            _chart(chosen, frames, scene, is_wide=number == 0)
            for number, chosen in enumerate(together)
        ]


def sparse_of(indicators: Collection[Indicator], frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Indicators that have values, but too few to be drawn: label, number of values, of intervals.

    Those whose quantities have a chart of another indicator are left out.
    """
    known = [row for row in indicators if row.id in frames]
    drawn = {row.quantities for row in known if _is_drawable(frames[row.id])}
    return [
        f"{row.label_en} ({_values(frames[row.id])} of {len(frames[row.id])})"
        for row in known
        if row.quantities not in drawn and _values(frames[row.id])
    ]


def _is_drawable(frame: pd.DataFrame) -> bool:
    return _values(frame) >= max(2, _LEAST_SHARE * len(frame))


def _days(family: Sequence[Indicator]) -> list[Indicator]:
    """Indicators of days that go together: those with limits, else the first."""
    limited = [row for row in family if row.limits]
    chosen = limited or list(family[:1])
    return [row for row in chosen if row.unit == chosen[0].unit][:DAILY_TOGETHER]


def _values(frame: pd.DataFrame) -> int:
    return int(frame["value"].notna().sum())


def _chart(
    indicators: Sequence[Indicator],
    frames: Mapping[str, pd.DataFrame],
    scene: Scene,
    *,
    is_wide: bool,
) -> Chart:
    captions = []
    for row in indicators:
        parts = [part for _, part in frames[row.id].groupby("area") if _values(part)]
        count, of = sum(map(_values, parts)), sum(map(len, parts))
        gaps = "" if count == of else f" {of - count} of {of} intervals have no value."
        captions.append(f"{row.label_en}: {row.definition}{gaps}")
    svg = _drawn(indicators, frames, scene, is_wide=is_wide)
    return Chart(svg, " ".join(captions), is_wide)


def _drawn(
    indicators: Sequence[Indicator],
    frames: Mapping[str, pd.DataFrame],
    scene: Scene,
    *,
    is_wide: bool,
) -> str:
    figure, axes = new_figure(_WIDE if is_wide else _NARROW, _HEIGHT)
    colours = cycle(COLOURS)
    entries = []
    for row in indicators:
        for area, part in frames[row.id].groupby("area", sort=True):
            if _values(part):
                label = _label(row, scene.areas.get(str(area), str(area)), indicators)
                entries.append((_steps(axes, row, part, next(colours)), label))
    values = [frames[row.id]["value"] for row in indicators]
    least, top = min(part.min() for part in values), max(part.max() for part in values)
    if 0 <= least <= _FROM_ZERO * top:
        axes.set_ylim(bottom=0)
    limits = _limits(axes, indicators, top)
    _legend(axes, [*(entries if len(entries) > 1 else ()), *limits], is_wide=is_wide)
    axes.set_ylabel(unit_text(indicators[0].unit) or _per(indicators[0]))
    title = " and ".join(row.label_en for row in indicators)
    where = f", {entries[0][1]}" if is_wide and len(entries) == 1 else ""
    axes.set_title(_cut(f"{title}{where}", is_wide=is_wide), loc="left", fontsize=10)
    _time_axis(axes, scene, is_wide=is_wide)
    return svg_text(figure)


def _per(row: Indicator) -> str:
    """What a number without a unit is: a count per period, or an index."""
    period = "hour" if row.period == "hour" else "day"
    return f"per {period}" if row.area_rule == "sum" else ""


def _label(row: Indicator, area: str, indicators: Sequence[Indicator]) -> str:
    return area if len(indicators) == 1 else f"{row.label_en}, {area}"


def _steps(axes: Any, row: Indicator, part: pd.DataFrame, colour: str) -> Any:
    """Each value over the interval that it covers; nothing where there is none."""
    is_hourly = row.period == "hour"
    edges, values = _outline(part, HOUR_NS if is_hourly else DAY_NS)
    times = [to_datetime(edge) for edge in edges]
    if row.area_rule == "sum":
        axes.stairs(values[:-1], times, baseline=0, fill=True, color=colour, alpha=0.15)
    [line] = axes.plot(
        times, values, drawstyle="steps-post", color=colour, linewidth=1.1 if is_hourly else 2
    )
    return line


def _outline(part: pd.DataFrame, length_ns: int) -> tuple[list[int], list[float]]:
    """Edges of the intervals in UTC ns, and values from each on: NaN where a row has none.

    A day of 25 hours ends where the next begins; where none follows, it is taken for `length_ns`.
    """
    index = part.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
    starts, found = index.tolist(), part["value"].tolist()
    edges: list[int] = []
    values: list[float] = []
    for start, value, after in zip(starts, found, [*starts[1:], math.inf], strict=True):
        edges.append(start)
        values.append(value)
        if after > start + 1.1 * length_ns:
            edges.append(start + length_ns)
            values.append(math.nan)
    return edges, values


def _limits(axes: Any, indicators: Sequence[Indicator], top: float) -> list[tuple[Any, str]]:
    """Lines at the limits in reach of the data, with their names."""
    found: dict[float, list[str]] = {}
    for row in indicators:
        name = f" ({row.label_en})" if len(indicators) > 1 else ""
        for limit in row.limits:
            if 0 < limit.value <= _LIMIT_REACH * top:
                found.setdefault(limit.value, []).append(limit.scheme + name)
    drawn = []
    for (value, names), dash in zip(sorted(found.items()), cycle(_DASHES), strict=False):
        line = axes.axhline(value, color="black", linestyle=dash, linewidth=0.9)
        drawn.append((line, f"{value:g}: {', '.join(dict.fromkeys(names))}"))
    return drawn


def _cut(text: str, *, is_wide: bool) -> str:
    longest = _LONGEST[is_wide]
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _legend(axes: Any, entries: Sequence[tuple[Any, str]], *, is_wide: bool) -> None:
    """Names below the chart, in room of their own; long ones below each other."""
    if not entries:
        return
    lines = [line for line, _ in entries]
    labels = [_cut(label, is_wide=is_wide) for _, label in entries]
    # matplotlib hides a name that begins with an underscore
    shown = [f"\N{HAIR SPACE}{label}" if label.startswith("_") else label for label in labels]
    columns = 3 if is_wide and max(map(len, shown)) <= 24 else 1
    lines_of_text = -(-len(shown) // columns)
    axes.figure.set_figheight(_HEIGHT + _LINE * max(0, lines_of_text - 1))
    axes.figure.legend(
        lines, shown, loc="outside lower left", ncols=columns,
        fontsize=7.5, frameon=False, borderpad=0,
    )  # fmt: skip


def _time_axis(axes: Any, scene: Scene, *, is_wide: bool) -> None:
    """Civil midnights of the lab; named days where there are few, else dates."""
    dates: Any = importlib.import_module("matplotlib.dates")  # it has no types
    zone = ZoneInfo(scene.zone)
    axes.set_xlim(to_datetime(scene.start_ns), to_datetime(scene.end_ns))
    days = (scene.end_ns - scene.start_ns) / DAY_NS
    if 1 < days <= 10:
        axes.xaxis.set_major_locator(dates.DayLocator(tz=zone))
        pattern = "%a\n%-d %b" if is_wide else "%a\n%-d"
        axes.xaxis.set_major_formatter(dates.DateFormatter(pattern, tz=zone))
        return
    locator = dates.AutoDateLocator(tz=zone, maxticks=8 if is_wide else 5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))
