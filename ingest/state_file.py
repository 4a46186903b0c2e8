"""The file of the loader's state: where it is, whose it is, and what its errors ask for."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from livinglab.errors import LivingLabError

FILE_NAME: Final = "loader.sqlite"
_FORBIDDEN: Final = "run this as the user of the ingest service; or is the disk read-only?"
_HINTS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "make room on that disk; the loader goes on by itself",
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: _FORBIDDEN,
    sqlite3.SQLITE_PERM: _FORBIDDEN,
}
_DAMAGED: Final = "the journal holds everything: moved aside, the state is built again from it"


class StateLockedError(LivingLabError):
    """Another process is the loader of this state."""


class StateError(LivingLabError):
    """The loader's state cannot be read or written; waiting helps where its disk is full."""

    transient = True

    def __init__(self, path: Path, error: sqlite3.Error | OSError, what: str = "used") -> None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        hint = _FORBIDDEN if isinstance(error, OSError) else _HINTS.get(code, _DAMAGED)
        told = error.strerror if isinstance(error, OSError) else error
        super().__init__(f"the loader's state {path} cannot be {what}: {told}", hint=hint)


def state_path(state_dir: Path) -> Path:
    """Where the loader's state is, below the state directory of the settings."""
    return state_dir / FILE_NAME


def has_state(state_dir: Path) -> bool:
    """Whether a loader has ever worked in a state directory.

    Raises
    ------
    StateError
        If this user may not look.
    """
    path = state_path(state_dir)
    try:
        return path.exists()
    except OSError as error:
        raise StateError(path, error, "looked for") from error


def lock(path: Path) -> IO[bytes]:
    """Become the one loader of a state file; closing the handle, or the process's end, gives it up.

    Raises
    ------
    StateLockedError
        If another process is.
    """
    handle = (path.parent / f"{path.name}.lock").open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StateLockedError(
            f"another process is the loader of {path}",
            hint="one loader per state directory: is the ingest service running?",
        ) from error
    os.set_inheritable(handle.fileno(), False)
    return handle
