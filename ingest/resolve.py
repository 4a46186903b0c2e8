"""Readings to values at keys: which device row, which quantity, which unit, which time.

A reading becomes a value when the registry knows its device at its time, the device's model lists
its key, and the canonical value is neither a sentinel nor implausible. Per (row, key, unit,
channel) the whole answer is prepared once, so that a reading costs a look-up, a multiplication and
two comparisons.

Times. A reading without time of its own has the receipt time, except in a retained message: that
one was sent at some earlier time and is no new observation. A time before the device's first row or
more than `ahead_s` after receipt is refused (`clock`); the clock of receipt decides, not that of
the loader, so that loading the journal again gives the same answers.

Events. Two events of one device at the same time are both kept: the part of their time below a
millisecond is replaced by a hash of the message and the reading's place in it. Two copies of one
message thus still fall on each other.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Collection, Sequence
from typing import Final

from ingest.series import NEVER, REFUSED, SeriesMemory, Slot
from livinglab.errors import Reason, UnitError
from livinglab.model import Kind, Message, Reading
from livinglab.registry import Device, DeviceModel, ModelKey, Registry
from livinglab.timeline import SECOND_NS
from livinglab.units import conversion

MILLISECOND_NS: Final = 1_000_000
_FOREVER: Final = (1 << 63) - 1
_KEYS: Final = 1_024  # (key, unit, channel) combinations prepared per device row
_NAMED_KEYS: Final = 64  # keys per device that rejections are counted under by name
_LARGEST: Final = sys.float_info.max

WROTE: Final = 1  # at least one value was new or corrected
REPEATED: Final = 2  # at least one value was there before

#: Reasons that concern a message's place or time: the readings become a letter.
LETTER_REASONS: Final = frozenset({Reason.CLOCK, Reason.WRONG_LAB, Reason.REFUSED})


class Target:
    """Where a reading goes, prepared; or, with a reason, why it goes nowhere."""

    __slots__ = (
        "event", "factor", "field", "high", "low", "offset", "reason", "scale", "sentinels", "slot",
    )  # fmt: skip

    def __init__(
        self, row: ModelKey, slot: Slot, factor: float, offset: float, event: bool
    ) -> None:
        self.field = row.quantity
        self.scale = row.scale
        self.factor = factor
        self.offset = offset
        self.low = max(row.minimum, -_LARGEST)
        self.high = min(row.maximum, _LARGEST)
        self.sentinels = row.sentinels
        self.event = event
        self.slot = slot


class Row:
    """One row of devices.csv, prepared: period, lab, and the targets met so far."""

    __slots__ = ("from_ns", "lab", "model", "targets", "to_ns")

    def __init__(self, device: Device, model: DeviceModel) -> None:
        self.from_ns = device.from_ns
        self.to_ns = _FOREVER if device.to_ns is None else device.to_ns
        self.lab = device.lab
        self.model = model
        self.targets: dict[tuple[str, str | None, str], Target | Reason] = {}


class Plan:
    """One device, prepared, and its counts since the last `Resolver.counts`."""

    __slots__ = (
        "corrected", "device", "messages", "named", "produced", "rejected", "repeated", "row",
        "rows", "stored",
    )  # fmt: skip

    def __init__(self, device: str, rows: tuple[Row, ...]) -> None:
        self.device = device
        self.rows = rows
        self.row = rows[-1]
        self.messages = self.produced = self.stored = self.repeated = self.corrected = 0
        self.rejected: dict[tuple[Reason, str], int] = {}
        self.named: set[str] = set()

    def reject(self, reason: Reason, key: str, count: int = 1) -> None:
        """Count rejected readings under reason and key; keys beyond a number of them as "*"."""
        if key not in self.named:
            if len(self.named) < _NAMED_KEYS:
                self.named.add(key)
            else:
                key = "*"
        self.rejected[reason, key] = self.rejected.get((reason, key), 0) + count


class Resolver:
    """Resolves readings under one registry into the points of a `SeriesMemory`.

    Parameters
    ----------
    registry : Registry
        What is known about devices, models and quantities.
    memory : SeriesMemory
        Takes the values.
    ahead_s : float
        How far a time may be ahead of receipt.
    period : (int, int), optional
        Only readings with times in [start, end) in ns count; the others are passed over in silence.

    Attributes
    ----------
    plans : dict of str to Plan
        The devices met so far.
    letters : dict of (Reason, device) to list of int
        Readings of the present message, by position, that must become letters. The caller empties
        it.
    keep_stored : bool
        For replays: a value that is there came later in the journal and stays.
    """

    def __init__(
        self,
        registry: Registry,
        memory: SeriesMemory,
        ahead_s: float = 300,
        period: tuple[int, int] | None = None,
    ) -> None:
        self.registry = registry
        self.memory = memory
        self._ahead_ns = int(ahead_s * SECOND_NS)
        self._period = period
        self.plans: dict[str, Plan] = {}
        self._folded: dict[str, str] = {}
        for device in registry.history:
            self._folded[device.casefold()] = "" if device.casefold() in self._folded else device
        self.letters: dict[tuple[Reason, str], list[int]] = {}
        self.keep_stored = False
        self._replayed: set[tuple[Slot, int, str]] = set()

    def plan(self, device: str) -> Plan | None:
        """The prepared device, None where the registry does not know it in any period.

        Upper and lower case of an id count as equal where no other device differs by case alone.
        """
        plan = self.plans.get(device)
        if plan is None:
            rows = self.registry.history.get(device)
            if not rows:
                other = self._folded.get(device.casefold(), "")
                return self.plan(other) if other and other != device else None
            models = self.registry.models
            plan = Plan(device, tuple(Row(row, models[row.model]) for row in rows))
            self.plans[device] = plan
        return plan

    def resolve(  # noqa: C901, PLR0912, PLR0915  # the hot path: one loop, nothing called per usual value
        self,
        plan: Plan,
        readings: Sequence[Reading],
        lab: str,
        message: Message,
        only: Collection[int] | None = None,
    ) -> int:
        """Resolve the readings of one device in one message.

        Parameters
        ----------
        plan : Plan
            The device.
        readings : sequence of Reading
            Its readings.
        lab : str
            The lab that the topic belongs to.
        message : Message
            Where the readings come from.
        only : collection of int, optional
            Positions of the readings that count; None = all.

        Returns
        -------
        int
            WROTE and REPEATED, or-ed.
        """
        memory = self.memory
        row = plan.row
        targets = row.targets
        tracked = self.keep_stored
        latest = message.received_ns + self._ahead_ns
        before: int | None = -1
        time_ns = NEVER
        problem: Reason | None = None
        stored = repeated = corrected = passed = 0
        position = -1
        for key, _, value, unit, stated_ns, channel, _ in readings:
            position += 1
            if only is not None and position not in only:
                passed += 1
                continue
            if stated_ns != before:
                before = stated_ns
                time_ns = message.received_ns if stated_ns is None else stated_ns
                problem = None
                if (
                    not row.from_ns <= time_ns < row.to_ns
                    or time_ns > latest
                    or row.lab != lab
                    or (stated_ns is None and message.retain)
                ):
                    row, problem = self._row_at(plan, time_ns, lab, message, stated_ns)
                    targets = row.targets
            if self._period is not None and not self._period[0] <= time_ns < self._period[1]:
                passed += 1
                continue
            if problem is not None:
                passed += self._refuse(plan, problem, key, position)
                continue
            target = targets.get((key, unit, channel))
            if target is None:
                target = self._target(plan, row, key, unit, channel)
            if target.__class__ is not Target:
                plan.reject(target, key)  # type: ignore[arg-type]  # the other half of the union
                continue
            if value in target.sentinels:
                plan.reject(Reason.SENTINEL, key)
                continue
            canonical = value * target.scale * target.factor + target.offset
            if not target.low <= canonical <= target.high:
                plan.reject(Reason.IMPLAUSIBLE, key)
                continue
            slot = target.slot
            field = target.field
            when = time_ns
            if target.event and stated_ns is not None:
                when = event_time(time_ns, message, position)
            if when != slot.time or slot.turn != memory.turn:
                memory.open(slot, when)
            known = slot.known
            if field in known:
                if known is REFUSED:
                    passed += self._refuse(plan, Reason.REFUSED, key, position)
                elif known[field] == canonical:
                    repeated += 1
                else:
                    corrected += 1
                    self._correct(slot, field, canonical)
            else:
                stored += 1
                if slot.out is known and not tracked:
                    known[field] = canonical
                else:
                    self._amend(slot, field, canonical)
        plan.row = row
        plan.produced += len(readings) - passed
        plan.stored += stored
        plan.repeated += repeated
        plan.corrected += corrected
        return (WROTE if stored or corrected else 0) | (REPEATED if repeated else 0)

    def start_replay(self) -> None:
        """From here on stored values stay, except those that this replay itself has written."""
        self.keep_stored = True
        self._replayed.clear()

    def end_replay(self) -> None:
        """Back to journal order: the later value stays."""
        self.keep_stored = False
        self._replayed.clear()

    def counts(self) -> dict[tuple[str, str, str, str], int]:
        """Counters of all devices since the last call."""
        counts: dict[tuple[str, str, str, str], int] = {}
        for plan in self.plans.values():
            if not plan.produced and not plan.rejected and not plan.messages:
                continue
            device = plan.device
            counts["message:stored", device, "", ""] = plan.messages
            counts["produced", device, "", ""] = plan.produced
            counts["reading:stored", device, "", ""] = plan.stored
            counts["reading:repeated", device, "", ""] = plan.repeated
            counts["reading:corrected", device, "", ""] = plan.corrected
            for (reason, key), count in plan.rejected.items():
                counts["reading:rejected", device, str(reason), key] = count
            plan.messages = plan.produced = plan.stored = plan.repeated = plan.corrected = 0
            plan.rejected = {}
        return {name: count for name, count in counts.items() if count}

    def _row_at(
        self, plan: Plan, time_ns: int, lab: str, message: Message, stated_ns: int | None
    ) -> tuple[Row, Reason | None]:
        """The row at a time, and what forbids to use it."""
        if stated_ns is None and message.retain:
            return plan.row, Reason.RETAINED
        ahead = time_ns > message.received_ns + self._ahead_ns
        if time_ns < plan.rows[0].from_ns or ahead:
            return plan.row, Reason.CLOCK
        row = next((one for one in plan.rows if one.from_ns <= time_ns < one.to_ns), None)
        if row is None:
            return plan.row, Reason.OUTSIDE_VALIDITY
        return row, Reason.WRONG_LAB if row.lab != lab else None

    def _refuse(self, plan: Plan, reason: Reason, key: str, position: int) -> int:
        """Note a reading that goes nowhere; 1 where it waits and so is not produced yet."""
        if reason is Reason.OUTSIDE_VALIDITY or reason in LETTER_REASONS:
            self.letters.setdefault((reason, plan.device), []).append(position)
        if reason is Reason.OUTSIDE_VALIDITY:
            return 1
        plan.reject(reason, key)
        return 0

    def _target(
        self, plan: Plan, row: Row, key: str, unit: str | None, channel: str
    ) -> Target | Reason:
        """Prepare the answer for a combination that this row has not met yet."""
        target = self._prepared(plan.device, row, key, unit, channel)
        if len(row.targets) < _KEYS:
            row.targets[key, unit, channel] = target
        return target

    def _prepared(
        self, device: str, row: Row, key: str, unit: str | None, channel: str
    ) -> Target | Reason:
        mapped = row.model.keys.get(key)
        if mapped is None or channel not in {"0", mapped.channel}:
            return Reason.UNMAPPED
        quantity = self.registry.quantities[mapped.quantity]
        factor, offset = mapped.factor, mapped.offset
        if unit is not None and unit != mapped.unit:
            try:
                factor, offset = conversion(unit, quantity.unit, quantity.molar_mass)
            except UnitError:
                return Reason.UNIT
        slot = self.memory.slot(str(quantity.theme), device, mapped.channel, row.model.step_s)
        return Target(mapped, slot, factor, offset, quantity.kind is Kind.EVENT)

    def _correct(self, slot: Slot, field: str, value: float) -> None:
        if self.keep_stored and (slot, slot.time, field) not in self._replayed:
            return
        self._amend(slot, field, value)

    def _amend(self, slot: Slot, field: str, value: float) -> None:
        if self.keep_stored:
            self._replayed.add((slot, slot.time, field))
        self.memory.amend(slot, field, value)


def event_time(time_ns: int, message: Message, position: int) -> int:
    """The time of an event: to the millisecond as stated, below it a hash of the message.

    Examples
    --------
    >>> first = event_time(1_500_000_000, Message("a", b"1", 7), 0)
    >>> first // 1_000_000, first == event_time(1_500_000_000, Message("a", b"2", 7), 0)
    (1500, False)
    """
    digest = zlib.crc32(message.payload, zlib.crc32(message.topic.encode("utf-8", "replace")))
    digest = zlib.crc32(position.to_bytes(4, "big"), digest)
    return time_ns - time_ns % MILLISECOND_NS + digest % MILLISECOND_NS
