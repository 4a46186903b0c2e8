"""Paths into parsed payloads: how a device model names a value of a mapped format.

A path joins object keys with "/"; a number picks a list element by position; `[name=value]` picks
the first element whose member has that value: `sv/[sri=7]/v`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MISSING: Final = object()


def at(root: object, path: str) -> object:
    """What `path` points at, `MISSING` where there is nothing.

    Examples
    --------
    >>> at({"sv": [{"sri": 2, "v": 1.8}, {"sri": 7, "v": 5.7}]}, "sv/[sri=7]/v")
    5.7
    >>> at({"a": [10, 20]}, "a/1"), at({"a/b": 3}, "a/b"), at({}, "a") is MISSING
    (20, 3, True)
    """
    if isinstance(root, Mapping) and path in root:
        return root[path]
    node = root
    for step in path.split("/"):
        node = _child(node, step)
        if node is MISSING:
            break
    return node


def is_path(key: str) -> bool:
    """Whether a model's key points into the structure rather than naming a flat key."""
    return "/" in key or "[" in key


def _child(node: object, step: str) -> object:
    if isinstance(node, Mapping):
        return node.get(step, MISSING)
    if not isinstance(node, list):
        return MISSING
    if step.isdecimal():
        position = int(step[:9])
        return node[position] if position < len(node) else MISSING
    if step.startswith("[") and step.endswith("]"):
        name, _, wanted = step[1:-1].partition("=")
        return next((item for item in node if _has(item, name, wanted)), MISSING)
    return MISSING


def _has(item: object, name: str, wanted: str) -> bool:
    if not isinstance(item, Mapping) or name not in item:
        return False
    value = item[name]
    return value == wanted or (not isinstance(value, bool | str) and str(value) == wanted)
