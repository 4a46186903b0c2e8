"""The rows of a msgpack answer as Arrow columns, without a Python object per value.

InfluxDB writes a row as an array of (time, value, ...). Where all rows of a series have one layout,
which is the rule, they are a matrix of bytes whose columns are cut out; any other series is decoded
value by value. Both ways give the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from livinglab.store.base import FieldType
from livinglab.store.framing import arrow_type, assemble, tag_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from livinglab.store.influxql import Series

_NULL: Final = 0xC0
_FLOAT64: Final = 0xCB
# marker -> (bytes after it, numpy type)
_NUMBERS: Final = {
    _FLOAT64: (8, ">f8"),
    0xCA: (4, ">f4"),
    0xCC: (1, "u1"),
    0xCD: (2, ">u2"),
    0xCE: (4, ">u4"),
    0xCF: (8, ">u8"),
    0xD0: (1, "i1"),
    0xD1: (2, ">i2"),
    0xD2: (4, ">i4"),
    0xD3: (8, ">i8"),
}


class _Cell(NamedTuple):
    """Where a value stands in a row: its marker, and `size` bytes from `start` on."""

    marker: int
    start: int
    size: int


def _head(raw: memoryview) -> tuple[int, int]:
    """Length of an array and of the header that says it."""
    first = raw[0]
    if first == 0xDD:
        return int.from_bytes(raw[1:5], "big"), 5
    if first == 0xDC:
        return int.from_bytes(raw[1:3], "big"), 3
    return first & 0x0F, 1


def _layout(row: memoryview, count: int) -> list[_Cell] | None:
    """The cells of a row of numbers, short texts and nulls that fills `row`; None for another."""
    width, at = _head(row)
    cells: list[_Cell] = []
    while len(cells) < count and at < len(row):
        marker = row[at]
        if marker in _NUMBERS:
            size = _NUMBERS[marker][0]
        elif 0xA0 <= marker <= 0xBF:
            size = marker & 0x1F
        elif marker == _NULL or marker < 0x80 or marker >= 0xE0:
            size = 0
        else:
            return None
        cells.append(_Cell(marker, at + 1, size))
        at += 1 + size
    return cells if len(cells) == count == width and at == len(row) else None


def _is_small_int(marker: Any) -> Any:
    return (marker < 0x80) | (marker >= 0xE0)


def _same_layout(matrix: np.ndarray[Any, Any], cells: Sequence[_Cell]) -> bool:
    """Whether every row has the first one's markers; a small integer is its own marker."""
    if not (matrix[:, 0] == matrix[0, 0]).all():
        return False
    for marker, start, _ in cells:
        found = matrix[:, start - 1]
        fits = _is_small_int(found) if _is_small_int(marker) else found == marker
        if not fits.all():
            return False
    return True


def _cut(matrix: np.ndarray[Any, Any], cell: _Cell) -> pa.Array:
    """One column of the matrix as an Arrow array of the type on the wire."""
    import numpy as np
    import pyarrow as pa

    marker, start, size = cell
    if marker == _NULL:
        return pa.nulls(len(matrix))
    if _is_small_int(marker):
        return pa.array(matrix[:, start - 1].view(np.int8).astype(np.int64))
    block = np.ascontiguousarray(matrix[:, start : start + size])
    if marker in _NUMBERS:
        kind = np.float64 if marker in {_FLOAT64, 0xCA} else np.int64
        return pa.array(block.view(_NUMBERS[marker][1]).reshape(-1).astype(kind))
    offsets = np.arange(len(matrix) + 1, dtype=np.int64) * size
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    return pa.Array.from_buffers(pa.large_string(), len(matrix), buffers)


def _typed(column: pa.Array, kind: FieldType, name: str) -> pa.Array:
    """The column as the schema's type; TypeError when the wire has another."""
    import pyarrow as pa

    wanted, found = arrow_type(kind), column.type
    if found == wanted:
        return column
    if pa.types.is_null(found) or (kind == "float" and pa.types.is_integer(found)):
        return column.cast(wanted, safe=False)
    raise TypeError(f"field {name!r} holds {found}, not {kind}")


def _by_value(raw: msgspec.Raw, count: int) -> list[pa.Array]:
    """The columns of rows that differ in layout."""
    import pyarrow as pa

    rows = msgspec.msgpack.decode(raw, type=list[tuple[Any, ...]])
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * count
    arrays = []
    for values in columns:
        types = {type(value) for value in values} - {type(None)}
        if str in types and len(types) > 1:
            raise TypeError("a field holds both texts and numbers")
        kind: FieldType = "str" if str in types else "float" if float in types else "int"
        arrays.append(pa.array(values, arrow_type(kind) if types else pa.null()))
    return arrays


def columns_of(
    raw: msgspec.Raw, kinds: Sequence[tuple[str, FieldType]]
) -> tuple[pa.Array, list[pa.Array]]:
    """Times (int64 ns) and one Arrow array per field.

    Parameters
    ----------
    raw : msgspec.Raw
        An array of rows: time, then the fields.
    kinds : sequence of (name, type)
        The fields in their order in a row.

    Raises
    ------
    TypeError
        A field holds another type than it should.
    """
    import numpy as np

    view = memoryview(raw)
    rows, head = _head(view)
    body = view[head:]
    arrays = None
    if rows and len(body) % rows == 0:
        width = len(body) // rows
        cells = _layout(body[:width], len(kinds) + 1)
        matrix = np.frombuffer(body, dtype=np.uint8).reshape(rows, width)
        if cells is not None and _same_layout(matrix, cells):
            arrays = [_cut(matrix, cell) for cell in cells]
    if arrays is None:
        arrays = _by_value(raw, len(kinds) + 1)
    times, *fields = arrays
    typed = [_typed(column, kind, name) for column, (name, kind) in zip(fields, kinds, strict=True)]
    return times, typed


def frame_of_answer(
    tag_names: Sequence[str], kinds: Mapping[str, FieldType], series: Sequence[Series]
) -> pd.DataFrame:
    """The frame of an answer that was grouped by all tags, its series brought into order of tags.

    Raises
    ------
    TypeError
        A field holds another type than it should.
    """
    import pyarrow as pa

    ordered = sorted(
        ((tuple(each.tags[tag] for tag in tag_names), each) for each in series),
        key=lambda item: item[0],
    )
    parts = [columns_of(each.values, list(kinds.items())) for _, each in ordered]
    times = pa.chunked_array([times for times, _ in parts], pa.int64())
    counted = zip(ordered, parts, strict=True)
    columns = tag_columns(tag_names, [(tags, len(part[0])) for (tags, _), part in counted])
    for position, (name, kind) in enumerate(kinds.items()):
        pieces = [fields[position] for _, fields in parts]
        columns[name] = pa.chunked_array(pieces, arrow_type(kind))
    return assemble(times, columns)
