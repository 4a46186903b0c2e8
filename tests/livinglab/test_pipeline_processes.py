"""Several processes on one lab: the lock lets one in at a time; without it, claims do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from small_lab import LAB, START, announce, arrive, contents, history, project_of, registry_of

from livinglab import pipeline
from livinglab.errors import LockedError
from livinglab.pipeline.lock import lab_lock, lock_path
from livinglab.project import Project
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS

TESTS = Path(__file__).parents[1]
NOW = START + 2 * DAY_NS


def test_lock_lets_one_in_and_names_the_holder(tmp_path: Path) -> None:
    with (
        lab_lock(tmp_path, LAB, purpose="clean of noise"),
        pytest.raises(LockedError, match=rf"process {os.getpid()} on .*clean of noise") as caught,
        lab_lock(tmp_path, LAB, purpose="x", timeout_s=0.1),
    ):
        pass
    assert caught.value.transient
    with lab_lock(tmp_path, LAB, purpose="again", timeout_s=0):
        pass


def test_locks_of_two_labs_are_apart(tmp_path: Path) -> None:
    with lab_lock(tmp_path, "a", purpose="x"), lab_lock(tmp_path, "b", purpose="y", timeout_s=0):
        assert lock_path(tmp_path, "a") != lock_path(tmp_path, "b")


def test_lock_waits_for_another_thread(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def hold() -> None:
        with lab_lock(tmp_path, LAB, purpose="first"):
            entered.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    with lab_lock(tmp_path, LAB, purpose="second", timeout_s=20):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from livinglab.pipeline.lock import lab_lock\n"
        "with lab_lock(Path(sys.argv[1]), 'lombok', purpose='held'):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(LockedError, match=f"process {holder.pid}"),
            lab_lock(tmp_path, LAB, purpose="x", timeout_s=0),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with lab_lock(tmp_path, LAB, purpose="x", timeout_s=5):
            pass


def test_rebuild_takes_the_lock_of_its_lab(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    (chunk, *_) = pipeline.plan(project, "clean", themes=["water"], now_ns=NOW)
    with lab_lock(tmp_path, LAB, purpose="x"), pytest.raises(LockedError):
        pipeline.run_chunk(project, chunk, lock_timeout_s=0)
    assert pipeline.run_chunk(project, chunk, lock_timeout_s=0).windows > 0


def start(store_url: str, state: Path, name: str, token: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(TESTS / "second_process.py"), store_url, str(state), name, "4"]
    environment = {**os.environ, "LIVINGLAB_STORE_TOKEN": token}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> int:
    """How often the process met another writer."""
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return int(out)


@pytest.mark.parametrize("locked", [True, False], ids=["one machine", "two machines"])
def test_two_processes_end_as_one_pass(
    store: Store, request: pytest.FixtureRequest, tmp_path: Path, locked: bool
) -> None:
    token, url = "", store.url
    if url.startswith("influxdb"):
        token = request.getfixturevalue("influx_server").token
    else:
        url = f"sqlite:///{tmp_path}/store"
    arrive(store, history(["nm-1", "nm-2"], START, START + DAY_NS))
    folders = [tmp_path / ("one" if locked else name) for name in ("nm-1", "nm-2")]
    both = [
        start(url, folder, name, token)
        for folder, name in zip(folders, ("nm-1", "nm-2"), strict=True)
    ]
    met = [finished(process) for process in both]
    assert met == [0, 0] or not locked
    options: dict[str, Any] = {
        "themes": ["noise"],
        "levels": ["clean", "indicators"],
        "now_ns": NOW,
    }
    project = Project(registry_of(), store=store, state_dir=tmp_path)
    assert pipeline.reconcile(project, **options).failures == []
    assert pipeline.stale(project, **options) == []
    once = project_of(tmp_path / "once")
    points = list(store.points("raw", "noise", START, NOW))
    once.store.write("raw", points)
    announce(once.store, points)
    pipeline.reconcile(once, **options)
    assert contents(store) == contents(once.store)
