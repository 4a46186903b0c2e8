"""What the service needs of a broker, on the real one and on the embedded one.

Beyond this contract only Mosquitto goes, and test_subscriber and test_service hold it to that: a
session that outlives the broker's process, messages kept for a client that is away, QoS 0 delivered
as QoS 0, shared subscriptions. amqtt also drops what it acknowledged but did not pass on yet when
the publisher leaves, so publishers stay here until their messages have arrived.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.amqtt_broker import Amqtt
from services.ingest_service import IngestService, wait_for
from services.mosquitto import Mosquitto
from services.publisher import Publisher

from ingest.journal import JournalReader
from ingest.publish import publish_all
from livinglab.model import Message

AnyBroker = Mosquitto | Amqtt
START_S = 1_767_225_600  # 2026-01-01
TOPIC = "lombok/senml/utr-aq-01"


@pytest.fixture
def service(
    broker: AnyBroker, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[IngestService]:
    """A running service with a session of its own."""
    service = IngestService(tmp_path, broker.url, CLIENT_ID=request.node.name)
    service.start()
    yield service
    service.stop()


def senml(number: int) -> tuple[str, bytes]:
    record = {"bn": "urn:dev:utr-aq-01:", "bt": START_S + number, "n": "no2", "u": "ppb", "v": 20}
    return TOPIC, json.dumps([record]).encode()


def send(service: IngestService, broker: AnyBroker, messages: list[tuple[str, bytes]]) -> None:
    """Publish and stay until all are acknowledged by the service."""
    goal = service.metric("acknowledged_messages_total") + len(messages)

    def arrived() -> bool:
        return service.metric("acknowledged_messages_total") >= goal

    publish_all(broker.url, messages, before_leaving=lambda: wait_for(arrived, service.tail))


def journaled(service: IngestService) -> list[Message]:
    journal = JournalReader(service.state_dir / "journal")
    return [message for batch in journal.batches(0) for message in batch.messages]


def test_messages_arrive_once_in_order_and_are_acknowledged(
    broker: AnyBroker, service: IngestService
) -> None:
    sent = [senml(number) for number in range(2_000)]
    send(service, broker, sent)
    wait_for(lambda: service.metric("messages_by_end_total", end="stored") == 2_000, service.tail)
    assert [(message.topic, message.payload) for message in journaled(service)] == sent
    assert service.metric("recorded_messages_total") == 2_000


def test_many_at_once_arrive_although_the_window_is_wide(
    broker: AnyBroker, service: IngestService
) -> None:
    with Publisher(broker.host, broker.port) as publisher:
        publisher.publish([senml(number) for number in range(3_000)], window=1_000)
        wait_for(lambda: service.metric("recorded_messages_total") == 3_000, service.tail)


def test_bytes_of_any_kind_arrive_unchanged(broker: AnyBroker, service: IngestService) -> None:
    odd = [b"", b"\x00\xff\xfe", b"{" * 10_000, b"x" * 200_000, "ä€😀".encode()]
    sent = [(f"lombok/senml/{'ü' * number}x", payload) for number, payload in enumerate(odd)]
    send(service, broker, sent)
    assert [(message.topic, message.payload) for message in journaled(service)] == sent


def test_service_is_back_after_the_broker_was_away(
    broker: AnyBroker, service: IngestService
) -> None:
    send(service, broker, [senml(number) for number in range(10)])
    broker.stop()
    wait_for(lambda: not service.is_ready(), service.tail)
    broker.start()
    wait_for(service.is_ready, service.tail)
    send(service, broker, [senml(number) for number in range(10, 20)])
    wait_for(lambda: service.metric("messages_by_end_total", end="stored") == 20, service.tail)
