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
    """Where a reading goes, prepared; `place` is the position of its series in `Row.slots`."""

    __slots__ = (
        "event", "factor", "field", "high", "low", "offset", "place", "scale", "sentinels",
    )  # fmt: skip

    def __init__(
        self, row: ModelKey, place: int, factor: float, offset: float, event: bool
    ) -> None:
        self.place = place
        self.field = row.quantity
        self.scale = row.scale
        self.factor = factor
        self.offset = offset
        self.low = max(row.minimum, -_LARGEST)
        self.high = min(row.maximum, _LARGEST)
        self.sentinels = row.sentinels
        self.event = event

    def usual(self) -> _Usual | None:
        """The same for the usual way, which knows no events and multiplies once."""
        if self.event or (self.scale != 1 and self.factor != 1):
            return None
        gain = self.factor if self.scale == 1 else self.scale
        return (self.place, self.field, gain, self.offset, self.low, self.high, self.sentinels)


_Usual = tuple[int, str, float, float, float, float, frozenset[float]]
_Combination = tuple[str, str | None, str]  # key, unit, channel


class Mapping:
    """A device model, prepared: the combinations met so far, and the series they lead to.

    Shared by all devices of the model, so that it stays in the processor's cache.
    """

    __slots__ = ("_quantities", "_series", "model", "targets", "usual")

    def __init__(self, model: DeviceModel, registry: Registry) -> None:
        self.model = model
        self._quantities = registry.quantities
        self._series: list[tuple[str, str]] = []  # measurement, channel
        self.targets: dict[_Combination, Target | Reason] = {}
        self.usual: dict[_Combination, _Usual] = {}

    def target(self, key: str, unit: str | None, channel: str) -> Target | Reason:
        """Where a combination goes, or why it goes nowhere."""
        found = self.targets.get((key, unit, channel))
        if found is not None:
            return found
        target = self._prepared(key, unit, channel)
        if len(self.targets) < _KEYS:
            self.targets[key, unit, channel] = target
            usual = target.usual() if isinstance(target, Target) else None
            if usual is not None:
                self.usual[key, unit, channel] = usual
        return target

    def slots(self, device: str, memory: SeriesMemory) -> list[Slot]:
        """The series of a device, in the order of the places."""
        step_s = self.model.step_s
        return [memory.slot(name, device, channel, step_s) for name, channel in self._series]

    def _prepared(self, key: str, unit: str | None, channel: str) -> Target | Reason:
        mapped = self.model.keys.get(key)
        if mapped is None or channel not in {"0", mapped.channel}:
            return Reason.UNMAPPED
        quantity = self._quantities[mapped.quantity]
        factor, offset = mapped.factor, mapped.offset
        if unit is not None and unit != mapped.unit:
            try:
                factor, offset = conversion(unit, quantity.unit, quantity.molar_mass)
            except UnitError:
                return Reason.UNIT
        series = (str(quantity.theme), mapped.channel)
        if series not in self._series:
            self._series.append(series)
        place = self._series.index(series)
        return Target(mapped, place, factor, offset, quantity.kind is Kind.EVENT)


class Row:
    """One row of devices.csv, prepared: period, lab, model and the device's series."""

    __slots__ = ("from_ns", "lab", "mapping", "slots", "to_ns")

    def __init__(self, device: Device, mapping: Mapping) -> None:
        self.from_ns = device.from_ns
        self.to_ns = _FOREVER if device.to_ns is None else device.to_ns
        self.lab = device.lab
        self.mapping = mapping
        self.slots: list[Slot] = []


