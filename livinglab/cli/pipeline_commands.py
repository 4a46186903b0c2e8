"""Commands that compute: run, stale, reconcile; and that account for it: explain."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.tree import Tree

from livinglab.cli import console
from livinglab.timeline import to_text

if TYPE_CHECKING:
    from livinglab.pipeline import Chunk, Explanation, Summary, Verdict
    from livinglab.pipeline.explanation import WindowPart
    from livinglab.project import Project

_CONFIG = typer.Option(None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config.")
_FROM = typer.Option("", "--from", help="First civil date or RFC 3339 instant; all by default.")
_TO = typer.Option("", "--to", help="End (not included): civil date or instant.")
_THEME = typer.Option([], help="Theme; may be repeated; all by default.")
_FORCE = typer.Option(False, "--force", help="Compute windows that are not stale too.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    run = typer.Typer(no_args_is_help=True, help="Compute one level, as the DAGs do.")
    run.command("clean")(run_clean)
    run.command("indicators")(run_indicators)
    run.command("years")(run_years)
    run.command("experiment")(run_experiment)
    app.add_typer(run, name="run")
    app.command()(stale)
    app.command()(reconcile)
    app.command()(explain)


def run_clean(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    theme: list[str] = _THEME,
    start: str = _FROM,
    end: str = _TO,
    force: bool = _FORCE,
    config: Path | None = _CONFIG,
) -> None:
    """Flag and calibrate the stale windows of a lab: raw -> clean."""
    _run("clean", lab, theme, (start, end), force=force, config=config)


def run_indicators(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    theme: list[str] = _THEME,
    start: str = _FROM,
    end: str = _TO,
    force: bool = _FORCE,
    config: Path | None = _CONFIG,
) -> None:
    """Compute the indicators of the stale civil days of a lab: clean -> indicators."""
    _run("indicators", lab, theme, (start, end), force=force, config=config)


def run_years(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    theme: list[str] = _THEME,
    start: str = _FROM,
    end: str = _TO,
    force: bool = _FORCE,
    config: Path | None = _CONFIG,
) -> None:
    """Compute the indicators of the stale years of a lab, the running one included."""
    _run("years", lab, theme, (start, end), force=force, config=config)


def run_experiment(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    experiment: str = typer.Argument(help="Id of the experiment: the name of its file."),
    force: bool = _FORCE,
    config: Path | None = _CONFIG,
) -> None:
    """Evaluate an experiment if its indicators or its design have changed."""
    _run("experiment", lab, [experiment], ("", ""), force=force, config=config)


def _run(
    level: str,
    lab: str,
    themes: Sequence[str],
    between: tuple[str, str],
    *,
    force: bool,
    config: Path | None,
) -> None:
    from livinglab import pipeline
    from livinglab.project import Project

    project = Project.open(config)
    known = pipeline.themes_of(project, level, lab)
    span = _span(project, *between, lab=lab)
    chosen = list(themes) or known
    with console.status("reading what is stale") as status:

        def show(chunk: Chunk, done: int, of: int) -> None:
            status.update(f"{level} {chunk['lab']} {chunk['label']} ({done + 1} of {of})")

        summaries = [
            pipeline.rebuild(
                project, level, lab, theme, *span, force=force, reason="by hand", progress=show
            )
            for theme in chosen
        ]
    _print_summaries(summaries)


def stale(
    lab: list[str] = typer.Option([], help="Lab; may be repeated; all by default."),
    theme: list[str] = _THEME,
    level: list[str] = typer.Option([], help="clean, indicators, years or experiment."),
    start: str = _FROM,
    end: str = _TO,
    as_json: bool = typer.Option(False, "--json", help="One JSON object per window."),
    config: Path | None = _CONFIG,
) -> None:
    """List the windows that are out of date, and why."""
    from livinglab import pipeline
    from livinglab.project import Project

    project = Project.open(config)
    first, last = _span(project, start, end)
    verdicts = pipeline.stale(
        project,
        levels=level or pipeline.LEVELS,
        labs=lab or None,
        themes=theme or None,
        start_ns=first,
        end_ns=last,
    )
    if as_json:
        for verdict in verdicts:
            typer.echo(json.dumps(_plain(verdict), ensure_ascii=False))
        return
    _print_verdicts(verdicts)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        **asdict(verdict.target),
        "start": to_text(verdict.window.start_ns),
        "end": to_text(verdict.window.end_ns),
        "cause": verdict.cause.name.lower(),
        "reason": verdict.reason,
        "frozen": verdict.frozen,
    }


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        console.print("Nothing is stale.")
        return
    table = Table("level", "lab", "theme", "from", "to", "windows", "why", box=SIMPLE_HEAD)
    for (target, reason, frozen), group in groupby(
        verdicts, key=lambda verdict: (verdict.target, verdict.reason, verdict.frozen)
    ):
        rows = list(group)
        edges = to_text(rows[0].window.start_ns), to_text(rows[-1].window.end_ns)
        why = f"{reason} [frozen: never computed again]" if frozen else reason
        names = (target.level, target.lab, target.theme)
        table.add_row(*names, *edges, str(len(rows)), why.replace("[", "\\["))
    console.print(table)
    console.print(f"{len(verdicts)} stale windows; `livinglab reconcile` computes them.")


def reconcile(
    lab: list[str] = typer.Option([], help="Lab; may be repeated; all by default."),
    theme: list[str] = _THEME,
    start: str = _FROM,
    end: str = _TO,
    dry_run: bool = typer.Option(False, help="Say what would be computed, and compute nothing."),
    config: Path | None = _CONFIG,
) -> None:
    """Compute everything that is stale, upstream first."""
    from livinglab import pipeline
    from livinglab.project import Project

    project = Project.open(config)
    first, last = _span(project, start, end)
    labs, themes = lab or None, theme or None
    if dry_run:
        _print_verdicts(
            pipeline.stale(project, labs=labs, themes=themes, start_ns=first, end_ns=last)
        )
        return
    with console.status("reading what is stale") as status:

        def show(chunk: Chunk, done: int, of: int) -> None:
            where = f"{chunk['level']} {chunk['lab']} {chunk['label']}"
            status.update(f"{where} ({done + 1} of {of})")

        outcome = pipeline.reconcile(
            project, labs=labs, themes=themes, start_ns=first, end_ns=last, progress=show
        )
    _print_summaries(outcome.summaries)
    for name, error in outcome.failures:
        console.print(f"not computed: {name}: {error}", style="red", markup=False)
    if outcome.failures:
        raise typer.Exit(1)


def _print_summaries(summaries: Collection[Summary]) -> None:
    rows = [row for row in summaries if row.windows or row.waiting or row.frozen]
    if not rows:
        console.print("Nothing was stale.")
        return
    names = ("level", "lab", "theme", "windows", "unchanged", "written", "deleted", "left", "why")
    table = Table(*names, box=SIMPLE_HEAD)
    for row in rows:
        numbers = (row.windows, row.same, row.written, row.deleted, row.waiting + row.frozen)
        why = ", ".join(f"{reason}: {count}" for reason, count in sorted(row.reasons.items()))
        table.add_row(row.level, row.lab, row.theme, *map(str, numbers), why)
    console.print(table)
    for row in rows:
        if row.tests:
            from livinglab.cli.quality_commands import print_judged
            from livinglab.pipeline.tally import judged

            print_judged(judged(row.tests))


def explain(
    lab: str = typer.Argument(help="Lab id, for instance lombok."),
    indicator: str = typer.Argument(help="Indicator id, for instance no2_daily_mean."),
    area: str = typer.Argument(help="Area id, for instance kanaalstraat."),
    time: str = typer.Argument(help="Date, local time or RFC 3339 instant in the interval."),
    as_json: bool = typer.Option(False, "--json", help="The same as JSON."),
    config: Path | None = _CONFIG,
) -> None:
    """Tell where a number comes from: windows, readings, flags, calibrations, limits."""
    from livinglab import pipeline
    from livinglab.project import Project

    project = Project.open(config)
    at = pipeline.instant_of(project, lab, indicator, time)
    found = pipeline.explain(project, lab, indicator, area, at)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    console.print(found.sentence, markup=False, highlight=False)
    console.print(_tree(found), highlight=False)


def _tree(found: Explanation) -> Tree:
    tree = Tree(f"{found.indicator.id}: {found.indicator.definition}", guide_style="dim")
    tree.add(f"defined by: {found.indicator.source}".replace("[", "\\["))
    for limit, is_above in found.limits:
        verb = "no value to compare" if is_above is None else "above" if is_above else "not above"
        tree.add(f"limit {limit.scheme}: {limit.value:g} {found.indicator.unit}: {verb}")
    for part in found.series:
        tree.add(_series_tree(part))
    windows = tree.add(f"windows ({len(found.windows)})")
    for (level, told), group in groupby(found.windows, lambda part: (part.level, _made(part))):
        rows = [part.window for part in group]
        edges = rows[0]._replace(end_ns=rows[-1].end_ns)
        several = f" ({len(rows)} windows)" if len(rows) > 1 else ""
        windows.add(f"{level} {edges}{several}: {told}".replace("[", "\\["))
    return tree


def _made(part: WindowPart) -> str:
    """What made a window, in words; a year is made of 365 that are told alike."""
    made = f"run {part.run} at {part.computed}, code {part.code}"
    return f"{made}, registry {part.registry}, because {part.reason}; {part.state}"


def _series_tree(part: Any) -> Tree:
    channel = "" if part.channel == "0" else f" channel {part.channel}"
    tree = Tree(f"{part.device}{channel} ({part.model}; {part.place}): {part.quantity}")
    tree.add(f"{part.raw} readings arrived, {part.used} used")
    for flag, count in part.excluded.items():
        tree.add(f"{count} left out, flag {flag}")
    for test, count in part.tests.items():
        tree.add(f"{count} of them by the test {test}")
    for text in (*part.calibrations, *part.manual):
        tree.add(text.replace("[", "\\["))
    return tree


def _span(project: Project, start: str, end: str, lab: str = "") -> tuple[int, int]:
    """Civil dates are those of the lab; where several are meant, of the installation."""
    from livinglab.pipeline import ALWAYS
    from livinglab.timeline import parse_window

    if not start and not end:
        return ALWAYS
    registry = project.registry
    zone = registry.labs[lab].timezone if lab else registry.settings.timezone
    first, last = parse_window(start or "1900-01-01", end or "2100-01-01", zone)
    return first, last
