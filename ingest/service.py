"""The ingest service: recorder, loader and HTTP in one process.

The recorder and the loader share nothing but the journal. The main thread waits for signals,
watches the configuration folder and keeps house; it never touches a message.

- SIGTERM, SIGINT: journal what was received, acknowledge, disconnect, commit; exit code 0.
- SIGHUP, or a change in the folder: take over the new registry. A broken one is refused, with all
  its problems in the log, and the old one kept. Addresses and paths need a restart.
"""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Final

from ingest.client import broker_of
from ingest.house import House, read_subscriptions
from ingest.http import Answer, HttpServer, json_answer, text_answer
from ingest.journal import Journal
from ingest.journal_files import journal_path
from ingest.loader import Loader
from ingest.logs import configure_logs, logger
from ingest.metrics import ServiceCollector, StateView, Vital, metrics_page
from ingest.recorder import Recorder
from ingest.router import Router
from ingest.state import State, StateError, state_path
from ingest.subscriber import Subscriber
from ingest.watch import ConfigWatch
from livinglab import config
from livinglab.errors import ConfigError, LivingLabError, StoreError
from livinglab.registry import Registry
from livinglab.store import open_store
from livinglab.store.base import Store

_TURN_S: Final = 0.5  # of the main thread
_STOP_S: Final = (5.0, 3.0)  # that the recorder and the loader get to come to rest
_RESTART_S: Final = 1.0
_TAKE_OVER_S: Final = 5.0  # that new routes wait for the loader to know them
_LEAST_KEPT_BYTES: Final = 1_048_576
_MB: Final = 1_000_000


