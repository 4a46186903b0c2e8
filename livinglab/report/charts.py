"""Charts as SVG text that can stand inside a page; the same data give the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from livinglab.registry import Indicator

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "livinglab",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}
#: Colours that stay apart for colour-blind readers (Okabe and Ito, 2008).
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def _figure(width: float = 7.6, height: float = 2.4) -> tuple[Figure, Any]:
    from matplotlib import rc_context  # noqa: PLC0415 - drawing alone needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context  # noqa: PLC0415

    text = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]


def indicator_chart(indicator: Indicator, frame: pd.DataFrame, zone: str) -> str:
    """Draw the values of an indicator per area, gaps as gaps, the lowest limit as a dashed line."""
    figure, axes = _figure()
    for colour, (area, part) in zip(COLOURS, frame.groupby("area", sort=True), strict=False):
        local = part.index.tz_convert(zone).tz_localize(None)
        steps = indicator.period != "hour"
        axes.plot(
            local,
            part["value"].to_numpy(),
            color=colour,
            label=str(area),
            linewidth=1.2,
            marker="o" if steps else None,
            markersize=3,
        )
    limits = [limit for limit in indicator.limits if limit.value > 0]
    top = frame["value"].max()
    for limit in limits[:1]:
        if limit.value < 2 * top:
            axes.axhline(limit.value, color="black", linestyle="--", linewidth=0.8)
            axes.annotate(
                limit.scheme,
                (1, limit.value),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                fontsize=7,
            )
    axes.set_ylabel(indicator.unit)
    axes.set_title(indicator.label_en, loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    _date_axis(axes)
    return _svg(figure)


def difference_chart(difference: pd.Series, after: str, unit: str, zone_label: str) -> str:
    """Draw the daily difference treated minus control, with the means before and after."""
    import pandas as pd  # noqa: PLC0415

    figure, axes = _figure()
    start = pd.Timestamp(after)
    axes.plot(difference.index, difference.to_numpy(), color=COLOURS[0], linewidth=1, marker=".")
    for colour, part in (
        (COLOURS[2], difference[difference.index < start]),
        (COLOURS[1], difference[difference.index >= start]),
    ):
        if len(part.dropna()):
            axes.hlines(
                part.mean(), part.index[0], part.index[-1], color=colour, linewidth=2, alpha=0.8
            )
    axes.axvline(start, color="black", linestyle=":", linewidth=1)
    axes.set_ylabel(unit)
    axes.set_title(f"Treated minus control per day ({zone_label})", loc="left", fontsize=10)
    _date_axis(axes)
    return _svg(figure)


def _date_axis(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    locator = AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
