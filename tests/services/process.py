"""A server process that a test may kill, stop, pause and start again on the same port and data.

The process lives in a session of its own (Ctrl-C reaches pytest, whose teardown stops it) and is
tethered to this one: when pytest itself is killed, the kernel takes the server along.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

START_ATTEMPTS = 5
READY_S = 30.0
STOP_S = 15.0

# PR_SET_PDEATHSIG in a small parent that becomes the server: a preexec_fn is not safe with threads.
# The kernel sends the signal when the *thread* that forked ends, hence the one long-lived spawner.
_TETHER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 15)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(0)
os.execvp(sys.argv[2], sys.argv[2:])
"""
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


class ServiceMissingError(Exception):
    """A real server that the tests need is not to be had; the message says what to install."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def docker_engine() -> str | None:
    """The docker client, when an engine answers it."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    answer = subprocess.run([docker, "info"], capture_output=True, check=False, timeout=30)
    return docker if answer.returncode == 0 else None


class Service:
    """One server on one port of the loopback interface.

    Parameters
    ----------
    name : str
        For messages and the log file.
    command : callable
        Port -> command line.
    ready : callable
        Port -> whether the server answers.
    folder : Path
        Where the log goes; data are the command's business.
    container : str
        Name of the Docker container that the command runs in the foreground, "" for a process.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        ready: Callable[[int], bool],
        folder: Path,
        *,
        container: str = "",
    ) -> None:
        self.name = name
        self.port = 0
        self.log = folder / f"{name}.log"
        self._command = command
        self._ready = ready
        self._container = container
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            message = f"{self.name} does not run"
            raise RuntimeError(message)
        return self._process.pid

    def start(self) -> None:
        """Start, or start again on the same port, and return when the server answers."""
        again = self.port != 0
        for _ in range(START_ATTEMPTS):
            if not again:
                self.port = free_port()
            self._process = _spawner.submit(self._spawn).result()
            if self._wait_ready():
                return
            self.kill()
        tail = self.log.read_text(errors="replace")[-2000:]
        message = f"{self.name} did not start on port {self.port}; the end of its log:\n{tail}"
        raise RuntimeError(message)

    def _spawn(self) -> subprocess.Popen[bytes]:
        tethered = [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*tethered, *self._command(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_ready(self) -> bool:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            if self._ready(self.port):
                return True
            time.sleep(0.02)
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        if self._container:
            command = ["docker", "kill", f"--signal={number.name}", self._container]
            subprocess.run(command, check=False, capture_output=True)
        else:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: as when the power fails."""
        self._signal(signal.SIGKILL)
        self._reap(STOP_S)

    def stop(self) -> None:
        """SIGTERM and wait; SIGKILL when that takes too long. Stopping twice is harmless."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        if not self._reap(STOP_S):
            self.kill()

    def pause(self) -> None:
        """SIGSTOP, and wait until it has taken effect: the port stays open, nobody answers."""
        self._signal(signal.SIGSTOP)
        status = Path(f"/proc/{self.pid}/stat")
        deadline = time.monotonic() + STOP_S
        while status.exists() and not self._container and time.monotonic() < deadline:
            if ") T" in status.read_text():
                return
            time.sleep(0.005)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal(signal.SIGCONT)

    def _reap(self, timeout_s: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True


def answers_tcp(port: int) -> bool:
    """Whether somebody accepts connections at the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
