"""Tokens as files, one folder per role, so that each service is given its own only."""

from __future__ import annotations

import os
from pathlib import Path

from livinglab.errors import StoreError
from livinglab.store.base import Store
from livinglab.store.influx import InfluxStore
from livinglab.store.influx_admin import ROLES


def write_tokens(store: Store, folder: Path, *, renew: bool = False) -> dict[str, Path]:
    """Make tokens for the roles of `influx_admin.ROLES` and write them to `folder/<role>/token`.

    Parameters
    ----------
    store : Store
        An InfluxDB opened with an administrator's token; the embedded store has no tokens.
    folder : Path
        Made where it is missing. Files are readable by their owner and group only.
    renew : bool
        Make new tokens also for roles whose file is there; the old ones stay valid until they are
        deleted on the server.

    Returns
    -------
    dict
        The files that were written, by role; none when all were there.

    Raises
    ------
    StoreError
        The store has no tokens, or says no.
    """
    if not isinstance(store, InfluxStore):
        hint = "give the files' permissions instead"
        raise StoreError(f"{store.url} is embedded: it has no tokens", hint=hint)
    paths = {role: folder / role / "token" for role in ROLES}
    wanted = {role: path for role, path in paths.items() if renew or not path.exists()}
    for role, token in store.create_tokens(wanted).items():
        wanted[role].parent.mkdir(parents=True, exist_ok=True)
        _write_private(wanted[role], f"{token}\n")
    return wanted


def _write_private(path: Path, text: str) -> None:
    """Replace a file whole, never readable by others at any moment."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
        file.write(text)
    draft.replace(path)
