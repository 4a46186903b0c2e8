"""One SQLite file: connections, transactions, and errors an operator can act on."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from livinglab.errors import (
    StoreAuthError,
    StoreError,
    StoreMissingError,
    StoreUnavailableError,
)

BUSY_S: Final = 30.0
FORMAT: Final = 1

_LOCKED: Final = (
    StoreUnavailableError,
    f"another process wrote for over {BUSY_S:g} s: try again, or see who has {{path}} open",
)
_PERMISSION: Final = (
    StoreAuthError,
    "give the user of this process write permission on {path} and its folder",
)
_DAMAGED: Final = (
    StoreError,
    "restore {path} from a backup, or move it away and load the journal again",
)
_MEANING: Final[Mapping[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: (
        StoreUnavailableError,
        "free space on the disk of {path}; nothing of this transaction is stored",
    ),
    sqlite3.SQLITE_IOERR: (StoreUnavailableError, "see the system log for disk errors and quotas"),
    sqlite3.SQLITE_READONLY: _PERMISSION,
    sqlite3.SQLITE_PERM: _PERMISSION,
    sqlite3.SQLITE_AUTH: _PERMISSION,
    sqlite3.SQLITE_CANTOPEN: _PERMISSION,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS series (
  id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, tags TEXT NOT NULL,
  UNIQUE (measurement, tags)
)
"""


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """What an SQLite error means for whoever runs the store."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not is_there(path):
        return missing(path)
    kind, hint = _MEANING.get(code, (StoreError, ""))
    return kind(f"store file {path}: {error}", hint=hint.format(path=path))


def is_there(path: Path) -> bool:
    """Whether a file exists; StoreAuthError where this user may not look."""
    try:
        return path.exists()
    except OSError as error:
        kind, hint = _PERMISSION
        raise kind(f"store file {path}: {error.strerror}", hint=hint.format(path=path)) from error


def missing(path: Path) -> StoreMissingError:
    """The error for a bucket whose file is not there."""
    hint = "`livinglab store prepare` makes it once; or is `store` in livinglab.yaml another one?"
    return StoreMissingError(f"no store at {path}", hint=hint)


class SqliteFile:
    """A pool of connections to one file; safe for threads, processes and forks.

    Parameters
    ----------
    path : Path
        The file. It is only created by `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._foreign: list[sqlite3.Connection] = []
        self._pid = os.getpid()

    def create(self) -> None:
        """Make the file where it is missing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreAuthError(f"{self.path.parent} cannot be made: {error}") from error
        with self._connected("rwc") as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLES)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in a read transaction: one consistent state, blocks no writer."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a write transaction, taken at once so that it cannot deadlock."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._connected("rw") as connection:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._take(mode)
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error
        try:
            yield connection
        except BaseException as error:
            connection.close()  # rolls back; what state it is in is no longer known
            if isinstance(error, sqlite3.Error):
                raise store_error(error, self.path) from error
            raise
        self._give_back(connection)

    def _take(self, mode: str) -> sqlite3.Connection:
        with self._lock:
            if self._pid != os.getpid():
                # Connections must not cross a fork, nor be closed on the other side of it.
                self._foreign, self._idle, self._pid = self._idle, [], os.getpid()
            if self._idle and mode == "rw":
                return self._idle.pop()
        if mode == "rw" and not is_there(self.path):
            raise missing(self.path)
        return self._connect(mode)

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # FULL for every bucket: a run record that outlives, in a power cut, the data it speaks
            # of would call lost data fresh for ever.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -16000")
            (found,) = connection.execute("PRAGMA user_version").fetchone()
        except BaseException:
            connection.close()
            raise
        if found > FORMAT:
            connection.close()
            hint = "use the version of the product that wrote it, or a newer one"
            raise StoreError(f"{self.path} has format {found}, this is {FORMAT}", hint=hint)
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._pid == os.getpid():
                self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle; a later call opens anew."""
        with self._lock:
            if self._pid != os.getpid():
                return  # they belong to the parent
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        # Python 3.13 warns of connections that nobody closed.
        if hasattr(self, "_idle"):
            self.close()
