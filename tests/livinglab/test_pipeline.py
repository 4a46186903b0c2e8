"""The pipeline as a build system: what is computed when, and that the way there does not matter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_lab import (
    DEVICES,
    END,
    LAB,
    QUALITY,
    START,
    arrive,
    contents,
    design,
    device,
    history,
    project_of,
    reading,
    registry_of,
)

from livinglab import pipeline
from livinglab.errors import FrozenError, PipelineError
from livinglab.pipeline import Cause, Window
from livinglab.project import Project
from livinglab.registry import Calibration, ManualFlag, Registry
from livinglab.timeline import DAY_NS, HOUR_NS, SECOND_NS, parse_instant

MINUTE_NS = 60 * SECOND_NS


def at(text: str) -> int:
    return parse_instant(text)


def hours(first: str, count: int) -> list[Window]:
    start = at(first)
    return [Window(start + n * HOUR_NS, start + (n + 1) * HOUR_NS) for n in range(count)]


def stale_windows(project: Project, level: str, theme: str) -> list[Window]:
    found = pipeline.stale(project, levels=[level], themes=[theme], now_ns=END)
    return [verdict.window for verdict in found]


def one_pass(folder: Path, registry: Registry, points: list[Any]) -> dict[Any, Any]:
    project = project_of(folder, registry)
    arrive(project.store, points)
    pipeline.reconcile(project, now_ns=END)
    return contents(project.store)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the small lab with all its readings, everything computed."""
    folder = tmp_path_factory.mktemp("computed")
    made = project_of(folder)
    arrive(made.store, history(DEVICES))
    outcome = pipeline.reconcile(made, now_ns=END)
    assert outcome.failures == []
    made.close()
    return folder


@pytest.fixture
def project(tmp_path: Path, computed: Path) -> Iterator[Project]:
    """A copy of the computed lab, of the test's own."""
    shutil.copytree(computed, tmp_path / "lab")
    made = project_of(tmp_path / "lab")
    yield made
    made.close()


def test_reconcile_computes_every_expected_window(project: Project) -> None:
    assert pipeline.stale(project, now_ns=END) == []
    noise = project.store.points("ops", "window", START, END, {"level": "clean", "theme": "noise"})
    assert len(list(noise)) == (END - START) // HOUR_NS == 145  # six days, one of them of 25 h
    days = project.store.points(
        "ops", "window", START, END, {"level": "indicators", "theme": "noise"}
    )
    assert len(list(days)) == 6


def test_reconcile_twice_writes_nothing(project: Project) -> None:
    before = contents(project.store, ("clean", "indicators"))
    outcome = pipeline.reconcile(project, now_ns=END)
    assert outcome.windows == 0
    assert outcome.summaries == []
    assert contents(project.store) == before


@pytest.mark.parametrize("level", ["clean", "indicators", "years"])
@pytest.mark.parametrize("theme", ["air", "noise", "mobility", "water"])
def test_rebuild_again_is_identical(project: Project, level: str, theme: str) -> None:
    before = contents(project.store)
    summary = pipeline.rebuild(project, level, LAB, theme, START, END, force=True, now_ns=END)
    assert summary.windows == summary.same > 0
    assert summary.written == summary.deleted == 0
    assert summary.unchanged > 0
    assert contents(project.store) == before


def test_rebuild_hour_by_hour_in_any_order_is_the_same_as_at_once(tmp_path: Path) -> None:
    points = history(DEVICES)
    at_once = one_pass(tmp_path / "once", registry_of(), points)
    parts = project_of(tmp_path / "parts")
    arrive(parts.store, points)
    for level in ("clean", "indicators"):
        for theme in ("air", "noise", "mobility", "water"):
            chunks = pipeline.plan(parts, level, themes=[theme], now_ns=END)
            ranges = [each for chunk in chunks for each in chunk["ranges"]]
            starts = range(ranges[0][0], ranges[-1][1], 5 * HOUR_NS)
            for start in sorted(starts, key=lambda value: value % 7_919):
                pipeline.rebuild(parts, level, LAB, theme, start, start + HOUR_NS, now_ns=END)
            pipeline.rebuild(parts, level, LAB, theme, START, END, now_ns=END)
    pipeline.reconcile(parts, now_ns=END)
    assert contents(parts.store) == at_once


