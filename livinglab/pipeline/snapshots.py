"""Registry snapshots in `ops`: every version that computed something, resolvable for ever."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

from livinglab.config import from_snapshot
from livinglab.errors import ConfigError
from livinglab.model import Fields, Point, SeriesKey
from livinglab.registry import Registry
from livinglab.store.base import Store

_MEASUREMENT: Final = "registry"


def publish_snapshot(store: Store, registry: Registry) -> bool:
    """Store a registry under its version, before anything names it; whether it was new."""
    if _body(store, registry.version) is not None:
        return False
    series = SeriesKey(_MEASUREMENT, (registry.version,))
    fields: Fields = {"body": registry.canonical, "loaded_ns": time.time_ns()}
    store.write("ops", [Point(series, 0, fields)])
    return True


def read_snapshot(store: Store, version: str) -> Registry | None:
    """The registry of a version, None where it was not stored or cannot be understood any more."""
    body = _body(store, version)
    return None if body is None else _loaded(body)


def _body(store: Store, version: str) -> str | None:
    for point in store.points("ops", _MEASUREMENT, 0, 1, {"version": version}):
        return str(point.fields["body"])
    return None


@lru_cache(maxsize=8)
def _loaded(body: str) -> Registry | None:
    try:
        return from_snapshot(body)
    except ConfigError:
        return None
