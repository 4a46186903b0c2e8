"""The page: sections rendered into one HTML file without any outside address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from livinglab import __version__
from livinglab.project import Project
from livinglab.report.contents import LabSection, lab_section
from livinglab.report.indicator_charts import Chart, Scene, charts_of, sparse_of
from livinglab.report.texts import visible
from livinglab.timeline import civil_date, civil_day, to_text
from livinglab.whole_file import written


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
        return f"{value + 0.0:.0f}"  # never "-0"
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
            period=_period(start_ns, end_ns, project.registry.settings.timezone),
            labs=[_lab(section, start_ns, end_ns) for section in sections],
            experiments=experiments,
            tables=tables,
            registry_version=project.registry.version,
            code_version=__version__,
        )
    )
    with written(path) as part:
        part.write_text(html, encoding="utf-8")
    return sections


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("livinglab.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = format_value
    return environment


def _period(start_ns: int, end_ns: int, zone: str) -> str:
    """The window in words: civil dates with both days included, where it is made of days."""
    first, last = civil_date(start_ns, zone), civil_date(end_ns - 1, zone)
    if (civil_day(first, zone)[0], civil_day(last, zone)[1]) == (start_ns, end_ns):
        days = (last - first).days + 1
        return f"{first:%a %-d %B %Y} to {last:%a %-d %B %Y}: {days} civil days of {zone}"
    return f"{to_text(start_ns)} to {to_text(end_ns)} (end not included)"


def _lab(section: LabSection, start_ns: int, end_ns: int) -> dict[str, Any]:
    """What the template shows of a lab: per theme rows, charts, and what has no values."""
    lab = section.lab
    areas = {area.id: area.label for area in lab.areas.values()}
    scene = Scene(start_ns, end_ns, lab.timezone, areas)
    themes = []
    for theme in dict.fromkeys(row.indicator.theme for row in section.rows):
        rows = [row for row in section.rows if row.indicator.theme == theme]
        indicators = {row.indicator.id: row.indicator for row in rows}
        charts = [
            [_chart(one) for one in family]
            for family in charts_of(indicators.values(), section.frames, scene)
        ]
        sparse = sparse_of(indicators.values(), section.frames)
        themes.append({"name": str(theme), "rows": rows, "charts": charts, "sparse": sparse})
    return {"lab": lab, "areas": areas, "themes": themes}


def _chart(chart: Chart) -> dict[str, Any]:
    # Markup: our own drawing, in which every text has been escaped by the SVG writer
    svg = Markup(chart.svg)  # noqa: S704
    return {"svg": svg, "caption": chart.caption, "is_wide": chart.is_wide}
