"""Points as InfluxDB line protocol: `measurement,tag=value field=value time`.

`escape` is the one place where text becomes part of a line. Names are checked against a closed
alphabet before (`values`), so only tag values and text fields carry foreign characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from livinglab.model import FieldValue, Point, SeriesKey
from livinglab.store.base import BucketSchema, Rejected
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
        self._heads: dict[SeriesKey, tuple[str, BucketSchema, set[str]]] = {}
        self._floats: dict[str, set[str]] = {}

    def lines(self, points: Sequence[Point]) -> Lines:
        """Lines of the points, in their order; those that may not be stored come with a reason."""
        text: list[str] = []
        rejected: list[Rejected] = []
        kept: list[Point] = []
        heads = self._heads
        for point in points:
            series, time_ns, fields = point
            try:
                head, schema, floats = heads.get(series) or self._head(series)
                parts = []
                for name, value in fields.items():
                    # The common case, without a call: x - x is 0.0 for every finite float.
                    if type(value) is float and value - value == 0.0 and name in floats:
                        parts.append(f"{name}={value!r}")
                    else:
                        parts += self._parts(schema, floats, name, value)
                if not parts:
                    raise ValueError("no field has a value")  # noqa: TRY301 reported as rejected
                if type(time_ns) is not int or not TIME_MIN <= time_ns <= TIME_MAX:
                    time_ns = require_time(time_ns)
            except ValueError as error:
                rejected.append(Rejected(point, str(error)))
            else:
                text.append(f"{head} {','.join(parts)} {time_ns}")
                kept.append(point)
        return Lines(text, kept, rejected)

    def _head(self, series: SeriesKey) -> tuple[str, BucketSchema, set[str]]:
        schema = require_series(self.bucket, series)
        floats = self._floats.setdefault(series.measurement, set())
        self._heads[series] = head = prefix(schema, series), schema, floats
        return head

    @staticmethod
    def _parts(schema: BucketSchema, floats: set[str], name: str, value: object) -> list[str]:
        plain = field_value(schema, name, value)
        if field_type(schema, name) == "float":
            floats.add(name)
        return [] if plain is None else [field(name, plain)]
