"""Each mistake is found, with file, line or row, and key; all of them at once."""
# ruff: noqa: E501 - one line per example

from __future__ import annotations

import shutil

import pytest
from config_tree import ConfigTree

from livinglab.config import load_registry
from livinglab.errors import ConfigError

LOMBOK = "labs/lombok/devices.csv"
ROW = "x-1,bicycle-loop,135300,456100,,,,kanaalstraat,3600,2025-06-01,,Me,public"


@pytest.fixture
def tree(tmp_path):
    return ConfigTree(tmp_path)


def test_load_registry_of_the_demo_has_no_problems(tree):
    assert tree.problems() == []


#: File, passage, what is put in its place, what must be said.
SPOILED = [
    # quantities
    ("quantities.yaml", "molar_mass_g_mol: 46.0055\n  fail: [-40, 2000]", "molar_mass: 46\n  fail: [-40, 2000]",
     "config/quantities.yaml, line 21, no2.molar_mass: unknown key; did you mean 'molar_mass_g_mol'?"),
    ("quantities.yaml", "accepts: [ppb, mg/m3, ug/m3]", "accepts: [ppb, dB]",
     "co.accepts[1]: unit 'dB' does not fit 'ppm'"),
    ("quantities.yaml", "unit: NTU", "unit: florps", "turbidity.unit: unknown unit, got 'florps'"),
    ("quantities.yaml", "suspect: [380, 5000]", "suspect: [200, 5000]",
     "co2: suspect [200.0, 5000.0] must lie inside fail [300.0, 10000.0]"),
    ("quantities.yaml", "suspect: [380, 5000]", "suspect: [5000, 380]",
     "co2.suspect: expected [least, greatest], got [5000, 380]"),
    ("quantities.yaml", "kind: event\n  fail: [0, 250]", "kind: happening\n  fail: [0, 250]",
     "vehicle_speed.kind: expected 'state', 'event' or 'counter', got 'happening'"),
    # models
    ("models/toucan-senml.yaml", "quantity: no2,", "quantity: no_2,",
     "config/models/toucan-senml.yaml, line 7, keys.no2.quantity: unknown quantity; did you mean 'no2'?"),
    ("models/toucan-senml.yaml", "unit: Cel", "unit: hPa",
     "keys.air_temperature.unit: unit 'hPa' does not fit 'Cel'"),
    ("models/toucan-senml.yaml", "decoder: senml_json", "decoder: senml",
     "decoder: expected one of airgradient"),
    ("models/toucan-senml.yaml", "step_s: 600", "step_s: 10 minutes",
     "line 4, step_s: expected a number, got '10 minutes'"),
    ("models/toucan-senml.yaml", "step_s: 600", "step_s: 600\ntime_key: ts",
     "time_key: only mapped plain formats have it"),
    ("models/toucan-senml.yaml", "step_s: 600", "step_s: 600\ncodec: elsys-tlv",
     "codec: only chirpstack_v3, chirpstack_v4, tts_v3 carry frames; senml_json does not"),
    ("models/toucan-lorawan.yaml", "step_s: 600", "step_s: 600\ncodec: morse",
     "codec: expected one of bosch-parking"),
    ("models/two-way-counter.yaml", "channel: west, minimum: 0, maximum: 20000",
     "channel: west, minimum: 10, maximum: 5", "keys.west.maximum: expected more than minimum 10, got 5"),
    ("models/two-way-counter.yaml", "channel: west", "channel: west side", "keys.west.channel: expected a name"),
    # indicators
    ("indicators.yaml", "air:max_daily_8h_mean\n  quantities: [o3]", "air:max_daily_8h\n  quantities: [o3]",
     "transforms/air.py has no function 'max_daily_8h'; did you mean 'max_daily_8h_mean'?"),
    ("indicators.yaml", "function: noise:lden", "function: nose:lden",
     "no module transforms/nose.py; did you mean 'noise'?"),
    ("indicators.yaml", "function: noise:lden", "function: noise:lden\n  parameters: {nights: calendar}",
     "lden.parameters.nights: noise:lden has no such parameter; did you mean 'night'?"),
    ("indicators.yaml", "function: noise:lden", "function: noise:lden\n  parameters: {zone: UTC}",
     "lden.parameters.zone: is given by the pipeline"),
    ("indicators.yaml", "v85\n  quantities: [vehicle_speed]", "v85\n  quantities: [speed_of_vehicle]",
     "v85.quantities[0]: unknown quantity"),
    ("indicators.yaml", "v85\n  quantities: [vehicle_speed]", "v85\n  quantities: [wind_speed]",
     "v85.quantities[0]: wind_speed is of theme weather, expected one of mobility"),
    ("indicators.yaml", "unit: L/min\n  coverage: 1.0", "unit: m3/s\n  coverage: 1.0",
     "flow_daily.unit: expected 'L/min'"),
    ("indicators.yaml", "needs: [no2, o3, pm10]", "needs: [no2, o3, pm25]",
     "lki_calc.needs[2]: expected one of quantities"),
    ("indicators.yaml", "of: [lday]", "of: [ldey]", "lday_year.of[0]: unknown indicator; did you mean 'lden'?"),
    ("indicators.yaml", "of: [lday]", "of: [rain_day]",
     "lday_year.of[0]: expected an indicator of hours or days of noise, got rain_day"),
    ("indicators.yaml", "of: [lday]", "of: [lden_year]", "lday_year.of[0]: expected an indicator of hours or days"),
    ("indicators.yaml", "of: [lday]", "quantities: [sound_level_laeq]",
     "lday_year: an indicator of the year names of, and no quantities"),
    ("indicators.yaml", "of: [lday]", "of: [lday]\n  area_rule: mean",
     "lday_year: area_rule of a year is that of what `of` names"),
    ("indicators.yaml", 'unit: "ug/m3 h"\n  coverage: 0.9', 'unit: "ug/m3 s"\n  coverage: 0.9', "o3_aot40.unit: expected 'ug/m3'"),
    # labs
    ("labs/lombok/lab.yaml", "[GM0344]", "[GM344]", "labs/lombok/lab.yaml, line 7, cbs_codes[0]: expected GM + 4"),
    ("labs/lombok/lab.yaml", "[GM0344]", "[0344]", "cbs_codes[0]: expected GM + 4 digits"),
    ("labs/lombok/lab.yaml", "centre_rd: [135300, 456200]", "centre_rd: [456200, 135300]",
     "centre_rd: x 456200 and y 135300 look swapped"),
    ("labs/lombok/lab.yaml", "centre_rd: [135300, 456200]", "# none", "expected centre_rd with radius_m, or polygon_rd"),
    ("labs/lombok/lab.yaml", "topic: lombok/senml/+", "topic: stratumseind/senml/+",
     "'stratumseind/senml/+' and 'stratumseind/senml/+' of lab lombok claim the same topics"),
    ("labs/lombok/lab.yaml", "topic: lombok/senml/+", "topic: +/#",
     "claim the same topics"),
    ("labs/lombok/lab.yaml", "topic: lombok/senml/+", "topic: lombok/#/+", "expected an MQTT topic filter"),
    ("labs/lombok/lab.yaml", 'device: "topic:2"', 'device: "topic:3"', "has levels 0 to 2, not topic:3"),
    ("labs/lombok/lab.yaml", 'device: "topic:2"', "device: topic", "device: expected payload, or topic:N"),
    ("labs/lombok/lab.yaml", "municipality: Utrecht", "municipality: Utrecht\ntimezone: Europe/Utrecht",
     "timezone: expected a time zone like Europe/Amsterdam, got 'Europe/Utrecht'"),
    ("labs/lombok/lab.yaml", "licence: CC-BY-4.0\n", "", "labs/lombok/lab.yaml, line 2, licence: missing"),
    ("labs/lombok/lab.yaml", "{id: vleutenseweg, label: Vleutenseweg}", "{id: kanaalstraat, label: V}",
     "areas[1].id: area 'kanaalstraat' occurs twice"),
    # calibrations and flags
    ("labs/lombok/calibrations.csv", "slope=1.0687 offset=-8.740", "slope=1.0687",
     "calibrations.csv, row 2, parameters: method linear takes slope and offset, got slope"),
    ("labs/lombok/calibrations.csv", "slope=1.0687", "slope=0", "slope 0 would make every value the offset"),
    ("labs/lombok/calibrations.csv", "slope=1.0687", "gain:1.0687", "expected name=number pairs"),
    ("labs/lombok/calibrations.csv", ",o3,", ",o_3,", "row 2, quantity: utr-aq-01 does not measure it"),
    ("labs/lombok/calibrations.csv", "utr-aq-01", "utr-aq-02", "row 2, device: unknown device of lombok"),
    ("labs/lombok/calibrations.csv", ",linear,", ",quadratic,", "row 2, method: expected one of linear, multi_linear, barkjohn"),
    ("labs/lombok/flags.csv", ",no2,4,", ",no2,5,", "row 2, flag: expected 1 good"),
    ("labs/lombok/flags.csv", "2025-06-02", "2025-05-02", "row 2, valid_to: 2025-05-01T22:00:00Z is not after valid_from"),
    ("labs/lombok/flags.csv", ",no2,4,", ",no2,9,", "row 2, flag: expected 1 good, 3 suspect or 4 fail, got 9"),
    # experiments
    ("labs/lombok/experiments/bicycles-placebo.yaml", "indicator: bike_daily_count", "indicator: bikes_daily_count",
     "line 6, indicator: unknown indicator; did you mean 'bike_daily_count'?"),
    ("labs/lombok/experiments/bicycles-placebo.yaml", "control: [vleutenseweg]", "control: [vleutense]",
     "control[0]: unknown area of lombok; did you mean 'vleutenseweg'?"),
    ("labs/lombok/experiments/bicycles-placebo.yaml", "control: [vleutenseweg]", "control: [kanaalstraat]",
     "treated and control share kanaalstraat"),
    ("labs/lombok/experiments/bicycles-placebo.yaml", "indicator: bike_daily_count", "indicator: lden",
     "no device in vleutenseweg measures sound_level_laeq"),
    ("labs/lombok/experiments/bicycles-placebo.yaml", "after: [2025-07-25, 2025-09-05]", "after: [2025-07-20, 2025-09-05]",
     "to end when or before after"),
    ("labs/lombok/experiments/bicycles-placebo.yaml", "before: [2025-06-13,", "before: [2025-06-31,",
     "before[0]: "),
    # quality
    ("quality/air.yaml", "spike_suspect_ppm: 2", "spike_suspect_ug_m3: 2",
     "quantities.co.spike_suspect_ug_m3: unknown threshold; did you mean 'spike_suspect_ppm'?"),
    ("quality/air.yaml", "window_h: 24", "window_h: 1", "window_h: expected 24: a test of"),
    ("quality/air.yaml", "window_h: 24", "window_h: 12", "window_h: expected 1 or 24, got 12"),
    ("quality/air.yaml", "max_gap_s: 7200", "max_gap_s: 1800", "max_gap_s: 1800 s is less than one step (3600 s)"),
    ("quality/air.yaml", "theme: air", "theme: noise", "theme: expected air, as the file is named"),
    ("quality/air.yaml", "  reference-monitor:", "  reference:", "models.reference: unknown model"),
    ("quality/noise.yaml", "spike_fail_dba: 15", "spike_fail_dba: 5", "spike_suspect 8.0 is beyond spike_fail 5.0"),
    ("quality/noise.yaml", "spike_fail_dba: 15", "gross_fail_dba: [30, 100]",
     "gross_suspect (25.0, 110.0) is not inside gross_fail (30.0, 100.0)"),
    ("quality/noise.yaml", "flat_tolerance_dba: 0.2", "flat_tolerance_dba: 0", "expected a number above 0, got 0"),
    ("quality/noise.yaml", "flat_tolerance_dba: 0.2\n", "\n", "without flat_tolerance"),
    ("quality/noise.yaml", "flat_suspect_s: 300", "flat_suspect_s: 30", "flat_suspect_s 30 is shorter than one step"),
    ("quality/water.yaml", "  water_level:\n    spike_suspect_m: 0.05", "  no2:\n    spike_suspect_m: 0.05",
     "quantities.no2: belongs into quality/air.yaml"),
    # settings
    ("livinglab.yaml", "keepalive_s: 30", "keep_alive_s: 30", "line 22, keep_alive_s: unknown key; did you mean 'keepalive_s'?"),
    ("livinglab.yaml", "http_port: 9465", "http_port: 94650", "http_port: "),
    ("livinglab.yaml", "http_port: 9465", "store_token: abc", "store_token: unknown key: secrets come from the environment"),
    ("livinglab.yaml", "broker: mqtt://127.0.0.1:1883", "broker: mqtt://me:secret@127.0.0.1:1883",
     "broker: expected no user or password in an address"),
    ("livinglab.yaml", "store: sqlite:///store", "store: postgres://db", "store: expected an address with sqlite://, influxdb://"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "told"), SPOILED)