def test_late_reading_makes_stale_exactly_the_hours_that_read_it(project: Project) -> None:
    arrive(project.store, [reading("nm-1", at("2025-10-24T10:15:00Z"), 58.0)])
    # flat line: 7200 s and a step of 900 s back; spike: a gap of 1800 s either way
    assert stale_windows(project, "clean", "noise") == hours("2025-10-24T09:00:00Z", 5)
    for theme in ("air", "mobility", "water"):
        assert stale_windows(project, "clean", theme) == []
    assert stale_windows(project, "indicators", "noise") == []  # not before clean has changed
    outcome = pipeline.reconcile(project, now_ns=END)
    computed = {(row.level, row.theme): row.windows for row in outcome.summaries}
    expected = {("clean", "noise"): 5, ("indicators", "noise"): 1, ("years", "noise"): 1}
    assert computed == expected


def test_late_reading_of_the_night_reaches_two_days_of_indicators(project: Project) -> None:
    arrive(project.store, [reading("nm-1", at("2025-10-24T01:15:00Z"), 58.0)])
    outcome = pipeline.reconcile(project, now_ns=END)
    computed = {(row.level, row.theme): row.windows for row in outcome.summaries}
    # 03:15 local is night of the 24th's own day, and of the Lden day of the 23rd
    assert computed[("indicators", "noise")] == 2


def test_late_reading_near_midnight_reaches_both_days_of_air(project: Project) -> None:
    arrive(project.store, [reading("ref-1", at("2025-10-24T23:00:00Z"), 50.0)])
    days = [
        Window(at(f"2025-10-{day}T00:00:00Z"), at(f"2025-10-{day + 1}T00:00:00Z"))
        for day in (24, 25)
    ]
    assert stale_windows(project, "clean", "air") == days
    arrive(project.store, [reading("ref-1", at("2025-10-26T12:00:00Z"), 50.0)])
    assert len(stale_windows(project, "clean", "air")) == 3


def test_late_data_end_up_as_if_they_had_been_in_time(project: Project, tmp_path: Path) -> None:
    late = [reading("nm-2", at("2025-10-25T03:30:00Z"), 99.0), reading("gw-1", START, 0.9)]
    arrive(project.store, late)
    pipeline.reconcile(project, now_ns=END)
    merged = {(point.series, point.time_ns): point for point in [*history(DEVICES), *late]}
    expected = one_pass(tmp_path / "other", project.registry, list(merged.values()))
    assert contents(project.store) == expected


def test_valid_to_set_today_changes_nothing_earlier(project: Project) -> None:
    today = at("2025-10-28T12:00:00Z")
    rows = [device(name, to_ns=today if name == "nm-1" else None) for name in DEVICES]
    project.registry = registry_of(rows)
    stale = stale_windows(project, "clean", "noise")
    assert stale[0].end_ns > today - 30 * MINUTE_NS  # what has the end within reach
    assert stale == [w for w in hours("2025-10-28T11:00:00Z", 12) if w.end_ns <= END]
    assert stale_windows(project, "indicators", "noise") == [
        Window(at("2025-10-27T23:00:00Z"), at("2025-10-28T23:00:00Z"))
    ]


def test_unchanged_output_stops_the_chain(project: Project) -> None:
    arrive(project.store, history(["bike-1"]))  # everything again: new versions, equal values
    outcome = pipeline.reconcile(project, now_ns=END)
    assert [(row.level, row.windows, row.same) for row in outcome.summaries] == [
        ("clean", 145, 145)
    ]


def test_threshold_makes_all_windows_of_the_theme_stale_and_no_other(project: Project) -> None:
    quantities = {**QUALITY["quantities"]}
    quantities["sound_level_laeq"] = {**quantities["sound_level_laeq"], "spike_suspect": 0.5}
    project.registry = registry_of(quality={**QUALITY, "quantities": quantities})
    stale = pipeline.stale(project, now_ns=END)
    assert {(row.target.level, row.target.theme) for row in stale} == {("clean", "noise")}
    assert {row.cause for row in stale} == {Cause.CONFIG}
    assert len(stale) == 145


