"""Loading the journal again: a device and period (`reingest`), a store that lost data (`refill`).

`reingest` is for a mapping that was wrong: raw values are never edited, the journal is loaded
again. It deletes the device's period, loads every message of the journal up to the loader's cursor
again (what comes after the cursor is loaded as ever), and renews the arrival versions of every hour
of the period, so that the pipeline recomputes whatever used them. All counts and letters change in
one transaction at the end; a crash before it starts the job again from the delete.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ingest.dedup import Identities
from ingest.intake import outcome_of, settle_counted
from ingest.jobs import DONE, RUNNING, Job
from ingest.journal_files import Batch
from ingest.ledger import DEAD, QUARANTINED, STORED
from ingest.letters import Letter
from ingest.logs import logger
from ingest.replay import Moves
from ingest.resolve import Plan
from ingest.series import SeriesMemory
from livinglab.errors import LivingLabError
from livinglab.model import Decoded, Message, Point, Reading, SeriesKey, Theme
from livinglab.timeline import HOUR_NS, floor_hour, to_text

if TYPE_CHECKING:
    from ingest.loader import Loader

_REFILL_MESSAGES: Final = 60_000  # between two positions noted in the store

log = logger("reingest")


class Pass:
    """A second pass over part of the journal, with a memory of its own.

    Parameters
    ----------
    loader : Loader
        Whose journal, store and registry are used; its own memory is not touched.
    period : (int, int), optional
        Only readings with times in [start, end) in ns.
    """

    def __init__(self, loader: Loader, period: tuple[int, int] | None = None) -> None:
        self._loader = loader
        self.memory = SeriesMemory({}, self._stored)
        self.identities = Identities()
        self.intake = loader.make_intake(loader.registry, self.memory, self.identities, period)

    def batches(self, after: int) -> Iterator[Batch]:
        """Batches above `after` up to the loader's cursor; identities before them are known."""
        state, journal = self._loader.state, self._loader.journal
        end = self._loader.cursor.seq
        name = self._loader.journal_id
        start = state.tail(name, state.number(name, after) - self.identities.window)
        self.intake.number = start.number
        for batch in journal.batches(start.seq):
            if batch.seq > end:
                return
            if batch.seq <= after:
                self.intake.remember(batch)
            else:
                yield batch

    def flush(self) -> None:
        """Hand over the points made so far."""
        self._loader.writer.put(self.memory.take()[0])

    def flush_when_many(self) -> None:
        """Hand over the points when they are worth a request."""
        if len(self.memory.points) >= self._loader.limits.points_per_write:
            self.flush()

    def _stored(self, series: SeriesKey, start_ns: int, end_ns: int) -> Iterable[Point]:
        self.flush()
        return self._loader.stored(series, start_ns, end_ns)


def refill(loader: Loader) -> int:
    """Load again what a restored or emptied store lacks: from its position to the cursor.

    Returns
    -------
    int
        Messages loaded again. They are in the ledgers already and are not counted twice.
    """
    cursor = loader.cursor
    position = loader.records.positions().get(loader.id)
    known = position is not None and position.journal == loader.journal_id
    start = position.seq if position is not None and known else 0
    if start >= cursor.seq:
        return 0
    log.warning("store is behind the loader's state: loading again", after=start, to=cursor.seq)
    if loader.journal.oldest > start + 1:
        log.error("the journal no longer holds all of it", oldest=loader.journal.oldest)
    again = Pass(loader)
    messages = pending = 0
    for batch in again.batches(start):
        again.intake.take(batch)
        again.flush_when_many()
        messages += len(batch.messages)
        pending += len(batch.messages)
        if pending >= _REFILL_MESSAGES or batch.seq == cursor.seq:
            _confirm(loader, again)
            loader.records.write_position(loader.journal_id, batch.seq, loader.registry.version)
            again.identities.settle(again.intake.number)
            pending = 0
            loader.require_running()
    _confirm(loader, again)
    loader.records.write_position(loader.journal_id, cursor.seq, loader.registry.version)
    return messages


