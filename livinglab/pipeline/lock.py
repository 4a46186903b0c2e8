"""One writer per lab: a file lock that tasks and commands take.

The claims in the run records keep two writers on different machines from leaving a wrong number
behind; the lock keeps two writers on one machine from wasting each other's work.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livinglab.errors import LockedError
from livinglab.timeline import to_text

_POLL_S = 0.05


def lock_path(state_dir: Path, lab: str) -> Path:
    """File that the writers of `lab` lock."""
    return state_dir / "locks" / f"{lab}.lock"


@contextmanager
def lab_lock(state_dir: Path, lab: str, *, purpose: str, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the lock of a lab; it is released when the block, or the process, ends.

    Parameters
    ----------
    purpose : str
        What the holder does, shown to whoever waits in vain.
    timeout_s : float
        Longest time to wait for another holder [s].

    Raises
    ------
    LockedError
        If another process or thread holds it for longer; names the holder.
    """
    path = lock_path(state_dir, lab)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(handle, lab, timeout_s)
        _write_holder(handle, purpose)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)  # closing releases the lock


def _acquire(handle: int, lab: str, timeout_s: float) -> None:
    # flock belongs to the open file, so two threads of one process exclude each other too.
    deadline = time.monotonic() + timeout_s
    while not _try_lock(handle):
        if time.monotonic() >= deadline:
            raise LockedError(
                f"lab {lab!r} is being written by {_holder(handle)}; waited {timeout_s:g} s",
                hint="wait until it has finished, or stop that process; the lock goes with it",
            )
        time.sleep(_POLL_S)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def _write_holder(handle: int, purpose: str) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": to_text(time.time_ns() // 1_000_000_000 * 1_000_000_000),
        "purpose": purpose,
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def _holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        who = f"process {holder['pid']} on {holder['host']}"
        return f"{who} ({holder['purpose']}, since {holder['since']})"
    except (ValueError, KeyError):  # the holder has just begun or just ended
        return "another process"
