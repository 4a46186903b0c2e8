"""A publisher on a bare socket: fast, and sure of what the broker has taken."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Self

CONNECT, PUBLISH, PUBACK, DISCONNECT = 0x10, 0x30, 0x40, 0xE0


def packet(head: int, body: bytes) -> bytes:
    """One MQTT packet: first byte, length, body."""
    length, left = b"", len(body)
    while True:
        left, digit = divmod(left, 128)
        length += bytes([digit | 128 if left else digit])
        if not left:
            return bytes([head]) + length + body


def text(value: str) -> bytes:
    """A string with its length before it."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def publish_packet(
    topic: str, payload: bytes, packet_id: int = 0, *, dup: bool = False, retain: bool = False
) -> bytes:
    """A PUBLISH: QoS 1 with a packet id, else QoS 0."""
    qos = 1 if packet_id else 0
    identity = packet_id.to_bytes(2, "big") if packet_id else b""
    return packet(PUBLISH | dup << 3 | qos << 1 | retain, text(topic) + identity + payload)


class Publisher:
    """A connected publisher; `publish` returns when the broker has acknowledged everything."""

    def __init__(self, host: str, port: int, client_id: str = "publisher") -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        flags = 0x02  # clean session
        body = text("MQTT") + bytes([4, flags]) + (0).to_bytes(2, "big") + text(client_id)
        try:
            self._socket.sendall(packet(CONNECT, body))
            answer = self._socket.recv(4)
            assert answer == b"\x20\x02\x00\x00", answer
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def publish(
        self, messages: Sequence[tuple[str, bytes]], *, window: int = 1_000, retain: bool = False
    ) -> None:
        """Publish with QoS 1, at most `window` unacknowledged at a time."""
        for start in range(0, len(messages), window):
            part = messages[start : start + window]
            self._socket.sendall(
                b"".join(
                    publish_packet(topic, payload, number, retain=retain)
                    for number, (topic, payload) in enumerate(part, 1)
                )
            )
            self._await_bytes(4 * len(part))

    def publish_qos0(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0."""
        self._socket.sendall(publish_packet(topic, payload))

    def send(self, frames: bytes, acknowledgments: int) -> None:
        """Send prepared QoS 1 frames and wait for as many PUBACKs."""
        self._socket.sendall(frames)
        self._await_bytes(4 * acknowledgments)

    def close(self) -> None:
        """Disconnect."""
        self._socket.sendall(packet(DISCONNECT, b""))
        self._socket.close()

    def _await_bytes(self, count: int) -> None:
        while count > 0:
            data = self._socket.recv(65_536)
            if not data:
                message = "the broker closed the publisher's connection"
                raise ConnectionError(message)
            count -= len(data)
