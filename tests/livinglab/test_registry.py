"""Versions and snapshots: equal content, equal version; and what a window depends on."""

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
from livinglab.config_slice import config_slice, indicator_slice
from livinglab.errors import ConfigError
from livinglab.registry import quality_for, window_h
from livinglab.timeline import DAY_NS, parse_instant

START = parse_instant("2025-08-29T00:00:00Z")
END = START + DAY_NS
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
        ("indicators.yaml", "value: 53, source: \"Besluit", "value: 54, source: \"Besluit"),
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
    tree.replace(DEVICES, old, old.replace(",,", ",2025-07-01,"))
    tree.append(
        DEVICES, "utr-bike-01,bicycle-loop,135220,456420,,,,vleutenseweg,3600,2025-07-02,,Me,public"
    )
    registry = tree.load()
    at = lambda text: registry.device_at("utr-bike-01", parse_instant(text, "Europe/Amsterdam"))  # noqa: E731
    assert at("2025-05-31T23:59:59") is None
    assert at("2025-06-01").area == "kanaalstraat"
    assert at("2025-07-01") is None  # on its way
    assert at("2025-07-02").area == "vleutenseweg"
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


#: An edit, and whether the slice of a window of 29 August changes: (lombok, air).
EDITS = [
    (DEVICES, ",600,2025-06-01,,", ",600,2025-06-01,2026-01-01,", False),  # closed after the window
    (DEVICES, ",600,2025-06-01,,", ",600,2025-06-01,2025-08-29,", True),  # closed within it
    (DEVICES, ",600,2025-06-01,,", ",600,2025-07-01,,", False),  # began later, still before it
    (DEVICES, ",600,2025-06-01,,", ",600,2025-08-29T12:00:00Z,,", True),
    (DEVICES, "135339,456088", "135340,456088", False),  # a place is in no clean value
    (DEVICES, "utr-aq-01,toucan-senml", "utr-aq-01,reference-monitor", True),
    (DEVICES, "kanaalstraat,600", "kanaalstraat,300", True),  # step
    (DEVICES, "utr-bike-01,bicycle-loop,135360", "utr-bike-01,bicycle-loop,135361", False),
    ("labs/lombok/calibrations.csv", "1.0687", "1.0688", True),
    ("labs/lombok/calibrations.csv", "2025-06-01,,158 h", "2025-06-01,2025-12-01,158 h", False),
    ("labs/lombok/calibrations.csv", "R2 0.979", "R2 0.98", False),  # evidence
    ("labs/lombok/flags.csv", "2025-06-01,2025-06-02", "2025-06-01,2025-06-03", False),
    ("labs/lombok/flags.csv", "2025-06-01,2025-06-02", "2025-06-01,2025-08-30", True),
    ("quality/air.yaml", "spike_suspect_ug_m3: 60", "spike_suspect_ug_m3: 61", True),
    ("quality/noise.yaml", "spike_suspect_dba: 8", "spike_suspect_dba: 9", False),
    ("quality/air.yaml", "spike_suspect_ppm: 2", "spike_suspect_ppm: 1", False),  # no co
    ("quantities.yaml", "suspect: [-10, 300]", "suspect: [-10, 299]", True),  # o3
    ("quantities.yaml", "nl: Stikstofdioxide", "nl: NO2", False),
    ("labs/buiksloterham/calibrations.csv", "2.0256", "2.0257", False),  # another lab
    ("indicators.yaml", "value: 180", "value: 181", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "changes"), EDITS)
def test_config_slice_holds_exactly_what_can_matter(tree, name, old, new, changes):
    before = config_slice(tree.load(), "lombok", "air", START, END)
    tree.replace(name, old, new)
    after = config_slice(tree.load(), "lombok", "air", START, END)
    assert (after != before) is changes


def test_config_slice_is_canonical_json(tree):
    text = config_slice(tree.load(), "lombok", "mobility", START, END)
    content = json.loads(text)
    assert json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text
    assert [row["id"] for row in content["devices"]] == ["utr-bike-01", "utr-bike-02"]
    assert content["devices"][0]["thresholds"]["count_bike"]["gross_fail"] == [0.0, None]
    assert (content["devices"][0]["from_ns"], content["devices"][0]["to_ns"]) == (START, END)


def test_config_slice_of_a_window_before_the_devices_is_empty(tree):
    start = parse_instant("2024-01-01T00:00:00Z")
    content = json.loads(config_slice(tree.load(), "lombok", "air", start, start + DAY_NS))
    assert content["devices"] == content["calibrations"] == content["flags"] == []


def test_indicator_slice_changes_with_areas_and_indicators_but_not_with_limits(tree):
    def of_window():
        return indicator_slice(tree.load(), "lombok", "air", START, END)

    before = of_window()
    tree.replace("indicators.yaml", "value: 180", "value: 181")
    assert of_window() == before
    tree.replace(DEVICES, "5.5,kanaalstraat", "5.5,vleutenseweg")
    moved = of_window()
    assert moved != before
    label = "\n  label: {en: PM10"
    tree.replace("indicators.yaml", f"before_h: 23{label}", f"before_h: 24{label}")
    assert of_window() != moved
