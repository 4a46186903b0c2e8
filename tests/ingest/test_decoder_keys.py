"""The generic key table, and the readings it describes."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders import key_table
from ingest.decoders.describe import described, separate
from ingest.decoders.keys import fits, meaning
from ingest.decoders.plausible import reason_against
from ingest.decoders.values import names, number_in, switch, unit_text
from livinglab.errors import Reason
from livinglab.model import Decoded, Reading

MODULES = (
    "ingest.decoders.keys",
    "ingest.decoders.lorawan",
    "ingest.decoders.mapping",
    "ingest.decoders.plausible",
    "ingest.decoders.senml",
    "ingest.decoders.times",
    "ingest.decoders.values",
)


@pytest.mark.parametrize(
    ("key", "quantity", "unit", "channel"),
    [
        ("TempC_SHT", "temperature", "Cel", "SHT"),
        ("temp-C", "temperature", "Cel", "0"),
        ("temperature_F", "temperature", "degF", "0"),
        ("airTemperature", "air_temperature", "Cel", "0"),
        ("luchttemperatuur", "air_temperature", "Cel", "0"),
        ("Soil_Temp", "soil_temperature", "Cel", "0"),
        ("temperature_3", "temperature", "Cel", "3"),
        ("extSensorTemperature", "temperature", "Cel", "ext"),
        ("hum-percent", "relative_humidity", "%", "0"),
        ("Luchtvochtigheid", "relative_humidity", "%", "0"),
        ("pm2.5", "pm2_5", "ug/m3", "0"),
        ("PM_2_5", "pm2_5", "ug/m3", "0"),
        ("pm25", "pm2_5", "ug/m3", "0"),
        ("pm2,5", "pm2_5", "ug/m3", "0"),
        ("PM1_0", "pm1", "ug/m3", "0"),
        ("PM10", "pm10", "ug/m3", "0"),
        ("pm4_mass_concentration", "pm4", "ug/m3", "0"),
        ("wind_avg_m_s", "wind_speed", "m/s", "0"),
        ("wind_speed_10m", "wind_speed", "m/s", "10m"),
        ("soil_moisture_10cm", "soil_moisture", "%", "10cm"),
        ("no2_ppb", "no2", "ppb", "0"),
        ("Bat_mV", "battery_voltage", "mV", "0"),
        ("BatV", "battery_voltage", "V", "0"),
        ("debiet_m3_s", "flow_rate", "m3/s", "0"),
        ("waterstand_cm", "water_level", "cm", "0"),
        ("windspeedmph", "wind_speed", "mph", "0"),
        ("tempf", "temperature", "degF", "0"),
        ("waterpeil_cm_nap", "water_level", "cm", "0"),
        ("Temp_Red", "temperature", "Cel", "red"),
        ("temperature_chn2", "temperature", "Cel", "chn2"),
        ("Water_deep_cm", "water_depth", "cm", "0"),
        ("waterniveau_mnap", "water_level", "m", "0"),
        ("temperatureReport", "temperature", "Cel", "0"),
        ("people_count_all", "people_count", "1", "0"),
        ("leakage_status", "water_leak", "1", "0"),
        ("parkingStatus", "occupancy", "1", "0"),
        ("oxygen_mgl", "dissolved_oxygen", "mg/L", "0"),
        ("light_klx", "illuminance", "klx", "0"),
        ("particulate_matter_2_5", "pm2_5", "ug/m3", "0"),
        ("bruit", "sound_level", "dB", "0"),
        ("line1_total_in", "count_in_total", "1", "line1"),
        ("line_1_total_in", "count_in_total", "1", "line_1"),
        ("rain_in", "precipitation", "in", "0"),
        ("temp_in", "temperature", "Cel", "in"),
        ("soil_temperature_at_depth_1", "soil_temperature", "Cel", "1"),
        ("left_to_right", "count", "1", "left_to_right"),
        ("fietsen", "count_bike", "1", "0"),
        ("LAeq", "sound_level_laeq", "dB(A)", "0"),
        ("soundAvg", "sound_level", "dB", "0"),
    ],
)
def test_meaning_of_known_keys(key: str, quantity: str, unit: str, channel: str) -> None:
    assert meaning(key) == (quantity, unit, channel)


@pytest.mark.parametrize(
    "key",
    names(
        "targetTemperature temperature_max tempOffset heatindex-C rssi snr fPort f_cnt port "
        "relais1 Bat_status Firmware_Version pm10_number_concentration pm2_5_um pm003Count "
        "Wind_Speed_Level east_wind_speed la10 la90 bat_low "
        "region_1_count id serial T1 p level counter humidity_alarm latitude_gateway wind_alarm"
    ),
)
def test_meaning_of_keys_that_are_no_readings(key: str) -> None:
    assert meaning(key) is None


def test_table_names_only_quantities_of_the_configuration() -> None:
    from livinglab.config import load_registry

    known = load_registry(Path(__file__).parents[2] / "config").quantities
    named = {row[0] for row in key_table.ROWS} - {"battery"}
    assert named <= known.keys() | SCORED_ONLY


#: Quantities of recorded payloads that no device of the labs has.
SCORED_ONLY = frozenset(("liquid_pressure",))


def test_every_default_unit_fits_its_quantity() -> None:
    assert all(fits(quantity, unit or None) for quantity, unit, _ in key_table.ROWS)


@given(st.text(max_size=40))
def test_meaning_of_any_text(key: str) -> None:
    found = meaning(key)
    assert found is None or found.quantity


def test_described_parts_two_readings_of_one_quantity() -> None:
    rows = [Reading("TempC_A", "", 1.0, None, 5), Reading("temperature", "", 2.0, None, 5)]
    told = described(Decoded({"d": rows}), "tts_v3").readings["d"]
    assert len({(row.quantity, row.channel, row.time_ns) for row in told}) == 2


def test_separate_merges_equal_values() -> None:
    row = Reading("a", "co2", 1.0, "ppm", 5)
    assert separate([row, row._replace(key="b"), row._replace(key="c", value=2.0)]) == [
        row,
        row._replace(key="c", value=2.0, channel="c"),
    ]


@pytest.mark.parametrize(
    ("key", "value", "quantity", "unit"),
    [
        ("battery", 50, "battery_level", "%"),
        ("battery", 3.6, "battery_voltage", "V"),
        ("battery", 3600, "battery_voltage", "mV"),
        ("vdd", 3600, "battery_voltage", "mV"),
        ("BAT", 88, "battery_level", "%"),
        ("Bat", 5, "battery_voltage", "V"),
        ("pressure", 1013.2, "air_pressure", "hPa"),
        ("pressure", 101320, "air_pressure", "Pa"),
        ("pressure", 3, "air_pressure", None),
        ("barometric_pressure", 850, "air_pressure", "hPa"),
        ("WaterContent", 0.25, "soil_moisture", "m3/m3"),
        ("soil_moisture", 25, "soil_moisture", "%"),
        ("tvoc", 25, "tvoc", None),
        ("probe_1/Temperature", 5, "temperature", "Cel"),
        ("air/temperature", 5, "air_temperature", "Cel"),
        ("lines/[line=2]/count_in", 5, "count_in", "1"),
    ],
)
def test_described_settles_what_the_key_leaves_open(
    key: str, value: float, quantity: str, unit: str | None
) -> None:
    (row,) = described(Decoded({"d": [Reading(key, "", value, None, 5)]}), "tts_v3").readings["d"]
    assert (row.quantity, row.unit) == (quantity, unit)


@pytest.mark.parametrize(
    ("company", "quantity"),
    [
        ("humidity", "air_temperature"),
        ("soil_moisture", "soil_temperature"),
        ("turbidity", "water_temperature"),
        ("rssi", "temperature"),
        ("humidity soil_moisture", "temperature"),
    ],
)
def test_described_temperature_by_its_company(company: str, quantity: str) -> None:
    rows = [Reading(key, "", 5.0, None, 5) for key in ("temperature", *company.split())]
    told = described(Decoded({"d": rows}), "plain_json").readings["d"]
    assert told[0].quantity == quantity


def test_described_temperature_beside_a_depth_without_unit() -> None:
    keyed = ("p1/Temperature", "p1/WaterDepth", "p2/Temperature")
    rows = [Reading(key, "", 5.0, None, 5) for key in keyed]
    told = described(Decoded({"d": rows}), "tts_v3").readings["d"]
    assert [row.quantity for row in told] == ["water_temperature", "", "temperature"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Reading("a", "air_temperature", 0.0, "Cel", None), None),
        (Reading("a", "air_temperature", 327.67, "Cel", None), Reason.SENTINEL),
        (Reading("TempC_DS18B20", "temperature", 85.0, "Cel", None), Reason.SENTINEL),
        (Reading("a", "temperature", 85.0, "Cel", None), None),
        (Reading("a", "air_temperature", 100.0, "degF", None), None),
        (Reading("a", "air_temperature", 100.0, "Cel", None), Reason.IMPLAUSIBLE),
        (Reading("a", "relative_humidity", -1.0, "%", None), Reason.IMPLAUSIBLE),
        (Reading("a", "air_pressure", 101_325.0, "Pa", None), None),
        (Reading("a", "count_in", 65_535.0, "1", None), None),
        (Reading("a", "co2", 65_535.0, "ppm", None), Reason.SENTINEL),
        (Reading("a", "precipitation_cumulative", 900.0, "mm", None), None),
    ],
)
def test_reason_against_impossible_values(row: Reading, reason: Reason | None) -> None:
    assert reason_against(row) is reason


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("°C", "Cel"),
        ("℃", "Cel"),
        ("µg/m³", "ug/m3"),
        ("μg⋅m⁻³", "ug/m3"),
        ("ug/m^3", "ug/m3"),
        ("% RH", "%"),
        ("cm NAP", "cm"),
        ("metre per second", "m/s"),
        ("dB(A)", "dB(A)"),
        ("µS⋅cm⁻¹", "uS/cm"),
        ("mS/cm", "mS/cm"),
        ("m³⋅m⁻³", "m3/m3"),
        ("ucum:Cel", "Cel"),
        ("", None),
        ("furlong", "furlong"),
    ],
)
def test_unit_text_of_many_spellings(text: str, unit: str | None) -> None:
    assert unit_text(text) == unit


def test_number_in_and_switch_of_texts() -> None:
    assert [number_in(text) for text in ("1e5", ".5", "5.", "+3", "--3", "0x10", "1_000", "٣")] == [
        1e5,
        0.5,
        5.0,
        3.0,
        None,
        None,
        None,
        None,
    ]
    assert [switch(value) for value in ("ON", "Vacant", True, "maybe", 1)] == [1, 0, 1, None, None]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
