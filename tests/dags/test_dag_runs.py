"""Each DAG run for real on a store filled by the real loader: results, re-runs, late data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loaded_store import load_messages, stored

from livinglab.demo.messages import Script, load_script
from livinglab.project import Project
from livinglab.timeline import DAY_NS, HOUR_NS, parse_instant

NOW = "2025-09-05T10:00:00Z"
START, END = parse_instant("2025-08-25T00:00:00Z"), parse_instant(NOW)
KEY = "2025-09-04T09:00:00Z"
HOUR = parse_instant(KEY)
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[Project]:
    """The last three demo days, loaded; found by the DAGs through the environment."""
    state_dir = tmp_path_factory.mktemp("dag-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVINGLAB_STATE_DIR", str(state_dir))
        patch.setenv("LIVINGLAB_STORE", "sqlite:///store")
        patch.setenv("LIVINGLAB_NOW", NOW)
        opened = Project.open()
        since = script.end_ns - 3 * DAY_NS
        load_messages(opened, [m for m in script.first if m.time_ns >= since])
        yield opened
        opened.close()


def window_runs(project: Project) -> dict[tuple[str, ...], str]:
    return {
        (*point.series.tags, str(point.time_ns)): str(point.fields["run"])
        for point in project.store.points("ops", "window", 0, 2**62)
    }


@pytest.fixture(scope="module")
def reconciled(project: Project, airflow_db: None, dagbag: Any) -> Project:
    """The project after one run of the nightly DAG over everything."""
    run = dagbag.dags["reconcile_nightly"].test(logical_date=None)
    assert str(run.state) == "success"
    return project


def test_reconcile_brings_raw_to_indicators_and_experiments(reconciled: Project) -> None:
    assert stored(reconciled, "clean", START, END)
    indicators = stored(reconciled, "indicators", START, END)
    labs = {tags[0] for _, tags, _, _ in indicators}  # type: ignore[misc, index]
    assert labs == set(reconciled.registry.labs)
    assert list(reconciled.store.points("ops", "experiment", 0, 1))


def test_hour_redone_by_its_key_is_the_same_byte_for_byte(
    reconciled: Project, run_dag: Run
) -> None:
    before, runs = stored(reconciled, "clean", START, END), window_runs(reconciled)
    done = run_dag("clean_hourly", KEY)
    assert str(done.state) == "success"
    assert stored(reconciled, "clean", START, END) == before
    redone = {key for key, run in window_runs(reconciled).items() if runs[key] != run}
    assert redone
    assert all(key[0] == "clean" for key in redone)
    for key in redone:
        length = DAY_NS if key[3] == "24h" else HOUR_NS
        assert int(key[4]) < HOUR + HOUR_NS
        assert int(key[4]) + length > HOUR


def test_day_redone_by_its_key_is_the_same_byte_for_byte(reconciled: Project, run_dag: Run) -> None:
    before, runs = stored(reconciled, "indicators", START, END), window_runs(reconciled)
    assert str(run_dag("indicators_daily", "2025-09-03").state) == "success"
    assert stored(reconciled, "indicators", START, END) == before
    redone = {key for key, run in window_runs(reconciled).items() if runs[key] != run}
    day = str(parse_instant("2025-09-03", "Europe/Amsterdam"))
    assert {key[4] for key in redone} == {day}


def test_run_without_anything_stale_computes_nothing(reconciled: Project, run_dag: Run) -> None:
    runs = window_runs(reconciled)
    for dag_id in ("experiments_daily", "reconcile_nightly"):
        assert str(run_dag(dag_id).state) == "success"
    assert window_runs(reconciled) == runs


def test_key_that_is_no_hour_fails_the_run(reconciled: Project, run_dag: Run) -> None:
    assert str(run_dag("clean_hourly", "tomorrow").state) == "failed"


def test_late_reading_rebuilds_the_windows_that_hold_it_and_no_others(
    reconciled: Project, run_dag: Run, script: Script
) -> None:
    """A day of the bicycle counter that was held back: its hours, days, year, nothing else."""
    runs = window_runs(reconciled)
    since = script.end_ns - 4 * DAY_NS
    late = [
        message
        for message in script.first
        if message.topic.endswith("utr-bike-01") and since <= message.time_ns < since + DAY_NS
    ]
    assert len(late) == 24
    load_messages(reconciled, late)
    assert str(run_dag("reconcile_nightly").state) == "success"
    redone = {key for key, run in window_runs(reconciled).items() if runs[key] != run}
    assert {key[:3] for key in redone} == {
        ("clean", "lombok", "mobility"),
        ("indicators", "lombok", "mobility"),
        ("years", "lombok", "mobility"),
        ("experiment", "lombok", "bicycles-placebo"),
    }
    cleaned = {
        (int(key[4]), DAY_NS if key[3] == "24h" else HOUR_NS) for key in redone if key[0] == "clean"
    }
    reach = DAY_NS  # a run of zeros is looked for a day back: the largest reach of mobility
    for start, length in cleaned:
        assert start < since + DAY_NS + reach
        assert start + length > since
    covered = {start + hour for start, length in cleaned for hour in range(0, length, HOUR_NS)}
    assert set(range(since, since + DAY_NS, HOUR_NS)) <= covered
