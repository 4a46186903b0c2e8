"""Experiments in the pipeline: methods on stored days, staleness, the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_lab import DEVICES, END, LAB, ZONE, arrive, design, device, history, project_of, reading
from small_lab import registry_of as registry_of_small

from livinglab import pipeline
from livinglab.pipeline.digests import digest_of
from livinglab.pipeline.experiments import design_digest, energy_percent
from livinglab.project import Project
from livinglab.registry import Calibration, Covariate, Experiment, Registry
from livinglab.report.experiment_page import experiment_contents, rendered
from livinglab.report.experiment_record import stored_result
from livinglab.timeline import HOUR_NS, parse_instant

FIRST = parse_instant("2025-05-05", ZONE)
LAST = parse_instant("2025-06-30", ZONE)  # eight weeks
NAMES = ("bike-1", "bike-2", "gw-1")
EFFECT = 24 * 6.0

LONG: dict[str, Any] = {
    "before": ("2025-05-05", "2025-06-02"),
    "after": ("2025-06-02", "2025-06-30"),
    "placebo": False,
    "weekdays": "adjust",
}
LEVEL = (Covariate("level_daily", "south"),)
DESIGNS = (
    design(id="did", **LONG),
    design(id="cits", method="cits", **LONG),
    design(id="its", method="its", control=(), **LONG),
    design(id="before-after", method="before_after", control=(), covariates=LEVEL, **LONG),
    design(id="weather", method="weather_normalised", covariates=LEVEL, **LONG),
    design(id="counts", method="counts", **LONG),
    design(id="pairs", method="paired_days", **(LONG | {"weekdays": "whole_weeks"})),
)


def registry_of(*designs: Experiment, **changes: Any) -> Registry:
    rows = tuple(device(name, from_ns=FIRST) for name in NAMES)
    return registry_of_small(rows, experiments=designs, **changes)


def readings() -> Iterator[Any]:
    """Eight weeks: both streets busier on working days, north six an hour more from June on."""
    rng = np.random.default_rng(11)
    hours = range(FIRST, LAST, HOUR_NS)
    daily = np.repeat(rng.normal(0, 4, 56), 24)
    for name, base in (("bike-1", 60), ("bike-2", 50)):
        noise = rng.normal(0, 6, len(hours))
        for number, at in enumerate(hours):
            work = 20 if number // 24 % 7 < 5 else 0
            more = 6 if name == "bike-1" and number >= 24 * 28 else 0
            yield reading(
                name, at, float(round(base + work + more + daily[number] + noise[number]))
            )
    wave = np.repeat(rng.normal(0, 0.01, 56), 24)
    for number, at in enumerate(hours):
        yield reading("gw-1", at, 0.5 + float(wave[number]) + 0.001 * (number % 5))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = project_of(tmp_path_factory.mktemp("long"), registry_of(*DESIGNS))
    arrive(project.store, readings())
    outcome = pipeline.reconcile(project, now_ns=LAST)
    assert not outcome.failures, outcome.failures
    yield project
    project.close()


def record(project: Project, name: str) -> dict[str, Any]:
    (point,) = project.store.points("ops", "experiment", 0, 1, {"lab": LAB, "experiment": name})
    return dict(json.loads(str(point.fields["result"])))


@pytest.mark.parametrize("name", [row.id for row in DESIGNS])
def test_each_method_finds_the_effect_in_the_stored_days(project: Project, name: str) -> None:
    result = record(project, name)
    truth = EFFECT
    if name == "counts":
        expected = result["mean"]["treated_before"] * result["mean"]["control_after"]
        truth = float(np.log1p(EFFECT / (expected / result["mean"]["control_before"])))
    assert result["estimate"]["low"] < truth < result["estimate"]["high"]
    if name != "its":  # one street with its own trends is too little for four weeks
        assert result["verdict"] == "effect shown", result["reasons"]


@pytest.mark.parametrize("name", ["did", "cits", "its", "before-after", "weather", "counts"])
def test_record_has_everything_that_defends_it(project: Project, name: str) -> None:
    result = record(project, name)
    for key in (
        "unit", "estimate", "p_adjusted", "adjustment", "family", "mde", "effective_days", "r", "g",
        "before", "after", "checks", "placebo_in_time", "sensitivity", "indicator", "data",
        "design", "transform", "verdict", "reasons", "formula", "percent", "sigma", "mean",
    ):  # fmt: skip
        assert result[key] not in (None, [], ""), key
    for phase in ("before", "after"):
        assert result[phase]["used"] + result[phase]["dropped"] == result[phase]["expected"] == 28
        assert (result[phase]["control"] is None) is (name in ("its", "before-after"))
    assert {"method", "effect", "se", "df", "low", "high", "p", "lags"} == set(result["estimate"])
    assert result["placebo_in_time"]["rank"] >= 1
    methods = [other["method"] for other in result["sensitivity"]]
    assert {"GLS, AR(1)", "moving-block bootstrap, 7 days"} <= set(methods)
    assert all(check["consequence"] for check in result["checks"])


def test_forced_evaluation_gives_the_same_bytes(project: Project) -> None:
    for name in ("did", "weather", "counts"):
        tags = {"lab": LAB, "experiment": name}
        before = list(project.store.points("ops", "experiment", 0, 1, tags))
        summary = pipeline.experiment(project, LAB, name, force=True)
        assert (summary.windows, summary.same, summary.written) == (1, 1, 0)
        assert list(project.store.points("ops", "experiment", 0, 1, tags)) == before


def test_late_data_of_a_covariate_make_stale_what_reads_it(tmp_path: Path) -> None:
    """A covariate of another theme than the outcome; the experiment without it stays fresh."""
    weather = design(id="weather", method="weather_normalised", covariates=LEVEL)
    project = project_of(tmp_path, registry_of_small(experiments=[design(), weather]))
    arrive(project.store, history(DEVICES))
    pipeline.reconcile(project, now_ns=END)
    arrive(project.store, [reading("gw-1", parse_instant("2025-10-24T10:00:00Z"), 0.9)])
    pipeline.reconcile(project, levels=["clean", "indicators", "years"], now_ns=END)
    stale = pipeline.stale(project, now_ns=END)
    assert [row.target.theme for row in stale] == ["weather"]
    assert stale[0].reason == "upstream changed: window of 2025-10-23T22:00:00Z"
    outcome = pipeline.reconcile(project, now_ns=END)
    assert [row.theme for row in outcome.summaries] == ["weather"]
    assert pipeline.stale(project, now_ns=END) == []


def test_other_covariates_or_outcomes_are_another_design(tmp_path: Path) -> None:
    project = project_of(tmp_path, registry_of_small())
    arrive(project.store, history(DEVICES))
    pipeline.reconcile(project, now_ns=END)
    for changes, told in (
        ({"covariates": LEVEL}, "adjustment changed"),
        ({"weekdays": "adjust"}, "adjustment changed"),
        ({"expected": "increase"}, "outcomes changed"),
        ({"method": "cits"}, "method changed"),
        ({"lags": 3}, "method changed"),
        ({"relevant": 100.0}, "outcomes changed"),
    ):
        project.registry = registry_of_small(experiments=[design(**changes)])
        (verdict,) = pipeline.stale(project, now_ns=END)
        assert verdict.cause == "configuration changed", changes
        assert told in verdict.reason or "registry" in verdict.reason
    project.registry = registry_of_small(experiments=[design(label="Other words", contact="you")])
    assert pipeline.stale(project, now_ns=END) == []


def test_several_outcomes_are_adjusted_within_the_declared_family(project: Project) -> None:
    several = design(
        id="several", secondary=("level_daily",), treated=("south",), control=("north",), **LONG
    )
    several = replace(several, method="before_after", control=(), family=several.outcomes[:2])
    wider = replace(several, id="wider", family=("bike_daily_count",))
    registry = project.registry
    project.registry = registry_of(*DESIGNS, several, wider)
    pipeline.reconcile(project, levels=["experiment"], now_ns=LAST)
    both = record(project, "several")
    (level,) = both["others"]
    assert (both["role"], level["role"], level["unit"]) == ("primary", "secondary", "m NAP")
    ps = sorted([both["estimate"]["p"], level["estimate"]["p"]])
    assert min(both["p_adjusted"], level["p_adjusted"]) == pytest.approx(min(2 * ps[0], ps[1] * 2))
    assert {both["adjustment"], level["adjustment"]} == {"holm"}
    alone = record(project, "wider")
    assert alone["p_adjusted"] == pytest.approx(alone["estimate"]["p"])
    assert alone["others"][0]["adjustment"] == "exploratory, fdr_bh"
    project.registry = registry
    pipeline.reconcile(project, levels=["experiment"], now_ns=LAST)


@pytest.mark.parametrize(
    ("valid", "is_same"),
    [
        (("2025-10-23", None), True),
        (("2025-10-25", None), False),  # recalibrated on the very date of the intervention
        (("2025-10-24", None), False),
        (("2025-10-27", None), True),  # after the experiment
    ],
)
def test_recalibration_within_the_phases_makes_the_contrast_invalid(
    tmp_path: Path, valid: tuple[str, str | None], is_same: bool
) -> None:
    row = Calibration(
        "bike-1", "count_bike", "linear", {"slope": 1.1, "offset": 0.0},
        parse_instant(valid[0], ZONE), None, "test", 2,
    )  # fmt: skip
    project = project_of(tmp_path, registry_of_small(calibrations=[row]))
    arrive(project.store, history(("bike-1", "bike-2")))
    pipeline.reconcile(project, now_ns=END)
    result = json.loads(str(project.store.latest("ops", "experiment")[0].fields["result"]))
    (check,) = [each for each in result["checks"] if each["name"] == "instruments"]
    assert check["passed"] is is_same
    assert ("calibration of count_bike of bike-1" in check["consequence"]) is not is_same
    assert is_same or (result["verdict"], result["reasons"][0]) == ("invalid", check["consequence"])
    used = [] if valid[0] == "2025-10-27" else [("bike-1", "linear", {"offset": 0.0, "slope": 1.1})]
    rows = result["calibrations"]
    assert [(each["device"], each["method"], each["parameters"]) for each in rows] == used


def test_sensor_that_is_moved_within_the_phases_makes_the_contrast_invalid(tmp_path: Path) -> None:
    move = parse_instant("2025-10-25", ZONE)
    rows = [device(name) for name in DEVICES if name != "bike-1"]
    rows += [device("bike-1", to_ns=move), device("bike-1", from_ns=move, x_rd=136100.0)]
    project = project_of(tmp_path, registry_of_small(rows))
    arrive(project.store, history(("bike-1", "bike-2")))
    pipeline.reconcile(project, now_ns=END)
    result = json.loads(str(project.store.latest("ops", "experiment")[0].fields["result"]))
    assert result["verdict"] == "invalid"
    assert result["reasons"][0].startswith("The sensor bike-1 is not the same from 2025-10-24T22")


def test_design_that_is_changed_after_its_result_is_told(tmp_path: Path) -> None:
    project = project_of(tmp_path, registry_of_small())
    arrive(project.store, history(DEVICES))
    pipeline.reconcile(project, now_ns=END)

    def told() -> tuple[str, ...]:
        stored = stored_result(project, project.registry.labs[LAB].experiments["trial"], END)
        assert stored is not None
        return stored.earlier

    assert told() == ()
    pipeline.experiment(project, LAB, "trial", force=True)
    assert told() == ()  # computed again is not changed
    first = record(project, "trial")["headline"]
    for changes in ({"hypothesis": "It was expected all along."}, {"alpha": 0.1}):
        project.registry = registry_of_small(experiments=[design(**changes)])
        pipeline.reconcile(project, now_ns=END)
    assert told() == (first, first)
    html, markdown = (
        rendered(experiment_contents(project, LAB, "trial", now_ns=END), fmt)
        for fmt in ("html", "md")
    )
    for text in (html, markdown):
        assert "Design changed after data were seen." in text
    project.registry = registry_of_small(experiments=[design(alpha=0.1, label="Another name")])
    pipeline.reconcile(project, now_ns=END)
    assert len(told()) == 2


def test_keys_that_a_design_leaves_out_are_no_part_of_its_digest() -> None:
    """An upgrade that knows more keys must not look like a design changed after its result."""
    plain = asdict(design())
    for name in ("lags", "relevant", "label", "contact", "what", "where", "comparable", "placebo"):
        del plain[name]
    assert design_digest(design()) == digest_of(plain)
    digests = {design_digest(design(**row)) for row in ({}, {"lags": 3}, {"relevant": 3.0})}
    assert len(digests) == 3


def test_lags_and_relevant_effect_of_a_design_are_in_its_record_and_report(
    project: Project,
) -> None:
    rows = [
        design(id="seen", lags=3, relevant=EFFECT, **LONG),
        design(id="far", method="before_after", control=(), relevant=5000.0,
               secondary=("level_daily",), **LONG),
        design(id="ratio", method="counts", relevant=20.0, **LONG),
    ]  # fmt: skip
    registry = project.registry
    project.registry = registry_of(*DESIGNS, *rows)
    pipeline.reconcile(project, levels=["experiment"], now_ns=LAST)
    seen, far, ratio = (record(project, row.id) for row in rows)
    assert (seen["lags"], seen["estimate"]["lags"]) == (3, 3)
    assert (far["lags"], far["estimate"]["lags"]) == (None, 7)
    assert seen["relevant"] == {"effect": EFFECT, "visible": True, "interval": "possible"}
    assert far["relevant"]["interval"] == "excluded"
    assert far["others"][0]["relevant"] is None, "declared in the unit of the primary outcome"
    assert ratio["relevant"]["interval"] == "beyond", "twenty bicycles a day, not twenty percent"
    contents = experiment_contents(project, LAB, "seen", now_ns=LAST)
    for text in (rendered(contents, "html"), rendered(contents, "md")):
        assert "the smallest change that would matter is 144" in text
        assert "could have seen it in four of five cases" in text
        assert "does not exclude a change of that size" in text
        assert "3 lags by the design" in text
    far_off = rendered(experiment_contents(project, LAB, "far", now_ns=LAST), "html")
    assert "excludes a change of that size" in far_off
    assert "7 lags by the rule" in far_off
    project.registry = registry
    pipeline.reconcile(project, levels=["experiment"], now_ns=LAST)


def test_missing_covariate_days_are_dropped_and_counted(tmp_path: Path) -> None:
    weather = design(id="weather", method="weather_normalised", covariates=LEVEL)
    project = project_of(tmp_path, registry_of_small(experiments=[weather]))
    arrive(project.store, history(("bike-1", "bike-2")))  # the logger is silent
    pipeline.reconcile(project, now_ns=END)
    result = json.loads(str(project.store.latest("ops", "experiment")[0].fields["result"]))
    assert result["verdict"] == "invalid"
    assert result["before"] | {"treated": 2, "adjusted": 0, "used": 0} == result["before"]


def test_energy_percent_of_three_decibels_is_half() -> None:
    assert energy_percent(-3.0103) == pytest.approx(-50.0, abs=0.05)
