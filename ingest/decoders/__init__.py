"""The decoders by name: what a route may name.

Each is a pure function `(Message, Context) -> Decoded` that raises nothing but `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ingest.decoders import plain_json, senml_json, sensor_community, telraam, tts_v3
from ingest.decoders.base import Context, Decoder

DECODERS: Final[Mapping[str, Decoder]] = MappingProxyType(
    {
        "senml_json": senml_json.decode,
        "tts_v3": tts_v3.decode,
        "sensor_community": sensor_community.decode,
        "telraam": telraam.decode,
        "plain_json": plain_json.decode,
    }
)

__all__ = ["DECODERS", "Context", "Decoder"]
