"""A real InfluxDB 2.x: address from the environment, else PATH, else Docker, else built once."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from services.influx_build import built_influxd
from services.process import Service, ServiceMissingError, docker_engine

ENVIRONMENT = "LIVINGLAB_TEST_INFLUX_URL"
IMAGE = "influxdb:2.9"
ORG = "livinglab-test"


def find_influxd() -> str | None:
    """`influxd` on PATH, when it is of the 2.x line (1.x and 3.x are other products)."""
    path = shutil.which("influxd")
    if path is None:
        return None
    said = subprocess.run([path, "version"], capture_output=True, text=True, check=False).stdout
    return path if said.removeprefix("InfluxDB ").startswith("v2.") else None


def is_healthy(port: int) -> bool:
    """Whether the server says that it passes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "pass")
    except (OSError, ValueError):
        return False


class InfluxServer(Service):
    """A server of our own: `.url`, `.org`, `.token` (of an administrator), `kill`, `stop`, `start`.

    Data live in `folder`, so that a restarted server has what it had.
    """

    def __init__(self, folder: Path, binary: str) -> None:
        self.org = ORG
        self.token = secrets.token_urlsafe(32)
        self._folder = folder
        container = "" if binary else f"livinglab-test-influxdb-{uuid.uuid4().hex[:8]}"
        command = self._native(binary) if binary else self._docker(container)
        super().__init__("influxd", command, is_healthy, folder, container=container)

    @property
    def url(self) -> str:
        """Address of the HTTP API."""
        return f"http://{self.host}:{self.port}"

    @property
    def store_url(self) -> str:
        """Address as the product's settings write it."""
        return f"influxdb://{self.host}:{self.port}?org={self.org}"

    def _native(self, binary: str) -> Callable[[int], Sequence[str]]:
        data = self._folder
        files = ["--bolt-path", f"{data}/bolt", "--sqlite-path", f"{data}/sqlite"]
        files += ["--engine-path", f"{data}/engine"]
        # Without --reporting-disabled it would call out.
        options = ["--reporting-disabled", "--log-level", "error", *files]
        return lambda port: [binary, "--http-bind-address", f"127.0.0.1:{port}", *options]

    def _docker(self, container: str) -> Callable[[int], Sequence[str]]:
        folder = ["-v", f"{self._folder}:/var/lib/influxdb2"]
        image = [*folder, IMAGE, "influxd", "--reporting-disabled"]
        run = ["docker", "run", "--rm", "--name", container]
        return lambda port: [*run, "-p", f"127.0.0.1:{port}:8086", *image]

    def set_up(self) -> None:
        """Create organisation and administrator, once per data folder."""
        body = {
            "username": "admin",
            "password": secrets.token_urlsafe(16),
            "org": self.org,
            "bucket": "unused",
            "token": self.token,
            "retentionPeriodSeconds": 0,
        }
        request = urllib.request.Request(
            f"{self.url}/api/v2/setup",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()


class GivenInfluxServer:
    """The server that the environment names: it cannot be killed or restarted from here."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.org = os.environ.get("LIVINGLAB_TEST_INFLUX_ORG", ORG)
        self.token = os.environ.get("LIVINGLAB_TEST_INFLUX_TOKEN", "")
        parts = urlsplit(self.url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 8086
        tls = "&tls=1" if parts.scheme == "https" else ""
        self.store_url = f"influxdb://{parts.netloc}?org={self.org}{tls}"

    def _refuse(self) -> None:
        message = f"this test stops and starts its InfluxDB: run it without {ENVIRONMENT}"
        raise ServiceMissingError(message)

    kill = stop = start = pause = resume = _refuse


def provide_influx(folder: Path, say: Callable[[str], None]) -> InfluxServer | GivenInfluxServer:
    """A running server, set up; ServiceMissingError with an instruction when none is to be had."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return GivenInfluxServer(given)
    binary = find_influxd() or ""
    if not binary and not docker_engine():
        binary = built_influxd(say)
    server = InfluxServer(folder, binary)
    server.start()
    server.set_up()
    return server
