"""The operator's commands on a real installation, with the service at rest and running."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loader_kit import START_NS, START_S, Bench, senml

from ingest.jobs import Jobs
from livinglab.cli import main
from livinglab.model import Message

Run = Callable[..., str]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """An installation with one stored message, two of a new device, and one that is dead."""
    bench = Bench(tmp_path)
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(bench.tree.root))
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("LIVINGLAB_CLIENT_ID", "l1")
    bench.registry = bench.tree.load()
    for step in (0, 600):
        bench.feed(senml("utr-new-01", START_S + step, {"no2": 1, "pm2_5": 2}))
    bench.feed(senml("utr-aq-01", START_S, {"no2": 1}))
    bench.feed(Message("lombok/senml/utr-aq-01", b"online", 0))
    bench.load()
    yield bench
    bench.close()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; what it printed. Commands end with SystemExit, as on a shell."""

    def call(*arguments: str, code: int = 0) -> str:
        try:
            found = main(arguments)
        except SystemExit as end:
            found = int(end.code or 0)
        printed = capsys.readouterr()
        assert found == code, printed
        return printed.out + printed.err

    return call


def test_ledger_shows_both_sums(bench: Bench, run: Run) -> None:
    bench.crash()
    printed = run("ledger")
    for row in ("stored", "quarantined", "dead", "published", "produced", "both sums are exact"):
        assert row in printed
    assert "no2" not in printed
    assert "nothing was counted" in run("ledger", "--device", "nobody", code=1)


def test_dead_list_and_show_explain_a_letter(bench: Bench, run: Run) -> None:
    bench.crash()
    assert "syntax" in run("dead", "list")
    listed = run("dead", "list", "--reason", "syntax")
    number = next(word for word in listed.split() if word.isdigit())
    shown = run("dead", "show", number)
    assert "online" in shown
    assert "batch 4, message 0" in shown
    assert run("dead", "show", number, "--payload").encode() == b"online"
    assert "no letter 99" in run("dead", "show", "99", code=1)
    assert "no such letters" in run("dead", "list", "--device", "x")


def test_dead_replay_wants_a_selection(bench: Bench, run: Run) -> None:
    bench.crash()
    run("dead", "replay", code=2)
    assert "1 letters replayed: 1 unchanged" in run("dead", "replay", "--all")


def test_quarantine_show_has_all_that_registering_needs(bench: Bench, run: Run) -> None:
    bench.crash()
    assert "utr-new-01" in run("quarantine", "list")
    shown = run("quarantine", "show", "utr-new-01")
    for part in ("lombok/senml/utr-new-01", "pm2_5", "ppb", "livinglab device adopt utr-new-01"):
        assert part in shown
    assert "toucan-senml knows 2 of its keys" in shown
    assert "no message of a device" in run("quarantine", "show", "nobody", code=1)


def test_adopt_registers_and_replays(bench: Bench, run: Run) -> None:
    bench.crash()
    missing = run("device", "adopt", "utr-new-01", code=1)
    assert "--model and --area must be given" in missing
    assert "toucan-senml (2 of its keys)" in missing
    printed = run(
        "device", "adopt", "utr-new-01", "--model", "toucan-senml", "--area", "kanaalstraat",
        "--x", "135339", "--y", "456088",
    )  # fmt: skip
    assert "2 letters replayed: 2 stored" in printed
    assert "utr-new-01,toucan-senml,135339,456088" in bench.tree.text("labs/lombok/devices.csv")
    assert "nothing is in quarantine" in run("quarantine", "list")
    bench.registry = bench.tree.load()
    assert bench.ledger.messages["quarantined"] == 0
    assert ("utr-new-01", "0", "pm2_5", START_NS) in bench.values()


def test_adopt_refuses_a_row_that_is_not_right(bench: Bench, run: Run) -> None:
    bench.crash()
    before = bench.tree.text("labs/lombok/devices.csv")
    arguments = ["--model", "toucan-senml", "--area", "nowhere", "--x", "135339", "--y", "456088"]
    assert "unknown area" in run("device", "adopt", "utr-new-01", *arguments, code=1)
    assert bench.tree.text("labs/lombok/devices.csv") == before
    assert bench.ledger.messages["quarantined"] == 2


