"""Command that shows what quality control did: quality."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from livinglab.cli import console

if TYPE_CHECKING:
    from livinglab.pipeline.tally import Judged
    from livinglab.quality_report import NotRun, Outages

_CONFIG = typer.Option(None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config.")
#: Series that a line names before it counts the rest.
_NAMED = 6


def register(app: typer.Typer) -> None:
    """Add the command of this module to the app."""
    app.command()(quality)


def quality(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    start: str = typer.Option("", "--from", help="First civil date or RFC 3339 instant."),
    end: str = typer.Option("", "--to", help="End (not included): civil date or instant."),
    theme: list[str] = typer.Option([], help="Theme; may be repeated; all by default."),
    as_json: bool = typer.Option(False, "--json", help="The same as JSON."),
    config: Path | None = _CONFIG,
) -> None:
    """How many values each test flagged per device, outages, and which tests did not run."""
    from livinglab.pipeline import ALWAYS
    from livinglab.project import Project
    from livinglab.quality_report import quality_report
    from livinglab.timeline import parse_window

    project = Project.open(config)
    zone = project.registry.settings.timezone
    first, last = ALWAYS
    if start or end:
        first, last = parse_window(start or "1900-01-01", end or "2100-01-01", zone)
    found = quality_report(project, lab, first, last, theme)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    if not found.rows:
        console.print("No clean values; `livinglab run clean` or `livinglab reconcile` makes them.")
        return
    print_judged(found.rows)
    _print_outages(found.outages)
    _print_not_run(found.not_run)


def print_judged(rows: Sequence[Judged]) -> None:
    """Print values per device and quantity, by flag, and what each test objected to."""
    names = ("device", "quantity", "values", "good", "not tested", "suspect", "fail")
    table = Table(*names, "by test (suspect + fail)", box=SIMPLE_HEAD)
    for name in names[2:]:
        table.columns[names.index(name)].justify = "right"
    for row in rows:
        numbers = (row.values, *(row.flags.get(flag, 0) for flag in (1, 2, 3, 4)))
        tests = ", ".join(f"{test} {low}+{high}" for test, (low, high) in row.tests.items())
        table.add_row(row.device, row.quantity, *map(str, numbers), tests)
    console.print(table)


def _print_outages(rows: Sequence[Outages]) -> None:
    if not rows:
        return
    table = Table("device", "quantity", "outages", "readings missing", "longest", box=SIMPLE_HEAD)
    for row in rows:
        hours = f"{row.longest_s / 3600:.1f} h"
        table.add_row(row.device, row.quantity, str(row.count), str(row.missing), hours)
    console.print(table)


def _print_not_run(rows: Sequence[NotRun]) -> None:
    if not rows:
        return
    table = Table("did not run", "why", "of", box=SIMPLE_HEAD)
    for row in rows:
        rest = len(row.of) - _NAMED
        of = ", ".join(row.of[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        table.add_row(row.test, row.why, of)
    console.print(table)
