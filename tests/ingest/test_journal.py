"""The journal: durable, ordered, bounded, and readable while it is written."""

from __future__ import annotations

import os
import resource
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import journal as journal_module
from ingest import journal_body
from ingest.journal import Journal, JournalReader
from ingest.journal_files import day_path
from livinglab import timeline
from livinglab.errors import JournalError, JournalFullError
from livinglab.model import Message

NOON = timeline.parse_instant("2026-01-31T12:00:00Z")
OpenJournal = Callable[..., Journal]


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[OpenJournal]:
    """Opens the journal of this test, as often as wanted; all are closed at the end."""
    opened: list[Journal] = []

    def _open(**settings: int) -> Journal:
        for earlier in opened:
            earlier.close()
        opened.append(Journal(tmp_path / "journal", **settings))
        return opened[-1]

    yield _open
    for one in opened:
        one.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Sets the system time that the journal sees."""

    def _set(text: str) -> int:
        now = timeline.parse_instant(text)
        monkeypatch.setattr(journal_module.time, "time_ns", lambda: now)
        return now

    return _set


def some_messages(
    count: int = 3, *, first_ns: int = NOON, payload: bytes = b"21.5"
) -> list[Message]:
    return [
        Message(f"lombok/json/{number}", payload, first_ns + number, number + 1, 1)
        for number in range(count)
    ]


def damage_body(path: Path, seq: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        body = connection.execute("SELECT body FROM batch WHERE seq = ?", (seq,)).fetchone()[0]
        broken = body[:-6] + bytes([body[-6] ^ 0x40]) + body[-5:]
        connection.execute("UPDATE batch SET body = ? WHERE seq = ?", (broken, seq))


messages_strategy = st.lists(
    st.builds(
        Message,
        topic=st.text(max_size=40),
        payload=st.binary(max_size=300),
        received_ns=st.integers(0, 2**63 - 1),
        packet_id=st.integers(0, 65_535),
        qos=st.integers(0, 1),
        dup=st.booleans(),
        retain=st.booleans(),
    ),
    max_size=20,
)


@given(messages_strategy)
def test_decode_gives_back_what_encode_took(messages: list[Message]) -> None:
    body, _ = journal_body.encode(messages)
    assert journal_body.decode(body) == messages


@given(messages_strategy.filter(bool), st.integers(0, 2_000), st.integers(0, 7))
@settings(max_examples=200)
def test_decode_never_gives_other_messages_when_a_bit_flips(
    messages: list[Message], position: int, bit: int
) -> None:
    body = bytearray(journal_body.encode(messages)[0])
    body[position % len(body)] ^= 1 << bit
    try:
        decoded = journal_body.decode(bytes(body))
    except JournalError:
        return
    assert decoded == messages  # a bit of the frame's header that carries no content


def test_append_numbers_batches_from_one(open_journal: OpenJournal) -> None:
    journal = open_journal()
    assert (journal.head, journal.oldest) == (0, 1)
    assert [journal.append(some_messages()) for _ in range(3)] == [1, 2, 3]
    assert (journal.head, journal.oldest) == (3, 1)


def test_batches_yields_all_fields_in_order_after_the_cursor(open_journal: OpenJournal) -> None:
    journal = open_journal()
    first = [Message("a/b", b"\x00\xff", NOON, 65_535, 1, True, True), Message("ä", b"", NOON + 1)]
    second = some_messages(first_ns=NOON + 10)
    journal.append(first)
    journal.append(second)
    assert [batch.messages for batch in journal.batches(0)] == [first, second]
    assert [batch.seq for batch in journal.batches(1)] == [2]
    assert list(journal.batches(2)) == []


def test_journal_keeps_its_id_and_sequence_over_a_restart(open_journal: OpenJournal) -> None:
    journal = open_journal()
    name = journal.id
    journal.append(some_messages())
    again = open_journal()
    assert (again.id, again.append(some_messages())) == (name, 2)


def test_journals_have_different_ids(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "a")) as one, closing(Journal(tmp_path / "b")) as other:
        assert one.id != other.id


def test_append_makes_receipt_times_increase_strictly_over_restarts(
    open_journal: OpenJournal,
) -> None:
    open_journal().append(some_messages(first_ns=NOON))
    journal = open_journal()
    journal.append(some_messages(first_ns=NOON - timeline.HOUR_NS))  # the clock was set back
    journal.append([message._replace(received_ns=NOON) for message in some_messages()])
    times = [one.received_ns for batch in journal.batches(0) for one in batch.messages]
    assert len(times) == 9
    assert all(earlier < later for earlier, later in pairwise(times))
    assert journal.last_ns == times[-1]


def test_append_starts_a_file_when_the_day_changes(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    clock("2026-01-31T23:59:59Z")
    journal = open_journal()
    journal.append(some_messages())
    clock("2026-02-01T00:00:00Z")
    journal.append(some_messages())
    days = journal.days()
    assert [day.path.name for day in days] == ["2026-01-31.sqlite", "2026-02-01.sqlite"]
    assert [(day.first_seq, day.last_seq, day.messages) for day in days] == [(1, 1, 3), (2, 2, 3)]
    assert [batch.seq for batch in journal.batches(0)] == [1, 2]


@pytest.mark.parametrize("restart", [False, True])
def test_append_never_writes_behind_the_cursor_when_the_clock_steps_back(
    open_journal: OpenJournal, clock: Callable[[str], int], restart: bool
) -> None:
    clock("2026-02-01T00:00:01Z")
    journal = open_journal()
    journal.append(some_messages())
    clock("2026-01-31T23:59:58Z")
    journal = open_journal() if restart else journal
    assert journal.append(some_messages()) == 2
    assert [day.path.name for day in journal.days()] == ["2026-02-01.sqlite"]
    assert [batch.seq for batch in journal.batches(1)] == [2]


def test_journal_killed_while_it_makes_a_day_file_leaves_none_by_that_name(
    tmp_path: Path, open_journal: OpenJournal
) -> None:
    """Half a file may need SQLite's own repair, which a reader's connection must not do."""
    script = """
