"""Indicators of the year: computed from days and hours, kept up to date while the year runs."""

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
    START,
    arrive,
    base_registry,
    contents,
    device,
    history,
    project_of,
    reading,
    registry_of,
)

from livinglab import pipeline
from livinglab.access import LivingLab
from livinglab.pipeline import Cause
from livinglab.pipeline.windows import YEARS
from livinglab.project import Project
from livinglab.timeline import DAY_NS, HOUR_NS, parse_instant

DAYS = (END - START) // DAY_NS


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("years")
    made = project_of(folder)
    arrive(made.store, history(DEVICES))
    assert pipeline.reconcile(made, now_ns=END).failures == []
    made.close()
    return folder


@pytest.fixture
def project(tmp_path: Path, computed: Path) -> Iterator[Project]:
    shutil.copytree(computed, tmp_path / "lab")
    made = project_of(tmp_path / "lab")
    yield made
    made.close()


def rows_of(project: Project, indicator: str, **tags: Any) -> list[dict[str, Any]]:
    theme = project.registry.indicators[indicator].theme.value
    wanted = {"lab": LAB, "indicator": indicator, **tags}
    points = project.store.points("indicators", theme, -(2**62), 2**62, wanted)
    return [{**point.fields, "time_ns": point.time_ns} for point in points]


def test_running_year_says_how_much_of_it_is_there(project: Project) -> None:
    (row,) = rows_of(project, "o3_annual_mean")
    hours = [each["value"] for each in rows_of(project, "o3_hourly_mean") if "value" in each]
    assert row["value"] == pytest.approx(sum(hours) / len(hours))
    assert row["n"] == len(hours)
    assert row["coverage"] == len(hours) / 8760
    assert row["status"] == "indicative"
    assert row["time_ns"] == parse_instant("2025-01-01", "Etc/GMT-1")


def test_indicators_of_days_are_not_lost_when_a_year_is_written(project: Project) -> None:
    """January's hours and the year begin at one instant, in one bucket."""
    before = contents(project.store)
    pipeline.rebuild(project, "indicators", LAB, "air", START, END, force=True, now_ns=END)
    pipeline.rebuild(project, YEARS, LAB, "air", START, END, force=True, now_ns=END)
    assert contents(project.store) == before


def test_late_reading_reaches_the_year_through_its_day(project: Project) -> None:
    arrive(project.store, [reading("ref-1", parse_instant("2025-10-24T10:00:00Z"), 41.5)])
    stale = {(row.target.level, row.cause) for row in pipeline.stale(project, now_ns=END)}
    assert stale == {("clean", Cause.DATA)}
    (before,) = rows_of(project, "o3_annual_mean")
    outcome = pipeline.reconcile(project, now_ns=END)
    done = {(row.level, row.theme): row.windows for row in outcome.summaries}
    assert done[(YEARS, "air")] == 1
    assert {theme for level, theme in done if level == YEARS} == {"air"}
    (after,) = rows_of(project, "o3_annual_mean")
    assert after["value"] != before["value"]
    assert pipeline.stale(project, now_ns=END) == []


def test_another_limit_recomputes_years_alone(project: Project) -> None:
    row = project.registry.indicators["o3_days_above_100"]
    changed = replace(row, parameters={**row.parameters, "limit": 45.0})
    indicators = {**project.registry.indicators, row.id: changed}
    other = Project(
        registry_of(indicators=indicators), store=project.store, state_dir=project.state_dir
    )
    (verdict,) = pipeline.stale(other, now_ns=END)
    assert (verdict.target.level, verdict.cause) == (YEARS, Cause.CONFIG)
    (before,) = rows_of(other, "o3_days_above_100")
    pipeline.reconcile(other, now_ns=END)
    (after,) = rows_of(other, "o3_days_above_100")
    assert after["value"] > before["value"] == 0


