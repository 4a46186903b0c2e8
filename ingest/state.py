"""The loader's state: one SQLite file, one transaction per commit.

`commit` writes cursor, outcome of each message, counters, newest times, letters together, after
their points are confirmed and their arrival versions written: whatever a crash cuts off is repeated
from here, with the same result. A commit that touches very many counters and series writes them as
one row (`pending`), and now and then one commit brings those rows into the tables: sums and
maxima are the same in any order, and readers always see both. `intend` goes before the first point
of a group, so that a restart knows how far an attempt may have come, under which registry, and what
its late writes found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from ingest.letters import Letter
from ingest.letters_table import LETTER_SCHEMA, Letters
from ingest.series import LateKey, SeriesName
from ingest.state_file import StateError, StateLockedError, has_state, lock, state_path
from livinglab.errors import LivingLabError

__all__ = [
    "Commit",
    "Counts",
    "Cursor",
    "Intent",
    "State",
    "StateError",
    "StateLockedError",
    "has_state",
    "state_path",
]

_FORMAT: Final = 2
_PENDING: Final = "CREATE TABLE pending (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"
_PACKED_FROM: Final = 500  # counters and series of a commit
_MOST_PENDING: Final = 24  # packed commits until they are unpacked
_BUSY_MS: Final = 10_000
_SCHEMA: Final = """
CREATE TABLE cursor (
  journal TEXT PRIMARY KEY, seq INTEGER NOT NULL, number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE intent (
  journal TEXT PRIMARY KEY, seq INTEGER NOT NULL, registry TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE late (
  measurement TEXT, device TEXT, channel TEXT, time_ns INTEGER, field TEXT, before REAL,
  PRIMARY KEY (measurement, device, channel, time_ns, field)
) WITHOUT ROWID;
CREATE TABLE outcome (
  journal TEXT, seq INTEGER, number INTEGER NOT NULL, codes BLOB NOT NULL,
  PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE TABLE counter (
  name TEXT, device TEXT, reason TEXT, key TEXT, value INTEGER NOT NULL,
  PRIMARY KEY (name, device, reason, key)
) WITHOUT ROWID;
CREATE TABLE series (
  measurement TEXT, device TEXT, channel TEXT, newest_ns INTEGER NOT NULL,
  PRIMARY KEY (measurement, device, channel)
) WITHOUT ROWID;
CREATE TABLE job (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, arguments TEXT NOT NULL, state TEXT NOT NULL,
  result TEXT NOT NULL, created_ns INTEGER NOT NULL
);
"""

_Count = tuple[str, str, str, str, int]
_Newest = tuple[str, str, str, int]
_Pending = tuple[list[_Count], list[_Newest]]
_pending: Final = msgspec.msgpack.Decoder(_Pending)

#: (name, device, reason, key) -> amount. Names: see `ingest.ledger`.
Counts = Mapping[tuple[str, str, str, str], int]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is loaded: the batch, and how many messages of this journal up to its end."""

    seq: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """Points of batches up to `seq` may be in the store already, made with `registry`."""

    seq: int
    registry: str


@dataclass(slots=True)
class Commit:
    """Everything that one transaction writes.

    `outcomes` are (batch, number of its last message, one code per message); `recoded` are
    (journal, batch, index, code) of messages that ended elsewhere than before; `settled` are
    letters that are gone, `released` places whose message no longer counts as dead or waiting.
    """

    journal: str = ""
    cursor: Cursor | None = None
    outcomes: list[tuple[int, int, bytes]] = field(default_factory=list)
    counts: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    newest: Mapping[SeriesName, int] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    released: list[tuple[str, int, int]] = field(default_factory=list)
    recoded: list[tuple[str, int, int, int]] = field(default_factory=list)
    job: tuple[int, str, str] | None = None  # id, state, result


class State:
    """The loader's state file, open for reading and writing.

    Parameters
    ----------
    path : Path
        The file; created where it is missing.
    exclusive : bool
        Take the lock that makes this process the one loader of the file.

    Raises
    ------
    StateLockedError
        If another process holds the lock.
    StateError
        If the file cannot be opened.
    LivingLabError
        If it has another format.
    """

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock(path) if exclusive else None
        except OSError as error:
            raise StateError(path, error, "opened") from error
        try:
            self.connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            self._prepare()
        except sqlite3.Error as error:
            self._release()
            raise StateError(path, error, "opened") from error
        self.letters = Letters(self.connection)

    def _prepare(self) -> None:
        run = self.connection.execute
        run(f"PRAGMA busy_timeout = {_BUSY_MS}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        found = run("PRAGMA user_version").fetchone()[0]
        if found == 0:
            self._create()
        elif found == 1:  # has no packed commits yet
            self._upgrade()
        elif found != _FORMAT:
            raise LivingLabError(
                f"the loader's state {self.path} has format {found}, this version reads {_FORMAT}",
                hint="use the version of livinglab that wrote it",
            )

    def _create(self) -> None:
        """Make the tables, unless another process has just done so."""
        run = self.connection.execute
        with self.transaction():
            if run("PRAGMA user_version").fetchone()[0] == 0:
                for statement in (_SCHEMA + LETTER_SCHEMA + _PENDING).split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {_FORMAT}")

    def _upgrade(self) -> None:
        run = self.connection.execute
        with self.transaction():
            if run("PRAGMA user_version").fetchone()[0] == 1:
                run(_PENDING)
                run(f"PRAGMA user_version = {_FORMAT}")

    def close(self) -> None:
        """Close the file and release the lock; idempotent."""
        self.connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        try:
            yield
            run("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # a full disk makes SQLite itself roll back
                run("ROLLBACK")
            raise

    def cursor(self, journal: str) -> Cursor:
        """What of a journal is loaded."""
        query = "SELECT seq, number FROM cursor WHERE journal = ?"
        row = self.connection.execute(query, (journal,)).fetchone()
        return Cursor(*row) if row else Cursor()

    def journals(self) -> list[str]:
        """Every journal that was ever loaded from."""
        rows = self.connection.execute("SELECT journal FROM cursor ORDER BY journal")
        return [row[0] for row in rows]

    def intent(self, journal: str) -> Intent | None:
        """How far an attempt that was cut off may have come, None where none was."""
        query = "SELECT seq, registry FROM intent WHERE journal = ?"
        row = self.connection.execute(query, (journal,)).fetchone()
        return Intent(*row) if row else None

    def before_images(self) -> dict[LateKey, float | None]:
        """What the late writes of an attempt that was cut off had found."""
        rows = self.connection.execute("SELECT * FROM late")
        return {tuple(row[:5]): row[5] for row in rows}

    def newest(self) -> dict[SeriesName, int]:
        """The latest stored time of each series in ns."""
        query = "SELECT * FROM series UNION ALL SELECT body, NULL, NULL, NULL FROM pending"
        newest: dict[SeriesName, int] = {}
        for first, device, channel, time_ns in self.connection.execute(query):
            if device is None:
                _raise_to(newest, _unpacked(first)[1])
            else:
                _raise_to(newest, [(first, device, channel, time_ns)])
        return newest

    def counts(self) -> dict[tuple[str, str, str, str], int]:
        """All counters."""
        query = "SELECT * FROM counter UNION ALL SELECT body, NULL, NULL, NULL, NULL FROM pending"
        counts: dict[tuple[str, str, str, str], int] = {}
        for first, device, reason, key, value in self.connection.execute(query):
            packed = device is None
            _add_to(
                counts, _unpacked(first)[0] if packed else [(first, device, reason, key, value)]
            )
        return counts

    def outcome(self, journal: str, seq: int) -> bytes:
        """One code per message of a batch (see `ingest.ledger.OUTCOMES`), b"" where unknown."""
        query = "SELECT codes FROM outcome WHERE journal = ? AND seq = ?"
        row = self.connection.execute(query, (journal, seq)).fetchone()
        return bytes(row[0]) if row else b""

    def number(self, journal: str, seq: int) -> int:
        """How many messages of a journal there are up to the end of a batch, as far as known."""
        query = "SELECT max(number) FROM outcome WHERE journal = ? AND seq <= ?"
        return int(self.connection.execute(query, (journal, seq)).fetchone()[0] or 0)

    def tail(self, journal: str, number: int) -> Cursor:
        """The last batch known that ends at or before message `number`, else the first known."""
        query = "SELECT seq, number, length(codes) FROM outcome WHERE journal = ?"
        below = f"{query} AND number <= ? ORDER BY seq DESC LIMIT 1"
        row = self.connection.execute(below, (journal, number)).fetchone()
        if row is None:
            row = self.connection.execute(f"{query} ORDER BY seq LIMIT 1", (journal,)).fetchone()
            if row is None or row[1] == row[2]:
                return Cursor()  # everything since the first message is known
        return Cursor(row[0], row[1])

    def intend(
        self, journal: str, intent: Intent | None, late: Mapping[LateKey, float | None]
    ) -> None:
        """Before points are written: how far they may come, and what the late ones found.

        What an earlier attempt found stays: it saw the store before any of these writes.
        """
        with self.transaction():
            if intent is not None:
                row = (journal, intent.seq, intent.registry)
                self.connection.execute("INSERT OR REPLACE INTO intent VALUES (?, ?, ?)", row)
            self.connection.executemany(
                "INSERT OR IGNORE INTO late VALUES (?, ?, ?, ?, ?, ?)",
                ((*key, before) for key, before in late.items()),
            )

    def commit(self, commit: Commit) -> None:
        """Write everything of a commit in one transaction."""
        run, many = self.connection.execute, self.connection.executemany
        with self.transaction():
            if commit.cursor is not None:
                row = (commit.journal, commit.cursor.seq, commit.cursor.number)
                run("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", row)
                run("DELETE FROM intent WHERE journal = ?", (commit.journal,))
            run("DELETE FROM late")
            many(
                "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?)",
                ((commit.journal, *outcome) for outcome in commit.outcomes),
            )
            if len(commit.counts) + len(commit.newest) < _PACKED_FROM:
                self._count(commit.counts)
                self._note_newest(commit.newest)
            else:
                self._pack(commit)
            self.letters.remove(commit.settled)
            self.letters.release(commit.released)
            self.letters.add(commit.letters)
            self._recode(commit.recoded)
            if commit.job is not None:
                job, state, result = commit.job
                run("UPDATE job SET state = ?, result = ? WHERE id = ?", (state, result, job))

    def prune(self, journal: str, oldest: int) -> None:
        """Forget the outcomes of batches before `oldest`, which the journal no longer holds."""
        with self.transaction():
            self.connection.execute(
                "DELETE FROM outcome WHERE journal = ? AND seq < ?", (journal, oldest)
            )

    def expire_letters(self, before_ns: int, quota_bytes: int) -> None:
        """Remove letters received before `before_ns`, then the oldest above a quota; counted."""
        with self.transaction():
            gone = self.letters.expire(before_ns, quota_bytes)
            self._count({(f"{kind}_expired", "", "", ""): n for kind, n in gone.items() if n})

    def _count(self, counts: Counts) -> None:
        self.connection.executemany(
            "INSERT INTO counter VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " value = value + excluded.value",
            ((*name, value) for name, value in counts.items()),
        )

    def _note_newest(self, newest: Mapping[SeriesName, int]) -> None:
        self.connection.executemany(
            "INSERT INTO series VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " newest_ns = max(newest_ns, excluded.newest_ns)",
            ((*name, time_ns) for name, time_ns in newest.items()),
        )

    def _pack(self, commit: Commit) -> None:
        """Keep counters and newest times of a commit as one row; many such rows are unpacked."""
        run = self.connection.execute
        counts = [(*name, value) for name, value in commit.counts.items()]
        newest = [(*name, time_ns) for name, time_ns in commit.newest.items()]
        body = msgspec.msgpack.encode((counts, newest))
        run("INSERT INTO pending (body) VALUES (?)", (body,))
        if run("SELECT count(*) FROM pending").fetchone()[0] <= _MOST_PENDING:
            return
        rows = run("SELECT body FROM pending").fetchall()
        total: dict[tuple[str, str, str, str], int] = {}
        latest: dict[SeriesName, int] = {}
        for (packed,) in rows:
            some, times = _unpacked(packed)
            _add_to(total, some)
            _raise_to(latest, times)
        self._count(total)
        self._note_newest(latest)
        run("DELETE FROM pending")

    def _recode(self, changes: Iterable[tuple[str, int, int, int]]) -> None:
        for journal, seq, index, code in changes:
            codes = bytearray(self.outcome(journal, seq))
            if index < len(codes):
                codes[index] = code
                self.connection.execute(
                    "UPDATE outcome SET codes = ? WHERE journal = ? AND seq = ?",
                    (bytes(codes), journal, seq),
                )


def _unpacked(body: bytes) -> _Pending:
    found: _Pending = _pending.decode(body)
    return found


def _add_to(total: dict[tuple[str, str, str, str], int], rows: Iterable[_Count]) -> None:
    for name, device, reason, key, value in rows:
        total[name, device, reason, key] = total.get((name, device, reason, key), 0) + value


def _raise_to(latest: dict[SeriesName, int], rows: Iterable[_Newest]) -> None:
    for measurement, device, channel, time_ns in rows:
        series = (measurement, device, channel)
        latest[series] = max(latest.get(series, time_ns), time_ns)
