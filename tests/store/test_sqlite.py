"""What only files can do wrong: kills, locks, permissions, full disks, forks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store.sample import ALL, T0, air, clean, everything, window

from livinglab.errors import (
    StoreError,
    StoreMissingError,
    StoreUnavailableError,
)
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
from livinglab.store.sqlite import SqliteStore

BATCH = 1_000
WRITER = """
import sys
from pathlib import Path
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
store = open_store("sqlite:///store", state_dir=Path(sys.argv[1]))
series = [SeriesKey("air", (f"d{n}", "0")) for n in range(10)]
print("ready", flush=True)
for batch in range(1_000_000):
    at = batch * 100
    fields = {"no2": float(batch)}
    store.write("raw", [Point(s, at + n, fields) for n in range(100) for s in series])
    print(batch, flush=True)
"""


def raw_file(store: SqliteStore) -> Path:
    return store.folder / "raw.sqlite"


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.21, 0.5])
def test_killed_writer_leaves_whole_transactions(sqlite_store, tmp_path, after_s: float) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        said = writer.stdout.read().split()
    confirmed = int(said[-1]) + 1 if said else 0
    stored = everything(sqlite_store)
    assert len(stored) % BATCH == 0
    assert len(stored) in {confirmed * BATCH, (confirmed + 1) * BATCH}
    with sqlite3.connect(raw_file(sqlite_store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert sqlite_store.write("raw", [air("d1", 0, no2=1.0)]) == []


def test_every_bucket_is_written_with_fsync(sqlite_store) -> None:
    for bucket in sqlite_store._buckets.values():
        with bucket.file.writing() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_store_that_was_not_prepared_is_missing(tmp_path: Path) -> None:
    store = open_store("sqlite:///nowhere", state_dir=tmp_path)
    for call in (
        store.probe,
        lambda: store.write("raw", [air("d1", 0, no2=1.0)]),
        lambda: everything(store),
        lambda: store.frame("raw", "air", *ALL),
        lambda: store.delete("raw", "air", *ALL),
        lambda: store.latest("raw", "air"),
    ):
        with pytest.raises(StoreMissingError, match=r"nowhere/raw\.sqlite") as caught:
            call()
        assert "prepare" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_locked_file_is_unavailable_after_the_busy_time(sqlite_store, monkeypatch) -> None:
    monkeypatch.setattr("livinglab.store.sqlite_file.BUSY_S", 0.1)
    sqlite_store.write("raw", [air("d1", 0, no2=1.0)])
    sqlite_store.close()
    other = sqlite3.connect(raw_file(sqlite_store), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="database is locked") as caught:
        sqlite_store.write("raw", [air("d1", 1, no2=1.0)])
    assert caught.value.transient
    assert len(everything(sqlite_store)) == 1  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert sqlite_store.write("raw", [air("d1", 1, no2=1.0)]) == []


def test_full_disk_is_said_and_nothing_of_the_transaction_stays(sqlite_store) -> None:
    sqlite_store.write("raw", [air("d1", 0, no2=1.0)])
    with sqlite_store._buckets["raw"].file.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")  # SQLite's own full disk
    many = [air("d2", n / 3600, no2=float(n)) for n in range(5_000)]
    with pytest.raises(StoreUnavailableError, match="disk is full") as caught:
        sqlite_store.write("raw", many)
    assert "free space" in caught.value.hint
    assert everything(sqlite_store) == [air("d1", 0, no2=1.0)]
    sqlite_store.close()
    assert sqlite_store.write("raw", many) == []
    assert len(everything(sqlite_store)) == 5_001


READ_ONLY = """
import os, sys
from pathlib import Path
from livinglab.errors import StoreAuthError
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
store = open_store("sqlite:///store", state_dir=Path(sys.argv[1]))
if os.geteuid() == 0:
    os.setuid(65534)  # root may write where nobody may