class Plan:
    """One device, prepared, and its counts since the last `Resolver.counts`."""

    __slots__ = (
        "corrected", "device", "messages", "named", "produced", "rejected", "repeated", "row",
        "rows", "stored", "usual",
    )  # fmt: skip

    def __init__(self, device: str, rows: tuple[Row, ...]) -> None:
        self.device = device
        self.rows = rows
        self.row = rows[-1]
        self.messages = 0  # stored without any remark
        self.usual = 0  # readings produced and stored, beside the next two
        self.produced = self.stored = self.repeated = self.corrected = 0
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
        self.ahead_ns = int(ahead_s * SECOND_NS)
        self._period = period
        self.plans: dict[str, Plan] = {}
        self._mappings: dict[str, Mapping] = {}
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
            plan = Plan(device, tuple(Row(row, self._mapping(row.model)) for row in rows))
            self.plans[device] = plan
        return plan

    def _mapping(self, model: str) -> Mapping:
        mapping = self._mappings.get(model)
        if mapping is None:
            mapping = Mapping(self.registry.models[model], self.registry)
            self._mappings[model] = mapping
        return mapping

    def resolve(
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
        if only is not None or self._period is not None or self.keep_stored:
            return self._resolve_any(plan, readings, lab, message, 0, only)
        done = self._resolve_usual(plan, readings, lab, message.received_ns + self.ahead_ns)
        plan.usual += done
        if done == len(readings):
            return WROTE if done else 0
        flags = self._resolve_any(plan, readings, lab, message, done, None)
        return flags | WROTE if done else flags

    def _resolve_usual(  # noqa: C901, PLR0911  # leaves at the first thing that is not usual
        self, plan: Plan, readings: Sequence[Reading], lab: str, latest: int
    ) -> int:
        """Take readings as long as all is as usual: their own good time, a new key, a good value.

        This is the hot path; the first reading that is not so, and all after it, are left to
        `_resolve_any`, which gives the same result for usual readings.

        Returns
        -------
        int
            How many readings were taken.
        """
        row = plan.row
        if row.lab != lab:
            return 0
        usual = row.mapping.usual
        slots = row.slots
        memory = self.memory
        turn = memory.turn
        current: Slot | None = None
        known: dict[str, float] = {}
        time_ns: int | None = None
        done = 0
        try:
            for key, _, value, unit, stated_ns, channel, _ in readings:
                place, field, gain, offset, low, high, sentinels = usual[key, unit, channel]
                canonical = value * gain + offset
                if not low <= canonical <= high or value in sentinels:
                    return done
                slot = slots[place]
                if slot is not current or stated_ns != time_ns:
                    if stated_ns is None or stated_ns > latest:
                        return done
                    if not row.from_ns <= stated_ns < row.to_ns:
                        return done
                    if stated_ns != slot.time or slot.turn != turn:
                        memory.open(slot, stated_ns)
                    current, time_ns, known = slot, stated_ns, slot.known
                    if slot.out is not known:
                        return done
                if field in known:
                    return done
                known[field] = canonical
                done += 1
        except LookupError:
            pass  # a combination that this device has not sent yet, or is none of the usual ones
        return done

    def _resolve_any(  # noqa: C901, PLR0912, PLR0915  # one loop over everything a reading can be
        self,
        plan: Plan,
        readings: Sequence[Reading],
        lab: str,
        message: Message,
        start: int,
        only: Collection[int] | None,
    ) -> int:
        """Resolve the readings from position `start` on, whatever they are."""
        memory = self.memory
        period = self._period
        row = plan.row
        latest = message.received_ns + self.ahead_ns
        before: int | None = -1
        time_ns = NEVER
        problem: Reason | None = None
        stored = repeated = corrected = 0
        passed = start
        for position in range(start, len(readings)):
            key, _, value, unit, stated_ns, channel, _ = readings[position]
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
            if period is not None and not period[0] <= time_ns < period[1]:
                passed += 1
                continue
            if problem is not None:
                passed += self._refuse(plan, problem, key, position)
                continue
            target = row.mapping.target(key, unit, channel)
            if not isinstance(target, Target):
                plan.reject(target, key)
                continue
            if value in target.sentinels:
                plan.reject(Reason.SENTINEL, key)
                continue
            canonical = value * target.scale * target.factor + target.offset
            if not target.low <= canonical <= target.high:
                plan.reject(Reason.IMPLAUSIBLE, key)
                continue
            slot, field, when = self._slot(plan, row, target.place), target.field, time_ns
            if target.event and stated_ns is not None:
                when = event_time(time_ns, message, position)
            if when != slot.time or slot.turn != memory.turn:
                memory.open(slot, when)
            if field not in slot.known:
                stored += 1
                self._amend(slot, field, canonical)
            elif slot.known is REFUSED:
                passed += self._refuse(plan, Reason.REFUSED, key, position)
            elif slot.known[field] == canonical:
                repeated += 1
            else:
                corrected += 1
                self._correct(slot, field, canonical)
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
            plan.produced += plan.usual
            plan.stored += plan.usual
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
            plan.messages = plan.usual = 0
            plan.produced = plan.stored = plan.repeated = plan.corrected = 0
            plan.rejected = {}
        return {name: count for name, count in counts.items() if count}

    def _row_at(
        self, plan: Plan, time_ns: int, lab: str, message: Message, stated_ns: int | None
    ) -> tuple[Row, Reason | None]:
        """The row at a time, and what forbids to use it."""
        if stated_ns is None and message.retain:
            return plan.row, Reason.RETAINED
        ahead = time_ns > message.received_ns + self.ahead_ns
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

    def _slot(self, plan: Plan, row: Row, place: int) -> Slot:
        if place >= len(row.slots):
            row.slots = row.mapping.slots(plan.device, self.memory)
        return row.slots[place]

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
