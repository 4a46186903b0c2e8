"""The Things Stack v3: uplinks of The Things Network and The Things Industries over MQTT.

Only `.../up` has readings; every other message kind is legal and has none. `decoded_payload` is
what the device's codec made of the frame, in any of the shapes of `vendor`; `normalized_payload`
says some of it again in one schema and fills what is missing. A frame without codec is kept in the
journal and has no reading.

Time is the network server's receipt (`uplink_message.received_at`), then the application server's,
then that of the gateway with the best clock; a sample's own time wins over all of them.

References
----------
.. [1] The Things Stack documentation, "Data Formats" and "MQTT Server".
.. [2] TheThingsNetwork/lorawan-devices, lib/payload.json (normalised payload).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ingest.decoders import normalized, times, vendor
from ingest.decoders.base import Context
from ingest.decoders.json_guard import (
    TYPED_FAILURES,
    is_simple,
    json_type,
    parse_object,
    require_object,
)
from ingest.decoders.lorawan import read_frame
from ingest.decoders.shapes import shape
from ingest.decoders.topics import own_or_topic, plain
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

# Names of the object that holds a message without readings.
_SILENT: Final = (
    "join_accept",
    "downlink_ack",
    "downlink_nack",
    "downlink_sent",
    "downlink_failed",
    "downlink_queued",
    "downlink_queue_invalidated",
    "location_solved",
    "service_data",
)
_Never = Literal["\x00"]


class _Ids(msgspec.Struct, gc=False):
    device_id: str
    dev_eui: str


class _Uplink(msgspec.Struct, gc=False):
    received_at: str
    session_key_id: str
    decoded_payload: dict[str, float]
    f_cnt: int = 0
    rx_metadata: list[msgspec.Raw] | UnsetType = UNSET
    normalized_payload: _Never | UnsetType = UNSET


class _Message(msgspec.Struct, gc=False):
    end_device_ids: _Ids
    uplink_message: _Uplink
    simulated: _Never | UnsetType = UNSET


_messages: Final = msgspec.json.Decoder(_Message)
_reading: Final = tuple.__new__  # a third of the time of the NamedTuple's own constructor


def decode(message: Message, context: Context) -> Decoded:
    """Readings of an uplink, under its `device_id`.

    `Reading.key` is the key in `decoded_payload` (its path where it is nested); identity is
    dev_eui, session and frame counter, or device id and time where the message lacks them.
    A simulated uplink has no readings: nobody measured them.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, FORMAT for a message of no known kind or a frame that is no
        base64, TIME for an impossible time, DEVICE if topic and body name different devices.
    """
    if is_simple(message.payload):
        try:
            usual = _decode_usual(_messages.decode(message.payload), message, context)
            if usual is not None:
                return usual
        except TYPED_FAILURES:
            pass  # the general way says what is wrong, or that nothing is
    return _decode_any(message, context)


def _decode_usual(body: _Message, message: Message, context: Context) -> Decoded | None:
    """The common message: flat numbers whose keys were seen before; None = not that common."""
    ids, uplink = body.end_device_ids, body.uplink_message
    values = uplink.decoded_payload
    rows = shape(tuple(values))
    now = times.network_ns(uplink.received_at)
    if not rows or now is None or not (ids.dev_eui and uplink.session_key_id):
        return None
    device = _device(ids.device_id, message, context)
    readings = [_reading(Reading, (key, "", values[key], None, now, "0", "")) for key in rows]
    return Decoded({device: readings}, f"{ids.dev_eui}/{uplink.session_key_id}/{uplink.f_cnt}")


def hardware_id(message: Message) -> str:
    """The DevEUI of a message, "" where it has none: what names the device on every server.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers.
    """
    ids = require_object(parse_object(message.payload).get("end_device_ids"), "end_device_ids")
    eui = ids.get("dev_eui")
    return eui.strip() if isinstance(eui, str) else ""


def envelope(message: Message, context: Context) -> tuple[object, str, times.Instant]:
    """Codec result, device and time of an uplink: what a mapping by paths starts from.

    Raises
    ------
    DecodeError
        As `decode`.
    """
    body = parse_object(message.payload)
    ids = require_object(body.get("end_device_ids"), "end_device_ids")
    uplink = require_object(body.get("uplink_message") or {}, "uplink_message")
    _require_types(uplink)
    is_real = body.get("simulated") is not True
    content = (uplink.get("decoded_payload") or {}) if is_real else {}
    device = _device(_text(ids, "device_id"), message, context)
    now = times.Instant(_clock(uplink, body))
    return require_object(content, "decoded_payload"), device, now


def _decode_any(message: Message, context: Context) -> Decoded:
    body = parse_object(message.payload)
    ids = require_object(body.get("end_device_ids"), "end_device_ids")
    device = _device(_text(ids, "device_id"), message, context)
    uplink = body.get("uplink_message")
    if uplink is None:
        return _without_uplink(body, message, device, context)
    if body.get("simulated") is True:
        return Decoded(note="simulated")
    return _uplink(require_object(uplink, "uplink_message"), body, ids, device, context)


def _uplink(
    uplink: Mapping[str, object],
    body: Mapping[str, object],
    ids: Mapping[str, object],
    device: str,
    context: Context,
) -> Decoded:
    _require_types(uplink)
    now = _clock(uplink, body)
    into = vendor.Collection(now, zone=context.timezone)
    decoded = uplink.get("decoded_payload")
    if decoded is not None:
        vendor.read_object(require_object(decoded, "decoded_payload"), into)
    for item in _normalized(uplink):
        normalized.read(item, into)
    identity = _identity(uplink, ids, device, now)
    note = "" if into.readings else "no numeric value"
    if decoded is None and not into.readings:
        frame = uplink.get("frm_payload")
        note = read_frame(frame, "frm_payload", uplink.get("f_port"), device, into, context)
    readings = {device: into.readings} if into.readings else {}
    return Decoded(readings, identity, tuple(into.dropped), note)


def _without_uplink(
    body: Mapping[str, object], message: Message, device: str, context: Context
) -> Decoded:
    event = body.get("uplink_normalized")
    if event is not None:
        uplink = require_object(event, "uplink_normalized")
        ids = require_object(body.get("end_device_ids"), "end_device_ids")
        found = _uplink({**uplink, "decoded_payload": None}, body, ids, device, context)
        # The same frame arrives as uplink_message too: that one must not count as its repetition.
        identity = f"{found.identity}/normalized" if found.identity else ""
        return replace(found, identity=identity)
    kind = next((name for name in _SILENT if name in body), "")
    if not kind and message.topic.endswith("/up"):
        text = "neither uplink_message nor another known message"
        raise DecodeError(Reason.FORMAT, text, hint="is this a message of The Things Stack v3?")
    return Decoded(note=kind or message.topic.rpartition("/")[2])


def _device(device_id: str, message: Message, context: Context) -> str:
    in_topic = _topic_device(message.topic)
    if in_topic not in (None, device_id) and plain(in_topic) != plain(device_id):
        text = f"the topic says device {in_topic[:60]!r}, the payload {device_id[:60]!r}"
        raise DecodeError(Reason.DEVICE, text, hint="correct the bridge that changes one of them")
    return own_or_topic(device_id, message, context)


@lru_cache(maxsize=8192)
def _topic_device(topic: str) -> str | None:
    """The device of `v3/{application}/devices/{device}/...`, None for a topic of another form."""
    levels = topic.split("/", 5)
    return levels[3] if len(levels) > 4 and levels[0] == "v3" and levels[2] == "devices" else None


def _text(node: Mapping[str, object], name: str) -> str:
    value = node.get(name)
    if isinstance(value, str) and value.strip():
        return value
    raise DecodeError(Reason.SYNTAX, f"{name} must be a text, not {json_type(value)}")


def _require_types(uplink: Mapping[str, object]) -> None:
    counter = uplink.get("f_cnt")
    if counter is not None and type(counter) is not int:
        raise DecodeError(Reason.SYNTAX, f"f_cnt must be a number, not {json_type(counter)}")
    received = uplink.get("received_at")
    if not isinstance(received, str | None):
        text = f"received_at must be a text, not {json_type(received)}"
        raise DecodeError(Reason.SYNTAX, text)
    metadata = uplink.get("rx_metadata")
    if not isinstance(metadata, list | None):
        raise DecodeError(Reason.SYNTAX, f"rx_metadata must be an array, not {json_type(metadata)}")


def _clock(uplink: Mapping[str, object], body: Mapping[str, object]) -> int | None:
    for source in (uplink, body):
        now = times.network_ns(source.get("received_at"))
        if now is not None:
            return now
    return _gateway_clock(uplink)


def _gateway_clock(uplink: Mapping[str, object]) -> int | None:
    """The gateways' own time: GPS first, then whatever they believe."""
    metadata = uplink.get("rx_metadata")
    items = metadata if isinstance(metadata, list) else []
    entries = [item for item in items if isinstance(item, dict)]
    for name in ("gps_time", "time"):
        for entry in entries:
            now = times.network_ns(entry.get(name))
            if now is not None:
                return now
    return None


def _normalized(uplink: Mapping[str, object]) -> list[Mapping[str, object]]:
    content = uplink.get("normalized_payload")
    items = content if isinstance(content, list) else [content]
    return [item for item in items if isinstance(item, dict)]


def _identity(
    uplink: Mapping[str, object], ids: Mapping[str, object], device: str, now: int | None
) -> str:
    eui, session = ids.get("dev_eui"), uplink.get("session_key_id")
    if eui and session:
        return f"{eui}/{session}/{uplink.get('f_cnt') or 0}"
    return f"{device}/{now}" if now is not None else ""
