"""Read-only copies of mappings and lists: a registry is shared by threads and never changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")


def frozen(mapping: Mapping[str, T]) -> Mapping[str, T]:
    """A read-only copy, sorted by key."""
    return MappingProxyType(dict(sorted(mapping.items())))


def deep_frozen(value: Any) -> Any:
    """A read-only copy of mappings and lists within each other."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: deep_frozen(value[key]) for key in sorted(value)})
    return tuple(deep_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
