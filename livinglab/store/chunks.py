"""Reading a long window piece by piece, without asking for the pieces that hold nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def chunked(
    read: Callable[[tuple[int, int]], pd.DataFrame],
    first_time: Callable[[tuple[int, int]], int | None],
    window: tuple[int, int],
    chunk_s: int,
) -> Iterator[pd.DataFrame]:
    """Yield `read` of each chunk of the window that has rows, in order of time.

    Chunks lie on the grid start + k * chunk_s. After an empty chunk `first_time` says where data go
    on (ns; None: nowhere), so that years without data cost one question.
    """
    if chunk_s <= 0:
        raise ValueError(f"chunk_s must be positive, got {chunk_s}")
    step = chunk_s * 1_000_000_000
    start_ns, end_ns = window
    at = first_time(window)
    while at is not None and at < end_ns:
        begin = start_ns + (at - start_ns) // step * step
        until = min(begin + step, end_ns)
        frame = read((begin, until))
        if len(frame):
            yield frame
            at = until
        else:
            at = first_time((until, end_ns))
