"""The decoders by name: what a route may name.

Each is a pure function `(Message, Context) -> Decoded` that raises nothing but `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ingest.decoders import (
    airgradient,
    cayenne_lpp,
    chirpstack_v3,
    chirpstack_v4,
    dutch_api,
    esphome_plain,
    hfp,
    homie,
    plain_csv,
    plain_json,
    rtl_433,
    senml_cbor,
    senml_json,
    sensor_community,
    sensorthings,
    smartcitizen,
    sparkplug_b,
    tasmota,
    telraam,
    tts_v3,
    zigbee2mqtt,
)
from ingest.decoders.base import Context, Decoder

DECODERS: Final[Mapping[str, Decoder]] = MappingProxyType(
    {
        "airgradient": airgradient.decode,
        "cayenne_lpp": cayenne_lpp.decode,
        "chirpstack_v3": chirpstack_v3.decode,
        "chirpstack_v4": chirpstack_v4.decode,
        "dutch_api": dutch_api.decode,
        "esphome_plain": esphome_plain.decode,
        "hfp": hfp.decode,
        "homie": homie.decode,
        "plain_csv": plain_csv.decode,
        "plain_json": plain_json.decode,
        "rtl_433": rtl_433.decode,
        "senml_cbor": senml_cbor.decode,
        "senml_json": senml_json.decode,
        "sensor_community": sensor_community.decode,
        "sensorthings": sensorthings.decode,
        "smartcitizen": smartcitizen.decode,
        "sparkplug_b": sparkplug_b.decode,
        "tasmota": tasmota.decode,
        "telraam": telraam.decode,
        "tts_v3": tts_v3.decode,
        "zigbee2mqtt": zigbee2mqtt.decode,
    }
)

__all__ = ["DECODERS", "Context", "Decoder"]
