"""Every moment of a run, one by one: a crash, late readings, another machine, other configuration.

The randomised histories of test_pipeline_stateful.py go far; these go everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_lab import (
    LAB,
    START,
    WatchedStore,
    arrive,
    contents,
    device,
    history,
    project_of,
    reading,
    registry_of,
)

from livinglab import pipeline
from livinglab.errors import OvertakenError
from livinglab.model import Point
from livinglab.pipeline.records import OVERTAKEN
from livinglab.project import Project
from livinglab.registry import ManualFlag, Registry
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, HOUR_NS

NOW = START + 2 * DAY_NS
SPAN = (START + 20 * HOUR_NS, START + 30 * HOUR_NS)
FIRST = history(["nm-1"], START, NOW)
#: A reading that arrives while windows of SPAN are computed, and one that came just before.
LATE = [reading("nm-1", START + 24 * HOUR_NS, 71.0), reading("nm-1", START + 25 * HOUR_NS, 72.0)]
STALE = [reading("nm-1", START + 22 * HOUR_NS, 70.0)]


class CrashError(Exception):
    """The process dies here."""


@dataclass
class Scene:
    """Two machines on one store: this one computes SPAN, the other may interfere."""

    folder: Path
    store: Store
    registry: Registry
    newer: Registry

    def machine(self, name: str, store: Any, registry: Registry | None = None) -> Project:
        return Project(registry or self.registry, store=store, state_dir=self.folder / name)

    def rebuild(self, project: Project, level: str) -> None:
        options = {"force": True, "now_ns": NOW}
        pipeline.rebuild(project, level, LAB, "noise", *SPAN, **options)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    rows = [device("nm-1")]
    flag = ManualFlag("nm-1", "*", 4, START + 23 * HOUR_NS, START + 26 * HOUR_NS, "x", "y", 1)
    registry, newer = (
        registry_of(rows, experiments=[]),
        registry_of(rows, flags=[flag], experiments=[]),
    )
    project = project_of(tmp_path, registry)
    arrive(project.store, FIRST)
    pipeline.reconcile(project, now_ns=NOW)
    arrive(project.store, STALE)
    yield Scene(tmp_path, project.store, registry, newer)
    project.close()


def interfere(scene: Scene, level: str, at: int, what: str) -> tuple[bool, Registry]:
    """Rebuild SPAN while `what` happens ahead of operation `at`; if it did, and what holds then."""
    happened = []
    final = scene.newer if "newer" in what else scene.registry
    older = scene.registry if "newer" in what else scene.newer

    def crash() -> None:
        raise CrashError

    def late() -> None:
        arrive(scene.store, LATE)

    def overtake() -> None:
        if "late" in what:
            late()
        there = scene.machine("there", scene.store, older if what == "overtake older" else final)
        if level == "indicators":
            scene.rebuild(there, "clean")
        scene.rebuild(there, level)

    actions: dict[str, Callable[[], None]] = {"crash": crash, "late": late}

    def before(number: int, _writes: bool) -> None:
        if number == at:
            happened.append(number)
            actions.get(what, overtake)()

    here = scene.machine("here", WatchedStore(scene.store, before), scene.registry)
    with suppress(CrashError, OvertakenError):
        scene.rebuild(here, level)
    return bool(happened), final


def expected(folder: Path, registry: Registry, points: list[Point]) -> dict[Any, Any]:
    project = project_of(folder, registry)
    merged = {(point.series, point.time_ns): point for point in points}
    arrive(project.store, list(merged.values()))
    pipeline.reconcile(project, now_ns=NOW)
    return contents(project.store)


@pytest.mark.parametrize("level", ["clean", "indicators"])
@pytest.mark.parametrize(
    "what", ["crash", "late", "overtake late", "overtake newer late", "overtake older"]
)
def test_every_moment_of_a_run(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, level: str, what: str
) -> None:
    wanted: dict[str, Any] = {}
    for at in itertools.count(1):
        happened, registry = interfere(scene, level, at, what)
        if not happened:
            break
        project = scene.machine("here", scene.store, registry)
        outcome = pipeline.reconcile(project, now_ns=NOW)
        assert outcome.failures == []
        assert pipeline.stale(project, now_ns=NOW) == []
        points = [*FIRST, *STALE, *(LATE if "late" in what else [])]
        wanted = wanted or expected(tmp_path_factory.mktemp("once"), registry, points)
        assert contents(scene.store) == wanted, f"ahead of operation {at}"
        # Back to before: other values, so that the next round has something to do.
        arrive(scene.store, [*history(["nm-1"], *SPAN), *STALE])
        pipeline.reconcile(scene.machine("here", scene.store), now_ns=NOW)
        arrive(scene.store, [reading("nm-1", START + 21 * HOUR_NS, 60.0 + at / 8)])
        arrive(scene.store, history(["nm-1"], START + 21 * HOUR_NS, START + 22 * HOUR_NS))
    assert at > 12


def test_overtaken_run_stops_and_marks_its_windows(scene: Scene) -> None:
    def before(_number: int, writes: bool) -> None:
        if writes and watched.writes == 2:  # claims are the first write, the output the second
            scene.rebuild(scene.machine("there", scene.store), "clean")

    watched = WatchedStore(scene.store, before)
    with pytest.raises(OvertakenError, match="was overtaken by run"):
        scene.rebuild(scene.machine("here", watched), "clean")
    assert watched.writes == 2  # it came to no write
    assert pipeline.stale(scene.machine("here", scene.store), levels=["clean"], now_ns=NOW) == []


def test_run_that_was_overtaken_amid_its_writes_has_the_windows_computed_again(
    scene: Scene,
) -> None:
    reads = []

    def before(number: int, writes: bool) -> None:
        reads.extend([number] if watched.writes == 2 and not writes else [])
        if len(reads) == 2 and not writes:  # after the guard's look comes that before the records
            scene.rebuild(scene.machine("there", scene.store), "clean")

    watched = WatchedStore(scene.store, before)
    with pytest.raises(OvertakenError):
        scene.rebuild(scene.machine("here", watched), "clean")
    here = scene.machine("here", scene.store)
    stale = pipeline.stale(here, levels=["clean"], now_ns=NOW)
    assert {row.cause for row in stale} == {pipeline.Cause.OVERTAKEN}
    runs = [point.fields["run"] for point in scene.store.points("ops", "window", *SPAN)]
    assert any(str(run).startswith(OVERTAKEN) for run in runs)
    pipeline.reconcile(here, now_ns=NOW)
    assert pipeline.stale(here, now_ns=NOW) == []


def test_indicators_wait_for_a_clean_window_that_is_being_computed(scene: Scene) -> None:
    def before(_number: int, writes: bool) -> None:
        if writes and watched.writes == 2:
            raise CrashError

    watched = WatchedStore(scene.store, before)
    with pytest.raises(CrashError):
        scene.rebuild(scene.machine("here", watched), "clean")
    here = scene.machine("here", scene.store)
    found = pipeline.stale(here, levels=["indicators"], now_ns=NOW)
    assert {row.cause for row in found} == {pipeline.Cause.WAITING}
    assert pipeline.plan(here, "indicators", now_ns=NOW) == []
    before_it = contents(scene.store, ["indicators"])
    summary = pipeline.rebuild(here, "indicators", LAB, "noise", *SPAN, force=True, now_ns=NOW)
    assert (summary.windows, summary.waiting) == (0, 2)
    assert contents(scene.store, ["indicators"]) == before_it
