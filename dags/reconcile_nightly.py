"""Every night: all history, all levels; whatever is stale is rebuilt, upstream first."""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable
from living_lab import DEFAULT_ARGS, PARAMS, START, rebuild_group

with DAG(
    dag_id="reconcile_nightly",
    description="everything that is stale, in month chunks",
    schedule=CronPartitionTimetable(
        "0 1 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    ),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["livinglab", "reconcile"],
):
    rebuild_group(["clean", "indicators", "years", "experiment"], days=None)
