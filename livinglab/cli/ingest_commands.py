"""Commands about ingest: the service itself, its journal, and the way of one message."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from livinglab.cli import console

if TYPE_CHECKING:
    from ingest.trace import Traced


class LogLevel(StrEnum):
    """From all to the worst."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_NS_LIMIT = 1 << 63  # ns since 1970 that stores can hold
_SHOWN = 96  # characters of a payload in a table


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(ingest)
    app.command()(trace)
    journal = typer.Typer(help="Look into the journal of what arrived.", no_args_is_help=True)
    journal.command("show")(journal_show)
    app.add_typer(journal, name="journal")


def ingest(
    config: Path | None = typer.Option(None, help="Configuration folder."),
    log_level: LogLevel = typer.Option(LogLevel.INFO, help="What goes into the log."),
) -> None:
    """Run the ingest service until SIGTERM: MQTT -> journal -> store."""
    from ingest.service import run_service

    run_service(config, log_level=str(log_level))


def journal_show(
    seq: int | None = typer.Option(None, help="Show the messages of this batch."),
    index: int | None = typer.Option(None, help="With --seq: print this message's payload as is."),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Show what the journal holds, per day, or the messages of one batch."""
    from ingest.journal_files import journal_path
    from ingest.journal_reader import JournalReader
    from livinglab.config import config_dir, load_settings

    settings = load_settings(config_dir(config))
    if seq is None:
        _print_days(JournalReader(journal_path(settings.state_dir)), settings.journal_quota_mb)
        return
    from ingest.trace import trace_batch

    traced = trace_batch(settings.state_dir, seq, index)
    if index is None:
        _print_traced(traced)
        return
    sys.stdout.buffer.write(next(traced).message.payload)


def trace(
    topic: str = typer.Option("", help="Topic or topic filter."),
    at: str = typer.Option("", help="Receipt time: RFC 3339, or local time of the installation."),
    within: int = typer.Option(60, min=1, help="Seconds before and after --at."),
    seq: int | None = typer.Option(None, help="Batch, as `livinglab journal show` names it."),
    index: int | None = typer.Option(None, help="With --seq: position in the batch."),
    limit: int = typer.Option(50, min=1, help="Show at most so many messages."),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Show where messages ended: stored, duplicate, dead, in quarantine, or still waiting."""
    from ingest.trace import trace_batch, trace_topic
    from livinglab.config import config_dir, load_settings
    from livinglab.timeline import SECOND_NS

    settings = load_settings(config_dir(config))
    if seq is not None:
        found = trace_batch(settings.state_dir, seq, index)
    elif topic and at:
        moment = instant_of(at, settings.timezone, "--at")
        reach = within * SECOND_NS
        found = trace_topic(settings.state_dir, topic, moment - reach, moment + reach)
    else:
        raise typer.BadParameter("give --topic and --at, or --seq")
    shown = _print_traced(itertools.islice(found, limit))
    if not shown:
        console.print("no message there; `livinglab journal show` lists what the journal holds")


def instant_of(text: str, zone: str, option: str) -> int:
    """UTC ns of a time on the command line; local times are those of `zone`."""
    from livinglab.timeline import parse_instant

    try:
        time_ns = parse_instant(text, zone)
    except (ValueError, OverflowError):
        time_ns = _NS_LIMIT
    if not -_NS_LIMIT <= time_ns < _NS_LIMIT:
        told = f"{text!r} is no time; write 2025-08-29 or 2025-08-29T12:00:00Z"
        raise typer.BadParameter(told, param_hint=option)
    return time_ns


def _print_days(journal: object, quota_mb: int) -> None:
    from ingest.journal_reader import JournalReader
    from livinglab.timeline import to_text

    assert isinstance(journal, JournalReader)  # noqa: S101
    table = Table("day", "batches", "messages", "MB", "MB on disk", "first", "last")
    used = 0
    name = journal.id
    for day in journal.days():
        used += day.disk_bytes
        times = [to_text(day.first_ns)[:23], to_text(day.last_ns)[:23]] if day.batches else ["", ""]
        table.add_row(
            day.path.stem,
            f"{day.first_seq}..{day.last_seq}" if day.batches else "none",
            str(day.messages),
            f"{day.plain_bytes / 1e6:.1f}",
            f"{day.disk_bytes / 1e6:.1f}",
            *times,
        )
    console.print(f"journal {name} in {journal.directory}", highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"{used / 1e6:.1f} of {quota_mb} MB used", highlight=False)
    for one in journal.damage.values():
        console.print(f"[red]damaged[/red] {one.path.name} batch {one.seq}: {escape(one.why)}")


def _print_traced(found: Iterable[Traced]) -> int:
    from livinglab.timeline import to_text

    table = Table("batch", "no.", "received", "topic", "payload", "ended")
    for one in found:
        message = one.message
        why = "".join(f"\n{letter.reason}: {letter.detail}" for letter in one.letters)
        table.add_row(
            str(one.seq),
            str(one.index),
            to_text(message.received_ns),
            escape(message.topic),
            escape(_excerpt(message.payload)),
            escape(one.end + why),
        )
    if table.row_count:
        console.print(table)
    return table.row_count


def _excerpt(payload: bytes) -> str:
    text = payload[: 4 * _SHOWN].decode("utf-8", "replace")
    text = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(payload)} bytes)"
