"""The week of the demo in a real embedded store, made in process: journal, loader, pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from ingest.journal import Journal
from ingest.journal_files import journal_path
from ingest.loader import Limits, Loader
from ingest.state import State, state_path
from livinglab.config import load_registry
from livinglab.demo.messages import DemoMessage, Script, load_script
from livinglab.model import Message
from livinglab.pipeline import reconcile
from livinglab.project import Project
from livinglab.timeline import HOUR_NS, SECOND_NS, to_text

CONFIG: Final = Path(__file__).parents[1] / "config"
_BATCH: Final = 500


def build_demo(state_dir: Path) -> Project:
    """Load all messages of the demo, the late ones last, and compute everything.

    The project's clock stands 12 hours after the end of the demo week.
    """
    script = load_script()
    now_ns = script.end_ns + 12 * HOUR_NS
    registry = load_registry(CONFIG)
    # As an installation would have it whose settings name this folder and moment.
    settings = registry.settings.model_copy(update={"now": to_text(now_ns), "state_dir": state_dir})
    project = Project(replace(registry, settings=settings), config_dir=CONFIG)
    project.store.prepare()
    _load(project, script)
    result = reconcile(project, now_ns=now_ns)
    assert not result.failures, result.failures
    project.close()  # everything is in the files, which may be copied; the next use opens them
    return project


def _load(project: Project, script: Script) -> None:
    journal = Journal(journal_path(project.state_dir))
    state = State(state_path(project.state_dir), exclusive=True)
    # Received in the year of the demo: letters must not be too old to be kept.
    limits = Limits(letters_days=0)
    loader = Loader(journal, project.store, project.registry, state, "demo", limits=limits)
    try:
        messages = list(_received(script))
        for at in range(0, len(messages), _BATCH):
            journal.append(messages[at : at + _BATCH])
        while loader.step():
            pass
        assert loader.trouble is None
        assert loader.ledger().is_balanced
    finally:
        loader.close()
        state.close()
        journal.close()


def _received(script: Script) -> Iterable[Message]:
    """Messages as they arrive: a second after they were measured, the late ones after the week."""
    last_ns = 0
    for number, message in enumerate((*script.first, *script.late)):
        last_ns = max(last_ns + 1, _arrival_ns(message, script))
        yield Message(message.topic, message.payload, last_ns, number % 65_535 + 1, 1, False, False)


def _arrival_ns(message: DemoMessage, script: Script) -> int:
    late_ns = script.end_ns + HOUR_NS
    return (late_ns if message.role == "late" else message.time_ns) + SECOND_NS