def test_load_registry_tells_what_is_wrong_and_where(tree, name, old, new, told):
    tree.replace(name, old, new)
    problems = tree.problems()
    assert any(
        told in problem and name in problem.replace("config/", "") for problem in problems
    ) or ("claim the same" in told and any(told in problem for problem in problems)), problems


#: A row added to lombok's devices.csv, and what must be said.
ROWS = [
    (ROW.replace("bicycle-loop", "bicycle-lop"), "row 7, model: unknown model; did you mean 'bicycle-loop'?"),
    (ROW.replace("kanaalstraat", "kanalstraat"), "area: unknown area of lombok; did you mean 'kanaalstraat'?"),
    (ROW.replace("135300,456100", "456100,135300"), "x_rd: x 456100 and y 135300 look swapped"),
    (ROW.replace("135300,456100,,", ",,52.09,5.10"), "lon: lon 52.09 and lat 5.1 look swapped"),
    (ROW.replace("135300,456100,,", ",,13.4,52.5"), "lon: position lon 13.4, lat 52.5 lies outside"),
    (ROW.replace("135300,456100", "0,0"), "x_rd: position (0, 0) is unset"),
    (ROW.replace("135300,456100", ","), "lon: expected either x_rd and y_rd, or lon and lat"),
    (ROW.replace("135300,456100,,", "135300,456100,5.1,52.09"), "expected either x_rd and y_rd, or lon and lat"),
    (ROW.replace("135300", "235300"), "x_rd: 100 km from lombok, farther than its reach_km (10)"),
    (ROW.replace("2025-06-01", "1-6-2025"), "valid_from: expected a date like 2025-06-13, got '1-6-2025'"),
    (ROW.replace("2025-06-01", "06/01/2025"), "valid_from: expected a date like 2025-06-13"),
    (ROW.replace("2025-06-01", "45809"), "got '45809': a spreadsheet's day number (2025-06-01?)"),
    (ROW.replace("2025-06-01", "2025-06-31"), "valid_from: expected a date like 2025-06-13 or a time"),
    (ROW.replace("2025-06-01,", "2025-06-01,2025-05-01"), "row 7, valid_to: 2025-04-30T22:00:00Z is not after valid_from"),
    (ROW.replace("2025-06-01,", "2025-06-01,9999-12-31"), "row 7, valid_to: expected a year from 1678 to 2261; an end that is open stays empty"),
    (ROW.replace("2025-06-01", "0001-01-01"), "row 7, valid_from: expected a year from 1678 to 2261"),
    (ROW.replace("3600", "hourly"), "step_s: expected a number, got 'hourly'"),
    (ROW.replace("3600", "0"), "step_s: expected greater than 0"),
    (ROW.replace("public", "secret"), "privacy: expected 'public' or 'citizen', got 'secret'"),
    (ROW.replace("x-1", "x|1"), "id: expected a name like utr-aq-01, got 'x|1'"),
    (ROW.replace("x-1", "x 1"), "id: expected a name like utr-aq-01, got 'x 1'"),
    (ROW.replace("x-1", ""), "row 7, id: missing"),
    (ROW.replace("x-1", "ams-aq-01"), "id: 'ams-aq-01' exists in lab buiksloterham too"),
    (ROW.replace("x-1", "UTR-BIKE-01"), "id: 'UTR-BIKE-01' and 'utr-bike-01' differ in upper and lower case alone"),
    (ROW.replace("x-1", "utr-bike-01"), "row 7, valid_from: overlaps row 4 of utr-bike-01"),
    (ROW.replace("bicycle-loop", "groundwater-logger"), "height_m_nap: missing: a level needs the height"),
    (ROW + ",extra", "row 7: a value without a heading, got 'extra'"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "told"), ROWS)
