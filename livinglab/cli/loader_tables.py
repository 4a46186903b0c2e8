"""How ledgers, dead letters and the quarantine are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Table

from livinglab.cli import console
from livinglab.errors import LivingLabError

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.letters import Letter, Waiting

_SHOWN: Final = 96  # characters of a payload in a table


def print_ledger(book: Ledger) -> None:
    """Both ledgers and whether they balance."""
    table = Table("messages", "", title="Ledger of messages", title_justify="left")
    for end, count in book.messages.items():
        table.add_row(end, str(count))
    table.add_section()
    table.add_row("published", str(book.messages_total))
    console.print(table)
    table = Table("readings", "", title="Ledger of readings", title_justify="left")
    for end, count in book.readings.items():
        table.add_row(end, str(count))
    table.add_section()
    table.add_row("produced", str(book.readings_produced))
    console.print(table)
    notes = {
        "values withdrawn by reingest": book.withdrawn,
        "messages in damaged batches of the journal": book.unreadable,
        **{f"{kind} messages no longer held": count for kind, count in book.expired.items()},
    }
    for text, count in notes.items():
        if count:
            console.print(f"{count} {text}")
    told = "[green]both sums are exact[/green]" if book.is_balanced else "[red]NOT BALANCED[/red]"
    console.print(told)


def print_device(device: str, counts: Mapping[tuple[str, str, str, str], int]) -> None:
    """What was counted for one device."""
    rows = [
        (name.partition(":")[2] or name, reason, key, count)
        for (name, of, reason, key), count in sorted(counts.items())
        if of == device and count
    ]
    if not rows:
        raise LivingLabError(
            f"nothing was counted for device {device!r}", hint="see `livinglab device list`"
        )
    table = Table("ended", "reason", "key", "count", title=device, title_justify="left")
    for end, reason, key, count in rows:
        table.add_row(end, escape(reason), escape(key), str(count))
    console.print(table)


def print_tally(rows: Iterable[tuple[str, str, str, int, int, int]]) -> None:
    """Letters per lab, device and reason."""
    from livinglab.timeline import to_text

    table = Table("lab", "device", "reason", "letters", "first", "last")
    for lab, device, reason, count, first_ns, last_ns in rows:
        times = (to_text(first_ns)[:19], to_text(last_ns)[:19])
        table.add_row(lab or "-", escape(device) or "-", reason, str(count), *times)
    if table.row_count:
        console.print(table)
        console.print("`--reason` or `--device` lists letters; `livinglab dead show NUMBER` one")
    else:
        console.print("no dead letters")


def print_letters(letters: Iterable[Letter]) -> None:
    """Letters, one per row."""
    from livinglab.timeline import to_text

    table = Table("number", "received", "reason", "topic", "payload", "why")
    for letter in letters:
        message = letter.message
        table.add_row(
            str(letter.id),
            to_text(message.received_ns)[:19],
            str(letter.reason),
            escape(message.topic),
            escape(_excerpt(message.payload)),
            escape(letter.detail),
        )
    if table.row_count:
        console.print(table)
    else:
        console.print("no such letters")


def print_letter(letter: Letter) -> None:
    """One letter whole."""
    from livinglab.timeline import to_text

    message = letter.message
    scope = "the whole message" if letter.positions is None else f"readings {letter.positions}"
    rows = {
        "reason": f"{letter.reason}: {letter.detail}",
        "about": f"{scope}; other readings of it were stored" if not letter.counted else scope,
        "device": letter.device or "-",
        "lab": letter.lab or "-",
        "decoder": letter.decoder or "-",
        "topic": message.topic,
        "received": to_text(message.received_ns),
        "journal": f"batch {letter.seq}, message {letter.index}",
        "flags": f"QoS {message.qos}, DUP {message.dup}, retained {message.retain}",
        "payload": message.payload.decode("utf-8", "replace"),
    }
    table = Table(show_header=False)
    for name, text in rows.items():
        table.add_row(name, escape(text))
    console.print(table)


def print_waiting(found: Iterable[Waiting]) -> None:
    """Devices that wait to be registered."""
    from livinglab.timeline import to_text

    table = Table("lab", "device", "why", "messages", "first", "last", "decoder", "keys")
    for one in found:
        keys = dict.fromkeys(reading.key for reading in one.sample)
        table.add_row(
            one.lab,
            escape(one.device),
            str(one.reason),
            str(one.letters),
            to_text(one.first_ns)[:19],
            to_text(one.last_ns)[:19],
            one.decoder,
            escape(", ".join(keys)),
        )
    if table.row_count:
        console.print(table)
        console.print("`livinglab quarantine show DEVICE` has all that registering needs")
    else:
        console.print("nothing is in quarantine")


def print_device_in_quarantine(directory: Path, waiting: Waiting) -> None:
    """One device that waits, and how to register it."""
    from ingest.orders import fitting_models
    from livinglab.config import load_registry

    registry = load_registry(directory)
    console.print(escape(waiting.sentence()), highlight=False)
    console.print(escape(f"topics: {', '.join(waiting.topics)}"), highlight=False)
    table = Table("key", "quantity of the format", "value", "unit", "channel")
    for reading in waiting.sample:
        cells = (reading.key, reading.quantity, f"{reading.value:g}", reading.unit or "")
        table.add_row(*map(escape, cells), escape(reading.channel))
    console.print(table)
    fits = fitting_models(registry, waiting)
    best = fits[0][0] if fits and fits[0][1] else "MODEL"
    for name, count in fits[:3]:
        console.print(f"model {name} knows {count} of its keys", highlight=False)
    lab = registry.labs.get(waiting.lab)
    area = next(iter(lab.areas), "AREA") if lab else "AREA"
    console.print(
        f"livinglab device adopt {waiting.device} --model {best} --area {area} --x X --y Y",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def print_replayed(result: Mapping[str, Any]) -> None:
    """What a replay did."""
    ends = ", ".join(f"{count} {end}" for end, count in sorted(result["ends"].items()))
    console.print(f"{result['replayed']} letters replayed: {ends or 'nothing to do'}")


def _excerpt(payload: bytes) -> str:
    text = payload[: 4 * _SHOWN].decode("utf-8", "replace")
    text = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(payload)} bytes)"
