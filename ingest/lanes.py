"""The short way of a message of a known device whose shape was met before.

Such a message is parsed, checked, scaled and split over its series in one go; readings are not even
made. A *lane* is the short way of one shape under one device model: a parser with the model's
ranges in it, gains and offsets, fields by series. A message that a lane does not take in every
respect (shape, ranges, sentinels, time, key new in every series) leaves no trace here and goes the
long way, which gives the same result for those that are taken.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, Final

from ingest.decoders.base import MAX_PAYLOAD_BYTES
from ingest.decoders.known_shapes import OTHER_SHAPE, Bounds, known, shape_of
from ingest.readers import Reader
from ingest.resolve import Mapping, Plan, Resolver, Row
from ingest.series import SeriesMemory, Slot
from livinglab.model import Decoded, Message, Reading

_MOST_LANES: Final = 256  # parsers that are made
_MOST_SEATS: Final = 65_536
_MOST_TRIES: Final = 32  # messages of one topic that may turn out to have another shape
_STEPS: Final = 64
Seat = tuple[Plan, Row, tuple[Slot, ...]]


class Lane:
    """One shape under one model.

    Parameters
    ----------
    decoder : str
        Who reads the shape.
    shape : hashable
        As `known_shapes.shape_of` gives it.
    usual : list of tuple
        Of each reading its place, field, gain, offset, range and sentinels.
    memory : SeriesMemory
        Takes the values.
    ahead_ns : int
        How far a time may be ahead of receipt.

    Attributes
    ----------
    seats : dict of str to Seat
        By the text that names the device.
    """

    def __init__(
        self, decoder: str, shape: Any, usual: list[Any], memory: SeriesMemory, ahead_ns: int
    ) -> None:
        places = list(dict.fromkeys(row[0] for row in usual))
        order = [at for place in places for at, row in enumerate(usual) if row[0] == place]
        if len({(row[0], row[1]) for row in usual}) < len(usual):
            raise ValueError("two readings of one key")
        bounds = [_raw_bounds(*row[2:6]) for row in usual]
        inside = [
            value for row, span in zip(usual, bounds, strict=True)
            for value in row[6] if span[0] <= value <= span[1]
        ]  # fmt: skip
        self.places = places
        self.read = known(decoder, shape, bounds)
        self.seats: dict[str, Seat] = {}
        self.size = len(usual)
        self._sentinels = frozenset(inside)
        self._order = None if order == list(range(len(order))) else order
        self._scales = [(usual[at][2], usual[at][3]) for at in order]
        self._is_plain = all(scale == (1.0, 0.0) for scale in self._scales)
        self._fields = [tuple(usual[at][1] for at in order if usual[at][0] == p) for p in places]
        self._memory = memory
        self._ahead_ns = ahead_ns

    def take(self, message: Message) -> bool:
        """Take a message whole, or leave it whole."""
        try:
            text, time_ns, values = self.read(message[1])
            plan, row, slots = self.seats[text]
        except OTHER_SHAPE:
            return False
        if (
            time_ns > message[2] + self._ahead_ns
            or not row.from_ns <= time_ns < row.to_ns
            or plan.row is not row
        ):
            return False
        if self._sentinels and not self._sentinels.isdisjoint(values):
            return False
        if self._order is not None:
            values = [values[at] for at in self._order]
        if not self._is_plain or 0.0 in values:  # -0.0 becomes 0.0, as by any scaling
            values = [
                value * gain + offset
                for value, (gain, offset) in zip(values, self._scales, strict=True)
            ]
        if not self._memory.extend(slots, self._fields, time_ns, values):
            return False
        plan.messages += 1
        plan.usual += self.size
        return True


class Lanes:
    """The lanes under one registry; they learn from messages that went the long way.

    Parameters
    ----------
    resolver : Resolver
        Knows devices and models.
    largest : int
        Longer payloads go the long way.

    Attributes
    ----------
    by_topic : dict of str to Lane
        Which lane to try for messages of a topic.
    """

    def __init__(self, resolver: Resolver, largest: int) -> None:
        self.by_topic: dict[str, Lane] = {}
        self.largest = min(largest, MAX_PAYLOAD_BYTES)
        self._resolver = resolver
        self._lanes: dict[Hashable, Lane | None] = {}
        self._tries: dict[tuple[str, str], int] = {}

    def learn(self, message: Message, reader: Reader, decoded: Decoded, plan: Plan) -> None:
        """Note the lane of a message that was stored without any remark."""
        topic, trial = message.topic, (message.topic, plan.device)
        tries = self._tries.get(trial, 0)
        if tries >= _MOST_TRIES or len(message.payload) > self.largest:
            return
        if len(self._tries) >= _MOST_SEATS:
            self._tries.clear()
            self.by_topic.clear()
        self._tries[trial] = tries + 1
        readings = next(iter(decoded.readings.values()))
        lane = self._lane(message, reader, readings, plan)
        if lane is not None and _sit(lane, message, readings, plan):
            self.by_topic[topic] = lane

    def _lane(
        self, message: Message, reader: Reader, readings: list[Reading], plan: Plan
    ) -> Lane | None:
        """The lane that a message belongs to, made where it is the first."""
        row = plan.row
        if reader.lab != row.lab or row is not plan.rows[-1]:
            return None
        shape = shape_of(reader.name, message, reader.context)
        if shape is None:
            return None
        combinations = tuple((reading.key, reading.unit, reading.channel) for reading in readings)
        name = (id(reader), id(row.mapping), shape, combinations)
        if name not in self._lanes:
            if len(self._lanes) >= _MOST_LANES:
                return None
            self._lanes[name] = self._made(reader, row.mapping, shape, combinations)
        return self._lanes[name]

    def _made(
        self, reader: Reader, mapping: Mapping, shape: Hashable, combinations: tuple[Any, ...]
    ) -> Lane | None:
        usual = [mapping.usual.get(combination) for combination in combinations]
        resolver = self._resolver
        try:
            return Lane(reader.name, shape, usual, resolver.memory, resolver.ahead_ns)
        except (TypeError, ValueError):
            return None  # a reading is not usual, or no parser can have its range


def _sit(lane: Lane, message: Message, readings: list[Reading], plan: Plan) -> bool:
    """Give the device its seat, if the lane reads the message as the decoder did."""
    try:
        text, time_ns, values = lane.read(message.payload)
        slots = tuple([plan.row.slots[place] for place in lane.places])
    except OTHER_SHAPE:
        return False
    ours = [(value, time_ns) for value in values]
    if ours != [(reading.value, reading.time_ns) for reading in readings]:
        return False
    if len(lane.seats) >= _MOST_SEATS:
        lane.seats.clear()
    lane.seats[text] = (plan, plan.row, slots)
    return True


def _raw_bounds(gain: float, offset: float, low: float, high: float) -> Bounds:
    """Values in the payload that surely come to lie in [low, high]: scaling is monotonic.

    Raises
    ------
    ValueError
        If there is no telling.
    """
    if not 0 < gain < math.inf or not low < high:
        raise ValueError(f"no bounds for gain {gain}")
    least, most = (low - offset) / gain, (high - offset) / gain
    least, most = max(least, -1e60), min(most, 1e60)
    for _ in range(_STEPS):
        if least * gain + offset >= low and most * gain + offset <= high:
            return least, most
        if least * gain + offset < low:
            least = math.nextafter(least, math.inf)
        if most * gain + offset > high:
            most = math.nextafter(most, -math.inf)
    raise ValueError("the bounds do not settle")
