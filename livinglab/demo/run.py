"""The demo from end to end: messages, broker, ingest, Airflow, numbers, report."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import urllib3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from ingest.publish import publish_all
from livinglab.config import config_dir as find_config
from livinglab.demo import story
from livinglab.demo.airflow_client import (
    Airflow,
    airflow_command,
    airflow_environment,
    dags_folder,
)
from livinglab.demo.broker import broker_command
from livinglab.demo.folder import own_folder
from livinglab.demo.messages import DemoMessage, Script, load_script
from livinglab.demo.processes import DemoError, Processes, free_port
from livinglab.pools import airflow_pools
from livinglab.project import Project
from livinglab.timeline import HOUR_NS, to_text

DAGS: Final = ("reconcile_nightly", "clean_hourly", "indicators_daily", "experiments_daily")


def run_demo(directory: Path, console: Console) -> Path:
    """Run the whole demo in `directory` (emptied first); returns the path of the report.

    Raises
    ------
    DemoError
        If a part does not start, a run fails, or a ledger does not balance.
    """
    with own_folder(directory):
        return _run_in(directory, console)


def _run_in(directory: Path, console: Console) -> Path:
    script = load_script()
    environment = _environment(directory, script)
    _take_settings(environment)
    started = time.monotonic()
    with Processes(directory / "logs", environment) as processes, _progress(console) as progress:
        airflow = _start(processes, environment, directory, progress)
        project = Project.open()
        _replay(script.first, "messages of 16 devices", 0, environment, progress)
        story.tell_sources(console, script)
        runs = _reconcile(airflow, progress)
        before = story.window_runs(project)
        _replay(script.late, "late messages", len(script.first), environment, progress)
        stale = story.stale_windows(project)
        runs |= _reconcile_again(airflow, progress)
        after = story.window_runs(project)
        runs |= _other_runs(airflow, script, progress)
        processes.stop("ingest")  # graceful: the loader's counters are final
    report = directory / "report.html"
    story.tell_results(
        console,
        project,
        story.Told(script, report, runs, before, after, stale, time.monotonic() - started),
    )
    return report


def _config() -> Path:
    """The configuration folder that is named or here; else the one beside the package."""
    beside = Path(__file__).resolve().parents[2] / "config"
    is_named = "LIVINGLAB_CONFIG" in os.environ or Path("config").is_dir()
    return find_config(None if is_named or not beside.is_dir() else beside)


def _take_settings(environment: dict[str, str]) -> None:
    """Have the settings of the demo in this process too, and no others."""
    for name in [name for name in os.environ if name.startswith("LIVINGLAB_")]:
        del os.environ[name]
    ours = {name: text for name, text in environment.items() if name.startswith("LIVINGLAB_")}
    os.environ.update(ours)


def _environment(directory: Path, script: Script) -> dict[str, str]:
    """Environment of all processes of the demo: own state, free ports, a clock that stands."""
    foreign = ("AIRFLOW", "LIVINGLAB_")
    outside = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    ours = {
        "LIVINGLAB_BROKER": f"mqtt://127.0.0.1:{free_port()}",
        "LIVINGLAB_CONFIG": str(_config().resolve()),
        "LIVINGLAB_HTTP_PORT": str(free_port()),
        "LIVINGLAB_NOW": to_text(script.end_ns + 12 * HOUR_NS),
        "LIVINGLAB_STATE_DIR": str(directory.resolve() / "state"),
        "LIVINGLAB_STORE": "sqlite:///store",
    }
    home = directory.resolve() / "airflow"
    return outside | ours | airflow_environment(home, dags_folder().resolve())


def _start(
    processes: Processes, environment: dict[str, str], directory: Path, progress: Progress
) -> Airflow:
    """Start broker, store, ingest and Airflow; Airflow's start overlaps the replay."""
    task = progress.add_task("starting broker, store, ingest, Airflow", total=None)
    port = environment["LIVINGLAB_BROKER"].rpartition(":")[2]
    processes.start("broker", broker_command(int(port), directory))
    pools = directory / "pools.json"
    pools.write_text(json.dumps(airflow_pools(_config())), encoding="utf-8")
    Project.open().store.prepare()
    processes.start("ingest", [sys.executable, "-m", "livinglab", "ingest"])
    processes.run("airflow-migrate", airflow_command("db", "migrate"))
    airflow = Airflow(processes, environment)
    airflow.start()
    processes.run("airflow-pools", airflow_command("pools", "import", str(pools)))
    _wait_ready(processes, environment)
    progress.update(task, total=1, completed=1)
    return airflow


