"""Adding a row to a devices.csv: in the file's own form, and only if the tree stays right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from livinglab.config.add_row import add_row
from livinglab.registry import Registry


def add_device(directory: Path, lab: str, cells: Mapping[str, str]) -> Registry:
    """Append a row to the devices.csv of a lab.

    Parameters
    ----------
    directory : Path
        Configuration folder, from `config_dir`.
    lab : str
        Id of the lab.
    cells : mapping of str to str
        Column -> cell; blank ones may be left out. Numbers with decimal point.

    Returns
    -------
    Registry
        With the new device; the file is written.

    Raises
    ------
    ConfigError
        If the tree with the row would be refused, or the file has no such column; the file is left
        as it was.
    """
    return add_row(directory, lab, "devices", cells)
