"""Every day: experiments whose indicators have changed."""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable
from living_lab import DEFAULT_ARGS, PARAMS, START, rebuild_group

with DAG(
    dag_id="experiments_daily",
    description="indicators -> experiments",
    schedule=CronPartitionTimetable(
        "0 3 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    ),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["livinglab", "experiments"],
):
    rebuild_group(["experiment"], days=None)
