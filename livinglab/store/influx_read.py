"""Reading points from InfluxDB: InfluxQL over `/query`, answers as msgpack."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from livinglab.errors import (
    StoreAuthError,
    StoreConflictError,
    StoreError,
    StoreMissingError,
    StoreUnavailableError,
)
from livinglab.model import Point, SeriesKey
from livinglab.store import influxql
from livinglab.store.base import BUCKETS, BucketSchema, FieldType, Tags
from livinglab.store.influx_http import Transport
from livinglab.store.values import (
    is_selected,
    requested_fields,
    require_bucket,
    require_schema,
    tag_choices,
)

if TYPE_CHECKING:
    import pandas as pd

Window = tuple[int, int]


@contextmanager
def _typed(bucket: str, measurement: str) -> Iterator[None]:
    """A value of another type than the schema's becomes a StoreConflictError."""
    try:
        yield
    except TypeError as error:
        hint = "some other program wrote this field; delete its points or move them elsewhere"
        raise StoreConflictError(f"{bucket}/{measurement}: {error}", hint=hint) from error


class InfluxReader:
    """Reads through one transport; a window is (start, end) in ns, half-open."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def _query(self, bucket: str, statement: str) -> list[influxql.Series]:
        query = {"db": self._http.bucket_name(bucket), "epoch": "ns"}
        headers = {
            "Accept": "application/x-msgpack",
            "Content-Type": "application/vnd.influxql; charset=utf-8",
        }
        answer = self._http.request("POST", "/query", query, statement.encode(), headers)
        if answer.status >= 300:
            raise StoreError(f"InfluxDB refuses a query: {answer.message}")
        try:
            said = influxql.decode(answer.body)
        except msgspec.MsgspecError as error:
            problem = f"InfluxDB at {self._http.base} broke off an answer: {error}"
            raise StoreUnavailableError(problem) from error
        problem = said.error or next((each.error for each in said.results if each.error), "")
        if problem:
            raise self._error(bucket, problem)
        return [series for each in said.results for series in each.series]

    def _error(self, bucket: str, problem: str) -> StoreError:
        """The error behind an answer: the server says `not found` for `not permitted` too."""
        shown = f"bucket {self._http.bucket_name(bucket)} of InfluxDB at {self._http.base}"
        if not ("database not found" in problem or "not executed" in problem):
            return StoreError(f"{shown}: {problem}")
        try:
            self._http.write(bucket, [])  # 404 only where there is no such bucket
        except StoreMissingError as error:
            return error
        except StoreAuthError:
            pass
        hint = "use a token of a role that includes it: ingest, airflow or researcher"
        return StoreAuthError(f"the token may not read {shown}", hint=hint)

    def _choices(
        self, bucket: str, measurement: str, tags: Tags | None
    ) -> tuple[BucketSchema, dict[str, tuple[str, ...]]]:
        schema = require_schema(require_bucket(bucket), measurement)
        return schema, tag_choices(schema, tags)

    def points(
        self,
        bucket: str,
        measurement: str,
        tags: Tags | None,
        window: Window | None = None,
        order: str = "",
    ) -> list[Point]:
        """Points ordered by tags, then as `order` (an ORDER BY clause) says, else by time."""
        schema, choices = self._choices(bucket, measurement, tags)
        if not all(choices.values()) or (window and window[0] >= window[1]):
            return []
        source = f"SELECT * FROM {influxql.name(measurement)}{influxql.where(choices, window)}"
        found = self._query(bucket, f"{source} GROUP BY {influxql.names(schema.tags)}{order}")
        with _typed(bucket, measurement):
            groups = [list(influxql.points_of(schema, series)) for series in found]
        groups = sorted(filter(None, groups), key=lambda points: points[0].series.tags)
        return [point for points in groups for point in points]

    def series(self, bucket: str, measurement: str, tags: Tags | None) -> list[SeriesKey]:
        """The series that have a point, ordered by tags."""
        schema, choices = self._choices(bucket, measurement, tags)
        found = self._query(bucket, f"SHOW SERIES FROM {influxql.name(measurement)}")
        keys = (influxql.parse_series(schema, row[0]) for each in found for row in each.rows())
        chosen = {key for key in keys if key is not None and is_selected(schema, choices, key)}
        return sorted(chosen, key=lambda key: key.tags)

    def kinds(
        self, bucket: str, measurement: str, fields: Collection[str] | None
    ) -> dict[str, FieldType]:
        """The fields to read, with their types; where none are named, all that are known."""
        schema, _ = self._choices(bucket, measurement, None)
        if fields is None and schema.fields is None:
            found = self._query(bucket, f"SHOW FIELD KEYS FROM {influxql.name(measurement)}")
            fields = sorted({row[0] for each in found for row in each.rows()})
            return requested_fields(schema, fields) if fields else {}
        return requested_fields(schema, fields)

    def frame(
        self,
        bucket: str,
        measurement: str,
        tags: Tags | None,
        kinds: Mapping[str, FieldType],
        window: Window,
    ) -> pd.DataFrame:
        """The window as a frame with the fields of `kinds`."""
        from livinglab.store.msgpack_rows import frame_of_answer

        schema, choices = self._choices(bucket, measurement, tags)
        found: list[influxql.Series] = []
        if kinds and all(choices.values()) and window[0] < window[1]:
            rest = f" FROM {influxql.name(measurement)}{influxql.where(choices, window)}"
            grouping = f" GROUP BY {influxql.names(schema.tags)}"
            found = self._query(bucket, f"SELECT {influxql.names(kinds)}{rest}{grouping}")
        with _typed(bucket, measurement):
            return frame_of_answer(schema.tags, kinds, found)

    def first_time(
        self,
        bucket: str,
        measurement: str,
        tags: Tags | None,
        kinds: Collection[str],
        window: Window,
    ) -> int | None:
        """The earliest time in the window at which one of the fields has a value, in ns."""
        _, choices = self._choices(bucket, measurement, tags)
        if not kinds or not all(choices.values()) or window[0] >= window[1]:
            return None
        rest = f" FROM {influxql.name(measurement)}{influxql.where(choices, window)}"
        statements = [f"SELECT FIRST({influxql.name(each)}){rest}" for each in kinds]
        found = self._query(bucket, "; ".join(statements))
        return min((int(row[0]) for each in found for row in each.rows()), default=None)

    def readable(self) -> set[str]:
        """The buckets of the schema that the token may read."""
        found = self._query("raw", "SHOW DATABASES")
        names = {row[0] for each in found for row in each.rows()}
        return {bucket for bucket in BUCKETS if self._http.bucket_name(bucket) in names}
