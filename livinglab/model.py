"""What travels through the pipeline: messages, readings, points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Theme(StrEnum):
    """What a quantity is about; the measurement it is stored under."""

    AIR = "air"
    NOISE = "noise"
    MOBILITY = "mobility"
    WATER = "water"
    WEATHER = "weather"
    CIRCULAR = "circular"
    DEVICE = "device"


class Kind(StrEnum):
    """What a value is at its time: decides what a second value at the same key means."""

    STATE = "state"  # another value at the same device, channel and time is a correction
    EVENT = "event"  # both are kept: the ns part of the time is a hash of the message
    COUNTER = "counter"  # a running total; indicators use differences


class Aggregation(StrEnum):
    """How values of a quantity combine over time."""

    MEAN = "mean"
    ENERGETIC = "energetic"
    SUM = "sum"
    CIRCULAR = "circular"


class Message(NamedTuple):
    """One MQTT message as the journal keeps it.

    `received_ns` is the receipt time in ns since 1970 UTC, strictly increasing within a journal.
    """

    topic: str
    payload: bytes
    received_ns: int
    packet_id: int = 0
    qos: int = 0
    dup: bool = False
    retain: bool = False


class Reading(NamedTuple):
    """One value of a message, as its format states it.

    `key` is the name in the payload, which a device model maps; `quantity` is what the format
    itself says, or "" where only the model can tell. `unit` is the unit the payload or the format
    states, None where neither does. `time_ns` is the device's or network's own time, None where
    receipt time applies. `channel` tells sensors of one message apart ("0" where there is one).
    """

    key: str
    quantity: str
    value: float
    unit: str | None
    time_ns: int | None
    channel: str = "0"
    local: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder makes of one message.

    Parameters
    ----------
    readings : mapping of str to list of Reading
        Per device id in the body (most formats: one).
    identity : str
        What makes the message unique by its format's own counter and session; "" where it has none.
    dropped : list of (str, Reason value)
        Per-entry losses: key and reason; they count in the ledger of readings.
    note : str
        Why there is no reading, where the message legally has none ("join", "status", "void hour").
    """

    readings: Mapping[str, list[Reading]] = field(default_factory=dict)
    identity: str = ""
    dropped: tuple[tuple[str, str], ...] = ()
    note: str = ""


class SeriesKey:
    """Measurement and tag values of one series, in the order of the bucket's schema.

    Make one per series and keep it: what a store prepares for a series, it finds by its hash, or
    leaves in `prepared`, where the last one to do so finds it without looking.
    """

    __slots__ = ("_hash", "measurement", "prepared", "tags")

    def __init__(self, measurement: str, tags: tuple[str, ...]) -> None:
        self.measurement = measurement
        self.tags = tags
        self._hash = hash((measurement, tags))
        self.prepared: Any = None  # (whose it is, what), or None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SeriesKey)
            and self.measurement == other.measurement
            and self.tags == other.tags
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"SeriesKey({self.measurement!r}, {self.tags!r})"


FieldValue = float | int | str
Fields = Mapping[str, FieldValue]


class Point(NamedTuple):
    """One point of a store: series, UTC time in ns (interval start), field values."""

    series: SeriesKey
    time_ns: int
    fields: Fields
