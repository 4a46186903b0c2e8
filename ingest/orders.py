"""What an operator asks of the loader, whether its service is running or not.

A running service does the job between two groups of messages; otherwise the asking process becomes
the loader until the job is done, which loads whatever the journal holds besides.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingest.jobs import DONE, FAILED, QUEUED, Job, Jobs
from ingest.journal_files import journal_path
from ingest.journal_reader import JournalReader
from ingest.letters import Kind, Waiting
from ingest.loader import Loader
from ingest.state import State, StateError, StateLockedError, has_state, state_path
from livinglab.config import load_registry, load_settings, secret
from livinglab.config.add_device import add_device
from livinglab.errors import LivingLabError
from livinglab.registry import Registry
from livinglab.store import open_store

WAIT_S: Final = 600.0
_POLL_S: Final = 0.2


@contextmanager
def open_state(directory: Path) -> Iterator[State]:
    """The loader's state of an installation, to look at.

    Raises
    ------
    LivingLabError
        If nothing was ever loaded there, or what is there cannot be used.
    """
    state_dir = load_settings(directory).state_dir
    path = state_path(state_dir)
    if not has_state(state_dir):
        raise LivingLabError(
            f"nothing was loaded yet: there is no {path}",
            hint="start `livinglab ingest`, or look at state_dir in livinglab.yaml",
        )
    with closing(State(path)) as state, _explained(path):
        yield state


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What SQLite says of a state becomes what an operator can do about it."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(path, error) from error


def order(
    directory: Path, kind: str, arguments: Mapping[str, Any], *, wait_s: float = WAIT_S
) -> Job:
    """Have a job done under the present configuration, and wait for its end.

    Parameters
    ----------
    directory : Path
        Configuration folder.
    kind, arguments
        As `ingest.jobs.Job` has them; the registry's version is added.
    wait_s : float
        How long to wait for a running service.

    Raises
    ------
    LivingLabError
        If the job fails, the store is away, or the service does not come to it in time.
    """
    registry = load_registry(directory)
    arguments = {**arguments, "registry": registry.version}
    state_dir = registry.settings.state_dir
    try:
        with _own_loader(registry, state_dir) as loader:
            job = loader.jobs.add(kind, arguments)
            return _require_done(_work(loader, job))
    except StateLockedError:
        pass
    with open_state(directory) as state:
        job = Jobs(state.connection).add(kind, arguments)
        return _require_done(_await(state, job, wait_s))


def replay(
    directory: Path,
    kind: Kind,
    *,
    device: str | None = None,
    reason: str | None = None,
    ids: tuple[int, ...] = (),
) -> Job:
    """Replay dead letters or quarantine, all of them or a selection."""
    chosen = {"kind": str(kind), "device": device, "reason": reason, "ids": list(ids)}
    return order(directory, "replay", {key: value for key, value in chosen.items() if value})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A device that was registered, and the replay of what had waited for it."""

    registry: str
    job: Job


def adopt(directory: Path, waiting: Waiting, cells: Mapping[str, str]) -> Adopted:
    """Register a device of the quarantine in the lab of its topic, and replay its messages.

    Parameters
    ----------
    directory : Path
        Configuration folder.
    waiting : Waiting
        The device, as the quarantine knows it.
    cells : mapping of str to str
        Its row of devices.csv: column -> cell, without the id.

    Raises
    ------
    ConfigError
        If the row is not right; nothing is written then.
    """
    registry = add_device(directory, waiting.lab, {**cells, "id": waiting.device})
    arguments = {
        "kind": str(Kind.QUARANTINE),
        "device": waiting.device,
        "adopted": waiting.device,
    }
    return Adopted(registry.version, order(directory, "replay", arguments))


def fitting_models(registry: Registry, waiting: Waiting) -> list[tuple[str, int]]:
    """Models that read the format of a device, and how many of its sampled keys they map."""
    keys = {reading.key for reading in waiting.sample}
    fits = [
        (model.name, len(keys & set(model.keys)))
        for model in registry.models.values()
        if model.decoder == waiting.decoder
    ]
    return sorted(fits, key=lambda fit: (-fit[1], fit[0]))


@contextmanager
def _own_loader(registry: Registry, state_dir: Path) -> Iterator[Loader]:
    settings = registry.settings
    journal = JournalReader(journal_path(state_dir))
    _ = journal.id  # refuses before it makes a state where no service ever ran
    with _explained(state_path(state_dir)), ExitStack() as opened:
        state = State(state_path(state_dir), exclusive=True)
        opened.callback(state.close)
        store = open_store(settings.store, token=secret("STORE_TOKEN"), state_dir=state_dir)
        opened.callback(store.close)
        loader = Loader(journal, store, registry, state, settings.client_id)
        opened.callback(loader.close)
        yield loader


def _work(loader: Loader, job: Job) -> Job:
    """Load until the job is done."""
    while True:
        loader.step()
        if loader.trouble is not None:
            raise loader.trouble
        now = loader.jobs.get(job.id)
        if now is not None and now.state in {DONE, FAILED}:
            return now


def _await(state: State, job: Job, wait_s: float) -> Job:
    """Wait until the service has done the job."""
    end = time.monotonic() + wait_s
    while True:
        now = Jobs(state.connection).get(job.id) or job
        if now.state in {DONE, FAILED}:
            return now
        if time.monotonic() > end:
            why = "has not taken over the configuration, or its store is away"
            raise LivingLabError(
                f"job {job.id} is {now.state} after {wait_s:.0f} s: the running service"
                f" {why if now.state == QUEUED else 'is still busy with it'}",
                hint="it will be done when the service comes to it; see its log and /readyz",
            )
        time.sleep(_POLL_S)


def _require_done(job: Job) -> Job:
    if job.state == FAILED:
        raise LivingLabError(str(job.result["error"]), hint=str(job.result.get("hint", "")))
    return job
