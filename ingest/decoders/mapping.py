"""Paths into parsed payloads: how a device model names a value of a mapped format.

A path joins object keys with "/"; a number picks a list element by position; `[name=value]` picks
the first element whose member has that value: `sv/[sri=7]/v`. A key that itself holds a "/" is
found too: the longest key that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

MISSING: Final = object()
_MOST_STEPS: Final = 16
_OUTSIDE_BRACKETS: Final = re.compile(r"/(?![^\[\]]*\])")


def at(root: object, path: str) -> object:
    """What `path` points at, `MISSING` where there is nothing.

    Examples
    --------
    >>> at({"sv": [{"sri": 2, "v": 1.8}, {"sri": 7, "v": 5.7}]}, "sv/[sri=7]/v")
    5.7
    >>> at({"a": [10, 20]}, "a/1"), at({"x": {"a/b": 3}}, "x/a/b"), at({}, "a") is MISSING
    (20, 3, True)
    """
    if isinstance(root, Mapping) and path in root:
        return root[path]
    return _below(root, _steps(path))


def is_path(key: str) -> bool:
    """Whether a model's key points into the structure rather than naming a flat key."""
    return "/" in key or "[" in key


def starts_in_list(path: str) -> bool:
    """Whether a path's first step picks an element of a list."""
    first = _steps(path)[0]
    return first.isdecimal() or first.startswith("[")


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(_OUTSIDE_BRACKETS.split(path, _MOST_STEPS))


def _below(node: object, steps: Sequence[str]) -> object:
    if not steps:
        return node
    if isinstance(node, Mapping):
        for size in range(len(steps), 0, -1):
            name = "/".join(steps[:size])
            if name in node:
                return _below(node[name], steps[size:])
        return MISSING
    child = _element(node, steps[0]) if isinstance(node, list) else MISSING
    return MISSING if child is MISSING else _below(child, steps[1:])


def _element(items: Sequence[object], step: str) -> object:
    if step.isdecimal():
        position = int(step[:9])
        return items[position] if position < len(items) else MISSING
    if step.startswith("[") and step.endswith("]"):
        name, _, wanted = step[1:-1].partition("=")
        return next((item for item in items if _has(item, name, wanted)), MISSING)
    return MISSING


def _has(item: object, name: str, wanted: str) -> bool:
    if not isinstance(item, Mapping) or name not in item:
        return False
    value = item[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value == wanted or (not isinstance(value, bool | str) and str(value) == wanted)
