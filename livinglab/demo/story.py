"""What the demo tells at its end: indicators, the experiment, ledgers, what late data did."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ingest.ledger import Ledger, read_ledger
from livinglab.demo.messages import Script
from livinglab.demo.processes import DemoError
from livinglab.pipeline import stale
from livinglab.project import Project
from livinglab.report import LabSection, write_report
from livinglab.report.experiments import stored_sections
from livinglab.report.page import format_value
from livinglab.timeline import to_text

WindowKey = tuple[str, str, str, str, int]

#: Roles of the published messages -> the column of the ledger of messages where they must end.
_ENDS: Final = {
    "reading": "stored",
    "late": "stored",
    "repeat": "duplicate",
    "malformed": "dead",
    "unknown": "quarantined",
    "join": "without readings",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, for the closing words."""

    script: Script
    report: Path
    runs: Mapping[str, int]  # DAG run -> task instances
    before: Mapping[WindowKey, str]  # window -> run, after the first reconcile
    after: Mapping[WindowKey, str]
    stale: Mapping[str, int]  # level -> windows that the late batch made stale
    seconds: float


def loaded_messages(state_dir: Path) -> int:
    """Messages that the loader has dealt with so far."""
    return read_ledger(state_dir).messages_total


def window_runs(project: Project) -> dict[WindowKey, str]:
    """Which run computed each window."""
    span = (0, 2**62)
    return {
        (*point.series.tags, point.time_ns): str(point.fields["run"])  # type: ignore[misc]
        for point in project.store.points("ops", "window", *span)
        if "run" in point.fields
    }


def stale_windows(project: Project) -> dict[str, int]:
    """How many windows are stale now, per level."""
    return dict(Counter(verdict.target.level for verdict in stale(project, detail=False)))


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
        If a ledger does not balance to the message.
    """
    ledger = read_ledger(project.state_dir)
    message_rows = _message_ledger(told.script, ledger)
    reading_rows = _reading_ledger(ledger)
    late_rows = _late(told)
    experiments = stored_sections(project)
    tables = [
        _section("Ledger of messages", _MESSAGES, ("", "published", "counted"), message_rows),
        _section("Ledger of readings", _READINGS, ("", "readings"), reading_rows),
        _section(
            "What late data did", _late_text(told), ("level", "windows", "rebuilt"), late_rows
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


def _late(told: Told) -> list[tuple[str, ...]]:
    changed = Counter(key[0] for key, run in told.after.items() if told.before.get(key) != run)
    known = Counter(key[0] for key in told.after)
    return [
        (level, str(known[level]), str(changed[level]))
        for level in ("clean", "indicators", "years", "experiment")
    ]


def _late_text(told: Told) -> str:
    said = ", ".join(f"{count} {level}" for level, count in told.stale.items()) or "none"
    first, last = told.script.late[0], told.script.late[-1]
    return (
        f"{len(told.script.late)} messages of {to_text(first.time_ns)} to {to_text(last.time_ns)} "
        f"arrived after everything was computed and made these windows stale: {said} (what reads "
        "them follows once they are rebuilt). The next reconcile rebuilt them and nothing else."
    )


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
