"""The loader's state: one transaction per commit, one loader per file, letters with bounds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.letters import Kind, Letter
from ingest.state import Commit, Cursor, Intent, State
from livinglab.errors import LivingLabError, Reason
from livinglab.model import Message, Reading

LATE = ("air", "d", "0", 5, "no2")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """An empty state."""
    state = State(tmp_path / "loader.sqlite", exclusive=True)
    yield state
    state.close()


def letter(
    seq: int = 1,
    index: int = 0,
    reason: Reason = Reason.UNKNOWN_DEVICE,
    device: str = "d",
    *,
    counted: bool = True,
    payload: bytes = b"payload",
    received_ns: int = 1_000,
) -> Letter:
    message = Message("lab/senml/d", payload, received_ns, 3, 1, True, False)
    sample = (Reading("no2", "no2", 1.0, "ppb", 7),)
    return Letter(
        "j", seq, index, message, reason, "why", device, "lab", "senml_json", (0, 2),
        counted=counted, sample=sample,
    )  # fmt: skip


def test_commit_writes_everything(state: State) -> None:
    state.intend("j", Intent(40, "r1"), {LATE: None})
    counts = {("message:stored", "d", "", ""): 3}
    commit = Commit(
        journal="j",
        cursor=Cursor(9, 30),
        outcomes=[(8, 20, b"SD"), (9, 30, b"SQ")],
        counts=counts,
        newest={("air", "d", "0"): 77},
        letters=[letter()],
    )
    state.commit(commit)
    state.commit(Commit(journal="j", cursor=Cursor(10, 31), counts=counts))
    assert state.cursor("j") == Cursor(10, 31)
    assert state.cursor("other") == Cursor()
    assert state.journals() == ["j"]
    assert state.intent("j") is None
    assert state.before_images() == {}
    assert state.counts() == {("message:stored", "d", "", ""): 6}
    assert state.newest() == {("air", "d", "0"): 77}
    assert state.outcome("j", 9) == b"SQ"
    assert state.letters.messages(Kind.QUARANTINE) == 1


def test_commit_writes_nothing_when_a_part_fails(state: State) -> None:
    bad = Commit(journal="j", cursor=Cursor(9, 30), letters=[letter()], newest={("air",): 1})  # type: ignore[dict-item]  # the part that fails
    with pytest.raises(sqlite3.Error):
        state.commit(bad)
    assert state.cursor("j") == Cursor()
    assert state.letters.messages(Kind.QUARANTINE) == 0


def test_commit_never_lowers_the_newest_time(state: State) -> None:
    for newest in (50, 40):
        state.commit(Commit(newest={("air", "d", "0"): newest}))
    assert state.newest() == {("air", "d", "0"): 50}


def test_intend_keeps_what_the_first_attempt_found(state: State) -> None:
    state.intend("j", Intent(40, "r1"), {LATE: 1.5})
    state.intend("j", Intent(72, "r1"), {LATE: 99.0})
    assert state.before_images() == {LATE: 1.5}
    assert state.intent("j") == Intent(72, "r1")


def test_commit_recodes_a_message(state: State) -> None:
    state.commit(Commit(journal="j", outcomes=[(8, 3, b"SQX")]))
    state.commit(Commit(recoded=[("j", 8, 1, ord("S")), ("j", 99, 0, ord("S"))]))
    assert state.outcome("j", 8) == b"SSX"
    assert state.outcome("j", 99) == b""


def test_tail_is_the_last_batch_before_a_number(state: State) -> None:
    outcomes = [(seq, 10 * seq, b"S" * 10) for seq in range(1, 6)]
    state.commit(Commit(journal="j", outcomes=outcomes))
    assert state.tail("j", 35) == Cursor(3, 30)
    assert state.tail("j", 5) == Cursor()
    assert state.tail("unknown", 5) == Cursor()
    assert state.number("j", 4) == 40
    state.prune("j", 3)
    assert state.outcome("j", 2) == b""
    assert state.tail("j", 5) == Cursor(3, 30)  # the first that is known: not the journal's first


def test_state_has_one_loader_and_many_readers(state: State) -> None:
    with pytest.raises(LivingLabError, match="another process is the loader"):
        State(state.path, exclusive=True)
    reader = State(state.path)
    state.commit(Commit(counts={("published", "", "", ""): 1}))
    assert reader.counts() == {("published", "", "", ""): 1}
    reader.close()


def test_state_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "loader.sqlite"
    script = """
