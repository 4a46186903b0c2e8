"""Points as InfluxDB line protocol: `measurement,tag=value field=value time`.

`escape` is the one place where text becomes part of a line. Names are checked against a closed
alphabet before (`values`), so only tag values and text fields carry foreign characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from livinglab.model import Fields, FieldValue, Point, SeriesKey
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


_MOST_TEMPLATES: Final = 1_024  # sets of fields per measurement
_digits: Final = float.__repr__


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
        self._heads: dict[SeriesKey, _Head] = {}
        self._templates: dict[str, dict[tuple[str, ...], str]] = {}

    def lines(self, points: Sequence[Point]) -> Lines:
        """Lines of the points, in their order; those that may not be stored come with a reason."""
        text: list[str] = []
        rejected: list[Rejected] = []
        kept: list[Point] = []
        add, keep = text.append, kept.append
        for point in points:
            series, time_ns, fields = point
            try:
                ours = series.prepared
                if ours is None or ours[0] is not self:
                    ours = self._head(series)
                try:
                    # The common case. x - x is 0.0 for every finite float, and so for their sum;
                    # what is no float fails at `float.__repr__`, or is no template's.
                    values = fields.values()
                    total = sum(values)  # type: ignore[arg-type]  # a text fails
                    line = ours[2][tuple(fields)] % (ours[1], *map(_digits, values), time_ns)  # type: ignore[arg-type]  # checked by the call
                    is_usual = total - total == 0.0 and type(time_ns) is int
                except (LookupError, TypeError):
                    is_usual = False
                if not is_usual or not TIME_MIN <= time_ns <= TIME_MAX:
                    line = self._line(ours, time_ns, fields)
            except ValueError as error:
                rejected.append(Rejected(point, str(error)))
            else:
                add(line)
                keep(point)
        return Lines(text, kept, rejected)

    def _line(self, ours: _Head, time_ns: object, fields: Fields) -> str:
        """The line of any point; ValueError says why there is none."""
        _, head, templates, schema = ours
        parts = []
        for name, value in fields.items():
            plain = field_value(schema, name, value)
            if plain is not None:
                parts.append(field(name, plain))
        if not parts:
            raise ValueError("no field has a value")
        names = tuple(fields)
        if len(templates) < _MOST_TEMPLATES and all(
            field_type(schema, name) == "float" for name in names
        ):
            templates[names] = f"%s {','.join(f'{name}=%s' for name in names)} %d"
        return f"{head} {','.join(parts)} {require_time(time_ns)}"

    def _head(self, series: SeriesKey) -> _Head:
        ours = self._heads.get(series)
        if ours is None:
            schema = require_series(self.bucket, series)
            templates = self._templates.setdefault(series.measurement, {})
            ours = self._heads[series] = self, prefix(schema, series), templates, schema
        series.prepared = ours
        return ours


_Head = tuple[LineWriter, str, dict[tuple[str, ...], str], BucketSchema]
