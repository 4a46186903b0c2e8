"""config/mosquitto on a real Mosquitto: a lab's user reaches its own topics and nothing else."""

from __future__ import annotations

import queue
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import yaml
from services.certificates import self_signed
from services.mosquitto import INSTRUCTION, Mosquitto, provide_mosquitto
from services.process import free_port

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "mosquitto"
ROUTES = {
    path.parent.name: [route["topic"] for route in yaml.safe_load(path.read_text())["routes"]]
    for path in sorted((ROOT / "config" / "labs").glob("*/lab.yaml"))
}
LABS = sorted(ROUTES)


def shipped_settings(folder: Path) -> str:
    """The shipped settings with the container's paths replaced by the test's."""
    ours = ("listener 1883", "persistence_location ")  # the harness chooses port and folder
    lines = (SHIPPED / "mosquitto.conf").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith(ours)) + "\n"
    for path in ("acl", "conf.d"):
        text = text.replace(f"/mosquitto/config/{path}", str(folder / path))
    return text.replace("/mosquitto/data/passwords", str(folder / "passwords"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, say) -> Iterator[Mosquitto]:
    """The shipped broker: users and passwords by its own script, access by its own list."""
    folder = tmp_path_factory.mktemp("broker")
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    (folder / "secrets").mkdir()
    for user in ("ingest", *LABS):
        (folder / "secrets" / f"mqtt_{user}_password").write_text(f"password of {user}\n")
    certificate = self_signed(folder, "server")
    tls = (folder / "conf.d" / "tls.conf.example").read_text()
    tls = tls.replace("listener 8883", f"listener {free_port()} 127.0.0.1")
    for name in ("server.crt", "server.key"):
        tls = tls.replace(f"/mosquitto/certificates/{name}", str(certificate))
    (folder / "conf.d" / "tls.conf").write_text(tls)
    assert shutil.which("mosquitto_passwd"), INSTRUCTION
    script = [
        "sh",
        str(folder / "passwords.sh"),
        str(folder / "secrets"),
        str(folder / "passwords"),
    ]
    subprocess.run(script, check=True)
    server = provide_mosquitto(folder, say, shipped_settings(folder))
    assert isinstance(server, Mosquitto)
    yield server
    server.stop()


class Client:
    """A paho client of one user that can be asked what arrived."""

    def __init__(self, port: int, user: str | None, password: str = "", ca: Path | None = None):
        self.arrived: queue.Queue[str] = queue.Queue()
        self.connected: queue.Queue[str] = queue.Queue()
        self._mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if user is not None:
            self._mqtt.username_pw_set(user, password or f"password of {user}")
        if ca is not None:
            self._mqtt.tls_set(str(ca), cert_reqs=ssl.CERT_REQUIRED)
        self._mqtt.on_connect = lambda *given: self.connected.put(str(given[3]))
        self._mqtt.on_message = lambda *given: self.arrived.put(given[2].topic)
        self._mqtt.connect("127.0.0.1", port)
        self._mqtt.loop_start()
        self.answer = self.connected.get(timeout=10)

    def subscribe(self, topic: str) -> None:
        done: queue.Queue[bool] = queue.Queue()
        self._mqtt.on_subscribe = lambda *_: done.put(True)
        self._mqtt.subscribe(topic, qos=1)
        done.get(timeout=10)

    def publish(self, topic: str) -> None:
        self._mqtt.publish(topic, b"{}", qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture
def connect(broker: Mosquitto) -> Iterator[Callable[..., Client]]:
    opened: list[Client] = []

    def make(user: str | None, password: str = "", port: int = 0, ca: Path | None = None) -> Client:
        opened.append(Client(port or broker.port, user, password, ca))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


def topic_of(route: str) -> str:
    """A topic that a route's filter takes."""
    return route.replace("+", "x").replace("#", "y")


@pytest.mark.parametrize("lab", LABS)
def test_user_of_a_lab_reaches_its_own_routes_and_no_others(connect, lab: str) -> None:
    ingest, user = connect("ingest"), connect(lab)
    ingest.subscribe("#")
    own = [topic_of(route) for route in ROUTES[lab]]
    foreign = [topic_of(route) for other in LABS if other != lab for route in ROUTES[other]]
    for topic in [*foreign, *own, "elsewhere", f"{lab}/end"]:
        user.publish(topic)
    arrived = []
    while not arrived or arrived[-1] != f"{lab}/end":
        arrived.append(ingest.arrived.get(timeout=10))
    assert arrived == [*own, f"{lab}/end"]


def test_user_of_a_lab_reads_nothing(connect) -> None:
    reader, writer, ingest = connect(LABS[0]), connect(LABS[1]), connect("ingest")
    reader.subscribe("#")
    ingest.subscribe("#")
    writer.publish(f"{LABS[1]}/json/x")
    assert ingest.arrived.get(timeout=10) == f"{LABS[1]}/json/x"
    assert reader.arrived.empty()


def test_ingest_user_writes_nothing_and_may_share_its_subscription(connect) -> None:
    ingest, lab = connect("ingest"), connect(LABS[0])
    ingest.subscribe("$share/group/#")
    ingest.publish(f"{LABS[0]}/json/forged")
    lab.publish(f"{LABS[0]}/json/real")
    assert ingest.arrived.get(timeout=10) == f"{LABS[0]}/json/real"


@pytest.mark.parametrize(("user", "password"), [(None, ""), ("lombok", "guess"), ("nobody", "x")])
def test_stranger_is_refused(connect, user, password) -> None:
    assert connect(user, password).answer == "Not authorized"


def test_passwords_are_hashed_and_closed_to_others(broker: Mosquitto) -> None:
    file = broker.folder / "passwords"
    assert "password of" not in file.read_text()
    assert {line.partition(":")[0] for line in file.read_text().splitlines()} == {"ingest", *LABS}
    assert file.stat().st_mode & 0o077 == 0


def test_tls_listener_of_the_example_works(broker: Mosquitto, connect) -> None:
    text = (broker.folder / "conf.d" / "tls.conf").read_text()
    port = int(text.partition("\nlistener ")[2].split()[0])
    client = connect("ingest", port=port, ca=broker.folder / "server.pem")
    assert client.answer == "Success"
    trusting = ssl.create_default_context(cafile=str(self_signed(broker.folder, "other")))
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
        trusting.wrap_socket(plain, server_hostname="127.0.0.1")


def test_settings_lose_no_message_of_a_slow_service() -> None:
    lines = (SHIPPED / "mosquitto.conf").read_text().splitlines()
    settings = dict(line.split(" ", 1) for line in lines if line and line[0] != "#")
    assert settings["allow_anonymous"] == "false"
    assert settings["persistence"] == "true"
    assert int(settings["max_queued_messages"]) >= 1_000_000
    assert int(settings["max_inflight_messages"]) >= 1000
    assert settings["set_tcp_nodelay"] == "true"