def test_calibration_corrects_values_and_what_follows(project: Project, tmp_path: Path) -> None:
    since = at("2025-10-25T00:00:00Z")
    row = Calibration("ref-1", "o3", "linear", {"offset": 2.0, "slope": 1.5}, since, None, "", 1)
    project.registry = registry_of(calibrations=[row])
    assert [window.start_ns for window in stale_windows(project, "clean", "air")] == [
        since + day * DAY_NS for day in range(4)
    ]
    pipeline.reconcile(project, now_ns=END)
    tags = {"device": "ref-1"}
    raw = project.store.frame("raw", "air", START, END, tags, ["o3"])["o3"]
    clean = project.store.frame("clean", "air", START, END, tags, ["value"])["value"]
    is_old = raw.index < clean.index[0].floor("D").replace(day=25)
    assert (clean[is_old] == raw[is_old]).all()
    assert (clean[~is_old] == 2.0 + 1.5 * raw[~is_old]).all()
    assert contents(project.store) == one_pass(
        tmp_path / "other", project.registry, history(DEVICES)
    )


def test_manual_flag_wins_and_its_withdrawal_restores(project: Project) -> None:
    before = contents(project.store)
    span = at("2025-10-24T10:00:00Z"), at("2025-10-24T12:00:00Z")
    registry = project.registry
    project.registry = registry_of(flags=[ManualFlag("nm-1", "*", 4, *span, "roadworks", "ann", 1)])
    assert stale_windows(project, "clean", "noise") == hours("2025-10-24T10:00:00Z", 2)
    pipeline.reconcile(project, now_ns=END)
    rows = project.store.frame("clean", "noise", *span, {"device": "nm-1"}, ["flag", "tests"])
    assert set(rows["flag"]) == {4}
    assert {tests[10] for tests in rows["tests"]} == {"4"}
    project.registry = registry
    pipeline.reconcile(project, now_ns=END)
    assert contents(project.store) == before


def test_test_of_the_device_state_looks_at_another_theme(project: Project) -> None:
    clean = project.store.frame("clean", "air", START, END, None, ["flag", "tests"])
    humid = clean["tests"].str[9] == "3"
    assert 0 < humid.sum() < len(clean) / 5
    assert (clean.loc[humid, "flag"] >= 3).all()
    first = clean.index[humid][0]
    ns = int(first.as_unit("ns").value)
    arrive(project.store, [reading("ref-1", ns, 40.0, "relative_humidity")])
    pipeline.reconcile(project, now_ns=END)
    again = project.store.frame("clean", "air", ns, ns + 1, None, ["tests"])
    assert again["tests"].str[9].tolist() == ["2"]


def test_level_is_against_nap(project: Project) -> None:
    raw = project.store.frame("raw", "water", START, END, None, ["water_level"])
    clean = project.store.frame("clean", "water", START, END, None, ["value"])
    assert (clean["value"] == raw["water_level"] + -1.25).all()


def test_value_that_becomes_insufficient_is_not_left_standing(project: Project) -> None:
    day = Window(at("2025-10-23T22:00:00Z"), at("2025-10-24T22:00:00Z"))
    flag = ManualFlag("bike-1", "*", 4, *day, "counter covered", "ann", 1)
    project.registry = registry_of(flags=[flag])
    pipeline.reconcile(project, now_ns=END)
    tags = {"area": "north", "indicator": "bike_daily_count"}
    (point,) = project.store.points("indicators", "mobility", *day, tags)
    assert point.fields == {"coverage": 0.0, "n": 0, "status": "insufficient"}


