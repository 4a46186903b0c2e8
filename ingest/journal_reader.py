"""Reading a journal, also from a second process while the service writes it.

A query fetches one row: no read transaction stays open while a batch is worked on, so the writer's
log is always free to be folded back.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
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
    disk_bytes,
    end_of,
    open_for_reading,
    read_head,
    unreadable,
)
from livinglab.errors import JournalError

_POLL_S: Final = 0.05


class JournalReader:
    """Read access to a journal; safe beside a writing process, and for several threads.

    Parameters
    ----------
    directory : Path
        Where the day files are.

    Attributes
    ----------
    damage : dict of (path, seq) to Damage
        Everything that could not be read so far by this object.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.damage: dict[tuple[Path, int], Damage] = {}
        self._heads: dict[Path, Head] = {}
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """The random name of this journal, given when it was created."""
        for path in reversed(day_files(self.directory)):
            head = self._head_of(path)
            if head is not None:
                return head.journal
        raise self._without_head()

    @property
    def head(self) -> int:
        """The sequence of the newest batch, 0 while there is none."""
        for path in reversed(day_files(self.directory)):
            head = self._head_of(path)
            if head is None:
                continue
            try:
                with closing(open_for_reading(path)) as connection:
                    newest = connection.execute("SELECT max(seq) FROM batch").fetchone()[0]
            except sqlite3.Error as error:
                self._note(path, 0, -1, error)
                continue
            return int(newest) if newest is not None else head.first_seq - 1
        return 0

    @property
    def oldest(self) -> int:
        """The first sequence that is still held (or will be, while there is none)."""
        for path in day_files(self.directory):
            head = self._head_of(path)
            if head is not None:
                return head.first_seq
        return 1

    def batches(self, after: int) -> Iterator[Batch]:
        """Yield every batch with a sequence above `after`, in order, up to the present end.

        A batch or file that cannot be read is entered in `damage`; the others still come.
        """
        for path in self._files_after(after):
            for batch in self._batches_of(path, after):
                after = batch.seq
                yield batch

    def batch(self, seq: int) -> Batch:
        """One batch by its sequence.

        Raises
        ------
        JournalError
            If the journal does not hold it, or its body is damaged.
        """
        for batch in self.batches(seq - 1):
            if batch.seq == seq:
                return batch
            break
        damaged = next((one for one in self.damage.values() if one.seq == seq), None)
        if damaged is not None:
            raise JournalError(f"batch {seq} in {damaged.path} cannot be read: {damaged.why}")
        raise JournalError(
            f"the journal holds no batch {seq}",
            hint=f"it holds {self.oldest} to {self.head}: see `livinglab journal show`",
        )

    def between(self, start_ns: int, end_ns: int) -> Iterator[Batch]:
        """Yield the batches with a message received in [start_ns, end_ns)."""
        for path in day_files(self.directory):
            first = self._first_from(path, start_ns)
            if first is None:
                continue
            for batch in self._batches_of(path, first - 1):
                if batch.messages[0].received_ns >= end_ns:
                    return
                yield batch

    def days(self) -> list[DayFile]:
        """What each day file holds, oldest first."""
        days = (self._day(path) for path in day_files(self.directory))
        return [day for day in days if day is not None]

    def behind(self, after: int) -> tuple[int, int]:
        """Messages above `after`, and the receipt time of the first of them (0 = there is none)."""
        files = day_files(self.directory)
        if not files or self.head <= after:
            return 0, 0
        newest = self._end_of(files[-1])
        at_cursor = self._end_of(self._files_after(after - 1)[0], after)
        first = next(self.batches(after), None)
        return max(0, newest.total - at_cursor.total), first.messages[0].received_ns if first else 0

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until there is a batch above `after`; False when `timeout_s` passed first."""
        end = time.monotonic() + timeout_s
        while self.head <= after:
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, _POLL_S))
        return True

    def _without_head(self) -> JournalError:
        """Why nothing says which journal this is."""
        for damage in self.damage.values():
            return unreadable(self.directory, damage.why)
        return JournalError(
            f"there is no journal in {self.directory}",
            hint="`livinglab ingest` creates it; is the state directory the right one?",
        )

    def _files_after(self, after: int) -> list[Path]:
        """The files that may hold a sequence above `after`."""
        files = day_files(self.directory)
        keep = 0
        for position, path in enumerate(files):
            head = self._head_of(path)
            if head is not None and head.first_seq <= after + 1:
                keep = position
        return files[keep:]

    def _batches_of(self, path: Path, after: int) -> Iterator[Batch]:
        if self._head_of(path) is None:
            return
        try:
            with closing(open_for_reading(path)) as connection:
                while (row := self._next_row(connection, path, after)) is not None:
                    after, count, body = row
                    batch = self._decoded(path, after, count, body)
                    if batch is not None:
                        yield batch
        except sqlite3.Error as error:
            if path.exists():  # else: expired while it was read
                self._note(path, 0, -1, error)

    def _next_row(
        self, connection: sqlite3.Connection, path: Path, after: int
    ) -> tuple[int, int, bytes] | None:
        """The first row above `after`; rows on a damaged page are tried one by one."""
        query = "SELECT seq, count, body FROM batch WHERE seq > ? ORDER BY seq LIMIT 1"
        try:
            row: tuple[int, int, bytes] | None = connection.execute(query, (after,)).fetchone()
        except sqlite3.DatabaseError as error:
            last = self._last_seq(connection, path)
            if after >= last:
                return None
            self._note(path, after + 1, -1, error)
            return self._next_row_beyond_damage(connection, path, after + 1, last)
        return row

    def _next_row_beyond_damage(
        self, connection: sqlite3.Connection, path: Path, seq: int, last: int
    ) -> tuple[int, int, bytes] | None:
        query = "SELECT seq, count, body FROM batch WHERE seq = ?"
        while seq < last:
            seq += 1
            try:
                row: tuple[int, int, bytes] | None = connection.execute(query, (seq,)).fetchone()
            except sqlite3.DatabaseError as error:
                self._note(path, seq, -1, error)
                continue
            if row is not None:
                return row
        return None

    def _last_seq(self, connection: sqlite3.Connection, path: Path) -> int:
        """The last sequence of a file, from its successor where its own index is damaged."""
        try:
            newest = connection.execute("SELECT max(seq) FROM batch").fetchone()[0]
        except sqlite3.DatabaseError:
            later = [self._head_of(other) for other in day_files(self.directory) if other > path]
            return next((head.first_seq - 1 for head in later if head is not None), 0)
        return int(newest or 0)

    def _decoded(self, path: Path, seq: int, count: int, body: bytes) -> Batch | None:
        try:
            return Batch(seq, journal_body.decode(body))
        except JournalError as error:
            self._note(path, seq, count, error)
            return None

    def _first_from(self, path: Path, start_ns: int) -> int | None:
        """The first sequence of a file with a message at or after `start_ns`, by bisection."""
        head = self._head_of(path)
        if head is None:
            return None
        query = "SELECT seq, last_ns FROM batch WHERE seq >= ? ORDER BY seq LIMIT 1"
        with closing(open_for_reading(path)) as connection:
            low, high = head.first_seq, self._last_seq(connection, path) + 1
            while low < high:
                middle = (low + high) // 2
                row = connection.execute(query, (middle,)).fetchone()
                if row is None or row[1] >= start_ns:
                    high = middle
                else:
                    low = row[0] + 1
        return low

    def _head_of(self, path: Path) -> Head | None:
        head = self._heads.get(path)
        if head is None:
            try:
                with closing(open_for_reading(path)) as connection:
                    head = read_head(connection)
            except sqlite3.Error as error:
                if path.exists():
                    self._note(path, 0, -1, error)
                return None
            if head is not None:
                self._heads[path] = head
        return head

    def _end_of(self, path: Path, upto: int | None = None) -> End:
        head = self._head_of(path)
        if head is None:
            return End(0, 0, 0)
        with closing(open_for_reading(path)) as connection:
            return end_of(connection, head, upto)

    def _day(self, path: Path) -> DayFile | None:
        head = self._head_of(path)
        if head is None:
            return None
        query = (
            "SELECT max(seq), count(*), sum(count), sum(size), min(first_ns), max(last_ns)"
            " FROM batch"
        )
        try:
            with closing(open_for_reading(path)) as connection:
                row = connection.execute(query).fetchone()
        except sqlite3.Error as error:
            self._note(path, 0, -1, error)
            row = (None,) * 6
        last, batches, messages, plain, first_ns, last_ns = (int(value or 0) for value in row)
        return DayFile(
            path,
            head.first_seq,
            last or head.first_seq - 1,
            batches,
            messages,
            plain,
            disk_bytes(path),
            first_ns,
            last_ns,
        )

    def _note(self, path: Path, seq: int, messages: int, why: Exception) -> None:
        with self._lock:
            self.damage.setdefault((path, seq), Damage(path, seq, messages, str(why)))
