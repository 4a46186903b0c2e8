"""Letters: messages, or parts of them, that did not become points, kept whole so that they can.

A *dead* letter cannot become readings as things stand (no route, not its format, wrong clock,
refused by the store). A letter in *quarantine* waits for the registry: its device is unknown, or no
row of devices.csv covers its time. Both can be replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from livinglab.errors import Reason
from livinglab.model import Message, Reading
from livinglab.timeline import to_text


class Kind(StrEnum):
    """Where a letter is."""

    DEAD = "dead"
    QUARANTINE = "quarantine"


#: Reasons that wait for the registry; every other reason is a dead letter.
WAITING = frozenset({Reason.UNKNOWN_DEVICE, Reason.OUTSIDE_VALIDITY})


def kind_of(reason: Reason) -> Kind:
    """Which of the two a reason leads to."""
    return Kind.QUARANTINE if reason in WAITING else Kind.DEAD


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, or the readings of one device in it, that waits or is dead.

    Parameters
    ----------
    journal, seq, index
        Where the journal has the message: journal id, batch, position in the batch.
    reason : Reason
        Why it is here.
    detail : str
        The reason in words, for this message.
    device, lab, decoder : str
        As far as known; "" otherwise.
    positions : tuple of int or None
        Which of the device's readings; None = all of them, or it could not be decoded.
    counted : bool
        Whether the message counts as dead or quarantined in the ledger of messages; False where
        other readings of it were stored.
    sample : tuple of Reading
        The first readings, to show what the device sends.
    id : int
        Row in the loader's state; 0 = not stored yet.
    """

    journal: str
    seq: int
    index: int
    message: Message
    reason: Reason
    detail: str = ""
    device: str = ""
    lab: str = ""
    decoder: str = ""
    positions: tuple[int, ...] | None = None
    counted: bool = True
    sample: tuple[Reading, ...] = ()
    id: int = 0

    @property
    def kind(self) -> Kind:
        """Dead or in quarantine."""
        return kind_of(self.reason)

    @property
    def place(self) -> tuple[str, int, int]:
        """Where the journal has the message."""
        return (self.journal, self.seq, self.index)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device in quarantine: everything that is needed to register it.

    Times are UTC ns: of the readings where they state one, else of receipt.
    """

    device: str
    reason: Reason
    lab: str
    decoder: str
    letters: int
    first_ns: int
    last_ns: int
    topics: tuple[str, ...]
    sample: tuple[Reading, ...]

    def sentence(self) -> str:
        """What waits, in words."""
        return (
            f"{self.device or '(no id)'} in {self.lab}: {self.letters} messages by {self.decoder},"
            f" {to_text(self.first_ns)} to {to_text(self.last_ns)}"
        )


def span_of(message: Message, readings: Sequence[Reading]) -> tuple[int, int]:
    """Earliest and latest time in ns of readings; receipt time where they state none."""
    times = [
        message.received_ns if reading.time_ns is None else reading.time_ns for reading in readings
    ] or [message.received_ns]
    return min(times), max(times)
