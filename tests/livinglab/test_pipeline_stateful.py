"""Whatever happened, one reconcile makes it as if everything had been there from the start.

Readings arrive late, twice and corrected, by a loader that crashes between points and versions; the
configuration changes; runs crash before any of their writes, are overtaken by runs of another
machine (which may have older configuration), and meet readings that arrive while they compute. Then
one reconcile must leave in `clean` and `indicators`, byte for byte, what one pass over the final
data gives in an empty store; nothing may be stale afterwards, and a second one may write nothing.

Depth: LIVINGLAB_STATEFUL_EXAMPLES and LIVINGLAB_STATEFUL_STEPS (defaults fit a test run).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from small_lab import (
    BESIDES,
    DEVICES,
    LAB,
    QUALITY,
    START,
    THEMES,
    ZONE,
    WatchedStore,
    announce,
    arrive,
    contents,
    design,
    device,
    project_of,
    reading,
    registry_of,
    wave,
)

from livinglab import pipeline
from livinglab.errors import OvertakenError
from livinglab.model import Point
from livinglab.project import Project
from livinglab.registry import Calibration, ManualFlag, Registry
from livinglab.timeline import DAY_NS, HOUR_NS, SECOND_NS

EXAMPLES = int(os.environ.get("LIVINGLAB_STATEFUL_EXAMPLES", "30"))
STEPS = int(os.environ.get("LIVINGLAB_STATEFUL_STEPS", "20"))
#: Other histories each time, and the shortest that fails, at the price of minutes.
DEEP = "LIVINGLAB_STATEFUL_EXAMPLES" in os.environ

DAYS = 5
SPAN = st.tuples(st.integers(0, DAYS * 24 - 1), st.integers(1, 40)).map(
    lambda pair: (START + pair[0] * HOUR_NS, START + (pair[0] + pair[1]) * HOUR_NS)
)
NAMES = st.sampled_from(sorted(DEVICES))


class CrashError(Exception):
    """The process dies here."""


def watched_dying(store: Any, dies: int) -> WatchedStore:
    """A store under a machine that dies before its write number `dies`, 0 = never."""

    def before(_number: int, is_write: bool) -> None:
        if dies and is_write and watched.writes == dies:
            raise CrashError

    watched = WatchedStore(store, before)
    return watched


class Lab(RuleBasedStateMachine):
    """One lab, its loader, its configuration, and whoever computes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stateful"))
        self.options: dict[str, Any] = {
            "devices": {name: [device(name)] for name in DEVICES},
            "calibrations": [],
            "flags": [],
            "quality": QUALITY,
            "experiments": [design()],
        }
        self.zone, self.coverage = ZONE, 0.75
        self.registry = self._registry()
        self.older = self.registry
        self.store = project_of(self.folder).store
        self.in_flight: list[Point] = []
        self.now = START + 3 * DAY_NS

    def teardown(self) -> None:
        self.check_convergence()
        self.store.close()
        shutil.rmtree(self.folder)

    def _registry(self) -> Registry:
        options = dict(self.options)
        rows = [row for rows in options.pop("devices").values() for row in rows]
        made = registry_of(rows, **options)
        lab = replace(made.labs[LAB], timezone=self.zone)
        indicators = {
            name: replace(row, coverage=self.coverage) for name, row in made.indicators.items()
        }
        version = f"{made.version} {self.zone} {self.coverage}"
        return replace(
            made, labs=MappingProxyType({LAB: lab}), indicators=indicators, version=version
        )

    def _project(self, store: Any, registry: Registry, machine: str = "here") -> Project:
        return Project(registry, store=store, state_dir=self.folder / machine)

    # ------------------------------------------------------------------ readings

    def _points(self, name: str, span: tuple[int, int], shape: str) -> list[Point]:
        step = DEVICES[name][3] * SECOND_NS
        times = range(span[0] - span[0] % step, span[1], step)
        values = {
            "plain": lambda at: wave(name, at),
            "other": lambda at: wave(name, at + 1),
            "flat": lambda _: wave(name, 0),
            "spike": lambda at: wave(name, at) + 30.0 * (at // step % 5 == 0),
            "gappy": lambda at: wave(name, at),
            "besides": lambda at: wave(name, at),
        }[shape]
        kept = [at for at in times if shape != "gappy" or at // step % 3]
        besides = BESIDES.get(name)
        if shape == "besides" and besides:
            return [reading(name, at, 80.0 + at // step % 2 * 15.0, besides) for at in kept]
        return [reading(name, at, values(at)) for at in kept]

    @rule(
        name=NAMES,
        span=SPAN,
        shape=st.sampled_from(["plain", "plain", "other", "flat", "spike", "gappy", "besides"]),
        loader=st.sampled_from(["loader-1", "loader-1", "loader-2"]),
    )
    def arrive(self, name: str, span: tuple[int, int], shape: str, loader: str) -> None:
        """Readings arrive: new, late, again or corrected."""
        arrive(self.store, self._points(name, span, shape), loader)

    @initialize(names=st.sets(NAMES, min_size=1), hours=st.integers(1, DAYS * 24))
    def begin(self, names: set[str], hours: int) -> None:
        """Some devices have been there for a while."""
        for name in sorted(names):
            arrive(self.store, self._points(name, (START, START + hours * HOUR_NS), "plain"))

    @rule(name=NAMES, span=SPAN)
    def crash_the_loader(self, name: str, span: tuple[int, int]) -> None:
        """The points are stored, their arrival versions are not: the loader will do it again."""
        points = self._points(name, span, "other")
        self.store.write("raw", points)
        self.in_flight += points

    @precondition(lambda self: self.in_flight)
    @rule()
    def restart_the_loader(self) -> None:
        """What was in flight is loaded again: points, then versions."""
        arrive(self.store, self.in_flight)
        self.in_flight = []

    # ------------------------------------------------------------------ configuration

    @rule(
        name=NAMES,
        change=st.sampled_from(
            ["end", "reopen", "move", "rename", "raise", "shift", "remove", "return"]
        ),
        hour=st.integers(-20, DAYS * 24),
    )
    def change_a_device(self, name: str, change: str, hour: int) -> None:
        """A row of devices.csv ends, moves, gets another height or start, or goes."""
        rows, at = self.options["devices"][name], START + hour * HOUR_NS + 1800 * SECOND_NS
        if change == "return" and not rows:
            rows = [device(name)]
        elif change == "remove":
            rows = []
        elif change in {"end", "move"} and rows and rows[-1].from_ns < at and not rows[-1].to_ns:
            last = replace(rows[-1], to_ns=at)
            other = "south" if last.area == "north" else "north"
            moved = [replace(last, from_ns=at, to_ns=None, area=other)]
            rows = [*rows[:-1], last, *(moved if change == "move" else [])]
        elif change == "rename" and rows:
            other = "south" if rows[0].area == "north" else "north"
            rows = [replace(rows[0], area=other), *rows[1:]]
        elif change == "reopen" and rows:
            rows = [replace(rows[0], to_ns=None)]
        elif change == "raise" and rows:
            rows = [*rows[:-1], replace(rows[-1], height_m_nap=hour / 8)]
        elif change == "shift" and len(rows) == 1:
            rows = [replace(rows[0], from_ns=at, to_ns=None)]
        self.options["devices"][name] = rows
        self._take_new()

    @rule(name=NAMES, span=SPAN, slope=st.sampled_from([0.5, 1.1]), open_end=st.booleans())
    def calibrate(self, name: str, span: tuple[int, int], slope: float, *, open_end: bool) -> None:
        """A calibration of one device replaces what it had."""
        parameters = {"offset": 1.0, "slope": slope}
        row = Calibration(
            name,
            DEVICES[name][2],
            "linear",
            parameters,
            span[0],
            None if open_end else span[1],
            "",
            1,
        )
        others = [each for each in self.options["calibrations"] if each.device != name]
        self.options["calibrations"] = [*others, row]
        self._take_new()

    @rule(name=NAMES, span=SPAN, flag=st.sampled_from([1, 3, 4]))
    def flag_by_hand(self, name: str, span: tuple[int, int], flag: int) -> None:
        """A researcher judges a period; several verdicts may overlap."""
        row = ManualFlag(name, "*", flag, *span, "seen", "test", 1)
        self.options["flags"] = [*self.options["flags"][-3:], row]
        self._take_new()

    @rule(what=st.sampled_from(["calibrations", "flags"]))
    def withdraw(self, what: str) -> None:
        """All calibrations or manual flags are withdrawn."""
        self.options[what] = []
        self._take_new()

    @rule(
        theme=st.sampled_from(["noise", "air"]),
        hours=st.sampled_from([1, 24]),
        limit=st.sampled_from([5.0, 8.0, 25.0]),
    )
    def tune(self, theme: str, hours: int, limit: float) -> None:
        """Thresholds change, and with them perhaps the length of the windows."""
        quantity = {"noise": "sound_level_laeq", "air": "o3"}[theme]
        quality = self.options["quality"]
        themes = {**quality["themes"], theme: {**quality["themes"][theme], "window_h": hours}}
        tuned = {**quality["quantities"][quantity], "spike_suspect": limit, "spike_fail": limit}
        quantities = {**quality["quantities"], quantity: tuned}
        self.options["quality"] = {**quality, "themes": themes, "quantities": quantities}
        self._take_new()

    @rule(shift=st.integers(0, 2), area=st.sampled_from(["north", "south"]))
    def redesign(self, shift: int, area: str) -> None:
        """The experiment gets other dates or another treated area."""
        dates = [f"2025-10-{day + shift}" for day in (23, 25, 27)]
        row = design(
            before=(dates[0], dates[1]),
            after=(dates[1], dates[2]),
            treated=(area,),
            control=("south" if area == "north" else "north",),
        )
        self.options["experiments"] = [row]
        self._take_new()

    @rule(zone=st.sampled_from([ZONE, ZONE, "UTC", "Asia/Tokyo", "America/New_York"]))
    def change_the_zone(self, zone: str) -> None:
        """The lab's civil days are those of another time zone."""
        self.zone = zone
        self._take_new()

    @rule(coverage=st.sampled_from([0.5, 0.75, 0.9]))
    def redefine(self, coverage: float) -> None:
        """The indicators want another share of their readings."""
        self.coverage = coverage
        self._take_new()

    def _take_new(self) -> None:
        self.older, self.registry = self.registry, self._registry()

    @rule(hours=st.integers(-6, 30))
    def tick(self, hours: int) -> None:
        """The clock goes on, or is set back."""
        self.now = min(self.now + hours * HOUR_NS, START + DAYS * DAY_NS)

    # ------------------------------------------------------------------ computation

    @rule(
        name=NAMES,
        level=st.sampled_from(["clean", "clean", "indicators"]),
        span=SPAN,
        force=st.booleans(),
        accident=st.sampled_from(
            ["none", "crash", "overtake", "overtake later", "late", "half", "config"]
        ),
        at=st.integers(1, 30),
        older=st.sampled_from(["nobody", "nobody", "here", "there"]),
        dies=st.sampled_from([0, 0, 0, 1, 2, 3, 5]),
    )
    def compute(
        self,
        name: str,
        level: str,
        span: tuple[int, int],
        force: bool,
        accident: str,
        at: int,
        older: str,
        dies: int,
    ) -> None:
        """Rebuild one theme; ahead of the operation `at` something happens to what it reads.

        `older` says which machine still has the configuration before the last, `dies` before which
        write the other machine stops for good (0 = it does not).
        """
        theme = DEVICES[name][0]
        registries = {
            machine: self.older if older == machine else self.registry
            for machine in ("here", "there")
        }
        happened: list[int] = []

        def crash() -> None:
            raise CrashError

        def late() -> None:
            arrive(self.store, self._points(name, span, "other"))

        def half() -> None:
            points = self._points(name, span, "plain")
            self.store.write("raw", points)
            self.in_flight += points

        def overtake() -> None:
            store = watched_dying(self.store, dies)
            self._rebuild(store, registries["there"], "there", level, theme, span, force=force)

        def overtake_later() -> None:
            late()
            if level == "indicators":
                self._rebuild(self.store, self.registry, "there", "clean", theme, span, force=False)
            overtake()

        accidents: dict[str, Callable[[], None]] = {
            "none": lambda: None,
            "crash": crash,
            "overtake": overtake,
            "overtake later": overtake_later,
            "late": late,
            "half": half,
            "config": lambda: self.flag_by_hand(name, span, 4),
        }

        def before(number: int, writes: bool) -> None:
            # A crash only matters ahead of a write; anything else may fall between two reads.
            if not happened and number >= at and (writes or accident != "crash"):
                happened.append(number)
                accidents[accident]()

        store = WatchedStore(self.store, before)
        self._rebuild(store, registries["here"], "here", level, theme, span, force=force)
        event(f"{accident}: {'happened' if happened else 'too late'}")

    def _rebuild(
        self,
        store: Any,
        registry: Registry,
        machine: str,
        level: str,
        theme: str,
        span: tuple[int, int],
        *,
        force: bool,
    ) -> None:
        project = self._project(store, registry, machine)
        if theme not in pipeline.themes_of(project, level, LAB):
            return
        try:
            pipeline.rebuild(project, level, LAB, theme, *span, force=force, now_ns=self.now)
        except (CrashError, OvertakenError) as error:
            event(type(error).__name__)

    @rule(
        levels=st.sets(st.sampled_from(pipeline.LEVELS), min_size=1),
        dies=st.sampled_from([0, 1, 5, 10, 20, 30]),
    )
    def reconcile(self, levels: set[str], dies: int) -> None:
        """Reconcile some levels, to the end or until it dies before a write."""
        project = self._project(watched_dying(self.store, dies), self.registry)
        try:
            pipeline.reconcile(project, levels=levels, now_ns=self.now)
        except CrashError:
            event("reconcile died")

    # ------------------------------------------------------------------ what must hold

    @rule()
    def look(self) -> None:
        """Listing what is stale never fails, whatever state a crash has left."""
        pipeline.stale(self._project(self.store, self.registry), now_ns=self.now)

    def check_convergence(self) -> None:
        """One reconcile, and it is as if nothing had happened."""
        if self.in_flight:
            self.restart_the_loader()
        # A clock set back, or windows of another length, leave some that are not due yet.
        self.now = START + (DAYS + 2) * DAY_NS
        watched = WatchedStore(self.store, lambda _number, _writes: None)
        project = self._project(watched, self.registry)
        outcome = pipeline.reconcile(project, now_ns=self.now)
        assert outcome.failures == []
        stale = pipeline.stale(project, now_ns=self.now)
        assert stale == [], [f"{row.target} {row.window} {row.reason}" for row in stale]
        assert contents(self.store) == self._one_pass()
        writes = watched.writes
        pipeline.reconcile(project, now_ns=self.now)
        assert watched.writes == writes

    def _one_pass(self) -> dict[Any, Any]:
        """What one pass over the final data gives in an empty store."""
        with tempfile.TemporaryDirectory() as folder:
            project = project_of(Path(folder), self.registry)
            for theme in THEMES:
                points = list(self.store.points("raw", theme, START - 9 * DAY_NS, 2**62))
                if points:
                    project.store.write("raw", points)
                    announce(project.store, points)
            pipeline.reconcile(project, now_ns=self.now)
            found = contents(project.store)
            project.close()
            return found


def test_reconcile_after_any_history() -> None:
    """See the module."""
    run_state_machine_as_test(
        Lab,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not DEEP,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if DEEP else [Phase.generate],
            print_blob=True,
        ),
    )
