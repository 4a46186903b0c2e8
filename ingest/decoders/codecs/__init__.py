"""Codecs of LoRaWAN frames: what a maker's own codec makes of a frame that nobody decoded.

A device model names its codec; so does a request of `livinglab decode`. A codec is a pure function
`(frame, port) -> Mapping`: the object that the network server would have put into `decoded_payload`
or `object`, with the same keys, so that one device model reads both. A value whose unit the keys do
not tell is `{"value", "unit"}`. Without a codec a frame stays bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ingest.decoders import cayenne_lpp
from ingest.decoders.codecs import decentlab, elsys, milesight, netvox, parking

Codec = Callable[[bytes, int], Mapping[str, object]]


def _cayenne(frame: bytes, _port: int) -> Mapping[str, object]:
    return {
        row.key: {"value": row.value, "unit": row.unit} for row in cayenne_lpp.read_frame(frame)
    }


CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        "bosch-parking": parking.decode,
        "cayenne-lpp": _cayenne,
        "elsys-tlv": elsys.decode,
        "milesight-tlv": milesight.decode,
        "netvox": netvox.decode,
        **decentlab.CODECS,
    }
)

__all__ = ["CODECS", "Codec"]
