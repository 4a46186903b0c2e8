"""Messages that arrived before: by the format's identity, else by MQTT's packet id and DUP flag.

A message is a repeat when, among the last `WINDOW` messages of its journal, there is

- one whose decoder gave the same identity for the same device (frame counter and session, message
  id), or
- where it carries the DUP flag: one with the same packet id, topic and payload, and no other
  message with that packet id between them. Without DUP a packet id says nothing, because brokers
  use the 65 535 ids again.

The memory is a function of the window alone, so that rebuilding it from the journal's tail after a
restart gives exactly what the process before had. Repeats beyond the window are still harmless
where messages carry their own time: their values fall on themselves (`ingest.series`). What remains
is at-least-once: messages with neither identity nor time of their own, published again by a device
or bridge under a new packet id, or given to another member of a share group after one was killed.

References
----------
.. [1] MQTT 3.1.1, sections 2.3.1 (packet identifier), 3.3.1.1 (DUP), 4.3.2 (QoS 1).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from livinglab.model import Message

#: Messages that are remembered; more than the 65 535 packet ids that can be in flight.
WINDOW: Final = 131_072
_PACKET_IDS: Final = 65_536
_NEVER: Final = -(1 << 62)

Identity = tuple[str, ...]


class Identities:
    """Memory of the identities of the last messages of one journal.

    Messages are numbered by the caller, in journal order; `settle` makes everything noted so far
    permanent, `roll_back` forgets what was noted since.

    Parameters
    ----------
    window : int
        How many messages back a repeat is known.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self._seen: dict[Identity, int] = {}  # in order of number
        self._digest = array("q", bytes(8 * _PACKET_IDS))
        self._number = array("q", [_NEVER]) * _PACKET_IDS
        self._settled = _NEVER
        self._undo_seen: dict[Identity, int] = {}
        self._undo_packet: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def note_fresh(self, messages: Sequence[Message], number: int) -> bool:
        """Note the packet ids of messages that follow message `number`, if none has the DUP flag.

        False leaves everything to `is_packet_repeat`.
        """
        if any([message[5] for message in messages]):  # noqa: C419  # half the time
            return False
        digests, numbers = self._digest, self._number
        for topic, payload, _, packet, qos, _, _ in messages:
            number += 1
            if qos:
                packet &= 0xFFFF  # noqa: PLW2901  # its own copy
                digests[packet] = hash(payload) ^ hash(topic)
                numbers[packet] = number
        return True

    def is_packet_repeat(self, message: Message, number: int) -> bool:
        """Whether MQTT itself says that the message came before; notes its packet id."""
        packet = message.packet_id & 0xFFFF
        digest = hash(message.payload) ^ hash(message.topic)
        if not message.dup:
            self._digest[packet] = digest
            self._number[packet] = number
            return False
        before = (self._digest[packet], self._number[packet])
        self._undo_packet.setdefault(packet, before)
        self._digest[packet] = digest
        self._number[packet] = number
        return before[0] == digest and number - before[1] <= self.window

    def is_repeat(self, identity: Identity, number: int) -> bool:
        """Whether the identity was seen within the window; notes it at `number`."""
        before = self._seen.pop(identity, None)
        self._seen[identity] = number
        if before is None:
            return False
        if before <= self._settled:
            self._undo_seen.setdefault(identity, before)
        return number - before <= self.window

    def settle(self, number: int) -> None:
        """Everything up to `number` is in the loader's state; forget what left the window."""
        self._settled = number
        self._undo_seen.clear()
        self._undo_packet.clear()
        oldest = number - self.window
        gone: list[Identity] = []
        for identity, at in self._seen.items():
            if at >= oldest:
                break
            gone.append(identity)
        for identity in gone:
            del self._seen[identity]

    def roll_back(self) -> None:
        """Forget what was noted since `settle`, as if those messages had never been seen."""
        while self._seen:
            identity, at = self._seen.popitem()
            if at <= self._settled:
                self._seen[identity] = at
                break
        self._seen.update(self._undo_seen)
        self._seen = dict(sorted(self._seen.items(), key=lambda item: item[1]))
        for packet, (digest, at) in self._undo_packet.items():
            self._digest[packet] = digest
            self._number[packet] = at
        for packet in range(_PACKET_IDS):
            if self._number[packet] > self._settled:
                self._number[packet] = _NEVER
        self._undo_seen.clear()
        self._undo_packet.clear()
