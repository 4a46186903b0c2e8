"""The DAG files: they import cleanly, keep their contract, and survive serialisation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from livinglab import errors

ROOT = Path(__file__).parents[2]
DAGS = ("clean_hourly", "indicators_daily", "experiments_daily", "reconcile_nightly")


def test_dags_import_without_error_or_warning(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert dagbag.captured_warnings == {}
    assert set(dagbag.dags) == set(DAGS)


def test_dag_files_load_nothing_heavy() -> None:
    """The DAG processor reads them over and over; what computes is loaded in tasks."""
    code = """
import pathlib, runpy, sys
sys.path.insert(0, sys.argv[1])
import airflow.sdk
before = set(sys.modules)
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    runpy.run_path(str(path))
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
print(*sorted(name for name in sys.modules if name.startswith("livinglab.pipeline")))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(ROOT / "dags")],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, pipeline = done.stdout.splitlines()[-2:]
    heavy = {"ingest", "pandas", "pyarrow", "statsmodels", "transforms"}
    assert heavy.isdisjoint(loaded.split())
    assert pipeline == ""


def test_errors_are_retried_where_waiting_helps_and_only_there(dagbag: Any) -> None:
    policy = dagbag.dags["clean_hourly"].tasks[0].retry_policy
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.LivingLabError)
    ]
    assert {kind.transient for kind in kinds} == {True, False}
    for kind in kinds:
        error = kind.__new__(kind)  # their constructors differ; only the kind is asked
        decision = policy.evaluate(error, 1, 3)
        assert decision.action.value == ("retry" if kind.transient else "fail"), kind
        assert decision.reason


@pytest.mark.parametrize("dag_id", DAGS)
def test_dag_keeps_the_contract(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    assert type(dag.timetable).__name__ == "CronPartitionTimetable"
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert "livinglab" in dag.tags
    for task in dag.tasks:
        assert task.retries == 3
        assert task.retry_policy is not None
        assert task.execution_timeout is not None
        assert task.pool == "lab_" + task.task_id.split(".")[0].replace("_", "-")


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_lab_has_a_group_of_its_own(dagbag: Any, dag_id: str) -> None:
    where = "*/experiments/*.yaml" if dag_id == "experiments_daily" else "*/lab.yaml"
    found = (ROOT / "config" / "labs").glob(where)
    labs = {path.relative_to(ROOT / "config" / "labs").parts[0] for path in found}
    groups = {task.task_id.split(".")[0].replace("_", "-") for task in dagbag.dags[dag_id].tasks}
    assert groups == labs


@pytest.mark.parametrize("dag_id", DAGS)
def test_dag_survives_serialisation(dagbag: Any, dag_id: str) -> None:
    from airflow.serialization.definitions.dag import SerializedDAG  # noqa: F401
    from airflow.serialization.serialized_objects import DagSerialization

    copy = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dagbag.dags[dag_id]))
    assert set(copy.task_dict) == set(dagbag.dags[dag_id].task_dict)


def test_assets_show_the_lineage(dagbag: Any) -> None:
    tasks = dagbag.dags["reconcile_nightly"].task_dict
    lineage = {
        (inlet.name, outlet.name)
        for task in tasks.values()
        for inlet in task.inlets
        for outlet in task.outlets
        if outlet.name.endswith("/lombok")
    }
    assert lineage == {
        ("raw/lombok", "clean/lombok"),
        ("clean/lombok", "indicators/lombok"),
        ("indicators/lombok", "years/lombok"),
        ("indicators/lombok", "experiment/lombok"),
    }


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_dag_files_are_thin(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 140
