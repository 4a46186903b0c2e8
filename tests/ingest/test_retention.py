"""Raw data beyond the retention go, in both stores; what is younger stays to the last point."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loader_kit import FAR_AHEAD, START_S, Bench, senml

from ingest.retention import Retention
from livinglab.errors import StoreUnavailableError
from livinglab.model import Point, SeriesKey
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, HOUR_NS, floor_day

NOON_NS = floor_day(START_S * 10**9) + 12 * HOUR_NS
SERIES = SeriesKey("air", ("utr-aq-01", "0"))


def _write(store: Store, *times: int) -> None:
    store.write("raw", [Point(SERIES, at, {"no2": 1.0}) for at in times])


def _times(store: Store) -> list[int]:
    return [point.time_ns for point in store.points("raw", "air", 0, FAR_AHEAD)]


def test_expire_deletes_whole_days_a_day_behind_the_horizon(store: Store) -> None:
    store.prepare()
    border_ns = floor_day(NOON_NS) - 31 * DAY_NS
    _write(store, border_ns - 90 * DAY_NS, border_ns - 1, border_ns, NOON_NS)
    assert Retention(store).expire(30, NOON_NS)
    assert _times(store) == [border_ns, NOON_NS]


def test_expire_of_no_retention_keeps_everything(store: Store) -> None:
    store.prepare()
    _write(store, HOUR_NS, NOON_NS)
    assert not Retention(store).expire(0, NOON_NS)
    assert _times(store) == [HOUR_NS, NOON_NS]


def test_expire_has_one_turn_a_day(sqlite_store: Store) -> None:
    sqlite_store.prepare()
    retention = Retention(sqlite_store)
    assert retention.expire(30, NOON_NS)
    assert not retention.expire(30, NOON_NS + HOUR_NS)
    assert retention.expire(30, NOON_NS + DAY_NS)
    assert retention.expire(20, NOON_NS + DAY_NS), "a shorter retention counts at once"


def test_expire_is_done_again_after_the_store_failed(sqlite_store: Store) -> None:
    sqlite_store.prepare()
    _write(sqlite_store, HOUR_NS)
    retention = Retention(_Away(sqlite_store))
    with pytest.raises(StoreUnavailableError):
        retention.expire(30, NOON_NS)
    _write(sqlite_store, HOUR_NS)
    assert retention.expire(30, NOON_NS)
    assert _times(sqlite_store) == []


def test_step_deletes_raw_data_beyond_the_retention(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    age_days = (time.time_ns() - START_S * 10**9) // DAY_NS
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    assert len(bench.values()) == 1
    settings = bench.registry.settings.model_copy(update={"raw_retention_days": age_days - 5})
    bench.registry = replace(bench.registry, settings=settings)
    bench.crash()
    bench.load()
    assert bench.values() == {}
    bench.close()


class _Away:
    """A real store that is away at the first delete of water."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failed = False

    def delete(self, bucket: str, measurement: str, *rest: Any) -> None:
        if measurement == "water" and not self._failed:
            self._failed = True
            raise StoreUnavailableError("the store is away")
        self._store.delete(bucket, measurement, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