def test_load_registry_tells_what_is_wrong_in_a_device_row(tree, row, told):
    tree.append(LOMBOK, row)
    problems = tree.problems()
    assert any(told in problem and LOMBOK in problem for problem in problems), problems


def test_load_registry_of_a_fifth_lab_is_refused_with_the_reason(tree):
    shutil.copytree(tree.path("labs/lombok"), tree.path("labs/rivierenwijk"))
    problems = tree.problems()
    told = next(problem for problem in problems if "at most 4" in problem)
    assert "config/labs" in told
    assert "letter of 2015" in told
    assert "rivierenwijk" in told


def test_load_registry_reports_all_mistakes_at_once(tree):
    """One per file; none hides another, also not within one row."""
    tree.replace("livinglab.yaml", "clock_ahead_s: 300", "clock_ahead_s: soon")
    tree.replace("quantities.yaml", "unit: NTU", "unit: florps")
    tree.replace("models/bicycle-loop.yaml", "quantity: count_bike", "quantity: count_bikes")
    tree.replace("indicators.yaml", "function: noise:lden", "function: noise:lde")
    tree.replace("quality/noise.yaml", "spike_fail_dba: 15", "spike_fail_db: 15")
    tree.replace("labs/stratumseind/lab.yaml", "[GM0772]", "[772]")
    tree.append(LOMBOK, "x-1,no-model,456100,135300,,,,no-area,often,1-6-2025,,Me,nobody")
    tree.append("labs/stratumseind/devices.csv", ROW.replace("bicycle-loop", "bicycle-lop"))
    text = "\n".join(tree.problems())
    expected = [
        "livinglab.yaml, line 35, clock_ahead_s",
        "turbidity.unit",
        "keys.count_bike.quantity",
        "lden.function",
        "spike_fail_db:",
        "cbs_codes[0]",
        "row 7, step_s",
        "row 7, valid_from",
        "row 7, privacy",
        "row 7, model",
        "row 7, area",
        "row 7, x_rd",
        "stratumseind/devices.csv, row 6, model",
    ]
    assert [told for told in expected if told not in text] == []