def _metrics(environment: dict[str, str], path: str) -> tuple[int, str]:
    port = environment["LIVINGLAB_HTTP_PORT"]
    try:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}{path}", timeout=5, retries=False)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.data.decode("utf-8", "replace")


def _wait_ready(processes: Processes, environment: dict[str, str], timeout_s: float = 45) -> None:
    deadline = time.monotonic() + timeout_s
    while _metrics(environment, "/readyz")[0] != 200:
        processes.check()
        if time.monotonic() > deadline:
            said = _metrics(environment, "/readyz")[1]
            raise DemoError(f"the ingest service is not ready: {said}", hint="see logs/ingest.log")
        time.sleep(0.1)


def _replay(
    messages: tuple[DemoMessage, ...],
    what: str,
    earlier: int,
    environment: dict[str, str],
    progress: Progress,
) -> None:
    """Publish, and stay until the loader has these and the `earlier` messages."""
    task = progress.add_task(f"publishing {what}", total=len(messages))
    publish_all(
        environment["LIVINGLAB_BROKER"],
        [(message.topic, message.payload) for message in messages],
        on_progress=lambda count: progress.update(task, completed=count),
        before_leaving=lambda: _wait_loaded(environment, earlier + len(messages), progress),
    )


def _wait_loaded(
    environment: dict[str, str], published: int, progress: Progress, timeout_s: float = 90
) -> None:
    """Wait until the loader has dealt with every published message."""
    task = progress.add_task("loading", total=published)
    deadline = time.monotonic() + timeout_s
    while True:
        loaded = story.loaded_messages(Path(environment["LIVINGLAB_STATE_DIR"]))
        progress.update(task, completed=loaded)
        if loaded >= published:
            return
        if time.monotonic() > deadline:
            raise DemoError(
                f"{loaded} of {published} messages arrived within {timeout_s:.0f} s",
                hint="see logs/ingest.log in the demo folder",
            )
        time.sleep(0.2)


def _watch(airflow: Airflow, dag_id: str, run_id: str, text: str, progress: Progress) -> int:
    task = progress.add_task(text, total=None)

    def show(done: int, known: int) -> None:
        progress.update(task, completed=done, total=known or None)

    return airflow.wait_for(dag_id, run_id, show)


def _reconcile(airflow: Airflow, progress: Progress) -> dict[str, int]:
    """Wake the nightly DAG by its timetable and wait for the run that the scheduler starts."""
    airflow.wait_until_ready(DAGS)
    airflow.unpause("reconcile_nightly")
    run = airflow.first_run("reconcile_nightly")
    text = "reconcile_nightly: everything"
    return {text: _watch(airflow, "reconcile_nightly", run, text, progress)}


def _reconcile_again(airflow: Airflow, progress: Progress) -> dict[str, int]:
    """Rebuild what the late batch made stale, in a run that a person asks for."""
    text = "reconcile_nightly: after the late batch"
    run = airflow.trigger("reconcile_nightly")
    return {text: _watch(airflow, "reconcile_nightly", run, text, progress)}


def _other_runs(airflow: Airflow, script: Script, progress: Progress) -> dict[str, int]:
    """One run of each other DAG by its timetable, and one hour redone by hand."""
    runs = {}
    hour = to_text(script.end_ns - HOUR_NS)
    for dag_id in DAGS[1:]:
        airflow.unpause(dag_id)
    started = {dag_id: airflow.first_run(dag_id) for dag_id in DAGS[1:]}
    redo = airflow.trigger("clean_hourly", hour)
    for dag_id, run in started.items():
        text = f"{dag_id}: by its timetable"
        runs[text] = _watch(airflow, dag_id, run, text, progress)
    text = f"clean_hourly: partition {hour} by hand"
    runs[text] = _watch(airflow, "clean_hourly", redo, text, progress)
    return runs


class _Steps(Progress):
    """Bars in a terminal; in a pipe or a file a line when a step begins: nobody waits blind.

    Bars are only drawn there when everything is over.
    """

    def add_task(self, description: str, *args: Any, **options: Any) -> TaskID:
        """Begin a step."""
        if self.disable:
            self.console.print(f"{description} ...", highlight=False)
        return super().add_task(description, *args, **options)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns: tuple[Any, ...] = (
        SpinnerColumn(finished_text="[green]ok"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
    )
    with _Steps(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress
