"""The demo configuration is what the demo, the documents and the other packages rely on."""
# ruff: noqa: E501 - one line per example

from __future__ import annotations

from pathlib import Path

import pytest

from livinglab.config import load_registry
from livinglab.config.values import FORMATS
from livinglab.model import Theme
from livinglab.timeline import parse_instant

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry(ROOT / "config")

AIR = {"no2", "o3", "pm2_5", "air_temperature", "relative_humidity"}
WEATHER = {"precipitation", "air_temperature", "wind_speed", "air_pressure"}
#: device, lab, model, decoder, what it measures at least, step [s], area
DEVICES = [
    ("utr-aq-01", "lombok", "toucan-senml", "senml_json", AIR, 600, "kanaalstraat"),
    ("utr-ref-01", "lombok", "reference-monitor", "plain_json", AIR, 3600, "kanaalstraat"),
    ("utr-bike-01", "lombok", "bicycle-loop", "senml_json", {"count_bike"}, 3600, "kanaalstraat"),
    ("utr-bike-02", "lombok", "bicycle-loop", "senml_json", {"count_bike"}, 3600, "vleutenseweg"),
    ("utr-gw-01", "lombok", "groundwater-logger", "tts_v3", {"water_level"}, 3600, "kanaalstraat"),
    ("ams-aq-01", "buiksloterham", "toucan-lorawan", "tts_v3", AIR, 600, "papaverweg"),
    ("ams-tr-01", "buiksloterham", "telraam-v1", "telraam", {"count_bike", "count_pedestrian"}, 3600, "papaverweg"),
    ("ams-gw-01", "buiksloterham", "groundwater-logger", "tts_v3", {"water_level"}, 3600, "ridderspoorweg"),
    ("ams-flow-01", "buiksloterham", "flow-gauge", "plain_json", {"flow_rate"}, 10800, "ridderspoorweg"),
    ("ein-ref-01", "stratumseind", "reference-monitor", "plain_json", {"no2"}, 3600, "stratumseind"),
    ("ein-nm-01", "stratumseind", "sound-meter", "senml_json", {"sound_level_laeq"}, 60, "stratumseind"),
    ("ein-wx-01", "stratumseind", "weather-station", "senml_json", WEATHER, 3600, "dommel"),
    ("ein-flow-01", "stratumseind", "flow-gauge", "plain_json", {"flow_rate"}, 10800, "dommel"),
    ("hag-aq-01", "internationale-zone", "airrohr-sds011", "sensor_community", {"pm2_5", "air_temperature", "relative_humidity"}, 600, "eisenhowerlaan"),
    ("hag-bike-01", "internationale-zone", "two-way-counter", "plain_json", {"count_bike"}, 3600, "eisenhowerlaan"),
    ("hag-wx-01", "internationale-zone", "weather-station", "senml_json", WEATHER, 3600, "scheveningseweg"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("device", "lab", "model", "decoder", "measures", "step_s", "area"), DEVICES
)
def test_registry_has_the_demo_device(device, lab, model, decoder, measures, step_s, area):
    (row,) = REGISTRY.history[device]
    known = REGISTRY.models[model]
    assert (row.lab, row.model, row.step_s, row.area) == (lab, model, step_s, area)
    assert known.decoder == decoder
    assert measures <= {key.quantity for key in known.keys.values()}
    first = "2025-06-13" if device.startswith("utr-bike") else "2025-08-29"
    assert row.from_ns <= parse_instant(first, "Europe/Amsterdam")
    assert row.to_ns is None


def test_registry_has_no_other_devices():
    assert {row.id for row in REGISTRY.devices} == {row[0] for row in DEVICES}


def test_demo_data_are_labelled_as_measured_elsewhere():
    for lab in REGISTRY.labs.values():
        assert "elsewhere" in lab.data_note
        assert "re-dated" in lab.data_note


def test_every_theme_of_the_labs_has_indicators():
    themes = {row.theme for row in REGISTRY.indicators.values()}
    assert themes >= {Theme.AIR, Theme.NOISE, Theme.MOBILITY, Theme.WATER}


def test_indicators_declare_the_margins_that_their_definitions_need():
    assert REGISTRY.indicators["o3_max_daily_8h_mean"].before_h >= 7
    for name in ("lnight", "lden"):
        assert REGISTRY.indicators[name].after_h >= 8


def test_limits_match_the_directives():
    """2008/50/EC Annexes XI and VII, (EU) 2024/2881 Annex I Table 1, WHO 2021 Tables 0.1 and 0.2."""
    found = {
        (name, limit.scheme): (limit.value, limit.allowed)
        for name, row in REGISTRY.indicators.items()
        for limit in row.limits
    }
    assert found["no2_hourly_mean", "2008/50/EC"] == (200, 18)
    assert found["no2_hourly_mean", "2024/2881"] == (200, 3)
    assert found["no2_daily_mean", "2024/2881"] == (50, 18)
    assert found["pm2_5_daily_mean", "2024/2881"] == (25, 18)
    assert found["pm2_5_daily_mean", "WHO 2021"] == (15, 3)
    assert found["o3_max_daily_8h_mean", "2008/50/EC target"] == (120, 25)
    assert found["o3_max_daily_8h_mean", "2024/2881 target"] == (120, 18)
    assert found["lden", "WHO 2018 road"] == (53, None)
    assert found["lnight", "WHO 2018 road"] == (45, None)


def test_formats_cover_every_decoder():
    from ingest.decoders import DECODERS

    assert set(DECODERS) <= set(FORMATS)
