"""Sparkplug B: metrics of edge nodes and their devices, in Protocol Buffers.

A birth names every metric, gives it an alias and a datatype, and holds its present value; data
messages have the alias only, which the last birth of the same edge node resolves. Integers travel
in two's complement and are signed again by their datatype. The time of a metric beats that of the
message.

References
----------
.. [1] Eclipse Sparkplug 3.0.0, chapter 6; eclipse/tahu, sparkplug_b/sparkplug_b.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ingest.decoders import keys, times
from ingest.decoders.base import MAX_PAYLOAD_BYTES, MAX_READINGS, Context
from ingest.decoders.protobuf import fields
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import SWITCHES, names, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_WITH_VALUES: Final = frozenset(names("NBIRTH DBIRTH NDATA DDATA"))
_CONTROL: Final = ("Node Control/", "Device Control/", "Node Info/", "Properties/")
_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_BOOLEAN: Final = 11
_NOT_MEASURED: Final = frozenset((13,))  # DateTime
_UNIT_NAMES: Final = frozenset(("engunit", "engunits", "unit", "units", "engineeringunit"))


@dataclass(slots=True)
class Metric:
    """One metric of a payload; `value` is None where it has none that is a number."""

    name: str = ""
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int = 0
    is_null: bool = False
    value: float | None = None
    unit: str = ""
    raw: dict[int, int | bytes] = field(default_factory=dict)


class _Births(NamedTuple):
    """The metrics of a birth by alias and by name."""

    aliases: dict[int, Metric]
    names: dict[str, Metric]

    def find(self, metric: Metric) -> Metric | None:
        """The metric of the birth that a metric of a data message is."""
        if metric.name:
            return self.names.get(metric.name)
        return self.aliases.get(metric.alias) if metric.alias is not None else None

    def take(self, metrics: list[Metric]) -> None:
        """Adds the metrics of a birth."""
        self.aliases.update({item.alias: item for item in metrics if item.alias is not None})
        self.names.update({item.name: item for item in metrics if item.name})

    def clear(self) -> None:
        """Forgets a session."""
        self.aliases.clear()
        self.names.clear()


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a birth or data message, under `<group>/<edge>[/<device>]`.

    `Reading.key` is the metric's name. A metric whose alias no birth explains is dropped.

    Raises
    ------
    DecodeError
        SYNTAX for bytes that are no payload, TIME for an impossible time, DEVICE for a topic that
        names no edge node.
    """
    levels = message.topic.split("/")
    kind = levels[2] if len(levels) > 2 else ""
    if kind not in _WITH_VALUES or levels[1] == "STATE":
        return Decoded(note=(kind or "state")[:40])
    moment, metrics = payload_of(message)
    own = "/".join([levels[1], *levels[3:]]) if len(levels) > 3 and levels[3] else ""
    device = in_grammar(own, message, context)
    births = _births(levels, context) if kind.endswith("DATA") else _Births({}, {})
    dropped: list[tuple[str, str]] = []
    rows = list(_rows(metrics, births, moment, dropped))
    if len(rows) > MAX_READINGS:
        raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one message")
    note = "" if rows else "no metric with a value"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def payload_of(message: Message) -> tuple[int | None, list[Metric]]:
    """Time of a payload in ms and its metrics.

    Raises
    ------
    DecodeError
        TOO_LARGE, or SYNTAX for bytes that are no payload.
    """
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(Reason.TOO_LARGE, f"{len(message.payload)} bytes")
    if not message.payload:
        raise DecodeError(Reason.SYNTAX, "the payload is empty")
    moment: int | None = None
    metrics = []
    for number, content in fields(message.payload):
        if number == 1 and isinstance(content, int):
            moment = content
        elif number == 2 and isinstance(content, bytes):
            metrics.append(_metric(content))
    return moment, metrics


def _rows(
    metrics: list[Metric],
    births: _Births,
    moment: int | None,
    dropped: list[tuple[str, str]],
) -> Iterator[Reading]:
    for raw in metrics:
        metric = _resolved(raw, births)
        if not metric.name:
            dropped.append((f"alias {metric.alias}", Reason.UNMAPPED.value))
            continue
        if metric.name == "bdSeq" or metric.name.startswith(_CONTROL):
            continue
        if metric.is_null or metric.value is None or metric.datatype in _NOT_MEASURED:
            dropped.append((metric.name[:60], Reason.NO_VALUE.value))
            continue
        quantity, unit = _meaning(metric)
        stamp = metric.timestamp_ms or moment
        time_ns = times.epoch(stamp).ns if stamp else None
        yield Reading(metric.name[:120], quantity, metric.value, unit, time_ns)


