"""The journal: the one durable path between the broker and the store.

`append` returns when a batch of messages is on disk; only then may they be acknowledged. One SQLite
file per UTC day, one row per batch. The file is that of the newest day ever written or of today,
whichever is later, so a clock that steps back never writes behind a follower's cursor. Receipt
times increase strictly over batches, files and restarts.

When the quota or the disk is full, `append` raises JournalFullError and changes nothing; it works
again as soon as there is room. Nothing is deleted to make room, except what `expire` may delete.
"""

from __future__ import annotations

import errno
import secrets
import sqlite3
import threading
import time
from contextlib import closing, suppress
from operator import ge
from pathlib import Path
from typing import Final

from ingest import journal_body
from ingest.journal_files import (
    Batch,
    Damage,
    DayFile,
    End,
    Head,
    day_files,
    day_path,
    delete,
    disk_bytes,
    end_of,
    lock,
    next_part,
    open_for_reading,
    open_for_writing,
    read_head,
)
from ingest.journal_reader import JournalReader
from livinglab import timeline
from livinglab.errors import JournalError, JournalFullError
from livinglab.model import Message

__all__ = ["Batch", "Damage", "DayFile", "Journal", "JournalReader"]

_INSERT: Final = (
    "INSERT INTO batch (seq, count, total, first_ns, last_ns, size, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
#: Sequences left free after a day file that cannot be read: more than a day can hold, so that a
#: follower's cursor is never ahead of new batches.
_LEAP: Final = 1_000_000_000
_UNREADABLE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_ROW_BYTES: Final = 16_384  # room for the pages that a row touches besides its body


class Journal(JournalReader):
    """Write access to a journal; one at a time, guarded by a lock file.

    Parameters
    ----------
    directory : Path
        Where the day files are; created where it is missing.
    quota_bytes : int
        The most that the day files may take, 0 = no limit.
    retention_days : int
        How long `expire` keeps a day, 0 = for ever.

    Raises
    ------
    JournalError
        If another process writes this journal, or the directory cannot be used.
    JournalFullError
        If there is no room even to create a day file.
    """

    def __init__(self, directory: Path, *, quota_bytes: int = 0, retention_days: int = 0) -> None:
        super().__init__(directory)
        self.quota_bytes = quota_bytes
        self.retention_days = retention_days
        self._writer: sqlite3.Connection | None = None
        self._path = directory
        self._journal = ""
        self._end = End(0, 0, 0)
        self._older_bytes = 0
        self._damaged: set[Path] = set()
        self._grown = threading.Condition()
        self._guard = lock(directory)
        try:
            self._open(timeline.to_text(time.time_ns())[:10])
        except BaseException:
            self._guard.close()
            raise

    @property
    def id(self) -> str:
        """The random name of this journal, given when it was created."""
        return self._journal

    @property
    def head(self) -> int:
        """The sequence of the newest batch, 0 while there is none."""
        return self._end.seq

    @property
    def last_ns(self) -> int:
        """The newest receipt time in the journal, 0 while there is none."""
        return self._end.last_ns

    @property
    def used_bytes(self) -> int:
        """What the day files take on disk."""
        return self._older_bytes + disk_bytes(self._path)

    def append(self, messages: list[Message]) -> int:
        """Write one batch; when this returns, it survives a crash and a power cut.

        Receipt times that do not increase are moved up by the ns that it takes.

        Parameters
        ----------
        messages : list of Message
            At least one, in order of arrival.

        Returns
        -------
        int
            The global sequence of the batch.

        Raises
        ------
        JournalFullError
            If the quota is reached or the disk is full; nothing was written.
        JournalError
            If the disk refuses for another reason; the batch may be repeated.
        """
        messages = self._increasing(messages)
        body, size = journal_body.encode(messages)
        first_ns, last_ns = messages[0].received_ns, messages[-1].received_ns
        try:
            writer = self._writer_for(timeline.to_text(time.time_ns())[:10])
            self._require_room(len(body))
            end = End(self._end.seq + 1, self._end.total + len(messages), last_ns)
            row = (end.seq, len(messages), end.total, first_ns, last_ns, size, body)
            writer.execute(_INSERT, row)
        except sqlite3.Error as error:
            if _code(error) in _UNREADABLE:
                self._set_aside(self._path, error)
            self._close_writer()  # what is on disk is read again before the next batch
            raise self._refusal(error) from error
        with self._grown:
            self._end = end
            self._grown.notify_all()
        return end.seq

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until there is a batch above `after`; False when `timeout_s` passed first."""
        with self._grown:
            return self._grown.wait_for(lambda: self._end.seq > after, timeout_s)

    def expire(self, *, loaded: int | None = None) -> list[Path]:
        """Delete the day files that are older than the retention; never the newest one.

        Parameters
        ----------
        loaded : int, optional
            The follower's cursor: files with batches above it stay, however old. None = no
            follower has a say.

        Returns
        -------
        list of Path
            What was deleted.
        """
        if not self.retention_days:
            return []
        oldest_kept = time.time_ns() - self.retention_days * timeline.DAY_NS
        limit = timeline.to_text(oldest_kept)[:10]
        gone: list[Path] = []
        files = day_files(self.directory)
        for position, path in enumerate(files[:-1], start=1):
            head = next(filter(None, map(self._head_of, files[position:])), None)
            if path.stem >= limit or path == self._path or head is None:
                break
            if loaded is not None and head.first_seq - 1 > loaded:
                break
            delete(path)
            self._heads.pop(path, None)
            gone.append(path)
        self._older_bytes = self._bytes_of_others()
        return gone

    def close(self) -> None:
        """Fold the log back and release the lock; idempotent."""
        self._close_writer()
        self._guard.close()

    def _increasing(self, messages: list[Message]) -> list[Message]:
        times = [self._end.last_ns, *[message.received_ns for message in messages]]
        if not any(map(ge, times, times[1:])):
            return messages
        last = self._end.last_ns
        moved: list[Message] = []
        for message in messages:
            last = max(message.received_ns, last + 1)
            moved.append(message._replace(received_ns=last))
        return moved

    def _require_room(self, needed: int) -> None:
        if not self.quota_bytes or self.used_bytes + needed + _ROW_BYTES <= self.quota_bytes:
            return
        self._older_bytes = self._bytes_of_others()  # an operator may have made room
        used = self.used_bytes
        if used + needed + _ROW_BYTES > self.quota_bytes:
            raise JournalFullError(
                f"the journal in {self.directory} takes {used / 1e6:.1f} MB of its quota of"
                f" {self.quota_bytes / 1e6:.1f} MB: nothing is acknowledged, the broker holds",
                hint="raise journal_quota_mb, lower journal_retention_days, or move day files of"
                " days that are loaded to another place",
            )

    def _refusal(self, error: sqlite3.Error | OSError) -> JournalError:
        if _code(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) == errno.ENOSPC:
            return JournalFullError(
                f"the disk of {self.directory} is full: nothing is acknowledged, the broker holds",
                hint="make room on that disk; the service goes on by itself",
            )
        return JournalError(
            f"the journal in {self.directory} cannot be written: {error}",
            hint="nothing is acknowledged until it can; see the disk and its permissions",
        )

    def _writer_for(self, today: str) -> sqlite3.Connection:
        if self._writer is None or today > self._path.stem[:10]:
            self._close_writer()
            self._open(today)
        if self._writer is None:
            raise JournalError(f"the journal in {self.directory} is closed")
        return self._writer

    def _open(self, today: str) -> None:
        """Open the file of today or of the newest day, whichever is later.

        A damaged newest file stays where it is, to be read as far as it goes; the next part of
        its day continues the journal.
        """
        files = day_files(self.directory)
        path = files[-1] if files else day_path(self.directory, today)
        if today > path.stem[:10]:
            path = day_path(self.directory, today)
        if path in self._damaged:
            path = next_part(path)
        before = self._state_before([other for other in files if other.stem < path.stem])
        try:
            self._writer = open_for_writing(path, before)
        except (sqlite3.Error, OSError) as error:
            if _code(error) not in _UNREADABLE:
                raise self._refusal(error) from error
            self._set_aside(path, error)
            self._open(today)
            return
        self._path = path
        self._resume(self._writer)
        self._older_bytes = self._bytes_of_others()

    def _set_aside(self, path: Path, error: Exception) -> None:
        self._note(path, 0, -1, error)
        self._damaged.add(path)

    def _state_before(self, older: list[Path]) -> Head:
        """What a new file continues: the journal's name, the next sequence, the last receipt."""
        leap = 0
        for path in reversed(older):
            leap += _LEAP if path in self._damaged else 0
            try:
                with closing(open_for_reading(path)) as connection:
                    head = read_head(connection)
                    if head is not None:
                        end = _later(end_of(connection, head), self._end)
                        return Head(head.journal, end.seq + 1 + leap, end.total, end.last_ns)
            except sqlite3.Error as error:
                leap += 0 if path in self._damaged else _LEAP
                self._set_aside(path, error)
        name = self._journal or secrets.token_hex(8)
        return Head(name, self._end.seq + 1 + leap, self._end.total, self._end.last_ns)

    def _resume(self, writer: sqlite3.Connection) -> None:
        head = read_head(writer)
        if head is None:
            raise JournalError(f"{self._path} has no head")
        self._journal = head.journal
        self._end = _later(end_of(writer, head), self._end)

    def _bytes_of_others(self) -> int:
        return sum(disk_bytes(path) for path in day_files(self.directory) if path != self._path)

    def _close_writer(self) -> None:
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 for an error of the system."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _later(one: End, other: End) -> End:
    return max(one, other, key=lambda end: end.seq)
