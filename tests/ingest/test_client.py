"""What the client needs of paho: these tests fail loudly when paho's inside changes."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from paho.mqtt import client as paho

from ingest.client import Broker, FrameClient, PlainClient, broker_of, build_client
from ingest.frames import Inbox
from livinglab.config.settings import Settings
from livinglab.errors import ConfigError

BROKER = Broker(host="127.0.0.1", port=1883, client_id="test")


def test_paho_still_reads_packets_through_sock_recv() -> None:
    source = inspect.getsource(paho.Client._packet_read)
    assert source.count("self._sock_recv(") == 3, "FrameClient feeds paho through _sock_recv"
    assert "except BlockingIOError" in source
    assert list(inspect.signature(paho.Client._sock_recv).parameters) == ["self", "bufsize"]
    assert "self._packet_read()" in inspect.getsource(paho.Client.loop_read)


def test_paho_still_queues_a_packet_of_bytes() -> None:
    parameters = list(inspect.signature(paho.Client._packet_queue).parameters)
    assert parameters[:5] == ["self", "command", "packet", "mid", "qos"]
    source = inspect.getsource(paho.Client._packet_write)
    assert "packet['packet'][packet['pos']:]" in source, "PUBACKs go out as one queued packet"


def test_frame_client_hides_no_other_name_of_paho() -> None:
    own = {name for name in vars(FrameClient) if not name.startswith("__")}
    own |= {name for name in vars(PlainClient) if not name.startswith("__")}
    client = build_client(BROKER, Inbox(0, 100))
    own |= set(vars(client)) - set(vars(paho.Client(paho.CallbackAPIVersion.VERSION2)))
    hidden = {name for name in own if hasattr(paho.Client, name)}
    assert hidden == {"reconnect", "loop_read", "_sock_recv"}


def test_frame_client_leaves_other_packets_to_paho() -> None:
    client = build_client(BROKER, Inbox(0, 100))
    assert isinstance(client, FrameClient)
    client._packet = b"\xd0\x00"
    assert client._sock_recv(1) == b"\xd0"
    assert client._sock_recv(1) == b"\x00"
    with pytest.raises(BlockingIOError):
        client._sock_recv(1)


def test_build_client_takes_plain_paho_when_the_setting_says_so() -> None:
    broker = Broker(host="127.0.0.1", port=1883, client_id="test", plain=True)
    client = build_client(broker, Inbox(0, 100))
    assert not isinstance(client, FrameClient)


def test_build_client_names_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    broker = Broker(
        host="127.0.0.1", port=8883, client_id="test", tls=True, ca_file=tmp_path / "missing.pem"
    )
    with pytest.raises(ConfigError, match=r"missing\.pem cannot be used as CA file: No such file"):
        build_client(broker, Inbox(0, 100))


def test_broker_of_reads_the_address() -> None:
    settings = Settings(
        broker="mqtts://mqtt.example:8884?ca=/etc/ca.pem&client=plain",
        broker_username="lab",
        client_id="ingest-1",
        share_group="labs",
        keepalive_s=20,
    )
    assert broker_of(settings, "secret") == Broker(
        host="mqtt.example",
        port=8884,
        client_id="ingest-1",
        tls=True,
        ca_file=Path("/etc/ca.pem"),
        username="lab",
        password="secret",
        keepalive_s=20,
        share_group="labs",
        plain=True,
    )


@pytest.mark.parametrize(("address", "port"), [("mqtt://h", 1883), ("mqtts://h", 8883)])
def test_broker_of_knows_the_usual_ports(address: str, port: int) -> None:
    assert broker_of(Settings(broker=address), None).port == port


@pytest.mark.parametrize("address", ["mqtt://h?cafile=x", "mqtt://h?client=fast"])
def test_broker_of_refuses_an_option_that_is_none(address: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        broker_of(Settings(broker=address), None)
    assert "mqtts://host:8883?ca=" in refusal.value.hint


def test_broker_does_not_show_its_password() -> None:
    broker = Broker(host="h", port=1, client_id="c", username="u", password="hidden")
    assert "hidden" not in repr(broker)
