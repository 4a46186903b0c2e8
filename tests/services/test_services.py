"""The harness itself: servers start, survive a restart with their data, leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from services import influx_build
from services.mosquitto import GivenMosquitto, Mosquitto, find_mosquitto
from services.process import ServiceMissingError, answers_tcp, free_port

HARNESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from services.mosquitto import Mosquitto, find_mosquitto
broker = Mosquitto(Path(sys.argv[2]), find_mosquitto())
broker.start()
print(broker.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child nobody has reaped is a zombie: gone for our purpose.
    return ") Z" not in Path(f"/proc/{pid}/stat").read_text()


def test_mosquitto_keeps_its_port_when_started_again(mosquitto: Mosquitto) -> None:
    port, pid = mosquitto.port, mosquitto.pid
    mosquitto.kill()
    assert not is_running(pid)
    assert not answers_tcp(port)
    mosquitto.start()
    assert mosquitto.port == port
    assert answers_tcp(port)


def test_mosquitto_paused_accepts_but_does_not_answer(mosquitto: Mosquitto) -> None:
    mosquitto.pause()
    stat = Path(f"/proc/{mosquitto.pid}/stat").read_text()
    mosquitto.resume()
    assert ") T" in stat


def test_influx_server_keeps_its_organisation_after_sigkill(influx_server) -> None:
    def organisations() -> bytes:
        request = urllib.request.Request(
            f"{influx_server.url}/api/v2/orgs",
            headers={"Authorization": f"Token {influx_server.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    before = organisations()
    influx_server.kill()
    influx_server.start()
    assert organisations() == before
    assert influx_server.org.encode() in before


@pytest.mark.parametrize("fatal", [signal.SIGINT, signal.SIGKILL])
def test_service_ends_with_the_process_that_started_it(tmp_path: Path, fatal) -> None:
    arguments = [str(Path(__file__).parents[1]), str(tmp_path)]
    command = [sys.executable, "-c", HARNESS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.send_signal(fatal)
        parent.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def test_service_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, find_mosquitto() or "", "no_such_setting true\n")
    with pytest.raises(RuntimeError, match="no_such_setting"):
        broker.start()


def test_given_broker_refuses_to_be_killed() -> None:
    broker = GivenMosquitto("127.0.0.1:1884")
    assert broker.port == 1884
    with pytest.raises(ServiceMissingError, match="LIVINGLAB_TEST_MQTT"):
        broker.kill()


def test_free_port_is_free() -> None:
    assert not answers_tcp(free_port())


def test_find_tools_without_any_names_what_to_install(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(influx_build, "PRECONDITIONS", ("no-such-compiler",))
    with pytest.raises(ServiceMissingError, match="no-such-compiler"):
        influx_build.find_tools()


def test_build_pins_the_version_of_the_committed_module() -> None:
    module = (influx_build.MODULE / "go.mod").read_text()
    assert f"github.com/influxdata/influxdb/v2 {influx_build.VERSION}" in module
