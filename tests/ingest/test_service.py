"""The ingest service as a process, on a real broker: killed, stopped, reloaded, squeezed."""

from __future__ import annotations

import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.influx_server import InfluxServer
from services.ingest_service import IngestService, wait_for
from services.mosquitto import Mosquitto
from services.publisher import Publisher

from ingest.journal import JournalReader
from ingest.ledger import read_ledger
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS, to_text

START_S = 1_767_225_600  # 2026-01-01


@pytest.fixture
def service(
    mosquitto: Mosquitto, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[IngestService]:
    """A service of the test's own (own session at the broker), not started yet."""
    service = IngestService(tmp_path, mosquitto.url, CLIENT_ID=request.node.name)
    yield service
    service.stop()


def senml(number: int) -> tuple[str, bytes]:
    """A message that no other number repeats: its time is its own."""
    record = {"bn": "urn:dev:utr-aq-01:", "bt": START_S + number, "n": "no2", "u": "ppb", "v": 20}
    return "lombok/senml/utr-aq-01", json.dumps([record]).encode()


def publish(broker: Mosquitto, first: int, count: int, window: int = 1_000) -> None:
    with Publisher(broker.host, broker.port, f"publisher-{first}") as publisher:
        publisher.publish([senml(number) for number in range(first, first + count)], window=window)


def journaled(service: IngestService) -> list[int]:
    """The numbers of all messages in the journal, repeats included."""
    journal = JournalReader(service.state_dir / "journal")
    found = [json.loads(m.payload)[0]["bt"] for b in journal.batches(0) for m in b.messages]
    return [time_s - START_S for time_s in found]


def is_loaded(service: IngestService, count: int) -> bool:
    return service.metric("readings_by_end_total", end="stored") >= count


def test_service_brings_messages_from_the_broker_to_the_store(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    service.start()
    publish(mosquitto, 0, 2_000)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([("lombok/senml/utr-aq-01", b"online")])
    wait_for(lambda: service.metric("messages_total") == 2_001, service.tail)
    assert service.metric("recorded_messages_total") == 2_001
    assert service.metric("acknowledged_messages_total") == 2_001
    assert service.metric("messages_by_end_total", end="stored") == 2_000
    assert service.metric("messages_by_end_total", end="dead", reason="syntax") == 1
    assert service.metric("lag_messages") == 0
    assert service.metric("connected") == service.metric("ready") == service.metric("store_up") == 1
    assert 0 < service.metric("journal_bytes") < service.metric("journal_quota_bytes")
    assert service.metric("last_message_age_seconds") < 60
    assert service.get("/healthz") == (200, "alive\n")
    assert service.get("/readyz")[0] == 200
    assert service.get("/nothing")[0] == 404
    assert service.terminate() == 0
    ledger = read_ledger(service.state_dir)
    assert ledger.is_balanced
    assert ledger.messages_total == 2_001


@pytest.mark.parametrize("client", ["frames", "plain"])
def test_service_killed_again_and_again_loses_nothing(
    mosquitto: Mosquitto, tmp_path: Path, client: str
) -> None:
    address = f"{mosquitto.url}?client={client}"
    service = IngestService(tmp_path, address, CLIENT_ID=f"killed-{client}")
    service.start()
    try:
        stream = Stream(mosquitto, 20_000, lasts_s=6)
        for pause_s in (0.3, 0.1, 0.5, 0.05, 0.2):
            time.sleep(pause_s)
            service.kill()
            service.start(until="listening")
        stream.finish()
        wait_for(lambda: set(journaled(service)) == set(range(20_000)), service.tail)
        wait_for(lambda: service.metric("lag_messages") == 0, service.tail)
        wait_for(lambda: is_loaded(service, 20_000), service.tail)
        assert service.terminate() == 0
        ledger = read_ledger(service.state_dir)
        assert ledger.is_balanced
        assert ledger.messages_total == len(journaled(service))
        assert ledger.readings["stored"] == 20_000
    finally:
        service.stop()


class Stream(threading.Thread):
    """Publishes messages 0 to count - 1 beside the test, over about `lasts_s` seconds."""

    def __init__(self, broker: Mosquitto, count: int, lasts_s: float = 0.0) -> None:
        super().__init__()
        self._lasts_s = lasts_s
        self.failure: Exception | None = None
        self._broker = broker
        self._count = count
        self.start()

    def run(self) -> None:
        try:
            for first in range(0, self._count, 500):
                publish(self._broker, first, min(500, self._count - first), window=50)
                time.sleep(self._lasts_s * 500 / self._count)
        except Exception as error:
            self.failure = error

    def finish(self) -> None:
        self.join(120)
        assert not self.is_alive()
        assert self.failure is None


def test_service_terminated_in_a_stream_journals_acknowledges_and_exits(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    service.start()
    stream = Stream(mosquitto, 20_000, lasts_s=3)
    time.sleep(0.5)
    begin = time.monotonic()
    assert service.terminate() == 0
    assert time.monotonic() - begin < 10
    before = journaled(service)
    assert not (service.state_dir / "ingest.json").exists()
    stream.finish()
    service.start()
    wait_for(lambda: len(set(journaled(service))) == 20_000, service.tail)
    assert len(journaled(service)) == 20_000, "what was journaled was acknowledged: no repeats"
    assert 0 < len(before) < 20_000


def test_service_survives_a_broker_restart(mosquitto: Mosquitto, service: IngestService) -> None:
    service.start()
    publish(mosquitto, 0, 5_000)
    wait_for(lambda: service.metric("acknowledged_messages_total") == 5_000, service.tail)
    mosquitto.stop()
    wait_for(lambda: not service.is_ready(), service.tail)
    assert "broker 127.0.0.1" in service.readiness()["why_not"][0]
    mosquitto.start()
    wait_for(service.is_ready, service.tail)
    publish(mosquitto, 5_000, 5_000)
    wait_for(lambda: is_loaded(service, 10_000), service.tail)
    assert sorted(journaled(service)) == list(range(10_000))
    assert service.metric("connections_total") == 2
    told = [one["event"] for one in service.events() if one.get("part") == "client"]
    assert told[0] == told[-1] == "broker_connected"
    assert 1 <= told.count("broker_unavailable") <= 2  # lost, then cannot be reached


def test_service_says_that_the_broker_is_away(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        service = IngestService(tmp_path, f"mqtt://127.0.0.1:{unused.getsockname()[1]}")
        service.start(until="listening")
        try:
            wait_for(lambda: "cannot be reached" in str(service.readiness()), service.tail)
            status, text = service.get("/readyz")
            assert status == 503
            assert json.loads(text)["ready"] is False
            assert service.get("/healthz")[0] == 200
            assert service.terminate() == 0
        finally:
            service.stop()


def test_service_goes_on_when_the_disk_has_room_again(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    """The kernel refuses every file that grows beyond a limit, as a full disk would."""
    service.start()
    publish(mosquitto, 0, 3_000)
    wait_for(lambda: is_loaded(service, 3_000), service.tail)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
    publish(mosquitto, 3_000, 3_000)
    wait_for(lambda: "cannot be written" in str(service.readiness()), service.tail)
    held = service.metric("acknowledged_messages_total")
    assert held == service.metric("recorded_messages_total") == 3_000
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    wait_for(lambda: is_loaded(service, 6_000), service.tail)
    wait_for(service.is_ready, service.tail)
    assert set(journaled(service)) == set(range(6_000))
    told = [one["event"] for one in service.events()]
    assert told.count("journal_refuses") == told.count("journal_goes_on") == 1
    assert service.terminate() == 0
    ledger = read_ledger(service.state_dir)
    assert ledger.is_balanced
    assert ledger.readings["stored"] == 6_000


def test_service_outlives_a_loader_state_that_is_damaged_under_it(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    """Recording goes on, every page says why nothing is loaded, and the journal has it all."""
    service.start()
    publish(mosquitto, 0, 1_000)
    wait_for(lambda: is_loaded(service, 1_000), service.tail)
    files = [service.state_dir / f"loader.sqlite{ending}" for ending in ("", "-wal", "-shm")]
    for path in files:
        damage(path)
    publish(mosquitto, 1_000, 1_000)
    wait_for(lambda: "state is built again from it" in str(service.readiness()), service.tail)
    wait_for(lambda: service.metric("recorded_messages_total") == 2_000, service.tail)
    assert service.get("/healthz")[0] == service.get("/metrics")[0] == 200
    assert service.metric("ready") == service.metric("state_up") == 0
    assert service.terminate() == 0
    for path in files:
        path.unlink(missing_ok=True)
    service.start()
    wait_for(lambda: is_loaded(service, 2_000), service.tail)
    assert service.metric("state_up") == 1
    assert service.terminate() == 0
    assert read_ledger(service.state_dir).is_balanced


def damage(path: Path) -> None:
    """Overwrite a file in place."""
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)


def test_service_says_that_the_quota_is_reached_and_goes_on_with_a_larger_one(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    service = IngestService(tmp_path, mosquitto.url, CLIENT_ID="quota", JOURNAL_QUOTA_MB=1)
    service.start()
    noise = [(f"lombok/none/{n}", secrets.token_bytes(20_000)) for n in range(100)]
    try:
        with Publisher(mosquitto.host, mosquitto.port) as publisher:
            publisher.publish([("lombok/senml/" + topic[12:], body) for topic, body in noise])
        wait_for(lambda: "quota of 1.0 MB" in str(service.readiness()), service.tail)
        assert service.metric("journal_bytes") <= 1_000_000
        assert service.terminate() == 0
        service.environment["LIVINGLAB_JOURNAL_QUOTA_MB"] = "100"
        service.start()
        journal = JournalReader(service.state_dir / "journal")
        wait_for(
            lambda: (
                {m.payload for b in journal.batches(0) for m in b.messages}
                == {body for _, body in noise}
            ),
            service.log.read_text,
        )
    finally:
        service.stop()


def test_service_refuses_a_second_one_on_its_state_directory(
    service: IngestService, tmp_path: Path
) -> None:
    service.start()
    second = run_cli(service, "ingest")
    assert second.returncode == 1
    assert f"another process (number {service.pid}) writes the journal" in second.stderr
    assert "one service per state directory" in second.stderr
    assert "Traceback" not in second.stderr
    assert service.is_ready()


def run_cli(service: IngestService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "livinglab", *arguments],
        env={**os.environ, **service.environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_service_refuses_a_port_that_is_taken(service: IngestService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service.environment["LIVINGLAB_HTTP_PORT"] = str(taken.getsockname()[1])
        refused = run_cli(service, "ingest")
    assert refused.returncode == 1
    assert "cannot listen on 127.0.0.1" in refused.stderr
    assert "set another http_port" in refused.stderr


@pytest.mark.parametrize("by_signal", [True, False])
def test_service_takes_over_a_changed_registry(
    mosquitto: Mosquitto, service: IngestService, by_signal: bool
) -> None:
    service.start()
    lab = service.config / "labs" / "lombok" / "lab.yaml"
    content = lab.read_text()
    route = "  - {topic: lombok/extra/+, decoder: senml_json, device: payload}\n"
    lab.write_text(content.replace("routes:\n", f"routes:\n{route}"))
    if by_signal:
        service.send(signal.SIGHUP)
    wait_for(lambda: service.metric("registry_reloads_total") == 1, service.tail)
    wait_for(service.is_ready, service.tail)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([("lombok/extra/utr-aq-01", senml(1)[1])])
    wait_for(lambda: is_loaded(service, 1), service.tail)


def test_service_refuses_a_broken_registry_and_keeps_the_old_one(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    service.start()
    devices = service.config / "labs" / "lombok" / "devices.csv"
    content = devices.read_text()
    devices.write_text(content.replace("toucan-senml", "no-such-model"))
    wait_for(lambda: service.metric("registry_refused_total") == 1, service.tail)
    assert "unknown model" in str(service.readiness()["notes"])
    (told,) = [one for one in service.events() if one["event"] == "registry_refused"]
    assert "devices.csv, row 2" in told["problems"][0]
    publish(mosquitto, 0, 10)
    wait_for(lambda: is_loaded(service, 10), service.tail)
    devices.write_text(content + "\n")
    wait_for(lambda: not service.readiness()["notes"], service.tail)


def test_service_takes_back_subscriptions_of_routes_that_are_gone(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    service.start()
    service.terminate()
    lab = service.config / "labs" / "lombok" / "lab.yaml"
    lab.write_text(lab.read_text().replace("lombok/senml/+", "lombok/moved/+"))
    service.start()
    publish(mosquitto, 0, 5)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([("lombok/moved/utr-aq-01", senml(9)[1])])
    wait_for(lambda: is_loaded(service, 1), service.tail)
    assert journaled(service) == [9]


def test_journal_and_trace_show_where_messages_ended(
    mosquitto: Mosquitto, service: IngestService
) -> None:
    service.start()
    publish(mosquitto, 0, 1)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([("lombok/senml/utr-aq-01", b"[bold]online")])
    wait_for(lambda: service.metric("messages_total") == 2, service.tail)
    days = run_cli(service, "journal", "show").stdout
    assert "1..2" in days or "1..1" in days
    assert "of 4096 MB used" in days
    now = to_text(time.time_ns() // SECOND_NS * SECOND_NS)
    shown = run_cli(service, "trace", "--topic", "lombok/senml/+", "--at", now).stdout
    assert "stored" in shown
    assert "dead" in shown
    assert "syntax" in shown
    assert "[bold]online" in shown
    assert "urn:dev:utr-aq-01:" in run_cli(service, "journal", "show", "--seq", "1").stdout
    payload = run_cli(service, "journal", "show", "--seq", "1", "--index", "0").stdout
    assert payload.encode() == senml(0)[1]
    none = run_cli(service, "trace", "--seq", "99")
    assert none.returncode == 1
    assert "the journal holds no batch 99" in none.stderr
    assert "Traceback" not in none.stderr
    assert run_cli(service, "trace").returncode == 2
    unreadable = run_cli(service, "trace", "--topic", "a", "--at", "yesterday")
    assert unreadable.returncode == 2
    assert "is no time" in unreadable.stderr


def test_service_exits_in_time_while_its_store_hangs(
    mosquitto: Mosquitto, influx_server: InfluxServer, influx_store: Store, tmp_path: Path
) -> None:
    service = IngestService(
        tmp_path,
        mosquitto.url,
        CLIENT_ID="hanging",
        STORE=influx_store.url,
        STORE_TOKEN=influx_server.token,
    )
    service.start()
    try:
        influx_server.pause()
        publish(mosquitto, 0, 2_000)
        wait_for(lambda: set(journaled(service)) == set(range(2_000)), service.tail)
        begin = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - begin < 10
    finally:
        influx_server.resume()
        service.stop()
    service.start()
    wait_for(lambda: is_loaded(service, 2_000), service.tail)
    service.terminate()
    assert read_ledger(service.state_dir).is_balanced


def test_service_keeps_recording_while_its_store_is_away(
    mosquitto: Mosquitto, influx_server: InfluxServer, influx_store: Store, tmp_path: Path
) -> None:
    service = IngestService(
        tmp_path,
        mosquitto.url,
        CLIENT_ID="away",
        STORE=influx_store.url,
        STORE_TOKEN=influx_server.token,
    )
    service.start()
    try:
        publish(mosquitto, 0, 1_000)
        wait_for(lambda: is_loaded(service, 1_000), service.tail)
        influx_server.stop()
        stream = Stream(mosquitto, 5_000)
        wait_for(lambda: not service.is_ready(), service.tail)
        wait_for(lambda: len(set(journaled(service))) == 5_000, service.tail)
        stream.finish()
        assert service.metric("store_up") == 0
        assert service.metric("lag_messages") > 0
        assert "nothing is loaded" in service.readiness()["why_not"][0]
        time.sleep(30)
        assert service.metric("acknowledged_messages_total") == 6_000
    finally:
        influx_server.start()
    wait_for(lambda: is_loaded(service, 5_000), service.tail)
    wait_for(service.is_ready, service.tail)
    assert service.terminate() == 0
    ledger = read_ledger(service.state_dir)
    assert ledger.is_balanced
    assert (ledger.messages_total, ledger.readings["stored"]) == (6_000, 5_000)
    told = [one["event"] for one in service.events()]
    assert told.count("store unavailable") == told.count("store available again") == 1
