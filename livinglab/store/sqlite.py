"""The embedded store: one SQLite file per bucket, for one machine, without a server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livinglab.model import Point, SeriesKey
from livinglab.store.base import BUCKETS, FieldType, Rejected, Replaced, Tags
from livinglab.store.chunks import chunked
from livinglab.store.replacing import Run, plan, wanted_points
from livinglab.store.sqlite_bucket import BATCH_ROWS, Bucket, points_of
from livinglab.store.sqlite_file import is_there, missing
from livinglab.store.values import (
    clamp,
    requested_fields,
    require_bucket,
    require_schema,
    split_checked,
)

if TYPE_CHECKING:
    import pandas as pd


def _erase(at: Bucket, runs: Sequence[Run], check: Callable[[], None]) -> None:
    """Delete runs, as many at once as a transaction may hold; `check` before each."""
    batch: list[Run] = []
    room = BATCH_ROWS
    for run in runs:
        if run.size > room and batch:
            check()
            at.erase_runs(batch)
            batch, room = [], BATCH_ROWS
        if run.size > BATCH_ROWS:
            check()
            at.erase(run.series, run.first_ns, run.last_ns + 1)
        else:
            batch.append(run)
            room -= run.size
    if batch:
        check()
        at.erase_runs(batch)


class SqliteStore:
    """A `Store` in a folder of SQLite files.

    Safe for threads, processes and forks on one machine; not on a network file system, where
    SQLite's locks do not hold. Each write is durable (fsync) when it returns; a killed process
    leaves whole transactions of at most 20 000 points.

    Parameters
    ----------
    url : str
        The address it was opened by, for messages.
    folder : Path
        Where the files are: `raw.sqlite`, `clean.sqlite`, ...
    prefix : str
        Put before each file's name, so that several stores may share a folder.
    """

    def __init__(self, url: str, folder: Path, prefix: str = "") -> None:
        self.url = url
        self.folder = folder
        self._buckets = {name: Bucket(name, folder / f"{prefix}{name}.sqlite") for name in BUCKETS}

    def __repr__(self) -> str:
        return f"SqliteStore({self.url!r})"

    def _bucket(self, name: str) -> Bucket:
        return self._buckets[require_bucket(name)]

    def write(self, bucket: str, points: Sequence[Point]) -> list[Rejected]:
        """Write points, each stretch of 20 000 in a transaction; see `Store.write`."""
        good, bad = split_checked(require_bucket(bucket), points)
        self._bucket(bucket).put(good)
        return bad

    def points(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> Iterator[Point]:
        """Yield points ordered by tags, then time; all of one consistent state."""
        at = self._bucket(bucket)
        window = clamp(start_ns, end_ns)
        require_schema(bucket, measurement)
        found: list[Iterator[Point]] = []
        with at.file.reading() as connection:
            names = at.columns(connection, measurement)
            for series, number in at.selected(connection, measurement, tags).items():
                rows = at.rows(connection, measurement, number, window, names)
                found.append(points_of(series, names, rows))
        for each in found:
            yield from each

    def frame(
        self,
        bucket: str,
        measurement: str,
        start_ns: int,
        end_ns: int,
        tags: Tags | None = None,
        fields: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Read a window as a frame; see `Store.frame`."""
        kinds = self._kinds(bucket, measurement, fields)
        return self._frame(bucket, measurement, tags, kinds, clamp(start_ns, end_ns))

    def _kinds(
        self, bucket: str, measurement: str, fields: Collection[str] | None
    ) -> dict[str, FieldType]:
        schema = require_schema(bucket, measurement)
        at = self._bucket(bucket)
        if fields is None and schema.fields is None:
            with at.file.reading() as connection:
                fields = at.columns(connection, measurement)
            return requested_fields(schema, sorted(fields)) if fields else {}
        return requested_fields(schema, fields)

    def _frame(
        self,
        bucket: str,
        measurement: str,
        tags: Tags | None,
        kinds: dict[str, FieldType],
        window: tuple[int, int],
    ) -> pd.DataFrame:
        from livinglab.store.framing import frame_of_series

        at = self._bucket(bucket)
        pieces = []
        with at.file.reading() as connection:
            selected = at.selected(connection, measurement, tags)
            for series, number in selected.items() if kinds else ():
                rows = at.rows(connection, measurement, number, window, kinds)
                if rows:
                    pieces.append((series.tags, rows))
        return frame_of_series(require_schema(bucket, measurement).tags, kinds, pieces)

    def frames(
        self,
        bucket: str,
        measurement: str,
        start_ns: int,
        end_ns: int,
        tags: Tags | None = None,
        fields: Collection[str] | None = None,
        chunk_s: int = 86_400,
    ) -> Iterator[pd.DataFrame]:
        """`frame` in time chunks of `chunk_s` seconds from `start_ns` on; see `Store.frames`."""
        kinds = self._kinds(bucket, measurement, fields)
        at = self._bucket(bucket)

        def first_time(window: tuple[int, int]) -> int | None:
            with at.file.reading() as connection:
                numbers = at.selected(connection, measurement, tags).values()
                return at.first_time(connection, measurement, numbers, window)

        read = partial(self._frame, bucket, measurement, tags, kinds)
        return chunked(read, first_time, clamp(start_ns, end_ns), chunk_s)

    def replace(
        self,
        bucket: str,
        measurement: str,
        start_ns: int,
        end_ns: int,
        tags: Tags,
        points: Sequence[Point],
        guard: Callable[[], None] | None = None,
    ) -> Replaced:
        """Make the window hold exactly `points`; see `Store.replace`."""
        window = clamp(start_ns, end_ns)
        wanted = wanted_points(bucket, measurement, window, tags, points)
        stored = self.points(bucket, measurement, *window, tags)
        todo = plan(wanted, {(each.series, each.time_ns): each.fields for each in stored})
        check = guard or (lambda: None)
        at = self._bucket(bucket)
        _erase(at, todo.clear, check)
        for first in range(0, len(todo.write), BATCH_ROWS):
            check()
            at.put(todo.write[first : first + BATCH_ROWS])
        _erase(at, todo.vanish, check)
        return Replaced(len(todo.write), todo.deleted, todo.unchanged)

    def delete(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> None:
        """Delete all points of the selected series in [start, end)."""
        window = clamp(start_ns, end_ns)
        at = self._bucket(bucket)
        with at.file.reading() as connection:
            selected = at.selected(connection, measurement, tags)
        for series in selected:
            at.erase(series, *window)

    def series(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[SeriesKey]:
        """The series that have a point, ordered by tags."""
        return [point.series for point in self.latest(bucket, measurement, tags)]

    def latest(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[Point]:
        """The newest point of each series (all its fields at that time), ordered by tags."""
        at = self._bucket(bucket)
        with at.file.reading() as connection:
            names = at.columns(connection, measurement)
            selected = at.selected(connection, measurement, tags)
            found = [at.newest(connection, key, number, names) for key, number in selected.items()]
        return [point for point in found if point is not None]

    def probe(self) -> None:
        """Return when all files are there and can be read; else raise the StoreError."""
        for bucket in self._buckets.values():
            if not is_there(bucket.file.path):
                raise missing(bucket.file.path)
            with bucket.file.reading() as connection:
                connection.execute("SELECT COUNT(*) FROM series").fetchone()

    def prepare(self) -> None:
        """Create the folder and the files that are missing; harmless when they are there."""
        for bucket in self._buckets.values():
            bucket.file.create()

    def close(self) -> None:
        """Release the connections; a later call opens new ones."""
        for bucket in self._buckets.values():
            bucket.file.close()
