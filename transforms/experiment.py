"""Evaluation of interventions, the public door to `transforms.experiments`."""

from __future__ import annotations

from transforms.experiments.adjusted import AdjustedResult
from transforms.experiments.design import Design
from transforms.experiments.difference import did
from transforms.experiments.evaluation import evaluate
from transforms.experiments.interrupted import ItsResult, its
from transforms.experiments.resampling import (
    adjusted_p,
    block_bootstrap,
    glsar,
    placebo_in_space,
    placebo_in_time,
)
from transforms.experiments.result import Check, Placebo, Result, Verdict
from transforms.experiments.single import before_after
from transforms.experiments.verdict import adjusted_verdict
from transforms.experiments.weather import count_ratio, weather_normalised

__all__ = [
    "AdjustedResult",
    "Check",
    "Design",
    "ItsResult",
    "Placebo",
    "Result",
    "Verdict",
    "adjusted_p",
    "adjusted_verdict",
    "before_after",
    "block_bootstrap",
    "count_ratio",
    "did",
    "evaluate",
    "glsar",
    "its",
    "placebo_in_space",
    "placebo_in_time",
    "weather_normalised",
]
