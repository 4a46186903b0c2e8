"""An experiment's result in words, numbers and a drawing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from livinglab.report.charts import difference_chart
from livinglab.report.contents import unit_text
from livinglab.timeline import civil_day

if TYPE_CHECKING:
    import pandas as pd

    from livinglab.project import Project
    from livinglab.registry import Experiment, Indicator


def stored_sections(project: Project) -> list[tuple[dict[str, Any], list[tuple[str, str]]]]:
    """Section and facts of every experiment that has a stored result, lab by lab."""
    told = []
    for lab in project.registry.labs.values():
        for experiment in lab.experiments.values():
            tags = {"lab": lab.id, "experiment": experiment.id}
            for point in project.store.points("ops", "experiment", 0, 1, tags):
                result = json.loads(str(point.fields["result"]))
                indicator = project.registry.indicators[experiment.indicator]
                section = experiment_section(project, experiment, result)
                told.append((section, facts(indicator, experiment, result)))
    return told


def experiment_section(
    project: Project, experiment: Experiment, result: Mapping[str, Any]
) -> dict[str, Any]:
    """Put a stored result into words, with the daily difference drawn."""
    indicator = project.registry.indicators[experiment.indicator]
    chart = difference_chart(
        daily_difference(project, experiment), experiment.after[0], indicator.unit, experiment.lab
    )
    return {
        "title": f"{experiment.label} ({experiment.lab})",
        "placebo": experiment.placebo,
        "summary": " ".join([f"{result['headline']}.", *result["reasons"]]),
        "facts": facts(indicator, experiment, result),
        # Markup: our own drawing, in which every text has been escaped by the SVG writer
        "chart": Markup(chart),  # noqa: S704
    }


def facts(
    indicator: Indicator, experiment: Experiment, result: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Name and text of every figure that a reader needs to defend the result."""
    estimate = result["estimate"]
    level = round(100 * (1 - result["alpha"]))
    unit = unit_text(indicator.unit)
    rows = [
        ("Outcome", f"{indicator.label_en} {unit}".strip()),
        ("Treated, control", f"{', '.join(experiment.treated)}; {', '.join(experiment.control)}"),
        ("Before, after", f"{' to '.join(experiment.before)}; {' to '.join(experiment.after)}"),
        ("Effect", f"{_number(estimate['effect'])} {unit}".strip()),
        (
            f"{level} % interval",
            f"{_number(estimate['low'])} to {_number(estimate['high'])} {unit}",
        ),
        ("p value", _number(estimate["p"])),
        ("Minimal detectable effect", f"{_number(result['mde'])} {unit} (power 80 %)"),
        ("Days used, dropped", f"{result['n_used']}, {result['n_dropped']}"),
        ("Estimator", f"{result['estimator']}: {result['formula']}"),
    ]
    rows.extend(
        (
            f"Check: {check['name']}",
            f"{'passed' if check['passed'] else 'FAILED'}. {check['consequence']}",
        )
        for check in result["checks"]
    )
    return rows


def daily_difference(project: Project, experiment: Experiment) -> pd.Series:
    """Daily values of treated minus control areas; NaN on days where one of them has none."""
    from datetime import date  # noqa: PLC0415 - used here alone

    import pandas as pd  # noqa: PLC0415 - reports alone need it

    lab = project.registry.labs[experiment.lab]
    indicator = project.registry.indicators[experiment.indicator]
    first, last = (date.fromisoformat(day) for day in (experiment.before[0], experiment.after[1]))
    window = (civil_day(first, lab.timezone)[0], civil_day(last, lab.timezone)[0])
    tags = {"lab": lab.id, "indicator": indicator.id}
    frame = project.store.frame("indicators", indicator.theme, *window, tags, ["value"])
    days = frame.index.tz_convert(lab.timezone).tz_localize(None).normalize()
    table = frame.assign(day=days).pivot_table(index="day", columns="area", values="value")
    sides = [
        table.reindex(columns=list(areas)).mean(axis=1, skipna=False)
        for areas in (experiment.treated, experiment.control)
    ]
    every_day = pd.date_range(first, last, inclusive="left", freq="D")
    return (sides[0] - sides[1]).reindex(every_day)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