def test_load_registry_does_not_complain_of_what_refers_to_a_broken_piece(tree):
    tree.replace("models/bicycle-loop.yaml", "decoder: senml_json", "decoder: senml")
    assert len(tree.problems()) == 1


def test_config_error_is_one_message_with_hint(tree):
    tree.replace("quantities.yaml", "unit: NTU", "unit: florps")
    with pytest.raises(ConfigError) as caught:
        tree.load()
    assert str(caught.value).startswith(
        "1 problem in the configuration:\n  config/quantities.yaml, line"
    )
    assert "livinglab check" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quantity.yaml", "unknown name, would be ignored; did you mean 'quantities.yaml'?"),
        ("labs/lombok/device.csv", "unknown name, would be ignored; did you mean 'devices.csv'?"),
        ("labs/lombok/devices.xlsx", "unknown name, would be ignored; did you mean 'devices.csv'?"),
        ("models/new.yml", "expected a file NAME.yaml"),
        ("models/Neu Sensor.yaml", "expected a name in lower case"),
    ],
)
def test_load_registry_refuses_files_it_would_ignore(tree, name, told):
    tree.write(name, tree.text("models/bicycle-loop.yaml"))
    assert any(told in problem for problem in tree.problems())


def test_load_registry_of_missing_files_names_them(tree):
    for name in ("quantities.yaml", "livinglab.yaml", "labs/lombok/lab.yaml", LOMBOK):
        tree.path(name).unlink()
    problems = tree.problems()
    for name in ("quantities.yaml", "livinglab.yaml", "labs/lombok/lab.yaml", LOMBOK):
        assert f"config/{name}: missing file" in problems


def test_load_registry_without_calibrations_and_flags_is_fine(tree):
    for lab in ("lombok", "stratumseind"):
        tree.path(f"labs/{lab}/calibrations.csv").unlink()
        tree.path(f"labs/{lab}/flags.csv").unlink()
    assert tree.problems() == []


def test_load_registry_of_an_empty_folder_lists_what_is_missing(tmp_path):
    (tmp_path / "config").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path / "config")
    assert {problem.path for problem in caught.value.problems} >= {
        "config/livinglab.yaml",
        "config/quantities.yaml",
        "config/indicators.yaml",
        "config/labs",
    }
