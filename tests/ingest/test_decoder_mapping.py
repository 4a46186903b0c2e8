"""Mapped formats: values by path or by the decoder's own key, each with its own time."""

from __future__ import annotations

from typing import Any

import pytest
from decoder_answers import ask, read

from ingest.decoders import mapping

LPP = bytes.fromhex("037d02640167ffd3")  # channel 3: 612 ppm; channel 1: -4.5 degC
WATER = {"quantity": "water_level", "unit": "cm"}


def entry(*values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"values": list(values), **more}


def value(key: str, quantity: str = "co2", unit: str = "ppm", **more: Any) -> dict[str, Any]:
    return {"key": key, "quantity": quantity, "unit": unit, **more}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a/1", 20),
        ("list/[id=7]/x", 1.5),
        ("list/[unit=m/s]/x", 3),
        ("list/[id=8]/x", mapping.MISSING),
        ("x/a/b", 5),
        ("a/9", mapping.MISSING),
        ("a/b/c", mapping.MISSING),
        ("", mapping.MISSING),
    ],
)
def test_at_points_into_a_document(path: str, found: object) -> None:
    items = [{"id": 7.0, "x": 1.5}, {"unit": "m/s", "x": 3}]
    assert mapping.at({"a": [10, 20], "list": items, "x": {"a/b": 5}}, path) == found


@pytest.mark.parametrize(
    ("format_name", "topic", "payload", "key", "expected"),
    [
        ("tts_v3", "v3/a/devices/n/up", "tts", "probe/level", ("n", 3.0, "2025-08-29T10:04:00Z")),
        ("cayenne_lpp", "lpp/n-7", LPP, "3/concentration", ("n-7", 612.0, None)),
        ("cayenne_lpp", "lpp/n-7", LPP, "concentration_3", ("n-7", 612.0, None)),
        ("esphome_plain", "yard/sensor/x/state", "12.5", "x", ("yard", 12.5, None)),
        ("homie", "homie/yard/n/x", "12.5", "n/x", ("yard", 12.5, None)),
        (
            "senml_json",
            "sensors/lab/senml",
            [{"bn": "urn:dev:ow:1:", "bt": 1756461600, "n": "a", "v": 1}, {"n": "b", "v": 2}],
            "[n=b]/v",
            ("ow:1", 2.0, "2025-08-29T10:00:00Z"),
        ),
        (
            "senml_json",
            "sensors/lab/senml",
            [{"bn": "urn:dev:ow:1:", "bt": 1756461600, "n": "a", "v": 1}, {"n": "b", "v": 2}],
            "1/v",
            ("ow:1", 2.0, "2025-08-29T10:00:00Z"),
        ),
        (
            "smartcitizen",
            "device/sck/secret/readings/raw",
            "{t:2025-08-29T10:00:00Z,160:3.5}",
            "160",
            ("sck-2bb80d537b1da3e3", 3.5, "2025-08-29T10:00:00Z"),
        ),
        (
            "tasmota",
            "tele/pond/SENSOR",
            {"Time": "2025-08-29T12:00:00+02:00", "ANALOG": {"A0": 512}},
            "ANALOG/A0",
            ("pond", 512.0, "2025-08-29T10:00:00Z"),
        ),
        (
            "zigbee2mqtt",
            "zigbee2mqtt/pond",
            {"probe": {"values": [1, 2]}, "last_seen": 1756461600000},
            "probe/values/1",
            ("pond", 2.0, "2025-08-29T10:00:00Z"),
        ),
        (
            "sensorthings",
            "v1.1/Datastreams(7)/Observations",
            {"phenomenonTime": "2025-08-29T10:00:00Z", "result": 4},
            "result",
            ("datastream/7", 4.0, "2025-08-29T10:00:00Z"),
        ),
        ("plain_json", "lab/yard", [{"k": "a", "v": 1}, {"k": "b", "v": 2}], "[k=b]/v", None),
    ],
)
def test_mapped_value_has_the_time_and_device_of_its_format(
    format_name: str, topic: str, payload: Any, key: str, expected: tuple[str, float, str] | None
) -> None:
    if payload == "tts":
        payload = {
            "end_device_ids": {"device_id": "n"},
            "uplink_message": {
                "received_at": "2025-08-29T10:04:00Z",
                "decoded_payload": {"probe": {"level": {"value": "3", "unit": "?"}}},
            },
        }
    (row,) = ask(format_name, topic, payload, map=entry(value(key)))["readings"]
    assert (row["device"], row["value"], row.get("time")) == (expected or ("yard", 2.0, None))
    assert (row["quantity"], row["unit"], row["raw"]) == ("co2", "ppm", key)


