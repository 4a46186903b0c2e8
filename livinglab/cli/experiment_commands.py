"""Commands about experiments: list, show, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from livinglab.cli import console

if TYPE_CHECKING:
    from livinglab.project import Project
    from livinglab.report.experiment_record import Stored

_CONFIG = typer.Option(None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config.")
_LAB = typer.Argument(help="Lab id, for instance lombok.")
_COLUMNS = ("lab", "experiment", "method", "outcome", "before", "after", "result", "state")
#: Columns of a terminal that a row of the list needs.
_WIDE = 120
_NAME = typer.Argument(help="Id of the experiment: the name of its file.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    experiments = typer.Typer(no_args_is_help=True, help="Experiments: designs and results.")
    experiments.command("list")(list_experiments)
    experiments.command("show")(show)
    experiments.command("report")(report)
    app.add_typer(experiments, name="experiment")


def list_experiments(
    lab: str = typer.Option("", help="One lab only."), config: Path | None = _CONFIG
) -> None:
    """List the experiments of all labs, with what their results may claim."""
    from livinglab.project import Project

    project = Project.open(config)
    _require_lab(project, lab)
    rows = _listed(project, lab)
    if console.width < _WIDE:
        for row in rows:
            _print_row(row)
        return
    table = Table(box=SIMPLE_HEAD)
    for name in _COLUMNS:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _listed(project: Project, lab: str) -> list[tuple[str, ...]]:
    """A row of `_COLUMNS` per experiment of one lab, or of all ("")."""
    from livinglab.report.experiment_record import stored_result

    rows = []
    for each in project.registry.labs.values():
        for design in each.experiments.values() if lab in {"", each.id} else ():
            stored = stored_result(project, design)
            result = "none yet" if stored is None else stored.record["headline"]
            phases = (" to ".join(phase) for phase in (design.before, design.after))
            state = "" if stored is None else stored.state
            rows.append(
                (each.id, design.id, design.method, design.indicator, *phases, result, state)
            )
    return rows


def _print_row(row: tuple[str, ...]) -> None:
    """One experiment on several lines, for terminals in which a table would cut its name."""
    console.print(f"{row[0]} {row[1]}", style="bold", markup=False)
    for name, text in zip(_COLUMNS[2:], row[2:], strict=True):
        console.print(f"  {name}: {text}", markup=False, highlight=False)


def show(
    lab: str = _LAB,
    experiment: str = _NAME,
    as_json: bool = typer.Option(False, "--json", help="The whole record, for programs."),
    config: Path | None = _CONFIG,
) -> None:
    """Show what an experiment found, how sure that is and which checks it passed."""
    from livinglab.project import Project
    from livinglab.report.experiment_record import flag_counts, require_result

    project = Project.open(config)
    stored = require_result(project, lab, experiment)
    if as_json:
        origin = ("registry", "code", "computed", "state", "interim", "designs")
        columns = ("side", "phase", "flag", "readings", "of")
        told = stored.record | {
            "provenance": {name: getattr(stored, name) for name in origin},
            "excluded": [
                dict(zip(columns, row, strict=True))
                for row in flag_counts(project, stored.experiment)
            ],
        }
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True))
        return
    _print(project, stored)


def report(
    lab: str = _LAB,
    experiment: str = _NAME,
    out: Path = typer.Option(Path("reports"), help="Folder for the HTML and the Markdown file."),
    config: Path | None = _CONFIG,
) -> None:
    """Write the report of an experiment: a summary for everyone, charts, figures, methods, data."""
    from livinglab.project import Project
    from livinglab.report.experiment_page import write_experiment

    for path in write_experiment(Project.open(config), lab, experiment, out):
        console.print(f"written: {path.resolve()}", highlight=False, soft_wrap=True)


def _require_lab(project: Project, lab: str) -> None:
    from livinglab.errors import DataError

    if lab and lab not in project.registry.labs:
        hint = f"one of {', '.join(sorted(project.registry.labs))}"
        raise DataError(f"no lab {lab!r}", hint=hint)


def _print(project: Project, stored: Stored) -> None:
    from livinglab.report.experiment_page import facts, outcomes
    from livinglab.report.experiment_words import Words

    design, record = stored.experiment, stored.record
    lab = project.registry.labs[design.lab]
    words = Words(lab, design, project.registry.indicators[design.indicator], record)
    console.print(f"{design.label} ({design.lab})", style="bold", markup=False)
    if design.placebo:
        console.print("PLACEBO: nobody intervened in these data.", style="bold yellow")
    if stored.interim:
        console.print(
            f"INTERIM: nothing is to be concluded before {stored.interim}.", style="yellow"
        )
    if stored.earlier:
        told = "; ".join(stored.earlier)
        console.print(
            f"CHANGED after data were seen; earlier results: {told}", style="yellow", markup=False
        )
    if stored.state != "fresh":
        console.print(f"out of date: {stored.state}", style="yellow", markup=False)
    for text in (words.tried(), words.seen(), words.sure(), words.means()):
        console.print(text, markup=False, highlight=False)
    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, text in facts(words):
        table.add_row(escape(name), escape(text))
    for check in record["checks"]:
        passed = "passed" if check["passed"] else "FAILED"
        table.add_row(f"check {check['name']}", escape(f"{passed}. {check['consequence']}"))
    origin = f"registry {stored.registry}, code {stored.code}, computed {stored.computed}"
    table.add_row("computed by", origin)
    console.print(table, highlight=False)
    if record["others"]:
        _print_outcomes(outcomes(project, stored))


def _print_outcomes(rows: list[tuple[str, ...]]) -> None:
    table = Table(box=SIMPLE_HEAD)
    for name in ("outcome", "role", "effect", "interval", "p", "adjusted", "verdict"):
        table.add_column(name)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table, highlight=False)
