"""The ingest service as its own process, as an operator runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3

WAIT_S = 60.0
ROOT = Path(__file__).parents[2]


class IngestService:
    """`livinglab ingest` on a copy of the repository's configuration.

    Parameters
    ----------
    folder : Path
        Of the test: configuration, state and log go here.
    broker : str
        Address of the broker.
    settings : str
        More keys of livinglab.yaml, by their names in capitals.
    """

    def __init__(self, folder: Path, broker: str, **settings: object) -> None:
        self.config = folder / "config"
        self.state_dir = folder / "state"
        self.log = folder / "ingest.log"
        if not self.config.exists():
            shutil.copytree(ROOT / "config", self.config)
        keys = {
            "CONFIG": self.config,
            "STATE_DIR": self.state_dir,
            "BROKER": broker,
            "HTTP_PORT": 0,
            **settings,
        }
        self.environment = {f"LIVINGLAB_{key}": str(value) for key, value in keys.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, until: str = "ready") -> None:
        """Start the process and wait until it is "ready", or only "listening"."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "livinglab", "ingest"],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._is_listening, self.tail)
        if until == "ready":
            wait_for(self.is_ready, self.tail)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def get(self, page: str) -> tuple[int, str]:
        """Status and text of a page; (0, "") while nobody listens."""
        try:
            url = json.loads((self.state_dir / "ingest.json").read_text())["http"]
            answer = urllib3.request("GET", url + page, timeout=5, retries=False)
        except (OSError, ValueError, urllib3.exceptions.HTTPError):
            return 0, ""
        return answer.status, answer.data.decode()

    def readiness(self) -> dict[str, Any]:
        """What /readyz says."""
        _, text = self.get("/readyz")
        return json.loads(text) if text else {"ready": False, "why_not": ["not listening"]}

    def is_ready(self) -> bool:
        return bool(self.readiness()["ready"])

    def metric(self, name: str, **labels: str) -> float:
        """One number of /metrics, summed over what the labels leave open; 0.0 when it is absent."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == f"livinglab_ingest_{name}" and all(
                f'{key}="{wanted}"' in head for key, wanted in labels.items()
            ):
                total += float(value)
        return total

    def events(self) -> list[dict[str, Any]]:
        """The log lines of all runs, parsed."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill(self) -> None:
        """SIGKILL, as when the power fails."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """End whatever runs; harmless when nothing does."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def _is_listening(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.tail()
        status = self.state_dir / "ingest.json"
        return status.exists() and json.loads(status.read_text())["pid"] == self.process.pid

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text()[-3000:]


def wait_for(
    condition: Callable[[], bool], told: Callable[[], object] = str, timeout_s: float = WAIT_S
) -> None:
    """Poll until the condition holds; a failure shows what `told` says."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.05)
