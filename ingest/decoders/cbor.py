"""CBOR (RFC 8949) of untrusted bytes, as far as measurements use it.

Bounded like `json_guard`: size, nesting, number of items. Indefinite lengths, half-precision
floats, big numbers and decimal fractions are read; other tags are passed over.

References
----------
.. [1] RFC 8949, Concise Binary Object Representation. doi:10.17487/RFC8949.
"""

from __future__ import annotations

import math
import struct
from typing import Final

from ingest.decoders.base import MAX_DEPTH, MAX_DIGITS, MAX_PAYLOAD_BYTES
from livinglab.errors import DecodeError, Reason

MAX_ITEMS: Final = 100_000
_BREAK: Final = object()
_SIMPLE: Final[dict[int, object]] = {20: False, 21: True, 22: None, 23: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}


def parse_cbor(payload: bytes) -> object:
    """Value of one CBOR item: int, float, bytes, str, list, dict, bool or None.

    Raises
    ------
    DecodeError
        TOO_LARGE, TOO_DEEP, TOO_MANY, VALUE (a number beyond the limits), SYNTAX (anything else).
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(Reason.TOO_LARGE, f"{len(payload)} bytes, more than {MAX_PAYLOAD_BYTES}")
    reader = _Reader(payload)
    value = reader.item(0)
    if value is _BREAK or reader.place != len(payload):
        raise DecodeError(Reason.SYNTAX, f"not one CBOR item: it ends at byte {reader.place}")
    return value


class _Reader:
    """Reads items one after the other; `place` is the next byte."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0
        self._items = 0

    def item(self, depth: int) -> object:
        """The next item, `_BREAK` at the end of an indefinite one."""
        self._items += 1
        if self._items > MAX_ITEMS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_ITEMS} CBOR items")
        if depth > MAX_DEPTH:
            raise DecodeError(Reason.TOO_DEEP, f"CBOR nested deeper than {MAX_DEPTH} levels")
        first = self._take(1)[0]
        kind, info = first >> 5, first & 31
        if kind == 7:
            return self._simple(info)
        count = None if info == 31 else self._argument(info)
        if kind < 2:
            if count is None:
                raise _broken(self.place)
            return count if kind == 0 else -1 - count
        return self._composite(kind, count, depth)

    def _composite(self, kind: int, count: int | None, depth: int) -> object:
        if kind in (2, 3):
            return self._string(kind, count, depth)
        if kind == 4:
            return self._array(count, depth)
        if kind == 5:
            return self._map(count, depth)
        if count is None:
            raise _broken(self.place)
        return _tagged(count, self.item(depth + 1))

    def _take(self, size: int) -> bytes:
        data = self._data[self.place : self.place + size]
        if len(data) < size:
            raise DecodeError(Reason.SYNTAX, f"the CBOR is cut off after {len(self._data)} bytes")
        self.place += size
        return data

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise _broken(self.place)
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _simple(self, info: int) -> object:
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self._take(1 << (info - 24)))[0]
        if info == 31:
            return _BREAK
        if info in _SIMPLE:
            return _SIMPLE[info]
        raise _broken(self.place)

    def _string(self, kind: int, count: int | None, depth: int) -> bytes | str:
        if count is None:
            parts = list(self._until_break(depth))
            wanted = bytes if kind == 2 else str
            if not all(isinstance(part, wanted) for part in parts):
                raise _broken(self.place)
            return _joined(parts)
        data = self._take(count)
        if kind == 2:
            return data
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodeError(Reason.SYNTAX, "a CBOR text is not UTF-8") from error

    def _array(self, count: int | None, depth: int) -> list[object]:
        if count is None:
            return list(self._until_break(depth))
        if count > len(self._data) - self.place:
            raise DecodeError(Reason.SYNTAX, "a CBOR array is longer than the payload")
        return [self._value(depth) for _ in range(count)]

    def _map(self, count: int | None, depth: int) -> dict[object, object]:
        if count is None:
            flat = list(self._until_break(depth))
        else:
            if count > len(self._data) - self.place:
                raise DecodeError(Reason.SYNTAX, "a CBOR map is longer than the payload")
            flat = [self._value(depth) for _ in range(2 * count)]
        labels = flat[::2]
        if len(flat) % 2 or not all(isinstance(label, int | str | bytes) for label in labels):
            raise _broken(self.place)
        return dict(zip(labels, flat[1::2], strict=True))

    def _until_break(self, depth: int) -> list[object]:
        items = []
        while (item := self.item(depth + 1)) is not _BREAK:
            items.append(item)
        return items

    def _value(self, depth: int) -> object:
        item = self.item(depth + 1)
        if item is _BREAK:
            raise _broken(self.place)
        return item


def _joined(parts: list[object]) -> bytes | str:
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if texts else b"".join(part for part in parts if isinstance(part, bytes))


def _broken(place: int) -> DecodeError:
    return DecodeError(Reason.SYNTAX, f"no CBOR at byte {place - 1}")


def _tagged(tag: int, content: object) -> object:
    """A big number or a decimal fraction (RFC 8949, 3.4.3 and 3.4.4); else what was tagged."""
    if tag in (2, 3) and isinstance(content, bytes):
        if len(content) > MAX_DIGITS // 3:
            raise DecodeError(Reason.VALUE, "a big number is too long")
        value = int.from_bytes(content, "big")
        return value if tag == 2 else -1 - value
    if tag in (4, 5) and isinstance(content, list) and len(content) == 2:
        exponent, mantissa = content
        if type(exponent) is int and type(mantissa) is int:
            return _scaled(mantissa, 10 if tag == 4 else 2, exponent)
    return content


def _scaled(mantissa: int, base: int, exponent: int) -> float:
    if abs(exponent) > 1_000:
        raise DecodeError(Reason.VALUE, "an exponent is too large")
    try:
        value = mantissa * float(base) ** exponent if base == 2 else float(f"{mantissa}e{exponent}")
    except OverflowError as error:
        raise DecodeError(Reason.VALUE, "a number is out of range") from error
    if not math.isfinite(value):
        raise DecodeError(Reason.VALUE, "a number is out of range")
    return value
