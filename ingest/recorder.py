"""The recorder: client -> journal -> PUBACK, and nothing else.

It looks at no payload and knows no registry and no store, so none of them can stop it. When the
journal cannot take a batch (quota, full disk), the recorder leaves the broker, keeps the batch in
memory and tries again every second: nothing more is read, nothing is acknowledged, and the broker
holds for the persistent session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.journal import Journal
from ingest.logs import logger
from ingest.subscriber import Subscriber
from livinglab.errors import JournalError
from livinglab.model import Message

#: A batch is closed after this time or number, whichever is first: 46 ms from publish to store at
#: a tenth of the cost of closing at once.
BATCH_S: Final = 0.05
BATCH_MESSAGES: Final = 4_000
_BATCH_BYTES: Final = 8_388_608
_IDLE_S: Final = 0.25  # how long a stop may go unnoticed
_GATHER_S: Final = 0.002  # between two reads of one batch: fewer, larger reads
_QUIET_S: Final = 0.004
_BURST: Final = 10  # messages; see `_gather`
_RETRY_S: Final = 1.0


@dataclass(slots=True)
class Recorded:
    """Counters since the start of the process."""

    messages: int = 0  # in the journal
    payload_bytes: int = 0
    batches: int = 0
    acknowledged: int = 0
    redelivered: int = 0  # messages with the DUP flag
    failures: int = 0  # batches that the journal refused at first
    unrecorded: int = 0  # QoS 0 messages that a stop with a full journal lost


class Recorder:
    """Records messages until it is told to stop.

    Parameters
    ----------
    subscriber : Subscriber
        Where messages come from.
    journal : Journal
        Where they go.
    make_room : callable, optional
        Called before the journal is tried again: may expire old days.

    Attributes
    ----------
    counts : Recorded
        What was done so far.
    problem : str
        Why nothing is recorded, in words; "" while all is well.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        journal: Journal,
        *,
        make_room: Callable[[], object] = lambda: None,
    ) -> None:
        self.counts = Recorded()
        self.problem = ""
        self._subscriber = subscriber
        self._journal = journal
        self._make_room = make_room
        self._log = logger("recorder")

    def run(self, stop: threading.Event) -> None:
        """Record until `stop` is set; then journal, acknowledge and disconnect."""
        while not stop.is_set():
            try:
                self.step(stop)
            except Exception as error:  # whatever it is, recording must go on
                self.problem = f"unexpected: {error!r}"
                self._log.exception("recorder_failed")
                self._subscriber.close()
                stop.wait(_RETRY_S)
        self._subscriber.close()

    def step(self, stop: threading.Event) -> int:
        """Record one batch, or nothing when nothing comes; how many messages it had."""
        messages = self._gather(stop)
        if messages and self._commit(messages, stop):
            counts = self.counts
            counts.acknowledged += self._subscriber.acknowledge()
            counts.batches += 1
            counts.messages += len(messages)
            counts.payload_bytes += sum([len(message[1]) for message in messages])
            counts.redelivered += sum([message[5] for message in messages])
        return len(messages)

    def _gather(self, stop: threading.Event) -> list[Message]:
        """One batch.

        A broker sends only as many messages as its window allows before it waits for
        acknowledgments (Mosquitto: 20 unless configured). A burst that falls quiet is closed at
        once, or such a window would let through no more than itself every 50 ms.
        """
        poll = self._subscriber.poll
        messages = poll(_IDLE_S)
        if not messages:
            return messages
        closes = time.monotonic() + BATCH_S
        size = _size(messages)
        while len(messages) < BATCH_MESSAGES and size < _BATCH_BYTES and not stop.is_set():
            left = closes - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, _GATHER_S))
            more = poll(min(left, _QUIET_S))
            if not more and len(messages) >= _BURST:
                break
            messages += more
            size += _size(more)
        return messages

    def _commit(self, messages: list[Message], stop: threading.Event) -> bool:
        """Put a batch into the journal, however long that takes; False when stopped before."""
        while True:
            try:
                self._journal.append(messages)
            except JournalError as error:
                self._pause(error)
                if stop.wait(_RETRY_S):
                    self._give_up(messages)
                    return False
                self._make_room()
            else:
                self._resume()
                return True

    def _pause(self, error: JournalError) -> None:
        """Leave the broker, so that it holds the messages; said once."""
        if not self.problem:
            self.counts.failures += 1
            self._log.error("journal_refuses", why=error.message, hint=error.hint)
            self._subscriber.close()
        self.problem = str(error.message)

    def _resume(self) -> None:
        if self.problem:
            self.problem = ""
            self._log.info("journal_goes_on")

    def _give_up(self, messages: list[Message]) -> None:
        """The broker sends again what asked for a PUBACK; the rest is lost, and counted."""
        lost = sum(1 for message in messages if not message.qos)
        self.counts.unrecorded += lost
        self._log.error("stopped_unrecorded", held_by_broker=len(messages) - lost, lost=lost)


def _size(messages: list[Message]) -> int:
    return sum([len(message[1]) for message in messages])
