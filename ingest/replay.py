"""Replay of letters: the same messages again, under the registry and decoders of now.

Readings that are accepted now leave their letter; the message moves in the ledger from dead or
quarantined to where it ends. A replayed message came earlier in the journal than what was stored
since, so a value that is at its key already stays (the replayed one counts as corrected).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from ingest.intake import outcome_of, settle_counted
from ingest.jobs import RUNNING, Job
from ingest.ledger import DEAD, OUTCOMES, QUARANTINED, STORED
from ingest.letters import Kind, Letter
from ingest.resolve import LETTER_REASONS, WROTE
from livinglab.model import Decoded, Reading

if TYPE_CHECKING:
    from ingest.intake import Intake
    from ingest.loader import Loader

CHUNK: Final = 500  # letters per transaction


@dataclass(slots=True)
class Moves:
    """What a chunk of replayed letters changes in the state, beside the resolver's counts."""

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    letters: list[Letter] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    released: list[tuple[str, int, int]] = field(default_factory=list)
    recoded: list[tuple[str, int, int, int]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def move(self, place: tuple[str, int, int], old: int | None, new: int, device: str) -> None:
        """Move a message in the ledger; `old` None where its outcome does not change."""
        if old is None or old == new:
            return
        self.counts[f"message:{OUTCOMES[old]}", device, "moved", ""] -= 1
        self.counts[f"message:{OUTCOMES[new]}", device, "moved", ""] += 1
        self.recoded.append((*place, new))

    def uncount(self, letter: Letter, readings: Sequence[Reading]) -> None:
        """Take back that the readings of a letter were produced and rejected."""
        if letter.reason not in LETTER_REASONS or letter.positions is None:
            return
        self.counts["produced", letter.device, "", ""] -= len(letter.positions)
        for position in letter.positions:
            key = readings[position].key if position < len(readings) else "*"
            self.counts["reading:rejected", letter.device, str(letter.reason), key] -= 1


def run_replay(loader: Loader, job: Job) -> dict[str, Any]:
    """Replay the letters that a job names: by number, or by kind, device and reason.

    Returns
    -------
    dict
        `replayed` letters, and how many messages ended where.
    """
    result: dict[str, Any] = {"replayed": 0, "after": 0, "ends": {}, **job.result}
    if "last" not in result:
        row = loader.state.connection.execute("SELECT max(id) FROM letter").fetchone()
        result["last"] = row[0] or 0
        loader.jobs.mark(job, RUNNING, result)
    loader.intake.resolver.start_replay()
    while letters := _chunk(loader, job, result):
        loader.require_running()
        moves = _replay(loader.intake, loader.state.letters.at, letters)
        if not loader.confirm():
            loader.intake.resolver.start_replay()
            continue
        ends = Counter(result["ends"]) + moves.ends
        result = {
            **result,
            "after": letters[-1].id,
            "replayed": result["replayed"] + len(letters),
            "ends": dict(ends),
        }
        commit = loader.intake.commit(None)
        counts = Counter(commit.counts)
        counts.update(moves.counts)
        commit.counts = {name: count for name, count in counts.items() if count}
        commit.letters, commit.settled = moves.letters, moves.settled
        commit.released, commit.recoded = moves.released, moves.recoded
        commit.job = (job.id, RUNNING, json.dumps(result, sort_keys=True))
        loader.state.commit(commit)
        loader.settle(commit.counts)
    loader.intake.resolver.end_replay()
    return {"replayed": result["replayed"], "ends": result["ends"]}


def _chunk(loader: Loader, job: Job, result: dict[str, Any]) -> list[Letter]:
    """The next letters; all those of one message stay together."""
    arguments = job.arguments
    found = loader.state.letters.find(
        Kind(arguments["kind"]),
        device=arguments.get("device"),
        reason=arguments.get("reason"),
        after=result["after"],
        limit=CHUNK,
    )
    wanted = set(arguments.get("ids") or ())
    letters = [letter for letter in found if letter.id <= result["last"]]
    if not wanted:
        return letters
    chosen = [letter for letter in letters if letter.id in wanted]
    if letters and not chosen:
        return _chunk(loader, job, {**result, "after": letters[-1].id})
    return chosen


def _replay(intake: Intake, at: Any, letters: list[Letter]) -> Moves:
    moves = Moves()
    in_order = sorted(letters, key=lambda letter: letter.place)
    for place, same in groupby(in_order, key=lambda letter: letter.place):
        _replay_message(intake, moves, list(same), at(place))
    return moves


def _replay_message(
    intake: Intake, moves: Moves, letters: list[Letter], held: list[Letter]
) -> None:
    """Replay letters of one message; `held` are all that the state has of it."""
    first = letters[0]
    reader, decoded = intake.readers.read(first.message)
    if reader is None or not isinstance(decoded, Decoded):
        moves.ends["unchanged"] += 1
        return
    flags, unknown = 0, []
    for letter in letters:
        if not letter.device and decoded.dropped:
            intake.drop(decoded)
        for device, readings in _parts(intake, letter, decoded):
            plan = intake.resolver.plan(device)
            if plan is None:
                unknown.append(device)
                continue
            moves.uncount(letter, readings)
            flags |= intake.resolver.resolve(
                plan, readings, reader.lab, first.message, letter.positions
            )
    renewed = intake.letters_of(first.place, first.message, reader, decoded, unknown)
    _settle(moves, letters, held, renewed, flags)


def _parts(intake: Intake, letter: Letter, decoded: Decoded) -> list[tuple[str, list[Reading]]]:
    """The devices of the message that a letter is about, with their readings."""
    if not letter.device:
        return list(decoded.readings.items())
    plan = intake.resolver.plan(letter.device)
    return [
        (device, readings)
        for device, readings in decoded.readings.items()
        if device == letter.device or (plan is not None and intake.resolver.plan(device) is plan)
    ]


def _settle(
    moves: Moves, letters: list[Letter], held: list[Letter], renewed: list[Letter], flags: int
) -> None:
    """Where the message ends now, and which of its letters remain."""
    first = letters[0]
    gone = {letter.id for letter in letters}
    if not flags and {_name(letter) for letter in letters} == {_name(one) for one in renewed}:
        moves.ends["unchanged"] += 1
        return
    rest = [letter for letter in held if letter.id not in gone]
    old = _class_of(held)
    new = outcome_of(flags, [*rest, *renewed])
    moves.settled += [letter.id for letter in held]
    counted = new if old is not None else STORED
    moves.letters += settle_counted(counted, [*rest, *renewed])
    if flags & WROTE:
        moves.released.append(first.place)
    moves.move(first.place, old, new, first.device)
    moves.ends[OUTCOMES[new]] += 1


def _class_of(held: list[Letter]) -> int | None:
    """What the message counts as because of its letters; None where it counts as stored."""
    kinds = {letter.kind for letter in held if letter.counted}
    if Kind.QUARANTINE in kinds:
        return QUARANTINED
    return DEAD if Kind.DEAD in kinds else None


def _name(letter: Letter) -> tuple[str, str, tuple[int, ...] | None]:
    return (str(letter.reason), letter.device, letter.positions)
