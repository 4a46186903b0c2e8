"""The page: sections rendered into one HTML file without any outside address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from livinglab import __version__
from livinglab.errors import DataError
from livinglab.project import Project
from livinglab.report.charts import indicator_chart
from livinglab.report.contents import LabSection, lab_section
from livinglab.timeline import to_text

#: How many charts a lab gets: indicators that have values, in the order of indicators.yaml.
CHARTS_PER_LAB: Final = 8


def format_value(value: float) -> str:
    """Three significant digits, never rounding a count; a dash where there is no value.

    Examples
    --------
    >>> format_value(12.3456), format_value(1532.0), format_value(float("nan"))
    ('12.3', '1532', '–')
    """
    if math.isnan(value):
        return "–"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def write_report(
    project: Project,
    path: Path,
    start_ns: int,
    end_ns: int,
    *,
    title: str,
    experiments: Sequence[Mapping[str, Any]] = (),
    tables: Sequence[Mapping[str, Any]] = (),
) -> list[LabSection]:
    """Write the report of all labs over [start, end) to `path`.

    Parameters
    ----------
    experiments : sequence of mapping
        As `livinglab.report.experiments.experiment_section` makes them.
    tables : sequence of mapping
        Further tables: title, text, head (names), body (rows of text).

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    sections = [lab_section(project, lab, start_ns, end_ns) for lab in project.registry.labs]
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            start=to_text(start_ns),
            end=to_text(end_ns),
            labs=[_with_charts(section) for section in sections],
            experiments=experiments,
            tables=tables,
            registry_version=project.registry.version,
            code_version=__version__,
        )
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise DataError(message, hint="name another file") from error
    return sections


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("livinglab.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = format_value
    return environment


def _with_charts(section: LabSection) -> dict[str, Any]:
    charts = []
    for name, frame in section.frames.items():
        if len(charts) == CHARTS_PER_LAB:
            break
        if frame["value"].notna().sum() > 1:
            indicator = next(row.indicator for row in section.rows if row.indicator.id == name)
            # Markup: our own drawing, in which every text has been escaped by the SVG writer
            charts.append(Markup(indicator_chart(indicator, frame, section.lab.timezone)))  # noqa: S704
    return {"lab": section.lab, "rows": section.rows, "charts": charts}
