"""Every day: indicators of civil days that are stale in the last 35 days, and of their years.

A run that a person starts with a partition key ("2026-11-22") redoes that civil day by force.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable
from living_lab import DEFAULT_ARGS, PARAMS, START, rebuild_group

with DAG(
    dag_id="indicators_daily",
    description="clean -> indicators, civil day by civil day; the running year",
    schedule=CronPartitionTimetable(
        "30 2 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    ),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["livinglab", "indicators"],
):
    rebuild_group(["indicators", "years"], days=35, window="day")
