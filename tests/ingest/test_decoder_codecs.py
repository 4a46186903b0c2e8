"""Codecs of LoRaWAN frames: by table, short-read safe, and only where somebody names them."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decoder_answers import ask, read
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders import DECODERS, Context
from ingest.decoders.codecs import CODECS
from livinglab.config import load_registry
from livinglab.config.values import CODECS as NAMES
from livinglab.errors import DecodeError
from livinglab.model import Message

CONFIG = Path(__file__).parents[2] / "config"
UPLINK = "v3/lab@ttn/devices/n-1/up"
HALF = 0x8000  # the zero of Decentlab's signed words


def words(*values: int) -> str:
    return "".join(f"{value & 0xFFFF:04x}" for value in values)


def uplink(frame: str, port: int = 6) -> dict[str, Any]:
    content = {"f_port": port, "received_at": "2025-08-29T10:00:00Z"}
    data = base64.b64encode(bytes.fromhex(frame)).decode()
    return {
        "end_device_ids": {"device_id": "n-1"},
        "uplink_message": {**content, "frm_payload": data},
    }


def decoded(codec: str, frame: str, port: int = 6) -> dict[str, tuple[float, str | None]]:
    rows = read("tts_v3", UPLINK, uplink(frame, port), codec=codec)
    return {quantity: (value, unit) for _, quantity, value, unit in rows}


@pytest.mark.parametrize(
    ("codec", "frame", "expected"),
    [
        (
            "elsys-tlv",
            "01ff9c 0237 040190 0503 060258 070e10 0e04d2 14000f6d1a 15402d 1c0064",
            {
                "air_temperature": (-10.0, "Cel"),
                "relative_humidity": (55.0, "%"),
                "illuminance": (400.0, "lx"),
                "motion": (3.0, "1"),
                "co2": (600.0, "ppm"),
                "battery_voltage": (3600.0, "mV"),
                "distance": (1234.0, "mm"),
                "air_pressure": (1010.97, "hPa"),
                "sound_level_peak": (64.0, "dB"),
                "sound_level": (45.0, "dB"),
                "tvoc": (100.0, "ppb"),
            },
        ),
        ("elsys-tlv", "01006e ee 0237", {"temperature": (11.0, "Cel")}),
        ("elsys-tlv", "01006e 02", {"temperature": (11.0, "Cel")}),
        (
            "milesight-tlv",
            "017564 0367d2ff 04687b 050001 06cb02 077d5802 08e66400 09738127 0b7d0700 0c7d0900",
            {
                "battery_level": (100.0, "%"),
                "air_temperature": (-4.6, "Cel"),
                "relative_humidity": (61.5, "%"),
                "motion": (1.0, "1"),
                "light_level": (2.0, "1"),
                "co2": (600.0, "ppm"),
                "tvoc": (100.0, "ug/m3"),
                "air_pressure": (1011.3, "hPa"),
                "pm2_5": (7.0, "ug/m3"),
                "pm10": (9.0, "ug/m3"),
            },
        ),
        ("milesight-tlv", "01755a 050001", {"battery_level": (90.0, "%")}),
        (
            "milesight-tlv",
            "055b05 0a02 f401 5802",
            {
                "sound_level_la": (52.2, "dB(A)"),
                "sound_level_laeq": (50.0, "dB(A)"),
                "sound_level_lamax": (60.0, "dB(A)"),
            },
        ),
        ("milesight-tlv", "ff0bff ff0100 03820605", {"distance": (1286.0, "mm")}),
        ("milesight-tlv", "05cc0300 0400", {"count_in": (3.0, "1"), "count_out": (4.0, "1")}),
        ("milesight-tlv", "0377c800 20ce", {"water_depth": (200.0, "cm")}),
        (
            "netvox",
            "010b01 24 ffce 1388 000000",
            {
                "battery_voltage": (3.6, "V"),
                "air_temperature": (-0.5, "Cel"),
                "relative_humidity": (50.0, "%"),
            },
        ),
        (
            "netvox",
            "013201 9e 01 000000000000",
            {"battery_voltage": (3.0, "V"), "water_leak": (1.0, "1")},
        ),
        (
            "netvox",
            "010507 00 1770 ffff 0226 00",
            {"co2": (600.0, "ppm"), "sound_level": (55.0, "dB")},
        ),
        (
            "netvox",
            "010502 24 0004 0007 0009 00",
            {
                "battery_voltage": (3.6, "V"),
                "pm1": (4.0, "ug/m3"),
                "pm2_5": (7.0, "ug/m3"),
                "pm10": (9.0, "ug/m3"),
            },
        ),
        (
            "netvox",
            "015901 24 01 000000000000",
            {"battery_voltage": (3.6, "V"), "occupancy": (1.0, "1")},
        ),
        ("netvox", "010b00 0a 0b 20250101 0000", {}),
        ("bosch-parking", "01", {"occupancy": (1.0, "1")}),
        ("cayenne-lpp", "0367006e 056700dc", {"temperature": (22.0, "Cel")}),
        (
            "decentlab-tbrg",
            "020001 0003" + words(3, 600, 1000, 1, 3100),
            {
                "precipitation": (0.3, "mm"),
                "precipitation_cumulative": (6653.6, "mm"),
                "battery_voltage": (3.1, "V"),
            },
        ),
        ("decentlab-tbrg", "020001 0002" + words(3100), {"battery_voltage": (3.1, "V")}),
        (
            "decentlab-ctd10",
            "020001 0003" + words(HALF - 12, HALF + 105, 340, 0, 3100),
            {
                "water_temperature": (10.5, "Cel"),
                "electrical_conductivity": (340.0, "uS/cm"),
                "battery_voltage": (3.1, "V"),
            },
        ),
        (
            "decentlab-pm",
            "020001 000d" + words(3100, 0x67BD, 0x618D, 50_000),
            {
                "battery_voltage": (3.1, "V"),
                "air_temperature": (pytest.approx(24.3566, abs=1e-4), "Cel"),
                "relative_humidity": (pytest.approx(41.6322, abs=1e-4), "%"),
                "air_pressure": (100_000.0, "Pa"),
            },
        ),
    ],
)
def test_codec_reads_a_frame(
    codec: str, frame: str, expected: dict[str, tuple[float, str | None]]
) -> None:
    port = 1 if codec == "bosch-parking" else 6
    assert decoded(codec, frame.replace(" ", ""), port) == expected


def test_codec_of_a_weather_station() -> None:
    row = [HALF + 120, HALF + 200, HALF, HALF, HALF + 250, HALF + 2705, HALF + 410, HALF - 31]
    row += [HALF + 61, HALF + 9981, HALF + 800, HALF - 20, HALF, HALF, HALF + 9, HALF + 5, HALF - 5]
    found = decoded("decentlab-atm41", "0200010003" + words(*row, 3100))
    assert found["air_temperature"] == (-3.1, "Cel")
    assert found["wind_speed"] == (2.5, "m/s")
    assert found["wind_gust"] == (4.1, "m/s")
    assert found["wind_direction"] == (270.5, "deg")
    assert found["precipitation"] == (0.2, "mm")
    assert found["air_pressure"] == (99.81, "kPa")
    assert found["device_temperature"] == (-2.0, "Cel")


@pytest.mark.parametrize(
    ("codec", "frame"),
    [
        ("elsys-tlv", "ee01"),
        ("elsys-tlv", "01"),
        ("elsys-tlv", ""),
        ("milesight-tlv", "0367"),
        ("milesight-tlv", "9999"),
        ("netvox", "01f001240000000000"),
        ("netvox", "010b0124ff"),
        ("bosch-parking", "02"),
        ("bosch-parking", "0001"),
        ("cayenne-lpp", "036700"),
        ("decentlab-tbrg", "0100010003"),
        ("decentlab-tbrg", "0200010003" + words(3)),
        ("decentlab-tbrg", "0200010008" + words(3)),
    ],
)
def test_codec_refuses_a_frame_that_is_not_its_own(codec: str, frame: str) -> None:
    with pytest.raises(DecodeError, match=r"fit the codec|cut off|empty"):
        CODECS[codec](bytes.fromhex(frame), 1 if codec == "bosch-parking" else 6)


@pytest.mark.parametrize("codec", [None, "", "nobodys-codec"])
def test_frame_without_a_known_codec_stays_bytes(codec: str | None) -> None:
    assert ask("tts_v3", UPLINK, uplink("01006e"), codec=codec) == {"readings": []}


@pytest.mark.parametrize("name", ["chirpstack_v3", "chirpstack_v4"])
def test_every_network_server_hands_its_frame_to_the_codec(name: str) -> None:
    eui = "a84041f621857cd2"
    body = {"devEUI": eui, "deviceInfo": {"devEui": eui}, "fPort": 6, "data": "AQBu"}
    topic = f"application/1/device/{eui}/event/up"
    assert read(name, topic, body, codec="elsys-tlv") == [(eui, "temperature", 11.0, "Cel")]
    own = {**body, "object": {"temperature": 3}}
    assert read(name, topic, own, codec="elsys-tlv") == [(eui, "temperature", 3.0, "Cel")]


def test_device_model_names_the_codec_of_its_frames() -> None:
    model = replace(load_registry(CONFIG).models["milesight-ws302"], codec="milesight-tlv")
    payload = (
        b'{"end_device_ids":{"device_id":"n-1"},"uplink_message":{"frm_payload":"BVsFCgL0AVgC"}}'
    )
    message = Message(UPLINK, payload, 1_756_461_600_000_000_000)
    context = Context(model_of=lambda device: model if device == "n-1" else None)
    (rows,) = DECODERS["tts_v3"](message, context).readings.values()
    assert [(row.key, row.value) for row in rows] == [("la", 52.2), ("laeq", 50.0), ("lamax", 60.0)]
    assert {row.key for row in rows} <= model.keys.keys()
    assert not DECODERS["tts_v3"](message, Context(model_of=lambda _device: None)).readings


def test_configuration_knows_exactly_the_codecs_there_are() -> None:
    assert set(NAMES) == set(CODECS)


@pytest.mark.parametrize("name", sorted(CODECS))
@given(frame=st.binary(max_size=60), port=st.integers(0, 255))
def test_codec_of_any_bytes(name: str, frame: bytes, port: int) -> None:
    answer = ask("tts_v3", UPLINK, uplink(frame.hex(), port), codec=name)
    assert "readings" in answer or answer["error"]
