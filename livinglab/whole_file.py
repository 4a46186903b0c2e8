"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from livinglab.errors import DataError


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` in one step when the block ends well.

    Folders above it are made; when the block fails, nothing is left.

    Raises
    ------
    DataError
        If it cannot be written: no folder, no permission, no room.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}",
            hint="choose another folder: --out",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
