"""Ctrl-C, `kill` and a closed terminal: each stops the demo once, and never between two steps.

A child that was started and not yet noted down, or one that is just being stopped, must not be
forgotten because a signal came at that moment.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """The signals that end the demo, as KeyboardInterrupt; of the main thread only."""

    def __init__(self) -> None:
        self._depth = 0
        self._came = False
        self._before: dict[signal.Signals, Any] = {}

    def watch(self) -> None:
        """Take over the signals, but those that are ignored (nohup, a job in the background)."""
        heard = (number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)
        self._before = {number: signal.signal(number, self._handle) for number in heard}

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the block has ended.

        Raises
        ------
        KeyboardInterrupt
            At the end of the outermost block, if a signal came meanwhile.
        """
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._came and not self._depth:
                self._came = False
                raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._depth:
            self._came = True
        else:
            raise KeyboardInterrupt