def test_mapped_history_keeps_every_sample_at_its_time() -> None:
    pack = [{"bn": "urn:dev:ow:1:", "bt": 1756461600, "n": "x", "v": 1}, {"n": "x", "t": 9, "v": 2}]
    answer = ask("senml_json", "sensors/lab/senml", pack, map=entry(value("x")))
    times = [(row["time"], row["value"]) for row in answer["readings"]]
    assert times == [("2025-08-29T10:00:00Z", 1.0), ("2025-08-29T10:00:09Z", 2.0)]


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("7,4", ",", 7.4),
        ("1.234,5", ",", 1234.5),
        ("1,234.5", ".", 1234.5),
        ("-0,25", ",", -0.25),
        ("7.4", ",", None),
        ("7,4", None, None),
        ("7,4", ".", None),
        ("nan", ",", None),
    ],
)
def test_mapped_decimal_mark_never_moves_the_point(
    text: str, mark: str | None, number: float | None
) -> None:
    more = {"decimal": mark} if mark else {}
    item = value("v", "head_cm", "uS/cm", **more)
    found = read("plain_json", "lab/yard", {"v": text}, map=entry(item))
    assert [row[2] for row in found] == ([] if number is None else [number])


@pytest.mark.parametrize(
    "text",
    [
        "tijd;peil\n2025-08-29T10:00:00Z;1,25\n2025-08-29T10:01:00Z;\nlater;7\n",
        'tijd,peil\n2025-08-29T10:00:00Z,"1,25"\n',
    ],
)
def test_mapped_table_reads_each_column_by_its_own_mark(text: str) -> None:
    level = {"key": "peil", **WATER, "decimal": ","}
    answer = ask("plain_csv", "bulk/put-3/csv", text, map=entry(level, time="tijd"))
    assert [(row["value"], row["time"]) for row in answer["readings"]] == [
        (1.25, "2025-08-29T10:00:00Z")
    ]


def test_mapped_table_without_header_or_without_any_time() -> None:
    level = {"key": "1", **WATER, "decimal": ","}
    text = "2025-08-29T10:00:00Z;1,25;x\n2025-08-29T10:01:00Z;1,5;y\n"
    found = read("plain_csv", "bulk/put-3/csv", text, map=entry(level, time="0"))
    assert [row[2] for row in found] == [1.25, 1.5]
    answer = ask("plain_csv", "bulk/put-3/csv", "t;v\nnever;3\n", map=entry(value("v"), time="t"))
    assert answer["error"].startswith("time: ")


def test_mapped_values_without_channel_stay_apart() -> None:
    two = entry(value("a", "temperature", "Cel"), value("b", "temperature", "Cel"))
    answer = ask("plain_json", "lab/yard", {"a": 1, "b": 2}, map=two)
    assert [row.get("channel") for row in answer["readings"]] == [None, "b"]


def test_mapped_state_words_count_only_for_states() -> None:
    states = entry(value("p", "occupancy", "1"), value("q"))
    assert read("plain_json", "lab/yard", {"p": "occupied", "q": "on"}, map=states) == [
        ("yard", "occupancy", 1.0, "1")
    ]


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 99, b'{"v":1e999}'])
def test_mapping_does_not_save_a_broken_message(payload: bytes) -> None:
    for name in ("plain_json", "tts_v3", "senml_json", "zigbee2mqtt", "sparkplug_b"):
        assert "error" in ask(name, "a/b/NDATA/c", payload, map=entry(value("v")))
