"""The demo as a user runs it: real broker, real Airflow, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loaded_store import stored

from livinglab.project import Project
from livinglab.store import open_store
from livinglab.timeline import parse_instant

ROOT = Path(__file__).parents[2]
START, END = parse_instant("2025-06-01T00:00:00Z"), parse_instant("2025-09-06T00:00:00Z")


def environment() -> dict[str, str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("LIVINGLAB_", "AIRFLOW"))}
    return outside | {"LIVINGLAB_CONFIG": str(ROOT / "config")}


def command(out: Path) -> list[str]:
    return [sys.executable, "-m", "livinglab", "demo", "--out", str(out)]


def processes_of(out: Path) -> list[str]:
    """Command lines of the processes whose environment names the demo's state folder."""
    mark = f"LIVINGLAB_STATE_DIR={out}/state".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # ended meanwhile
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One whole run: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("demo-run") / "demo"
    done = subprocess.run(
        command(out), env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out, done.stdout


def test_demo_tells_indicators_experiment_ledgers_and_late_data(
    finished: tuple[Path, str],
) -> None:
    _, said = finished
    for part in (
        "Lombok (Utrecht)",
        "Buiksloterham (Amsterdam)",
        "Stratumseind (Eindhoven)",
        "Internationale Zone (Den Haag)",
        "Lden",
        "PLACEBO",
        "Minimal detectable effect",
        "Ledger of messages",
        "Ledger of readings",
        "What late data did",
        "re-dated",
        "report.html",
        "livinglab status",
        "livinglab export",
        "livinglab explain",
    ):
        assert part in said, part


def test_demo_computes_what_one_pass_in_process_computes(
    finished: tuple[Path, str], demo_project: Project
) -> None:
    """Broker, scheduler, chunks, late batch change no digit: so a second run gives the same."""
    out, _ = finished
    store = open_store("sqlite:///store", state_dir=out / "state")
    ran = Project(demo_project.registry, store=store)
    for bucket in ("clean", "indicators"):
        assert stored(ran, bucket, START, END) == stored(demo_project, bucket, START, END)
    store.close()


def test_demo_rebuilds_little_for_the_late_batch(finished: tuple[Path, str]) -> None:
    _, said = finished
    row = next(line for line in said.splitlines() if line.startswith("│ clean "))
    known, rebuilt = (int(cell) for cell in row.split("│")[2:4])
    assert 0 < rebuilt <= 10 < known


def test_demo_leaves_no_process_behind(finished: tuple[Path, str]) -> None:
    assert processes_of(finished[0]) == []


def test_demo_in_a_pipe_says_each_step_as_it_begins(finished: tuple[Path, str]) -> None:
    lines = finished[1].splitlines()
    steps = [place for place, line in enumerate(lines) if line.endswith(" ...")]
    told = next(place for place, line in enumerate(lines) if "messages published" in line)
    assert len(steps) == 11
    assert steps[0] < told < steps[-1]


def test_demo_names_the_windows_that_late_data_made_stale(finished: tuple[Path, str]) -> None:
    said = " ".join(finished[1].split())
    assert "They made stale: 2 clean windows of lombok air" in said
    assert "rebuilt exactly these and what reads them" in said


def test_demo_report_needs_no_network(finished: tuple[Path, str]) -> None:
    page = (finished[0] / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") > 5
    assert "<script" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    process = subprocess.Popen(
        command(out), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 120
    while not any("airflow" in line for line in processes_of(out)):
        assert process.poll() is None, "the demo ended before it was interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert b"Traceback" not in output, output.decode()[-2000:]
    assert processes_of(out) == []


def test_demo_does_not_empty_a_folder_of_others(tmp_path: Path) -> None:
    keep = tmp_path / "thesis.txt"
    keep.write_text("ten years of work", encoding="utf-8")
    done = subprocess.run(
        command(tmp_path), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "was not made by the demo" in done.stderr
    assert keep.exists()
