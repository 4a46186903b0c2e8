"""Clean windows that look at other quantities and devices: state, neighbours, covariates, air."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_lab import (
    LAB,
    QUALITY,
    START,
    arrive,
    base_registry,
    contents,
    device,
    project_of,
    registry_of,
)

from livinglab import pipeline
from livinglab.flags import TESTS
from livinglab.model import Point, SeriesKey
from livinglab.pipeline import Window
from livinglab.pipeline.tally import counted, judged
from livinglab.project import Project
from livinglab.registry import Calibration, Device, ManualFlag, Registry
from livinglab.timeline import DAY_NS, HOUR_NS, to_text
from transforms.corrections import kappa_koehler
from transforms.water_physics import water_column

DAYS = 4
END = START + DAYS * DAY_NS
FIRST = START + 2 * HOUR_NS  # midnight UTC of the 23rd


def model(*keys: tuple[str, str], **changes: Any) -> Any:
    """A model that sends some quantities, each on a channel."""
    template = base_registry().models["reference-monitor"]
    some = next(iter(template.keys.values()))
    rows = {f"{q}_{c}": replace(some, key=f"{q}_{c}", quantity=q, channel=c) for q, c in keys}
    return replace(template, keys=rows, **changes)


MODELS = {
    "toucan": model(
        ("pm2_5", "0"), ("o3", "0"), ("relative_humidity", "0"), ("air_temperature", "0")
    ),
    "pressure": model(("liquid_pressure", "0"), derives={"water_level": "liquid_pressure"}),
    "ultrasonic": model(("distance", "0"), derives={"water_level": "distance"}),
    "weather": model(("air_pressure", "0")),
}


def placed(name: str, kind: str, **changes: Any) -> Device:
    return device("ref-1", id=name, model=kind, **changes)


ROWS = [placed(f"aq-{number}", "toucan") for number in range(1, 5)] + [
    placed("gw-p", "pressure", height_m_nap=-2.5),
    placed("gw-d", "ultrasonic", height_m_nap=3.0),
    placed("wx-1", "weather", area="south"),
]
THRESHOLDS: dict[str, Any] = {
    "o3": {"neighbour_distance": 30.0, "neighbour_least": 3},
    "pm2_5": {"state_limits": {"relative_humidity": (None, 95.0)}},
    "water_level": {"spike_suspect": 0.1},
}
BAROMETRIC = Calibration(
    "gw-p", "water_level", "barometric", {"temperature": 12.0}, START, None, "", 1, "wx-1"
)


def registry(*calibrations: Calibration, flags: tuple[ManualFlag, ...] = ()) -> Registry:
    quality = {
        **QUALITY,
        "quantities": THRESHOLDS,
        "themes": {**QUALITY["themes"], "weather": {"window_h": 24, "max_gap_s": 7200}},
    }
    return registry_of(
        ROWS,
        models=MODELS,
        quality=quality,
        calibrations=calibrations,
        flags=flags,
        experiments=[],
        indicators={},
    )


def point(name: str, theme: str, quantity: str, time_ns: int, value: float) -> Point:
    return Point(SeriesKey(theme, (name, "0")), time_ns, {quantity: value})


def hourly(name: str, theme: str, quantity: str, of: Any) -> list[Point]:
    hours = range(START, END, HOUR_NS)
    return [point(name, theme, quantity, at, of((at - START) // HOUR_NS)) for at in hours]


def everything() -> list[Point]:
    points: list[Point] = []
    for number in range(1, 5):
        name = f"aq-{number}"
        points += hourly(name, "air", "o3", lambda h: 40 + 20 * np.sin(h / 4))
        points += hourly(name, "air", "pm2_5", lambda h: 10 + h % 7)
        points += hourly(name, "weather", "relative_humidity", lambda h: 60 + h % 30)
        points += hourly(name, "weather", "air_temperature", lambda h: 10 + h % 9)
    points += hourly("gw-p", "water", "liquid_pressure", lambda h: 1100 + h / 10)
    points += hourly("gw-d", "water", "distance", lambda h: 2 - h / 1000)
    return points + hourly("wx-1", "weather", "air_pressure", lambda h: 1000 + h / 20)


def made(folder: Path, with_registry: Registry, extra: tuple[Point, ...] = ()) -> Project:
    project = project_of(folder, with_registry)
    arrive(project.store, [*everything(), *extra])
    pipeline.reconcile(project, now_ns=END)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    opened = made(tmp_path, registry(BAROMETRIC))
    yield opened
    opened.close()


def clean(project: Project, theme: str, name: str, quantity: str) -> Any:
    tags = {"device": name, "quantity": quantity}
    return project.store.frame("clean", theme, START, END, tags, ["value", "flag", "tests"])


def stale(project: Project, theme: str) -> list[Window]:
    found = pipeline.stale(project, levels=["clean"], themes=[theme], now_ns=END)
    return [verdict.window for verdict in found]


def digit(frame: Any, test: str) -> list[str]:
    return [text[TESTS.index(test)] for text in frame["tests"]]


def days(*numbers: int) -> list[Window]:
    first = START - START % DAY_NS
    return [Window(first + n * DAY_NS, first + (n + 1) * DAY_NS) for n in numbers]


def test_neighbours_of_the_area_call_one_out_and_late_ones_make_stale(project: Project) -> None:
    assert set(digit(clean(project, "air", "aq-1", "o3"), "neighbour")) == {"1"}
    noon = FIRST + DAY_NS + 12 * HOUR_NS
    arrive(project.store, [point(f"aq-{n}", "air", "o3", noon, 150.0) for n in (2, 3, 4)])
    assert stale(project, "air") == days(2)
    (reason, *_) = {row.reason for row in pipeline.stale(project, now_ns=END)}
    assert "aq-2" in reason
    pipeline.reconcile(project, now_ns=END)
    own = clean(project, "air", "aq-1", "o3")
    assert own.index[[text == "3" for text in digit(own, "neighbour")]].asi8.tolist() == [noon]
    assert digit(clean(project, "air", "aq-2", "o3"), "neighbour").count("3") == 0


def test_state_of_the_device_is_an_input_of_another_theme(project: Project) -> None:
    at = FIRST + DAY_NS + 5 * HOUR_NS
    arrive(project.store, [point("aq-1", "weather", "relative_humidity", at, 98.0)])
    assert stale(project, "air") == days(2)
    pipeline.reconcile(project, now_ns=END)
    frame = clean(project, "air", "aq-1", "pm2_5")
    assert frame.index[[text == "3" for text in digit(frame, "device_state")]].asi8.tolist() == [at]
    # a humidity that cannot be is not believed
    arrive(project.store, [point("aq-1", "weather", "relative_humidity", at, 140.0)])
    pipeline.reconcile(project, now_ns=END)
    assert "3" not in digit(clean(project, "air", "aq-1", "pm2_5"), "device_state")


def kappa(from_ns: int, to_ns: int | None = None, value: float = 0.4) -> Calibration:
    return Calibration("aq-1", "pm2_5", "kappa_koehler", {"kappa": value}, from_ns, to_ns, "", 1)


def test_calibration_makes_stale_exactly_the_windows_it_is_valid_in(project: Project) -> None:
    period = FIRST + DAY_NS, FIRST + 2 * DAY_NS + 6 * HOUR_NS
    project.registry = registry(BAROMETRIC, kappa(*period))
    assert stale(project, "air") == days(2, 3)
    assert {row.cause for row in pipeline.stale(project, now_ns=END)} == {pipeline.Cause.CONFIG}
    assert stale(project, "water") == stale(project, "weather") == []
    before = clean(project, "air", "aq-1", "pm2_5")["value"]
    outcome = pipeline.reconcile(project, now_ns=END)
    assert outcome.windows == 2
    after = clean(project, "air", "aq-1", "pm2_5")
    ns = before.index.asi8
    inside = (ns >= period[0]) & (ns < period[1])
    humidity = 60 + (ns - START) // HOUR_NS % 30
    expected = np.where(inside, kappa_koehler(before, humidity, 0.4)[0], before)
    assert after["value"].to_numpy() == pytest.approx(expected, rel=1e-12)
    # an end that is set today changes the windows after it alone
    project.registry = registry(BAROMETRIC, kappa(period[0], FIRST + 2 * DAY_NS))
    assert stale(project, "air") == days(3)


def test_calibration_of_linear_takes_no_more_windows_with_the_day_before(project: Project) -> None:
    row = Calibration("aq-2", "o3", "linear", {"slope": 2.0, "offset": 1.0}, FIRST, None, "", 1)
    project.registry = registry(BAROMETRIC, row)
    assert stale(project, "air") == days(1, 2, 3, 4)
    project.registry = registry(BAROMETRIC, replace(row, to_ns=FIRST + DAY_NS))
    assert stale(project, "air") == days(1)


def test_calibration_without_its_covariate_fails_and_a_person_may_overrule(tmp_path: Path) -> None:
    at = FIRST + DAY_NS + 5 * HOUR_NS + HOUR_NS // 2
    alone = point("aq-1", "air", "pm2_5", at, 11.0)  # no humidity for half an hour
    flag = ManualFlag("aq-1", "pm2_5", 1, at, at + 1, "checked by hand", "ann", 1)
    for flags, wanted in (((), 4), ((flag,), 1)):
        folder = tmp_path / str(wanted)
        project = made(folder, registry(BAROMETRIC, kappa(FIRST), flags=flags), (alone,))
        frame = clean(project, "air", "aq-1", "pm2_5")
        here = frame[frame.index.asi8 == at]
        assert digit(here, "calibration") == ["4"]
        assert here["flag"].tolist() == [wanted]
        assert here["value"].tolist() == [11.0]
        project.close()


def test_multi_linear_calibration_reads_temperature_and_bounds_its_range(tmp_path: Path) -> None:
    parameters = {
        "offset": 2.0,
        "slope": 0.5,
        "slope_air_temperature": 0.1,
        "max_air_temperature": 16.0,
    }
    row = Calibration("aq-3", "o3", "multi_linear", parameters, FIRST, None, "", 1)
    project = made(tmp_path, registry(row))
    frame = clean(project, "air", "aq-3", "o3")[lambda each: each.index.asi8 >= FIRST]
    hour = (frame.index.asi8 - START) // HOUR_NS
    celsius = 10 + hour % 9
    expected = 2 + 0.5 * (40 + 20 * np.sin(hour / 4)) + 0.1 * celsius
    assert frame["value"].to_numpy() == pytest.approx(expected, rel=1e-12)
    assert (np.asarray(digit(frame, "calibration")) == np.where(celsius > 16, "3", "2")).all()
    project.close()


def test_level_of_a_pressure_is_against_nap_and_follows_its_barometer(project: Project) -> None:
    frame = clean(project, "water", "gw-p", "water_level")
    hour = (frame.index.asi8 - START) / HOUR_NS
    expected = water_column(1100 + hour / 10, 1000 + hour / 20, 12.0) - 2.5
    assert frame["value"].to_numpy() == pytest.approx(expected, rel=1e-12)
    assert set(frame["flag"]) == {1}  # the spike test has run
    distance = clean(project, "water", "gw-d", "water_level")
    assert distance["value"].to_numpy() == pytest.approx(3.0 - (2 - hour / 1000), rel=1e-12)
    assert len(clean(project, "water", "gw-p", "liquid_pressure")) == len(frame)
    at = FIRST + DAY_NS + 5 * HOUR_NS
    arrive(project.store, [point("wx-1", "weather", "air_pressure", at, 990.0)])
    assert stale(project, "water") == days(2)
    pipeline.reconcile(project, now_ns=END)
    again = clean(project, "water", "gw-p", "water_level")
    moved = again.index.asi8[again["value"].to_numpy() != frame["value"].to_numpy()]
    assert moved.tolist() == [at]


def test_level_without_a_barometer_is_no_level(project: Project, tmp_path: Path) -> None:
    project.registry = registry()
    assert stale(project, "water") == days(0, 1, 2, 3, 4)
    pipeline.reconcile(project, now_ns=END)
    assert len(clean(project, "water", "gw-p", "water_level")) == 0
    vented = made(tmp_path / "vented", registry(replace(BAROMETRIC, barometer="")))
    level = clean(vented, "water", "gw-p", "water_level")["value"]
    assert level.iloc[0] == pytest.approx(water_column(1100.0, 0.0, 12.0) - 2.5)
    vented.close()


def test_pieces_of_any_size_are_the_same_as_all_at_once(tmp_path: Path) -> None:
    rules = registry(BAROMETRIC, kappa(FIRST + 30 * HOUR_NS, FIRST + 50 * HOUR_NS))
    at_once = made(tmp_path / "once", rules)
    parts = project_of(tmp_path / "parts", rules)
    arrive(parts.store, everything())
    for theme in ("air", "water", "weather"):
        for window in days(3, 0, 4, 1, 2):
            pipeline.rebuild(parts, "clean", LAB, theme, *window, now_ns=END)
    assert contents(parts.store) == contents(at_once.store)
    for opened in (at_once, parts):
        opened.close()


def test_run_counts_what_each_test_objected_to(project: Project) -> None:
    noon = FIRST + DAY_NS + 12 * HOUR_NS
    arrive(project.store, [point("aq-1", "air", "o3", noon, 250.0)])
    summary = pipeline.rebuild(project, "clean", LAB, "air", START, END, now_ns=END)
    assert summary.windows == 1
    (row,) = (
        each for each in judged(summary.tests) if (each.device, each.quantity) == ("aq-1", "o3")
    )
    assert (row.values, row.tests) == (24, {"neighbour": (1, 0)})
    (record,) = project.store.points(
        "ops", "window", noon - noon % DAY_NS, noon, {"level": "clean", "theme": "air"}
    )
    window = days(2)[0]
    frame = project.store.frame("clean", "air", *window, None, ["flag", "tests"])
    told = json.loads(str(record.fields["info"]))["tests"]
    assert told == counted(frame) == summary.tests
    assert to_text(window.start_ns) == "2025-10-24T00:00:00Z"


def with_span(now: Registry, name: str, fail: tuple[float, float]) -> Registry:
    """The registry with another span of what a quantity can be."""
    quantities = {**now.quantities, name: replace(now.quantities[name], fail=fail, suspect=None)}
    return replace(now, quantities=quantities, version=f"{now.version} {name} {fail}")


def test_span_of_a_barometer_reaches_the_levels_that_are_made_with_it(
    project: Project, tmp_path: Path
) -> None:
    project.registry = with_span(project.registry, "air_pressure", (870.0, 1002.0))
    assert stale(project, "water") == days(0, 1, 2, 3, 4)
    pipeline.reconcile(project, now_ns=END)
    other = made(tmp_path / "other", project.registry)
    assert contents(project.store) == contents(other.store)
    assert len(clean(project, "water", "gw-p", "water_level")) < 96
    other.close()


def test_span_of_a_covariate_reaches_a_derived_level(tmp_path: Path) -> None:
    parameters = {"offset": 0.0, "slope": 1.0, "slope_air_temperature": 0.01}
    row = Calibration("gw-d", "water_level", "multi_linear", parameters, START, None, "", 1)
    before = registry(row)
    opened = made(tmp_path / "lab", before)
    opened.registry = with_span(before, "air_temperature", (-90.0, 9.0))
    assert stale(opened, "water") == days(0, 1, 2, 3, 4)
    opened.close()


def test_what_a_level_is_made_of_is_an_input(project: Project) -> None:
    models = {**MODELS, "ultrasonic": replace(MODELS["ultrasonic"], derives={})}
    before = project.registry
    project.registry = replace(before, models={**before.models, **models}, version="none")
    assert stale(project, "water") == days(0, 1, 2, 3, 4)
