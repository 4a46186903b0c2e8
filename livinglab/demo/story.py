"""What the demo tells at its end: indicators, the experiment, ledgers, what late data did."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from ingest.ledger import Ledger, read_ledger
from livinglab.demo.messages import Script
from livinglab.demo.processes import DemoError
from livinglab.pipeline import CLEAN, LEVELS, Cause, stale
from livinglab.project import Project
from livinglab.report import LabSection, write_report
from livinglab.report.experiments import stored_sections
from livinglab.report.page import format_value
from livinglab.timeline import to_text

#: Level, lab, theme and start of a window.
WindowKey = tuple[str, str, str, int]

#: Roles of the published messages -> the column of the ledger of messages where they must end.
_ENDS: Final = {
    "reading": "stored",
    "late": "stored",
    "repeat": "duplicate",
    "malformed": "dead",
    "unknown": "quarantined",
    "join": "without readings",
}


class Computed(NamedTuple):
    """Which run computed a window, and why."""

    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, for the closing words."""

    script: Script
    report: Path
    runs: Mapping[str, int]  # DAG run -> task instances
    before: Mapping[WindowKey, Computed]  # after the first reconcile
    after: Mapping[WindowKey, Computed]
    stale: frozenset[WindowKey]  # what the late batch made stale
    seconds: float


def loaded_messages(state_dir: Path) -> int:
    """Messages that the loader has dealt with so far."""
    return read_ledger(state_dir).messages_total


def window_runs(project: Project) -> dict[WindowKey, Computed]:
    """Which run computed each window, and why."""
    found = {}
    for point in project.store.points("ops", "window", 0, 2**62):
        if "run" in point.fields:
            level, lab, theme, _ = point.series.tags
            reason = json.loads(str(point.fields["info"]))["reason"]
            made = Computed(str(point.fields["run"]), reason)
            found[level, lab, theme, point.time_ns] = made
    return found


def stale_windows(project: Project) -> frozenset[WindowKey]:
    """Windows that are stale now."""
    return frozenset(
        (row.target.level, row.target.lab, row.target.theme, row.window.start_ns)
        for row in stale(project, detail=False)
    )


def tell_sources(console: Console, script: Script) -> None:
    """Say what was published, before anything is computed."""
    roles = Counter(message.role for message in script.first)
    faults = sum(count for role, count in roles.items() if role != "reading")
    console.print(
        f"[bold]{len(script.first)} messages[/bold] published: {roles['reading']} with readings, "
        f"{faults} injected faults; {len(script.late)} held back to arrive days late."
    )


def tell_results(console: Console, project: Project, told: Told) -> None:
    """Print the closing tables and write the report.

    Raises
    ------
    DemoError
        If a ledger does not balance to the message, or late data rebuilt another window.
    """
    ledger = read_ledger(project.state_dir)
    message_rows = _message_ledger(told.script, ledger)
    reading_rows = _reading_ledger(ledger)
    rebuilt = rebuilt_by(told)
    late_rows = _late(told, rebuilt)
    experiments = stored_sections(project)
    tables = [
        _section("Ledger of messages", _MESSAGES, ("", "published", "counted"), message_rows),
        _section("Ledger of readings", _READINGS, ("", "readings"), reading_rows),
        _section(
            "What late data did",
            _late_text(told, rebuilt),
            ("level", "windows", "rebuilt"),
            late_rows,
        ),
    ]
    sections = write_report(
        project,
        told.report,
        told.script.start_ns,
        told.script.end_ns,
        title="Living lab: a week in four neighbourhoods",
        experiments=[part for part, _ in experiments],
        tables=tables,
    )
    for section in sections:
        _tell_lab(console, section)
    for part, rows in experiments:
        _tell_experiment(console, part, rows)
    for table in tables:
        _tell_table(console, table)
    _tell_runs(console, told)
    _tell_next(console, project, told)


_MESSAGES: Final = "published = stored + duplicate + without readings + quarantined + dead, exact."
_READINGS: Final = (
    "produced = points stored + repeats + corrections of an equal key + rejected, exact."
)


def _section(title: str, text: str, head: tuple[str, ...], body: list[tuple[str, ...]]) -> Any:
    return {"title": title, "text": text, "head": head, "body": body}


def _message_ledger(script: Script, ledger: Ledger) -> list[tuple[str, ...]]:
    expected: Counter[str] = Counter()
    for role, end in _ENDS.items():
        expected[end] += script.count(role)
    rows: list[tuple[str, ...]] = [
        (end, str(expected[end]), str(ledger.messages.get(end, 0))) for end in expected
    ]
    published = len(script.first) + len(script.late)
    rows.append(("published", str(published), str(ledger.messages_total)))
    wrong = [row for row in rows if row[1] != row[2]]
    if wrong:
        raise DemoError(f"the ledger of messages does not balance: {wrong}")
    return rows


def _reading_ledger(ledger: Ledger) -> list[tuple[str, ...]]:
    parts = {**ledger.readings}
    if sum(parts.values()) != ledger.readings_produced:
        raise DemoError(f"the ledger of readings does not balance: {parts}")
    rows = [(name, str(count)) for name, count in parts.items()]
    return [*rows, ("produced", str(ledger.readings_produced))]


