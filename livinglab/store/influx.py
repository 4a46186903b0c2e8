"""The store on InfluxDB 2.x: line protocol in, InfluxQL out, buckets and tokens by its API.

Writing is one gzip POST per 5 000 points over a kept connection. Reading is InfluxQL as msgpack.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from livinglab.errors import StoreAuthError
from livinglab.model import Point, SeriesKey
from livinglab.store.base import BUCKETS, Rejected, Replaced, Tags
from livinglab.store.chunks import chunked
from livinglab.store.influx_admin import ROLES, Administration
from livinglab.store.influx_http import Transport
from livinglab.store.influx_read import InfluxReader
from livinglab.store.influx_write import InfluxWriter
from livinglab.store.replacing import plan, wanted_points
from livinglab.store.values import clamp

if TYPE_CHECKING:
    import pandas as pd


class InfluxStore:
    """A `Store` on an InfluxDB 2.x server; safe for threads, processes and forks.

    Parameters
    ----------
    url : str
        "influxdb://host:8086?org=name", options `tls=1`, `ca=/path.pem`, `prefix=` of bucket names.
    token : str
        What it may do decides which calls work; never part of a message or a repr.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._http = Transport(url, token)
        self._reader = InfluxReader(self._http)
        self._writer = InfluxWriter(self._http)
        self._administration = Administration(self._http)

    def __repr__(self) -> str:
        return f"InfluxStore({self.url!r})"

    def write(self, bucket: str, points: Sequence[Point]) -> list[Rejected]:
        """Write points, 5 000 to a request; see `Store.write`."""
        return self._writer.write(bucket, points)

    def points(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> Iterator[Point]:
        """Yield points ordered by tags, then time; see `Store.points`."""
        yield from self._reader.points(bucket, measurement, tags, clamp(start_ns, end_ns))

    def latest(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[Point]:
        """The newest point of each series (all its fields at that time), ordered by tags."""
        order = " ORDER BY time DESC LIMIT 1"
        return self._reader.points(bucket, measurement, tags, order=order)

    def series(self, bucket: str, measurement: str, tags: Tags | None = None) -> list[SeriesKey]:
        """The series that have a point, ordered by tags."""
        return self._reader.series(bucket, measurement, tags)

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
        kinds = self._reader.kinds(bucket, measurement, fields)
        return self._reader.frame(bucket, measurement, tags, kinds, clamp(start_ns, end_ns))

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
        kinds = self._reader.kinds(bucket, measurement, fields)
        start_ns, end_ns = clamp(start_ns, end_ns)
        read = partial(self._reader.frame, bucket, measurement, tags, kinds)
        first_time = partial(self._reader.first_time, bucket, measurement, tags, kinds)
        return chunked(read, first_time, (start_ns, end_ns), chunk_s)

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
        """Make the window hold exactly `points`; see `Store.replace`.

        A point that loses a field (its value became NaN) may be missing for a moment: the server
        would keep the field, so the point is deleted just before it is written anew.
        """
        window = clamp(start_ns, end_ns)
        wanted = wanted_points(bucket, measurement, window, tags, points)
        stored = self._reader.points(bucket, measurement, tags, window)
        todo = plan(wanted, {(each.series, each.time_ns): each.fields for each in stored})
        self._writer.carry_out(bucket, todo, guard or (lambda: None))
        return Replaced(len(todo.write), todo.deleted, todo.unchanged)

    def delete(
        self, bucket: str, measurement: str, start_ns: int, end_ns: int, tags: Tags | None = None
    ) -> None:
        """Delete all points of the selected series in [start, end); needs no right to read."""
        self._writer.delete(bucket, measurement, clamp(start_ns, end_ns), tags)

    def probe(self) -> None:
        """Return when the server and all buckets are there and the token may do something.

        Raises
        ------
        StoreUnavailableError, StoreMissingError, StoreAuthError
            Not reachable; a bucket is missing; the token is wrong or may do nothing here.
        """
        refusals = []
        for bucket in BUCKETS:
            try:
                self._http.write(bucket, [])
            except StoreAuthError as error:
                refusals.append(error)
        if len(refusals) == len(BUCKETS) and not self._reader.readable():
            raise refusals[0]

    def prepare(self) -> None:
        """Create the buckets that are missing, without expiry; needs an administrator's token."""
        self._administration.create_buckets()

    def create_tokens(self, roles: Collection[str] = tuple(ROLES)) -> dict[str, str]:
        """New least-privilege tokens for roles of `influx_admin.ROLES`; needs an administrator's.

        `ingest` writes raw and ops and reads ops; `airflow` reads raw and writes what it computes;
        `researcher` reads clean and indicators. The server shows a token only now: keep them.
        """
        return self._administration.create_tokens(roles)

    def remove_buckets(self) -> None:
        """Delete the buckets with all they hold; needs an administrator's token."""
        self._administration.remove_buckets()

    def close(self) -> None:
        """Release the connections; a later call opens new ones."""
        self._http.close()
