"""InfluxQL statements and their answers: quoting, conditions, rows as points.

Answers are taken as msgpack: types and null are exact, and errors stand in the answer. (CSV is an
empty body with status 200 for an unknown database and for a missing permission.)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from livinglab.model import FieldValue, Point, SeriesKey
from livinglab.store.base import BucketSchema, FieldType

_NAME: Final = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n"})
_TEXT: Final = str.maketrans({"'": "\\'", "\\": "\\\\", "\n": "\\n"})
_COMMA: Final = re.compile(r"(?<!\\),")
_EQUALS: Final = re.compile(r"(?<!\\)=")
_ESCAPED: Final = re.compile(r"\\([,= ])")

#: The types an answer's values may have for each type of the schema.
WIRE: Final[Mapping[FieldType, tuple[type, ...]]] = {
    "float": (float, int),
    "int": (int,),
    "str": (str,),
}


class Series(msgspec.Struct):
    """One series of an answer; `values` are rows, not decoded yet."""

    columns: list[str]
    name: str = ""
    tags: dict[str, str] = {}
    values: msgspec.Raw = msgspec.Raw(b"\x90")

    def rows(self) -> list[list[Any]]:
        """The rows, decoded: lists of time (ns with `epoch=ns`) and values."""
        return msgspec.msgpack.decode(self.values, type=list[list[Any]])


class Statement(msgspec.Struct):
    """The answer to one statement."""

    series: list[Series] = []
    error: str = ""


class Answer(msgspec.Struct):
    """The answer to a query."""

    results: list[Statement] = []
    error: str = ""


def decode(body: bytes) -> Answer:
    """A msgpack body."""
    return msgspec.msgpack.decode(body, type=Answer)


def name(text: str) -> str:
    """A measurement, field or tag name in double quotes."""
    return f'"{text.translate(_NAME)}"'


def names(those: Collection[str]) -> str:
    """Names in quotes, joined by commas."""
    return ", ".join(name(each) for each in those)


def literal(value: str) -> str:
    """A text literal in single quotes."""
    return f"'{value.translate(_TEXT)}'"


def where(choices: Mapping[str, Collection[str]], window: tuple[int, int] | None = None) -> str:
    """A WHERE clause for times in [start, end) in ns and tags among the values given, or nothing.

    InfluxQL has no condition that is never true: a query whose choices are empty is the caller's to
    leave out.
    """
    parts = [] if window is None else [f"time >= {window[0]} AND time <= {window[1] - 1}"]
    for tag, wanted in choices.items():
        either = " OR ".join(f"{name(tag)} = {literal(value)}" for value in wanted)
        parts.append(f"({either})")
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def predicate(measurement: str, tags: Mapping[str, str]) -> str:
    """What the delete API takes: a measurement and exact tag values; it knows no OR."""
    parts = [("_measurement", measurement), *tags.items()]
    return " AND ".join(f"{each}={name(value)}" for each, value in parts)


def rfc3339(time_ns: int) -> str:
    """UTC ns since 1970 as RFC 3339 with nine digits, which the delete API wants."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def parse_series(schema: BucketSchema, key: str) -> SeriesKey | None:
    """A line of SHOW SERIES, `measurement,tag=value,...`; None when it lacks tags of the schema."""
    measurement, *pairs = _COMMA.split(key)
    tags: dict[str, str] = {}
    for pair in pairs:
        tag, *value = _EQUALS.split(pair, maxsplit=1)
        tags[tag] = _ESCAPED.sub(r"\1", value[0] if value else "")
    if tags.keys() != set(schema.tags):
        return None
    return SeriesKey(measurement, tuple(tags[tag] for tag in schema.tags))


def points_of(schema: BucketSchema, series: Series) -> Iterator[Point]:
    """The points of a series of an answer that was grouped by the schema's tags.

    Fields that the schema does not know are left out; TypeError for a value of another type.
    """
    key = SeriesKey(series.name, tuple(series.tags[tag] for tag in schema.tags))
    kinds = [
        (column, "float" if schema.fields is None else schema.fields.get(column))
        for column in series.columns[1:]
    ]
    values: list[Any]
    for time_ns, *values in series.rows():
        fields: dict[str, FieldValue] = {}
        for (column, kind), value in zip(kinds, values, strict=True):
            if value is None or kind is None:
                continue
            if type(value) not in WIRE[kind]:
                raise TypeError(f"field {column!r} holds {value!r:.40}, not {kind}")
            fields[column] = float(value) if kind == "float" else value
        if fields:
            yield Point(key, time_ns, fields)
