"""The pipeline: a build system for windows. Nothing else computes.

`stale` says which windows are out of date and why; `reconcile` rebuilds them, upstream first; late
data, corrected calibrations, moved sensors, new thresholds, manual flags and reloaded journals are
all the same to it. `plan` and `run_chunk` are the two halves of `rebuild` that tasks map over.
"""

from __future__ import annotations

from livinglab.pipeline.chunks import Chunk, plan, run_chunk
from livinglab.pipeline.explain import explain, instant_of
from livinglab.pipeline.explanation import Explanation
from livinglab.pipeline.freshness import Cause, Verdict
from livinglab.pipeline.records import ALWAYS
from livinglab.pipeline.runs import Summary
from livinglab.pipeline.tasks import plan_for_run, rebuild_for_run
from livinglab.pipeline.windows import CLEAN, EXPERIMENT, INDICATORS, LEVELS, YEARS, Target, Window
from livinglab.pipeline.work import (
    Progress,
    Reconciled,
    clean,
    experiment,
    indicators,
    rebuild,
    reconcile,
    stale,
    themes_of,
)

__all__ = [
    "ALWAYS",
    "CLEAN",
    "EXPERIMENT",
    "INDICATORS",
    "LEVELS",
    "YEARS",
    "Cause",
    "Chunk",
    "Explanation",
    "Progress",
    "Reconciled",
    "Summary",
    "Target",
    "Verdict",
    "Window",
    "clean",
    "experiment",
    "explain",
    "indicators",
    "instant_of",
    "plan",
    "plan_for_run",
    "rebuild",
    "rebuild_for_run",
    "reconcile",
    "run_chunk",
    "stale",
    "themes_of",
]