@pytest.mark.parametrize("time", ["yesterday", "0001-01-01T00:00:00+10:00"])
def test_commands_refuse_what_is_no_time(bench: Bench, run: Run, time: str) -> None:
    for command in (
        ["reingest", "utr-aq-01", "--from", time, "--to", "2026-01-02"],
        ["trace", "--topic", "#", "--at", time],
    ):
        assert "is no time; write" in run(*command, code=2)


def test_reingest_says_what_it_did(bench: Bench, run: Run) -> None:
    bench.crash()
    printed = run("reingest", "utr-aq-01", "--from", "2026-01-01", "--to", "2026-01-02")
    assert "1 values deleted, 1 messages read again, 1 values stored" in printed.replace("\n", " ")
    run("reingest", "utr-aq-01", "--from", "2026-01-02", "--to", "2026-01-01", code=2)
    assert "not in the registry" in run(
        "reingest", "nobody", "--from", "2026-01-01", "--to", "2026-01-02", code=1
    )


def test_order_is_done_by_the_running_loader(bench: Bench, run: Run) -> None:
    stop = threading.Event()
    loader = bench.loader
    thread = threading.Thread(target=loader.run, args=(stop,))
    thread.start()
    try:
        printed = run("quarantine", "replay")
        assert "2 letters replayed: 2 unchanged" in printed
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_commands_say_when_nothing_was_loaded(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(bench.tree.root))
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(tmp_path / "empty"))
    traced = ["trace", "--topic", "#", "--at", "2026-01-01"]
    reloaded = ["reingest", "utr-aq-01", "--from", "2026-01-01", "--to", "2026-01-02"]
    for command in (["dead", "replay", "--all"], ["trace", "--seq", "1"], traced, reloaded):
        assert "there is no journal in" in run(*command, code=1)
    for command in (["ledger"], ["dead", "list"], ["quarantine", "list"]):
        assert "nothing was loaded yet" in run(*command, code=1)
    bench.close()


def test_commands_explain_a_state_that_is_damaged_or_on_a_full_disk(
    bench: Bench, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.crash()
    monkeypatch.setattr(Jobs, "add", full_disk)
    assert "make room on that disk" in run("dead", "replay", "--all", code=1)
    path = tmp_path / "loader.sqlite"
    path.write_bytes(path.read_bytes()[:4_096].ljust(path.stat().st_size, b"\xff"))
    for command in (["ledger"], ["dead", "list"], ["quarantine", "list"], ["dead", "show", "1"]):
        assert "the state is built again from it" in run(*command, code=1)


def full_disk(jobs: Jobs, *_: object) -> None:
    """What SQLite does when it finds no room, by its own limit of pages."""
    connection = jobs._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    connection.execute("CREATE TABLE no_room AS SELECT zeroblob(100000)")


def test_commands_of_another_user_say_whose_they_are(bench: Bench, tmp_path: Path) -> None:
    """Root may do everything, so these processes give up that right."""
    bench.crash()
    folder = tmp_path / "of-the-service"
    folder.mkdir()
    for name in ("loader.sqlite", "journal", "store"):
        (tmp_path / name).rename(folder / name)
    folder.chmod(0)
    if os.geteuid() == 0:
        os.chown(folder, 65_534, 65_534)
    try:
        for command in (["ledger"], ["dead", "replay", "--all"], ["trace", "--seq", "1"]):
            done = as_another_user(folder, *command)
            assert done.returncode == 1, done.stderr
            assert "run this as the user of the ingest service" in done.stderr
            assert "Traceback" not in done.stderr
        shown = as_another_user(folder, "status")
        assert "cannot be looked for: Permission denied" in shown.stdout
        assert "Traceback" not in shown.stderr
    finally:
        folder.chmod(0o700)


def as_another_user(state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command whose process may not look into what it does not own."""
    rights = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={rights}"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*prefix, sys.executable, "-m", "livinglab", *arguments],
        env={**os.environ, "LIVINGLAB_STATE_DIR": str(state_dir), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
