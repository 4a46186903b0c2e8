"""Configuration: a folder of YAML and CSV becomes an immutable registry, or one ConfigError.

`load_registry` reads, checks and resolves the whole tree; nothing of a tree with a mistake is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from livinglab.config.build import build_registry
from livinglab.config.checks import check_registry, check_tree
from livinglab.config.findings import FilePlace, Findings
from livinglab.config.settings import Settings, config_dir, load_settings, read_settings, secret
from livinglab.config.tree import MAX_LABS, Tree, TreeReader
from livinglab.errors import ConfigError, Problem
from livinglab.registry import Registry

__all__ = [
    "MAX_LABS",
    "Settings",
    "config_dir",
    "from_snapshot",
    "lab_ids",
    "load_registry",
    "load_settings",
    "secret",
]


def load_registry(directory: Path, *, overlay: Mapping[Path, bytes] | None = None) -> Registry:
    """The registry of a configuration folder.

    Parameters
    ----------
    directory : Path
        From `config_dir`.
    overlay : mapping of Path to bytes, optional
        Contents that stand in for files below `directory`: the tree as it would be.

    Raises
    ------
    ConfigError
        With every problem of the tree: file, line or row, key, and what was expected.
    """
    findings = Findings()
    settings = read_settings(directory, findings)
    reader = TreeReader(directory, findings, settings.timezone, overlay or {})
    tree = reader.read()
    check_tree(tree, reader)
    registry = build_registry(tree, settings, reader.place, findings)
    check_registry(registry, tree, reader)
    findings.raise_if_any()
    return registry


def from_snapshot(canonical: str, settings: Settings | None = None) -> Registry:
    """The registry that a stored snapshot describes; its version equals the stored one.

    Parameters
    ----------
    canonical : str
        `Registry.canonical` of an earlier load.
    settings : Settings, optional
        Of this installation; a snapshot has none.

    Raises
    ------
    ConfigError
        If the text is not a snapshot that this version of the product understands.
    """
    try:
        tree = Tree.model_validate(json.loads(canonical))
    except (ValueError, ValidationError) as error:
        told = f"not a snapshot of a registry: {str(error).splitlines()[0]}"
        hint = "it was written by another version; load the configuration folder instead"
        raise ConfigError([Problem("snapshot", "", "", told)], hint=hint) from error
    findings = Findings()
    place = FilePlace("snapshot")
    registry = build_registry(tree, settings or Settings(), lambda *_: place, findings)
    findings.raise_if_any()
    return registry


def lab_ids(directory: Path | None = None) -> tuple[str, ...]:
    """Names of the labs of a configuration folder, sorted, without loading it.

    Parameters
    ----------
    directory : Path, optional
        As for `config_dir`.

    Raises
    ------
    ConfigError
        If there is no such folder.
    """
    labs = config_dir(directory) / "labs"
    return tuple(sorted(path.parent.name for path in labs.glob("*/lab.yaml")))
