"""Processes of the demo: started in groups of their own, and none of them left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from livinglab.demo.interruptions import Interruptions
from livinglab.errors import LivingLabError


class DemoError(LivingLabError):
    """A part of the demo did not start or did not answer."""


def free_port() -> int:
    """A TCP port of the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """Context manager: everything started inside is stopped at its end, in reverse order.

    Whatever ends it (an error, Ctrl-C, also a second one, SIGTERM, SIGHUP): no process stays.
    """

    def __init__(self, log_dir: Path, environment: Mapping[str, str]) -> None:
        self._log_dir = log_dir
        self._environment = dict(environment)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._interruptions = Interruptions()

    def __enter__(self) -> Self:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._interruptions.watch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop_all()
        finally:
            self._interruptions.release()

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a process that lives as long as the demo; its output goes to `<name>.log`."""
        with self._interruptions.held():
            process = self._popen(name, command)
            self._running.append((name, process))
        return process

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a command to its end.

        Raises
        ------
        DemoError
            If it fails; the message names its log.
        """
        process = self.start(name, command)
        if process.wait() != 0:
            raise self.failure(name)
        self._running.remove((name, process))

    def check(self) -> None:
        """Raise DemoError when a process that should run has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                raise self.failure(name)

    def failure(self, name: str) -> DemoError:
        """Say which part failed, with the last lines of its log."""
        log = self._log_dir / f"{name}.log"
        tail = log.read_text("utf-8", "replace").splitlines()[-8:] if log.exists() else []
        lines = "\n    ".join(tail)
        return DemoError(f"{name} ended before its time:\n    {lines}", hint=f"see {log}")

    def stop(self, name: str, timeout_s: float = 15.0) -> None:
        """Stop one process gracefully, then for good."""
        for entry in [entry for entry in self._running if entry[0] == name]:
            with self._interruptions.held():
                _signal_group(entry[1], signal.SIGTERM)
                _wait_or_kill(entry[1], timeout_s)
                self._running.remove(entry)

    def stop_all(self) -> None:
        """Stop everything, last started first."""
        with self._interruptions.held():
            for _, process in reversed(self._running):
                _signal_group(process, signal.SIGTERM)
            for _, process in reversed(self._running):
                _wait_or_kill(process, 10.0)
            self._running.clear()

    def _popen(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._log_dir / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the demo's own commands
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _wait_or_kill(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(process, signal.SIGKILL)  # also children that outlived their parent
    process.wait()
