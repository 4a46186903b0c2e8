"""What the ingest service says of itself, and what its files say while it is away."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3

from ingest.journal_files import journal_path
from ingest.journal_reader import JournalReader
from ingest.letters import Kind
from ingest.state import Counts, State, has_state, state_path
from livinglab.errors import JournalError, LivingLabError

_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Service:
    """The ingest service at one moment: whether messages flow, and if not, why."""

    is_running: bool
    is_ready: bool
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Messages that did not become points: by lab, device and reason; times of receipt in ns."""

    kind: str  # "dead" | "quarantine"
    lab: str
    device: str
    reason: str
    count: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class LoaderView:
    """What the loader's state and the journal say.

    `newest`: device -> time of its newest stored reading, UTC ns. `problem`: why the rest is empty.
    """

    problem: str = ""
    counts: Counts = field(default_factory=dict)
    newest: Mapping[str, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    backlog: int = 0
    backlog_since_ns: int = 0


def ask_service(state_dir: Path) -> Service:
    """Ask the service at the address that it left in its state folder."""
    path = state_dir / "ingest.json"
    try:
        left: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        answer = urllib3.request(
            "GET", f"{left['http']}/readyz", timeout=_PATIENCE_S, retries=False
        )
        said: dict[str, Any] = answer.json()
        return Service(
            True, said["ready"] is True, tuple(said["why_not"]), tuple(said.get("notes", ()))
        )
    except FileNotFoundError:
        return _away("it is stopped, or was never started with this state folder")
    except urllib3.exceptions.HTTPError:
        return _away(f"it ended without a farewell; it was process {left.get('pid')}")
    except OSError as error:
        return _away(f"{path} cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError) as error:
        return _away(f"what answers is not the ingest service ({error})")


def _away(why: str) -> Service:
    return Service(False, False, (why,))


def look_at_loader(state_dir: Path) -> LoaderView:
    """Read the loader's state beside the loader; empty before its first start."""
    path = state_path(state_dir)
    try:
        if not has_state(state_dir):
            return LoaderView()
        state = State(path)
    except LivingLabError as error:
        return LoaderView(problem=str(error))
    try:
        backlog = _backlog(state_dir, state)
        newest: dict[str, int] = {}
        for (_, device, _), time_ns in state.newest().items():
            newest[device] = max(time_ns, newest.get(device, time_ns))
        troubles = tuple(
            Trouble(str(kind), *row) for kind in Kind for row in state.letters.tally(kind)
        )
        return LoaderView("", state.counts(), newest, troubles, *backlog)
    except sqlite3.Error as error:
        return LoaderView(problem=f"the loader's state {path} cannot be read: {error}")
    finally:
        state.close()


def _backlog(state_dir: Path, state: State) -> tuple[int, int]:
    """Messages that the journal holds and the loader has not loaded, and since when."""
    journal = JournalReader(journal_path(state_dir))
    try:
        return journal.behind(state.cursor(journal.id).seq)
    except JournalError:
        return 0, 0
