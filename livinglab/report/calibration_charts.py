"""Charts of a fitted calibration as SVG text; the same data give the same bytes."""

from __future__ import annotations

from typing import Final

import pandas as pd

from livinglab.calibration_report import RAW, CalibrationReport
from livinglab.report.charts import COLOURS, date_axis, new_figure, svg_text

#: Column, colour and label of both sides; grey and blue stay apart for colour-blind readers.
_SIDES: Final = ((RAW, "#8a939e", "as measured"), ("calibrated", COLOURS[0], "calibrated"))


def scatter_chart(report: CalibrationReport) -> str:
    """Sensor against reference in the unseen hours, as measured and calibrated."""
    frame = _unseen(report)
    figure, axes = new_figure(4.2, 3.6)
    for name, colour, label in _SIDES:
        axes.scatter(frame["reference"], frame[name], s=7, color=colour, label=label, alpha=0.7)
    both = frame[["reference", RAW, "calibrated"]].to_numpy()
    low, high = float(both.min()), float(both.max())
    axes.plot([low, high], [low, high], color="black", linewidth=0.8, linestyle="--")
    axes.set_xlabel(f"{report.pairs.source} [{report.pairs.unit}]")
    axes.set_ylabel(f"{report.pairs.device} [{report.pairs.unit}]")
    axes.set_title("Unseen hours", loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    return svg_text(figure)


def residual_chart(report: CalibrationReport) -> str:
    """Sensor minus reference by local time; the dotted line is where the unseen part begins."""
    frame = report.pairs.frame
    figure, axes = new_figure(7.6, 2.6)
    index = pd.DatetimeIndex(frame.index)
    at = index.tz_convert(report.pairs.zone).tz_localize(None)
    for name, colour, label in _SIDES:
        axes.plot(at, frame[name] - frame["reference"], color=colour, linewidth=0.9, label=label)
    axes.axhline(0, color="black", linewidth=0.8)
    split = pd.Timestamp(report.split_ns, tz="UTC").tz_convert(report.pairs.zone).tz_localize(None)
    axes.axvline(split, color="black", linestyle=":", linewidth=1)
    axes.set_ylabel(report.pairs.unit)
    axes.set_title(f"Sensor minus reference ({report.pairs.zone})", loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=7, frameon=False, ncols=2)
    date_axis(axes)
    return svg_text(figure)


def _unseen(report: CalibrationReport) -> pd.DataFrame:
    frame = report.pairs.frame.dropna()
    return frame.loc[pd.Timestamp(report.split_ns, tz="UTC") :]
