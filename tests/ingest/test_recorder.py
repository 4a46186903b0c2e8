"""The recorder on a real broker and a real journal: what is acknowledged is on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from services.mosquitto import SETTINGS, Mosquitto, provide_mosquitto
from services.publisher import Publisher

from ingest.client import Broker
from ingest.journal import Journal
from ingest.recorder import Recorder
from ingest.subscriber import Subscriber
from livinglab.model import Message

WAIT_S = 30


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture(params=["frames", "plain"])
def subscriber(mosquitto: Mosquitto, request: pytest.FixtureRequest) -> Subscriber:
    return subscriber_of(mosquitto, request.node.name, plain=request.param == "plain")


def subscriber_of(broker: Mosquitto, name: str, *, plain: bool = False) -> Subscriber:
    settings = Broker(host=broker.host, port=broker.port, client_id=name, plain=plain)
    return Subscriber(settings, ["test-recorder/#"])


@contextmanager
def running(recorder: Recorder, subscriber: Subscriber) -> Iterator[None]:
    """The recorder in a thread, connected when the block begins and stopped when it ends."""
    stop = threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: not subscriber.problem)
        yield
    finally:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def publish(broker: Mosquitto, first: int, count: int) -> None:
    with Publisher(broker.host, broker.port) as publisher:
        numbers = range(first, first + count)
        publisher.publish([(f"test-recorder/{n % 9}", b"%d" % n) for n in numbers])


def recorded(journal: Journal) -> list[Message]:
    return [message for batch in journal.batches(0) for message in batch.messages]


def numbers(journal: Journal) -> list[int]:
    return [int(message.payload) for message in recorded(journal)]


def test_recorder_journals_in_order_and_acknowledges(
    mosquitto: Mosquitto, subscriber: Subscriber, journal: Journal
) -> None:
    recorder = Recorder(subscriber, journal)
    with running(recorder, subscriber):
        publish(mosquitto, 0, 5_000)
        wait_until(lambda: recorder.counts.messages == 5_000)
    assert numbers(journal) == list(range(5_000))
    assert recorder.counts.acknowledged == 5_000
    assert recorder.counts.batches < 200
    assert recorder.counts.redelivered == 0
    again = Recorder(subscriber, journal)
    with running(again, subscriber):
        time.sleep(0.3)
    assert again.counts.messages == 0  # all of it was acknowledged


def test_recorder_journals_what_no_route_and_no_decoder_could_take(
    mosquitto: Mosquitto, subscriber: Subscriber, journal: Journal
) -> None:
    recorder = Recorder(subscriber, journal)
    odd = [b"", b"\x00\xff\xfe", b"{" * 10_000, b"x" * 300_000, "ä€😀".encode()]
    with running(recorder, subscriber):
        with Publisher(mosquitto.host, mosquitto.port) as publisher:
            publisher.publish([(f"test-recorder/{'ü' * n}/", one) for n, one in enumerate(odd)])
            publisher.publish_qos0("test-recorder/qos0", b"0")
        wait_until(lambda: recorder.counts.messages == len(odd) + 1)
    assert [message.payload for message in recorded(journal)] == [*odd, b"0"]
    assert recorder.counts.acknowledged == len(odd)


def test_recorder_waits_for_room_and_loses_nothing(
    mosquitto: Mosquitto, subscriber: Subscriber, journal: Journal
) -> None:
    recorder = Recorder(subscriber, journal)
    with running(recorder, subscriber):
        publish(mosquitto, 0, 100)
        wait_until(lambda: recorder.counts.messages == 100)
        journal.quota_bytes = journal.used_bytes
        publish(mosquitto, 100, 500)
        wait_until(lambda: "nothing is acknowledged, the broker holds" in recorder.problem)
        assert not subscriber.connected
        publish(mosquitto, 600, 500)
        assert recorder.counts.acknowledged == recorder.counts.messages == journal_count(journal)
        journal.quota_bytes = 0
        wait_until(lambda: set(numbers(journal)) == set(range(1_100)))
        assert recorder.problem == ""
    assert recorder.counts.failures == 1


def journal_count(journal: Journal) -> int:
    return len(recorded(journal))


def test_recorder_stops_while_the_journal_is_full(
    mosquitto: Mosquitto, subscriber: Subscriber, journal: Journal
) -> None:
    journal.quota_bytes = 1
    recorder = Recorder(subscriber, journal)
    with running(recorder, subscriber):
        publish(mosquitto, 0, 10)
        wait_until(lambda: bool(recorder.problem))
    assert recorder.counts.unrecorded == 0
    journal.quota_bytes = 0
    again = Recorder(subscriber, journal)
    with running(again, subscriber):
        wait_until(lambda: again.counts.messages == 10)
    assert numbers(journal) == list(range(10))
    assert again.counts.redelivered == 10


def test_recorder_goes_on_after_a_failure_that_nobody_foresaw(
    mosquitto: Mosquitto,
    subscriber: Subscriber,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = journal.append
    failures = iter([MemoryError("no memory")])

    def fail_once(messages: list[Message]) -> int:
        for failure in failures:
            raise failure
        return append(messages)

    monkeypatch.setattr(journal, "append", fail_once)
    recorder = Recorder(subscriber, journal)
    with running(recorder, subscriber):
        publish(mosquitto, 0, 10)
        wait_until(lambda: recorder.counts.messages == 10)
        assert recorder.problem == ""
    assert numbers(journal) == list(range(10))


@pytest.mark.parametrize("kind", ["frames", "plain"])
def test_recorder_is_not_slowed_by_a_narrow_window(
    tmp_path: Path, journal: Journal, kind: str
) -> None:
    """Mosquitto's default window of 20 with batches of 50 ms would be 400 messages a second."""
    settings = SETTINGS.replace("max_inflight_messages 10000", "max_inflight_messages 20")
    (tmp_path / "broker").mkdir()
    broker = provide_mosquitto(tmp_path / "broker", print, settings)
    assert isinstance(broker, Mosquitto)
    subscriber = subscriber_of(broker, "narrow", plain=kind == "plain")
    recorder = Recorder(subscriber, journal)
    try:
        with running(recorder, subscriber):
            publish(broker, 0, 4_000)
            wait_until(lambda: recorder.counts.messages == 4_000)
    finally:
        broker.stop()
    assert numbers(journal) == list(range(4_000))
