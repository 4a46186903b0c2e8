"""The DAG files: they import cleanly, keep their contract, and survive serialisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAGS = ("clean_hourly", "indicators_daily", "experiments_daily", "reconcile_nightly")


def test_dags_import_without_error_or_warning(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert dagbag.captured_warnings == {}
    assert set(dagbag.dags) == set(DAGS)


def test_dag_files_load_quickly(dagbag: Any) -> None:
    slow = [stat for stat in dagbag.dagbag_stats if stat.duration.total_seconds() > 5]
    assert slow == []


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
