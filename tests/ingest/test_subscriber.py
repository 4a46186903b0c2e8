"""The connection to a real broker, both kinds of client."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from services.mosquitto import Mosquitto, provide_mosquitto
from services.publisher import Publisher

from ingest.client import Broker
from ingest.subscriber import Subscriber, covers, outermost
from livinglab.model import Message

Subscribe = Callable[..., Subscriber]


@pytest.fixture(params=["frames", "plain"])
def plain(request: pytest.FixtureRequest) -> bool:
    """Each kind of client in turn."""
    return request.param == "plain"


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic of the test's own."""
    return f"test/{request.node.name.translate({ord('['): '-', ord(']'): None})}"


@pytest.fixture
def subscribe(mosquitto: Mosquitto, plain: bool, topic: str) -> Iterator[Subscribe]:
    """Opens subscribers to the test's topic; their sessions are forgotten at the end."""
    opened: list[Subscriber] = []

    def _open(*filters: str, wait: bool = True, **changes: object) -> Subscriber:
        options = {"host": mosquitto.host, "port": mosquitto.port, "client_id": topic}
        own = {
            key: changes.pop(key)
            for key in list(changes)
            if key in ("stale", "last_ns", "keep_bytes")
        }
        broker = Broker(**{**options, "plain": plain, **changes})
        subscriber = Subscriber(broker, filters or [f"{topic}/#"], **own)
        opened.append(subscriber)
        if wait:
            until(lambda: not subscriber.problem, subscriber)
        return subscriber

    yield _open
    for one in opened:
        one.close()


def until(
    condition: Callable[[], bool], subscriber: Subscriber, timeout_s: float = 20
) -> list[Message]:
    """Poll until the condition holds; the messages that arrived meanwhile."""
    messages: list[Message] = []
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, subscriber.problem
        messages += subscriber.poll(0.02)
    return messages


def receive(subscriber: Subscriber, count: int, timeout_s: float = 20) -> list[Message]:
    messages: list[Message] = []
    end = time.monotonic() + timeout_s
    while len(messages) < count:
        assert time.monotonic() < end, (len(messages), subscriber.problem)
        messages += subscriber.poll(0.05)
    return messages


def publish(broker: Mosquitto, topic: str, first: int, count: int, *, retain: bool = False) -> None:
    with Publisher(broker.host, broker.port, f"publisher-{topic}") as publisher:
        numbers = range(first, first + count)
        publisher.publish([(topic, b"%d" % number) for number in numbers], retain=retain)