class Service:
    """One running service; `run` returns when a signal has ended it.

    Parameters
    ----------
    directory : Path
        The configuration folder.

    Raises
    ------
    LivingLabError
        If the configuration is wrong, another service has the state directory, or the port for
        HTTP is taken. A broker or a store that is away is no error: the service waits for them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = logger("service")
        self._stop = threading.Event()
        self._hangup = threading.Event()
        self._opened = ExitStack()
        self._threads: list[threading.Thread] = []
        self.reloads = 0
        self.refused_reloads = 0
        self.refusal = ""
        self._resubscribe_by_s = 0.0  # 0 = the subscriptions are those of the registry
        self._watch = ConfigWatch(directory)
        self.registry: Registry = config.load_registry(directory)
        self.settings: config.Settings = self.registry.settings
        try:
            self._build()
        except BaseException:
            self._opened.close()
            raise

    def _build(self) -> None:
        settings, state_dir = self.settings, self.settings.state_dir
        token = config.secret("STORE_TOKEN")
        broker = broker_of(settings, config.secret("BROKER_PASSWORD"))
        self.journal = Journal(
            journal_path(state_dir),
            quota_bytes=settings.journal_quota_mb * _MB,
            retention_days=settings.journal_retention_days,
        )
        self._opened.callback(self.journal.close)
        self.store: Store = open_store(settings.store, token=token, state_dir=state_dir)
        self._opened.callback(self.store.close)
        if settings.store.startswith("sqlite:"):  # embedded: there is no administrator to do it
            self.store.prepare()
        self.state = State(state_path(state_dir), exclusive=True)
        self._opened.callback(self.state.close)
        self.loader = self._new_loader()
        self.subscriber = Subscriber(
            broker,
            Router(self.registry).filters(),
            stale=read_subscriptions(state_dir, broker),
            last_ns=self.journal.last_ns,
            keep_bytes=max(_LEAST_KEPT_BYTES, settings.max_payload_bytes + 1),
        )
        self.recorder = Recorder(self.subscriber, self.journal, make_room=self._expire)
        view = StateView(state_dir, self.journal)
        self._opened.callback(view.close)
        self._serve(view)

    def _serve(self, view: StateView) -> None:
        collector = ServiceCollector(
            self.recorder, self.subscriber, self.journal, view, self._vital
        )
        metrics = metrics_page(collector)
        pages: dict[str, Callable[[], Answer]] = {
            "/metrics": lambda: text_answer(200, metrics().decode()),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        http = HttpServer(self.settings.http_host, self.settings.http_port, pages)
        self._opened.callback(http.close)
        self.house = House(self.settings.state_dir, self.subscriber, http.url, self.journal.id)
        self._opened.callback(self.house.close)

    def run(self) -> bool:
        """Work until a signal; whether everything came to rest in time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self.house.look()
        _settle_memory()
        self._start("recorder", lambda: self.recorder.run(self._stop))
        self._start("loader", self._load)
        self._log.info(
            "service_started",
            registry=self.registry.version,
            journal=self.journal.id,
            http=self.house.url,
            store=self.store.url,
        )
        while not self._stop.wait(_TURN_S):
            try:
                self._turn()
            except Exception:  # housekeeping must not end what works
                self._log.exception("housekeeping_failed")
        return self._end()

    def why_not_ready(self) -> list[str]:
        """What keeps messages from flowing, in words; empty = ready."""
        loader = self.loader
        reasons = [self.subscriber.problem, self.recorder.problem]
        if self._resubscribe_by_s:
            reasons.append("a new registry is being taken over")
        if loader.trouble is not None:
            reasons.append(f"nothing is loaded: {loader.trouble}")
        elif not loader.is_ready:
            reasons.append("the loader is starting")
        return [reason for reason in reasons if reason]

    def _turn(self) -> None:
        """What the main thread does twice a second."""
        if self._hangup.is_set() or self._watch.has_changed():
            self._hangup.clear()
            self._reload()
        self._resubscribe()
        self.house.look()
        if self.house.is_time_to_tidy():
            self._expire()

    def _end(self) -> bool:
        self._log.info("service_stopping")
        for thread, timeout_s in zip(self._threads, _STOP_S, strict=True):
            thread.join(timeout_s)
        at_rest = not any(thread.is_alive() for thread in self._threads)
        if at_rest:
            self.loader.close()
            self._opened.close()
        else:
            self.house.close()
        self._log.info("service_stopped", at_rest=at_rest, recorded=self.recorder.counts.messages)
        return at_rest

    def _start(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _load(self) -> None:
        """Run the loader; a fault of our own ends neither it nor the recorder."""
        while not self._stop.is_set():
            try:
                self.loader.run(self._stop)
            except Exception as error:
                self._log.exception("loader_failed")
                self.loader.trouble = error
                self._renew_loader()

    def _renew_loader(self) -> None:
        """Another loader, as soon as its state can be read."""
        while not self._stop.wait(_RESTART_S):
            try:
                self.loader.close()
                self.loader = self._new_loader()
            except LivingLabError as error:
                self.loader.trouble = error
            except sqlite3.Error as error:
                self.loader.trouble = StateError(self.state.path, error)
            else:
                return

    def _new_loader(self) -> Loader:
        client_id = self.settings.client_id  # unique per process, as the broker demands it
        return Loader(self.journal, self.store, self.registry, self.state, client_id)

    def _reload(self) -> None:
        try:
            registry = config.load_registry(self._directory)
        except ConfigError as error:
            self.refused_reloads += 1
            self.refusal = error.message
            problems = [str(problem) for problem in error.problems]
            self._log.error("registry_refused", kept=self.registry.version, problems=problems)
            return
        self.refusal = ""
        if registry.settings != self.settings:
            self._log.warning("settings_changed", why="addresses and paths need a restart")
        if registry.version == self.registry.version:
            return
        self.reloads += 1
        self.registry = registry
        self.loader.use_registry(registry)
        self._resubscribe_by_s = time.monotonic() + _TAKE_OVER_S
        self._log.info("registry_taken_over", registry=registry.version)

    def _resubscribe(self) -> None:
        """Subscribe to new routes once the loader knows them, or when that takes too long."""
        if not self._resubscribe_by_s:
            return
        is_known = self.loader.registry.version == self.registry.version
        if is_known or time.monotonic() > self._resubscribe_by_s:
            self._resubscribe_by_s = 0.0
            self.subscriber.resubscribe(Router(self.registry).filters())

    def _expire(self) -> None:
        gone = self.journal.expire(loaded=self.loader.cursor.seq)
        if gone:
            self._log.info("journal_days_expired", days=[path.stem for path in gone])

    def _vital(self) -> Vital:
        return Vital(
            registry=self.registry.version,
            reloads=self.reloads,
            refused_reloads=self.refused_reloads,
            store_up=not isinstance(self.loader.trouble, StoreError),
            ready=not self.why_not_ready(),
        )

    def _healthz(self) -> Answer:
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        if dead:
            return text_answer(503, f"stopped: {', '.join(dead)}\n")
        return text_answer(200, "alive\n")

    def _readyz(self) -> Answer:
        why = self.why_not_ready()
        notes = self.house.notes()
        if self.refusal:
            notes.append(f"a change of the configuration was refused: {self.refusal}")
        status = 503 if why else 200
        return json_answer(status, {"ready": not why, "why_not": why, "notes": notes})

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._hangup.set()


def _settle_memory() -> None:
    """Keep the garbage collector off what stays, and from looking after every 700 messages.

    Messages make no cycles; looking for them cost a sixth of all CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run_service(config_dir: Path | None = None, *, log_level: str = "info") -> None:
    """Run the ingest service until a signal ends it.

    Parameters
    ----------
    config_dir : Path, optional
        The configuration folder; else LIVINGLAB_CONFIG, else ./config.
    log_level : str
        "debug", "info", "warning" or "error".

    Raises
    ------
    LivingLabError
        If the service cannot start; see `Service`.
    """
    configure_logs(log_level)
    service = Service(config.config_dir(config_dir))
    if not service.run():
        # A request to the store still hangs. The journal has everything, and Python would wait.
        sys.stderr.flush()
        os._exit(0)
