"""One bucket of the embedded store: its tables, and SQL over them.

In the file, `series` names the series and each measurement has a table `points_<measurement>` with
the key (series, time in ns) and one column per field, null where a point lacks it. A window of a
series is one stretch of the table's tree, so reading costs what is read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from livinglab.model import Fields, Point, SeriesKey
from livinglab.store.base import FieldType, Tags
from livinglab.store.replacing import Run
from livinglab.store.sqlite_file import SqliteFile
from livinglab.store.values import field_type, is_selected, require_schema, tag_choices

#: Rows per write transaction: other writers wait for one of these at most.
BATCH_ROWS: Final = 20_000
_COLUMN: Final[Mapping[FieldType, str]] = {"float": "REAL", "int": "INTEGER", "str": "TEXT"}

Row = tuple[Any, ...]  # time in ns, then the value of each field or None


def _upsert(measurement: str, names: Sequence[str]) -> str:
    columns = "".join(f', "{name}"' for name in names)
    marks = ", ?" * len(names)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
    return (
        f'INSERT INTO "points_{measurement}" (series, time{columns}) VALUES (?, ?{marks})'
        f" ON CONFLICT (series, time) DO UPDATE SET {updates}"
    )


def _merged(points: Sequence[Point]) -> dict[tuple[SeriesKey, int], Fields]:
    """The points by key; of several at one key the later wins, field by field."""
    merged: dict[tuple[SeriesKey, int], Fields] = {}
    for series, time_ns, fields in points:
        before = merged.get((series, time_ns))
        merged[series, time_ns] = {**before, **fields} if before else fields
    return merged


class Bucket:
    """One bucket's file, and what is known of it.

    Parameters
    ----------
    name : str
        The bucket's name in the schema table.
    path : Path
        Its file.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.file = SqliteFile(path)
        self._ids: dict[SeriesKey, int] = {}  # a series is never forgotten, so an id stays right

    def known(self, connection: sqlite3.Connection, measurement: str) -> dict[SeriesKey, int]:
        """The ids of all series of a measurement, ordered by tags."""
        rows = connection.execute(
            "SELECT tags, id FROM series WHERE measurement = ?", (measurement,)
        ).fetchall()
        keys = {SeriesKey(measurement, tuple(json.loads(tags))): number for tags, number in rows}
        return dict(sorted(keys.items(), key=lambda item: item[0].tags))

    def selected(
        self, connection: sqlite3.Connection, measurement: str, tags: Tags | None
    ) -> dict[SeriesKey, int]:
        """The ids of the series that `tags` select, ordered by tags."""
        schema = require_schema(self.name, measurement)
        choices = tag_choices(schema, tags)
        if not self.columns(connection, measurement):
            return {}
        known = self.known(connection, measurement)
        return {key: number for key, number in known.items() if is_selected(schema, choices, key)}

    def columns(self, connection: sqlite3.Connection, measurement: str) -> list[str]:
        """The field columns of a measurement's table; none where it has no table."""
        rows = connection.execute(f'PRAGMA table_info("points_{measurement}")').fetchall()
        return [name for _, name, *_ in rows if name not in {"series", "time"}]

    def rows(
        self,
        connection: sqlite3.Connection,
        measurement: str,
        number: int,
        window: tuple[int, int],
        names: Collection[str],
    ) -> list[Row]:
        """One series in [start, end), by time, without rows whose named fields are all null."""
        present = set(self.columns(connection, measurement))
        shown = [f'"{name}"' if name in present else "NULL" for name in names]
        return connection.execute(
            f'SELECT time, {", ".join(shown)} FROM "points_{measurement}"'
            " WHERE series = ? AND time >= ? AND time < ?"
            f" AND COALESCE({', '.join(shown)}, NULL) IS NOT NULL ORDER BY time",
            (number, *window),
        ).fetchall()

    def put(self, points: Sequence[Point]) -> None:
        """Write checked points, in transactions of BATCH_ROWS at most."""
        for first in range(0, len(points), BATCH_ROWS):
            batch = points[first : first + BATCH_ROWS]
            with self.file.writing() as connection:
                ids = self._put(connection, batch)
            self._ids |= ids  # only now: a rollback would have unmade them

    def _put(self, connection: sqlite3.Connection, points: Sequence[Point]) -> dict[SeriesKey, int]:
        shapes: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
        ids: dict[SeriesKey, int] = {}
        for (series, time_ns), fields in _merged(points).items():
            number = ids.get(series)
            if number is None:
                number = ids[series] = self._id(connection, series)
            shape = (series.measurement, tuple(fields))
            shapes.setdefault(shape, []).append((number, time_ns, *fields.values()))
        for (measurement, names), rows in shapes.items():
            self._require_columns(connection, measurement, names)
            rows.sort(key=lambda row: row[:2])  # along the tree: fewer pages are touched
            connection.executemany(_upsert(measurement, names), rows)
        return ids

    def _id(self, connection: sqlite3.Connection, series: SeriesKey) -> int:
        found = self._ids.get(series)
        if found is not None:
            return found
        named = (series.measurement, json.dumps(series.tags, ensure_ascii=False))
        connection.execute("INSERT OR IGNORE INTO series (measurement, tags) VALUES (?, ?)", named)
        query = "SELECT id FROM series WHERE measurement = ? AND tags = ?"
        return int(connection.execute(query, named).fetchone()[0])

    def _require_columns(
        self, connection: sqlite3.Connection, measurement: str, names: Collection[str]
    ) -> None:
        present = self.columns(connection, measurement)
        schema = require_schema(self.name, measurement)
        new = {name: _COLUMN[field_type(schema, name)] for name in names if name not in present}
        table = f'"points_{measurement}"'
        if not present:
            body = "".join(f', "{name}" {kind}' for name, kind in new.items())
            connection.execute(
                f"CREATE TABLE {table} (series INTEGER NOT NULL, time INTEGER NOT NULL{body},"
                " PRIMARY KEY (series, time)) WITHOUT ROWID"
            )
            return
        for name, kind in new.items():
            connection.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {kind}')

    def erase(self, series: SeriesKey, start_ns: int, end_ns: int) -> None:
        """Delete one series in [start, end), in transactions of BATCH_ROWS."""
        table, gone = f'"points_{series.measurement}"', BATCH_ROWS
        while gone == BATCH_ROWS:
            with self.file.writing() as connection:
                number = self._id(connection, series)
                batch = (
                    f"SELECT time FROM {table} WHERE series = ? AND time >= ? AND time < ?"
                    f" ORDER BY time LIMIT {BATCH_ROWS}"
                )
                gone = connection.execute(
                    f"DELETE FROM {table} WHERE series = ? AND time IN ({batch})",
                    (number, number, start_ns, end_ns),
                ).rowcount

    def erase_runs(self, runs: Sequence[Run]) -> None:
        """Delete the runs in one transaction; the caller keeps them to BATCH_ROWS points."""
        with self.file.writing() as connection:
            for series, first_ns, last_ns, _ in runs:
                connection.execute(
                    f'DELETE FROM "points_{series.measurement}"'
                    " WHERE series = ? AND time BETWEEN ? AND ?",
                    (self._id(connection, series), first_ns, last_ns),
                )

    def newest(
        self, connection: sqlite3.Connection, series: SeriesKey, number: int, names: Sequence[str]
    ) -> Point | None:
        """The newest point of a series, None where it has none."""
        columns = "".join(f', "{name}"' for name in names)
        row = connection.execute(
            f'SELECT time{columns} FROM "points_{series.measurement}" WHERE series = ?'
            " ORDER BY time DESC LIMIT 1",
            (number,),
        ).fetchone()
        return None if row is None else point_of(series, names, row)

    def first_time(
        self,
        connection: sqlite3.Connection,
        measurement: str,
        numbers: Collection[int],
        window: tuple[int, int],
    ) -> int | None:
        """The earliest time in [start, end) of the numbered series, in ns."""
        query = f'SELECT MIN(time) FROM "points_{measurement}" WHERE series = ? AND time >= ?'
        start_ns, end_ns = window
        firsts = (connection.execute(query, (each, start_ns)).fetchone()[0] for each in numbers)
        inside = (first for first in firsts if first is not None and first < end_ns)
        return min(inside, default=None)


def point_of(series: SeriesKey, names: Sequence[str], row: Row) -> Point:
    """A row as a point, without its nulls."""
    values = zip(names, row[1:], strict=True)
    return Point(series, row[0], {name: value for name, value in values if value is not None})


def points_of(series: SeriesKey, names: Sequence[str], rows: Sequence[Row]) -> Iterator[Point]:
    """Rows as points."""
    return (point_of(series, names, row) for row in rows)