try:
    store.write("raw", [Point(SeriesKey("air", ("d1", "0")), 0, {"no2": 1.0})])
except StoreAuthError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_file_without_permission_names_it(sqlite_store, tmp_path, mode: int) -> None:
    sqlite_store.close()
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    raw_file(sqlite_store).chmod(mode)
    ran = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    raw_file(sqlite_store).chmod(0o644)
    assert "raw.sqlite" in ran.stdout
    assert "write permission" in ran.stdout


def test_damaged_file_says_what_to_do(sqlite_store) -> None:
    sqlite_store.close()
    raw_file(sqlite_store).write_bytes(b"this is no database" * 1_000)
    with pytest.raises(StoreError, match="not a database") as caught:
        everything(sqlite_store)
    assert "restore" in caught.value.hint


def test_file_of_a_newer_format_is_left_alone(sqlite_store) -> None:
    sqlite_store.close()
    connection = sqlite3.connect(raw_file(sqlite_store))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        sqlite_store.write("raw", [air("d1", 0, no2=1.0)])


def test_forked_child_uses_connections_of_its_own(sqlite_store) -> None:
    sqlite_store.write("raw", [air("d1", 0, no2=1.0)])
    child = os.fork()
    if child == 0:
        failed = sqlite_store.write("raw", [air("d1", 1, no2=2.0)]) != []
        os._exit(int(failed))
    assert os.waitpid(child, 0)[1] == 0
    sqlite_store.write("raw", [air("d1", 2, no2=3.0)])
    assert len(everything(sqlite_store)) == 3


def test_rolled_back_series_is_not_remembered(sqlite_store, monkeypatch) -> None:
    """An id from a transaction that failed would later name another series."""
    bucket = sqlite_store._buckets["raw"]
    with monkeypatch.context() as patch:
        patch.setattr(bucket, "_require_columns", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sqlite_store.write("raw", [air("lost", 0, no2=1.0)])
    sqlite_store.write("raw", [air("kept", 0, no2=2.0)])
    sqlite_store.write("raw", [air("lost", 0, no2=3.0)])
    assert everything(sqlite_store) == [air("kept", 0, no2=2.0), air("lost", 0, no2=3.0)]


def test_reader_sees_one_state_while_another_writes(sqlite_store, tmp_path) -> None:
    """All series of a read come from one transaction's state, never half of a write."""
    devices = [f"d{n}" for n in range(20)]
    series = [SeriesKey("air", (device, "0")) for device in devices]
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        for _ in range(20):
            counts = dict.fromkeys(series[:10], 0)
            for point in sqlite_store.points("raw", "air", 0, 10**9):
                counts[point.series] += 1
            assert len(set(counts.values())) == 1
        writer.kill()


def test_replace_erases_many_runs_in_few_transactions(sqlite_store) -> None:
    points = [clean("d1", hour, 1.0) for hour in range(2_000)]
    sqlite_store.replace("clean", "air", *ALL, {}, points)
    calls: list[int] = []
    done = sqlite_store.replace("clean", "air", *ALL, {}, points[::2], lambda: calls.append(1))
    assert (done.deleted, done.unchanged, len(calls)) == (1_000, 1_000, 1)


def test_delete_of_more_than_a_transaction(sqlite_store) -> None:
    series = SeriesKey("air", ("d1", "0"))
    sqlite_store.write("raw", [Point(series, T0 + n, {"no2": 1.0}) for n in range(45_000)])
    sqlite_store.delete("raw", "air", *window(-1, 1))
    assert everything(sqlite_store) == []


def test_prefix_names_other_files(tmp_path: Path) -> None:
    one, two = (open_store(f"sqlite:///s?prefix={p}", state_dir=tmp_path) for p in ("", "b-"))
    one.prepare()
    two.prepare()
    one.write("raw", [air("d1", 0, no2=1.0)])
    assert everything(two) == []
    assert (tmp_path / "s" / "b-raw.sqlite").exists()
    one.close()
    two.close()
