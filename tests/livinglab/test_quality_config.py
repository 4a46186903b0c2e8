"""Thresholds in quality/*.yaml: every test has keys with units; mistakes are told with their line."""
# ruff: noqa: E501 - one line per example

from __future__ import annotations

from pathlib import Path

import pytest
from config_tree import ConfigTree

from livinglab.config import from_snapshot
from livinglab.config.quality_checks import reach_of
from livinglab.registry import quality_for
from transforms.quality import Ceiling, Season, StateLimit, Thresholds, configured, reach_s
from transforms.quality.suite import CHECKS


@pytest.fixture
def tree(tmp_path: Path) -> ConfigTree:
    return ConfigTree(tmp_path)


def thresholds(tree: ConfigTree, device: str, quantity: str) -> Thresholds:
    registry = tree.load()
    return Thresholds.of(quality_for(registry, quantity, registry.history[device][0]))


def test_every_test_is_configured_for_some_device_of_the_demo(tree: ConfigTree) -> None:
    registry = tree.load()
    found: set[str] = set()
    for device in registry.devices:
        for key in registry.models[device.model].keys.values():
            row = Thresholds.of(quality_for(registry, key.quantity, device))
            found |= configured(row)
    assert found == {check.name for check in CHECKS} | {"neighbour"}


def test_reach_of_equals_that_of_the_tests_for_every_device(tree: ConfigTree) -> None:
    registry = tree.load()
    for device in registry.devices:
        for key in registry.models[device.model].keys.values():
            merged = quality_for(registry, key.quantity, device)
            assert reach_of(merged) == reach_s(Thresholds.of(merged))[0], (device.id, key.quantity)


def test_thresholds_of_a_model_become_those_of_the_tests(tree: ConfigTree) -> None:
    row = thresholds(tree, "hag-aq-01", "pm2_5")
    assert row.ceiling == Ceiling(quantity="pm10", factor=1.1, offset=2.0)
    assert row.state_limits == (StateLimit(quantity="air_temperature", low=-10.0, high=50.0),)
    assert (row.neighbour_group, row.neighbour_site) == ("eisenhowerlaan|pm2_5", "hag-aq-01")
    assert thresholds(tree, "utr-bike-01", "count_bike").zero_hours == (5, 19)
    winter = thresholds(tree, "utr-aq-01", "o3").climatology
    assert winter == (Season(suspect=(-10, 120), fail=(-40, 300), months=(11, 2)),)


def test_thresholds_of_a_snapshot_are_the_same(tree: ConfigTree) -> None:
    registry = tree.load()
    again = from_snapshot(registry.canonical)
    assert again.version == registry.version
    for device in registry.devices:
        for key in registry.models[device.model].keys.values():
            one, other = (quality_for(row, key.quantity, device) for row in (registry, again))
            assert Thresholds.of(one) == Thresholds.of(other)


def test_null_of_a_device_switches_a_test_off(tree: ConfigTree) -> None:
    nulls = (
        "warm_up_s: null, state_limits: null, neighbour_distance_ug_m3: null, neighbour_share: null"
    )
    tree.append(
        "quality/air.yaml",
        f"devices: {{utr-aq-01: {{no2: {{{nulls}}}, o3: {{climatology: null}}}}}}",
    )
    assert {"device_state", "neighbour"}.isdisjoint(
        configured(thresholds(tree, "utr-aq-01", "no2"))
    )
    assert thresholds(tree, "utr-aq-01", "o3").climatology == ()
    assert "neighbour" in configured(thresholds(tree, "utr-ref-01", "no2"))


#: File, passage, what is put in its place, what must be said.
SPOILED = [
    ("quality/air.yaml", "suspect_ug_m3: [-10, 120]", "suspect_ppb: [-5, 60]",
     "o3.climatology[0].suspect_ppb: unknown threshold; did you mean 'suspect_ug_m3'?"),
    ("quality/air.yaml", "suspect_ug_m3: [-10, 120], ", "", "o3.climatology[0]: missing: suspect_ug_m3"),
    ("quality/air.yaml", "months: [11, 2]", "months: [11, 13]", "climatology[0].months: expected [first, last] month, 1 to 12, got [11, 13]"),
    ("quality/air.yaml", "months: [11, 2]", "hours: [4, 4]", "climatology[0].hours: expected two different hours"),
    ("quality/air.yaml", "fail_ug_m3: [-40, 300]}", "fail_ug_m3: [0, 300]}", "climatology[0].suspect (-10.0, 120.0) is not inside climatology[0].fail (0.0, 300.0)"),
    ("quality/air.yaml", "attenuated_fail_ug_m3: 0.04", "attenuated_fail_ug_m3: 0.4", "attenuated_fail 0.4 is beyond attenuated_suspect 0.2"),
    ("quality/weather.yaml", "    attenuated_period_s: 86400\n", "", "attenuated_suspect without attenuated_period_s"),
    ("quality/weather.yaml", "attenuated_period_s: 86400", "attenuated_period_s: 5000", "expected whole hours in seconds (3600, 7200, ...), got 5000"),
    ("quality/weather.yaml", "neighbour_distance_cel: 5", "neighbour_least: 1", "neighbour_least: expected 2 or more"),
    ("quality/water.yaml", "battery_voltage_v:", "battery_voltage_mv:", "state_limits.battery_voltage_mv: expected a quantity with its unit; did you mean 'battery_voltage_v'?"),
    ("quality/water.yaml", "battery_voltage_v:", "air_temperature_cel:", "groundwater-logger does not measure air_temperature (water_level of ams-gw-01)"),
    ("quality/air.yaml", "ceiling: {quantity: pm10,", "ceiling: {quantity: PM10,", "pm2_5.ceiling.quantity: unknown quantity; did you mean 'pm10'?"),
    ("quality/air.yaml", "ceiling: {quantity: pm10,", "ceiling: {quantity: co,", "pm2_5.ceiling.quantity: co has the unit 'ppm', expected 'ug/m3'"),
    ("quality/air.yaml", "offset_ug_m3: 2}", "offset: 2}", "pm2_5.ceiling.offset: unknown threshold; did you mean 'offset_ug_m3'?"),
    ("quality/air.yaml", "warm_up_s: 86400", "warm_up_s: a day", "no2.warm_up_s: expected whole seconds above 0, got 'a day'"),
    ("quality/mobility.yaml", "window_h: 24", "window_h: 1", "line 5, window_h: expected 24: a test of count_bike"),
    ("quality/noise.yaml", "attenuated_period_s: 7200", "attenuated_period_s: 14400", "window_h: expected 24: a test of sound_level_laeq of ein-nm-01 looks back 14400 s"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "told"), SPOILED)
def test_load_registry_tells_which_threshold_is_wrong(
    tree: ConfigTree, name: str, old: str, new: str, told: str
) -> None:
    tree.replace(name, old, new)
    problems = tree.problems()
    assert any(
        told in problem and name in problem and "line " in problem for problem in problems
    ), problems
