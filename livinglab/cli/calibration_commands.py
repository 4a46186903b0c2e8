"""Command that fits a calibration beside a reference: calibrate."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from livinglab.cli import console

if TYPE_CHECKING:
    from livinglab.calibration_report import CalibrationReport
    from livinglab.project import Project

_CONFIG = typer.Option(None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config.")


def register(app: typer.Typer) -> None:
    """Add the command of this module to the app."""
    app.command()(calibrate)


def calibrate(
    device: str = typer.Argument(help="Device to be calibrated."),
    quantity: str = typer.Argument(help="What it measures, for instance o3."),
    reference: str = typer.Option(..., help="Device id, or CSV file with columns time and value."),
    start: str = typer.Option(..., "--from", help="Begin of the co-location: date or instant."),
    end: str = typer.Option(..., "--to", help="End (not included): date or instant."),
    method: Literal["linear", "multi_linear"] = typer.Option("linear", help="Model to fit."),
    covariates: str = typer.Option("", help="Quantities of the device, with commas between."),
    split: str = typer.Option("", help="Begin of the unseen part; default: two thirds of it."),
    unit: str = typer.Option("", help="Unit of the values in a reference file."),
    with_suspect: bool = typer.Option(False, help="Use readings that tests call suspect too."),
    valid_from: str = typer.Option("", help="From when the row holds; default: --to."),
    valid_to: str = typer.Option("", help="Until when (not included); default: open."),
    report: Path | None = typer.Option(None, help="Write a page with charts to this HTML file."),
    apply: bool = typer.Option(False, "--apply", help="Append the row to calibrations.csv."),
    config: Path | None = _CONFIG,
) -> None:
    """Fit a calibration on the first part of a co-location and judge it on the rest."""
    from livinglab.project import Project

    project = Project.open(config)
    names = _covariates(method, covariates)
    _require_period(project, valid_from or end, valid_to)
    fitted = _fit(
        project,
        (device, quantity, reference),
        (start, end, split),
        names,
        unit=unit,
        with_suspect=with_suspect,
    )
    cells = fitted.cells(valid_from or end, valid_to)
    _print_report(fitted)
    console.print("Row for calibrations.csv:", style="bold")
    typer.echo(_line(cells))
    if report is not None:
        from livinglab.report.calibration_page import write_page

        write_page(fitted, _line(cells), report)
        console.print(f"charts: {report}", highlight=False)
    if apply:
        _apply(project, device, cells)
    else:
        _print_refusal(project, device, cells)
        console.print("Nothing was written; --apply appends the row.", style="dim")


def _covariates(method: str, text: str) -> list[str]:
    from livinglab.errors import LivingLabError

    names = [name.strip() for name in text.split(",") if name.strip()]
    if (method == "multi_linear") != bool(names):
        hint = "--method multi_linear --covariates air_temperature,relative_humidity"
        raise LivingLabError("covariates and method multi_linear go together", hint=hint)
    return names


def _require_period(project: Project, valid_from: str, valid_to: str) -> None:
    """Raise DataError before anything is fitted when the row would hold at no time."""
    from livinglab.timeline import parse_window

    parse_window(valid_from, valid_to or "2200-01-01", project.registry.settings.timezone)


def _fit(
    project: Project,
    what: tuple[str, str, str],
    between: tuple[str, str, str],
    covariates: list[str],
    *,
    unit: str,
    with_suspect: bool,
) -> CalibrationReport:
    from livinglab import calibration_report
    from livinglab.colocation import read_pairs
    from livinglab.timeline import parse_instant, parse_window

    zone = project.registry.settings.timezone
    start, end, split = between
    span = parse_window(start, end, zone)
    pairs = read_pairs(
        project, *what, *span, covariates=covariates, unit=unit, with_suspect=with_suspect
    )
    at = parse_instant(split, zone) if split else None
    return calibration_report.calibrate(pairs, covariates, split_ns=at)


def _print_report(report: CalibrationReport) -> None:
    from livinglab.report.calibration_page import figures

    pairs = report.pairs
    told = f"{pairs.device} {pairs.quantity} beside {pairs.source}: fitted on {report.fit.n} hours"
    console.print(
        f"{told} before {pairs.moment(report.split_ns)}, judged on {report.after.n} unseen ones.",
        highlight=False,
    )
    table = Table("unseen hours", "as measured", "calibrated", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in figures(report):
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    console.print(table)
    for caution in report.cautions:
        console.print(f"caution: {caution}", style="yellow", highlight=False)


def _line(cells: Mapping[str, str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells.values())
    return text.getvalue()


def _print_refusal(project: Project, device: str, cells: Mapping[str, str]) -> None:
    """Say what `livinglab check` would have against the row: a calibration that still holds."""
    from livinglab.config.add_row import check_row
    from livinglab.errors import ConfigError

    if project.config_dir is None:
        return
    try:
        check_row(
            project.config_dir, project.registry.history[device][0].lab, "calibrations", cells
        )
    except ConfigError as error:
        for problem in error.problems:
            told = f"caution: the row would be refused: {problem}"
            console.print(told, style="yellow", highlight=False, markup=False)


def _apply(project: Project, device: str, cells: Mapping[str, str]) -> None:
    from livinglab.config.add_row import add_row
    from livinglab.errors import ConfigError, Problem

    lab = project.registry.history[device][0].lab
    if project.config_dir is None:
        raise ConfigError([Problem("config", "", "", "no configuration folder to write to")])
    registry = add_row(project.config_dir, lab, "calibrations", cells)
    console.print(
        f"added to calibrations.csv of {lab}; registry version {registry.version}; "
        "`livinglab stale` lists the windows it makes stale",
        style="green",
    )