def payloads(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


def test_poll_returns_messages_in_order_with_all_fields(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe()
    publish(mosquitto, f"{topic}/a", 0, 3_000)
    messages = receive(subscriber, 3_000)
    assert payloads(messages) == list(range(3_000))
    assert {(m.topic, m.qos, m.dup, m.retain) for m in messages} == {
        (f"{topic}/a", 1, False, False)
    }
    assert len({m.packet_id for m in messages}) == 3_000
    assert subscriber.last_message_ns == messages[-1].received_ns
    assert subscriber.acknowledge() == 3_000
    assert subscriber.acknowledge() == 0


def test_poll_returns_qos_0_messages(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe()
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish_qos0(f"{topic}/a", b"1")
    (message,) = receive(subscriber, 1)
    assert (message.qos, message.packet_id) == (0, 0)
    assert subscriber.acknowledge() == 0


def test_poll_marks_retained_messages(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    publish(mosquitto, f"{topic}/kept", 7, 1, retain=True)
    (message,) = receive(subscribe(wait=False), 1)
    assert message.retain


def test_poll_cuts_an_oversized_payload_and_counts_it(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe(keep_bytes=1_000)
    with Publisher(mosquitto.host, mosquitto.port) as publisher:
        publisher.publish([(f"{topic}/big", b"7" * 900_000), (f"{topic}/small", b"1")])
    big, small = receive(subscriber, 2)
    assert (big.payload, small.payload) == (b"7" * 1_000, b"1")
    assert subscriber.truncated == 1
    assert subscriber.acknowledge() == 2


def test_unacknowledged_messages_come_again_to_the_next_process(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    first = subscribe()
    publish(mosquitto, f"{topic}/a", 0, 10)
    receive(first, 10)
    first.acknowledge()
    publish(mosquitto, f"{topic}/a", 10, 5)
    lost = receive(first, 5)
    first.close()
    again = receive(subscribe(wait=False), 5)
    assert payloads(again) == payloads(lost) == list(range(10, 15))
    assert [m.packet_id for m in again] == [m.packet_id for m in lost]
    assert all(m.dup for m in again)


def test_acknowledge_leaves_out_messages_of_an_earlier_connection(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe()
    publish(mosquitto, f"{topic}/a", 0, 5)
    receive(subscriber, 5)
    subscriber.close()
    until(lambda: subscriber.connects == 2, subscriber)
    assert subscriber.acknowledge() in (0, 5)  # at most what this connection brought again
    subscriber.close()
    again = until(lambda: subscriber.connects == 3 and not subscriber.problem, subscriber)
    again += subscriber.poll(0.3)
    assert payloads(again) in ([], list(range(5)))


def test_subscriber_gets_what_was_published_while_it_was_away(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscribe().close()
    publish(mosquitto, f"{topic}/a", 0, 500)
    subscriber = subscribe(wait=False)
    assert payloads(receive(subscriber, 500)) == list(range(500))


def test_subscriber_comes_back_after_a_broker_restart(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe()
    publish(mosquitto, f"{topic}/a", 0, 10)
    receive(subscriber, 10)
    subscriber.acknowledge()
    until(lambda: True, subscriber)
    mosquitto.stop()
    until(lambda: "cannot be reached" in subscriber.problem, subscriber)
    assert not subscriber.connected
    mosquitto.start()
    until(lambda: not subscriber.problem, subscriber)
    publish(mosquitto, f"{topic}/a", 10, 10)
    assert payloads(receive(subscriber, 10)) == list(range(10, 20))
    assert subscriber.connects == 2
    assert subscriber.sessions_lost == 0


def test_poll_starts_without_a_broker_and_says_so(subscribe: Subscribe) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        subscriber = subscribe(port=unused.getsockname()[1], wait=False)
        until(lambda: "cannot be reached: [Errno 111]" in subscriber.problem, subscriber)


def test_subscriber_says_when_the_port_is_no_broker(subscribe: Subscribe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def answer() -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(100)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        subscriber = subscribe(port=server.getsockname()[1], wait=False)
        try:
            for _ in range(40):
                assert subscriber.poll(0.02) == []
            assert not subscriber.connected
            assert subscriber.problem
        finally:
            stop.set()
            thread.join()


def test_resubscribe_follows_new_routes(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    subscriber = subscribe(f"{topic}/old/#")
    subscriber.resubscribe([f"{topic}/new/#"])
    subscriber.poll(0.1)
    until(lambda: not subscriber.problem, subscriber)
    time.sleep(0.2)
    publish(mosquitto, f"{topic}/old/a", 1, 1)
    publish(mosquitto, f"{topic}/new/a", 2, 1)
    assert payloads(receive(subscriber, 1)) == [2]
    assert subscriber.subscriptions == {f"{topic}/new/#"}


def test_subscriber_takes_back_stale_subscriptions(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    earlier = subscribe(f"{topic}/old/#")
    stale = earlier.subscriptions
    earlier.close()
    later = subscribe(f"{topic}/new/#", stale=stale)
    publish(mosquitto, f"{topic}/old/a", 1, 1)
    publish(mosquitto, f"{topic}/new/a", 2, 1)
    assert payloads(receive(later, 1)) == [2]


def test_share_group_divides_messages_among_its_members(
    mosquitto: Mosquitto, subscribe: Subscribe, topic: str
) -> None:
    members = [subscribe(share_group="g", client_id=f"{topic}-{number}") for number in range(2)]
    publish(mosquitto, f"{topic}/a", 0, 100)
    parts: list[list[int]] = [[], []]
    end = time.monotonic() + 20
    while sum(map(len, parts)) < 100:
        assert time.monotonic() < end
        for part, member in zip(parts, members, strict=True):
            part.extend(payloads(member.poll(0.02)))
            member.acknowledge()
    assert sorted(parts[0] + parts[1]) == list(range(100))
    assert all(parts)


def test_subscriber_names_a_twin_with_its_client_id(subscribe: Subscribe) -> None:
    one, other = subscribe(), subscribe(wait=False)
    end = time.monotonic() + 20
    while "is another client called" not in one.problem + other.problem:
        assert time.monotonic() < end, (one.problem, other.problem)
        one.poll(0.01)
        other.poll(0.01)


SECURED = """\
password_file {folder}/passwords
acl_file {folder}/acl
allow_anonymous false
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker with TLS, passwords and an access list."""
    folder = tmp_path_factory.mktemp("secured")
    make_certificates(folder)
    (folder / "passwords").touch()
    subprocess.run(
        ["mosquitto_passwd", "-b", "passwords", "lab", "right"], cwd=folder, check=True, env=PATHS
    )
    (folder / "acl").write_text("user lab\ntopic readwrite test/#\n")
    broker = provide_mosquitto(folder, print, SECURED.format(folder=folder))
    assert isinstance(broker, Mosquitto)
    yield broker
    broker.stop()


PATHS = {"PATH": "/usr/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin"}


def make_certificates(folder: Path) -> None:
    """A CA and a server certificate for 127.0.0.1 by the openssl program."""
    commands = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
        "x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -extfile names -out server.pem",
    ]
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def secured_options(broker: Mosquitto, **changes: object) -> dict[str, object]:
    options = {"host": broker.host, "port": broker.port, "tls": True, "username": "lab"}
    return {**options, "ca_file": broker.folder / "ca.pem", "password": "right", **changes}


def test_subscriber_speaks_tls_with_a_password(secured: Mosquitto, subscribe: Subscribe) -> None:
    subscriber = subscribe("test/#", **secured_options(secured))
    sender = subscribe("test/none", **secured_options(secured, client_id="sender"))
    sender._client.publish("test/tls", b"x" * 100_000, qos=1)
    sender._client.publish("test/tls", b"2", qos=1)
    sender.poll(0.1)
    received = receive(subscriber, 2)
    assert [len(m.payload) for m in received] == [100_000, 1]
    assert subscriber.acknowledge() == 2


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_subscriber_says_that_the_certificate_is_not_trusted(
    secured: Mosquitto, subscribe: Subscribe
) -> None:
    subscriber = subscribe("test/#", wait=False, **secured_options(secured, ca_file=None))
    until(lambda: "certificate verify failed" in subscriber.problem, subscriber)


def test_subscriber_says_that_the_password_is_wrong(
    secured: Mosquitto, subscribe: Subscribe
) -> None:
    options = secured_options(secured, password="wrong")
    subscriber = subscribe("test/#", wait=False, **options)
    until(lambda: "refuses the connection: Not authorized" in subscriber.problem, subscriber)
    assert "wrong" not in subscriber.problem


def test_outermost_drops_filters_that_another_covers() -> None:
    assert outermost(["a/#", "a/b", "a/+/c", "b/+", "b/c", "b/+"]) == {"a/#", "b/+"}


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("#", "a/b", True),
        ("a/#", "a", True),
        ("a/#", "a/#", True),
        ("a/+", "a/#", False),
        ("a/+/c", "a/b/c", True),
        ("a/b/c", "a/+/c", False),
        ("a/+", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("+/+", "a/+", True),
    ],
)
def test_covers_compares_what_two_filters_match(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected
