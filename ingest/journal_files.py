"""The day files of a journal: their names, what they hold, how they are opened.

A journal is a directory with one SQLite file per UTC day; the names sort as the sequences do. Each
file names the journal and the first sequence that it can hold, so that a reader opens only the
files it needs.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from ingest import journal_body
from livinglab.errors import JournalError
from livinglab.model import Message

_SUFFIX: Final = ".sqlite"
BUSY_S: Final = 5.0  # how long a statement waits for another process's lock
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
  seq INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  total INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  size INTEGER NOT NULL,
  body BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of the journal: its global sequence and its messages in order of arrival."""

    seq: int
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Damage:
    """A row or file that could not be read: what is missing is named, never passed over."""

    path: Path
    seq: int  # 0 = the whole file
    messages: int  # as the row says; -1 = not even that can be read
    why: str


@dataclass(frozen=True, slots=True)
class DayFile:
    """What one day file holds; sizes in bytes, times in ns since 1970 UTC, 0 where it is empty."""

    path: Path
    first_seq: int
    last_seq: int
    batches: int
    messages: int
    plain_bytes: int
    disk_bytes: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Head:
    """The identity of a day file: the journal, and where it stood when the file was begun."""

    journal: str
    first_seq: int
    total: int  # messages before
    after_ns: int  # the last receipt time before


@dataclass(frozen=True, slots=True)
class End:
    """Where a journal stands: its last sequence, messages so far, last receipt time."""

    seq: int
    total: int
    last_ns: int


def journal_path(state_dir: Path) -> Path:
    """Where the journal is, below the state directory of the settings."""
    return state_dir / "journal"


def day_files(directory: Path) -> list[Path]:
    """The day files of a journal, oldest first; none where there is no such directory.

    Raises
    ------
    JournalError
        If this user may not look into the directory.
    """
    try:
        found = list(directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(directory, str(error.strerror)) from error
    days = (path for path in found if fnmatchcase(path.name, f"????-??-??*{_SUFFIX}"))
    return sorted(days, key=lambda path: path.stem)


def unreadable(directory: Path, why: str) -> JournalError:
    """The error for a journal that is there and cannot be read."""
    hint = "run this as the user of the ingest service"
    return JournalError(f"the journal in {directory} cannot be read: {why}", hint=hint)


def day_path(directory: Path, day: str) -> Path:
    """The file of a day, `day` as YYYY-MM-DD."""
    return directory / f"{day}{_SUFFIX}"


def next_part(path: Path) -> Path:
    """The file after a damaged one of the same day: 2026-01-31, 2026-01-31-2, 2026-01-31-3."""
    day, part = path.stem[:10], path.stem[11:]
    return day_path(path.parent, f"{day}-{int(part or 1) + 1}")


def disk_bytes(path: Path) -> int:
    """Bytes that a day file takes on disk, its write-ahead log included."""
    total = 0
    for part in (path, path.with_name(f"{path.name}-wal")):
        try:
            total += part.stat().st_size
        except FileNotFoundError:
            continue
    return total


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to a day file."""
    address = f"file:{quote(str(path))}?mode=ro"
    return sqlite3.connect(
        address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )


def read_head(connection: sqlite3.Connection) -> Head | None:
    """The identity of a day file; None while it is being created."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()
    if not tables[0]:
        return None
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if not meta:
        return None
    if meta["format"] != journal_body.FORMAT:
        raise JournalError(
            f"journal format {meta['format']} is not the {journal_body.FORMAT} of this version",
            hint="read it with the version of livinglab that wrote it",
        )
    return Head(meta["journal"], int(meta["first_seq"]), int(meta["total"]), int(meta["after_ns"]))


def end_of(connection: sqlite3.Connection, head: Head, upto: int | None = None) -> End:
    """Where the journal stood after this file, or after sequence `upto` of it."""
    query = (
        "SELECT seq, total, last_ns FROM batch WHERE seq <= coalesce(?, seq)"
        " ORDER BY seq DESC LIMIT 1"
    )
    row = connection.execute(query, (upto,)).fetchone()
    return End(*row) if row else End(head.first_seq - 1, head.total, head.after_ns)


def lock(directory: Path) -> IO[str]:
    """Create the directory and take its writer's lock; closing the file releases it.

    Raises
    ------
    JournalError
        If another process has the lock, or the directory cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        guard = (directory / "lock").open("a+")
    except OSError as error:
        raise JournalError(
            f"the journal directory {directory} cannot be used: {error.strerror}",
            hint="set state_dir to a directory that this user may write",
        ) from error
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        guard.seek(0)
        owner = guard.read().strip() or "unknown"
        guard.close()
        raise JournalError(
            f"another process (number {owner}) writes the journal in {directory}",
            hint="one service per state directory: stop the other, or set another state_dir",
        ) from error
    guard.truncate(0)
    guard.write(f"{os.getpid()}\n")
    guard.flush()
    return guard


def open_for_writing(path: Path, before: Head) -> sqlite3.Connection:
    """A connection whose commits are durable; a new file gets `before` as its identity."""
    if not path.exists():
        _create(path, before)
    connection = _connect(path)
    try:
        if read_head(connection) is None:
            _write_head(connection, before)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path, before: Head) -> None:
    """Make a day file whole before it has its name: half a file, after a kill, has no reader."""
    part = path.with_name(f"{path.name}.part")
    delete(part)
    with closing(_connect(part)) as connection:
        _write_head(connection, before)
    part.rename(path)
    _sync_directory(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_head(connection: sqlite3.Connection, head: Head) -> None:
    connection.executescript(_SCHEMA)
    rows = {
        "format": journal_body.FORMAT,
        "journal": head.journal,
        "first_seq": str(head.first_seq),
        "total": str(head.total),
        "after_ns": str(head.after_ns),
    }
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows.items())
    connection.execute("COMMIT")


def _sync_directory(directory: Path) -> None:
    """Make a new file's name durable: SQLite syncs the file, not always the directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete(path: Path) -> None:
    """Remove a day file with what SQLite keeps beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
