"""Broker, service and InfluxDB as real processes, killed and taken away: the ledgers stay exact.

What must come out is computed from the journal by brute force (`loader_kit.Reference`), and that
the journal holds everything that was published is asserted too.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loader_kit import START_S, Reference, demo_registry, factors, senml, stored_values, uplink
from services.influx_server import InfluxServer
from services.ingest_service import IngestService, wait_for
from services.mosquitto import Mosquitto
from services.publisher import Publisher

from ingest.journal import JournalReader
from ingest.ledger import Ledger, read_ledger
from livinglab.model import Message
from livinglab.store import open_store
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS

DEVICE = "utr-aq-01"
MESSAGES = 6_000


class Influx:
    """A store on the real server; its address and the token of the role, for the service."""

    def __init__(self, server: InfluxServer) -> None:
        self.server = server
        self.url = f"{server.store_url}&prefix=e{uuid.uuid4().hex[:10]}-"
        self.store: Any = open_store(self.url, token=server.token)
        self.store.prepare()
        self.token = self.store.create_tokens(["ingest"])["ingest"]


@pytest.fixture
def influx(influx_server: InfluxServer) -> Iterator[Influx]:
    """Empty buckets, removed afterwards."""
    influx = Influx(influx_server)
    yield influx
    influx.store.remove_buckets()
    influx.store.close()


@pytest.fixture
def service(
    mosquitto: Mosquitto, influx: Influx, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[IngestService]:
    """The service on real broker and store, not started yet."""
    service = IngestService(
        tmp_path,
        mosquitto.url,
        CLIENT_ID=request.node.name,
        STORE=influx.url,
        STORE_TOKEN=influx.token,
    )
    for path in service.config.glob("labs/*/devices.csv"):  # the demo's dates may move
        lines = [line.split(",") for line in path.read_text().splitlines()]
        moved = [[*cells[:9], "2025-06-01", "", *cells[11:]] for cells in lines[1:]]
        path.write_text("\n".join(",".join(cells) for cells in [lines[0], *moved]) + "\n")
    yield service
    service.stop()


def script(seed: int) -> list[Message]:
    """Messages of every fate, in an order that makes values late, repeated and corrected."""
    chance = random.Random(seed)
    messages = []
    for number in range(MESSAGES):
        fate = chance.random()
        time_s = START_S + 60 * (number - chance.choice([0, 0, 0, 0, 1, 40, 4_000]))
        if fate < 0.01:
            messages.append(Message("lombok/senml/x", b"online %d" % number, 0))
        elif fate < 0.02:
            messages.append(senml("new-01", time_s, {"no2": 1.0}))
        elif fate < 0.03:
            messages.append(uplink("utr-gw-01", "2026-01-01T00:00:00Z", number // 200, 1.0))
        elif fate < 0.05 and messages:
            messages.append(chance.choice(messages[-50:]))  # published a second time
        else:
            values = {name: chance.choice([1.0, 2.0, 3.0]) for name in ("no2", "pm2_5")}
            messages.append(senml(DEVICE, time_s, values))
    return messages


class Stream(threading.Thread):
    """Publishes messages beside the test; begins again where the broker did not acknowledge."""

    def __init__(self, broker: Mosquitto, messages: list[Message]) -> None:
        super().__init__(daemon=True)
        self._broker = broker
        self._messages = messages
        self.sent = 0
        self.start()

    def run(self) -> None:
        while self.sent < len(self._messages):
            part = self._messages[self.sent : self.sent + 60]
            try:
                with Publisher(self._broker.host, self._broker.port, "stream") as publisher:
                    publisher.publish([(one.topic, one.payload) for one in part])
            except (OSError, AssertionError):
                time.sleep(0.2)
                continue
            self.sent += len(part)
            time.sleep(0.05)

    def finish(self) -> None:
        self.join(180)
        assert self.sent >= len(self._messages)


def journaled(service: IngestService) -> list[Message]:
    journal = JournalReader(service.state_dir / "journal")
    return [message for batch in journal.batches(0) for message in batch.messages]


def referred(messages: list[Message]) -> Reference:
    """Where each message of the journal must end."""
    registry = demo_registry()
    reference = Reference({**factors(registry, "toucan-senml"), "water_level": 1.0})
    last: dict[int, tuple[str, bytes]] = {}
    counters: set[int] = set()
    for message in messages:
        same = (message.topic, message.payload)
        repeat = message.dup and last.get(message.packet_id) == same
        last[message.packet_id] = same
        if repeat:
            reference.messages["duplicate"] += 1
        elif message.payload.startswith(b"online"):
            reference.messages["dead"] += 1
        elif "new-01" in message.topic:
            reference.messages["quarantined"] += 1
        else:
            body = json.loads(message.payload)
            if isinstance(body, list):
                values = {record["n"]: record["v"] for record in body}
                reference.take(DEVICE, body[0]["bt"], values)
                continue
            counter = body["uplink_message"].get("f_cnt", 0)
            repeat = counter in counters
            counters.add(counter)
            reference.take("utr-gw-01", START_S, {"water_level": 1.0}, repeat=repeat)
    return reference


def require_exact(service: IngestService, store: Store) -> Ledger:
    """Ledgers, values and touched hours are those that the journal's messages must give."""
    reference = referred(journaled(service))
    ledger = read_ledger(service.state_dir)
    assert ledger.is_balanced
    assert {end: count for end, count in ledger.messages.items() if count} == reference.messages
    assert {end: count for end, count in ledger.readings.items() if count} == reference.readings
    assert dict(stored_values(store)) == reference.values
    arrivals = store.points("ops", "arrival", 0, 1 << 62)
    assert {(one.series.tags[0], one.time_ns) for one in arrivals} == reference.hours
    return ledger


