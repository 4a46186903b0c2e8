"""A lab of five devices over six days around the end of summer time, for tests of the pipeline.

Quantities, models and indicators are those of the repository's configuration; devices, thresholds
and one experiment are made for short tests. Points arrive as the loader writes them: points first,
then fresh random arrival versions.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from livinglab.config import load_registry
from livinglab.model import Point, SeriesKey
from livinglab.project import Project
from livinglab.registry import Area, Calibration, Device, Experiment, ManualFlag, Registry
from livinglab.store import open_store
from livinglab.store.base import Replaced, Store
from livinglab.timeline import SECOND_NS, floor_hour, parse_instant

CONFIG = Path(__file__).parents[1] / "config"
LAB = "lombok"
ZONE = "Europe/Amsterdam"
THEMES = ("air", "noise", "mobility", "water", "weather")

START = parse_instant("2025-10-23", ZONE)  # summer time ends on the 26th
END = parse_instant("2025-10-29", ZONE)

#: Device -> theme, channel, quantity, step in s, area, model.
DEVICES: Mapping[str, tuple[str, str, str, int, str, str]] = {
    "bike-1": ("mobility", "0", "count_bike", 3600, "north", "bicycle-loop"),
    "bike-2": ("mobility", "0", "count_bike", 3600, "south", "bicycle-loop"),
    "gw-1": ("water", "0", "water_level", 3600, "south", "groundwater-logger"),
    "nm-1": ("noise", "0", "sound_level_laeq", 900, "north", "sound-meter"),
    "nm-2": ("noise", "0", "sound_level_laeq", 900, "north", "sound-meter"),
    "ref-1": ("air", "0", "o3", 3600, "north", "reference-monitor"),
}

#: What a device measures besides, and what its quality test looks at.
BESIDES: Mapping[str, str] = {"ref-1": "relative_humidity"}

QUALITY: Mapping[str, Any] = {
    "themes": {
        "air": {"window_h": 24, "max_gap_s": 7200},
        "noise": {"window_h": 1, "max_gap_s": 1800},
        "mobility": {"window_h": 1, "max_gap_s": 7200},
        "water": {"window_h": 24, "max_gap_s": 7200},
        "device": {"window_h": 24, "max_gap_s": None},
        "weather": {"window_h": 24, "max_gap_s": None},
    },
    "quantities": {
        "o3": {
            "spike_suspect": 20.0,
            "spike_fail": 60.0,
            "flat_tolerance": 0.1,
            "flat_suspect_s": 10800,
            "flat_fail_s": 21600,
            "state_limits": {"relative_humidity": (None, 90.0)},
        },
        "sound_level_laeq": {
            "spike_suspect": 8.0,
            "spike_fail": 15.0,
            "rate_per_min": 2.0,
            "flat_tolerance": 0.2,
            "flat_suspect_s": 2700,
            "flat_fail_s": 7200,
        },
        "water_level": {"spike_suspect": 0.05, "spike_fail": 0.2},
    },
    "models": {},
    "devices": {},
}


@cache
def base_registry() -> Registry:
    """The repository's configuration."""
    return load_registry(CONFIG)


def device(name: str, **changes: Any) -> Device:
    """A row of devices.csv, valid from START on."""
    _, _, _, step_s, area, model = DEVICES[name]
    row = Device(
        id=name,
        lab=LAB,
        model=model,
        x_rd=136000.0,
        y_rd=456000.0,
        lon=5.1,
        lat=52.1,
        position_accuracy_m=5.0,
        height_m_nap=-1.25 if name == "gw-1" else 2.0,
        area=area,
        step_s=step_s,
        from_ns=START,
        to_ns=None,
        owner="test",
        privacy="public",
        row=1,
    )
    return replace(row, **changes)


def design(**changes: Any) -> Experiment:
    """An experiment over four of the six days."""
    row = Experiment(
        id="trial",
        lab=LAB,
        label="Trial",
        hypothesis="none",
        placebo=True,
        indicator="bike_daily_count",
        treated=("north",),
        control=("south",),
        before=("2025-10-23", "2025-10-25"),
        after=("2025-10-25", "2025-10-27"),
        method="did",
        alpha=0.05,
        min_coverage=0.75,
        contact="test",
    )
    return replace(row, **changes)


def registry_of(
    devices: Iterable[Device] | None = None,
    *,
    calibrations: Iterable[Calibration] = (),
    flags: Iterable[ManualFlag] = (),
    quality: Mapping[str, Any] = QUALITY,
    experiments: Iterable[Experiment] | None = None,
    **changes: Any,
) -> Registry:
    """A registry of the small lab; equal content gives an equal version."""
    base = base_registry()
    rows = tuple(map(device, DEVICES)) if devices is None else tuple(devices)
    designs = [design()] if experiments is None else list(experiments)
    lab = replace(
        base.labs[LAB],
        areas={name: Area(name, name, ()) for name in ("north", "south")},
        experiments={each.id: each for each in designs},
    )
    history: dict[str, tuple[Device, ...]] = {}
    for row in sorted(rows, key=lambda each: (each.id, each.from_ns)):
        history[row.id] = (*history.get(row.id, ()), row)
    models = {}
    for device_id, (_, _, quantity, _, _, name) in DEVICES.items():
        names = {quantity, BESIDES.get(device_id, "")}
        rows_of = {row.quantity: (key, row) for key, row in base.models[name].keys.items()}
        kept = dict(pair for found, pair in rows_of.items() if found in names)
        models[name] = replace(base.models[name], keys=kept)
    # Counts look at the uptime of cameras where there is one.
    measured = {row[2] for row in DEVICES.values()} | {"uptime"}
    indicators = {
        name: row for name, row in base.indicators.items() if row.quantities[0] in measured
    }
    parts: dict[str, Any] = {
        "models": models,
        "indicators": indicators,
        "labs": MappingProxyType({LAB: lab}),
        "quality": quality,
        "devices": rows,
        "history": history,
        "calibrations": tuple(calibrations),
        "flags": tuple(flags),
        **changes,
    }
    version = hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:16]
    return replace(base, version=version, canonical="{}", **parts)


