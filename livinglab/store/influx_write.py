"""Writing and deleting points on InfluxDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

import msgspec

from livinglab.errors import StoreConflictError, StoreError
from livinglab.model import Point
from livinglab.store import influxql
from livinglab.store.base import BUCKETS, Rejected, Tags
from livinglab.store.influx_http import Transport
from livinglab.store.lineprotocol import LineWriter
from livinglab.store.narrowing import Refusal, narrow
from livinglab.store.replacing import Plan, Run
from livinglab.store.values import require_bucket, require_schema, tag_choices

#: Points per POST.
POST_POINTS: Final = 5_000


class InfluxWriter:
    """Writes and deletes through one transport."""

    def __init__(self, http: Transport) -> None:
        self._http = http
        self._writers = {bucket: LineWriter(bucket) for bucket in BUCKETS}

    def write(self, bucket: str, points: Sequence[Point]) -> list[Rejected]:
        """Write points, 5 000 to a request; return the refused ones, all others are stored."""
        lines = self._writers[require_bucket(bucket)].lines(points)
        rejected = list(lines.rejected)
        for first in range(0, len(lines.text), POST_POINTS):
            stretch = slice(first, first + POST_POINTS)
            rejected += self._post(bucket, lines.text[stretch], lines.points[stretch])
        return rejected

    def _post(self, bucket: str, text: Sequence[str], points: Sequence[Point]) -> list[Rejected]:
        refusal = self._send(bucket, text)
        if refusal is None:
            return []
        if refusal.status == 413 and len(text) > 1:
            half = len(text) // 2
            first = self._post(bucket, text[:half], points[:half])
            return first + self._post(bucket, text[half:], points[half:])
        bad = narrow(
            lambda members: self._send(bucket, [text[each] for each in members]),
            points,
            range(len(text)),
            refusal,
        )
        good = [line for each, line in enumerate(text) if each not in bad]
        # Once more in the order given: of two points at one key the later one must win.
        left = self._send(bucket, good) if good else None
        if left is not None:
            raise StoreError(f"InfluxDB refuses points that it had taken: {left.message}")
        return [Rejected(points[each], reason) for each, reason in sorted(bad.items())]

    def _send(self, bucket: str, text: Sequence[str]) -> Refusal | None:
        answer = self._http.write(bucket, text)
        return None if answer.status < 300 else Refusal(answer.status, answer.message)

    def carry_out(self, bucket: str, todo: Plan, check: Callable[[], None]) -> None:
        """Do what `replace` planned; `check` before each request.

        A point that loses a field is deleted just before it is written anew, for the server would
        keep the field.
        """
        self._delete_runs(bucket, todo.clear, check)
        for first in range(0, len(todo.write), POST_POINTS):
            check()
            refused = self.write(bucket, todo.write[first : first + POST_POINTS])
            if refused:
                problem = f"{len(refused)} points of a window are refused: {refused[0].reason}"
                raise StoreConflictError(problem, hint="see which program wrote this field before")
        self._delete_runs(bucket, todo.vanish, check)

    def _delete_runs(self, bucket: str, runs: Sequence[Run], check: Callable[[], None]) -> None:
        for series, first_ns, last_ns, _ in runs:
            check()
            schema = require_schema(bucket, series.measurement)
            tags = dict(zip(schema.tags, series.tags, strict=True))
            self._delete(bucket, series.measurement, tags, first_ns, last_ns)

    def delete(
        self, bucket: str, measurement: str, window: tuple[int, int], tags: Tags | None
    ) -> None:
        """Delete all points of the selected series in [start, end); needs no right to read."""
        choices = tag_choices(require_schema(bucket, measurement), tags)
        start_ns, end_ns = window
        if start_ns == end_ns:
            return
        for values in product(*choices.values()):
            exact = dict(zip(choices, values, strict=True))
            self._delete(bucket, measurement, exact, start_ns, end_ns - 1)

    def _delete(
        self, bucket: str, measurement: str, tags: Mapping[str, str], first_ns: int, last_ns: int
    ) -> None:
        """One call of the delete API; both ends belong to the range, and it knows no OR."""
        body = {
            "start": influxql.rfc3339(first_ns),
            "stop": influxql.rfc3339(last_ns),
            "predicate": influxql.predicate(measurement, tags),
        }
        query = {"org": self._http.org, "bucket": self._http.bucket_name(bucket)}
        headers = {"Content-Type": "application/json"}
        sent = msgspec.json.encode(body)
        answer = self._http.request("POST", "/api/v2/delete", query, sent, headers)
        if answer.status >= 300:
            raise StoreError(f"InfluxDB refuses a delete: {answer.message}")
