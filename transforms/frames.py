"""The frame contract at the border of every transform, and the guard that checks it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from livinglab.errors import DataError

#: What a row of an indicator is worth. "indicative": a value that must not be used for a formal
#: comparison, e.g. from sensors that are not reference instruments, or from a part of the devices.
VALID: Final = "valid"
INSUFFICIENT: Final = "insufficient"
INDICATIVE: Final = "indicative"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.int8]
Bools = NDArray[np.bool_]


def time_ns(frame: pd.DataFrame) -> Ints:
    """Index of a panel as int64 ns since 1970 UTC."""
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC" or index.unit != "ns":
        kind = f"{type(index).__name__} of {index.dtype}"
        raise DataError(
            f"a panel needs a UTC DatetimeIndex in ns, got {kind}",
            hint="build panels with transforms.frames.to_panel",
        )
    return np.asarray(index.asi8, dtype=np.int64)


def to_index(start_ns: ArrayLike) -> pd.DatetimeIndex:
    """UTC index of ns resolution named `time`, from ns since 1970 UTC.

    Examples
    --------
    >>> to_index([0]).dtype, to_index([]).name
    (datetime64[ns, UTC], 'time')
    """
    stamps = np.asarray(start_ns, dtype=np.int64).view("datetime64[ns]")
    return pd.DatetimeIndex(stamps, tz="UTC", name="time")


def to_ns(moment: pd.Timestamp) -> int:
    """Return ns since 1970 UTC of an aware timestamp.

    Raises
    ------
    DataError
        If `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise DataError(f"naive time {moment}", hint="give it a zone")
    return int(moment.as_unit("ns").value)


def to_panel(time: Any, series: Any, value: ArrayLike, quantity: Any | None = None) -> pd.DataFrame:
    """Panel from columns of equal length in any order.

    Parameters
    ----------
    time : datetime-like
        Aware times (any zone), or int ns since 1970 UTC.
    series, quantity : str, sequence of str or Categorical
        Identifier of the series (and of the quantity) of each value; one text means all. Codes of a
        Categorical are taken as they are, which is many times quicker than reading text.
    value : array-like
        Values in canonical units; NaN = missing.

    Raises
    ------
    DataError
        On naive times, infinite values or two values at one (series, quantity, time).

    Examples
    --------
    >>> to_panel([3_600_000_000_000, 0], "a|b|0", [2.0, 1.0])["value"].tolist()
    [1.0, 2.0]
    >>> len(to_panel([], "a|b|0", []))
    0
    """
    index = pd.DatetimeIndex(time)
    if index.tz is None and index.dtype.kind == "M" and not _is_integer(time):
        raise DataError("naive times", hint="give times a zone, or int ns since 1970 UTC")
    utc = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    index = utc.as_unit("ns").rename("time")
    ids = _coded(series, len(index))
    keys = [ids.codes]
    numbers = np.asarray(value, dtype=np.float64)
    if quantity is not None:
        kinds = _coded(quantity, len(index))
        keys.insert(0, kinds.codes)
    order = _order(np.asarray(index.asi8), keys)
    if order is not None:
        index, numbers = index[order], numbers[order]
    frame = pd.DataFrame({"series": _text(ids, order), "value": numbers}, index=index)
    if quantity is not None:
        frame["quantity"] = _text(kinds, order)
    return require_panel(frame)


def _coded(names: Any, size: int) -> Any:
    """Names as codes into an ascending list; what is a categorical already is not read again."""
    if isinstance(names, str):
        return pd.Categorical([names]).take(np.zeros(size, dtype=np.intp))
    if isinstance(names, pd.Series):
        names = names.array
    if isinstance(names, pd.Categorical):
        known = list(names.categories)
        return names if known == sorted(known) else names.reorder_categories(sorted(known))
    return pd.Categorical(np.asarray(names, dtype=object))


def _order(times: Ints, keys: Sequence[Any]) -> Ints | None:
    """Order by series, quantity, time; None where rows are in this order already."""
    step = times[1:] >= times[:-1]
    for key in keys:
        before, after = key[:-1], key[1:]
        step = (after > before) | ((after == before) & step)
    return None if step.all() else np.lexsort([times, *keys])


def _text(names: Any, order: Ints | None) -> Any:
    """Codes as a column of text: the names are written once and looked up by code."""
    codes = np.asarray(names.codes if order is None else names.codes[order])
    known = [str(name) for name in names.categories]
    if (codes < 0).any():
        raise DataError("series or quantities with gaps", hint="every value needs its series")
    column = text_column(codes, known)
    present = np.flatnonzero(np.bincount(codes, minlength=len(known)))
    place = np.zeros(len(known), dtype=np.int64)
    place[present] = np.arange(len(present))
    _remember(_text_of(column), place[codes], [known[number] for number in present])
    return column


def text_column(codes: Any, names: Sequence[str]) -> Any:
    """Column of text from codes into names.

    Examples
    --------
    >>> text_column(np.array([1, 0, 1]), ["a", "b"]).tolist()
    ['b', 'a', 'b']
    """
    known = pa.array(list(names), pa.large_string())
    return pd.array(pa.chunked_array([known.take(pa.array(codes))]), dtype="str")


def _is_integer(time: Any) -> bool:
    values = np.asarray(time)
    return values.size == 0 or values.dtype.kind in "iu"


def empty_panel() -> pd.DataFrame:
    """Panel without rows."""
    return to_panel([], [], [])


def of_quantity(panel: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Rows of one quantity, as a panel without the column `quantity`.

    Raises
    ------
    DataError
        If the panel has no column `quantity`.
    """
    if "quantity" not in panel.columns:
        raise DataError("the panel has no column 'quantity'", hint="read the quantities by name")
    return panel.loc[panel["quantity"] == quantity, ["series", "value"]]


def require_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Return `panel` if it keeps the contract of this package.

    Index `time` in UTC and ns; `series` text without gaps, `value` float64 and never infinite;
    series in ascending order; times strictly ascending within a series (and quantity).

    Raises
    ------
    DataError
        Naming the rule that is broken and the first place where it is.

    Examples
    --------
    >>> require_panel(empty_panel()).columns.tolist()
    ['series', 'value']
    >>> require_panel(empty_panel().astype({"value": "int64"}))
    Traceback (most recent call last):
    ...
    livinglab.errors.DataError: column 'value' is int64, not float64
    """
    times = time_ns(panel)
    if panel.index.name != "time":
        raise DataError(f"the index is named {panel.index.name!r}, not 'time'")
    for column in ("series", "value"):
        if column not in panel.columns:
            raise DataError(f"the panel has no column {column!r}")
    if panel["value"].dtype != np.float64:
        raise DataError(f"column 'value' is {panel['value'].dtype}, not float64")
    if np.isinf(panel["value"].to_numpy()).any():
        raise DataError("infinite values in a panel", hint="missing is NaN")
    _require_order(panel, times)
    return panel


def _require_order(panel: pd.DataFrame, times: Ints) -> None:
    parts = _order_parts(panel)
    if parts and _is_known(panel, parts):
        return
    _require_order_of(panel, times)
    if parts:
        _forget_oldest(_ORDERED)
        key = id(panel.index)
        index = weakref.ref(panel.index, lambda _gone: _ORDERED.pop(key, None))
        _ORDERED[key] = (index, *(weakref.ref(part) for part in parts[1:]))


def _is_known(panel: pd.DataFrame, parts: tuple[Any, ...]) -> bool:
    known = _ORDERED.get(id(panel.index), ())
    return [id(ref()) for ref in known] == [id(part) for part in parts]


def _order_parts(panel: pd.DataFrame) -> tuple[Any, ...]:
    """What the order of a panel depends on; none of it ever changes. Empty where it may."""
    names = ("series", "quantity") if "quantity" in panel.columns else ("series",)
    texts = [_text_of(panel[name].array) for name in names]
    return () if any(text is None for text in texts) else (panel.index, *texts)


def _require_order_of(panel: pd.DataFrame, times: Ints) -> None:
    codes, names = _factorized(panel["series"], "series")
    if (codes[1:] < codes[:-1]).any() or names != sorted(names):
        raise DataError("series are not in ascending order", hint="sort by series, then time")
    if "quantity" in panel.columns:
        kinds, kind_names = _factorized(panel["quantity"], "quantity")
        group = codes * (len(kind_names) + 1) + kinds
        order = np.argsort(group, kind="stable")
        codes, times = group[order], times[order]
    backwards = (times[1:] <= times[:-1]) & (codes[1:] == codes[:-1])
    if backwards.any():
        place = to_index(times[int(np.argmax(backwards)) + 1 :][:1])[0]
        raise DataError(
            f"two values of one series at the same time, or times not ascending, at {place}",
            hint="sort by series, then time; one value per series (and quantity) and time",
        )


def _factorized(column: pd.Series, name: str) -> tuple[Ints, list[str]]:
    text = _text_of(column.array)
    known = _KNOWN.get(id(text)) if text is not None else None
    if known is not None and known[0]() is text:
        return known[1], known[2]
    found, uniques = pd.factorize(column)
    if (found < 0).any():
        raise DataError(f"column {name!r} has gaps")
    codes, names = np.asarray(found, dtype=np.int64), [str(unique) for unique in uniques]
    _remember(text, codes, names)
    return codes, names


#: Codes of the columns of text that were read last, by the identity of their data, which Arrow
#: never changes: the guard and several tests ask for one column, and reading text is slow.
_KNOWN: Final[dict[int, tuple[weakref.ref[Any], Ints, list[str]]]] = {}
_KEPT: Final = 8
#: Panels found in order last: index and columns of text, by the identity of the index.
_ORDERED: Final[dict[int, tuple[weakref.ref[Any], ...]]] = {}


def _forget_oldest(known: dict[int, Any]) -> None:
    while len(known) >= _KEPT:
        known.pop(next(iter(known)), None)


def _text_of(column: Any) -> Any:
    """Arrow data behind a column of text, None where there is none."""
    arrow = getattr(column, "__arrow_array__", None)
    return None if arrow is None else arrow()


def _remember(text: Any, codes: Ints, names: list[str]) -> None:
    if text is None:
        return
    codes.setflags(write=False)
    _forget_oldest(_KNOWN)
    key = id(text)
    _KNOWN[key] = (weakref.ref(text, lambda _gone: _KNOWN.pop(key, None)), codes, names)


def names_in(panel: pd.DataFrame, column: str = "series") -> list[str]:
    """Distinct names in a column of text of a panel, in order of appearance.

    Examples
    --------
    >>> names_in(to_panel([0, 1, 2], ["b", "a", "a"], [1.0, 2.0, 3.0]))
    ['a', 'b']
    """
    return list(_factorized(panel[column], column)[1])


def is_named(panel: pd.DataFrame, column: str, name: str) -> Bools:
    """Whether each row of a panel has a name in a column of text, without reading the text.

    Examples
    --------
    >>> is_named(to_panel([0, 1], ["b", "a"], [1.0, 2.0]), "series", "a").tolist()
    [True, False]
    """
    codes, names = _factorized(panel[column], column)
    place = names.index(name) if name in names else -1
    return np.asarray(codes == place, dtype=np.bool_)


def series_codes(panel: pd.DataFrame, names: Sequence[str]) -> Ints:
    """Position in `names` of the series of each row.

    Raises
    ------
    DataError
        If the panel holds a series that `names` lacks.

    Examples
    --------
    >>> series_codes(to_panel([0, 1], ["b", "a"], [1.0, 2.0]), ["a", "b", "c"]).tolist()
    [0, 1]
    """
    codes, present = _factorized(panel["series"], "series")
    place = {name: position for position, name in enumerate(names)}
    unknown = [name for name in present if name not in place]
    if unknown:
        raise DataError(
            f"series without a nominal step or thresholds: {', '.join(unknown[:5])}",
            hint="every series of the panel must be named in the other argument",
        )
    if list(names[: len(present)]) == present:
        return codes
    return np.asarray([place[name] for name in present], dtype=np.int64)[codes]
