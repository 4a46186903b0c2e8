"""`livinglab status` on a terminal: what needs a person first, the rest after it."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from livinglab.status import DeviceStatus, FleetStatus, Health
from livinglab.timeline import to_text

_STYLE: Final = {
    Health.OK: "green",
    Health.LATE: "yellow",
    Health.SILENT: "red",
    Health.NEVER: "red",
}
_ORDER: Final = (Health.NEVER, Health.SILENT, Health.LATE, Health.OK)


def print_status(console: Console, status: FleetStatus) -> None:
    """Print service, store, devices (the troubled first), letters and both ledgers."""
    colour = "green" if status.is_ready else "red"
    console.print(f"ingest: [{colour}]{status.service}[/]   as of {to_text(status.now_ns)}")
    if status.store:
        console.print(f"store: [red]{status.store}[/]", highlight=False)
    console.print(_devices(status))
    if status.troubles:
        console.print(_troubles(status))
        console.print("look closer: livinglab dead list, livinglab quarantine list", style="dim")
    for name, parts, total in (
        ("messages", status.ledger.messages, status.ledger.messages_total),
        ("readings", status.ledger.readings, status.ledger.readings_produced),
    ):
        said = " + ".join(f"{count} {end}" for end, count in parts.items() if count) or "0"
        console.print(f"{name}: {total} = {said}", highlight=False)


def _devices(status: FleetStatus) -> Table:
    table = Table(title="Devices", title_justify="left")
    for name in ("Lab", "Device", "Model", "Area", "Newest reading", "Age", "State", "Rejected"):
        table.add_column(name, justify="right" if name in {"Age", "Rejected"} else "left")
    rank = {health: number for number, health in enumerate(_ORDER)}
    for entry in sorted(status.devices, key=lambda entry: (rank[entry.health], entry.device.id)):
        table.add_row(*_row(entry))
    return table


def _row(entry: DeviceStatus) -> tuple[str, ...]:
    newest = "–" if entry.newest_ns is None else to_text(entry.newest_ns)
    state = f"[{_STYLE[entry.health]}]{entry.health}[/]"
    row = entry.device
    rejected = str(entry.rejected or "")
    return (row.lab, row.id, row.model, row.area, newest, format_age(entry.age_s), state, rejected)


def _troubles(status: FleetStatus) -> Table:
    table = Table(title="Messages that did not become points", title_justify="left")
    for name in ("Kind", "Lab", "Device", "Reason", "Messages", "Last"):
        table.add_column(name, justify="right" if name == "Messages" else "left")
    for trouble in status.troubles:
        table.add_row(
            trouble.kind,
            trouble.lab or "–",
            trouble.device or "–",
            trouble.reason,
            str(trouble.count),
            to_text(trouble.last_ns),
        )
    return table


def format_age(age_s: float | None) -> str:
    """Age in the largest unit that is not below one.

    Examples
    --------
    >>> format_age(30.0), format_age(5400.0), format_age(None)
    ('30 s', '1.5 h', '–')
    """
    if age_s is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if age_s >= length:
            return f"{age_s / length:.1f} {unit}".replace(".0 ", " ")
    return f"{age_s:.0f} s"
