"""Columns as the store delivers them become the frame that `Store.frame` promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livinglab.store.base import FieldType

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


def text_column(values: pa.Array | pa.ChunkedArray) -> pd.Series:
    """An Arrow array of text (plain or dictionary) as a pandas `str` column, null as missing."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    dtype = pd.StringDtype("pyarrow", na_value=np.nan)
    return pd.Series(dtype.__from_arrow__(values.cast(pa.large_string())), dtype=dtype)


def field_column(kind: FieldType, values: pa.Array | pa.ChunkedArray) -> Any:
    """An Arrow array of one field as numpy float64, int64 (float64 where a null is) or text."""
    import numpy as np
    import pyarrow as pa

    if kind == "str":
        return text_column(values).array
    if kind == "int" and not values.null_count:
        return values.to_numpy()
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def assemble(
    times: np.ndarray[Any, Any],
    tags: Mapping[str, pa.Array | pa.ChunkedArray],
    fields: Mapping[str, tuple[FieldType, pa.Array | pa.ChunkedArray]],
) -> pd.DataFrame:
    """One frame: index `time` (UTC, ns), tags as text, then the fields, in the order given.

    Parameters
    ----------
    times : array of int64
        ns since 1970 UTC.
    tags, fields : mapping of name to Arrow array
        As long as `times`.
    """
    import pandas as pd

    index = pd.DatetimeIndex(times.view("M8[ns]"), name="time").tz_localize("UTC")
    columns: dict[str, Any] = {name: text_column(values).array for name, values in tags.items()}
    columns |= {name: field_column(kind, values) for name, (kind, values) in fields.items()}
    return pd.DataFrame(columns, index=index)


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
    import numpy as np
    import pyarrow as pa

    counts = [len(rows) for _, rows in pieces]
    codes = np.repeat(np.arange(len(pieces), dtype=np.int32), counts)
    columns: list[Sequence[Any]] = [[] for _ in range(len(kinds) + 1)]
    if pieces:
        columns = list(zip(*(row for _, rows in pieces for row in rows), strict=True))
    types = {"float": pa.float64(), "int": pa.int64(), "str": pa.large_string()}
    tags = {
        name: pa.DictionaryArray.from_arrays(
            pa.array(codes), pa.array([tags[position] for tags, _ in pieces], pa.large_string())
        )
        for position, name in enumerate(tag_names)
    }
    fields = {
        name: (kind, pa.array(values, types[kind]))
        for (name, kind), values in zip(kinds.items(), columns[1:], strict=True)
    }
    return assemble(np.array(columns[0], dtype=np.int64), tags, fields)
