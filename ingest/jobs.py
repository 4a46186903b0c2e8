"""Work that an operator gives to the loader, kept in its state until it is done.

A job survives a crash: one that was running is taken up again before anything else. It is asked for
by a command in another process, and done by the loader between two groups of messages.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One job: `kind` is "replay" or "reingest", `result` what it said so far."""

    id: int
    kind: str
    arguments: Mapping[str, Any]
    state: str
    result: Mapping[str, Any]


class Jobs:
    """The jobs of one loader.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of the loader's state.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, kind: str, arguments: Mapping[str, Any]) -> Job:
        """Ask for a job."""
        row = (kind, json.dumps(arguments, sort_keys=True), QUEUED, "{}", time.time_ns())
        cursor = self._connection.execute(
            "INSERT INTO job (kind, arguments, state, result, created_ns) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        return Job(int(cursor.lastrowid or 0), kind, dict(arguments), QUEUED, {})

    def get(self, job_id: int) -> Job | None:
        """One job by its number."""
        return next(iter(self._select("id = ?", job_id)), None)

    def open(self) -> list[Job]:
        """Jobs that are running or queued, those that were begun first."""
        rows = self._select(f"state IN ('{RUNNING}', '{QUEUED}')")
        return sorted(rows, key=lambda job: (job.state != RUNNING, job.id))

    def mark(self, job: Job, state: str, result: Mapping[str, Any]) -> None:
        """Note how far a job is."""
        self._connection.execute(
            "UPDATE job SET state = ?, result = ? WHERE id = ?",
            (state, json.dumps(result, sort_keys=True), job.id),
        )

    def _select(self, where: str, *values: object) -> list[Job]:
        query = f"SELECT id, kind, arguments, state, result FROM job WHERE {where} ORDER BY id"
        rows = self._connection.execute(query, values).fetchall()
        return [Job(row[0], row[1], json.loads(row[2]), row[3], json.loads(row[4])) for row in rows]
