"""Protocol Buffers wire format of untrusted bytes: fields by number, nothing more.

References
----------
.. [1] Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

from livinglab.errors import DecodeError, Reason


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of each field in order: int of varint and fixed types, bytes else.

    Raises
    ------
    DecodeError
        SYNTAX, if the bytes end inside a field or hold a wire type that is none.
    """
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise DecodeError(Reason.SYNTAX, f"no protobuf at byte {place - 1}")
        if kind == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            size, place = _varint(data, place)
        if size < 0:
            raise DecodeError(Reason.SYNTAX, f"no protobuf: wire type {kind} at byte {place - 1}")
        content = data[place : place + size]
        if len(content) < size:
            raise DecodeError(Reason.SYNTAX, f"the protobuf is cut off after {len(data)} bytes")
        place += size
        yield number, content if kind == 2 else int.from_bytes(content, "little")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise DecodeError(Reason.SYNTAX, f"the protobuf is cut off after {len(data)} bytes")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise DecodeError(Reason.SYNTAX, f"a protobuf number at byte {place - 10} is too long")
