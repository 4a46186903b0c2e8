"""ChirpStack v3 and LoRa Server: uplinks in the two JSON forms that were in use.

One form has EUIs in hex and the codec result in `object`; the other has EUIs in base64 and the
codec result as a text in `objectJSON`. No form has a time of its own: the earliest of the gateways'
counts, which is often missing.

References
----------
.. [1] thingsboard/data-converters, ChirpStack/uplink/payload_02.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ingest.decoders import chirpstack_v4, times, vendor
from ingest.decoders.base import Context
from ingest.decoders.json_guard import json_type, parse, parse_object, require_object
from ingest.decoders.lorawan import eui_of, read_frame, require_same_device
from ingest.decoders.topics import own_or_topic
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message

_SILENT: Final = frozenset(
    ("join", "ack", "txack", "error", "location", "integration", "proprietary", "tx")
)


def decode(message: Message, context: Context) -> Decoded:
    """Readings of an uplink, under the device EUI in lower hex.

    Identity is device EUI, frame counter and frame: these forms name no session.

    Raises
    ------
    DecodeError
        SYNTAX for the wrong containers, FORMAT for data that is no base64, TIME for an impossible
        time, DEVICE if topic and body name different devices.
    """
    body = parse_object(message.payload)
    event, _ = _topic_parts(message.topic)
    device = _device(body, message, context)
    if event in _SILENT:
        return Decoded(note=event)
    now = _clock(body)
    if event == "status":
        return chirpstack_v4.battery(body, device, now, "")
    content = _content(body)
    into = vendor.Collection(now, zone=context.timezone)
    vendor.read_object(content, into)
    note = "" if into.readings else "no numeric value"
    if not content:
        note = read_frame(body.get("data"), "data", body.get("fPort"), device, into, context)
    readings = {device: into.readings} if into.readings else {}
    identity = f"{device}/{body.get('fCnt', 0)}/{body.get('data')}"[:200]
    return Decoded(readings, identity, tuple(into.dropped), note)


def envelope(message: Message, context: Context) -> tuple[object, str, times.Instant]:
    """Codec result, device and time of an uplink: what a mapping by paths starts from.

    Raises
    ------
    DecodeError
        As `decode`.
    """
    body = parse_object(message.payload)
    return _content(body), _device(body, message, context), times.Instant(_clock(body))


def _content(body: Mapping[str, object]) -> Mapping[str, object]:
    content = body.get("object")
    if content is None and body.get("objectJSON") not in (None, ""):
        text = body["objectJSON"]
        if not isinstance(text, str):
            raise DecodeError(Reason.SYNTAX, f"objectJSON must be a text, not {json_type(text)}")
        content = parse(text.encode("utf-8"))
    return require_object(content if content is not None else {}, "object")


def _device(body: Mapping[str, object], message: Message, context: Context) -> str:
    eui = body.get("devEUI")
    in_topic = _topic_parts(message.topic)[1]
    if eui is None and in_topic:
        return own_or_topic(in_topic.lower(), message, context)
    if not isinstance(eui, str) or not eui.strip():
        raise DecodeError(Reason.SYNTAX, f"devEUI must be a text, not {json_type(eui)}")
    require_same_device(in_topic, eui_of(eui))
    return own_or_topic(eui_of(eui), message, context)


@lru_cache(maxsize=8192)
def _topic_parts(topic: str) -> tuple[str, str | None]:
    """Event and device of `application/{id}/device/{devEUI}/event/{event}`, or `.../rx`."""
    levels = topic.split("/")
    if len(levels) < 5 or levels[0] != "application" or levels[2] not in ("device", "node"):
        return "up", None
    return ("up" if levels[-1] == "rx" else levels[-1]), levels[3]


def _clock(body: Mapping[str, object]) -> int | None:
    receptions = body.get("rxInfo")
    entries = receptions if isinstance(receptions, list) else []
    found = [times.network_ns(item.get("time")) for item in entries if isinstance(item, dict)]
    known = [moment for moment in found if moment is not None]
    return min(known, default=None)
