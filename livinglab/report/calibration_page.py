"""A page about one fitted calibration: figures, residuals, and the row that is proposed."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from livinglab.calibration_report import CalibrationReport
from livinglab.report.calibration_charts import residual_chart, scatter_chart
from livinglab.report.texts import visible


def figures(report: CalibrationReport) -> list[tuple[str, str, str]]:
    """Name, as measured and calibrated, of every figure of the unseen part."""
    unit = report.pairs.unit
    before, after = report.before, report.after
    rows = [
        ("hours", f"{before.n}", f"{after.n}"),
        ("slope (sensor on reference)", f"{before.slope:.3f}", f"{after.slope:.3f}"),
        (f"offset [{unit}]", f"{before.intercept:.3g}", f"{after.intercept:.3g}"),
        ("R2", f"{before.r2:.3f}", f"{after.r2:.3f}"),
        (f"RMSE [{unit}]", f"{before.rmse:.3g}", f"{after.rmse:.3g}"),
        (f"MAE [{unit}]", f"{before.mae:.3g}", f"{after.mae:.3g}"),
        (f"mean bias [{unit}]", f"{before.mean_bias:.3g}", f"{after.mean_bias:.3g}"),
    ]
    if report.has_uncertainty:
        told = f"expanded uncertainty at {after.level:g} {unit}"
        parts = (f"{100 * each.expanded_uncertainty:.0f} %" for each in (before, after))
        rows.append((told, *parts))  # type: ignore[arg-type]  # two parts
    return rows


def write_page(report: CalibrationReport, row: str, path: Path) -> None:
    """Write the page to `path`; it has no outside address and opens from a file."""
    environment = Environment(
        loader=PackageLoader("livinglab.report"),
        autoescape=select_autoescape(["html.j2"], default_for_string=True, default=True),
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("calibration.html.j2").render(
        report=report,
        figures=figures(report),
        scatter=Markup(scatter_chart(report)),  # noqa: S704 - drawn here from numbers
        residuals=Markup(residual_chart(report)),  # noqa: S704
        row=row,
        start=report.pairs.moment(report.pairs.start_ns),
        split=report.pairs.moment(report.split_ns),
        end=report.pairs.moment(report.pairs.end_ns),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