def _meaning(metric: Metric) -> tuple[str, str | None]:
    parts = metric.name.split("/")
    joined = " ".join(parts[-2:])  # "water/temperature" says more than "temperature"
    known = keys.meaning(joined) or keys.meaning_in(parts[-1]) or keys.meaning_in(joined)
    written = unit_text(metric.unit) if metric.unit else None
    if known is None or not (written is None or keys.fits(known.quantity, written)):
        return "", written
    if known.quantity == "battery":
        return ("battery_voltage" if written in ("V", "mV") else "battery_level"), written or "%"
    if metric.datatype == _BOOLEAN and known.quantity not in SWITCHES:
        return "", "1"
    return known.quantity, written or known.unit


def _resolved(metric: Metric, births: _Births) -> Metric:
    """The metric with name, datatype and unit of its birth."""
    birth = births.find(metric)
    if birth is not None:
        metric.name = metric.name or birth.name
        metric.datatype = metric.datatype or birth.datatype
        metric.unit = metric.unit or birth.unit
    metric.value = _value(metric.raw, metric.datatype)
    return metric


def _births(levels: list[str], context: Context) -> _Births:
    """The births that hold for a data message: of its edge node's session, and of its device.

    The last birth of the node begins the session; its death, and that of the device, ends it.
    """
    found = _Births({}, {})
    session: float | None = None
    for earlier in context.earlier:
        parts = earlier.topic.split("/")
        if len(parts) < 4 or (parts[1], parts[3]) != (levels[1], levels[3]):
            continue
        kind, is_own = parts[2], parts[4:] == levels[4:]
        if kind not in ("NBIRTH", "NDEATH") and not (is_own and kind in ("DBIRTH", "DDEATH")):
            continue
        try:
            _, metrics = payload_of(earlier)
        except DecodeError:
            continue
        number = _session_number(metrics)
        if kind == "NDEATH" and number != session:
            continue  # the will of an earlier connection
        if kind == "NBIRTH":
            session = number
        if kind != "DBIRTH" or is_own:
            found.clear()
        if kind in ("NBIRTH", "DBIRTH") and is_own:
            found.take(metrics)
    return found


def _session_number(metrics: list[Metric]) -> float | None:
    return next((_value(item.raw, item.datatype) for item in metrics if item.name == "bdSeq"), None)


def _metric(data: bytes) -> Metric:
    metric = Metric()
    for number, content in fields(data):
        if isinstance(content, bytes):
            if number == 1:
                metric.name = content.decode("utf-8", "replace")
            elif number == 9:
                metric.unit = _unit(content) or metric.unit
        if number in (10, 11, 12, 13, 14, 15, 16, 17, 18):
            metric.raw[number] = content
        elif isinstance(content, int):
            _take_number(metric, number, content)
    return metric


def _take_number(metric: Metric, number: int, content: int) -> None:
    if number == 2:
        metric.alias = content
    elif number == 3:
        metric.timestamp_ms = content
    elif number == 4:
        metric.datatype = content
    elif number == 7:
        metric.is_null = bool(content)


def _value(raw: Mapping[int, int | bytes], datatype: int) -> float | None:
    for number, content in raw.items():
        if not isinstance(content, int):
            continue
        if number in (10, 11):
            return float(_signed(content, datatype))
        if number in (12, 13):
            return _float(content, 4 if number == 12 else 8)
        if number == 14:
            return float(bool(content))
    return None


def _signed(value: int, datatype: int) -> int:
    bits = _SIGNED_BITS.get(datatype)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _float(value: int, size: int) -> float | None:
    data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    number = struct.unpack("<f" if size == 4 else "<d", data)[0]
    return number if math.isfinite(number) else None


def _unit(data: bytes) -> str:
    """The engineering unit among a metric's properties (PropertySet: keys 1, values 2)."""
    keys_found: list[str] = []
    values: list[bytes] = []
    for number, content in fields(data):
        if isinstance(content, bytes):
            if number == 1:
                keys_found.append(content.decode("utf-8", "replace"))
            elif number == 2:
                values.append(content)
    for name, content in zip(keys_found, values, strict=False):
        if name.casefold().replace("_", "").replace(" ", "") in _UNIT_NAMES:
            for number, part in fields(content):
                if number == 8 and isinstance(part, bytes):
                    return part.decode("utf-8", "replace")
    return ""
