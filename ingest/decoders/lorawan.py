"""What LoRaWAN network servers have in common: undecoded frames and device EUIs."""

from __future__ import annotations

import binascii

from ingest.decoders import vendor
from ingest.decoders.base import Context
from ingest.decoders.codecs import CODECS
from ingest.decoders.json_guard import json_type, require_base64
from ingest.decoders.topics import plain
from livinglab.errors import DecodeError, Reason

UNDECODED = "not decoded: no codec in the network server, and the device's model names none"


def read_frame(
    frame: object, name: str, port: object, device: str, into: vendor.Collection, context: Context
) -> str:
    """Adds what the device's codec makes of an undecoded frame; the note where that is nothing.

    The codec is that of the request or of the device's model; without one the frame stays bytes.

    Raises
    ------
    DecodeError
        SYNTAX or FORMAT, if the frame is there and no base64 text, or does not fit the codec.
    """
    if frame is None or frame == "":
        return "no payload"
    if not isinstance(frame, str):
        raise DecodeError(Reason.SYNTAX, f"{name} must be a text, not {json_type(frame)}")
    data = require_base64(frame)
    model = context.model_of(device)
    codec = CODECS.get(context.codec or (model.codec if model is not None else ""))
    if codec is None:
        return UNDECODED
    vendor.read_object(codec(data, port if type(port) is int else 0), into)
    return "" if into.readings else "no measurement in the frame"


def eui_of(text: str) -> str:
    """An EUI in lower hex, from hex or from the base64 that older servers write.

    Examples
    --------
    >>> eui_of("A84041F621857CD2"), eui_of("AgICAgICAgI=")
    ('a84041f621857cd2', '0202020202020202')
    """
    if len(text) == 12 and text.endswith("="):
        try:
            return binascii.a2b_base64(text).hex()
        except binascii.Error:
            return text.lower()
    return text.lower()


def require_same_device(in_topic: str | None, own: str) -> None:
    """Refuses a message whose topic names another device than its body.

    Raises
    ------
    DecodeError
        DEVICE, with both names.
    """
    if in_topic is not None and plain(in_topic) != plain(own):
        text = f"the topic says device {in_topic[:60]!r}, the payload {own[:60]!r}"
        raise DecodeError(Reason.DEVICE, text, hint="correct the bridge that changes one of them")
