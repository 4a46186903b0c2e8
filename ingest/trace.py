"""Where a message ended: from the journal's row to the loader's outcome, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ingest.journal_files import journal_path
from ingest.journal_reader import JournalReader
from ingest.ledger import OUTCOMES
from ingest.letters import Letter
from ingest.router import is_match
from ingest.state import State, has_state, state_path
from livinglab.errors import JournalError
from livinglab.model import Message


@dataclass(frozen=True, slots=True)
class Traced:
    """One message and what became of it.

    Parameters
    ----------
    seq, index : int
        Batch, and position in it.
    message : Message
        As it arrived.
    end : str
        Where it ended: "stored", "duplicate", ..., or that it waits.
    letters : tuple of Letter
        Why, where it or a part of it is dead or in quarantine.
    """

    seq: int
    index: int
    message: Message
    end: str
    letters: tuple[Letter, ...]


def trace_batch(state_dir: Path, seq: int, index: int | None = None) -> Iterator[Traced]:
    """Yield what became of the messages of a batch, or of one of them.

    Raises
    ------
    JournalError
        If there is no journal, or it does not hold the batch or the message.
    """
    journal = _journal(state_dir)
    messages = journal.batch(seq).messages
    if index is not None and not 0 <= index < len(messages):
        raise JournalError(
            f"batch {seq} has no message {index}", hint=f"it has 0 to {len(messages) - 1}"
        )
    chosen = range(len(messages)) if index is None else [index]
    yield from _traced(state_dir, journal, ((seq, one, messages[one]) for one in chosen))


def trace_topic(state_dir: Path, topic: str, start_ns: int, end_ns: int) -> Iterator[Traced]:
    """Yield what became of the messages received in [start, end) on a topic or topic filter.

    Raises
    ------
    JournalError
        If there is no journal.
    """
    journal = _journal(state_dir)
    levels = topic.split("/")
    found = (
        (batch.seq, index, message)
        for batch in journal.between(start_ns, end_ns)
        for index, message in enumerate(batch.messages)
        if start_ns <= message.received_ns < end_ns and is_match(levels, message.topic)
    )
    yield from _traced(state_dir, journal, found)


def _journal(state_dir: Path) -> JournalReader:
    """The journal, which must exist: an empty answer would say that nothing came."""
    journal = JournalReader(journal_path(state_dir))
    _ = journal.id
    return journal


def _traced(
    state_dir: Path, journal: JournalReader, found: Iterator[tuple[int, int, Message]]
) -> Iterator[Traced]:
    if not has_state(state_dir):
        for seq, index, message in found:
            yield Traced(seq, index, message, "waiting: nothing was loaded yet", ())
        return
    name = journal.id
    with closing(State(state_path(state_dir))) as state:
        for seq, index, message in found:
            letters = tuple(state.letters.at((name, seq, index)))
            yield Traced(seq, index, message, _end(state, name, seq, index), letters)


def _end(state: State, journal: str, seq: int, index: int) -> str:
    if seq > state.cursor(journal).seq:
        return "waiting: not loaded yet"
    codes = state.outcome(journal, seq)
    return OUTCOMES[codes[index]] if index < len(codes) else "loaded; how is no longer known"
