"""Large commits are kept packed: what readers see is the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ingest.state import _MOST_PENDING, _PACKED_FROM, Commit, State

DEVICES = [f"d{number}" for number in range(_PACKED_FROM)]


def large(number: int) -> Commit:
    counts = {("produced", device, "", ""): number for device in DEVICES}
    newest = {("air", device, "0"): number * (-1) ** number for device in DEVICES}
    return Commit(counts=counts, newest=newest)


def test_packed_commits_are_read_as_sums_and_latest(tmp_path: Path) -> None:
    state, reader = State(tmp_path / "loader.sqlite"), State(tmp_path / "loader.sqlite")
    small = {("produced", "d0", "", ""): 5, ("published", "", "", ""): 1}
    total = 0
    for number in range(1, 2 * _MOST_PENDING + 5):
        state.commit(large(number))
        state.commit(Commit(counts=small, newest={("air", "d0", "0"): 3}))
        total += number
        counts, newest = reader.counts(), reader.newest()
        assert counts["produced", "d1", "", ""] == total
        assert counts["produced", "d0", "", ""] == total + 5 * number
        assert counts["published", "", "", ""] == number
        assert newest["air", "d1", "0"] == (number - number % 2 if number > 1 else -1)
        assert newest["air", "d0", "0"] == max(3, number - number % 2)
    rows = state.connection.execute("SELECT count(*) FROM pending").fetchone()[0]
    assert 0 < rows <= _MOST_PENDING
    reader.close()
    state.close()


def test_state_of_the_first_format_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "loader.sqlite"
    state = State(path)
    state.commit(Commit(counts={("published", "", "", ""): 2}))
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE pending")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    state = State(path)
    state.commit(large(2))
    assert state.counts()["published", "", "", ""] == 2
    assert state.counts()["produced", "d7", "", ""] == 2
    state.close()
