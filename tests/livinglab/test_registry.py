"""Versions and snapshots: equal content, equal version."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random

import pytest
from config_tree import ConfigTree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livinglab.config import from_snapshot
from livinglab.errors import ConfigError
from livinglab.registry import quality_for, window_h
from livinglab.timeline import parse_instant

DEVICES = "labs/lombok/devices.csv"


@pytest.fixture
def tree(tmp_path):
    return ConfigTree(tmp_path)


def test_registry_version_is_the_hash_of_its_canonical_text(tree):
    registry = tree.load()
    assert registry.version == hashlib.sha256(registry.canonical.encode()).hexdigest()[:16]
    content = json.loads(registry.canonical)
    assert set(content) == {"indicators", "labs", "models", "quality", "quantities"}
    again = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again == registry.canonical


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1000))
def test_registry_version_does_not_depend_on_the_order_of_rows(tree, seed):
    before = tree.load()
    head, *rows = tree.text(DEVICES).splitlines()
    random.Random(seed).shuffle(rows)
    tree.write(DEVICES, "\n".join([head, *rows]))
    after = tree.load()
    assert after == before


def test_registry_version_does_not_depend_on_how_it_is_written(tree):
    before = tree.load()
    rows = [line.split(",") for line in tree.text(DEVICES).splitlines()]
    turned = [";".join(reversed(cells)).replace(".", ",") for cells in rows]
    tree.write(DEVICES, b"\xef\xbb\xbf" + "\r\n".join(turned).encode())
    tree.replace("labs/lombok/lab.yaml", "licence: CC-BY-4.0", "licence: 'CC-BY-4.0' # comment")
    tree.replace(
        "labs/lombok/lab.yaml",
        "municipality: Utrecht",
        "timezone: Europe/Amsterdam\nmunicipality: Utrecht",
    )
    tree.replace(
        "labs/lombok/lab.yaml",
        "{id: kanaalstraat, label: Kanaalstraat}",
        "{label: Kanaalstraat, id: kanaalstraat}",
    )
    text = tree.text("models/sound-meter.yaml")
    tree.write("models/sound-meter.yaml", text.replace("step_s: 60", 'step_s: "60"'))
    assert tree.load().version == before.version


def test_registry_version_does_not_depend_on_the_installation(tree, monkeypatch):
    before = tree.load()
    monkeypatch.setenv("LIVINGLAB_HTTP_PORT", "1234")
    after = tree.load()
    assert after.version == before.version
    assert after.settings != before.settings


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (DEVICES, "135339,456088", "135340,456088"),
        (DEVICES, "utr-bike-02,bicycle-loop,135217,456422,,,,vleutenseweg,3600,2025-06-01,,",
         "utr-bike-02,bicycle-loop,135217,456422,,,,vleutenseweg,3600,2025-06-01,2026-01-01,"),
        ("labs/lombok/calibrations.csv", "1.0687", "1.0688"),
        ("labs/lombok/flags.csv", "warm-up", "warm up"),
        ("quality/noise.yaml", "spike_fail_dba: 15", "spike_fail_dba: 16"),
        ("indicators.yaml", "{en: Lden, nl: Lden}", "{en: Lden, nl: Lden per dag}"),
        ("models/sound-meter.yaml", "maximum: 150", "maximum: 151"),
    ],
)  # fmt: skip
def test_registry_version_changes_with_the_content(tree, name, old, new):
    before = tree.load().version
    tree.replace(name, old, new)
    assert tree.load().version != before


def test_from_snapshot_gives_the_same_registry(tree):
    registry = tree.load()
    again = from_snapshot(registry.canonical, registry.settings)
    assert again == registry
    assert again.canonical == registry.canonical


def test_from_snapshot_of_something_else_is_refused():
    for text in ("", "[]", '{"labs": {"x": {}}}', "not json"):
        with pytest.raises(ConfigError, match="not a snapshot"):
            from_snapshot(text)


def test_registry_cannot_be_changed(tree):
    registry = tree.load()
    with pytest.raises(TypeError):
        registry.quantities["no2"] = None
    with pytest.raises(TypeError):
        registry.quality["themes"]["air"]["window_h"] = 1
    with pytest.raises(TypeError):
        registry.labs["lombok"].areas["x"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.devices[0].area = "x"
    with pytest.raises(TypeError):
        registry.indicators["lden"].parameters["night"] = "calendar"


def test_device_at_follows_a_device_that_moved(tree):
    old = "kanaalstraat,3600,2025-06-01,,Gemeente Utrecht,public\nutr-bike-02"
    tree.replace(DEVICES, old, old.replace(",,", ",2025-07-26,"))  # in the after phase
    tree.append(
        DEVICES, "utr-bike-01,bicycle-loop,135220,456420,,,,vleutenseweg,3600,2025-07-27,,Me,public"
    )
    registry = tree.load()
    at = lambda text: registry.device_at("utr-bike-01", parse_instant(text, "Europe/Amsterdam"))  # noqa: E731
    assert at("2025-05-31T23:59:59") is None
    assert at("2025-06-01").area == "kanaalstraat"
    assert at("2025-07-26") is None  # on its way
    assert at("2025-07-27").area == "vleutenseweg"
    assert [row.row for row in registry.history["utr-bike-01"]] == [4, 7]


def test_quality_for_merges_quantity_model_and_device(tree):
    tree.append(
        "quality/air.yaml",
        "devices: {utr-ref-01: {no2: {spike_fail_ug_m3: 99, rate_ug_m3_per_min: null, "
        "gross_suspect_ug_m3: [0, null], gross_fail_ug_m3: [-1, null], max_gap_s: 10800}}}",
    )
    registry = tree.load()
    sensor, reference = (registry.history[name][0] for name in ("utr-aq-01", "utr-ref-01"))
    assert quality_for(registry, "no2", sensor) == {
        "step_s": 600,
        "max_gap_s": 7200,
        "gross_fail": (-40.0, 2000.0),
        "gross_suspect": (-10.0, 400.0),
        "spike_suspect": 20.0,
        "spike_fail": 60.0,
        "rate_per_s": 35 / 60,
        "flat_tolerance": 0.1,
        "flat_suspect_s": 1800,
        "flat_fail_s": 5400,
        "attenuated_period_s": 86_400,
        "attenuated_suspect": 0.8,
        "attenuated_fail": 0.16,
        "neighbour_distance": 30.0,
        "neighbour_share": 0.5,
        "neighbour_group": "kanaalstraat|no2",
        "neighbour_site": "utr-aq-01",
        "timing_least_s": 300.0,
        "warm_up_s": 86_400,
        "warm_up_gap_s": 21_600,
        "state_limits": {"air_temperature": (-20.0, 50.0)},
    }
    merged = quality_for(registry, "no2", reference)
    assert merged["spike_suspect"] == 60  # of the model
    assert merged["spike_fail"] == 99  # of the device
    assert merged["rate_per_s"] is None  # switched off
    assert merged["gross_suspect"] == (0.0, float("inf"))
    assert (merged["max_gap_s"], merged["step_s"]) == (10_800, 3600)


def test_quality_for_a_quantity_without_thresholds_tests_its_range_alone(tree):
    registry = tree.load()
    merged = quality_for(registry, "count_car", registry.history["ams-tr-01"][0])
    assert merged["gross_fail"] == (0.0, float("inf"))
    assert {name for name, value in merged.items() if value is None} == {
        "gross_suspect", "spike_suspect", "spike_fail", "rate_per_s",
        "flat_tolerance", "flat_suspect_s", "flat_fail_s",
    }  # fmt: skip
    flow = quality_for(registry, "flow_rate", registry.history["ams-flow-01"][0])
    assert flow["gross_fail"] is None  # no bound at all


def test_quality_for_fits_the_tests_of_every_device(tree):
    from transforms.quality import Thresholds, reach_s

    registry = tree.load()
    for device in registry.devices:
        for key in registry.models[device.model].keys.values():
            thresholds = Thresholds.of(quality_for(registry, key.quantity, device))
            hours = window_h(registry, registry.quantities[key.quantity].theme)
            assert hours == 24 or max(reach_s(thresholds)) <= 3 * 3600, (device.id, key.quantity)
