"""`livinglab status` on a terminal: what needs a person first, the rest after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from livinglab.attention import attention
from livinglab.status import DeviceStatus, FleetStatus, Health
from livinglab.timeline import to_text

_STYLE: Final = {
    Health.OK: "green",
    Health.LATE: "yellow",
    Health.SILENT: "red",
    Health.NEVER: "red",
}
_STRANGE: Final = "\N{REPLACEMENT CHARACTER}"
_ORDER: Final = (Health.NEVER, Health.SILENT, Health.LATE, Health.OK)


def print_status(console: Console, status: FleetStatus) -> None:
    """Print what needs a person, then devices (the troubled first), letters and both ledgers."""
    needs = attention(status)
    console.print(f"as of {to_text(status.now_ns)}", highlight=False)
    for need in needs:
        command = f"  [dim]->[/] [bold]{escape(need.command)}[/]" if need.command else ""
        what = f"[red]![/] {plain(need.what)}{command}"
        console.print(what, highlight=False, soft_wrap=True)
    if not needs:
        console.print("[green]all is well:[/] messages flow, every device is heard")
    console.print(_devices(status))
    if status.troubles:
        console.print(_troubles(status))
    _print_ledgers(console, status)


def plain(text: str) -> str:
    r"""A text from outside, for a terminal: no markup, no control characters.

    Examples
    --------
    >>> print(plain("[red]a\x1b[2Jb"))
    \[red]a�[2Jb
    """
    shown = (one if one.isprintable() or one == "\n" else _STRANGE for one in text)
    return escape("".join(shown))


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


def _devices(status: FleetStatus) -> Table:
    table = Table(title="Devices", title_justify="left")
    for name in ("Lab", "Device", "Model", "Area", "Newest reading", "Age", "State", "Rejected"):
        table.add_column(name, justify="right" if name == "Age" else "left")
    rank = {health: number for number, health in enumerate(_ORDER)}
    for entry in sorted(status.devices, key=lambda entry: (rank[entry.health], entry.device.id)):
        table.add_row(*_row(entry))
    return table


def _row(entry: DeviceStatus) -> tuple[str, ...]:
    newest = "–" if entry.newest_ns is None else to_text(entry.newest_ns)
    state = f"[{_STYLE[entry.health]}]{entry.health}[/]"
    row = entry.device
    rejected = ", ".join(f"{count} {reason}" for reason, count in sorted(entry.rejected.items()))
    known = (plain(text) for text in (row.lab, row.id, row.model, row.area))
    return (*known, newest, format_age(entry.age_s), state, plain(rejected))


def _troubles(status: FleetStatus) -> Table:
    table = Table(title="Messages that did not become points", title_justify="left")
    for name in ("Kind", "Lab", "Device", "Reason", "Messages", "First", "Last"):
        table.add_column(name, justify="right" if name == "Messages" else "left")
    for trouble in status.troubles:
        table.add_row(
            trouble.kind,
            plain(trouble.lab) or "–",
            plain(trouble.device) or "–",
            trouble.reason,
            str(trouble.count),
            to_text(trouble.first_ns)[:19] + "Z",
            to_text(trouble.last_ns)[:19] + "Z",
        )
    return table


def _print_ledgers(console: Console, status: FleetStatus) -> None:
    ledger = status.ledger
    for name, parts, total in (
        ("messages", ledger.messages, ledger.messages_total),
        ("readings", ledger.readings, ledger.readings_produced),
    ):
        exact = "" if sum(parts.values()) == total else " [red]DOES NOT BALANCE[/]"
        console.print(f"{name}: {total} = {_sum(parts)}{exact}", highlight=False, soft_wrap=True)
    more = {
        "withdrawn by reingest": ledger.withdrawn,
        **{f"{kind} expired": count for kind, count in ledger.expired.items()},
    }
    if any(more.values()):
        said = ", ".join(f"{count} {name}" for name, count in more.items() if count)
        console.print(f"of these: {said}", highlight=False, soft_wrap=True)


def _sum(parts: Mapping[str, int]) -> str:
    return " + ".join(f"{count} {end}" for end, count in parts.items() if count) or "0"
