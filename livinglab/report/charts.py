"""Charts as SVG text that can stand inside a page; the same data give the same bytes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from livinglab.report.svg import svg_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_STYLE: Final[Any] = {
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


def new_figure(width: float = 7.6, height: float = 2.4) -> tuple[Figure, Any]:
    """An empty figure and its axes, in the style of the reports; sizes in inches."""
    from matplotlib import rc_context  # noqa: PLC0415 - drawing alone needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def svg_text(figure: Figure) -> str:
    """The figure as an SVG element; the same drawing gives the same text."""
    from matplotlib import rc_context  # noqa: PLC0415

    with rc_context(_STYLE):
        return svg_of(figure, figure.axes[0].get_title(loc="left"))


def difference_chart(difference: pd.Series, after: str, unit: str, zone_label: str) -> str:
    """Draw the daily difference treated minus control, with the means before and after."""
    import pandas as pd  # noqa: PLC0415

    figure, axes = new_figure()
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
    date_axis(axes)
    return svg_text(figure)


def date_axis(axes: Any) -> None:
    """Dates along the horizontal axis, short."""
    dates: Any = importlib.import_module("matplotlib.dates")  # it has no types
    locator = dates.AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
