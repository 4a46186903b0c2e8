"""Repeats: what is one, how long it is known, and that a restart changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup import Identities
from livinglab.model import Message

WINDOW = 5


@dataclass(frozen=True)
class Seen:
    """One message as the memory sees it."""

    packet_id: int
    payload: bytes
    dup: bool
    identity: str


SEEN = st.builds(
    Seen,
    st.integers(1, 3),
    st.sampled_from([b"a", b"b"]),
    st.booleans(),
    st.sampled_from(["", "", "one", "two", "three"]),
)


def judge(memory: Identities, seen: Seen, number: int) -> bool:
    """As the loader asks: MQTT's repeat, and the format's."""
    message = Message("t", seen.payload, number, seen.packet_id, 1, seen.dup)
    packet = memory.is_packet_repeat(message, number)
    return (bool(seen.identity) and memory.is_repeat(("decoder", seen.identity), number)) or packet


def expected(history: Sequence[Seen], number: int) -> bool:
    """The definition, by looking through the whole history. `number` counts from 1."""
    seen = history[number - 1]
    before = range(number - 1, max(number - 1 - WINDOW, 0), -1)
    if seen.dup:
        for other in before:
            if history[other - 1].packet_id == seen.packet_id:
                if history[other - 1].payload == seen.payload:
                    return True
                break
    return bool(seen.identity) and any(
        history[other - 1].identity == seen.identity for other in before
    )


@given(history=st.lists(SEEN, max_size=30))
def test_identities_follow_the_definition(history: list[Seen]) -> None:
    memory = Identities(WINDOW)
    for number, seen in enumerate(history, 1):
        assert judge(memory, seen, number) == expected(history, number)


@given(history=st.lists(SEEN, max_size=30), cut=st.integers(0, 30))
def test_identities_rebuilt_from_the_window_answer_the_same(history: list[Seen], cut: int) -> None:
    cut = min(cut, len(history))
    memory, rebuilt = Identities(WINDOW), Identities(WINDOW)
    for number, seen in enumerate(history[:cut], 1):
        judge(memory, seen, number)
    memory.settle(cut)
    for number in range(max(cut - WINDOW, 0) + 1, cut + 1):
        judge(rebuilt, history[number - 1], number)
    rebuilt.settle(cut)
    for number, seen in enumerate(history[cut:], cut + 1):
        assert judge(memory, seen, number) == judge(rebuilt, seen, number)


@given(
    settled=st.lists(SEEN, max_size=12),
    undone=st.lists(SEEN, max_size=12),
    after=st.lists(SEEN, max_size=12),
)
def test_roll_back_forgets_what_was_not_settled(
    settled: list[Seen], undone: list[Seen], after: list[Seen]
) -> None:
    memory, untouched = Identities(WINDOW), Identities(WINDOW)
    for number, seen in enumerate(settled, 1):
        assert judge(memory, seen, number) == judge(untouched, seen, number)
    memory.settle(len(settled))
    untouched.settle(len(settled))
    for number, seen in enumerate(undone, len(settled) + 1):
        judge(memory, seen, number)
    memory.roll_back()
    for number, seen in enumerate([*undone, *after], len(settled) + 1):
        assert judge(memory, seen, number) == judge(untouched, seen, number)


def test_settle_keeps_no_more_than_the_window() -> None:
    memory = Identities(100)
    for number in range(1, 10_001):
        memory.is_repeat((str(number),), number)
        if number % 50 == 0:
            memory.settle(number)
    assert len(memory) <= 150


def test_is_packet_repeat_needs_the_flag_the_id_and_the_bytes() -> None:
    memory = Identities()
    first = Message("t", b"21.5", 1, 7, 1)
    assert not memory.is_packet_repeat(first, 1)
    assert not memory.is_packet_repeat(first, 2)  # no DUP: the id is used again
    assert memory.is_packet_repeat(first._replace(dup=True), 3)
    assert not memory.is_packet_repeat(first._replace(dup=True, topic="u"), 4)
    assert not memory.is_packet_repeat(first._replace(dup=True, packet_id=8), 5)