def rebuilt_by(told: Told) -> list[WindowKey]:
    """What was computed again after the late batch, in order.

    Raises
    ------
    DemoError
        If a window was that needed not, or was not that needed to.
    """
    rebuilt = sorted(
        key
        for key, made in told.after.items()
        if key not in told.before or told.before[key].run != made.run
    )
    kept = told.stale.difference(rebuilt)
    idle = [
        key
        for key in rebuilt
        if key not in told.stale
        and not (key[0] != CLEAN and told.after[key].reason.startswith(Cause.UPSTREAM))
    ]
    if kept or idle:
        raise DemoError(
            f"late data: {len(kept)} stale windows were not rebuilt and {len(idle)} were rebuilt "
            f"without need: {[*kept, *idle][:3]}"
        )
    return rebuilt


def _late(told: Told, rebuilt: Sequence[WindowKey]) -> list[tuple[str, ...]]:
    known = Counter(key[0] for key in told.after)
    changed = Counter(key[0] for key in rebuilt)
    return [(level, str(known[level]), str(changed[level])) for level in LEVELS]


def _late_text(told: Told, rebuilt: Sequence[WindowKey]) -> str:
    first, last = told.script.late[0], told.script.late[-1]
    were_stale = _which(key for key in rebuilt if key in told.stale)
    follow = _which(key for key in rebuilt if key not in told.stale)
    return (
        f"{len(told.script.late)} messages of {to_text(first.time_ns)} to {to_text(last.time_ns)} "
        f"arrived after everything was computed. They made stale: {were_stale}. The next reconcile "
        f"rebuilt exactly these and what reads them: {follow}."
    )


def _which(windows: Iterable[WindowKey]) -> str:
    """Windows in words, by target: how many, and when the first and the last begin."""
    said = []
    for target, group in groupby(windows, key=lambda key: key[:3]):
        starts = [to_text(key[3])[:16] + "Z" for key in group]
        level, lab, theme = target
        when = starts[0] if len(starts) == 1 else f"{starts[0]} to {starts[-1]}"
        noun = "window" if len(starts) == 1 else "windows"
        said.append(f"{len(starts)} {level} {noun} of {lab} {theme} ({when})")
    return "; ".join(said) or "nothing"


def _tell_lab(console: Console, section: LabSection) -> None:
    table = Table(
        title=f"{section.lab.name} ({section.lab.municipality})",
        caption=section.lab.data_note,
        title_justify="left",
        caption_justify="left",
    )
    for name, justify in (
        ("Indicator", "left"), ("Area", "left"), ("When", "left"), ("Value", "right"),
        ("Unit", "left"), ("Coverage", "right"), ("Against", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # literal from the table
    for row in section.rows:
        table.add_row(
            row.indicator.label_en,
            row.area,
            row.when,
            format_value(row.value),
            row.unit,
            f"{100 * row.coverage:.0f} %",
            row.against or ("" if row.n_values else row.status),
        )
    console.print(table)


def _tell_experiment(
    console: Console, part: Mapping[str, Any], rows: list[tuple[str, str]]
) -> None:
    note = " [bold yellow]PLACEBO: nobody intervened in these data.[/]" if part["placebo"] else ""
    console.print(f"\n[bold]Experiment: {part['title']}[/bold]{note}")
    console.print(part["summary"], markup=False)
    for name, text in rows:
        if not name.startswith("Check"):
            console.print(f"  {name}: {text}", markup=False, highlight=False)


def _tell_table(console: Console, part: Mapping[str, Any]) -> None:
    table = Table(title=part["title"], title_justify="left")
    for number, name in enumerate(part["head"]):
        table.add_column(name, justify="right" if number else "left")
    for line in part["body"]:
        table.add_row(*line)
    console.print(table)
    console.print(part["text"], highlight=False)


def _tell_runs(console: Console, told: Told) -> None:
    total = sum(told.runs.values())
    said = "; ".join(f"{name}: {count}" for name, count in told.runs.items())
    console.print(f"Airflow ran {total} task instances ({said}).", highlight=False)


def _tell_next(console: Console, project: Project, told: Told) -> None:
    settings = {
        "LIVINGLAB_CONFIG": project.config_dir,
        "LIVINGLAB_STATE_DIR": project.state_dir,
        "LIVINGLAB_NOW": project.registry.settings.now,
    }
    console.print(f"\nDone in {told.seconds:.0f} s. Report: [bold]{told.report.resolve()}[/bold]")
    console.print("Look further (the demo's services are stopped, its data stay):")
    exported = " ".join(f"{name}={value}" for name, value in settings.items())
    console.print(f"  export {exported}", soft_wrap=True, highlight=False)
    prefix = Path(sys.executable).parent / "livinglab"
    for command in (
        "status",
        "export lombok no2 --from 2025-08-29 --to 2025-09-05 --format csv",
        "explain lombok no2_daily_mean kanaalstraat 2025-08-31",
    ):
        console.print(f"  {prefix} {command}", soft_wrap=True, highlight=False)
