"""Writes points in a thread of its own, one request in flight while the next is being built."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from livinglab.errors import StoreError
from livinglab.model import Point
from livinglab.store.base import Rejected, Store


class PointWriter:
    """Points to bucket `raw`, in the order in which they are put.

    Parameters
    ----------
    store : Store
        Where they go.

    Attributes
    ----------
    refused : list of Rejected
        What the store refused since the last `settle` by the caller.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="points")
        self._flight: Future[list[Rejected]] | None = None
        self.refused: list[Rejected] = []

    def put(self, points: list[Point]) -> None:
        """Start to write; waits for what was put before.

        Raises
        ------
        StoreError
            If the write before this one failed; these points were not sent.
        """
        self.settle()
        if points:
            self._flight = self._pool.submit(self._store.write, "raw", points)

    def settle(self) -> None:
        """Wait until everything is in the store; raises the StoreError of a failed write."""
        flight, self._flight = self._flight, None
        if flight is not None:
            self.refused += flight.result()

    def abandon(self) -> None:
        """Wait for the end of what is in flight, whatever it is: it must not land later."""
        flight, self._flight = self._flight, None
        if flight is not None:
            with suppress(StoreError):
                flight.result()
        self.refused = []

    def close(self) -> None:
        """End the thread."""
        self.abandon()
        self._pool.shutdown()
