"""A decoder process on two pipes: one JSON request per line in, one JSON answer per line out.

Each line stands alone. A request holds `topic`, `payload_base64`, `received_at`, and as far as
they matter `format`, `timezone`, `retain`, `qos`, `map` and `codec` (what a device registry would
hold) and `context` (earlier messages of a stateful format). The answer is `{"readings": [...]}` or
`{"error": "..."}`.

Without a registry there is no device model. So the generic key table speaks for it: readings it
does not know are left out, impossible values are marked `"quality": "bad"`, and a device that the
payload does not name is looked for in the topic. A LoRaWAN device is its DevEUI, because the names
of a network server mean something to its registry only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from ingest import mapped
from ingest.decoders import DECODERS, Context, tts_v3
from ingest.decoders.describe import described
from ingest.decoders.plausible import reason_against
from ingest.decoders.topics import device_level
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading
from livinglab.timeline import SECOND_NS, parse_instant, to_text

#: A device clock further ahead of the receipt than this is wrong.
MAX_AHEAD_NS: Final = 300 * SECOND_NS

# What the topic of a message says about its format, where the request does not.
_TOPICS: Final[tuple[tuple[str, str], ...]] = (
    (r"^v3/[^/]+/devices/", "tts_v3"),
    (r"^application/\d+/(device|node)/", "chirpstack_v3"),
    (r"^application/", "chirpstack_v4"),
    (r"^(tele|stat)/|/(SENSOR|STATUS8|STATUS10)$", "tasmota"),
    (r"^zigbee2mqtt/", "zigbee2mqtt"),
    (r"^spBv1\.0/", "sparkplug_b"),
    (r"^homie/", "homie"),
    (r"^device/sck/", "smartcitizen"),
    (r"^airgradient/", "airgradient"),
    (r"^rtl_433/", "rtl_433"),
    (r"^/?hfp/", "hfp"),
    (r"telraam", "telraam"),
    (r"^sensor\.community/|airrohr|luftdaten", "sensor_community"),
    (r"^lpp/", "cayenne_lpp"),
    (r"senml-cbor|senml\+cbor|senmlc", "senml_cbor"),
    (r"senml", "senml_json"),
    (r"^v1\.[01]/(Observations|(Multi)?Datastreams)", "sensorthings"),
    (r"^bulk/|[/.]csv$", "plain_csv"),
    (r"^poll/", "dutch_api"),
    (r"/(binary_)?sensor/[^/]+/state$|^[^/]+/status$", "esphome_plain"),
    (r"^living-lab/|json|(^|[/_-])(readings?|telemetry|measurements?)$", "plain_json"),
)


def serve(lines: Iterable[bytes]) -> Iterator[bytes]:
    """One answer line per request line, in order."""
    for line in lines:
        if line.strip():
            yield msgspec.json.encode(answer_line(line)) + b"\n"


def answer_line(line: bytes) -> dict[str, Any]:
    """Answer to one request; nothing but a request that is no JSON object goes unexplained."""
    try:
        request = msgspec.json.decode(line)
        if not isinstance(request, dict):
            return {"error": "the request is no JSON object"}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return {"error": f"the request is no JSON: {error}"}
    number = {"n": request["n"]} if "n" in request else {}
    try:
        return {**number, "readings": _readings(request)}
    except DecodeError as error:
        return {**number, "error": f"{error.reason}: {error.message}"}
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        return {**number, "error": f"incomplete request: {error}"}


def format_of(topic: str) -> str | None:
    """The format that the usual topics name, None where none does."""
    return next((name for pattern, name in _TOPICS if re.search(pattern, topic)), None)


def decode(message: Message, format_name: str | None, context: Context) -> Decoded:
    """What the decoder of a format makes of a message, the device from the topic if need be.

    Raises
    ------
    DecodeError
        NOT_CLAIMED where there is no such decoder, and all that the decoder raises.
    """
    decoder = DECODERS.get(format_name or "")
    if decoder is None:
        raise DecodeError(Reason.NOT_CLAIMED, f"no decoder for {format_name or 'this topic'}")
    try:
        return decoder(message, context)
    except DecodeError as error:
        if error.reason is not Reason.DEVICE or context.device != "payload":
            raise
        by_topic = f"topic:{device_level(message.topic)}"
        return decoder(message, replace(context, device=by_topic))


def _decode_as(format_name: str, message: Message, context: Context) -> Decoded:
    return decode(message, format_name, context)


def _readings(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    message = _message(request)
    earlier = tuple(_message(item) for item in request.get("context") or ())
    codec = str(request.get("codec") or "")
    context = Context(timezone=request.get("timezone") or "", codec=codec, earlier=earlier)
    name = request["format"] if "format" in request else format_of(message.topic)
    registered = request.get("map")
    if registered is not None and name is not None:
        decoder = partial(_decode_as, name)
        decoded = mapped.decode(message, name, context, registered, decoder)
    else:
        decoded = described(decode(message, name, context), name or "")
    if name == "tts_v3" and not (registered or {}).get("device"):
        decoded = _by_hardware(decoded, tts_v3.hardware_id(message))
    rows = [(device, row) for device, rows in decoded.readings.items() for row in rows]
    known = [(device, row) for device, row in rows if row.quantity]
    if known and all(_is_ahead(row, message) for _, row in known):
        raise DecodeError(Reason.CLOCK, "every time lies more than five minutes ahead")
    return [_entry(device, row, message) for device, row in known]


def _by_hardware(decoded: Decoded, eui: str) -> Decoded:
    if not eui:
        return decoded
    rows = [row for found in decoded.readings.values() for row in found]
    return replace(decoded, readings={eui: rows} if rows else {})


def _message(item: Mapping[str, Any]) -> Message:
    return Message(
        topic=item["topic"],
        payload=base64.b64decode(item["payload_base64"], validate=True),
        received_ns=parse_instant(item["received_at"]),
        qos=item.get("qos", 0),
        retain=bool(item.get("retain", False)),
    )


def _entry(device: str, row: Reading, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "device": device,
        "quantity": row.quantity,
        "value": row.value,
        "unit": row.unit,
        "raw": row.key,
    }
    if row.time_ns is not None:
        entry["time"] = to_text(row.time_ns)
    if row.local:
        entry["time_local"] = row.local
    if row.channel != "0":
        entry["channel"] = row.channel
    if _is_ahead(row, message) or reason_against(row) is not None:
        entry["quality"] = "bad"
    return entry


def _is_ahead(row: Reading, message: Message) -> bool:
    return row.time_ns is not None and row.time_ns > message.received_ns + MAX_AHEAD_NS