def test_next_day_makes_the_running_year_stale(project: Project) -> None:
    """A day without readings, too: its rows say "insufficient"."""
    later = END + DAY_NS
    pipeline.reconcile(project, levels=["clean", "indicators"], now_ns=later)
    stale = pipeline.stale(project, now_ns=later)
    assert {row.target.level for row in stale} == {YEARS}
    assert {row.cause for row in stale} == {Cause.UPSTREAM}


def test_values_that_only_some_devices_gave_make_a_year_indicative(tmp_path: Path) -> None:
    """Two noise meters in one area, one of them silent: the level enters, the status tells."""
    row = base_registry().indicators["lday_year"]
    year = replace(row, id="lday_week", function="yearly:year_statistic", coverage=DAYS / 366,
                   parameters={"of_values": "energy_mean"})  # fmt: skip
    indicators = {**registry_of().indicators, year.id: year}
    found = {}
    for name, sent in (("whole", ("nm-1", "nm-2")), ("part", ("nm-1",))):
        made = project_of(tmp_path / name, registry_of(indicators=indicators))
        arrive(made.store, history(sent))
        pipeline.reconcile(made, themes=["noise"], now_ns=END)
        (found[name],) = rows_of(made, year.id)
        made.close()
    assert found["whole"]["status"] == "valid"
    assert found["part"]["status"] == "indicative"
    assert found["part"]["n"] == found["whole"]["n"] == DAYS


def test_hydrological_year_belongs_to_the_window_it_begins_in(tmp_path: Path) -> None:
    """Heads from March to the next May: one window per civil year, margins reach beyond it."""
    first = parse_instant("2024-03-01", "Europe/Amsterdam")
    until = parse_instant("2025-05-10", "Europe/Amsterdam")
    well = device("gw-1", from_ns=first)
    made = project_of(tmp_path, registry_of([well], experiments=[]))
    heads = [reading("gw-1", at, 0.5 + 0.1 * ((at - first) // DAY_NS % 300) / 300)
             for at in range(first, until, HOUR_NS)]  # fmt: skip
    arrive(made.store, heads)
    pipeline.reconcile(made, themes=["water"], now_ns=until)
    years = {row["time_ns"]: row for row in rows_of(made, "hg3")}
    april = parse_instant("2024-04-01", "Europe/Amsterdam")
    assert years[april]["n"] == 24
    assert years[april]["status"] == "valid"
    assert years[parse_instant("2025-04-01", "Europe/Amsterdam")]["status"] == "insufficient"
    (spring_2024, spring_2025) = rows_of(made, "spring_level")
    assert (spring_2024["n"], spring_2025["n"]) == (3, 3)
    assert {row["status"] for row in rows_of(made, "ghg")} == {"indicative"}  # 1 year of 8
    before = contents(made.store)
    for year in ("2025", "2024"):
        span = (parse_instant(f"{year}-01-02T00:00:00Z"), parse_instant(f"{year}-01-03T00:00:00Z"))
        pipeline.rebuild(made, YEARS, LAB, "water", *span, force=True, now_ns=until)
    assert contents(made.store) == before
    made.close()


def test_explain_leads_from_the_year_to_its_days(project: Project) -> None:
    at = pipeline.instant_of(project, LAB, "o3_annual_mean", "2025-10-25")
    found = pipeline.explain(project, LAB, "o3_annual_mean", "north", at, now_ns=END)
    assert found.windows[0].level == YEARS
    assert {row.level for row in found.windows[1:]} == {"indicators"}
    assert len(found.windows) - 1 == DAYS
    assert "indicative" in found.sentence
    assert all(above is None for _, above in found.limits)  # part of a year is never compared


def test_reader_gets_years_with_what_computed_them(project: Project) -> None:
    with LivingLab(project) as lab:
        frame = lab.read(LAB, "o3_annual_mean", "2025-01-01", "2026-01-01", level="indicators")
    assert frame["period"].tolist() == ["year_utc1"]
    assert frame.attrs["computed_from"] == ["o3_hourly_mean"]
    (made,) = frame.attrs["computed_with"]
    assert made["registry_version"] == project.registry.version
