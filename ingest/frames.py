"""MQTT 3.1.1 frames: PUBLISH of QoS 0 and 1 out of large reads, PUBACKs into one packet.

paho reads a header byte by byte and builds an object, takes locks and matches filters per message;
for the one frame that arrives thousands of times a second this costs ten times what is needed.
Every other packet is given back whole, for the client library to read.

References
----------
.. [1] OASIS, MQTT Version 3.1.1, sections 2.2 (fixed header), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from livinglab.errors import LivingLabError
from livinglab.model import Message

_PUBLISH: Final = 0x30
_TYPE_AND_QOS_2: Final = 0xF4  # packet type, and the bit that QoS 2 (and the forbidden 3) sets
_PUBACK: Final = b"\x40\x02"
_LEAST_PUBLISH: Final = 5  # bytes of the shortest frame: header 2, topic 3
_MOST_LENGTH_BYTES: Final = 4
_MOST_TOPICS: Final = 65_536  # more than a fleet has: the cache starts again
_HEADER_ROOM: Final = 5 + 2 + 65_535 + 2  # fixed header, topic, packet id
# Past NamedTuple's own constructor, which costs twice as much.
_message: Final[Callable[[tuple[object, ...]], Message]] = partial(tuple.__new__, Message)


class FrameError(LivingLabError):
    """Bytes that are no MQTT: the connection cannot be read any further."""


def puback(packet_ids: Iterable[bytes]) -> bytes:
    """PUBACKs for packet ids of two bytes each, in their order, as one piece."""
    return b"".join([_PUBACK + packet_id for packet_id in packet_ids])


class Inbox:
    """Messages that arrived, and the packet ids to acknowledge once they are safe.

    Parameters
    ----------
    last_ns : int
        The newest receipt time so far; the ones given here are strictly greater.
    keep_bytes : int
        Longer payloads are cut to this length, and counted.
    """

    def __init__(self, last_ns: int, keep_bytes: int) -> None:
        self.keep_bytes = keep_bytes
        self.last_ns = last_ns
        self.messages: list[Message] = []
        self.unacknowledged: list[bytes] = []
        self.truncated = 0

    def take(self) -> list[Message]:
        """The messages since the last call, in order of arrival."""
        messages, self.messages = self.messages, []
        return messages

    def add(self, topic: str, payload: bytes, packet_id: int, qos: int, flags: int) -> None:
        """Enter one message; `flags` is the first byte of its fixed header (DUP 8, RETAIN 1)."""
        if len(payload) > self.keep_bytes:
            payload = payload[: self.keep_bytes]
            self.truncated += 1
        self.last_ns = max(time.time_ns(), self.last_ns + 1)
        dup, retain = bool(flags & 8), bool(flags & 1)
        message = Message(topic, payload, self.last_ns, packet_id, qos, dup, retain)
        self.messages.append(message)
        if qos == 1:
            self.unacknowledged.append(packet_id.to_bytes(2, "big"))


class FrameSplitter:
    """Splits the byte stream of one connection.

    Parameters
    ----------
    inbox : Inbox
        Where messages and packet ids go.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._rest = b""
        self._topics: dict[bytes, str] = {}
        self._skip = 0  # bytes of an oversized frame that are still to come
        self._oversized = b""  # what is kept of it

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; messages go to the inbox, other complete packets are returned.

        Raises
        ------
        FrameError
            If the bytes are no MQTT.
        """
        if self._skip:
            data = self._skipped(data)
        buffer = self._rest + data if self._rest else data
        others: list[bytes] = []
        position = 0
        while True:
            try:
                position = self._publishes(buffer, position)
            except IndexError as error:
                raise FrameError("a PUBLISH that is shorter than its header") from error
            length, start = _long_length(buffer, position)
            end = start + length
            if not start or end > len(buffer):
                break
            others.append(buffer[position:end])
            position = end
        oversized = length > self._inbox.keep_bytes + _HEADER_ROOM
        self._rest = self._start_skipping(buffer, position, end) if oversized else buffer[position:]
        return others

    def _publishes(self, buffer: bytes, position: int) -> int:
        """Enter the PUBLISH frames at `position`, up to another packet or an incomplete one."""
        inbox, topics, keep = self._inbox, self._topics, self._inbox.keep_bytes
        append, acknowledge = inbox.messages.append, inbox.unacknowledged.append
        stamp = max(time.time_ns() - 1, inbox.last_ns)
        size = len(buffer)
        while position <= size - _LEAST_PUBLISH and buffer[position] & _TYPE_AND_QOS_2 == _PUBLISH:
            head, length, more = buffer[position], buffer[position + 1], buffer[position + 2]
            if length < 128:
                start = position + 2
            elif more < 128:
                length, start = length & 127 | more << 7, position + 3
            else:
                length, start = _long_length(buffer, position)
            end = start + length
            if not start or end > size:
                break
            payload_at = start + 2 + (buffer[start] << 8 | buffer[start + 1])
            raw = buffer[start + 2 : payload_at]
            packet_id = 0
            if head & 2:
                packet_id = buffer[payload_at] << 8 | buffer[payload_at + 1]
                acknowledge(buffer[payload_at : payload_at + 2])
                payload_at += 2
            if payload_at > end:
                raise FrameError(f"a PUBLISH of {end - position} bytes is shorter than its header")
            payload = buffer[payload_at:end]
            if length > keep and len(payload) > keep:
                payload = payload[:keep]
                inbox.truncated += 1
            stamp += 1
            topic = topics.get(raw) or self._new_topic(raw)
            dup, retain = head & 8 != 0, head & 1 != 0
            append(_message((topic, payload, stamp, packet_id, head >> 1 & 1, dup, retain)))
            position = end
        inbox.last_ns = stamp
        return position

    def _new_topic(self, raw: bytes) -> str:
        if len(self._topics) >= _MOST_TOPICS:
            self._topics.clear()
        topic = raw.decode(errors="replace")  # a broker lets only UTF-8 pass
        self._topics[raw] = topic
        return topic

    def _start_skipping(self, buffer: bytes, position: int, end: int) -> bytes:
        """Keep the part of an oversized frame that fits; the rest is dropped as it comes."""
        rest = buffer[position:]
        room = self._inbox.keep_bytes + _HEADER_ROOM
        if len(rest) < room:
            return rest
        self._skip = end - position - len(rest)
        self._oversized = rest[:room]
        return b""

    def _skipped(self, data: bytes) -> bytes:
        """Drop what still belongs to an oversized frame; enter its message when it is over."""
        dropped = min(self._skip, len(data))
        self._skip -= dropped
        if not self._skip:
            self._enter_oversized()
        return data[dropped:]

    def _enter_oversized(self) -> None:
        frame, self._oversized = self._oversized, b""
        _, start = _long_length(frame, 0)
        payload_at = start + 2 + (frame[start] << 8 | frame[start + 1])
        topic = frame[start + 2 : payload_at].decode(errors="replace")
        qos = frame[0] >> 1 & 1
        packet_id = int.from_bytes(frame[payload_at : payload_at + 2], "big") if qos else 0
        self._inbox.add(topic, frame[payload_at + 2 * qos :], packet_id, qos, frame[0])


def _long_length(buffer: bytes, position: int) -> tuple[int, int]:
    """Remaining length of the packet at `position` and where it starts; (0, 0) = incomplete."""
    length, shift = 0, 0
    for at in range(position + 1, position + 1 + _MOST_LENGTH_BYTES):
        if at >= len(buffer):
            return 0, 0
        length |= (buffer[at] & 127) << shift
        shift += 7
        if buffer[at] < 128:
            return length, at + 1
    raise FrameError("a packet whose length has more than four bytes")