def _confirm(loader: Loader, again: Pass) -> None:
    again.flush()
    loader.writer.settle()
    loader.writer.refused = []  # accounted for when they came first
    loader.records.write_arrivals(again.memory.hours)
    again.memory.settle()
    again.intake.commit(None)


@dataclass(frozen=True, slots=True)
class Range:
    """What to load again: a device and a period of the data's time, [start, end) in UTC ns."""

    device: str
    start_ns: int
    end_ns: int
    replay_only: bool = False  # another loader has deleted the period already


@dataclass(slots=True)
class _Second:
    """What the second pass found, beside the resolver's counts."""

    moves: Moves = field(default_factory=Moves)
    messages: int = 0


def run_reingest(loader: Loader, job: Job) -> dict[str, Any]:
    """Delete a device's period and load the journal again.

    Returns
    -------
    dict
        `messages` read again, values `withdrawn` and `stored`.

    Raises
    ------
    LivingLabError
        If the device is unknown, the journal does not cover the period, or other loaders brought
        data of the device and would have to take part.
    """
    arguments = job.arguments
    span = Range(
        str(arguments["device"]),
        int(arguments["start_ns"]),
        int(arguments["end_ns"]),
        bool(arguments.get("replay_only")),
    )
    _require_device(loader, span)
    withdrawn = job.result.get("withdrawn")
    if withdrawn is None:
        _require_cover(loader, span)
        _require_loaders(loader, span, together=bool(arguments.get("together")))
        withdrawn = 0 if span.replay_only else _count_values(loader, span)
        loader.jobs.mark(job, RUNNING, {"withdrawn": withdrawn})
    if not span.replay_only:
        for theme in Theme:
            tags = {"device": span.device}
            loader.store.delete("raw", str(theme), span.start_ns, span.end_ns, tags)
    again = Pass(loader, (span.start_ns, span.end_ns))
    second = _load_again(loader, again, span)
    return _finish(loader, job, span, again, second, int(withdrawn))


def _require_device(loader: Loader, span: Range) -> None:
    if span.device not in loader.registry.history:
        raise LivingLabError(
            f"device {span.device} is not in the registry", hint="see `livinglab device list`"
        )


def _require_cover(loader: Loader, span: Range) -> None:
    """The journal holds everything that was ever loaded, or all that arrived since the start."""
    journal = loader.journal
    others = [one for one in loader.state.journals() if one != loader.journal_id]
    if journal.oldest <= 1 and not others:
        return
    first = next(iter(journal.batches(0)), None)
    first_ns = first.messages[0].received_ns if first is not None else span.end_ns
    if first_ns > span.start_ns:
        raise LivingLabError(
            f"the journal covers what arrived since {to_text(first_ns)}, not all of the period from"
            f" {to_text(span.start_ns)}: deleting it would lose readings",
            hint=f"choose a period that starts at {to_text(first_ns)} or later",
        )


def _require_loaders(loader: Loader, span: Range, *, together: bool) -> None:
    """Other loaders that brought data of the device use the same registry and are named."""
    period = (floor_hour(span.start_ns), span.end_ns)
    others = loader.records.other_loaders(span.device, *period)
    positions = loader.records.positions()
    for other in others:
        position = positions.get(other)
        if position is not None and position.registry != loader.registry.version:
            raise LivingLabError(
                f"loader {other} still uses registry {position.registry},"
                f" this one {loader.registry.version}",
                hint="reload it (SIGHUP), then try again",
            )
    if others and not (together or span.replay_only):
        raise LivingLabError(
            f"{', '.join(others)} brought data of {span.device} in this period, too: deleting it"
            " here would lose them",
            hint="run `livinglab reingest ... --together` here, and when it is done"
            " `livinglab reingest ... --replay-only` beside each of the others",
        )


def _count_values(loader: Loader, span: Range) -> int:
    tags = {"device": span.device}
    return sum(
        len(point.fields)
        for theme in Theme
        for point in loader.store.points("raw", str(theme), span.start_ns, span.end_ns, tags)
    )


