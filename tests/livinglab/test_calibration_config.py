"""Rows of calibrations.csv: each method has its parameters, periods do not overlap."""
# ruff: noqa: E501 - one line per example

from __future__ import annotations

from pathlib import Path

import pytest
from config_tree import ConfigTree

from livinglab.config import from_snapshot
from livinglab.config.calibration_methods import METHODS, covariates_of
from transforms import calibration

LOMBOK = "labs/lombok/calibrations.csv"
HAGUE = "labs/internationale-zone/calibrations.csv"
NOISE = "labs/stratumseind/calibrations.csv"


@pytest.fixture
def tree(tmp_path: Path) -> ConfigTree:
    return ConfigTree(tmp_path)


#: File, row, and what it becomes: method and parameters.
GOOD = [
    (LOMBOK, "utr-aq-01,no2,linear,slope=1.1 offset=-2,2025-06-01,,x", {"slope": 1.1, "offset": -2}),
    (LOMBOK, "utr-aq-01,pm2_5,multi_linear,slope=0.78 offset=1.9 slope_relative_humidity=0.026 min_relative_humidity=20 max_value=60,2025-06-01,,x",
     {"slope": 0.78, "offset": 1.9, "slope_relative_humidity": 0.026, "min_relative_humidity": 20, "max_value": 60}),
    (HAGUE, "hag-aq-01,pm2_5,barkjohn,,2025-06-01,,x", {}),
    (HAGUE, "hag-aq-01,pm10,kappa_koehler,kappa=0.35,2025-06-01,,x", {"kappa": 0.35}),
    (LOMBOK, "utr-aq-01,no2,drift,zero_start=0.5 zero_end=2.5 gain_end=1.04,2025-06-01,2025-07-01,x", {"zero_start": 0.5, "zero_end": 2.5, "gain_end": 1.04}),
    (NOISE, "ein-nm-01,sound_level_laeq,calibrator,reading_start=93.9 reading_end=94.2,2025-06-01,2025-07-01,x", {"reading_start": 93.9, "reading_end": 94.2}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row", "parameters"), GOOD)
def test_calibration_of_every_method_is_read(
    tree: ConfigTree, name: str, row: str, parameters: dict[str, float]
) -> None:
    tree.append(name, row)
    registry = tree.load()
    device, quantity, method, *_ = row.split(",")
    (found,) = (
        each for each in registry.calibrations if (each.device, each.quantity) == (device, quantity)
    )
    assert (found.method, dict(found.parameters)) == (method, parameters)
    assert from_snapshot(registry.canonical).calibrations == registry.calibrations


def test_methods_are_those_of_the_transforms() -> None:
    assert set(METHODS) == {*calibration.METHODS, "barometric"}
    for name in calibration.METHODS:
        parameters = dict.fromkeys(METHODS[name].required, 1.0)
        parameters |= {"slope_air_temperature": 1.0} if METHODS[name].open_names else {}
        row = calibration.Row("s", name, parameters, 0, 1)
        assert set(covariates_of(name, parameters)) == set(calibration.covariates_of(row))


#: File, row, what must be said.
WRONG = [
    (LOMBOK, "utr-aq-01,no2,multi_linear,slope=1 offset=0,2025-06-01,,x", "row 3, parameters: method multi_linear takes slope and offset and slope_<quantity> (and may have min_value, max_value), got offset, slope"),
    (LOMBOK, "utr-aq-01,no2,multi_linear,slope=1 offset=0 slope_air_pressure=1,2025-06-01,,x", "row 3, parameters: method multi_linear needs air_pressure, which utr-aq-01 does not measure"),
    (LOMBOK, "utr-aq-01,no2,multi_linear,slope=1 offset=0 slope_air_temperature=1 min_air_pressure=3,2025-06-01,,x", "got min_air_pressure"),
    (LOMBOK, "utr-aq-01,no2,linear,slope=1 offset=0 kappa=3,2025-06-01,,x", "method linear takes slope and offset, got kappa, offset, slope"),
    (LOMBOK, "utr-aq-01,no2,barkjohn,,2025-06-01,,x", "quantity: method barkjohn is for pm2_5, got no2"),
    (HAGUE, "hag-aq-01,pm2_5,kappa_koehler,kappa=-0.3,2025-06-01,,x", "kappa expected above 0, got -0.3"),
    (LOMBOK, "utr-aq-01,no2,drift,zero_start=0.5 zero_end=2,2025-06-01,,x", "valid_to: missing: method drift runs from one check to the next"),
    (NOISE, "ein-nm-01,sound_level_laeq,calibrator,reading_start=0.1 reading_end=94,2025-06-01,2025-07-01,x", "reading_start expected the level shown of 94 dB, got 0.1"),
    (LOMBOK, "utr-aq-01,o3,linear,slope=1 offset=0,2025-07-01,,x", "row 3, valid_from: overlaps row 2 of utr-aq-01 o3: give that one a valid_to first"),
    (LOMBOK, "utr-gw-01,water_level,barometric,temperature=hot,2025-06-01,,x", "row 3, parameters.temperature: expected a number, got 'hot'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row", "told"), WRONG)
def test_load_registry_tells_what_is_wrong_in_a_calibration(
    tree: ConfigTree, name: str, row: str, told: str
) -> None:
    tree.append(name, row)
    problems = tree.problems()
    assert any(told in problem and name in problem for problem in problems), problems


def pressure_logger(tree: ConfigTree, calibration_row: str) -> None:
    """A logger that sends pressures, near the weather station of The Hague."""
    tree.write(
        "models/pressure-logger.yaml",
        "label: Pressure logger\ndecoder: tts_v3\nstep_s: 3600\nsource: test\n"
        "keys:\n  p: {quantity: liquid_pressure, unit: kPa}\n"
        "derives: {water_level: liquid_pressure}\n",
    )
    tree.append(
        "labs/internationale-zone/devices.csv",
        "hag-gw-01,pressure-logger,79982,456600,,,-2.5,scheveningseweg,3600,2025-06-01,,Me,public",
    )
    head = tree.text(HAGUE).strip()
    tree.write(HAGUE, f"{head},barometer\n{calibration_row}\n")


def test_barometric_calibration_names_its_barometer(tree: ConfigTree) -> None:
    row = "hag-gw-01,water_level,barometric,temperature=11 offset=0.01,2025-06-01,,dip,hag-wx-01"
    pressure_logger(tree, row)
    registry = tree.load()
    (found,) = (each for each in registry.calibrations if each.device == "hag-gw-01")
    assert found.barometer == "hag-wx-01"
    assert registry.models["pressure-logger"].quantities() == {"liquid_pressure", "water_level"}


@pytest.mark.parametrize(
    ("barometer", "told"),
    [
        ("hag-wx-02", "barometer: unknown device; did you mean 'hag-wx-01'?"),
        ("ein-wx-01", "barometer: ein-wx-01 is 110 km from hag-gw-01, farther than 30 km"),
        ("hag-bike-01", "barometer: hag-bike-01 does not measure air_pressure"),
    ],
)
def test_load_registry_refuses_a_barometer_that_is_none(
    tree: ConfigTree, barometer: str, told: str
) -> None:
    pressure_logger(tree, f"hag-gw-01,water_level,barometric,,2025-06-01,,x,{barometer}")
    problems = tree.problems()
    assert any(told in problem for problem in problems), problems


def test_load_registry_refuses_what_cannot_be_derived(tree: ConfigTree) -> None:
    tree.replace(
        "models/dragino-ldds75.yaml", "keys:", "derives: {water_level: battery_voltage}\nkeys:"
    )
    told = "derives.water_level: expected water_level from liquid_pressure or distance"
    assert any(told in problem for problem in tree.problems())
