"""SenML JSON (RFC 8428, section 5): the labs' own format.

The usual record is read by a typed parser; whatever is unusual (texts, sums, base values, unknown
labels, escapes, errors) goes the general way, with the same result.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ingest.decoders import senml
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import is_simple, json_type, parse
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_Never = Literal["\x00"]  # no text without escapes matches: a label that is present is refused


class _Record(msgspec.Struct, gc=False):
    v: float
    bn: str | UnsetType = UNSET
    bt: float | UnsetType = UNSET
    bu: str | UnsetType = UNSET
    n: str = ""
    u: str = ""
    t: float = 0.0
    bver: _Never | UnsetType = UNSET
    bv: _Never | UnsetType = UNSET
    bs: _Never | UnsetType = UNSET
    vs: _Never | UnsetType = UNSET
    vb: _Never | UnsetType = UNSET
    vd: _Never | UnsetType = UNSET
    s: _Never | UnsetType = UNSET


_records: Final = msgspec.json.Decoder(list[_Record])
_reading: Final = tuple.__new__  # a third of the time of the NamedTuple's own constructor


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a SenML pack, by device: two base names in one message are two devices.

    `Reading.key` is the name after the device; time None means now, as does a time of 0.

    Raises
    ------
    DecodeError
        As `senml.decode_pack`, and for a payload that is no JSON array of objects.
    """
    payload = message.payload
    if b'_"' not in payload and context.device == "payload" and is_simple(payload):
        try:
            return _decode_usual(_records.decode(payload), message)
        except (msgspec.MsgspecError, DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the general way says what is wrong, or that nothing is
    return _decode_any(message, context)


def _decode_usual(records: list[_Record], message: Message) -> Decoded:
    readings: dict[str, list[Reading]] = {}
    rows: list[Reading] = []
    device = base_name = base_unit = ""
    base_time = seconds = 0.0
    moment: int | None = None
    for record in records:
        if record.bn is not UNSET:
            base_name = record.bn
        if record.bu is not UNSET:
            base_unit = record.bu
        if record.bt is not UNSET:
            base_time = record.bt
        meaning = senml.named(base_name, record.n, record.u or base_unit)
        if meaning.device != device or not rows:
            device = meaning.device
            rows = readings.setdefault(device, [])
        if not device or meaning.factor != 1.0 or len(rows) >= MAX_READINGS:
            raise DecodeError(Reason.FORMAT, "unusual")
        if base_time + record.t != seconds:
            seconds = base_time + record.t
            moment = senml.time_ns(seconds, message.received_ns)
        _, key, quantity, unit, channel, _ = meaning
        rows.append(_reading(Reading, (key, quantity, record.v, unit, moment, channel, "")))
    return Decoded(readings, note="" if readings else senml.NOTHING)


def _decode_any(message: Message, context: Context) -> Decoded:
    pack = parse(message.payload)
    if not isinstance(pack, list):
        text = f"a SenML pack is a JSON array, not {json_type(pack)}"
        raise DecodeError(Reason.SYNTAX, text, hint="RFC 8428: [{...}], also for one record")
    for record in pack:
        if not isinstance(record, dict):
            text = f"a SenML record is a JSON object, not {json_type(record)}"
            raise DecodeError(Reason.SYNTAX, text)
    return senml.decode_pack(pack, message, context)