def _load_again(loader: Loader, again: Pass, span: Range) -> _Second:
    second = _Second()
    plan = again.intake.resolver.plan(span.device)
    if plan is None:
        return second
    for batch in again.batches(0):
        codes = loader.state.outcome(loader.journal_id, batch.seq)
        for index, message in enumerate(batch.messages):
            again.intake.number += 1
            old = codes[index] if index < len(codes) else None
            _load_message(loader, again, second, plan, message, (batch.seq, index), old)
        again.flush_when_many()
        again.identities.settle(again.intake.number)
        loader.require_running()
    again.flush()
    return second


def _load_message(
    loader: Loader,
    again: Pass,
    second: _Second,
    plan: Plan,
    message: Message,
    place: tuple[int, int],
    old: int | None,
) -> None:
    intake = again.intake
    if message.qos and again.identities.is_packet_repeat(message, intake.number):
        return
    reader, decoded = intake.readers.read(message)
    if reader is None or not isinstance(decoded, Decoded) or intake.is_known(reader, decoded):
        return
    mine = [rows for name, rows in decoded.readings.items() if intake.resolver.plan(name) is plan]
    before = plan.produced
    flags = 0
    for readings in mine:
        flags |= intake.resolver.resolve(plan, readings, reader.lab, message)
    if plan.produced == before and not intake.resolver.letters:
        return
    second.messages += 1
    full = (loader.journal_id, *place)
    renewed = intake.letters_of(full, message, reader, decoded, ())
    whole = len(decoded.readings) == len(mine) and plan.produced - before + sum(
        len(letter.positions or ()) for letter in renewed
    ) >= sum(map(len, mine))
    held = loader.state.letters.at(full) if old in (DEAD, QUARANTINED) or renewed else []
    _settle_message(second.moves, full, held, renewed, flags, old if whole else None, mine)
    if not whole and flags and old not in (None, STORED):
        second.moves.move(full, old, STORED, plan.device)
        second.moves.released.append(full)


def _settle_message(
    moves: Moves,
    place: tuple[str, int, int],
    held: list[Letter],
    renewed: list[Letter],
    flags: int,
    old: int | None,
    mine: list[list[Reading]],
) -> None:
    """Replace the letters of a message that was read again as a whole, and move it."""
    if old is None:
        return
    for letter in held:
        moves.uncount(letter, mine[0])
    new = outcome_of(flags, renewed)
    moves.settled += [letter.id for letter in held]
    moves.letters += settle_counted(new, renewed)
    moves.move(place, old, new, renewed[0].device if renewed else "")


def _finish(
    loader: Loader, job: Job, span: Range, again: Pass, second: _Second, withdrawn: int
) -> dict[str, Any]:
    loader.writer.settle()
    refused, loader.writer.refused = loader.writer.refused, []
    hours = range(floor_hour(span.start_ns), span.end_ns, HOUR_NS)
    loader.records.write_arrivals((span.device, hour) for hour in hours)
    commit = again.intake.commit(None)
    counts = Counter(commit.counts)
    counts.update(second.moves.counts)
    counts["withdrawn", span.device, "", ""] += withdrawn
    for one in refused:
        counts["reading:stored", span.device, "", ""] -= len(one.point.fields)
        counts["reading:rejected", span.device, "refused", "*"] += len(one.point.fields)
    stored = counts["reading:stored", span.device, "", ""]
    result = {"messages": second.messages, "withdrawn": withdrawn, "stored": stored}
    commit.counts = {name: count for name, count in counts.items() if count}
    commit.letters, commit.settled = second.moves.letters, second.moves.settled
    commit.released, commit.recoded = second.moves.released, second.moves.recoded
    commit.job = (job.id, DONE, json.dumps(result, sort_keys=True))
    loader.state.commit(commit)
    loader.memory.forget(span.device, commit.newest)
    return result
