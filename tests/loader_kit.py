"""A loader on real files that a test may kill between any two effects, and what must come out."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from config_tree import ConfigTree

from ingest.journal import Journal
from ingest.ledger import Ledger
from ingest.loader import Limits, Loader
from ingest.state import State
from livinglab.model import Message, Point, Theme
from livinglab.registry import Registry
from livinglab.store import open_store
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS

#: 2026-01-01T00:00:00Z: all test devices are registered since 2025-06-01.
START_S = 1_767_225_600
START_NS = START_S * SECOND_NS
RECEIVED_NS = START_NS + 40 * 86_400 * SECOND_NS

Key = tuple[str, str, str, int]  # device, channel, quantity, time in ns
LONG_AGO, FAR_AHEAD = 0, 1 << 62


class Killed(BaseException):
    """The process ends here: nothing of ours may catch it."""


class Fuse:
    """Counts effects and kills before or after the one that it is set to."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.effects: list[str] = []

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        """Do an effect, unless the fuse burns out right before it; or right after it."""
        self.burn()
        result = effect()
        self.effects.append(name)
        self.burn()
        return result

    def burn(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            raise Killed
        self.left -= 1


class FusedStore:
    """A real store whose writes and deletes are effects."""

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def write(self, bucket: str, points: Sequence[Point]) -> Any:
        name = f"{bucket}/{points[0].series.measurement}" if bucket == "ops" else bucket
        return self._fuse.around(name, lambda: self._store.write(bucket, points))

    def delete(self, *arguments: Any) -> Any:
        return self._fuse.around("delete", lambda: self._store.delete(*arguments))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class FusedState(State):
    """The real state whose transactions are effects."""

    fuse: Fuse

    def intend(self, *arguments: Any) -> None:
        self.fuse.around("intend", lambda: State.intend(self, *arguments))

    def commit(self, *arguments: Any) -> None:
        self.fuse.around("commit", lambda: State.commit(self, *arguments))


class Bench:
    """Journal, store, state and loader in one folder; `crash` and start again as often as you like.

    Parameters
    ----------
    folder : Path
        Where everything is.
    store : Store, optional
        A store to use; else an embedded one of its own.
    limits : Limits, optional
        Of the loader.
    registry : Registry, optional
        To resolve by; else that of `tree`, which a test may change.
    """

    def __init__(
        self,
        folder: Path,
        store: Store | None = None,
        limits: Limits | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.folder = folder
        self.registry: Registry = registry or self.tree.load()
        self.fuse = Fuse()
        self.limits = replace(limits or Limits(), letters_days=0)  # receipt is in the past
        self.real: Store = store or open_store("sqlite:///store", state_dir=folder)
        self.real.prepare()
        self.store: Any = FusedStore(self.real, self.fuse)
        self.journal = Journal(folder / "journal")
        self.received_ns = RECEIVED_NS
        self.packet_id = 0
        self.sent: list[Message] = []
        self._loader: Loader | None = None

    @cached_property
    def tree(self) -> ConfigTree:
        """A configuration of the bench's own."""
        return ConfigTree(self.folder)

    @property
    def loader(self) -> Loader:
        """The running loader; started where none is."""
        if self._loader is None:
            state = FusedState(self.folder / "loader.sqlite", exclusive=True)
            state.fuse = self.fuse
            self._loader = Loader(
                self.journal, self.store, self.registry, state, "l1", limits=self.limits
            )
        return self._loader

    def feed(self, *messages: Message) -> int:
        """Put messages into the journal as one batch, received now; the batch's sequence."""
        batch = [self.stamped(message) for message in messages]
        self.sent += batch
        return self.journal.append(batch)

    def stamped(self, message: Message) -> Message:
        """A message as it arrives: with a receipt time, and a packet id unless it has one."""
        self.received_ns += SECOND_NS
        if message.packet_id == 0:
            self.packet_id = self.packet_id % 65_535 + 1
            message = message._replace(packet_id=self.packet_id, qos=1)
        return message._replace(received_ns=message.received_ns or self.received_ns)

    def load(self) -> int:
        """Load all that there is; the number of messages."""
        loaded = 0
        while count := self.loader.step():
            loaded += count
        return loaded

    def crash(self) -> None:
        """End the loader as SIGKILL would, as far as its files can tell."""
        if self._loader is not None:
            self.fuse.left = None
            self._loader.writer._pool.shutdown()
            self._loader.state.close()
            self._loader = None

    def reopen_journal(self) -> None:
        """Open the journal of the folder again, after a test has changed its files."""
        self.journal = Journal(self.folder / "journal")

    def empty_store(self) -> None:
        """A new embedded store in the place of the old one."""
        self.real.close()
        for path in (self.folder / "store").glob("*"):
            path.unlink()
        self.real = open_store("sqlite:///store", state_dir=self.folder)
        self.real.prepare()
        self.store = FusedStore(self.real, self.fuse)

    def close(self) -> None:
        self.crash()
        self.journal.close()

    @property
    def ledger(self) -> Ledger:
        """The ledgers as the state has them."""
        return self.loader.ledger()

    def values(self) -> dict[Key, float]:
        """Every value in `raw`."""
        return dict(stored_values(self.real))

    def arrivals(self) -> dict[tuple[str, int], int]:
        """Arrival versions by device and hour."""
        points = self.real.points("ops", "arrival", LONG_AGO, FAR_AHEAD)
        return {(one.series.tags[0], one.time_ns): int(one.fields["v"]) for one in points}

    def letters(self, kind: str) -> list[tuple[str, str, bool]]:
        """Reason, device and whether it counts, of all letters of a kind."""
        return [
            (str(one.reason), one.device, one.counted)
            for one in self.loader.state.letters.find(kind)  # type: ignore[arg-type]  # its text
        ]


def stored_values(store: Store) -> Iterator[tuple[Key, float]]:
    """Every value in `raw`."""
    for theme in Theme:
        for point in store.points("raw", str(theme), LONG_AGO, FAR_AHEAD):
            device, channel = point.series.tags
            for quantity, value in point.fields.items():
                yield (device, channel, quantity, point.time_ns), float(value)


def senml(
    device: str, time_s: float | None, values: Mapping[str, float], lab: str = "lombok"
) -> Message:
    """A message of the labs' own format; units as the demo's devices send them."""
    units = {"no2": "ppb", "o3": "ppb", "pm2_5": "ug/m3", "pm10": "ug/m3", "air_temperature": "Cel"}
    records: list[dict[str, object]] = [
        {"n": name, "u": units.get(name, "count"), "v": value} for name, value in values.items()
    ]
    records[0]["bn"] = f"urn:dev:{device}:"
    if time_s is not None:
        records[0]["bt"] = time_s
    return Message(f"{lab}/senml/{device}", json.dumps(records).encode(), 0)


def uplink(device: str, time: str, f_cnt: int, level: float, session: str = "AA==") -> Message:
    """An uplink of The Things Stack, which names itself by session and frame counter."""
    body = {
        "end_device_ids": {"device_id": device, "dev_eui": "0011223344556677"},
        "uplink_message": {
            "session_key_id": session,
            "f_cnt": f_cnt,
            "f_port": 1,
            "received_at": time,
            "decoded_payload": {"water_level": level},
        },
    }
    topic = f"v3/lombok@livinglab/devices/{device}/up"
    return Message(topic, json.dumps(body).encode(), 0)


class Reference:
    """What must be stored and counted, by brute force: every key ever, every message in order.

    It knows nothing of groups, memories, pages or crashes; it applies the definitions of
    `ingest.ledger` to messages given as (device, time in s, values, is a repeat by packet id).
    """

    def __init__(self, factors: Mapping[str, float]) -> None:
        self.factors = factors
        self.values: dict[Key, float] = {}
        self.messages: Counter[str] = Counter()
        self.readings: Counter[str] = Counter()
        self.hours: set[tuple[str, int]] = set()

    def take(
        self, device: str, time_s: int, values: Mapping[str, float], *, repeat: bool = False
    ) -> None:
        if repeat:
            self.messages["duplicate"] += 1
            return
        time_ns = time_s * SECOND_NS
        ends: Counter[str] = Counter()
        for quantity, value in values.items():
            key = (device, "0", quantity, time_ns)
            canonical = value * self.factors[quantity]
            if key not in self.values:
                ends["stored"] += 1
            elif self.values[key] == canonical:
                ends["repeated"] += 1
            else:
                ends["corrected"] += 1
            self.values[key] = canonical
        self.readings.update(ends)
        wrote = ends["stored"] or ends["corrected"]
        self.messages["stored" if wrote else "duplicate"] += 1
        if wrote:
            self.hours.add((device, time_ns - time_ns % (3_600 * SECOND_NS)))


@cache
def demo_registry() -> Registry:
    """The demo's registry, its devices registered since 2025-06-01; loaded once."""
    with tempfile.TemporaryDirectory() as folder:
        return ConfigTree(Path(folder)).load()


def factors(registry: Registry, model: str) -> dict[str, float]:
    """Quantity -> factor of a model whose keys are named as their quantities."""
    keys = registry.models[model].keys.values()
    return {key.quantity: key.scale * key.factor for key in keys}


def assert_ledger_is_exact(bench: Bench, reference: Reference) -> None:
    """Ledgers, stored values and touched hours are those of the reference, to the last one."""
    ledger = bench.ledger
    assert ledger.is_balanced
    assert +Counter(dict(ledger.messages)) == +reference.messages
    assert +Counter(dict(ledger.readings)) == +reference.readings
    assert bench.values() == reference.values
    assert len(reference.values) == ledger.readings["stored"] - ledger.withdrawn
    assert set(bench.arrivals()) == reference.hours


def with_devices(registry: Registry, *devices: Any) -> Registry:
    """The registry with other device rows; not a snapshot that could be loaded again."""
    history: dict[str, tuple[Any, ...]] = {}
    for device in devices:
        history[device.id] = (*history.get(device.id, ()), device)
    return replace(registry, devices=tuple(devices), history=history)


def spread(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    """Messages in batches."""
    batch: list[Message] = []
    for message in messages:
        batch.append(message)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
