"""Recorded messages into a store by the real journal and loader, and what then lies there."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.journal import Journal
from ingest.journal_files import journal_path
from ingest.loader import Loader
from ingest.state import State, state_path
from livinglab.demo.messages import DemoMessage
from livinglab.model import Message
from livinglab.project import Project
from livinglab.timeline import DAY_NS


def load_messages(project: Project, messages: Sequence[DemoMessage]) -> None:
    """Journal and load messages as the service does; may be called again with further ones."""
    project.store.prepare()
    journal = Journal(journal_path(project.state_dir))
    state = State(state_path(project.state_dir), exclusive=True)
    try:
        journal.append(
            [
                Message(message.topic, message.payload, message.time_ns + DAY_NS, qos=1)
                for message in messages
            ]
        )
        loader = Loader(journal, project.store, project.registry, state, "test")
        while loader.step():
            pass
        assert loader.trouble is None, loader.trouble
        loader.close()
    finally:
        state.close()
        journal.close()


def stored(project: Project, bucket: str, start_ns: int, end_ns: int) -> list[object]:
    """Every point of a bucket in a window, comparable byte for byte."""
    return [
        (point.series.measurement, point.series.tags, point.time_ns, sorted(point.fields.items()))
        for theme in sorted({row.theme for row in project.registry.quantities.values()})
        for point in project.store.points(bucket, theme, start_ns, end_ns)
    ]