import os, pathlib, sys
from ingest import journal_files
from ingest.journal import Journal
journal_files._write_head = lambda *_: os.kill(os.getpid(), 9)
Journal(pathlib.Path(sys.argv[1]))
"""
    directory = tmp_path / "journal"
    killed = subprocess.run([sys.executable, "-c", script, str(directory)], check=False)
    assert killed.returncode == -9
    assert list(directory.glob("*.sqlite")) == []
    assert JournalReader(directory).head == 0
    assert open_journal().append(some_messages()) == 1
    reader = JournalReader(directory)
    assert [batch.seq for batch in reader.batches(0)] == [1]
    assert reader.damage == {}


def test_journal_continues_after_an_empty_day(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    clock("2026-01-30T12:00:00Z")
    open_journal().append(some_messages())
    clock("2026-01-31T12:00:00Z")
    name = open_journal().id
    clock("2026-02-01T12:00:00Z")
    journal = open_journal()
    assert (journal.id, journal.append(some_messages())) == (name, 2)
    assert journal.last_ns > NOON


def test_append_refuses_at_the_quota_and_goes_on_when_there_is_room(
    open_journal: OpenJournal,
) -> None:
    journal = open_journal(quota_bytes=300_000)
    noise = bytes(range(256)) * 40
    message = Message("t", noise, NOON)
    while journal.used_bytes < 250_000:
        journal.append([message._replace(topic=f"t/{journal.head}")] * 50)
    big = [message._replace(payload=secrets.token_bytes(60_000))]
    head = journal.head
    with pytest.raises(JournalFullError, match=r"quota of 0\.3 MB: nothing is acknowledged"):
        journal.append(big)
    assert journal.head == head > 3
    journal.quota_bytes = 600_000
    assert journal.append(big) == head + 1


def test_append_goes_on_when_an_operator_takes_old_days_away(
    open_journal: OpenJournal, clock: Callable[[str], int], tmp_path: Path
) -> None:
    clock("2026-01-30T12:00:00Z")
    journal = open_journal()
    journal.append([Message("t", bytes(range(256)) * 400, NOON)])
    clock("2026-01-31T12:00:00Z")
    journal.append(some_messages())
    journal.quota_bytes = journal.used_bytes
    with pytest.raises(JournalFullError):
        journal.append(some_messages())
    journal.quota_bytes += 20_000
    (tmp_path / "journal" / "2026-01-30.sqlite").unlink()
    assert journal.append(some_messages()) == 3


def test_append_refuses_when_the_file_may_not_grow_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the kernel refuses the write."""
    script = f"""
import resource, sys
from pathlib import Path
from ingest.journal import Journal
from livinglab.errors import JournalError
from livinglab.model import Message
journal = Journal(Path({str(tmp_path / "journal")!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        journal.append([Message("t", bytes((written * 7 + i * i) % 251 for i in range(9000)), 1)])
        written += 1
except JournalError as error:
    assert "nothing is acknowledged" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert written > 3
journal.append([Message("t", b"room again", 1)])
print(written + 1, len(list(journal.batches(0))))
journal.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    written, read = done.stdout.split()
    assert written == read
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_expire_deletes_days_beyond_the_retention_that_are_loaded(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    for day in (28, 29, 30, 31):
        clock(f"2026-01-{day}T12:00:00Z")
        open_journal(retention_days=2).append(some_messages())
    journal = open_journal(retention_days=2)
    clock("2026-02-02T00:00:00Z")
    assert journal.expire(loaded=0) == []
    assert [path.name for path in journal.expire(loaded=1)] == ["2026-01-28.sqlite"]
    assert [path.name for path in journal.expire()] == ["2026-01-29.sqlite", "2026-01-30.sqlite"]
    assert (journal.oldest, journal.head) == (4, 4)
    assert [batch.seq for batch in journal.batches(0)] == [4]


def test_expire_goes_on_beside_a_day_that_cannot_be_read(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    for day in (28, 29, 30, 31):
        clock(f"2026-01-{day}T12:00:00Z")
        open_journal(retention_days=1).append(some_messages())
    day_path(open_journal(retention_days=1).directory, "2026-01-29").write_bytes(b"no database")
    clock("2026-02-02T00:00:00Z")
    gone = open_journal(retention_days=1).expire(loaded=4)
    assert [path.stem for path in gone] == ["2026-01-28", "2026-01-29", "2026-01-30", "2026-01-31"]


def test_expire_keeps_the_newest_day_however_old(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    clock("2026-01-01T12:00:00Z")
    journal = open_journal(retention_days=1)
    journal.append(some_messages())
    clock("2026-03-01T12:00:00Z")
    assert journal.expire() == []
    assert journal.append(some_messages()) == 2


def test_journal_refuses_a_second_writer(open_journal: OpenJournal, tmp_path: Path) -> None:
    open_journal()
    with pytest.raises(
        JournalError, match=rf"another process \(number {os.getpid()}\) writes"
    ) as refusal:
        Journal(tmp_path / "journal")
    assert "one service per state directory" in refusal.value.hint


def test_journal_refuses_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "journal")


def test_wait_returns_when_another_thread_appends(open_journal: OpenJournal) -> None:
    journal = open_journal()
    assert not journal.wait(0, 0.01)
    journal.append(some_messages())
    assert journal.wait(0, 0.01)
    assert not journal.wait(1, 0.01)


def test_reader_follows_while_another_process_writes(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from ingest.journal import Journal
from livinglab.model import Message
journal = Journal(Path({str(tmp_path / "journal")!r}))
for number in range(200):
    journal.append([Message("t", b"%d" % number, number + 1)])
    print(number, flush=True)
sys.stdin.read()
journal.close()
"""
    seen: list[bytes] = []
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        reader = JournalReader(tmp_path / "journal")
        cursor = 0
        while len(seen) < 200:
            assert reader.wait(cursor, 10)
            for batch in reader.batches(cursor):
                cursor = batch.seq
                seen += [message.payload for message in batch.messages]
        writer.communicate()
    assert seen == [b"%d" % number for number in range(200)]


