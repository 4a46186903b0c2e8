"""Frames by table: a text row per record, and the one reader of all of them.

A row is "head : name type[/divisor][-zero] [unit], ...". Types are `u` or `i` and the number of
bits; a name "-" is passed over; an `i` is in two's complement. `zero` is what stands for 0:
`u16-32768/10` is (x - 32768) / 10. All bits set mean "not fitted" where the family says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from livinglab.errors import DecodeError, Reason

_FIELD: Final = re.compile(
    r"(?P<name>\S+) (?P<sign>[ui])(?P<bits>8|16|24|32|64)(?:-(?P<zero>\d+))?"
    r"(?:/(?P<divisor>\d+))?(?: (?P<unit>\S+))?"
)


class Field(NamedTuple):
    """One value of a record: (x - zero) / divisor in `unit`, "" = the key tells."""

    name: str
    size: int
    signed: bool
    zero: int
    divisor: int
    unit: str


Value = float | Mapping[str, object]


def rows(text: str) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """(head, fields) of each row of a table."""
    for line in text.strip().splitlines():
        head, _, rest = line.partition(":")
        yield head.strip(), tuple(_field(part.strip()) for part in rest.split(",") if part.strip())


def size_of(fields: Sequence[Field]) -> int:
    """Bytes that a record's fields take."""
    return sum(field.size for field in fields)


def values(
    fields: Sequence[Field], data: bytes, byte_order: str, *, blank: bool = False
) -> Iterator[tuple[str, Value]]:
    """Names and values of a record; with `blank`, fields with all bits set are left out.

    `data` has at least the bytes that the fields take.
    """
    place = 0
    for field in fields:
        part = data[place : place + field.size]
        place += field.size
        if field.name == "-" or (blank and field.size > 1 and part.count(0xFF) == field.size):
            continue
        ordered = part if byte_order == "big" else part[::-1]
        whole = int.from_bytes(ordered, "big", signed=field.signed) - field.zero
        value = whole / field.divisor
        yield field.name, {"value": value, "unit": field.unit} if field.unit else value


def undecodable(place: int, what: str) -> DecodeError:
    """The refusal of a frame of which nothing could be read."""
    return DecodeError(
        Reason.FORMAT,
        f"the frame does not fit the codec at byte {place}: {what}",
        hint="does the device model name the codec of this device?",
    )


def _field(text: str) -> Field:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ValueError(f"no field of a codec table: {text!r}")
    return Field(
        found["name"],
        int(found["bits"]) // 8,
        found["sign"] == "i",
        int(found["zero"] or 0),
        int(found["divisor"] or 1),
        found["unit"] or "",
    )
