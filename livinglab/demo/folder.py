"""The folder of the demo: made anew, never another's, and one demo at a time in it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from livinglab.demo.processes import DemoError

MARKER: Final = ".livinglab-demo"


@contextmanager
def own_folder(directory: Path) -> Iterator[None]:
    """Make the folder anew, and keep another demo out of it; one of other things is left alone.

    Its mark goes last and comes first: a demo that was interrupted here can be run again.

    Raises
    ------
    DemoError
        If the folder holds something else, is in use, or cannot be written.
    """
    elsewhere = "name another folder: livinglab demo --out FOLDER"
    mark = directory / MARKER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not mark.exists() and any(directory.iterdir()):
            raise DemoError(
                f"{directory} is not empty and was not made by the demo", hint=elsewhere
            )
        handle = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        said = f"cannot write {directory}: {error.strerror or error}"
        raise DemoError(said, hint=elsewhere) from error
    try:
        _lock(handle, directory)
        _empty(directory, elsewhere)
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _lock(handle: int, directory: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(
            f"another demo runs in {directory}",
            hint="wait for its end, or name another folder: livinglab demo --out FOLDER",
        ) from error


def _empty(directory: Path, elsewhere: str) -> None:
    try:
        for child in directory.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child.name != MARKER:
                child.unlink()
    except OSError as error:
        said = f"cannot empty {directory}: {error.filename}: {error.strerror or error}"
        raise DemoError(said, hint=elsewhere) from error
