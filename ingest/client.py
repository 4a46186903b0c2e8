"""The MQTT client: the only file with paho.

`FrameClient` reads PUBLISH frames and sends PUBACKs past paho and leaves all else to it:
connection, TLS, CONNACK, SUBACK, pings, QoS 2. It overrides `_sock_recv` and calls `_packet_queue`,
which are private; a test fails when they change. `PlainClient` does without them and behaves the
same, slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest.frames import FrameError, FrameSplitter, Inbox, puback
from ingest.logs import logger
from livinglab.config.settings import Settings
from livinglab.errors import ConfigError, Problem

_READ_BYTES: Final = 262_144
_CONNECT_TIMEOUT_S: Final = 3.0
_MOST_PLAIN_READS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and who we are.

    `plain` takes paho as it is. `ca_file` None trusts the authorities of the system.
    """

    host: str
    port: int
    client_id: str
    tls: bool = False
    ca_file: Path | None = None
    username: str = ""
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 60
    share_group: str = ""
    plain: bool = False

    def shared(self, topic_filter: str) -> str:
        """The filter as subscribed to: `$share/<group>/<filter>` in a share group."""
        return f"$share/{self.share_group}/{topic_filter}" if self.share_group else topic_filter


def broker_of(settings: Settings, password: str | None) -> Broker:
    """The broker that settings name: `mqtt[s]://host[:port][?ca=/path/ca.pem&client=plain]`.

    Raises
    ------
    ConfigError
        If the address has an option that is none.
    """
    parts = urlsplit(settings.broker)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = parts.scheme == "mqtts"
    ca_file, kind = options.pop("ca", ""), options.pop("client", "frames")
    if options or kind not in ("frames", "plain"):
        raise _address_error(f"cannot read the options of {settings.broker!r}")
    return Broker(
        host=parts.hostname or "",  # the settings insist on one
        port=parts.port or (8883 if tls else 1883),
        client_id=settings.client_id,
        tls=tls,
        ca_file=Path(ca_file) if ca_file else None,
        username=settings.broker_username,
        password=password,
        keepalive_s=settings.keepalive_s,
        share_group=settings.share_group,
        plain=kind == "plain",
    )


def _address_error(expected: str) -> ConfigError:
    return ConfigError(
        [Problem("livinglab.yaml", "", "broker", expected)],
        hint="write mqtt://host:1883 or mqtts://host:8883?ca=/path/ca.pem; client=plain is a third"
        " option: paho without the short way",
    )


class PlainClient(paho.Client):
    """paho as it is, with acknowledgments by hand."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            clean_session=False,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            **options,
        )
        self.inbox = inbox
        self.on_message = self._take

    def read(self) -> None:
        """Read packets until none is waiting."""
        before = -1
        for _ in range(_MOST_PLAIN_READS):
            if len(self.inbox.messages) == before or self.socket() is None:
                return
            before = len(self.inbox.messages)
            self.loop_read()

    def acknowledge(self, packet_ids: list[bytes]) -> None:
        """Send the PUBACKs, in this order."""
        for packet_id in packet_ids:
            self.ack(int.from_bytes(packet_id, "big"), 1)

    def _take(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # a broker lets only UTF-8 pass
            topic = "\N{REPLACEMENT CHARACTER}"
        flags = message.dup << 3 | message.retain
        self.inbox.add(topic, bytes(message.payload), message.mid, message.qos, flags)


class FrameClient(PlainClient):
    """paho, but for PUBLISH frames of QoS 0 and 1 and for PUBACKs."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        super().__init__(inbox, **options)
        self._splitter = FrameSplitter(inbox)
        self._packet = b""  # what paho's own reader gets next
        self._ended = False

    def reconnect(self) -> MQTTErrorCode:
        """Connect, with an empty stream."""
        self._splitter = FrameSplitter(self.inbox)
        self._packet, self._ended = b"", False
        return super().reconnect()

    def read(self) -> None:
        """Read once, as much as there is."""
        self.loop_read()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Split one large read; packets other than PUBLISH of QoS 0 and 1 are paho's to read."""
        if self.socket() is None:
            return paho.MQTT_ERR_NO_CONN
        try:
            packets = self._received()
        except BlockingIOError:
            return paho.MQTT_ERR_SUCCESS
        for packet in packets:
            self._packet = packet
            result = super().loop_read(max_packets)
            if result != paho.MQTT_ERR_SUCCESS or self.socket() is None:
                return result
        return paho.MQTT_ERR_SUCCESS

    def acknowledge(self, packet_ids: list[bytes]) -> None:
        """Send the PUBACKs in one piece, in this order."""
        if packet_ids:
            self._packet_queue(paho.PUBACK, puback(packet_ids), 0, 1)

    def _received(self) -> list[bytes]:
        """The packets of one read that are not in the inbox; one empty one at the stream's end."""
        try:
            data = super()._sock_recv(_READ_BYTES)
            if data:
                return self._splitter.feed(data)
        except BlockingIOError:
            raise
        except (OSError, FrameError) as error:
            logger("client").warning("broker_stream_broken", why=str(error))
        self._ended = True
        return [b""]

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._packet and not self._ended:
            raise BlockingIOError
        piece, self._packet = self._packet[:bufsize], self._packet[bufsize:]
        return piece


def build_client(broker: Broker, inbox: Inbox) -> PlainClient:
    """The client for a broker, not connected yet.

    Raises
    ------
    ConfigError
        If the CA file cannot be used.
    """
    kind = PlainClient if broker.plain else FrameClient
    client = kind(inbox, client_id=broker.client_id)
    client.connect_timeout = _CONNECT_TIMEOUT_S
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        _use_tls(client, broker)
    client.connect_async(broker.host, broker.port, broker.keepalive_s)
    return client


def _use_tls(client: PlainClient, broker: Broker) -> None:
    try:
        client.tls_set(ca_certs=str(broker.ca_file) if broker.ca_file else None)
    except OSError as error:  # a missing file, or one without a certificate
        told = f"{broker.ca_file} cannot be used as CA file: {error.strerror or error}"
        raise _address_error(told) from error


@contextmanager
def publisher(host: str, port: int, *, in_flight: int = 200) -> Iterator[paho.Client]:
    """A connected client that publishes: clean session, network thread, `in_flight` unanswered.

    Raises
    ------
    OSError
        If the broker cannot be reached.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.max_inflight_messages_set(in_flight)
    client.max_queued_messages_set(0)  # no limit
    client.connect(host, port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
