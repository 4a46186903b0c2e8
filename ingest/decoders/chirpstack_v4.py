"""ChirpStack v4: events over MQTT in their JSON form.

Readings are in `object` of `up` events, in any of the shapes of `vendor`, and in the battery level
of `status` events. All other events are legal and have none; the `object` of an `integration` event
describes a modem. Time is the top-level `time`.

References
----------
.. [1] ChirpStack documentation, "MQTT" and "Event types".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ingest.decoders import times, vendor
from ingest.decoders.base import Context
from ingest.decoders.json_guard import json_type, parse_object, require_object
from ingest.decoders.lorawan import eui_of, read_frame, require_same_device
from ingest.decoders.topics import own_or_topic
from ingest.decoders.values import number
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_SILENT: Final = frozenset(("join", "ack", "txack", "log", "location", "integration"))


def decode(message: Message, context: Context) -> Decoded:
    """Readings of an uplink or a device status, under the device EUI in lower hex.

    Identity is `deduplicationId`, else device EUI, address and frame counter.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, FORMAT for data that is no base64, TIME for an impossible
        time, DEVICE if topic and body name different devices.
    """
    body = parse_object(message.payload)
    info = require_object(body.get("deviceInfo"), "deviceInfo")
    device = _device(info, message, context)
    event, _ = _topic_parts(message.topic)
    if event in _SILENT:
        return Decoded(note=event)
    now = _clock(body)
    if event == "status":
        return _status(body, device, now)
    into = vendor.Collection(now, zone=context.timezone)
    content = body.get("object")
    if content is not None:
        vendor.read_object(require_object(content, "object"), into)
    note = "" if into.readings else "no numeric value"
    if not content:
        note = read_frame(body.get("data"), "data", body.get("fPort"), device, into, context)
    readings = {device: into.readings} if into.readings else {}
    return Decoded(readings, _identity(body, device), tuple(into.dropped), note)


def envelope(message: Message, context: Context) -> tuple[object, str, times.Instant]:
    """Codec result, device and time of an uplink: what a mapping by paths starts from.

    Raises
    ------
    DecodeError
        As `decode`.
    """
    body = parse_object(message.payload)
    info = require_object(body.get("deviceInfo"), "deviceInfo")
    content = require_object(body.get("object") or {}, "object")
    return content, _device(info, message, context), times.Instant(_clock(body))


def battery(body: Mapping[str, object], device: str, now: int | None, identity: str) -> Decoded:
    """The battery level of a status event; with external power or no answer it means nothing."""
    level = number(body.get("batteryLevel"))
    if level is None or body.get("externalPowerSource") or body.get("batteryLevelUnavailable"):
        return Decoded({}, identity, note="status")
    row = Reading("batteryLevel", "battery_level", level, "%", now)
    return Decoded({device: [row]}, identity)


def _status(body: Mapping[str, object], device: str, now: int | None) -> Decoded:
    return battery(body, device, now, _identity(body, device))


def _device(info: Mapping[str, object], message: Message, context: Context) -> str:
    eui = info.get("devEui")
    if not isinstance(eui, str) or not eui.strip():
        raise DecodeError(Reason.SYNTAX, f"devEui must be a text, not {json_type(eui)}")
    require_same_device(_topic_parts(message.topic)[1], eui_of(eui))
    return own_or_topic(eui_of(eui), message, context)


@lru_cache(maxsize=8192)
def _topic_parts(topic: str) -> tuple[str, str | None]:
    """Event and device of `application/{id}/device/{devEui}/event/{event}`."""
    levels = topic.split("/")
    if len(levels) < 6 or levels[-6] != "application" or levels[-4] != "device":
        return "up", None
    return levels[-1], levels[-3]


def _clock(body: Mapping[str, object]) -> int | None:
    now = times.network_ns(body.get("time"))
    if now is not None:
        return now
    receptions = body.get("rxInfo")
    for reception in receptions if isinstance(receptions, list) else []:
        for name in ("nsTime", "gwTime", "time"):
            own = times.network_ns(reception.get(name)) if isinstance(reception, dict) else None
            if own is not None:
                return own
    return None


def _identity(body: Mapping[str, object], device: str) -> str:
    own = body.get("deduplicationId")
    if isinstance(own, str) and own:
        return own[:80]
    address = body.get("devAddr")
    return f"{device}/{address}/{body.get('fCnt', 0)}" if isinstance(address, str) else ""
