"""Arrival versions: which hours of which devices received something after a window was computed.

The loader writes, after the points and before its cursor, one random number per (device, hour,
loader). Only equality is compared: no clock, no order, no counter that a new journal could repeat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

from livinglab.pipeline.digests import digest
from livinglab.store.base import Store
from livinglab.timeline import HOUR_NS, floor_hour
from transforms.frames import time_ns

#: Length of the mark of one hour in the provenance of a window.
MARK: Final = 4
_NONE: Final = "." * MARK


class Arrivals:
    """Arrival versions of some devices in a stretch of time, read once.

    Parameters
    ----------
    devices : collection of str
        Device ids.
    start_ns, end_ns : int
        Stretch of time; hours that overlap it are read.
    """

    def __init__(self, store: Store, devices: Collection[str], start_ns: int, end_ns: int) -> None:
        self._versions: dict[str, dict[int, str]] = {device: {} for device in sorted(devices)}
        if not self._versions:
            return
        frame = store.frame(
            "ops", "arrival", floor_hour(start_ns), end_ns, {"device": sorted(devices)}, ["v"]
        )
        columns = (frame[name].tolist() for name in ("loader", "v"))
        rows = zip(frame["device"].tolist(), time_ns(frame).tolist(), *columns, strict=True)
        for device, hour, loader, version in sorted(rows):
            seen = self._versions[device]
            seen[hour] = f"{seen.get(hour, '')}{loader}={version};"

    def digest(self, devices: Sequence[str], start_ns: int, end_ns: int) -> str:
        """Digest of the versions of `devices` in all hours that overlap [start, end)."""
        hours = range(floor_hour(start_ns), end_ns, HOUR_NS)
        return digest(
            f"{device}@{hour}:{version}"
            for device in devices
            if (seen := self._versions[device])
            for hour in hours
            if (version := seen.get(hour))
        )

    def marks(self, devices: Sequence[str], start_ns: int, end_ns: int) -> dict[str, str]:
        """Short mark per hour and device, from which `changed` finds what arrived later."""
        hours = range(floor_hour(start_ns), end_ns, HOUR_NS)
        found: dict[str, str] = {}
        for device in devices:
            seen = self._versions[device]
            marks = [_mark(seen[hour]) if hour in seen else _NONE for hour in hours]
            if any(mark != _NONE for mark in marks):
                found[device] = "".join(marks)
        return found


def changed(
    before: dict[str, str], now: dict[str, str], start_ns: int
) -> list[tuple[str, list[int]]]:
    """Devices and hours whose marks differ.

    Examples
    --------
    >>> changed({"a": "12ab...."}, {"a": "12ab34cd"}, 0) == [("a", [HOUR_NS])]
    True
    """
    result = []
    for device in sorted({*before, *now}):
        old, new = before.get(device, ""), now.get(device, "")
        length = max(len(old), len(new))
        old, new = old.ljust(length, "."), new.ljust(length, ".")
        hours = [
            floor_hour(start_ns) + place // MARK * HOUR_NS
            for place in range(0, length, MARK)
            if old[place : place + MARK] != new[place : place + MARK]
        ]
        if hours:
            result.append((device, hours))
    return result


def _mark(version: str) -> str:
    return hashlib.blake2b(version.encode(), digest_size=MARK // 2).hexdigest()
