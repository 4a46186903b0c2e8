"""Reading a long window piece by piece, without asking for the pieces that hold nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def chunked(
    read: Callable[[int, int], pd.DataFrame],
    next_time: Callable[[int], int | None],
    start_ns: int,
    end_ns: int,
    chunk_s: int,
) -> Iterator[pd.DataFrame]:
    """Yield `read(from, to)` for each chunk of [start_ns, end_ns) that has rows, in order of time.

    Chunks lie on the grid start_ns + k * chunk_s. After an empty chunk `next_time(from)` says where
    data go on (ns, None: nowhere), so that years without data cost one question.
    """
    if chunk_s <= 0:
        raise ValueError(f"chunk_s must be positive, got {chunk_s}")
    step = chunk_s * 1_000_000_000
    at: int | None = next_time(start_ns)
    while at is not None and at < end_ns:
        begin = start_ns + (at - start_ns) // step * step
        until = min(begin + step, end_ns)
        frame = read(begin, until)
        if len(frame):
            yield frame
            at = until
        else:
            at = next_time(until)
