"""Changes of where windows lie and of whose readings they hold: none is missed or waits for ever.

Another time zone moves the civil days, an area changes what a margin holds, a clock is set back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from small_lab import (
    DEVICES,
    END,
    LAB,
    START,
    ZONE,
    arrive,
    contents,
    device,
    history,
    project_of,
    reading,
    registry_of,
)

from livinglab import pipeline
from livinglab.pipeline import Cause, Window
from livinglab.project import Project
from livinglab.registry import Device, Registry
from livinglab.timeline import DAY_NS, HOUR_NS, civil_day, parse_instant

NOW = END + 2 * DAY_NS
MIDNIGHT = parse_instant("2025-10-25", ZONE)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = project_of(tmp_path)
    arrive(made.store, history(DEVICES))
    assert pipeline.reconcile(made, now_ns=NOW).failures == []
    yield made
    made.close()


def in_zone(registry: Registry, zone: str) -> Registry:
    lab = replace(registry.labs[LAB], timezone=zone)
    labs = MappingProxyType({LAB: lab})
    return replace(registry, labs=labs, version=f"{registry.version} {zone}")


def one_pass(folder: Path, registry: Registry, now_ns: int = NOW) -> dict[Any, Any]:
    made = project_of(folder, registry)
    arrive(made.store, history(DEVICES))
    pipeline.reconcile(made, now_ns=now_ns)
    found = contents(made.store)
    made.close()
    return found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_days_of_another_time_zone_replace_those_before(
    project: Project, tmp_path: Path, zone: str
) -> None:
    before = project.registry
    for days, registry in enumerate((in_zone(before, zone), before), 1):
        project.registry, now = registry, NOW + days * DAY_NS  # the day that differs is over
        outcome = pipeline.reconcile(project, now_ns=now)
        assert "experiment" in {row.level for row in outcome.summaries}  # it waits for nothing
        assert pipeline.stale(project, now_ns=now) == []
        assert contents(project.store) == one_pass(tmp_path / str(days), registry, now)


def test_day_that_is_not_over_is_not_computed_because_another_zone_had_it(
    tmp_path: Path,
) -> None:
    now = parse_instant("2025-10-27T20:00:00Z")  # the 27th is over in Tokyo, not in Amsterdam
    made = project_of(tmp_path, in_zone(registry_of(), "Asia/Tokyo"))
    arrive(made.store, history(DEVICES))
    pipeline.reconcile(made, now_ns=now)
    made.registry = registry_of()
    pipeline.reconcile(made, now_ns=now)
    assert pipeline.stale(made, now_ns=now) == []
    last = parse_instant("2025-10-27", ZONE)
    points = made.store.points("ops", "window", last, END, {"level": "indicators"})
    assert {point.time_ns for point in points} == set()
    pipeline.reconcile(made, now_ns=NOW)
    assert contents(made.store) == one_pass(tmp_path / "other", registry_of())


def test_clock_that_is_set_back_reaches_no_further_day(project: Project) -> None:
    back = parse_instant("2025-10-28T12:00:00Z")
    assert pipeline.stale(project, now_ns=back) == []
    arrive(project.store, [reading("bike-1", END - HOUR_NS, 7.0)])
    pipeline.reconcile(project, now_ns=back)
    assert pipeline.stale(project, now_ns=back) == []


def moved(area_before: str) -> tuple[Device, ...]:
    """Devices, of which the ozone monitor was in an area until midnight, in `north` since."""
    others = [device(name) for name in DEVICES if name != "ref-1"]
    before = device("ref-1", to_ns=MIDNIGHT, area=area_before)
    return (*others, before, device("ref-1", from_ns=MIDNIGHT))


def test_area_before_a_move_matters_as_far_as_a_margin_looks_back(
    project: Project, tmp_path: Path
) -> None:
    project.registry = registry_of(moved("north"))
    pipeline.reconcile(project, now_ns=NOW)
    project.registry = registry_of(moved("south"))
    stale = pipeline.stale(project, levels=["indicators"], now_ns=NOW)
    days = [civil_day(date(2025, 10, day), ZONE) for day in (23, 24, 25)]  # the last looks back
    assert [row.window for row in stale] == [Window(*day) for day in days]
    assert {row.target.theme for row in stale} == {"air"}
    assert {row.cause for row in stale} == {Cause.CONFIG}
    pipeline.reconcile(project, now_ns=NOW)
    assert contents(project.store) == one_pass(tmp_path / "other", project.registry)


def test_experiment_does_not_follow_the_day_before_its_first(tmp_path: Path) -> None:
    rows = [device(name, from_ns=START - DAY_NS) for name in DEVICES]
    made = project_of(tmp_path, registry_of(rows))
    arrive(made.store, history(DEVICES, START - DAY_NS))
    pipeline.reconcile(made, now_ns=NOW)
    arrive(made.store, [reading("bike-1", START - 3 * HOUR_NS, 500.0)])
    outcome = pipeline.reconcile(made, now_ns=NOW)
    assert [(row.level, row.same < row.windows) for row in outcome.summaries] == [
        ("clean", True),
        ("indicators", True),
        ("years", True),
    ]


def test_experiment_tells_the_unit_that_its_indicator_has_now(project: Project) -> None:
    before = project.registry
    row = replace(before.indicators["bike_daily_count"], unit="bicycles")
    indicators = {**before.indicators, row.id: row}
    project.registry = replace(before, indicators=indicators, version=f"{before.version} unit")
    outcome = pipeline.reconcile(project, now_ns=NOW)
    assert [row.level for row in outcome.summaries] == ["experiment"]
    (point,) = project.store.points("ops", "experiment", 0, 1)
    assert '"unit":"bicycles"' in str(point.fields["result"])
