"""Formats that need earlier messages: births, attributes, descriptions, discovery."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from decoder_answers import ask, read

MS = 1_756_461_600_000
NODE, DEVICE = "spBv1.0/hal/{}/kast", "spBv1.0/hal/{}/kast/put"
TEMPERATURE = {"symbol": "", "definition": "", "name": ""}


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def metric(name: str = "", alias: int = 0, datatype: int = 0, **value: Any) -> bytes:
    """A metric with a value of `double`, `uint32` or `long`, or `null`; `unit` as a property."""
    data = block(1, name.encode()) if name else b""
    data += number(2, alias) if alias else b""
    data += number(4, datatype) if datatype else b""
    data += number(7, 1) if value.get("null") else b""
    if "unit" in value:
        text = number(1, 12) + block(8, value["unit"].encode())
        data += block(9, block(1, b"engUnit") + block(2, text))
    for field, kind in ((10, "uint32"), (11, "long")):
        data += number(field, value[kind]) if kind in value else b""
    if "double" in value:
        data += varint(13 << 3 | 1) + struct.pack("<d", value["double"])
    return data


def sparkplug(*metrics: bytes) -> bytes:
    return number(1, MS) + b"".join(block(2, item) for item in metrics)


def session(number_of: int) -> bytes:
    return sparkplug(metric("bdSeq", datatype=8, long=number_of))


BIRTH = sparkplug(
    metric("water/temperature", 1, 10, double=11.5, unit="°C"),
    metric("water/level", 2, 3, uint32=(1 << 32) - 120, unit="cm"),
)
OTHER = sparkplug(metric("humidity", 1, 10, double=44.0, unit="%"))
BORN = [(NODE.format("NBIRTH"), session(3)), (DEVICE.format("DBIRTH"), BIRTH)]


def water(earlier: list[tuple[str, Any]]) -> Any:
    data = sparkplug(metric(alias=1, double=12.5))
    return [row[1:3] for row in read("sparkplug_b", DEVICE.format("DDATA"), data, earlier)]


def test_sparkplug_alias_is_that_of_the_devices_own_birth() -> None:
    assert water([]) == []
    assert water(BORN) == [("water_temperature", 12.5)]
    assert water([*BORN, (NODE.format("DBIRTH") + "/lucht", OTHER)]) == [
        ("water_temperature", 12.5)
    ]
    assert water([*BORN, (DEVICE.format("DBIRTH"), OTHER)]) == [("relative_humidity", 12.5)]


def test_sparkplug_session_ends_with_the_death_of_its_own_number() -> None:
    assert water([*BORN, (NODE.format("NBIRTH"), session(4))]) == []
    assert water([*BORN, (NODE.format("NDEATH"), session(3))]) == []
    assert water([*BORN, (NODE.format("NDEATH"), session(2))]) == [("water_temperature", 12.5)]
    assert water([*BORN, (DEVICE.format("DDEATH"), sparkplug())]) == []
    assert water([*BORN, (NODE.format("DDEATH") + "/lucht", sparkplug())])
    broken = (NODE.format("NBIRTH"), b"\x12\xff")
    assert water([*BORN, broken]) == [("water_temperature", 12.5)]


def test_sparkplug_name_alone_takes_datatype_and_unit_of_the_birth() -> None:
    data = sparkplug(metric("water/level", uint32=(1 << 32) - 100), metric(alias=2, null=True))
    assert read("sparkplug_b", DEVICE.format("DDATA"), data, BORN) == [
        ("hal/kast/put", "water_level", -100.0, "cm")
    ]


def test_sparkplug_date_is_no_measurement() -> None:
    data = sparkplug(metric("temperature", datatype=13, long=MS))
    assert read("sparkplug_b", NODE.format("NBIRTH"), data) == []


HOMIE = [
    ("homie/kas/water/temperature", {"$unit": "°F"}, "68", ("kas", "water_temperature", "degF")),
    ("homie/kas/temperature/value", {"$unit": "°C"}, "20", ("kas", "temperature", "Cel")),
    (
        "homie/kas/n1/p1",
        {"$unit": "°C", "$name": "Temperatuur"},
        "2",
        ("kas", "temperature", "Cel"),
    ),
]


@pytest.mark.parametrize(("topic", "attributes", "payload", "expected"), HOMIE)
def test_homie_property_means_what_node_id_and_name_say(
    topic: str, attributes: dict[str, str], payload: str, expected: tuple[str, str, str]
) -> None:
    earlier = [(f"{topic}/{name}", text) for name, text in attributes.items()]
    (row,) = read("homie", topic, payload, earlier)
    assert (row[0], row[1], row[3]) == expected


def test_homie_5_reads_the_description_of_the_device() -> None:
    about = {"nodes": {"water": {"properties": {"level": {"datatype": "integer", "unit": "cm"}}}}}
    earlier = [("homie/5/kas/$description", about)]
    assert read("homie", "homie/5/kas/water/level", "12", earlier) == [
        ("kas", "water_level", 12.0, "cm")
    ]
    assert "error" in ask("homie", "homie/5/kas/water/level", "1.5", earlier)
    assert read("homie", "homie/5/kas/$state", "ready", earlier) == []
    assert read("homie", "homie/5/kas/water/level/set", "3", earlier) == []
    broken: list[tuple[str, Any]] = [("homie/5/kas/$description", "{")]
    assert read("homie", "homie/5/kas/water/level", "1.5", broken)[0][3] is None


@pytest.mark.parametrize(
    ("discovery", "expected"),
    [
        ({"name": "Water level", "unit_of_meas": "cm"}, ("water_level", "cm")),
        ({"dev_cla": "volatile_organic_compounds_parts", "unit_of_meas": "ppb"}, ("tvoc", "ppb")),
        ({"dev_cla": "wind_direction", "unit_of_meas": "°"}, ("wind_direction", "deg")),
    ],
)
def test_esphome_entity_means_what_its_discovery_says(
    discovery: dict[str, str], expected: tuple[str, str]
) -> None:
    earlier = [("homeassistant/sensor/x/config", {**discovery, "stat_t": "tuin/sensor/x/state"})]
    (row,) = read("esphome_plain", "tuin/sensor/x/state", "12", earlier)
    assert (row[1], row[3]) == expected


def test_esphome_distance_is_in_metres() -> None:
    (row,) = read("esphome_plain", "tuin/sensor/ultrasonic_distance/state", "1.25")
    assert row[1:] == ("distance", 1.25, "m")


@pytest.mark.parametrize(
    ("topic", "wrap"),
    [
        ("v1.1/Datastreams(7)", lambda stream: stream),
        ("v1.1/Datastreams", lambda stream: {**stream, "@iot.id": 7}),
        ("v1.1/Datastreams", lambda stream: {"value": [{"@iot.id": 6}, {**stream, "@iot.id": 7}]}),
    ],
)
@pytest.mark.parametrize(
    "unit",
    [
        {"symbol": "°C"},
        {"definition": "ucum:Cel"},
        {"name": "degree Celsius"},
        {"symbol": "", "definition": "https://qudt.org/vocab/unit#DegreeCelsius"},
    ],
)
def test_sensorthings_stream_is_found_wherever_it_was_published(
    topic: str, wrap: Any, unit: dict[str, str]
) -> None:
    stream = {
        "unitOfMeasurement": TEMPERATURE | unit,
        "ObservedProperty": {"name": "Luchttemperatuur"},
    }
    expected = [("datastream/7", "air_temperature", 3.5, "Cel")]
    for body in (
        {"Datastream": {"@iot.id": 7}},
        {"Datastream@iot.navigationLink": "https://sta.example/v1.1/Datastreams(7)"},
    ):
        earlier = [(topic, wrap(stream))]
        assert (
            read("sensorthings", "v1.1/Observations", {**body, "result": 3.5}, earlier) == expected
        )


def test_sensorthings_state_word() -> None:
    stream = {"ObservedProperty": {"name": "parking occupancy"}}
    earlier = [("v1.1/Datastreams(7)", stream)]
    topic = "v1.1/Datastreams(7)/Observations"
    assert read("sensorthings", topic, {"result": "occupied"}, earlier)[0][1:3] == (
        "occupancy",
        1.0,
    )


def test_sensor_community_leaf_means_what_its_sibling_said() -> None:
    place = "sensor.community/esp8266-77/sensordatavalues/0"
    earlier = [(f"{place}/value_type", "SDS_P1")]
    assert read("sensor_community", f"{place}/value", "5.1", earlier)[0][1:3] == ("pm10", 5.1)
    assert read("sensor_community", f"{place}/value", "5.1") == []
    assert read("sensor_community", f"{place}/value_type", "SDS_P1") == []


BRIDGE = [
    {"friendly_name": "other", "definition": {"exposes": [{"property": "voltage", "unit": "kV"}]}},
    {
        "friendly_name": "put/1",
        "definition": {
            "exposes": [
                {"type": "numeric", "property": "voltage", "unit": "V"},
                {"type": "climate", "features": [{"property": "temperature", "unit": "°F"}]},
                {"type": "numeric", "property": "liquid_depth", "unit": "m"},
                {"type": "numeric", "property": "water_level", "unit": "cm"},
                {"type": "numeric", "property": "temperature_max", "unit": "°C"},
            ]
        },
    },
]


def test_zigbee2mqtt_units_are_those_of_the_list_of_devices() -> None:
    state = {"voltage": 3, "temperature": 50, "water_level": 12, "temperature_max": 80}
    topic = "zigbee2mqtt/put/1"
    told = read("zigbee2mqtt", topic, state, [("zigbee2mqtt/bridge/devices", BRIDGE)])
    assert [row[1:] for row in told] == [
        ("battery_voltage", 3.0, "V"),
        ("temperature", 50.0, "degF"),
        ("water_level", 12.0, "cm"),
    ]
    alone = read("zigbee2mqtt", topic, state)
    assert [row[1:] for row in alone] == [
        ("battery_voltage", 3.0, "mV"),
        ("temperature", 50.0, "Cel"),
    ]
    for broken in ("{", "[1]", "[{}]", '[{"friendly_name":"put/1","definition":{"exposes":[3]}}]'):
        assert read("zigbee2mqtt", topic, state, [("zigbee2mqtt/bridge/devices", broken)]) == alone


@pytest.mark.parametrize(
    ("template", "unit"),
    [
        ("{{ value_json.BME280.Pressure }}", "inHg"),
        ("{{value_json['BME280']['Pressure'] | round(1)}}", "inHg"),
        ("{{ value_json['BMP']['Pressure'] }}", "hPa"),
        ("", "hPa"),
    ],
)
def test_tasmota_unit_is_announced_where_the_message_states_none(template: str, unit: str) -> None:
    config = {"stat_t": "tele/dak/SENSOR", "val_tpl": template, "unit_of_meas": "inHg"}
    earlier = [("homeassistant/sensor/dak/config", config)]
    body = {"BME280": {"Pressure": 30.1}}
    answer = ask("tasmota", "tele/dak/SENSOR", body, earlier)["readings"]
    assert [row["unit"] for row in answer] == [unit]
    stated = {**body, "PressureUnit": "mmHg"}
    answer = ask("tasmota", "tele/dak/SENSOR", stated, earlier)["readings"]
    assert [row["unit"] for row in answer] == ["mmHg"]


def test_tasmota_counter_means_what_was_announced() -> None:
    config = {"stat_t": "tele/dak/SENSOR", "val_tpl": "{{ value_json.ANALOG.Distance2 }}"}
    body = {"ANALOG": {"Light": 5}}
    named = {**config, "val_tpl": "{{ value_json.ANALOG.Light }}", "unit_of_meas": "lx"}
    told = read("tasmota", "tele/dak/SENSOR", body, [("homeassistant/sensor/a/config", named)])
    assert [row[1:] for row in told] == [("illuminance", 5.0, "lx")]
    assert (
        read("tasmota", "tele/dak/SENSOR", body, [("homeassistant/sensor/a/config", config)]) == []
    )
