"""Airflow of the demo: three processes on SQLite, spoken to by its REST API."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

from livinglab.demo.processes import DemoError, Processes, free_port


def airflow_environment(home: Path, dags: Path) -> dict[str, str]:
    """Environment of a quiet Airflow on loopback with SQLite and LocalExecutor."""
    port = free_port()
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(48),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",  # loopback alone
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(dags),  # finds airflow_local_settings
        "PYTHONWARNINGS": "ignore",
    }


def airflow_command(*arguments: str) -> list[str]:
    """Command line of this environment's Airflow."""
    return [sys.executable, "-m", "airflow", *arguments]


class Airflow:
    """The three processes and what the demo asks of them.

    Raises
    ------
    DemoError
        If they do not answer in time, or a DAG run fails.
    """

    def __init__(self, processes: Processes, environment: Mapping[str, str]) -> None:
        self._processes = processes
        self._base = environment["AIRFLOW__API__BASE_URL"]
        self._http = urllib3.PoolManager(retries=False, timeout=20)
        self._token = ""

    def start(self) -> None:
        """Start api-server, scheduler and dag-processor; returns at once."""
        self._processes.start("airflow-api-server", airflow_command("api-server"))
        self._processes.start(
            "airflow-scheduler", airflow_command("scheduler", "--skip-serve-logs")
        )
        self._processes.start("airflow-dag-processor", airflow_command("dag-processor"))

    def wait_until_ready(self, dag_ids: tuple[str, ...], timeout_s: float = 90) -> None:
        """Wait until the API answers, the scheduler is healthy and the DAGs are known."""

        def ready() -> bool:
            health = self._get("/api/v2/monitor/health")
            if health is None or health["scheduler"]["status"] != "healthy":
                return False
            if not self._token:
                self._token = json.loads(self._request("GET", "/auth/token").data)["access_token"]
            known = self._get("/api/v2/dags?limit=100") or {"dags": []}
            return set(dag_ids) <= {dag["dag_id"] for dag in known["dags"]}

        self._wait(ready, timeout_s, "Airflow to know its DAGs")

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler wake the DAG by its own timetable."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, partition_key: str | None = None) -> str:
        """Start a run by hand; returns its run id."""
        body = {"logical_date": None, "partition_key": partition_key}
        run = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return str(run["dag_run_id"])

    def first_run(self, dag_id: str, timeout_s: float = 60) -> str:
        """Wait for the run that the scheduler starts by itself; returns its run id."""
        found: list[str] = []

        def scheduled() -> bool:
            runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns?limit=5")
            found.extend(run["dag_run_id"] for run in (runs or {"dag_runs": []})["dag_runs"])
            return bool(found)

        self._wait(scheduled, timeout_s, f"the scheduler to start {dag_id}")
        return found[0]

    def wait_for(
        self, dag_id: str, run_id: str, progress: Callable[[int, int], None], timeout_s: float = 240
    ) -> int:
        """Wait for a run's end; returns task instances; `progress` gets (ended, known)."""
        counted = 0

        def ended() -> bool:
            nonlocal counted
            run = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}") or {}
            states = [task["state"] for task in self.tasks(dag_id, run_id)]
            counted = sum(state == "success" for state in states)
            done = sum(state in {"success", "failed", "skipped"} for state in states)
            progress(done, len(states))
            if run.get("state") == "failed":
                raise DemoError(
                    f"run {run_id} of {dag_id} failed", hint="see the task logs in the demo folder"
                )
            return run.get("state") == "success"

        self._wait(ended, timeout_s, f"{dag_id} to end")
        return counted

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000"
        answer = self._get(path) or {"task_instances": []}
        return list(answer["task_instances"])

    def _wait(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        for _ in _ticks(timeout_s):
            self._processes.check()
            if done():
                return
        raise DemoError(
            f"waited {timeout_s:.0f} s for {what}", hint="see the logs in the demo folder"
        )

    def _get(self, path: str) -> Any:
        """Answer as JSON, None while the server is not there yet."""
        try:
            response = self._request("GET", path)
        except urllib3.exceptions.HTTPError:
            return None
        return json.loads(response.data) if response.status == 200 else None

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        response = self._request(method, path, json.dumps(body))
        if response.status >= 300:
            text = response.data.decode("utf-8", "replace")[:300]
            raise DemoError(f"Airflow answered {response.status} to {method} {path}: {text}")
        return json.loads(response.data)

    def _request(self, method: str, path: str, body: str | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return self._http.request(method, self._base + path, body=body, headers=headers)


def _ticks(timeout_s: float) -> Iterator[None]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        yield
        time.sleep(0.25)


def dags_folder() -> Path:
    """The folder `dags/` beside the package; LIVINGLAB_DAGS names another."""
    named = os.environ.get("LIVINGLAB_DAGS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "dags"
    if not (folder / "reconcile_nightly.py").exists():
        raise DemoError(
            f"no DAG files in {folder}", hint="run from a checkout, or set LIVINGLAB_DAGS to dags/"
        )
    return folder
