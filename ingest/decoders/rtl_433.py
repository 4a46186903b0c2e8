"""rtl_433: events of radio sensors in JSON.

Model and id name the sensor; ids change when a battery is changed. Units are the ends of the keys.
`time` is local without offset by default. A rain amount is a running total. Radio repeats arrive
several times in a second.

References
----------
.. [1] merbanan/rtl_433, docs/DATA_FORMAT.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders import keys, times
from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse_object
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import names, number_in
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_NOT_VALUES: Final = frozenset(
    names(
        "time model id channel type subtype mic mod freq freq1 freq2 rssi snr noise battery_ok "
        "battery sequence_num exception raw_msg device code msg flags sensor_type msg_type"
    )
)
_RENAMED: Final[Mapping[str, str]] = {
    "precipitation": "precipitation_cumulative",
    "sound_level": "",
}


def decode(message: Message, context: Context) -> Decoded:
    """Readings of one event, under `<model>/<id>`.

    Raises
    ------
    DecodeError
        SYNTAX for anything but an object, FORMAT without model, TIME for an impossible time.
    """
    if not message.topic.endswith("events") and not message.payload.lstrip().startswith(b"{"):
        return Decoded(note="not an event")
    body = parse_object(message.payload)
    model = body.get("model")
    if not isinstance(model, str) or not model.strip():
        raise DecodeError(Reason.FORMAT, "an event names its model")
    identifier = body.get("id", body.get("channel"))
    own = f"{model}/{identifier}" if isinstance(identifier, str | int) else model
    device = in_grammar(own, message, context)
    if body.get("type") == "TPMS":
        return Decoded(note="a tyre")
    moment = _clock(body.get("time"), context.timezone)
    rows, dropped = [], []
    for key, content in body.items():
        if key in _NOT_VALUES or isinstance(content, bool | dict | list):
            continue
        value = number_in(content)
        quantity, unit = _meaning(key, body)
        if value is not None:
            rows.append(Reading(key[:60], quantity, value, unit, moment.ns, "0", moment.local))
        elif quantity:
            dropped.append((key[:60], Reason.NO_VALUE.value))
    note = "" if rows else "no measurement"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _clock(value: object, zone: str) -> times.Instant:
    """Time of an event; "@0.5s" counts from the start of a recording and is none."""
    if isinstance(value, str) and value.startswith("@"):
        return times.UNSET
    return times.instant(value, zone)


def _meaning(key: str, body: Mapping[str, object]) -> tuple[str, str | None]:
    known = keys.meaning(key)
    if known is None:
        return "", None
    quantity = _RENAMED.get(known.quantity, known.quantity)
    if quantity == "temperature" and "humidity" in body and known.channel == "0":
        quantity = "air_temperature"
    if quantity == "battery":
        return "", None
    return quantity, known.unit
