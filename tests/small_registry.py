"""The demo's registry with one device more, loaded once for tests that need many of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from config_tree import ConfigTree

from livinglab.registry import Registry


@cache
def with_new_device(device: str | None) -> Registry:
    """The demo's registry, and `device` as a second air unit in Lombok."""
    with tempfile.TemporaryDirectory() as folder:
        tree = ConfigTree(Path(folder))
        if device is not None:
            row = f"{device},toucan-senml,135339,456088,,,5.5,kanaalstraat,600,2025-06-01,,Lombok"
            tree.append("labs/lombok/devices.csv", f"{row},public")
        return tree.load()
