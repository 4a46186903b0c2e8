"""Commands about decoding: what a payload says, and what a message would become."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from livinglab.cli import console
from livinglab.errors import LivingLabError
from livinglab.model import Decoded, Message
from livinglab.timeline import to_text

if TYPE_CHECKING:
    from ingest.explain import Explanation, Key

_File = Annotated[str, typer.Argument(help="File with the payload, or - for standard input.")]
_Topic = Annotated[str, typer.Option(help="Topic the payload was published on.")]
_Format = Annotated[str, typer.Option("--format", help="Decoder; default: by the topic.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command("decode")(decode)
    app.command("explain-payload")(explain_payload)


def decode(
    file: _File = "-",
    topic: _Topic = "",
    format_name: _Format = "",
    timezone: Annotated[str, typer.Option(help="Zone of device clocks without offset.")] = "",
    codec: Annotated[str, typer.Option(help="Codec of frames that are not decoded.")] = "",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Requests in, answers out.")] = False,
) -> None:
    """Print the readings of a payload: no registry, no store.

    With --jsonl, answer one JSON request per line of standard input until it ends.
    """
    from ingest import jsonl as protocol
    from ingest.decoders import DECODERS, Context, times
    from ingest.decoders.codecs import CODECS
    from ingest.decoders.describe import described

    if jsonl:
        for answer in protocol.serve(sys.stdin.buffer):
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
        return
    message = _message(file, topic)
    times.require_zone(timezone)
    name = format_name or protocol.format_of(topic)
    if name not in DECODERS:
        told = f"no decoder {name!r}" if name else f"the topic {topic!r} names no format"
        hint = f"name one by --format: {', '.join(sorted(DECODERS))}"
        raise LivingLabError(told, hint=hint)
    if codec and codec not in CODECS:
        hint = f"there are: {', '.join(sorted(CODECS))}"
        raise LivingLabError(f"no codec {codec!r}", hint=hint)
    decoded = protocol.decode(message, name, Context(timezone=timezone, codec=codec))
    _print_decoded(described(decoded, name or ""))


def explain_payload(
    topic: Annotated[str, typer.Option(help="Topic the message was published on.")],
    file: _File = "-",
    format_name: Annotated[str, typer.Option("--format", help="Decoder to try.")] = "",
    retained: Annotated[bool, typer.Option(help="The message is a retained one.")] = False,
    config: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
) -> None:
    """Show what a message would become: route, device, clock, every key, and where it ends."""
    from ingest.explain import explain
    from livinglab.config import config_dir, load_registry

    if not topic or set("+#") & set(topic):
        hint = "give the topic of one message, as the publisher used it"
        raise LivingLabError(f"no message can have the topic {topic!r}", hint=hint)
    registry = load_registry(config_dir(config))
    message = _message(file, topic)._replace(retain=retained)
    _print_explanation(explain(registry, message, format_name))


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


def _print_explanation(found: Explanation) -> None:
    claimed = f"{found.route} of {found.lab}" if found.route else "no route"
    _line(f"topic     {found.topic}")
    _line(f"route     {claimed}")
    _line(f"decoder   {found.decoder or '-'}")
    _line(f"identity  {found.identity or 'none in this format'}")
    if found.keys:
        table = Table("device", "key", "payload", "becomes", "channel", "time", "clock", "fate")
        for key in found.keys:
            table.add_row(*map(escape, _cells(key)))
        console.print(table)
    for name, why in found.dropped:
        _line(f"dropped   {name}: {why}")
    for warning in found.warnings:
        _line(f"warning   {warning}")
    _line(f"outcome   {found.outcome}" + (f": {found.why}" if found.why else ""))
    for line in found.advice:
        _line(f"to do     {line}")
    for line in found.register:
        _line(f"register  {line}")


def _cells(key: Key) -> tuple[str, ...]:
    becomes = "" if key.canonical is None else f"{key.quantity} {key.canonical:.10g}"
    moment = to_text(key.time_ns) if key.time_ns is not None else "receipt"
    fate = "stored" if key.reason is None else str(key.reason)
    if key.reason is not None and key.guess:
        fate += f" (looks like {key.guess})"
    payload = f"{key.value:.10g} {key.unit or ''}".strip()
    unit = f" {key.canonical_unit}" if becomes else ""
    return key.device, key.key, payload, becomes + unit, key.channel, moment, key.clock, fate


def _line(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
