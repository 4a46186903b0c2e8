"""Metrics for Prometheus, gathered when they are asked for: a message costs nothing here.

Both ledgers are given whole (`ingest.ledger`), so that a monitor can check the sums that the
product promises: received = stored + duplicate + without readings + quarantined + dead.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.journal import Journal
from ingest.ledger import ledger_of
from ingest.recorder import Recorder
from ingest.state import Counts, Cursor, State, state_path
from ingest.subscriber import Subscriber
from livinglab import __version__

_PREFIX: Final = "livinglab_ingest_"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the loader is behind the journal."""

    cursor: Cursor
    lag_messages: int
    lag_s: float  # age of the oldest message that is not loaded, 0 = none is waiting


class StateView:
    """Reads the loader's state beside the loader, from any thread."""

    def __init__(self, state_dir: Path, journal: Journal) -> None:
        self._state = State(state_path(state_dir))
        self._journal = journal
        self._lock = threading.Lock()

    def progress(self) -> Progress:
        """Cursor and lag now."""
        with self._lock:
            cursor = self._state.cursor(self._journal.id)
        waiting, since_ns = self._journal.behind(cursor.seq)
        lag_s = max(0.0, (time.time_ns() - since_ns) / 1e9) if waiting else 0.0
        return Progress(cursor, waiting, lag_s)

    def counts(self) -> Counts:
        """All counters of the loader (`ingest.ledger`)."""
        with self._lock:
            return self._state.counts()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._state.close()


@dataclass(frozen=True, slots=True)
class Vital:
    """What the service itself knows: registry, reloads, the store."""

    registry: str
    reloads: int
    refused_reloads: int
    store_up: bool
    ready: bool


class ServiceCollector(Collector):
    """One family of metrics per part of the service.

    Parameters
    ----------
    recorder, subscriber, journal, state
        The parts.
    vital : callable
        The service's own state now.
    """

    def __init__(
        self,
        recorder: Recorder,
        subscriber: Subscriber,
        journal: Journal,
        state: StateView,
        vital: Callable[[], Vital],
    ) -> None:
        self._recorder = recorder
        self._subscriber = subscriber
        self._journal = journal
        self._state = state
        self._vital = vital

    def collect(self) -> Iterator[Metric]:
        """All metrics, now."""
        yield from self._service()
        yield from self._broker()
        yield from self._recorded()
        yield from self._journal_metrics()
        yield from self._loader_state()

    def _service(self) -> Iterator[Metric]:
        vital = self._vital()
        info = _gauge(
            "info", "Version, journal and registry in use.", ("version", "journal", "registry")
        )
        info.add_metric([__version__, self._journal.id, vital.registry], 1)
        yield info
        yield _value("ready", "1 when messages flow from the broker to the store.", vital.ready)
        yield _value("store_up", "1 unless the last write failed.", vital.store_up)
        yield _count("registry_reloads", "Registries taken over while running.", vital.reloads)
        refused = "Changes of the configuration that were refused."
        yield _count("registry_refused", refused, vital.refused_reloads)

    def _broker(self) -> Iterator[Metric]:
        subscriber = self._subscriber
        yield _value("connected", "1 while connected to the broker.", subscriber.connected)
        yield _count("connections", "Connections to the broker.", subscriber.connects)
        lost = "Connections for which the broker had forgotten the session."
        yield _count("sessions_lost", lost, subscriber.sessions_lost)
        last_s = subscriber.last_message_ns / 1e9
        yield _value("last_message_timestamp_seconds", "When the last message came.", last_s)
        age_s = time.time() - last_s if last_s else 0.0
        yield _value("last_message_age_seconds", "Age of the last message.", age_s)

    def _recorded(self) -> Iterator[Metric]:
        counts = self._recorder.counts
        yield _count(
            "recorded_messages", "Messages in the journal since the start.", counts.messages
        )
        yield _count("recorded_bytes", "Their payload.", counts.payload_bytes)
        yield _count("recorded_batches", "Commits of the journal.", counts.batches)
        yield _count("acknowledged_messages", "PUBACKs sent.", counts.acknowledged)
        yield _count("redelivered_messages", "Messages that came with DUP.", counts.redelivered)
        cut = "Messages whose payload was cut to the journal's limit."
        yield _count("truncated_messages", cut, self._subscriber.truncated)
        lost = "QoS 0 messages that a stop with a full journal lost."
        yield _count("unrecorded_messages", lost, counts.unrecorded)
        yield _count("journal_refusals", "Times the journal had no room.", counts.failures)

    def _journal_metrics(self) -> Iterator[Metric]:
        journal = self._journal
        yield _value("journal_bytes", "Size of the day files.", journal.used_bytes)
        yield _value("journal_quota_bytes", "Their quota, 0 = none.", journal.quota_bytes)
        yield _value("journal_head", "Sequence of the newest batch.", journal.head)
        yield _value("journal_damaged", "Rows and files that cannot be read.", len(journal.damage))

    def _loader_state(self) -> Iterator[Metric]:
        """What the loader's state says; without it the others still tell that nothing is ready."""
        try:
            found = [*self._loader(), *self._ledgers()]
        except sqlite3.Error:
            found = []
        yield _value("state_up", "1 while the loader's state can be read.", bool(found))
        yield from found

    def _loader(self) -> Iterator[Metric]:
        progress = self._state.progress()
        yield _value("cursor", "Sequence of the newest batch that is loaded.", progress.cursor.seq)
        yield _value("lag_messages", "Messages journaled but not loaded.", progress.lag_messages)
        yield _value("lag_seconds", "Age of the oldest of them.", progress.lag_s)

    def _ledgers(self) -> Iterator[Metric]:
        counts = self._state.counts()
        ledger = ledger_of(counts)
        total = "Messages that the loader took from the journal, ever."
        yield _count("messages", total, ledger.messages_total)
        yield _by_end("messages_by_end", _ends(counts, "message:"))
        yield _count("readings", "Readings that decoders gave, ever.", ledger.readings_produced)
        yield _by_end("readings_by_end", _ends(counts, "reading:"))


def _ends(counts: Counts, prefix: str) -> Counter[tuple[str, str]]:
    """(end, reason) -> amount, over all devices and keys."""
    ends: Counter[tuple[str, str]] = Counter()
    for (name, _, reason, _), value in counts.items():
        if name.startswith(prefix):
            ends[name.removeprefix(prefix), reason] += value
    return ends


def _by_end(name: str, ends: Counter[tuple[str, str]]) -> CounterMetricFamily:
    text = "By where they ended, and why."
    family = CounterMetricFamily(_PREFIX + name, text, labels=["end", "reason"])
    for (end, reason), count in sorted(ends.items()):
        family.add_metric([end, reason], count)
    return family


def metrics_page(collector: ServiceCollector) -> Callable[[], bytes]:
    """A function that gives the text of /metrics, with a registry of its own."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(collector)
    return lambda: generate_latest(registry)


def _gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, labels=labels)


def _value(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, text, value=float(value))


def _count(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, text, value=value)
