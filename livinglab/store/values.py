"""What may be stored: the one place that checks names, tags, times and field values.

Both stores refuse the same points with the same words. Names of measurements and fields come from a
closed alphabet; tag values are printable text; anything a payload could use to break out of a line
is refused or quoted, never passed on.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, cast

from livinglab.model import FieldValue, Point, SeriesKey
from livinglab.store.base import BUCKETS, SCHEMA, BucketSchema, FieldType, Rejected, Tags, schema_of

#: The times InfluxDB can hold, in ns since 1970 UTC (1677 to 2262).
TIME_MIN: Final = -(2**63) + 2
TIME_MAX: Final = 2**63 - 2
#: Bytes of UTF-8: InfluxDB refuses a longer text field, and a series key over 64 KiB.
TEXT_MAX: Final = 1_048_576
TAG_MAX: Final = 1024

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
# `time` cannot be a field of InfluxDB; `series` is the embedded store's own key column.
_RESERVED: Final = frozenset({"time", "series"})


def is_name(text: str) -> bool:
    """Whether text may name a measurement or a field: lower snake case, 64 characters at most."""
    return _NAME.fullmatch(text) is not None and text not in _RESERVED


def require_tag(name: str, value: object) -> None:
    """Raise ValueError unless the value can be a tag: printable, no backslash, not empty.

    Line protocol has no way to write a newline or a final backslash in a tag, and InfluxDB drops a
    series whose tag is empty; rather than change what was said, such a value is refused.
    """
    if not isinstance(value, str) or not value:
        raise ValueError(f"tag {name!r} must be a text that is not empty, got {value!r}")
    if not value.isprintable() or "\\" in value:
        raise ValueError(f"tag {name!r} has characters a tag cannot hold: {value[:80]!r}")
    if len(value.encode()) > TAG_MAX:
        raise ValueError(f"tag {name!r} is longer than {TAG_MAX} bytes: {value[:40]!r}...")


def require_bucket(bucket: str) -> str:
    """The bucket's name; ValueError when there is no such bucket."""
    if bucket not in BUCKETS:
        raise ValueError(f"no bucket {bucket!r}; there are {', '.join(BUCKETS)}")
    return bucket


def require_schema(bucket: str, measurement: str) -> BucketSchema:
    """The schema of a measurement; ValueError when the bucket or the measurement has none."""
    if not is_name(measurement):
        raise ValueError(f"{measurement!r} cannot name a measurement (lower snake case)")
    try:
        return schema_of(bucket, measurement)
    except KeyError:
        known = ", ".join(sorted(SCHEMA))
        message = f"no schema for {bucket}/{measurement}; known: {known}"
        raise ValueError(message) from None


def require_series(bucket: str, series: SeriesKey) -> BucketSchema:
    """The schema of a series whose tags have been checked; ValueError says what is wrong."""
    schema = require_schema(bucket, series.measurement)
    if len(series.tags) != len(schema.tags):
        raise ValueError(f"{bucket}/{series.measurement} has tags {schema.tags}, got {series.tags}")
    for name, value in zip(schema.tags, series.tags, strict=True):
        require_tag(name, value)
    return schema


def field_type(schema: BucketSchema, name: str) -> FieldType:
    """The type of a field by the schema table; ValueError when there is no such field."""
    if schema.fields is not None:
        kind = schema.fields.get(name)
        if kind is None:
            raise ValueError(f"no field {name!r} here; known: {', '.join(schema.fields)}")
        return kind
    if not isinstance(name, str) or not is_name(name) or name in schema.tags:
        raise ValueError(f"{name!r} cannot name a field (lower snake case)")
    return "float"


def requested_fields(schema: BucketSchema, fields: Collection[str] | None) -> dict[str, FieldType]:
    """The fields to read with their types: those asked for, else the schema's, sorted by name."""
    if fields is None:
        fields = sorted(schema.fields or ())
    elif not fields:
        raise ValueError("no field is asked for")
    return {name: field_type(schema, name) for name in fields}


