"""What the loader writes to `ops`: arrival versions, its position, registry snapshots.

An arrival version is a random number, fresh at every write: a window of the pipeline is fresh only
while the versions of its hours equal those it was computed from. Only equality is compared, so no
clock and no counter that a new journal could repeat is involved.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from livinglab.errors import StoreConflictError
from livinglab.model import Fields, Point, SeriesKey
from livinglab.registry import Registry
from livinglab.store.base import Store


@dataclass(frozen=True, slots=True)
class Position:
    """Where a loader is, as the store knows it."""

    loader: str
    journal: str
    seq: int
    registry: str


class Records:
    """Reads and writes the records of one loader.

    Parameters
    ----------
    store : Store
        Where they are.
    loader : str
        Id of this loader.
    """

    def __init__(self, store: Store, loader: str) -> None:
        self._store = store
        self._loader = loader
        self._keys: dict[str, SeriesKey] = {}

    def write_arrivals(self, hours: Iterable[tuple[str, int]]) -> None:
        """Renew the versions of (device, hour in ns)."""
        self._write(
            [
                Point(self._key(device), hour, {"v": secrets.randbits(63)})
                for device, hour in sorted(hours)
            ]
        )

    def write_position(self, journal: str, seq: int, registry: str) -> None:
        """Say how far this loader is, and under which registry."""
        fields: Fields = {"journal": journal, "seq": seq, "registry": registry}
        self._write([Point(SeriesKey("position", (self._loader,)), 0, fields)])

    def positions(self) -> dict[str, Position]:
        """Where each loader is."""
        return {
            point.series.tags[0]: Position(
                point.series.tags[0],
                str(point.fields["journal"]),
                int(point.fields["seq"]),
                str(point.fields["registry"]),
            )
            for point in self._store.points("ops", "position", 0, 1)
        }

    def write_registry(self, registry: Registry, now_ns: int) -> None:
        """Store the snapshot, unless it is there."""
        if self.registry(registry.version) is None:
            fields: Fields = {"body": registry.canonical, "loaded_ns": now_ns}
            self._write([Point(SeriesKey("registry", (registry.version,)), 0, fields)])

    def registry(self, version: str) -> str | None:
        """The canonical text of a snapshot, None where the store has none."""
        for point in self._store.points("ops", "registry", 0, 1, {"version": version}):
            return str(point.fields["body"])
        return None

    def other_loaders(self, device: str, start_ns: int, end_ns: int) -> list[str]:
        """Loaders other than this one that brought data of a device with times in a period."""
        points = self._store.points("ops", "arrival", start_ns, end_ns, {"device": device})
        return sorted({point.series.tags[1] for point in points} - {self._loader})

    def _key(self, device: str) -> SeriesKey:
        key = self._keys.get(device)
        if key is None:
            key = self._keys[device] = SeriesKey("arrival", (device, self._loader))
        return key

    def _write(self, points: list[Point]) -> None:
        if points and (refused := self._store.write("ops", points)):
            raise StoreConflictError(
                f"the store refuses records of bucket ops: {refused[0].reason}",
                hint="was the bucket made by another program, or has it a retention period?",
            )
