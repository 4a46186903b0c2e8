"""What a decoder is: a pure function from one message to `Decoded`, or a `DecodeError`.

A decoder reads no file, clock, network or log. Adding a format is adding one module with a function
of this shape and naming it in `ingest.decoders.DECODERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from livinglab.model import Decoded, Message
from livinglab.registry import DeviceModel

MAX_PAYLOAD_BYTES: Final = 262_144
MAX_DEPTH: Final = 32
MAX_READINGS: Final = 5_000
MAX_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Context:
    """What the route tells the decoder.

    Parameters
    ----------
    device : str
        "payload" or "topic:N": where the device id is.
    timezone : str
        IANA zone of device clocks without offset; "" = none is configured.
    model_of : callable
        Device id -> model, None where unknown; only the mapped plain formats need it.
    codec : str
        The codec of undecoded frames, "" = that of the device's model, if it names one.
    earlier : tuple of Message
        What the stateful formats need from before: births, unit attributes, descriptions of
        data streams, oldest first.
    """

    device: str = "payload"
    timezone: str = ""
    model_of: Callable[[str], DeviceModel | None] = lambda _device: None
    codec: str = ""
    earlier: tuple[Message, ...] = ()


Decoder = Callable[[Message, Context], Decoded]
