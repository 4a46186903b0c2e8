"""Commands that show and hand out data: status, export, report, demo, airflow-pools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from livinglab.cli import console

if TYPE_CHECKING:
    from livinglab.access import LivingLab
    from livinglab.question import Request


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(status)
    app.command()(export)
    app.command()(report)
    app.command()(demo)
    app.command("airflow-pools")(airflow_pools)


def status(
    lab: str = typer.Option("", help="Show one lab only."),
    check: bool = typer.Option(
        False, "--check", help="Exit with 1 when something needs a person, for monitors."
    ),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Show what is silent, wrong or unknown: service, devices, dead letters, quarantine."""
    from livinglab.attention import attention
    from livinglab.project import Project
    from livinglab.status import fleet_status
    from livinglab.status_text import print_status

    found = fleet_status(Project.open(config), lab)
    print_status(console, found)
    if check and attention(found):
        raise typer.Exit(1)


def export(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    quantity: str = typer.Argument(help="Quantity; with --level indicators: indicator id."),
    start: str = typer.Option(..., "--from", help="First civil date or RFC 3339 instant."),
    end: str = typer.Option(..., "--to", help="End (not included): civil date or instant."),
    level: str = typer.Option("clean", help="raw, clean or indicators."),
    flags: str = typer.Option("good", help="good, usable or all (of level clean)."),
    every: str = typer.Option("", help="Means or sums: 10min, 1h, 1d (civil day); not indicators."),
    fmt: str = typer.Option("csv", "--format", help="csv or parquet."),
    out: Path = typer.Option(Path(), help="Folder for the two files."),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Write a series as CSV or Parquet, with units, positions, flags and licence beside it."""
    from livinglab.access import open_lab
    from livinglab.export import export as write

    opened = open_lab(config)
    request = opened.request(lab, quantity, start, end, level=level, flags=flags, every=every)
    done = write(opened, request, out, fmt=fmt)
    console.print(f"{done.rows} rows: {done.data}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"about them: {done.metadata}", markup=False, highlight=False, soft_wrap=True)
    if not done.rows:
        console.print(_why_nothing(opened, request), markup=False, highlight=False, soft_wrap=True)


def _why_nothing(opened: LivingLab, request: Request) -> str:
    if not request.devices(opened.project.registry):
        return f"no device of {request.lab} measures {request.name} in this window"
    return "see what was expected and received under `account` there; `livinglab stale`, `status`"


def report(
    start: str = typer.Option(..., "--from", help="First civil date."),
    end: str = typer.Option(..., "--to", help="End (not included)."),
    out: Path = typer.Option(Path("report.html"), help="File to write."),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Write a page with indicators, charts and experiments that opens without a network."""
    from livinglab.project import Project
    from livinglab.report import write_report
    from livinglab.report.experiments import stored_sections
    from livinglab.timeline import parse_window

    project = Project.open(config)
    window = parse_window(start, end, project.registry.settings.timezone)
    write_report(
        project,
        out,
        *window,
        title="Living lab report",
        experiments=[section for section, _ in stored_sections(project)],
    )
    console.print(f"written: {out.resolve()}", markup=False, highlight=False, soft_wrap=True)


def demo(
    out: Path = typer.Option(Path("var/demo"), help="Folder of the demo, emptied first."),
) -> None:
    """Run real recorded data of four labs through broker, ingest, store and Airflow."""
    from livinglab.demo.run import run_demo

    run_demo(out, console)


def airflow_pools(
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Print pools for `airflow pools import`: one slot per lab, so that a lab has one writer."""
    from livinglab.config import config_dir
    from livinglab.pools import airflow_pools as pools

    typer.echo(json.dumps(pools(config_dir(config)), indent=2))
