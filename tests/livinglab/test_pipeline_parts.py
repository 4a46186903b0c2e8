"""The parts of the pipeline one by one: windows, slices, digests, arrival versions, tasks."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import shutil
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from small_lab import (
    CONFIG,
    DEVICES,
    END,
    LAB,
    START,
    ZONE,
    announce,
    arrive,
    device,
    reading,
    registry_of,
)

import livinglab.pipeline
from livinglab import pipeline
from livinglab.errors import OvertakenError, PipelineError, StoreUnavailableError
from livinglab.model import Point, SeriesKey
from livinglab.pipeline import Cause, Target, Window, tasks
from livinglab.pipeline.arrivals import Arrivals, changed
from livinglab.pipeline.digests import Inputs, output_digest
from livinglab.pipeline.explain import _place
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import ALWAYS, Claims, read_records
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import civil_windows, contiguous, in_chunks, utc_windows
from livinglab.project import Project
from livinglab.registry import Calibration, ManualFlag
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, HOUR_NS, parse_instant

MODULES = [name for _, name, _ in pkgutil.iter_modules(livinglab.pipeline.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_docstrings_hold(name: str) -> None:
    module = importlib.import_module(f"livinglab.pipeline.{name}")
    assert doctest.testmod(module).failed == 0


def test_civil_windows_touch_each_other_over_both_clock_changes() -> None:
    for first, hours in (("2025-03-29", [24, 23, 24]), ("2025-10-25", [24, 25, 24])):
        start = parse_instant(first, ZONE)
        windows = civil_windows(start, start + 71 * HOUR_NS, ZONE)
        assert [(row.end_ns - row.start_ns) // HOUR_NS for row in windows] == hours
        assert len(contiguous(windows)) == 1
    assert civil_windows(start, start, ZONE) == []


def test_in_chunks_spans_a_month_at_most_and_keeps_all() -> None:
    windows = [row for row in utc_windows(0, 100 * DAY_NS, HOUR_NS) if row.start_ns % 7 != 3]
    chunks = in_chunks(windows)
    assert [row for chunk in chunks for row in chunk] == windows
    assert all(chunk[-1].end_ns - chunk[0].start_ns <= 31 * DAY_NS for chunk in chunks)
    assert len(chunks) == 4


INSTANTS = st.integers(-30, 24 * 6).map(lambda hours: START + hours * HOUR_NS + HOUR_NS // 3)
PERIODS = st.tuples(INSTANTS, st.one_of(st.none(), INSTANTS)).filter(
    lambda pair: pair[1] is None or pair[0] < pair[1]
)


@given(
    rows=st.lists(PERIODS, min_size=1, max_size=3),
    calibrations=st.lists(PERIODS, max_size=2),
    flags=st.lists(PERIODS, max_size=2),
    theme=st.sampled_from(["noise", "air", "water"]),
    level=st.sampled_from(["clean", "indicators"]),
)
@settings(max_examples=40, deadline=None)
def test_slice_kept_for_a_stretch_is_the_slice_of_each_window(
    rows: list[tuple[int, int | None]],
    calibrations: list[tuple[int, int | None]],
    flags: list[tuple[int, int | None]],
    theme: str,
    level: str,
) -> None:
    name = next(each for each, row in DEVICES.items() if row[0] == theme)
    quantity = DEVICES[name][2]
    linear = {"offset": 0.0, "slope": 2.0}
    registry = registry_of(
        [device(name, from_ns=first, to_ns=last) for first, last in rows],
        calibrations=[
            Calibration(name, quantity, "linear", linear, first, last, "", 1)
            for first, last in calibrations
        ],
        flags=[ManualFlag(name, "*", 4, first, last or END, "", "", 1) for first, last in flags],
    )
    recipe = recipe_of(Scope(registry), Target(level, LAB, theme))
    for window in recipe.scope.grid(recipe.target, START - DAY_NS, END):
        kept, own = recipe.of(window), recipe._make(window)
        assert (kept.digest, kept.rows, kept.devices) == (own.digest, own.rows, own.devices)
        assert kept.reach(window) == own.reach(window)


def test_slice_does_not_see_what_ends_later_nor_texts() -> None:
    window = Window(START + DAY_NS, START + DAY_NS + HOUR_NS)

    def digest(**changes: object) -> str:
        registry = registry_of([device("nm-1", **changes)])
        return recipe_of(Scope(registry), Target("clean", LAB, "noise")).of(window).digest

    assert digest() == digest(to_ns=window.end_ns + DAY_NS) == digest(owner="other", row=7)
    assert digest() == digest(from_ns=START - DAY_NS)
    assert digest() != digest(to_ns=window.end_ns)
    assert digest() != digest(step_s=600)


def test_output_digest_sees_every_byte_and_no_order() -> None:
    key = SeriesKey("noise", (LAB, "a", "0", "laeq"))
    one = Point(key, 1, {"value": 1.0, "flag": 1})
    two = Point(key, 2, {"value": 0.1 + 0.2, "flag": 1})
    assert output_digest([one, two]) == output_digest([two, one])
    assert output_digest([]) == ""
    for other in (
        two._replace(time_ns=3),
        two._replace(fields={"value": 0.3, "flag": 1}),
        two._replace(fields={"flag": 1}),
        two._replace(series=SeriesKey("noise", (LAB, "a", "1", "laeq"))),
    ):
        assert output_digest([one, other]) != output_digest([one, two])


def test_inputs_read_back() -> None:
    inputs = Inputs("a", "", "c", "clean-1,air-2")
    assert Inputs.parse(inputs.text()) == inputs
    assert Inputs.parse("something else") is None


def test_arrivals_differ_by_device_hour_and_loader(sqlite_store: Store) -> None:
    def digest(names: tuple[str, ...] = ("nm-1", "nm-2")) -> str:
        arrivals = Arrivals(sqlite_store, set(DEVICES), START, END)
        return arrivals.digest(names, START, START + 3 * HOUR_NS)

    seen = [digest()]
    first = reading("nm-1", START + HOUR_NS, 50.0)
    for point, loader in (
        (first, "loader-1"),
        (first, "loader-1"),  # the same again: a fresh version
        (first, "loader-2"),
        (reading("nm-2", START + HOUR_NS, 50.0), "loader-1"),
        (reading("nm-1", START + 2 * HOUR_NS + 1, 50.0), "loader-1"),
    ):
        announce(sqlite_store, [point], loader)
        seen.append(digest())
    assert len(set(seen)) == 6
    announce(sqlite_store, [reading("nm-1", START + 3 * HOUR_NS, 50.0)])  # after the stretch
    announce(sqlite_store, [reading("ref-1", START + HOUR_NS, 50.0)])  # another device
    assert digest() == seen[-1]
    assert digest(("nm-2",)) != seen[-1]


def test_changed_finds_the_hours_of_later_marks(sqlite_store: Store) -> None:
    announce(sqlite_store, [reading("nm-1", START, 50.0)])
    span = START, START + 4 * HOUR_NS
    before = Arrivals(sqlite_store, {"nm-1", "nm-2"}, *span).marks(["nm-1", "nm-2"], *span)
    announce(sqlite_store, [reading("nm-2", START + 2 * HOUR_NS + 5, 50.0)])
    announce(sqlite_store, [reading("nm-1", START, 51.0)])
    now = Arrivals(sqlite_store, {"nm-1", "nm-2"}, *span).marks(["nm-1", "nm-2"], *span)
    assert changed(before, now, START) == [("nm-1", [START]), ("nm-2", [START + 2 * HOUR_NS])]


def test_claims_cover_records_of_another_step(sqlite_store: Store) -> None:
    target = Target("clean", LAB, "noise")
    day, hours = utc_windows(0, 1, DAY_NS), utc_windows(0, DAY_NS, HOUR_NS)
    first = Claims(sqlite_store, target, "1h", hours, {row.start_ns for row in hours}, "first")
    first.take()
    second = Claims(sqlite_store, target, "24h", day, {0}, "second")
    second.take()
    records = read_records(sqlite_store, target, *ALWAYS)
    assert {record.claim for record in records} == {"second"}
    assert len(records) == 25
    second.require()
    with pytest.raises(OvertakenError, match="overtaken by run second"):
        first.require()


def test_read_records_gives_those_that_overlap(sqlite_store: Store) -> None:
    target = Target("indicators", LAB, "noise")
    series = SeriesKey("window", ("indicators", LAB, "noise", "day"))
    sqlite_store.write("ops", [Point(series, day * DAY_NS, {"claim": "x"}) for day in range(4)])
    found = read_records(sqlite_store, target, 2 * DAY_NS, 3 * DAY_NS)
    assert [record.start_ns // DAY_NS for record in found] == [1, 2]  # a civil day may have 25 h
    assert not any(record.is_finished for record in found)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    monkeypatch.setenv("LIVINGLAB_NOW", "2025-09-01T22:00:00Z")
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(folder))
    monkeypatch.delenv("LIVINGLAB_STORE", raising=False)
    store = Project.open(folder).store
    store.prepare()
    series = SeriesKey("noise", ("ein-nm-01", "0"))
    start = parse_instant("2025-08-31T00:00:00Z")
    arrive(
        store,
        [
            Point(series, start + n * 60 * 10**9, {"sound_level_laeq": 60.0 + n % 9})
            for n in range(600)
        ],
    )
    return folder


def test_plan_and_rebuild_for_a_run_pass_plain_json(tree: Path) -> None:
    batches = tasks.plan_for_run("clean", "stratumseind", days=35)
    assert json.loads(json.dumps(batches)) == batches
    assert all(batch["label"] for batch in batches)
    done = [
        row for batch in batches for row in tasks.rebuild_for_run(json.loads(json.dumps(batch)))
    ]
    assert json.loads(json.dumps(done)) == done
    assert sum(row["written"] for row in done if row["theme"] == "noise") == 600
    assert tasks.plan_for_run("clean", "stratumseind", days=35) == []


def test_plan_for_a_named_hour_or_day_is_forced(tree: Path) -> None:
    for batch in tasks.plan_for_run("clean", "stratumseind"):
        tasks.rebuild_for_run(batch)
    (hour,) = tasks.plan_for_run("clean", "stratumseind", window="hour", key="2025-08-31T03:00:00Z")
    windows = {chunk["theme"]: chunk["windows"] for chunk in hour["chunks"]}
    assert windows["noise"] == 1
    (day,) = tasks.plan_for_run("indicators", "stratumseind", window="day", key="2025-08-31")
    ranges = {tuple(each) for chunk in day["chunks"] for each in chunk["ranges"]}
    assert ranges == {(parse_instant("2025-08-31", ZONE), parse_instant("2025-09-01", ZONE))}
    assert all(chunk["force"] for chunk in day["chunks"])
    (summary,) = (row for row in tasks.rebuild_for_run(hour) if row["theme"] == "noise")
    assert (summary["windows"], summary["same"]) == (1, 1)
    assert summary["reasons"] == {str(Cause.FORCED): 1}


def test_plan_for_a_key_that_is_no_hour_says_what_one_is(tree: Path) -> None:
    for window in ("hour", "day"):
        with pytest.raises(PipelineError, match=f"names no {window}") as caught:
            tasks.plan_for_run("clean", "stratumseind", window=window, key="yesterday")
        assert "2026-11-22" in caught.value.hint


@pytest.mark.parametrize("now", ["yesterday", "2025-09-05T10:00"])
def test_plan_for_a_moment_that_is_none_says_how_to_write_one(tree: Path, now: str) -> None:
    del tree
    with pytest.raises(PipelineError, match="the parameter `now`") as caught:
        tasks.plan_for_run("clean", "stratumseind", now=now)
    assert not caught.value.transient
    assert "2025-09-05T10:00:00Z" in caught.value.hint


def test_rebuild_for_a_run_computes_the_rest_before_it_fails(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = tasks.plan_for_run("clean", "stratumseind")
    real = tasks.run_chunk
    errors = {"air": StoreUnavailableError("away"), "water": PipelineError("broken")}

    def failing(project: object, chunk: tasks.Chunk) -> object:
        if chunk["theme"] in errors:
            raise errors[chunk["theme"]]
        return real(project, chunk)  # type: ignore[arg-type]  # a project

    monkeypatch.setattr(tasks, "run_chunk", failing)
    for batch in batches:
        with pytest.raises(PipelineError, match="broken") as caught:  # not what a retry would mend
            tasks.rebuild_for_run(batch)
        assert "also: away" in caught.value.__notes__
    stale = pipeline.stale(Project.open(tree), levels=["clean"], labs=["stratumseind"])
    left = {row.target.theme for row in stale}
    assert left == {"air", "water"}


def test_explanation_tells_the_home_of_a_citizen_as_coarsely_as_an_export() -> None:
    row = device("nm-1", x_rd=136012.0, y_rd=456087.0)
    assert _place(row) == "north, RD 136012 456087"
    citizen = replace(row, privacy="citizen")
    assert _place(citizen) == "north, about RD 136050 456050"