import os, pathlib, sys
from ingest.state import State
State(pathlib.Path(sys.argv[1]), exclusive=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -9
    State(path, exclusive=True).close()


def test_commit_on_a_full_disk_says_so_and_works_when_there_is_room(state: State) -> None:
    """SQLite rolls back by itself then: a ROLLBACK of ours would hide why."""
    (pages,) = state.connection.execute("PRAGMA page_count").fetchone()
    state.connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    many = Commit(counts={(f"n{number}", "", "", ""): 1 for number in range(400)})
    with pytest.raises(sqlite3.OperationalError, match="full"):
        state.commit(many)
    assert state.counts() == {}
    state.connection.execute("PRAGMA max_page_count = 1000000")
    state.commit(many)
    assert len(state.counts()) == 400


def test_state_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loader.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LivingLabError, match="has format 99"):
        State(path)


def test_state_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "loader.sqlite"
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(LivingLabError, match="cannot be opened") as caught:
        State(path)
    assert "journal holds everything" in caught.value.hint


def test_letters_come_back_as_they_went_in(state: State) -> None:
    sent = letter()
    state.commit(Commit(letters=[sent]))
    (found,) = state.letters.find(Kind.QUARANTINE)
    assert found.id > 0
    assert (found.place, found.message, found.reason) == (sent.place, sent.message, sent.reason)
    assert (found.positions, found.sample, found.counted) == (sent.positions, sent.sample, True)
    assert state.letters.get(found.id) == found
    assert state.letters.get(99) is None
    assert state.letters.at(("j", 1, 0)) == [found]


def test_letters_are_found_by_device_reason_and_number(state: State) -> None:
    letters = [letter(seq, device=device) for seq in range(3) for device in ("a", "b")]
    state.commit(Commit(letters=[*letters, letter(9, reason=Reason.CLOCK, device="a")]))
    assert len(state.letters.find(Kind.QUARANTINE, device="a")) == 3
    assert len(state.letters.find(Kind.QUARANTINE, limit=4)) == 4
    after = state.letters.find(Kind.QUARANTINE, limit=4)[-1].id
    assert len(state.letters.find(Kind.QUARANTINE, after=after)) == 2
    assert [one.device for one in state.letters.find(Kind.DEAD, reason="clock")] == ["a"]
    assert [row[:4] for row in state.letters.tally(Kind.QUARANTINE)] == [
        ("lab", "a", "unknown_device", 3),
        ("lab", "b", "unknown_device", 3),
    ]


def test_expire_letters_counts_messages_not_letters(state: State) -> None:
    old = [letter(1, device="a"), letter(1, device="b"), letter(2, counted=False)]
    state.commit(Commit(letters=[*old, letter(3, received_ns=5_000)]))
    state.expire_letters(2_000, 0)
    assert [one.seq for one in state.letters.find(Kind.QUARANTINE)] == [3]
    assert state.counts() == {("quarantine_expired", "", "", ""): 1}


def test_expire_letters_keeps_the_newest_within_the_quota(state: State) -> None:
    letters = [letter(seq, payload=bytes(10_000), received_ns=seq) for seq in range(10)]
    state.commit(Commit(letters=letters))
    state.expire_letters(0, 35_000)
    assert [one.seq for one in state.letters.find(Kind.QUARANTINE)] == [7, 8, 9]
    assert state.counts() == {("quarantine_expired", "", "", ""): 7}