def test_silent_device_has_rows_too(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    pipeline.reconcile(project, now_ns=END)
    frame = project.store.frame("indicators", "noise", START, END, {"indicator": "laeq_hour"})
    assert len(frame) == 145
    assert set(frame["status"]) == {"insufficient"}
    assert frame["value"].isna().all()


def test_civil_days_have_23_to_25_hours(project: Project) -> None:
    tags = {"indicator": "bike_hourly_count", "area": "north"}
    frame = project.store.frame("indicators", "mobility", START, END, tags, ["n"])
    local = frame.tz_convert("Europe/Amsterdam")
    assert local.groupby(local.index.date).size().tolist() == [24, 24, 24, 25, 24, 24]


def test_device_that_moves_counts_for_each_area_in_its_time(project: Project) -> None:
    moved = at("2025-10-25T12:00:00Z")
    rows = [device(name) for name in DEVICES if name != "bike-1"]
    rows += [device("bike-1", to_ns=moved), device("bike-1", from_ns=moved, area="south")]
    project.registry = registry_of(rows)
    pipeline.reconcile(project, now_ns=END)
    tags = {"indicator": "bike_daily_count"}
    frame = project.store.frame("indicators", "mobility", START, END, tags, ["status", "value"])
    north = frame[frame["area"] == "north"]
    assert north["status"].tolist() == ["valid", "valid", "insufficient"]  # no day after the move


def test_device_that_was_never_there_leaves_nothing(project: Project, tmp_path: Path) -> None:
    rows = [device(name) for name in DEVICES if name != "ref-1"]
    project.registry = registry_of(rows)
    pipeline.reconcile(project, now_ns=END)
    assert list(project.store.points("clean", "air", START, END)) == []
    assert list(project.store.points("indicators", "air", START, END)) == []
    others = [point for point in history(DEVICES) if point.series.tags[0] != "ref-1"]
    assert contents(project.store) == one_pass(tmp_path / "other", project.registry, others)


def test_window_length_may_change_and_change_back(project: Project) -> None:
    before = contents(project.store)
    registry = project.registry
    themes = {**QUALITY["themes"], "noise": {"window_h": 24, "max_gap_s": 1800}}
    tuned = {**QUALITY["quantities"]["sound_level_laeq"], "spike_suspect": 0.5}
    quantities = {**QUALITY["quantities"], "sound_level_laeq": tuned}
    project.registry = registry_of(quality={**QUALITY, "themes": themes, "quantities": quantities})
    pipeline.reconcile(project, now_ns=END)
    assert contents(project.store) != before
    project.registry = registry  # the records of its hours are still there, and say "fresh"
    assert set(hours("2025-10-22T22:00:00Z", 145)) <= set(stale_windows(project, "clean", "noise"))
    pipeline.reconcile(project, now_ns=END)
    assert contents(project.store) == before


def test_indicator_that_goes_takes_its_values_along(project: Project) -> None:
    kept = {name: row for name, row in project.registry.indicators.items() if name != "laeq_hour"}
    project.registry = replace(project.registry, indicators=kept, version="without")
    pipeline.reconcile(project, now_ns=END)
    keys = project.store.series("indicators", "noise")
    assert "laeq_hour" not in {key.tags[2] for key in keys}


def with_retention(registry: Registry, days: int) -> Registry:
    return replace(
        registry, settings=registry.settings.model_copy(update={"raw_retention_days": days})
    )


def test_window_before_the_raw_horizon_is_frozen(project: Project) -> None:
    before = contents(project.store)
    project.registry = with_retention(project.registry, 3)
    arrive(project.store, [reading("nm-1", at("2025-10-24T10:15:00Z"), 99.0)])
    stale = pipeline.stale(project, now_ns=END)
    assert [row.window for row in stale] == hours("2025-10-24T09:00:00Z", 5)
    assert all(row.frozen and not row.is_computable for row in stale)
    assert pipeline.plan(project, "clean", now_ns=END) == []
    outcome = pipeline.reconcile(project, now_ns=END)
    assert outcome.windows == 0
    assert contents(project.store) == before
    span = hours("2025-10-24T10:00:00Z", 1)[0]
    with pytest.raises(FrozenError, match="raw readings may have been deleted"):
        pipeline.rebuild(project, "clean", LAB, "noise", *span, force=True, now_ns=END)


def test_window_whose_margin_reaches_before_the_horizon_is_frozen(project: Project) -> None:
    project.registry = with_retention(project.registry, 3)
    horizon = END - 3 * DAY_NS
    arrive(project.store, [reading("nm-1", horizon + HOUR_NS, 99.0)])
    frozen = [row.frozen for row in pipeline.stale(project, levels=["clean"], now_ns=END)]
    assert frozen == [True, True, True, False, False]


def test_clean_windows_of_today_are_expected_and_days_are_not(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    now = at("2025-10-24T10:30:00Z")
    arrive(project.store, [row for row in history(DEVICES) if row.time_ns < now])
    pipeline.reconcile(project, now_ns=now)
    newest = {
        theme: max(point.time_ns for point in project.store.points("clean", theme, START, END))
        for theme in ("air", "noise")
    }
    assert newest == {"air": at("2025-10-24T10:00:00Z"), "noise": at("2025-10-24T09:45:00Z")}
    days = {point.time_ns for point in project.store.points("indicators", "noise", START, END)}
    assert max(days) < at("2025-10-23T22:00:00Z")


def test_experiment_waits_for_its_last_day(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    arrive(project.store, history(DEVICES))
    pipeline.reconcile(project, now_ns=at("2025-10-26T22:00:00Z"))
    assert list(project.store.points("ops", "experiment", 0, 1)) == []
    pipeline.reconcile(project, now_ns=at("2025-10-26T23:00:00Z"))
    (point,) = project.store.points("ops", "experiment", 0, 1)
    assert '"placebo":true' in str(point.fields["result"])


def test_experiment_follows_its_design_and_its_days(project: Project) -> None:
    results = []
    for designs in ([design(control=("north",), treated=("south",))], [design()]):
        project.registry = registry_of(experiments=designs)
        outcome = pipeline.reconcile(project, now_ns=END)
        assert [row.level for row in outcome.summaries] == ["experiment"]
        results.append(project.store.latest("ops", "experiment")[0].fields["result"])
    assert results[0] != results[1]
    arrive(project.store, [reading("bike-2", at("2025-10-24T10:00:00Z"), 900.0)])
    pipeline.reconcile(project, now_ns=END)
    assert project.store.latest("ops", "experiment")[0].fields["result"] != results[1]
    arrive(project.store, [reading("bike-2", at("2025-10-28T10:00:00Z"), 900.0)])  # after its end
    outcome = pipeline.reconcile(project, now_ns=END)
    assert {row.level for row in outcome.summaries} == {"clean", "indicators", "years"}


def test_experiment_with_other_dates_and_back(project: Project) -> None:
    before = project.store.latest("ops", "experiment")[0].fields["result"]
    registry = project.registry
    dates = {"before": ("2025-10-24", "2025-10-26"), "after": ("2025-10-26", "2025-10-28")}
    project.registry = registry_of(experiments=[design(**dates)])
    pipeline.reconcile(project, now_ns=END)
    assert project.store.latest("ops", "experiment")[0].fields["result"] != before
    project.registry = registry
    pipeline.reconcile(project, now_ns=END)
    assert project.store.latest("ops", "experiment")[0].fields["result"] == before


def test_stale_tells_which_hour_of_which_device(project: Project) -> None:
    arrive(project.store, [reading("nm-2", at("2025-10-24T10:15:00Z"), 58.0)])
    stale = pipeline.stale(project, now_ns=END)
    assert {row.reason for row in stale} == {"late data: nm-2 2025-10-24T10Z"}


def test_stale_is_limited_to_what_is_asked(project: Project) -> None:
    arrive(project.store, history(["nm-1", "bike-1"]))
    window = hours("2025-10-24T10:00:00Z", 1)[0]
    options = {"labs": [LAB], "themes": ["noise"], "start_ns": window.start_ns, "now_ns": END}
    assert [row.window for row in pipeline.stale(project, end_ns=window.end_ns, **options)] == [
        window
    ]
    assert pipeline.stale(project, levels=["indicators"], now_ns=END) == []


def test_rebuild_of_what_does_not_exist_says_what_does(project: Project) -> None:
    for arguments, told in (
        (("cleen", LAB, "air"), "no level 'cleen'"),
        (("clean", "lombock", "air"), "no lab 'lombock'"),
        (("clean", LAB, "sound"), "has no theme 'sound'"),
        (("experiment", LAB, "trail"), "has no experiment 'trail'"),
    ):
        with pytest.raises(PipelineError, match=told) as caught:
            pipeline.rebuild(project, *arguments, START, END)
        assert caught.value.hint


def test_record_names_what_the_window_was_computed_with(project: Project) -> None:
    (snapshot,) = project.store.points("ops", "registry", 0, 1)
    assert snapshot.series.tags == (project.registry.version,)
    tags = {"level": "clean", "theme": "noise"}
    first = next(iter(project.store.points("ops", "window", START, END, tags)))
    assert first.fields["claim"] == first.fields["run"]
    assert f'"registry":"{project.registry.version}"' in str(first.fields["info"])
    assert '"reason":"never computed"' in str(first.fields["info"])
