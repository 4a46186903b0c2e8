"""Every hour: flag and calibrate the last 3 hours and whatever of the last 35 days is stale.

A run that a person starts with a partition key ("2026-11-22T03:00:00Z") redoes that hour by force.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable
from living_lab import DEFAULT_ARGS, PARAMS, START, rebuild_group

with DAG(
    dag_id="clean_hourly",
    description="raw -> clean, hour by hour",
    schedule=CronPartitionTimetable(
        "0 * * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%dT%H:%M:%SZ"
    ),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["livinglab", "clean"],
):
    rebuild_group(["clean"], days=35, window="hour")
