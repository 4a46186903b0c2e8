"""A real Mosquitto: address from the environment, else PATH, Docker, or the package manager."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from services.process import Service, ServiceMissingError, answers_tcp, docker_engine

ENVIRONMENT = "LIVINGLAB_TEST_MQTT"
IMAGE = "eclipse-mosquitto:2.0.22"
INSTRUCTION = (
    "the tests need a real Mosquitto 2: install it (Debian: apt-get install mosquitto), start a "
    f"Docker engine, or name a running broker in {ENVIRONMENT}, as 127.0.0.1:1883"
)

# Queues without limit and a wide window: the defaults (1000 queued, 20 in flight) drop or slow a
# subscriber that lags, and these tests count every message. Sessions survive SIGTERM, and SIGKILL
# up to the last autosave.
SETTINGS = """\
per_listener_settings false
allow_anonymous true
max_queued_messages 100000000
max_queued_bytes 0
max_inflight_messages 10000
set_tcp_nodelay true
persistence true
persistence_file mosquitto.db
autosave_interval 1
sys_interval 1
log_type error
log_type warning
"""


def find_mosquitto() -> str | None:
    """Path of the broker: PATH, then the sbin folders that a user's PATH lacks on Debian."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=places)


def install_mosquitto(say: Callable[[str], None]) -> str | None:
    """Install the Debian package where this user may, and return the path."""
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    if apt is None or (os.geteuid() != 0 and sudo is None):
        return None
    prefix = [] if os.geteuid() == 0 else [str(sudo), "-n"]
    say("installing the Debian package mosquitto ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "mosquitto"]):
        command = [*prefix, apt, "-q", *arguments]
        subprocess.run(command, check=False, capture_output=True, env=environment)
    return find_mosquitto()


class Mosquitto(Service):
    """A broker of our own: `.host`, `.port`, `kill`, `stop`, `start`, `pause`, `resume`.

    Parameters
    ----------
    folder : Path
        Configuration, log and persistence live here.
    binary : str
        Path of mosquitto, or "" for the Docker image.
    settings : str
        The configuration but for the listener; by default open, unlimited and persistent.
    """

    def __init__(self, folder: Path, binary: str, settings: str = SETTINGS) -> None:
        self.folder = folder
        container = "" if binary else f"livinglab-test-mosquitto-{uuid.uuid4().hex[:8]}"
        command = self._native(binary) if binary else self._docker(container)
        self._settings = settings
        super().__init__("mosquitto", command, answers_tcp, folder, container=container)

    @property
    def url(self) -> str:
        """Address as the product's settings write it."""
        return f"mqtt://{self.host}:{self.port}"

    def _configure(self, listener: str, data: str, user: str) -> Path:
        path = self.folder / "mosquitto.conf"
        text = f"listener {listener}\npersistence_location {data}/\nuser {user}\n"
        path.write_text(text + self._settings)
        return path

    def _native(self, binary: str) -> Callable[[int], Sequence[str]]:
        # As root the broker would become `mosquitto`, who may not write to our temporary folder.
        user = "root" if os.geteuid() == 0 else "mosquitto"
        return lambda port: [
            binary,
            "-c",
            str(self._configure(f"{port} 127.0.0.1", str(self.folder), user)),
        ]

    def _docker(self, container: str) -> Callable[[int], Sequence[str]]:
        def command(port: int) -> Sequence[str]:
            self._configure("1883", "/data", "root")
            published = ["-p", f"127.0.0.1:{port}:1883", "-v", f"{self.folder}:/data"]
            image = [IMAGE, "mosquitto", "-c", "/data/mosquitto.conf"]
            return ["docker", "run", "--rm", "--name", container, *published, *image]

        return command


class GivenMosquitto:
    """The broker that the environment names: it cannot be killed or restarted from here."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address if "//" in address else f"//{address}")
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 1883
        self.url = f"mqtt://{self.host}:{self.port}"

    def _refuse(self) -> None:
        message = f"this test stops and starts its broker: run it without {ENVIRONMENT}"
        raise ServiceMissingError(message)

    kill = stop = start = pause = resume = _refuse


def provide_mosquitto(
    folder: Path, say: Callable[[str], None], settings: str = SETTINGS
) -> Mosquitto | GivenMosquitto:
    """A running broker; ServiceMissingError with an instruction when none is to be had."""
    given = os.environ.get(ENVIRONMENT)
    if given and settings is SETTINGS:
        return GivenMosquitto(given)
    binary = find_mosquitto() or ""
    if not binary and not docker_engine():
        binary = install_mosquitto(say) or ""
        if not binary:
            raise ServiceMissingError(INSTRUCTION)
    broker = Mosquitto(folder, binary, settings)
    broker.start()
    return broker