def project_of(
    folder: Path, registry: Registry | None = None, store: Store | None = None
) -> Project:
    """A project whose store is a real SQLite store in `folder`, unless one is given."""
    if store is None:
        store = open_store("sqlite:///store", state_dir=folder)
        store.prepare()
    return Project(registry or registry_of(), store=store, state_dir=folder)


def reading(name: str, time_ns: int, value: float, quantity: str = "") -> Point:
    """One raw point of a device, in its own quantity unless another is named."""
    _, channel, own, *_ = DEVICES[name]
    theme = base_registry().quantities[quantity or own].theme.value
    return Point(SeriesKey(theme, (name, channel)), time_ns, {quantity or own: value})


def arrive(store: Store, points: Iterable[Point], loader: str = "loader-1") -> None:
    """Write points as the loader does: the points, then a fresh version of each hour they touch."""
    points = list(points)
    store.write("raw", points)
    announce(store, points, loader)


def announce(store: Store, points: Iterable[Point], loader: str = "loader-1") -> None:
    """Renew the arrival versions of the hours that points touch."""
    hours = {(point.series.tags[0], floor_hour(point.time_ns)) for point in points}
    store.write(
        "ops",
        [
            Point(SeriesKey("arrival", (name, loader)), hour, {"v": secrets.randbits(63)})
            for name, hour in sorted(hours)
        ],
    )


def wave(name: str, time_ns: int) -> float:
    """A plausible value: different at each time, the same at every call."""
    number = int.from_bytes(hashlib.blake2b(f"{name}{time_ns}".encode(), digest_size=4).digest())
    part = number / 2**32
    low, high = {
        "count_bike": (0, 120),
        "water_level": (0.5, 0.52),
        "sound_level_laeq": (55, 61),
        "o3": (40, 55),
    }[DEVICES[name][2]]
    value = low + part * (high - low)
    return float(round(value)) if high > 100 else round(value, 3)


def history(names: Iterable[str], start_ns: int = START, end_ns: int = END) -> list[Point]:
    """Every expected reading of some devices in [start, end), with what they measure besides."""
    return [
        point
        for name in names
        for at in range(start_ns, end_ns, DEVICES[name][3] * SECOND_NS)
        for point in (reading(name, at, wave(name, at)), *besides(name, at))
    ]


def besides(name: str, time_ns: int) -> list[Point]:
    """What a device measures besides at a time: humidity, too high for an hour in ten."""
    quantity = BESIDES.get(name)
    value = 50.0 + 5.0 * (time_ns // (3600 * SECOND_NS) % 10)
    return [reading(name, time_ns, value, quantity)] if quantity else []


def contents(store: Store, buckets: Iterable[str] = ("clean", "indicators")) -> dict[Any, Any]:
    """Everything in some buckets, byte for byte: (bucket, series, time) -> fields in order."""
    found: dict[Any, Any] = {}
    for bucket in buckets:
        for theme in THEMES:
            for point in store.points(bucket, theme, -(2**62), 2**62):
                key = (bucket, theme, point.series.tags, point.time_ns)
                found[key] = tuple(
                    (name, repr(point.fields[name])) for name in sorted(point.fields)
                )
    return found


class WatchedStore:
    """A store that calls `before` ahead of each operation, with its number and whether it writes.

    `replace` counts once for reading and once for each of its writes and deletes: the watcher is
    called before the guard, where another machine's claim would be seen.
    """

    def __init__(self, store: Store, before: Callable[[int, bool], None]) -> None:
        self._store = store
        self._before = before
        self.calls = 0
        self.writes = 0
        self.url = store.url

    def _tick(self, *, writes: bool) -> None:
        self.calls += 1
        self.writes += writes
        self._before(self.calls, writes)

    def write(self, *arguments: Any, **named: Any) -> Any:
        self._tick(writes=True)
        return self._store.write(*arguments, **named)

    def delete(self, *arguments: Any, **named: Any) -> Any:
        self._tick(writes=True)
        return self._store.delete(*arguments, **named)

    def replace(self, *arguments: Any, guard: Callable[[], None] | None = None) -> Replaced:
        self._tick(writes=False)

        def watched() -> None:
            self._tick(writes=True)
            if guard is not None:
                guard()

        return self._store.replace(*arguments, guard=watched)

    def points(self, *arguments: Any, **named: Any) -> Any:
        self._tick(writes=False)
        return self._store.points(*arguments, **named)

    def frame(self, *arguments: Any, **named: Any) -> Any:
        self._tick(writes=False)
        return self._store.frame(*arguments, **named)

    def frames(self, *arguments: Any, **named: Any) -> Any:
        self._tick(writes=False)
        return self._store.frames(*arguments, **named)

    def series(self, *arguments: Any, **named: Any) -> Any:
        return self._store.series(*arguments, **named)

    def latest(self, *arguments: Any, **named: Any) -> Any:
        return self._store.latest(*arguments, **named)

    def probe(self) -> None:
        self._store.probe()

    def prepare(self) -> None:
        self._store.prepare()

    def close(self) -> None:
        self._store.close()
