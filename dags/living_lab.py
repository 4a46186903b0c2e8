"""What the DAG files share: pools, retries, assets and the one task group per lab.

No DAG stands here. Airflow wakes, `livinglab.pipeline` decides what is stale and computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TaskGroup,
    get_current_context,
    task,
)

from livinglab import errors
from livinglab.config import config_dir, lab_ids
from livinglab.errors import LivingLabError

LABS = lab_ids()
START = datetime(2025, 1, 1, tzinfo=UTC)

#: Errors that say of themselves that waiting helps.
TRANSIENT = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, LivingLabError) and kind.transient
]

DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=2),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=[*TRANSIENT],
                action=RetryAction.RETRY,
                retry_delay=timedelta(seconds=30),
                reason="transient: waiting helps",
            ),
            RetryRule(
                exception=LivingLabError, action=RetryAction.FAIL, reason="terminal: needs a person"
            ),
        ]
    ),
}

PARAMS = {
    "now": Param(
        None,
        type=["null", "string"],
        description="RFC 3339: the moment up to which windows are expected; empty = the clock",
    ),
}


def pool(lab: str) -> str:
    """Name of the lab's pool of one slot: one writer per lab over all DAGs."""
    return f"lab_{lab}"


def asset(level: str, lab: str) -> Asset:
    """The asset that a level of a lab is: raw -> clean -> indicators -> years, experiment."""
    return Asset(name=f"{level}/{lab}", uri=f"x-livinglab://{level}/{lab}")


_UPSTREAM = {"clean": "raw", "indicators": "clean"}  # of the others it is "indicators"


def rebuild_group(levels: Sequence[str], days: int | None, window: str = "") -> list[TaskGroup]:
    """One task group per lab: for each level plan what is stale, then rebuild it month by month.

    Parameters
    ----------
    levels : sequence of str
        Levels in upstream order.
    days : int or None
        How far back to look for stale windows; None = all history.
    window : {"", "hour", "day"}
        What a partition key names: a run with a key given by hand rebuilds just that, by force.
    """
    wanted = {
        lab: [level for level in levels if level != "experiment" or _has_experiments(lab)]
        for lab in LABS
    }
    return [_lab_group(lab, found, days, window) for lab, found in wanted.items() if found]


def _has_experiments(lab: str) -> bool:
    return any((config_dir() / "labs" / lab / "experiments").glob("*.yaml"))


def _lab_group(lab: str, levels: Sequence[str], days: int | None, window: str) -> TaskGroup:
    with TaskGroup(group_id=lab.replace("-", "_")) as group:
        before: Any = None
        for level in levels:
            options = {"pool": pool(lab)}

            # a level with nothing stale is skipped; the next level is planned all the same
            @task(task_id=f"plan_{level}", trigger_rule="none_failed", **options)
            def plan(level: str, lab: str, days: int | None, window: str) -> list[Any]:
                from livinglab import pipeline

                context = get_current_context()
                return pipeline.plan_for_run(
                    level,
                    lab,
                    days=days,
                    now=context["params"].get("now"),
                    window=window if context["dag_run"].run_type == "manual" else "",
                    key=context["dag_run"].partition_key,
                )

            @task(
                task_id=f"rebuild_{level}",
                inlets=[asset(_UPSTREAM.get(level, "indicators"), lab)],
                outlets=[asset(level, lab)],
                map_index_template="{{ label }}",
                **options,
            )
            def rebuild(batch: dict[str, Any]) -> list[dict[str, Any]]:
                from livinglab import pipeline

                get_current_context()["label"] = batch["label"]
                return pipeline.rebuild_for_run(batch)

            planned = plan(level, lab, days, window)
            if before is not None:
                before >> planned
            before = rebuild.expand(batch=planned)
    return group
