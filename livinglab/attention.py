"""What needs a person, in sentences, each with the command to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from livinglab.status import FleetStatus, Health
from livinglab.status_sources import Trouble
from livinglab.timeline import DAY_NS, MINUTE_NS, to_text

#: Dead letters call for a person while they are as new as this; after that they are history.
RECENT_NS: Final = DAY_NS
#: A backlog is what a running loader does not work off within this time.
BACKLOG_NS: Final = 2 * MINUTE_NS
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that is wrong: what, and the command that helps or shows more ("" = none)."""

    what: str
    command: str


def attention(status: FleetStatus) -> list[Attention]:
    """Everything that asks for a person, what stops all data first; empty = all is well.

    A device that is late is not among it, nor are dead letters older than a day: they are shown,
    but a monitor that rang for them would be switched off.
    """
    return [
        *_stages(status),
        *_devices(status),
        *_letters(status),
        *_ledgers(status),
    ]


def _stages(status: FleetStatus) -> Iterator[Attention]:
    service = status.service
    why = "; ".join(service.why)
    if not service.is_running:
        yield Attention(f"the ingest service is not running: {why}", "livinglab ingest")
    elif not service.is_ready:
        yield Attention(f"the ingest service is running, but not ready: {why}", "")
    for note in service.notes:
        yield Attention(note, "")
    if status.loader:
        yield Attention(status.loader, "")
    if status.store:
        yield Attention(f"the store cannot be read: {status.store}", "")
    if status.backlog and (
        not service.is_ready or status.now_ns - status.backlog_since_ns > BACKLOG_NS
    ):
        since = to_text(status.backlog_since_ns)
        yield Attention(
            f"{_count(status.backlog, 'message')} in the journal since {since} not loaded yet",
            "livinglab journal show",
        )


def _devices(status: FleetStatus) -> Iterator[Attention]:
    for health, said in ((Health.NEVER, "never heard"), (Health.SILENT, "silent")):
        ids = [entry.device.id for entry in status.devices if entry.health is health]
        if ids:
            what = f"{_count(len(ids), 'device')} {said}: {_listed(ids)}"
            yield Attention(what, f"livinglab device show {ids[0]}")
    wrong = {entry.device.id: entry.senseless for entry in status.devices if entry.senseless}
    if wrong:
        reasons: Counter[str] = Counter()
        for counts in wrong.values():
            reasons.update(counts)
        said = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        what = f"{_count(len(wrong), 'device')} of whose readings half or more cannot be"
        first = next(iter(wrong))
        yield Attention(
            f"{what}: {_listed(list(wrong))} ({said})", f"livinglab ledger --device {first}"
        )


def _letters(status: FleetStatus) -> Iterator[Attention]:
    waiting = [trouble for trouble in status.troubles if trouble.kind == "quarantine"]
    if waiting:
        what = f"{_count(_total(waiting), 'message')} in quarantine, of {_whose(waiting)}"
        yield Attention(what, "livinglab quarantine list")
    recent = [
        trouble
        for trouble in status.troubles
        if trouble.kind == "dead" and status.now_ns - trouble.last_ns < RECENT_NS
    ]
    if recent:
        reasons: Counter[str] = Counter()
        for trouble in recent:
            reasons[trouble.reason] += trouble.count
        said = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        what = f"{_count(_total(recent), 'dead letter')}, of {_whose(recent)} ({said})"
        yield Attention(what, "livinglab dead list")


def _ledgers(status: FleetStatus) -> Iterator[Attention]:
    if not status.ledger.is_balanced:
        yield Attention("a ledger does not balance: messages or readings are unaccounted for", "")
    if status.ledger.unreadable:
        count = _count(status.ledger.unreadable, "message")
        yield Attention(
            f"{count} in damaged parts of the journal cannot be read", "livinglab journal show"
        )


def _total(troubles: Sequence[Trouble]) -> int:
    return sum(trouble.count for trouble in troubles)


def _whose(troubles: Sequence[Trouble]) -> str:
    return _listed(list(dict.fromkeys(trouble.device or "no known device" for trouble in troubles)))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
