"""A real Airflow with a database of its own; its environment is set before it is imported."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_HOME = tempfile.mkdtemp(prefix="livinglab-airflow-")

os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "LIVINGLAB_CONFIG": str(ROOT / "config"),
    }
)

sys.path.insert(0, str(ROOT / "dags"))  # as Airflow itself does in its processes


@pytest.fixture(scope="session")
def airflow_db() -> Iterator[None]:
    from airflow.utils.db import initdb

    initdb()
    yield


@pytest.fixture(scope="session")
def dagbag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture
def run_dag(airflow_db: None, dagbag: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a DAG in this process, like a run that a person starts with a partition key."""
    from airflow.models import dagrun

    create = dagrun.get_or_create_dagrun

    def run(dag_id: str, key: str | None = None, **conf: Any) -> Any:
        def with_key(**arguments: Any) -> Any:
            made = create(**arguments)
            made.partition_key = key
            arguments["session"].commit()
            return made

        monkeypatch.setattr(dagrun, "get_or_create_dagrun", with_key)
        dag = dagbag.dags[dag_id]
        for task in dag.tasks:
            monkeypatch.setattr(task, "retries", 0)  # a failing test need not wait for them
        return dag.test(logical_date=None, run_conf=conf)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow and what it brings warn at import; what our own modules raise stays an error."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for rule in ("error:::(livinglab|transforms|ingest)", "default"):
                item.add_marker(pytest.mark.filterwarnings(rule))
