"""The real journal and loader feed the pipeline; both are killed at any effect."""

from __future__ import annotations

import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, settings
from loader_kit import START_NS, START_S, Bench, Killed, demo_registry, senml, with_devices
from small_lab import WatchedStore, announce, contents

from ingest.loader import Limits
from livinglab import pipeline
from livinglab.project import Project
from livinglab.registry import Registry
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS

NOW = START_NS + 3 * DAY_NS
WHAT: dict[str, Any] = {"themes": ["air"], "levels": ["clean", "indicators"], "now_ns": NOW}

#: Steps of half an hour into two days, and what one message says then.
SENT = st.tuples(st.integers(0, 95), st.sampled_from([5.0, 6.0, 7.0, 90.0]))
ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.lists(SENT, min_size=1, max_size=12)),
    st.tuples(st.just("load"), st.one_of(st.none(), st.integers(0, 9))),
    st.tuples(st.just("compute"), st.sampled_from([0, 0, 1, 2, 3, 4, 5])),
)


class CrashError(Exception):
    """The computing process dies here."""


@cache
def registry() -> Registry:
    """The demo's registry with one air sensor, there since the first message."""
    base = demo_registry()
    (row,) = (each for each in base.devices if each.id == "utr-aq-01")
    return with_devices(base, replace(row, from_ns=START_NS))


def load(bench: Bench, effects: int | None) -> None:
    """Run the loader to the end, or kill it after some effects."""
    bench.fuse.left = effects
    try:
        bench.load()
    except Killed:
        bench.crash()
    bench.fuse.left = None


def compute(bench: Bench, dies: int) -> None:
    """Reconcile, or die before a write (0 = do not)."""

    def before(_number: int, is_write: bool) -> None:
        if dies and is_write and watched.writes == dies:
            raise CrashError

    watched = WatchedStore(bench.real, before)
    with suppress(CrashError):
        pipeline.reconcile(project(watched, bench.folder), **WHAT)


def project(store: Any, folder: Path) -> Project:
    return Project(registry(), store=store, state_dir=folder)


def one_pass(store: Store, folder: Path) -> dict[Any, Any]:
    """What one pass over the raw readings of a store gives in an empty one."""
    with closing(Bench(folder, registry=registry())) as once:
        points = list(store.points("raw", "air", START_NS, NOW))
        once.real.write("raw", points)
        announce(once.real, points)
        pipeline.reconcile(project(once.real, folder), **WHAT)
        return contents(once.real)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(actions=st.lists(ACTIONS, min_size=4, max_size=14))
def test_loader_and_pipeline_killed_at_any_effect(actions: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limits = Limits(points_per_write=3, messages_per_group=7)
        with closing(Bench(folder / "lab", limits=limits, registry=registry())) as bench:
            for kind, what in actions:
                if kind == "send":
                    times = [(START_S + 1800 * step, value) for step, value in what]
                    bench.feed(*(senml("utr-aq-01", at, {"no2": value}) for at, value in times))
                elif kind == "load":
                    load(bench, what)
                else:
                    compute(bench, what)
            load(bench, None)
            watched = WatchedStore(bench.real, lambda _number, _writes: None)
            here = project(watched, bench.folder)
            assert pipeline.reconcile(here, **WHAT).failures == []
            assert pipeline.stale(here, **WHAT) == []
            assert contents(bench.real) == one_pass(bench.real, folder / "once")
            writes = watched.writes
            pipeline.reconcile(here, **WHAT)
            assert watched.writes == writes
            bench.real.close()


def test_late_message_makes_stale_what_reads_its_hour(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, registry=registry())) as bench:
        bench.feed(
            *(senml("utr-aq-01", START_S + 600 * n, {"no2": 5.0 + n % 3}) for n in range(288))
        )
        bench.load()
        here = project(bench.real, tmp_path)
        pipeline.reconcile(here, **WHAT)
        bench.feed(senml("utr-aq-01", START_S + 12 * 3600 + 60, {"no2": 6.0}))
        bench.load()
        stale = pipeline.stale(here, **WHAT)
        # Its own day, and the next: the test of an attenuated signal looks 24 h back.
        assert [row.window.start_ns for row in stale] == [START_NS, START_NS + DAY_NS]
        assert {row.reason for row in stale} == {"late data: utr-aq-01 2026-01-01T12Z"}
        bench.real.close()
