"""Messages of a journal batch to points, outcomes, letters and counts.

Nothing here writes: the loader takes the points out of the memory, and the rest as a `Commit`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from ingest.dedup import Identities
from ingest.journal_files import Batch
from ingest.lanes import Lanes
from ingest.ledger import DEAD, DUPLICATE, EMPTY, OUTCOMES, QUARANTINED, STORED
from ingest.letters import Kind, Letter, kind_of
from ingest.logs import logger
from ingest.readers import Reader, Readers
from ingest.resolve import REPEATED, WROTE, Resolver
from ingest.series import SeriesMemory
from ingest.state import Commit, Cursor
from livinglab.errors import DecodeError, LivingLabError, Reason
from livinglab.model import Decoded, Message, Reading
from livinglab.registry import Registry

_NOTES: Final = 64  # different notes of decoders that are counted by name
_SAMPLE: Final = 20

log = logger("intake")
Place = tuple[int, int]  # batch, index
Name = tuple[str, str, str, str]  # of a counter: name, device, reason, key


class BrokenMessageError(Exception):
    """A message that our own code stumbles over; the loader starts again without it."""

    def __init__(self, place: Place, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.place = place


@dataclass(slots=True)
class Group:
    """What the messages since the last commit came to, beside their points."""

    outcomes: list[tuple[int, int, bytes]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    counts: Counter[Name] = field(default_factory=Counter)
    messages: int = 0


class Intake:
    """Reads, resolves and accounts for messages, under one registry at a time.

    Parameters
    ----------
    registry : Registry
        Routes, devices, models.
    memory : SeriesMemory
        Takes the values.
    identities : Identities
        Knows repeats.
    journal : str
        Id of the journal, for letters.
    ahead_s : float
        How far a time may be ahead of receipt.
    period : (int, int), optional
        Only readings with times in [start, end) in ns count.

    Attributes
    ----------
    number : int
        Messages of this journal so far.
    broken : collection of (batch, index)
        Messages that become dead letters unread.
    """

    def __init__(
        self,
        registry: Registry,
        memory: SeriesMemory,
        identities: Identities,
        *,
        journal: str,
        ahead_s: float = 300,
        period: tuple[int, int] | None = None,
    ) -> None:
        self.memory = memory
        self.identities = identities
        self.journal = journal
        self.number = 0
        self.broken: Collection[Place] = ()
        self.group = Group()
        self._ahead_s = ahead_s
        self._period = period
        self._notes: set[str] = set()
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Read and resolve by another registry from the next message on."""
        self.registry = registry
        self.readers = Readers(registry)
        self.resolver = Resolver(registry, self.memory, self._ahead_s, self._period)
        self.lanes = Lanes(self.resolver, self.readers.largest)

    def take(self, batch: Batch) -> None:
        """Read all messages of a batch.

        Raises
        ------
        BrokenMessageError
            If our own code fails at a message; the group is unusable then.
        StoreError
            If the store cannot say what it holds, where a late value needs it; the same.
        """
        codes = bytearray()
        add_code = codes.append
        seq, largest = batch.seq, self.lanes.largest
        lane_of = self.lanes.by_topic.get if self._may_be_short() else _no_lane
        is_fresh = self.identities.note_fresh(batch.messages, self.number)
        for index, message in enumerate(batch.messages):
            self.number += 1
            if not is_fresh and self._is_packet_repeat(message):
                add_code(self._count(DUPLICATE, reason="packet id"))
                continue
            try:
                lane = lane_of(message[0])
                if lane is not None and len(message[1]) <= largest and lane.take(message):
                    add_code(STORED)
                else:
                    add_code(self._read(message, seq, index))
            except LivingLabError:
                raise
            except Exception as error:
                log.exception("message failed", topic=message.topic, batch=seq, index=index)
                raise BrokenMessageError((seq, index), error) from error
        group = self.group
        group.outcomes.append((seq, self.number, bytes(codes)))
        group.messages += len(codes)
        group.counts["published", "", "", ""] += len(batch.messages)

    def _may_be_short(self) -> bool:
        """Whether everything counts, so that a lane may take a message whole."""
        return not (self._period or self.broken or self.resolver.keep_stored)

    def _is_packet_repeat(self, message: Message) -> bool:
        if message.qos and self.identities.is_packet_repeat(message, self.number):
            self._note_identity(message)
            return True
        return False

    def _read(self, message: Message, seq: int, index: int) -> int:
        """The outcome code of a message that goes the long way."""
        reader, decoded = self.readers.read(message)
        if reader is None or not isinstance(decoded, Decoded) or (seq, index) in self.broken:
            return self._dead(message, seq, index, reader, decoded)
        return self._resolve(message, seq, index, reader, decoded)

    def remember(self, batch: Batch) -> None:
        """Note the identities of a batch that is loaded already."""
        for message in batch.messages:
            self.number += 1
            if message.qos:
                self.identities.is_packet_repeat(message, self.number)
            self._note_identity(message)

    def commit(self, cursor: Cursor | None) -> Commit:
        """Everything since the last commit; starts a new group."""
        group = self.group
        counts: dict[Name, int] = dict(group.counts)
        for name, count in self.resolver.counts().items():
            counts[name] = counts.get(name, 0) + count
        self.group = Group()
        return Commit(
            journal=self.journal,
            cursor=cursor,
            outcomes=group.outcomes,
            counts=counts,
            newest=self.memory.newest_touched(),
            letters=group.letters,
        )

    def roll_back(self, number: int) -> None:
        """Forget the group; memory and identities are rolled back by the loader."""
        self.number = number
        self.group = Group()
        self.resolver.counts()
        self.resolver.letters.clear()
        self.resolver.end_replay()

    def is_known(self, reader: Reader, decoded: Decoded) -> bool:
        """Whether the format's identity came before; notes it."""
        if not decoded.identity:
            return False
        identity = (reader.name, decoded.identity, *decoded.readings)
        return self.identities.is_repeat(identity, self.number)

    def _note_identity(self, message: Message) -> None:
        reader, decoded = self.readers.read(message)
        if reader is not None and isinstance(decoded, Decoded):
            self.is_known(reader, decoded)

    def _resolve(
        self, message: Message, seq: int, index: int, reader: Reader, decoded: Decoded
    ) -> int:
        """The outcome code of a message that could be decoded."""
        if decoded.identity and self.is_known(reader, decoded):
            return self._count(DUPLICATE, reason="identity")
        resolver = self.resolver
        flags = 0
        plan = None
        unknown: list[str] | None = None
        for device, readings in decoded.readings.items():
            plan = resolver.plans.get(device) or resolver.plan(device)
            if plan is not None:
                flags |= resolver.resolve(plan, readings, reader.lab, message)
            elif unknown is None:
                unknown = [device]
            else:
                unknown.append(device)
        if decoded.dropped:
            self.drop(decoded)
        if flags & WROTE and plan is not None and not resolver.letters and unknown is None:
            plan.messages += 1
            if len(decoded.readings) == 1 and not decoded.dropped and not decoded.identity:
                self.lanes.learn(message, reader, decoded, plan)
            return STORED
        place = (self.journal, seq, index)
        letters = self.letters_of(place, message, reader, decoded, unknown or ())
        return self._conclude(flags, decoded, letters)

    def _conclude(self, flags: int, decoded: Decoded, letters: list[Letter]) -> int:
        """Account for a message that was not simply stored."""
        code = outcome_of(flags, letters)
        self.group.letters += settle_counted(code, letters)
        device = next(iter(decoded.readings), "")
        known = device if self.resolver.plan(device) is not None else ""
        if code in (QUARANTINED, DEAD):
            return self._count(code, known, letters[0].reason)
        if code == EMPTY:
            return self._count(code, known, self._note(decoded))
        return self._count(code, known, "values" if code == DUPLICATE else "")

    def drop(self, decoded: Decoded) -> None:
        """Count the readings that the decoder itself rejected."""
        plan = self.resolver.plan(next(iter(decoded.readings), ""))
        if plan is not None:
            plan.produced += len(decoded.dropped)
            for key, reason in decoded.dropped:
                plan.reject(Reason(reason), key)
            return
        self.group.counts["produced", "", "", ""] += len(decoded.dropped)
        for _, reason in decoded.dropped:
            self.group.counts["reading:rejected", "", reason, "*"] += 1

    def letters_of(
        self,
        place: tuple[str, int, int],
        message: Message,
        reader: Reader,
        decoded: Decoded,
        unknown: Iterable[str],
    ) -> list[Letter]:
        """One letter per device and reason for the readings that were held back."""
        held: list[tuple[Reason, str, tuple[int, ...] | None]] = [
            (Reason.UNKNOWN_DEVICE, device, None) for device in unknown
        ]
        for (reason, device), positions in self.resolver.letters.items():
            held.append((reason, device, tuple(positions)))
        self.resolver.letters.clear()
        return [
            Letter(
                *place,
                message,
                reason,
                _DETAILS[reason],
                device,
                reader.lab,
                reader.name,
                positions,
                sample=_sample(self._readings(decoded, device), positions),
            )
            for reason, device, positions in held
        ]

    def _readings(self, decoded: Decoded, device: str) -> list[Reading]:
        """The readings of a device, which may be written in another case in the message."""
        plan = self.resolver.plan(device)
        for name, readings in decoded.readings.items():
            if name == device or (plan is not None and self.resolver.plan(name) is plan):
                return readings
        return []

    def _dead(
        self,
        message: Message,
        seq: int,
        index: int,
        reader: Reader | None,
        error: Decoded | DecodeError,
    ) -> int:
        if not isinstance(error, DecodeError):
            error = DecodeError(Reason.FORMAT, "the loader failed at this message; see its log")
        lab, name = (reader.lab, reader.name) if reader is not None else ("", "")
        self.group.letters.append(
            Letter(self.journal, seq, index, message, error.reason, error.message, "", lab, name)
        )
        return self._count(DEAD, reason=str(error.reason))

    def _note(self, decoded: Decoded) -> str:
        note = decoded.note
        if not note:
            note = "every reading rejected" if decoded.readings or decoded.dropped else "no reading"
        if note in self._notes or len(self._notes) < _NOTES:
            self._notes.add(note)
            return note
        return "other"

    def _count(self, code: int, device: str = "", reason: str = "") -> int:
        self.group.counts[f"message:{OUTCOMES[code]}", device, reason, ""] += 1
        return code


