"""Columns as the store delivers them become the frame that `Store.frame` promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livinglab.store.base import FieldType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def assemble(times: pa.Array | pa.ChunkedArray, columns: Mapping[str, Any]) -> pd.DataFrame:
    """One frame with the index `time` (UTC, ns).

    Parameters
    ----------
    times : Arrow array of int64
        ns since 1970 UTC.
    columns : mapping of name to Arrow array
        Text (plain or dictionary) becomes `str`, null as missing; float64 and int64 become numpy,
        an int64 with a null becomes float64.
    """
    import pandas as pd
    import pyarrow as pa

    plain = {
        name: values.cast(pa.large_string()) if pa.types.is_dictionary(values.type) else values
        for name, values in columns.items()
    }
    frame: pd.DataFrame = pa.table(plain).to_pandas()
    nanoseconds = times.to_numpy()
    frame.index = pd.DatetimeIndex(nanoseconds.view("M8[ns]"), name="time").tz_localize("UTC")
    return frame


def arrow_type(kind: FieldType) -> pa.DataType:
    """The Arrow type of a field."""
    import pyarrow as pa

    return {"float": pa.float64(), "int": pa.int64(), "str": pa.large_string()}[kind]


def tag_columns(
    tag_names: Sequence[str], pieces: Sequence[tuple[Sequence[str], int]]
) -> dict[str, Any]:
    """Arrow columns of tags: the tag values of each series, repeated as often as it has rows."""
    import numpy as np
    import pyarrow as pa

    lengths = [rows for _, rows in pieces]
    codes = pa.array(np.repeat(np.arange(len(pieces), dtype=np.int32), lengths))
    return {
        name: pa.DictionaryArray.from_arrays(
            codes, pa.array([tags[position] for tags, _ in pieces], pa.large_string())
        )
        for position, name in enumerate(tag_names)
    }


def frame_of_series(
    tag_names: Sequence[str],
    kinds: Mapping[str, FieldType],
    pieces: Sequence[tuple[Sequence[str], Sequence[Sequence[Any]]]],
) -> pd.DataFrame:
    """A frame from series that are complete and in order.

    Parameters
    ----------
    tag_names : sequence of str
        Names of the tags.
    kinds : mapping of str to FieldType
        The fields, in column order.
    pieces : sequence of (tag values, rows)
        Per series; a row is (time in ns, value of each field or None).
    """
    import pyarrow as pa

    values: list[Sequence[Any]] = [[] for _ in range(len(kinds) + 1)]
    if pieces:
        values = list(zip(*(row for _, rows in pieces for row in rows), strict=True))
    columns = tag_columns(tag_names, [(tags, len(rows)) for tags, rows in pieces])
    for (name, kind), column in zip(kinds.items(), values[1:], strict=True):
        columns[name] = pa.array(column, arrow_type(kind))
    return assemble(pa.array(values[0], pa.int64()), columns)
