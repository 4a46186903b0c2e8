"""Commands about decoding: what a payload says, and what a message would become."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from livinglab.errors import LivingLabError
from livinglab.model import Decoded, Message
from livinglab.timeline import to_text

_File = Annotated[str, typer.Argument(help="File with the payload, or - for standard input.")]
_Topic = Annotated[str, typer.Option(help="Topic the payload was published on.")]
_Format = Annotated[str, typer.Option("--format", help="Decoder; default: by the topic.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command("decode")(decode)


def decode(
    file: _File = "-",
    topic: _Topic = "",
    format_name: _Format = "",
    timezone: Annotated[str, typer.Option(help="Zone of device clocks without offset.")] = "",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Requests in, answers out.")] = False,
) -> None:
    """Print the readings of a payload: no registry, no store.

    With --jsonl, answer one JSON request per line of standard input until it ends.
    """
    from ingest import jsonl as protocol
    from ingest.decoders import Context
    from ingest.decoders.describe import described

    if jsonl:
        for answer in protocol.serve(sys.stdin.buffer):
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
        return
    message = _message(file, topic)
    name = format_name or protocol.format_of(topic)
    decoded = protocol.decode(message, name, Context(timezone=timezone))
    _print_decoded(described(decoded, name or ""))


def _message(file: str, topic: str) -> Message:
    return Message(topic, _payload(file), time.time_ns())


def _payload(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        hint = "give a file, or - for standard input"
        raise LivingLabError(f"cannot read {file}: {error.strerror}", hint=hint) from error


def _print_decoded(decoded: Decoded) -> None:
    from ingest.decoders.plausible import reason_against

    console = Console()
    table = Table("device", "key", "quantity", "value", "unit", "channel", "time", "remark")
    for device, rows in decoded.readings.items():
        for row in rows:
            reason = reason_against(row)
            remark = reason.value if reason else "" if row.quantity else "needs a device model"
            when = to_text(row.time_ns) if row.time_ns is not None else row.local or "receipt"
            cells = (device, row.key, row.quantity, f"{row.value:.10g}", row.unit or "")
            table.add_row(*map(escape, (*cells, row.channel, when, remark)))
    if decoded.readings:
        console.print(table)
    if decoded.note:
        console.print(f"no reading: {decoded.note}", markup=False)
    for key, why in decoded.dropped:
        console.print(f"dropped {key}: {why}", markup=False)
    if decoded.identity:
        console.print(f"identity {decoded.identity}", markup=False)
