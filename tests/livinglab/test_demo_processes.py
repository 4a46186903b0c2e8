"""Processes and the folder of the demo, at the worst moments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livinglab.demo import folder, processes
from livinglab.demo.folder import MARKER, own_folder
from livinglab.demo.interruptions import SIGNALS
from livinglab.demo.processes import DemoError, Processes
from livinglab.demo.story import Computed, Told, rebuilt_by

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Signals as in a terminal, also where the tests run in the background."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int) -> list[Any]:
    """Have the process get a signal while `owner.name` runs; returns what the calls returned."""
    real, returned = getattr(owner, name), []

    def interrupted(*arguments: Any) -> Any:
        returned.append(real(*arguments))
        os.kill(os.getpid(), number)
        return returned[-1]

    monkeypatch.setattr(owner, name, interrupted)
    return returned


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_amid_a_start_forgets_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    started: list[subprocess.Popen[bytes]]
    started = interrupting(monkeypatch, Processes, "_popen", number)
    with pytest.raises(KeyboardInterrupt), Processes(tmp_path, os.environ) as running:
        running.start("sleeper", SLEEP)
    assert [child.poll() is not None for child in started] == [True]


def test_second_signal_does_not_stop_the_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(monkeypatch, processes, "_wait_or_kill", signal.SIGINT)
    children = []
    with pytest.raises(KeyboardInterrupt), Processes(tmp_path, os.environ) as running:
        children.extend(running.start(name, SLEEP) for name in ("one", "two", "three"))
    assert [child.poll() is not None for child in children] == [True] * 3


def test_signals_are_given_back_and_those_ignored_stay_so(tmp_path: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    before = [signal.getsignal(number) for number in SIGNALS]
    with Processes(tmp_path, os.environ):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_folder_is_emptied_but_for_its_mark(tmp_path: Path) -> None:
    with own_folder(tmp_path / "demo"):
        (tmp_path / "demo" / "state").mkdir()
        (tmp_path / "demo" / "report.html").touch()
    with own_folder(tmp_path / "demo"):
        assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARKER]


def test_folder_takes_one_demo_at_a_time(tmp_path: Path) -> None:
    with (
        own_folder(tmp_path),
        pytest.raises(DemoError, match="another demo runs in"),
        own_folder(tmp_path),
    ):
        pass


def test_folder_whose_emptying_was_interrupted_can_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_folder(tmp_path):
        (tmp_path / "state").mkdir()
        (tmp_path / "logs").mkdir()
    with monkeypatch.context() as patched:
        interrupting(patched, folder.shutil, "rmtree", signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), own_folder(tmp_path):
            pass
    with own_folder(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_folder_that_cannot_be_made_says_where_and_what_to_do() -> None:
    with pytest.raises(DemoError, match="cannot write /dev/null/demo") as caught:  # noqa: SIM117
        with own_folder(Path("/dev/null/demo")):
            pass
    assert "--out" in caught.value.hint


def told(before: dict[Any, Any], after: dict[Any, Any], stale: set[Any]) -> Any:
    fields: dict[str, Any] = dict.fromkeys(("script", "report", "runs", "seconds"))
    return Told(**fields, before=before, after=after, stale=frozenset(stale))


def test_late_data_must_rebuild_what_is_stale_and_what_reads_it_alone() -> None:
    clean, other = ("clean", "lombok", "air", 0), ("clean", "lombok", "air", 1)
    day = ("indicators", "lombok", "air", 0)
    before = {key: Computed("1", "never computed") for key in (clean, other, day)}
    follows = {
        clean: Computed("2", "late data: x"),
        day: Computed("3", "upstream changed: window of y"),
    }
    assert rebuilt_by(told(before, before | follows, {clean})) == [clean, day]
    with pytest.raises(DemoError, match="1 stale windows were not rebuilt"):
        rebuilt_by(told(before, before | follows, {clean, other}))
    idle = {other: Computed("4", "forced")}
    with pytest.raises(DemoError, match="1 were rebuilt without need"):
        rebuilt_by(told(before, before | follows | idle, {clean}))