def run_through(
    service: IngestService, mosquitto: Mosquitto, seed: int, trouble: Callable[[Stream], None]
) -> None:
    """Publish a script while `trouble` happens; return when all of it is loaded."""
    messages = script(seed)
    service.start()
    stream = Stream(mosquitto, messages)
    trouble(stream)
    stream.finish()
    published = {(one.topic, one.payload) for one in messages}
    wait_for(
        lambda: {(one.topic, one.payload) for one in journaled(service)} == published,
        service.tail,
    )
    wait_for(
        lambda: (
            service.metric("lag_messages") == 0
            and read_ledger(service.state_dir).messages_total == len(journaled(service))
        ),
        service.tail,
    )
    assert service.terminate() == 0


def test_ledgers_are_exact_after_the_service_was_killed_at_random(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    chance = random.Random(7)

    def kill(stream: Stream) -> None:
        while stream.sent < MESSAGES * 0.8:
            time.sleep(chance.uniform(0.05, 1.2))
            service.kill()
            service.start(until="listening")

    run_through(service, mosquitto, 7, kill)
    ledger = require_exact(service, influx.store)
    assert ledger.messages["stored"] > 0.9 * MESSAGES


def test_ledgers_are_exact_after_the_store_was_away_for_half_a_minute(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    def take_away(stream: Stream) -> None:
        wait_for(lambda: stream.sent > MESSAGES // 3, service.tail)
        influx.server.stop()
        wait_for(lambda: not service.is_ready(), service.tail)
        time.sleep(30)
        influx.server.start()
        wait_for(service.is_ready, service.tail)

    run_through(service, mosquitto, 8, take_away)
    require_exact(service, influx.store)
    told = [one["event"] for one in service.events() if one.get("part") == "loader"]
    assert told.count("store unavailable") == 1
    assert told.count("store available again") == 1


def test_ledgers_are_exact_after_the_store_hung_and_the_service_was_killed_meanwhile(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    def hang(stream: Stream) -> None:
        for _ in range(3):
            time.sleep(0.7)
            influx.server.pause()
            time.sleep(0.5)
            service.kill()
            influx.server.resume()
            service.start(until="listening")

    run_through(service, mosquitto, 9, hang)
    require_exact(service, influx.store)


def test_ledgers_are_exact_after_the_broker_was_restarted(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    def restart(stream: Stream) -> None:
        for _ in range(2):
            time.sleep(0.8)
            mosquitto.stop()
            time.sleep(0.5)
            mosquitto.start()

    run_through(service, mosquitto, 10, restart)
    require_exact(service, influx.store)


def test_service_makes_a_dead_letter_of_the_one_point_that_the_store_refuses(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    spoil_field_type(influx, "o3")
    service.start()
    times = range(START_S, START_S + 3_600, 60)
    messages = [senml(DEVICE, time_s, {"no2": 1.0}) for time_s in times]
    messages += [senml("utr-bike-01", time_s, {"count_bike": 2}) for time_s in times]
    messages.insert(30, senml(DEVICE, START_S + 7_200, {"o3": 5.0}))
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([(one.topic, one.payload) for one in messages])
    wait_for(lambda: service.metric("messages_total") == len(messages), service.tail)
    assert service.terminate() == 0
    ledger = read_ledger(service.state_dir)
    assert ledger.is_balanced
    assert ledger.messages["dead"] == 1
    assert ledger.readings["rejected: refused"] == 1
    assert ledger.readings["stored"] == 120
    assert len(list(influx.store.points("raw", "mobility", 0, 1 << 62))) == 60


def spoil_field_type(influx: Influx, field: str) -> None:
    """Make the server know a field of `raw` as text, as another program might have."""
    import urllib3

    prefix = influx.url.rpartition("prefix=")[2]
    line = f'air,device=other,channel=0 {field}="text" {START_S * SECOND_NS}'
    answer = urllib3.request(
        "POST",
        f"{influx.server.url}/api/v2/write?org={influx.server.org}&bucket={prefix}raw",
        body=line.encode(),
        headers={"Authorization": f"Token {influx.server.token}"},
    )
    assert answer.status == 204, answer.data


def test_service_stops_loudly_on_a_wrong_token_and_goes_on_with_the_right_one(
    mosquitto: Mosquitto, influx: Influx, service: IngestService
) -> None:
    service.environment["LIVINGLAB_STORE_TOKEN"] = "wrong"
    service.start(until="listening")
    wait_for(lambda: "nothing is loaded" in service.readiness()["why_not"][0], service.tail)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([(one.topic, one.payload) for one in script(3)[:50]])
    wait_for(lambda: service.metric("recorded_messages_total") == 50, service.tail)
    assert not service.is_ready()
    assert service.terminate() == 0
    assert "wrong" not in service.log.read_text()
    service.environment["LIVINGLAB_STORE_TOKEN"] = influx.token
    service.start()
    wait_for(lambda: service.metric("messages_total") == 50, service.tail)
    assert service.terminate() == 0
    require_exact(service, influx.store)
