"""Points as InfluxDB line protocol: `measurement,tag=value field=value time`.

`escape` is the one place where text becomes part of a line. Names are checked against a closed
alphabet before (`values`), so only tag values and text fields carry foreign characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from livinglab.model import FieldValue, Point, SeriesKey
from livinglab.store.base import SCHEMA, BucketSchema, Rejected
from livinglab.store.values import (
    TIME_MAX,
    TIME_MIN,
    field_type,
    field_value,
    require_series,
    require_time,
)

_TAG: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_TEXT: Final = str.maketrans({'"': '\\"', "\\": "\\\\"})


def escape(text: str, place: Literal["tag", "field"]) -> str:
    """Text as it stands in a line: a tag value with its separators escaped, or a quoted field.

    A tag must have passed `values.require_tag`: line protocol cannot write a newline, a final
    backslash or an empty text there. A quoted field takes every Unicode text, newlines included.
    """
    if place == "tag":
        return text.translate(_TAG)
    return f'"{text.translate(_TEXT)}"'


def prefix(schema: BucketSchema, series: SeriesKey) -> str:
    """The head of all lines of a checked series, up to the blank before its fields."""
    tags = zip(schema.tags, series.tags, strict=True)
    return series.measurement + "".join(f",{name}={escape(tag, 'tag')}" for name, tag in tags)


def field(name: str, value: FieldValue) -> str:
    """One field as text; the value's type (float, int, str) decides the notation."""
    if isinstance(value, str):
        return f"{name}={escape(value, 'field')}"
    return f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}i"


_MOST_NAMES: Final = 4_096
_printed: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, the points they stand for, and the points that no line can stand for."""

    text: list[str]
    points: Sequence[Point]
    rejected: list[Rejected]


class LineWriter:
    """Writes the points of one bucket as lines, each series' head only once.

    Parameters
    ----------
    bucket : str
        Name of the bucket in the schema table, which fixes tags and field types.
    """

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._heads: dict[SeriesKey, Head] = {}
        self._floats: set[str] = set()  # names of fields that are floats in every measurement

    def lines(self, points: Sequence[Point]) -> Lines:
        """Lines of the points, in their order; those that may not be stored come with a reason."""
        usual = self._all_floats(points) if points else None
        if usual is not None:
            return Lines(usual, points, [])
        text: list[str] = []
        rejected: list[Rejected] = []
        kept: list[Point] = []
        for point in points:
            try:
                text.append(self._line(point))
            except ValueError as error:
                rejected.append(Rejected(point, str(error)))
            else:
                kept.append(point)
        return Lines(text, kept, rejected)

    def _all_floats(self, points: Sequence[Point]) -> list[str] | None:
        """The lines of points whose fields are all finite floats; None where there may be others.

        All values are printed in one call, as JSON: shortest digits that read back as the same
        number, as `repr` gives them, at a sixth of its cost. A number with a decimal point can
        only have been a float; of the other JSON there may be no trace left.
        """
        series, times, values = zip(*points, strict=True)
        if {*map(type, times)} != {int} or min(times) < TIME_MIN or max(times) > TIME_MAX:
            return None
        try:
            names = set[str]().union(*values)
            if not names <= self._floats and not self._are_floats(names):
                return None
            heads = [self._head(one)[1] for one in series]
            packed = _printed(values)[2:-2].decode()
        except (ValueError, TypeError, msgspec.MsgspecError):
            return None  # one by one, so that the bad ones are told from the good
        fields = packed.replace('":', "=").replace(',"', ",").replace('{"', "{")[1:]
        if fields.count(".") != fields.count("=") or any(mark in fields for mark in '"[]\\'):
            return None
        parts = fields.split("},{")
        if len(parts) != len(points) or "" in parts:
            return None
        return [
            f"{head} {part} {time_ns}"
            for head, part, time_ns in zip(heads, parts, times, strict=True)
        ]

    def _are_floats(self, names: set[str]) -> bool:
        """Whether these are float fields, whatever the measurement."""
        schema = SCHEMA.get(self.bucket)
        if schema is None or schema.fields is not None or len(self._floats) > _MOST_NAMES:
            return False
        for name in names:
            field_type(schema, name)
        self._floats |= names
        return True

    def _line(self, point: Point) -> str:
        """The line of any point; ValueError says why there is none."""
        series, time_ns, fields = point
        _, head, schema = self._head(series)
        values = [(name, field_value(schema, name, value)) for name, value in fields.items()]
        parts = [field(name, value) for name, value in values if value is not None]
        if not parts:
            raise ValueError("no field has a value")
        return f"{head} {','.join(parts)} {require_time(time_ns)}"

    def _head(self, series: SeriesKey) -> Head:
        """Whose it is, the head of a series' lines, and its schema; ValueError as for a point."""
        ours: Head | None = series.prepared
        if ours is not None and ours[0] is self:
            return ours
        found = self._heads.get(series)
        if found is None:
            schema = require_series(self.bucket, series)
            found = self._heads[series] = (self, prefix(schema, series), schema)
        series.prepared = found
        return found


Head = tuple[LineWriter, str, BucketSchema]
