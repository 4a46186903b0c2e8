"""Charts as SVG text that can stand inside a page; the same data give the same bytes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from livinglab.report.svg import svg_of

if TYPE_CHECKING:
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


def date_axis(axes: Any) -> None:
    """Dates along the horizontal axis, short."""
    dates: Any = importlib.import_module("matplotlib.dates")  # it has no types
    locator = dates.AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