def test_reader_says_that_there_is_no_journal(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path)
    assert (reader.head, list(reader.batches(0)), reader.days()) == (0, [], [])
    with pytest.raises(JournalError, match="there is no journal in"):
        _ = reader.id


def test_batches_names_a_damaged_body_and_goes_on(open_journal: OpenJournal) -> None:
    journal = open_journal()
    for _ in range(3):
        journal.append(some_messages())
    path = journal.days()[0].path
    damage_body(path, 2)
    assert [batch.seq for batch in journal.batches(0)] == [1, 3]
    assert list(journal.batches(0))
    (damage,) = journal.damage.values()
    assert (damage.path, damage.seq, damage.messages) == (path, 2, 3)
    with pytest.raises(JournalError, match=r"batch 2 in .* cannot be read"):
        journal.batch(2)


def test_batches_goes_on_behind_a_damaged_page(open_journal: OpenJournal) -> None:
    journal = open_journal()
    for number in range(300):
        journal.append([Message("t", b"%d" % number, NOON)])
    path = journal.days()[0].path
    journal.close()
    content = bytearray(path.read_bytes())
    leaves = [page for page in range(0, len(content), 4096) if content[page] == 0x0D]
    page = leaves[len(leaves) // 2]
    content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    reader = JournalReader(path.parent)
    seen = [batch.seq for batch in reader.batches(0)]
    lost = {damage.seq for damage in reader.damage.values()}
    assert 150 < len(seen) < 300
    assert set(seen) | lost >= set(range(1, 301))


def test_journal_goes_on_beside_a_newest_day_that_is_no_database(
    open_journal: OpenJournal, clock: Callable[[str], int], tmp_path: Path
) -> None:
    clock("2026-01-30T12:00:00Z")
    journal = open_journal()
    journal.append(some_messages())
    clock("2026-01-31T12:00:00Z")
    journal.append(some_messages())
    name, newest = journal.id, journal.days()[-1].path
    journal.close()
    newest.write_bytes(b"no database" * 1000)
    journal = open_journal()
    assert journal.id == name
    assert journal.append(some_messages()) > 1_000_000  # ahead of whatever the lost file held
    assert [batch.seq for batch in journal.batches(0)] == [1, journal.head]
    assert newest in {damage.path for damage in journal.damage.values()}
    clock("2026-02-01T12:00:00Z")
    assert journal.append(some_messages()) == journal.head
    assert len(list(journal.batches(0))) == 3
    assert len(list(open_journal().batches(0))) == 3


def test_behind_counts_messages_over_days_and_damage(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    clock("2026-01-30T12:00:00Z")
    journal = open_journal()
    assert journal.behind(0) == (0, 0)
    for number in range(1, 4):
        journal.append(some_messages(number, first_ns=NOON + number * 1_000))
    clock("2026-01-31T12:00:00Z")
    journal = open_journal()
    journal.append(some_messages(10, first_ns=NOON + 9_000))
    assert [journal.behind(after)[0] for after in range(5)] == [16, 15, 13, 10, 0]
    assert [journal.behind(after)[1] - NOON for after in range(4)] == [1_000, 2_000, 3_000, 9_000]
    damage_body(journal.days()[0].path, 2)
    assert journal.behind(1) == (15, NOON + 3_000)
    assert JournalReader(journal.directory).behind(2) == (13, NOON + 3_000)


def test_batch_names_what_the_journal_holds(open_journal: OpenJournal) -> None:
    journal = open_journal()
    journal.append(some_messages())
    assert journal.batch(1).messages == some_messages()
    with pytest.raises(JournalError, match="no batch 7") as refusal:
        journal.batch(7)
    assert "1 to 1" in refusal.value.hint


def test_between_finds_batches_by_receipt_time(
    open_journal: OpenJournal, clock: Callable[[str], int]
) -> None:
    clock("2026-01-31T12:00:00Z")
    journal = open_journal()
    for minute in range(10):
        journal.append(some_messages(first_ns=NOON + minute * timeline.MINUTE_NS))
    clock("2026-02-01T12:00:00Z")
    journal.append(some_messages(first_ns=NOON + timeline.DAY_NS))
    start = NOON + 3 * timeline.MINUTE_NS
    found = journal.between(start, start + 2 * timeline.MINUTE_NS)
    assert [batch.seq for batch in found] == [4, 5]
    assert [batch.seq for batch in journal.between(start + 1, start + 2)] == [4]
    assert [batch.seq for batch in journal.between(NOON + timeline.HOUR_NS, 2**62)] == [11]
    assert list(journal.between(0, NOON)) == []
