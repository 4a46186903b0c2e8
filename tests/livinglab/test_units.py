from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livinglab.config import load_registry
from livinglab.errors import UnitError
from livinglab.units import MOLAR_VOLUME_L, conversion, is_unit

SHARED = Path(__file__).parents[2].parent / "shared"
REGISTRY = load_registry(Path(__file__).parents[2] / "config")
PAIRS = [
    (quantity.name, unit)
    for quantity in REGISTRY.quantities.values()
    for unit in (quantity.unit, *quantity.accepts)
]
#: As a canonical unit g is standard gravity, elsewhere the gram; ppm in water has no way back.
ONE_WAY = {"g", "m/s2", "ppm of water"}


def convert(value: float, unit: str, quantity: str) -> float:
    row = REGISTRY.quantities[quantity]
    factor, offset = conversion(unit, row.unit, row.molar_mass)
    return value * factor + offset


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "expected"),
    [  # conversion factors: exact definitions, or M / V_m at 293.15 K and 101.325 kPa
        ("no2", "ppb", 1, 1.912504),
        ("no2", "ppm", 1, 1912.503700),
        ("no2", "mg/m3", 1, 1000),
        ("no", "ppb", 1, 1.247389),
        ("nox", "ppb", 1, 1.912504),
        ("o3", "ppb", 1, 1.995343),
        ("so2", "ppb", 1, 2.663217),
        ("nh3", "ppb", 1, 0.70798),
        ("c6h6", "ppb", 1, 3.24720),
        ("co", "ppb", 1000, 1),
        ("co", "mg/m3", 1.16441, 1),
        ("co", "ug/m3", 1164.41, 1),
        ("co2", "mg/m3", 1.82953, 1),
        ("pm10", "mg/m3", 1, 1000),
        ("air_temperature", "degF", 212, 100),
        ("air_temperature", "degF", -40, -40),
        ("air_temperature", "K", 273.15, 0),
        ("relative_humidity", "/", 0.42, 42),
        ("air_pressure", "Pa", 101325, 1013.25),
        ("air_pressure", "kPa", 101.325, 1013.25),
        ("air_pressure", "mmHg", 760, 1013.25),
        ("air_pressure", "mbar", 1013, 1013),
        ("sound_level_laeq", "Bspl", 6.5, 65),
        ("wind_speed", "km/h", 36, 10),
        ("wind_speed", "knot", 1, 0.514444),
        ("wind_speed", "mph", 1, 0.44704),
        ("precipitation", "in", 1, 25.4),
        ("water_level", "cm", 576, 5.76),
        ("water_level", "mm", 5760, 5.76),
        ("liquid_pressure", "mH2O", 1, 98.0665),
        ("liquid_pressure", "cmH2O", 1, 0.980665),
        ("liquid_pressure", "bar", 1, 1000),
        ("liquid_pressure", "kPa", 1, 10),
        ("electrical_conductivity", "mS/cm", 1, 1000),
        ("electrical_conductivity", "dS/m", 1, 1000),
        ("electrical_conductivity", "S/m", 1, 10000),
        ("soil_moisture", "m3/m3", 0.255, 25.5),
        ("dissolved_oxygen", "ppm", 9, 9),
        ("flow_rate", "m3/h", 1, 16.6667),
        ("flow_rate", "m3/s", 1, 60000),
        ("vehicle_speed", "m/s", 10, 36),
        ("energy", "MJ", 3.6, 1),
        ("energy", "J", 3.6e6, 1),
        ("waste", "t", 1, 1000),
    ],
)
def test_conversion_matches_the_table_of_definitions(quantity, unit, value, expected):
    assert convert(value, unit, quantity) == pytest.approx(expected, rel=5e-6, abs=1e-9)


