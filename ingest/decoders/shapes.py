"""Flat objects of numbers: which keys become readings is decided once per set of keys."""

from __future__ import annotations

from functools import lru_cache

from ingest.decoders import vendor


@lru_cache(maxsize=4096)
def shape(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The keys that become readings, as `vendor.read_object` decides it.

    None where a key has a say in what the others mean (a time, half of a measurement).
    """
    if not names or any(vendor.has_structure(name) for name in names):
        return None
    return tuple(name for name in names if vendor.is_plain_key(name))