def _as_float(name: str, value: object) -> float | None:
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise ValueError(f"field {name!r} must be a number, got {value!r:.80}")
    try:
        number = float(cast("float", value))
    except OverflowError:
        number = math.inf
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise ValueError(f"field {name!r} must be finite, got {value!r:.80}")
    return number


def _as_int(name: str, value: object) -> int | None:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if not value.is_integer():
            raise ValueError(f"field {name!r} must be a whole number, got {value!r}")
        number = int(value)
    elif isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError(f"field {name!r} must be a whole number, got {value!r:.80}")
    else:
        number = operator.index(value)
    if not _INT_MIN <= number <= _INT_MAX:
        raise ValueError(f"field {name!r} does not fit 64 bits: {number}")
    return number


def _as_text(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        raise ValueError(f"field {name!r} must be a text, got {value!r:.80}")  # noqa: TRY004 one kind
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"field {name!r} is not valid Unicode: {value!r:.80}") from None
    if size > TEXT_MAX:
        raise ValueError(f"field {name!r} has {size} bytes, {TEXT_MAX} at most")
    return str(value)


_CONVERT: Final = {"float": _as_float, "int": _as_int, "str": _as_text}


def field_value(schema: BucketSchema, name: str, value: object) -> FieldValue | None:
    """The value as the schema's type (float, int, str); NaN is null, None; ValueError says why not.

    numpy scalars become plain numbers; a whole float may fill an int field.
    """
    return _CONVERT[field_type(schema, name)](name, value)


def require_time(time_ns: object) -> int:
    """The time as a plain int; ValueError outside what InfluxDB can hold."""
    if isinstance(time_ns, (bool, float)) or not hasattr(time_ns, "__index__"):
        raise ValueError(f"time must be whole ns since 1970, got {time_ns!r:.80}")
    number = operator.index(time_ns)
    if not TIME_MIN <= number <= TIME_MAX:
        raise ValueError(f"time {number} is outside {TIME_MIN}..{TIME_MAX} ns since 1970")
    return number


def checked(bucket: str, point: Point) -> Point:
    """The point with plain values of the schema's types, without nulls; ValueError says why not."""
    schema = require_series(bucket, point.series)
    fields = {
        name: converted
        for name, value in point.fields.items()
        if (converted := field_value(schema, name, value)) is not None
    }
    if not fields:
        raise ValueError("no field has a value")
    return Point(point.series, require_time(point.time_ns), fields)


def split_checked(bucket: str, points: Iterable[Point]) -> tuple[list[Point], list[Rejected]]:
    """Points that may be stored, as plain values, and those that may not, with the reason."""
    good, bad = [], []
    for point in points:
        try:
            good.append(checked(bucket, point))
        except ValueError as error:
            bad.append(Rejected(point, str(error)))
    return good, bad


def tag_choices(schema: BucketSchema, tags: Tags | None) -> dict[str, tuple[str, ...]]:
    """The values each named tag may have, in the order given; ValueError for an unknown tag."""
    choices: dict[str, tuple[str, ...]] = {}
    for name, wanted in (tags or {}).items():
        if name not in schema.tags:
            raise ValueError(f"no tag {name!r} here; known: {', '.join(schema.tags)}")
        choices[name] = (wanted,) if isinstance(wanted, str) else tuple(dict.fromkeys(wanted))
    return choices


def is_selected(
    schema: BucketSchema, choices: Mapping[str, tuple[str, ...]], series: SeriesKey
) -> bool:
    """Whether a series has the tags that `tag_choices` describe."""
    values = dict(zip(schema.tags, series.tags, strict=True))
    return all(values[name] in wanted for name, wanted in choices.items())


def clamp(start_ns: int, end_ns: int) -> tuple[int, int]:
    """A half-open window cut to the times that can be stored; ValueError when it runs backwards."""
    if start_ns > end_ns:
        raise ValueError(f"the window runs backwards: {start_ns} > {end_ns}")
    return max(start_ns, TIME_MIN), min(end_ns, TIME_MAX + 1)
