"""Charts of an experiment, as SVG text: the same result gives the same bytes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from livinglab.report.charts import COLOURS, date_axis, new_figure, svg_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from livinglab.registry import Experiment

TREATED, CONTROL, REAL, GREY = COLOURS[1], COLOURS[0], "#1b1f24", "#8a939d"
#: Below this many days automatic marks would be hours.
SHORT_DAYS: Final = 45
_BAND: Final = {"before": "#eef3f7", "after": "#fbf1e6"}


def sides_chart(days: pd.DataFrame, experiment: Experiment, unit: str) -> str:
    """Draw the daily values of both sides, phases shaded, a gap where a day has no value."""
    figure, axes = new_figure(height=2.7)
    _shade(axes, experiment)
    axes.plot(days.index, days["treated"], color=TREATED, linewidth=1.3, label="treated")
    if days["control"].notna().any():
        axes.plot(
            days.index,
            days["control"],
            color=CONTROL,
            linewidth=1.3,
            linestyle=(0, (4, 1.5)),
            label="control",
        )
    _finish(axes, unit, "Every day, both sides")
    return svg_text(figure)


def difference_chart(days: pd.DataFrame, experiment: Experiment, unit: str) -> str:
    """Draw what is compared (the difference, or the treated side alone) with the phase means."""
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    has_control = bool(experiment.control)
    values = days["difference"] if has_control else days["treated"]
    figure, axes = new_figure()
    _shade(axes, experiment)
    axes.plot(values.index, values, color=GREY, linewidth=0.8, marker=".", markersize=4)
    for phase, colour in ((experiment.before, CONTROL), (experiment.after, TREATED)):
        first, end = (pd.Timestamp(day) for day in phase)
        part = values[(values.index >= first) & (values.index < end)]
        if part.notna().any():
            axes.hlines(part.mean(), first, end, color=colour, linewidth=2.2)
    title = "Treated minus control" if has_control else "Treated area"
    _finish(axes, unit, f"{title}, with the mean of each phase", legend=False)
    return svg_text(figure)


def estimate_chart(record: Mapping[str, Any], unit: str) -> str:
    """Draw the estimate and the second opinions with their intervals against 0 and the MDE."""
    rows = [record["estimate"], *record["sensitivity"]]
    rows = [row for row in rows if row["low"] is not None and row["high"] is not None]
    figure, axes = new_figure(height=0.8 + 0.28 * max(len(rows), 2))
    unseen = [value for value in (record["mde"], record["mde_attained"]) if value is not None]
    if unseen:
        axes.axvspan(-max(unseen), max(unseen), color="#eef0f2", zorder=0)
        axes.axvline(0, color=REAL, linewidth=0.8, linestyle=":")
    for place, row in enumerate(rows):
        colour = TREATED if place == 0 else GREY
        axes.plot([row["low"], row["high"]], [-place, -place], color=colour, linewidth=2)
        axes.plot([row["effect"]], [-place], color=colour, marker="o", markersize=5)
    names = ["this result", *(row["method"] for row in rows[1:])]
    axes.set_yticks([-place for place in range(len(rows))], names[: len(rows)])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlabel(f"effect, {unit}")
    axes.set_title(
        "Estimate and interval; grey band: too small to be seen", loc="left", fontsize=10
    )
    return svg_text(figure)


def placebo_chart(placebo: Mapping[str, Any], unit: str) -> str:
    """Draw the effects at false dates and the real one among them."""
    figure, axes = new_figure(height=1.7)
    axes.hist(placebo["effects"], bins=min(20, max(5, len(placebo["effects"]) // 2)), color=GREY)
    axes.axvline(placebo["effect"], color=TREATED, linewidth=2)
    axes.axvline(-placebo["effect"], color=TREATED, linewidth=1, linestyle=":")
    axes.set_xlabel(f"effect, {unit}")
    axes.set_ylabel("false dates")
    title = (
        "Effects at dates when nothing happened (grey) and the real one (line; dotted: mirrored)"
    )
    axes.set_title(title, loc="left", fontsize=10)
    return svg_text(figure)


def weeks_chart(record: Mapping[str, Any], experiment: Experiment, unit: str) -> str:
    """Draw each week against the mean of the before phase, with its interval."""
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    figure, axes = new_figure(height=2.2)
    _shade(axes, experiment)
    axes.axhline(0, color=REAL, linewidth=0.8, linestyle=":")
    for week in record["event_study"]:
        at = pd.Timestamp(week["first"]) + pd.Timedelta(days=3)
        colour = TREATED if week["after"] else CONTROL
        axes.plot([at, at], [week["low"], week["high"]], color=colour, linewidth=1.6)
        shape = "s" if week["after"] else "o"
        axes.plot([at], [week["effect"]], color=colour, marker=shape, markersize=4)
    _finish(axes, unit, "Week by week against the before phase", legend=False)
    return svg_text(figure)


def _shade(axes: Any, experiment: Experiment) -> None:
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    for name, phase in (("before", experiment.before), ("after", experiment.after)):
        first, end = (pd.Timestamp(day) for day in phase)
        axes.axvspan(first, end, color=_BAND[name], zorder=0)
        axes.annotate(
            name, (first, 1), xycoords=("data", "axes fraction"), xytext=(4, -4),
            textcoords="offset points", va="top", fontsize=8, color=GREY,
        )  # fmt: skip


def _finish(axes: Any, unit: str, title: str, *, legend: bool = True) -> None:
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left", fontsize=10)
    if legend:
        axes.legend(loc="lower left", fontsize=8, frameon=False, ncols=2)
    _day_axis(axes)


def _day_axis(axes: Any) -> None:
    """Dates along the horizontal axis; never hours, as a value is about a day."""
    first, last = axes.get_xlim()
    date_axis(axes)
    if last - first < SHORT_DAYS:
        dates: Any = importlib.import_module("matplotlib.dates")  # it has no types
        axes.xaxis.set_major_locator(dates.DayLocator(interval=1 + int(last - first) // 8))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%d %b"))
