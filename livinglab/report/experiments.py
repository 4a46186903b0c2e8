"""Experiments in the report of a period: each in words, numbers and a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from livinglab.report.contents import unit_text
from livinglab.report.experiment_charts import difference_chart
from livinglab.report.experiment_page import facts
from livinglab.report.experiment_record import Stored, daily_sides, stored_result
from livinglab.report.experiment_words import Words

if TYPE_CHECKING:
    from livinglab.project import Project


def stored_sections(project: Project) -> list[tuple[dict[str, Any], list[tuple[str, str]]]]:
    """Section and facts of every experiment that has a stored result, lab by lab."""
    told = []
    for lab in project.registry.labs.values():
        for experiment in lab.experiments.values():
            stored = stored_result(project, experiment)
            if stored is not None and stored.is_readable:
                section = experiment_section(project, stored)
                told.append((section, section["facts"]))
    return told


def experiment_section(project: Project, stored: Stored) -> dict[str, Any]:
    """Put a stored result into words, with what is compared drawn day by day."""
    experiment, record = stored.experiment, stored.record
    indicator = project.registry.indicators[experiment.indicator]
    words = Words(project.registry.labs[experiment.lab], experiment, indicator, record)
    days = daily_sides(project, experiment, indicator.id)
    chart = difference_chart(days, experiment, unit_text(indicator.unit) or indicator.label_en)
    checks = [
        (
            f"Check: {check['name']}",
            f"{'passed' if check['passed'] else 'FAILED'}. {check['consequence']}",
        )
        for check in record["checks"]
    ]
    return {
        "title": f"{experiment.label} ({experiment.lab})",
        "placebo": experiment.placebo,
        "summary": " ".join([f"{record['headline']}.", *record["reasons"]]),
        "facts": [*facts(words), *checks],
        # Markup: our own drawing, in which every text has been escaped by the SVG writer
        "chart": Markup(chart),  # noqa: S704
    }