def _no_lane(_topic: str) -> None:
    """For batches that all go the long way."""


_DETAILS: Final = {
    Reason.UNKNOWN_DEVICE: "the registry has no device with this id",
    Reason.OUTSIDE_VALIDITY: "no row of devices.csv covers the time of these readings",
    Reason.CLOCK: "the time is before the device's first row, or too far ahead of receipt",
    Reason.WRONG_LAB: "the topic belongs to another lab than the device",
    Reason.REFUSED: "the store refused these points",
}


def outcome_of(flags: int, letters: Iterable[Letter]) -> int:
    """Where a message ends whose readings did this and left these letters."""
    kinds = {letter.kind for letter in letters}
    if flags & WROTE:
        return STORED
    if Kind.QUARANTINE in kinds:
        return QUARANTINED
    if Kind.DEAD in kinds:
        return DEAD
    return DUPLICATE if flags & REPEATED else EMPTY


def settle_counted(code: int, letters: Iterable[Letter]) -> list[Letter]:
    """The letters, each marked whether its message counts as what the letter is."""
    counts_as = {QUARANTINED: Kind.QUARANTINE, DEAD: Kind.DEAD}.get(code)
    return [
        letter if kind_of(letter.reason) is counts_as else _uncounted(letter) for letter in letters
    ]


def _uncounted(letter: Letter) -> Letter:
    return Letter(
        *letter.place, letter.message, letter.reason, letter.detail, letter.device, letter.lab,
        letter.decoder, letter.positions, counted=False, sample=letter.sample,
    )  # fmt: skip


def _sample(readings: list[Reading], positions: tuple[int, ...] | None) -> tuple[Reading, ...]:
    if positions is None:
        return tuple(readings[:_SAMPLE])
    return tuple(readings[position] for position in positions[:_SAMPLE])
