"""The report of one experiment: one HTML or Markdown file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from livinglab.errors import DataError
from livinglab.project import Project
from livinglab.registry import Device
from livinglab.report import experiment_charts as charts
from livinglab.report.experiment_methods import ERRORS, LIMITS, METHODS, WEEKDAYS, references
from livinglab.report.experiment_record import (
    Stored,
    daily_sides,
    flag_counts,
    last_day,
    require_result,
)
from livinglab.report.experiment_words import EXCLUDES, Words, amount, number
from livinglab.report.experiment_words_nl import DutchWords
from livinglab.report.texts import markdown, markdown_row, visible

#: Format -> name ending and template.
FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "html": (".html", "experiment.html.j2"),
    "md": (".md", "experiment.md.j2"),
}


def write_experiment(
    project: Project, lab: str, name: str, directory: Path, *, now_ns: int | None = None
) -> list[Path]:
    """Write the report of an experiment as HTML and Markdown into a folder.

    Parameters
    ----------
    directory : Path
        Made if absent; the files are named after the experiment.
    now_ns : int, optional
        Decides whether the result is interim; by default the project's clock.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        If there is no such experiment or result, or the folder cannot be written.
    """
    contents = experiment_contents(project, lab, name, now_ns=now_ns)
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for fmt, (ending, _) in FORMATS.items():
            path = directory / f"{name}{ending}"
            path.write_text(rendered(contents, fmt), encoding="utf-8")
            written.append(path)
    except OSError as error:
        message = f"cannot write into {directory}: {error.strerror}"
        raise DataError(message, hint="name another folder with --out") from error
    return written


def rendered(contents: Mapping[str, Any], fmt: str) -> str:
    """The report as text; the same contents give the same bytes."""
    is_html = fmt == "html"
    environment = Environment(
        loader=PackageLoader("livinglab.report"),
        autoescape=select_autoescape(["html.j2"]),
        finalize=visible if is_html else markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["row"] = markdown_row
    # Markup: our own drawings, in which every text has been escaped by the SVG writer
    draw: Any = Markup if is_html else _data_uri
    drawn = [
        {"title": title, "drawing": draw(svg), "caption": caption}
        for title, svg, caption in contents["charts"]
    ]
    return environment.get_template(FORMATS[fmt][1]).render({**contents, "charts": drawn})


def experiment_contents(
    project: Project, lab: str, name: str, *, now_ns: int | None = None
) -> dict[str, Any]:
    """Everything a report of an experiment says, as plain data and SVG text."""
    stored = require_result(project, lab, name, now_ns)
    design, record = stored.experiment, stored.record
    place = project.registry.labs[lab]
    outcome = project.registry.indicators[design.indicator]
    words = Words(place, design, outcome, record)
    return {
        "design": design,
        "lab": place,
        "record": record,
        "stored": stored,
        "words": words,
        "dutch": DutchWords(place, design, outcome, record),
        "interim": stored.interim,
        "charts": _charts(project, stored, words),
        "facts": facts(words),
        "parts": [(part, estimate) for part, estimate in sorted(record["parts"].items())],
        "phases": _phases(words),
        "outcomes": outcomes(project, stored) if len(stored.outcomes) > 1 else [],
        "method": METHODS[record["method"]],
        "weekdays": WEEKDAYS[record["weekdays"]],
        "errors": ERRORS,
        "power": words.power(),
        "limits": LIMITS,
        "question": _question(stored),
        "references": references(record["method"]),
        "flags": flag_counts(project, design),
        "instruments": _instruments(project, stored),
        "citation": citation(project, stored),
    }


def facts(words: Words) -> list[tuple[str, str]]:
    """Name and text of every figure that a reader needs to defend the result."""
    record = words.record
    percent = record["percent"]
    rows = [
        ("Verdict", record["headline"]),
        (
            "Outcome",
            f"{words.indicator.label_en} / {words.indicator.label_nl} ({words.indicator.id})",
        ),
        ("Phases", words.phases()),
        ("Effect", words.effect()),
        (f"{words.level} % interval", f"{words.effect('low')} to {words.effect('high')}"),
        ("p value", number(record["estimate"]["p"])),
        ("p value, adjusted", f"{number(record['p_adjusted'])} ({_family(record)})"),
        (
            "Minimal detectable effect",
            f"{words.mde()} (from the before phase alone{_power(record)})",
        ),
        ("The same as the days turned out", words.mde("mde_attained")),
        ("Days used, dropped", f"{record['n_used']}, {record['n_dropped']}"),
        ("Days that they are worth", " + ".join(number(n) for n in record["effective_days"])),
        ("Autocorrelation of one day to the next", number(record["r"])),
        ("Standardised effect (Hedges' g)", number(record["g"])),
        ("Estimator", f"{record['estimator']}, {_lags(record)}"),
        ("Model", record["formula"]),
    ]
    if percent["effect"] is not None and record["scale"] == "unit":
        span = f"{number(percent['low'])} to {number(percent['high'])}"
        rows.insert(5, ("In percent of before", f"{number(percent['effect'])} ({span})"))
    if record.get("energy_percent") is not None:
        rows.insert(6, ("Sound energy", f"{record['energy_percent']:+g} %"))
    if words.is_interim:
        rows = [row for row in rows if not row[0].startswith("p value")]
    if record.get("relevant"):
        at = [name for name, _ in rows].index("The same as the days turned out")
        rows.insert(at + 1, ("Smallest effect that would matter", _relevant(words)))
    if record["adjusted_for"]:
        rows.append(("Adjusted for", ", ".join(record["adjusted_for"])))
    for kind in ("placebo_in_time", "placebo_in_space"):
        placebo = record[kind]
        if placebo is not None:
            among = len(placebo["effects"])
            text = f"rank {placebo['rank']} among {among} placebos and itself"
            chance = "" if words.is_interim else f" (p {number(placebo['p'])})"
            rows.append((f"Placebo {placebo['kind']}", f"{text}{chance}"))
    return rows


def outcomes(project: Project, stored: Stored) -> list[tuple[str, ...]]:
    """A row per outcome: label, role, effect, interval, p, adjusted p, verdict."""
    rows: list[tuple[str, ...]] = []
    for record in stored.outcomes:
        indicator = project.registry.indicators[record["indicator"]]
        lab = project.registry.labs[stored.experiment.lab]
        words = Words(lab, stored.experiment, indicator, record)
        rows.append(
            (
                indicator.label_en,
                record["role"],
                words.effect(),
                f"{words.effect('low')} to {words.effect('high')}",
                number(record["estimate"]["p"]),
                f"{number(record['p_adjusted'])} ({record['adjustment']})",
                record["headline"],
            )
        )
    return rows


def citation(project: Project, stored: Stored) -> str:
    """How to cite the data and the result."""
    design = stored.experiment
    lab = project.registry.labs[design.lab]
    label = project.registry.indicators[design.indicator].label_en
    return (
        f"{lab.attribution}. {label}, {design.before[0]} to {last_day(design.after[1])}, living lab"
        f" {lab.name} ({lab.municipality}). Licence {lab.licence}. Experiment {design.id}, design"
        f" {stored.record['design']}, data {stored.record['data']}, registry {stored.registry},"
        f" livinglab {stored.code}."
    )


def _lags(record: Mapping[str, Any]) -> str:
    chosen = "by the rule" if record.get("lags") is None else "by the design"
    return f"{record['estimate']['lags']} lags {chosen}"


def _power(record: Mapping[str, Any]) -> str:
    power = record.get("mde_power")
    by_test = "" if power is None else f", {100 * power:.0f} % by the test"
    return f"; power 80 % by its formula{by_test}"


def _relevant(words: Words) -> str:
    """The smallest effect that would matter and, once something may be concluded, what of it."""
    if words.relevance is None:
        return words.relevant()
    visible, interval = words.relevance
    could = "could have been seen" if visible else "could not be relied on to be seen"
    return f"{words.relevant()}: {could}; the interval {EXCLUDES[interval]}"


def _family(record: Mapping[str, Any]) -> str:
    if record["adjustment"] != "holm":
        return str(record["adjustment"])
    return (
        f"Holm over {', '.join(record['family'])}" if len(record["family"]) > 1 else "one outcome"
    )


def _phases(words: Words) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in ("before", "after"):
        part, mean = words.record[name], words.record["mean"]
        rows.append(
            (
                name,
                f"{part['first']} to {part['last']}",
                str(part["expected"]),
                str(part["used"]),
                f"{100 * part['coverage']:.0f} %",
                f"{part['treated']} / {'–' if part['control'] is None else part['control']}",
                amount(mean[f"treated_{name}"], words.unit),
                amount(mean[f"control_{name}"], words.unit) if words.design.control else "–",
            )
        )
    return rows


def _charts(project: Project, stored: Stored, words: Words) -> list[tuple[str, str, str]]:
    """Title, drawing and how to read it, of every chart that the record has numbers for."""
    design, record = stored.experiment, stored.record
    unit = words.unit or words.indicator.label_en
    days = daily_sides(project, design, design.indicator)
    scale = "log of a ratio" if record["scale"] == "log ratio" else unit
    drawn = [("Daily values of both sides", charts.sides_chart(days, design, unit))]
    drawn.append(("What is compared, day by day", charts.difference_chart(days, design, unit)))
    if record["estimate"]["low"] is not None:
        drawn.append(("Estimate with interval", charts.estimate_chart(record, scale)))
    if record["event_study"]:
        drawn.append(("Week by week", charts.weeks_chart(record, design, scale)))
    if record["placebo_in_time"] is not None:
        placebo = record["placebo_in_time"]
        drawn.append(("Placebo distribution", charts.placebo_chart(placebo, scale)))
    return [(title, drawing, words.caption(title)) for title, drawing in drawn]


def _instruments(project: Project, stored: Stored) -> list[str]:
    """Sensors and calibrations behind the primary outcome, in words."""
    design = stored.experiment
    indicator = project.registry.indicators[design.indicator]
    areas = (*design.treated, *design.control)
    rows = [row for row in project.registry.devices if row.area in areas and row.lab == design.lab]
    wanted = indicator.quantities[0]
    rows = [row for row in rows if wanted in _measured(project, row)]
    return [
        *(f"{row.id} ({row.model}) in {row.area}" for row in rows),
        *(
            f"calibration of {row['quantity']} of {row['device']}: {row['method']}, valid from"
            f" {row['from']}{'' if row['to'] is None else ' to ' + row['to']}"
            for row in stored.record["calibrations"]
        ),
    ]


def _measured(project: Project, row: Device) -> set[str]:
    model = project.registry.models[row.model]
    return {key.quantity for key in model.keys.values()} | set(model.derives)


def _question(stored: Stored) -> str:
    """The command that explains one day of the treated area."""
    design = stored.experiment
    day = design.after[0]
    return f"livinglab explain {design.lab} {design.indicator} {design.treated[0]} {day}"


def _data_uri(svg: str) -> Markup:
    coded = base64.b64encode(svg.encode()).decode()
    return Markup(f"data:image/svg+xml;base64,{coded}")  # noqa: S704 - letters and digits
