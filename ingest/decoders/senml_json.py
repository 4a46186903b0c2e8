"""SenML JSON (RFC 8428, section 5): the labs' own format.

The usual record is read by a typed parser; whatever is unusual (texts, sums, base values, unknown
labels, escapes, errors) goes the general way, with the same result.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from ingest.decoders import senml
from ingest.decoders.base import MAX_PAYLOAD_BYTES, MAX_READINGS, Context
from ingest.decoders.json_guard import LONGEST, TYPED_FAILURES, json_type, parse
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading


class _Record(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    v: float
    bn: str | UnsetType = UNSET
    bt: float | UnsetType = UNSET
    bu: str | UnsetType = UNSET
    n: str = ""
    u: str = ""
    t: float = 0.0


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
    if context.device == "payload" and len(payload) <= MAX_PAYLOAD_BYTES:
        try:
            return _decode_usual(_records.decode(payload), message)
        except TYPED_FAILURES:
            pass  # the general way says what is wrong, or that nothing is
    return _decode_any(message, context)


def _decode_usual(records: list[_Record], message: Message) -> Decoded:
    readings: dict[str, list[Reading]] = {}
    rows: list[Reading] = []
    rest = base_unit = ""
    base_time = seconds = 0.0
    moment: int | None = None
    has_urn = False
    unset, meant = UNSET, senml.meant  # local names: this loop is the hottest of the decoder
    for record in records:
        if record.bn is not unset:
            device, rest, has_urn = senml.base_parts(record.bn)
            rows = readings.setdefault(device, []) if device else rows
        if record.bu is not unset:
            base_unit = record.bu
        if record.bt is not unset:
            base_time = record.bt
        name = record.n
        if base_time + record.t != seconds:
            seconds = base_time + record.t
            moment = senml.time_ns(seconds, message.received_ns)
        key, quantity, unit, factor = meant(rest + name if rest else name, record.u or base_unit)
        value = record.v
        if factor != 1.0 or not (name or has_urn) or not -LONGEST < value < LONGEST:
            raise DecodeError(Reason.FORMAT, "unusual")
        rows.append(_reading(Reading, (key, quantity, value, unit, moment, "0", "")))
    if not readings or len(records) > MAX_READINGS:
        raise DecodeError(Reason.FORMAT, "unusual")
    return Decoded(readings)


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
