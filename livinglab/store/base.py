"""The store's Protocol and the one schema table.

A bucket holds points; a point is a series (measurement + tag values), a time in ns and fields whose
types come from `SCHEMA`, never from what a value looks like. Implementations: `influx.py`
(InfluxDB 2.x) and `sqlite.py` (embedded default); one contract suite runs against both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from livinglab.model import Point, SeriesKey

if TYPE_CHECKING:
    import pandas as pd

FieldType = Literal["float", "int", "str"]
Tags = Mapping[str, str | Collection[str]]


@dataclass(frozen=True, slots=True)
class BucketSchema:
    """Tags (always all written, in this order) and field types of one bucket.

    `fields` None means: every field is a float named after its quantity (bucket `raw`).
    """

    tags: tuple[str, ...]
    fields: Mapping[str, FieldType] | None


#: `raw`: measurement = theme, one float field per quantity. `clean`, `indicators`: measurement =
#: theme. `ops` is keyed by measurement below, because each kind of record has tags of its own.
SCHEMA: Final[Mapping[str, BucketSchema]] = {
    "raw": BucketSchema(("device", "channel"), None),
    "clean": BucketSchema(
        ("lab", "device", "channel", "quantity"),
        {"value": "float", "flag": "int", "tests": "str"},
    ),
    "indicators": BucketSchema(
        ("lab", "area", "indicator", "period"),
        {"value": "float", "coverage": "float", "n": "int", "status": "str"},
    ),
    # One point per (device, hour, loader); v is a random 63-bit number, fresh at every write.
    "ops/arrival": BucketSchema(("device", "loader"), {"v": "int"}),
    # One run record per window; time = window start.
    "ops/window": BucketSchema(
        ("level", "lab", "theme", "step"),
        {"claim": "str", "run": "str", "inputs": "str", "output": "str", "info": "str"},
    ),
    # Content-addressed registry snapshots; time = 0.
    "ops/registry": BucketSchema(("version",), {"body": "str", "loaded_ns": "int"}),
    # Where each loader is: position in its journal; time = 0.
    "ops/position": BucketSchema(("loader",), {"journal": "str", "seq": "int", "registry": "str"}),
    # Results of experiments; time = 0.
    "ops/experiment": BucketSchema(("lab", "experiment"), {"result": "str"}),
    # Fleet incidents; time = when it began.
    "ops/incident": BucketSchema(("lab", "device", "kind"), {"detail": "str", "until_ns": "int"}),
}

BUCKETS: Final = ("raw", "clean", "indicators", "ops")


def schema_of(bucket: str, measurement: str) -> BucketSchema:
    """The schema of one measurement: `ops` is keyed by measurement, the others by bucket."""
    return SCHEMA[f"ops/{measurement}"] if bucket == "ops" else SCHEMA[bucket]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A point the store refused for good, and why; the others of its batch are stored."""

    point: Point
    reason: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """What `replace` did, in points."""

    written: int
    deleted: int
    unchanged: int


class Store(Protocol):
    """Points in, points out. All times are UTC ns since 1970, windows are half-open [start, end).

    Every call may raise StoreUnavailableError (transient), StoreAuthError, StoreMissingError.
    An instance may be used by several threads; several processes may use one address at once.
    """

    url: str

    def write(self, bucket: str, points: Sequence[Point]) -> list[Rejected]:
        """Write points; durable when it returns.

        A point equal in series and time to a stored one overwrites the fields it names. A batch
        with bad points is narrowed down: they are returned, all others are stored.
        """
        ...

    def points(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> Iterator[Point]:
        """Yield points ordered by series tags, then time; needs no pandas; for small records."""
        ...

    def frame(
        self,
        bucket: str,
        measurement: str,
        start_ns: int,
        end_ns: int,
        tags: Tags | None = None,
        fields: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Read a window as a frame.

        Returns
        -------
        DataFrame
            Index: `time`, UTC DatetimeIndex in ns. Columns: the tags (str), then the fields asked
            for, sorted by name when not given (float64, int64 where complete else float64, str with
            None); rows ordered by tags, then time. Rows in which all asked fields are null are
            left out. Empty result: the same columns, no rows.
        """
        ...

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
        """`frame` in time chunks, in bounded memory, without empty chunks, in order of time."""
        ...

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
        """Make the window hold exactly `points` among the series that `tags` select.

        New points are written before vanished ones are deleted, so a reader never sees nothing;
        points equal to what is stored are not written again. `guard` is called before each write
        and delete and may raise to stop. Neighbours outside the window or the tags stay.
        Points outside the window or the tags raise ValueError before anything is written.
        """
        ...

    def delete(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> None:
        """Delete all points of the selected series in [start, end)."""
        ...

    def series(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[SeriesKey]:
        """The series that exist, ordered by tags."""
        ...

    def latest(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[Point]:
        """The newest point of each series (all its fields at that time), ordered by tags."""
        ...

    def probe(self) -> None:
        """Return when the store can be reached and the buckets exist; else raise the StoreError."""
        ...

    def prepare(self) -> None:
        """Create missing buckets or files (an administrator's act; needs the permission)."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
