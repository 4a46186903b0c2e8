"""The fast way to read rows gives what decoding value by value gives."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livinglab.store import msgpack_rows
from livinglab.store.msgpack_rows import columns_of

KINDS = [("value", "float"), ("flag", "int"), ("tests", "str")]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.integers(-(2**63), 2**63 - 1)
INTS = TIMES | st.integers(-40, 140)
TEXTS = st.text(max_size=40)
ROWS = st.lists(st.tuples(TIMES, st.none() | FLOATS, st.none() | INTS, st.none() | TEXTS))
SAME = st.lists(
    st.tuples(
        st.integers(2**60, 2**61),
        FLOATS,
        st.integers(-32, 127),
        st.text(st.characters(codec="ascii"), min_size=5, max_size=5),
    ),
    min_size=1,
    max_size=40,
)


def packed(rows: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(rows))


@given(ROWS | SAME)
def test_columns_of_equal_the_rows(rows) -> None:
    times, columns = columns_of(packed(rows), KINDS)
    assert times.to_pylist() == [row[0] for row in rows]
    assert [column.to_pylist() for column in columns] == [
        [row[place] for row in rows] for place in (1, 2, 3)
    ]
    assert [column.type for column in columns] == [pa.float64(), pa.int64(), pa.large_string()]


@given(SAME)
def test_columns_of_rows_of_one_layout_decode_no_value(rows) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msgpack_rows, "_by_value", None)
        times, columns = columns_of(packed(rows), KINDS)
    assert list(zip(times.to_pylist(), *(c.to_pylist() for c in columns), strict=True)) == rows


@pytest.mark.parametrize("count", [15, 16, 65_535, 65_536])
def test_columns_of_every_length_of_header(count: int) -> None:
    times, (values,) = columns_of(packed([(n, n / 2) for n in range(count)]), [("value", "float")])
    assert times.to_pylist() == list(range(count))
    assert values.to_pylist() == [n / 2 for n in range(count)]


def test_columns_of_a_field_that_is_null_throughout() -> None:
    _, (values, texts) = columns_of(packed([(1, None, "a"), (2, None, "b")]), KINDS[::2])
    assert values.to_pylist() == [None, None]
    assert values.type == pa.float64()
    assert texts.to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    "rows", [[(1, "x")], [(1, "x"), (2, 3.0)], [(1, "long enough"), (2, "short")]]
)
def test_columns_of_another_type_is_refused(rows) -> None:
    with pytest.raises(TypeError):
        columns_of(packed(rows), [("value", "float")])


def test_columns_of_whole_numbers_in_a_float_field_are_floats() -> None:
    _, (values,) = columns_of(packed([(1, 5), (2, 7)]), [("value", "float")])
    assert values.to_pylist() == [5.0, 7.0]
    assert values.type == pa.float64()