def test_conversion_matches_the_analytic_oracle():
    air = json.loads((SHARED / "oracles/analytic/cases.json").read_text())["air"]
    assert pytest.approx(air["molar_volume_l_20c_101325pa"], abs=1e-6) == MOLAR_VOLUME_L
    assert convert(1, "ppb", "no2") == pytest.approx(air["no2_ug_m3_per_ppb"], abs=1e-6)
    assert convert(1, "ppb", "o3") == pytest.approx(air["o3_ug_m3_per_ppb"], abs=1e-6)


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [
        ("°C", "Cel"), ("degC", "Cel"), ("C", "Cel"), ("℃", "Cel"), ("celsius", "Cel"),
        ("%RH", "%"), ("% RH", "%"), ("PERCENT", "%"), ("%EL", "%"),
        ("µg/m³", "ug/m3"), ("μg/m³", "ug/m3"), ("ug/m^3", "ug/m3"), ("UG/M3", "ug/m3"),
        ("ug m-3", "ug/m3"), ("µg⋅m⁻³", "ug/m3"),
        ("dB(A)", "dB(A)"), ("dBA", "dB(A)"), ("dB", "dB(A)"), ("dba", "dB(A)"),
        ("µS⋅cm⁻¹", "uS/cm"), ("µS/cm", "uS/cm"), ("uS/cm", "uS/cm"),
        ("m⋅s⁻¹", "m/s"), ("m s-1", "m/s"), ("m·s⁻¹", "m/s"),
        ("hpa", "hPa"), ("HPA", "hPa"), ("mbar", "hPa"),
        ("°", "deg"), ("l/min", "L/min"), ("lux", "lx"), ("#", "1"), ("count", "1"),
        ("1/cm³", "1/cm3"),
    ],
)  # fmt: skip
def test_conversion_of_spellings_is_the_identity(spelling, unit):
    assert conversion(spelling, unit) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("unit", "quantity"),
    [
        ("dB(C)", "sound_level_laeq"),  # another weighting
        ("FNU", "turbidity"),  # another method
        ("ug/m3", "tvoc"),  # a mixture has no molar mass
        ("1/cm3", "pm2_5"),  # counts are no mass
        ("ppb", "pm2_5"),
        ("%", "co2"),
        ("deg", "count_bike"),
        ("Cel", "relative_humidity"),
        ("m", "no2"),
        ("V", "analog"),
        ("", "count_bike"),
        ("ppm", "count_bike"),
        ("kg", "acceleration_x"),
    ],
)
def test_conversion_refuses_what_measures_something_else(unit, quantity):
    with pytest.raises(UnitError, match="unit"):
        convert(1.0, unit, quantity)


@pytest.mark.parametrize(("quantity", "unit"), PAIRS)
@settings(max_examples=20, deadline=None)
@given(a=st.floats(-1e6, 1e6), b=st.floats(-1e6, 1e6))
def test_conversion_is_increasing_and_linear_for_every_quantity_and_unit(quantity, unit, a, b):
    low, high = sorted((a, b))
    assert convert(low, unit, quantity) <= convert(high, unit, quantity)
    middle = convert((a + b) / 2, unit, quantity)
    mean = (convert(a, unit, quantity) + convert(b, unit, quantity)) / 2
    assert middle == pytest.approx(mean, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("quantity", "unit"), PAIRS)
def test_conversion_there_and_back_is_the_identity(quantity, unit):
    row = REGISTRY.quantities[quantity]
    factor, offset = conversion(unit, row.unit, row.molar_mass)
    if unit == row.unit:
        assert (factor, offset) == (1.0, 0.0)
    assert factor > 0
    of_water = f"{unit} of water" if quantity == "dissolved_oxygen" else unit
    if of_water not in ONE_WAY:
        back, back_offset = conversion(row.unit, unit, row.molar_mass)
        assert back * factor == pytest.approx(1, rel=1e-12)
        assert back * offset + back_offset == pytest.approx(0, abs=1e-9)


def test_quantities_cover_the_vocabulary_with_its_units():
    vocabulary = json.loads((SHARED / "payloads/vocabulary.json").read_text())["quantities"]
    for name, row in vocabulary.items():
        assert REGISTRY.quantities[name].unit == (row["unit"] or ""), name


@given(st.text(max_size=60))
def test_conversion_of_any_text_converts_or_raises_a_unit_error(text):
    try:
        factor, offset = conversion(text, "ug/m3", 46.0055)
    except UnitError:
        return
    assert factor > 0
    assert offset == 0


@pytest.mark.parametrize(
    "text",
    ["9**9**9**9", "m" * 10_000, "(" * 5_000, "a/" * 400, "__import__('os')", "1e400", "m**-4**4"],
)
def test_conversion_of_hostile_text_is_refused(text):
    with pytest.raises(UnitError) as caught:
        conversion(text, "ug/m3")
    assert len(str(caught.value)) < 200


def test_conversion_without_unit_fits_only_itself():
    assert conversion("", "") == (1.0, 0.0)
    for unit in ("1", "V", "%"):
        with pytest.raises(UnitError):
            conversion(unit, "")


def test_is_unit_knows_canonical_units():
    assert all(is_unit(quantity.unit) for quantity in REGISTRY.quantities.values())
    assert not is_unit("furlongs per fortnight")
