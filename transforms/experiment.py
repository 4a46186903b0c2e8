"""Evaluation of interventions, the public door to `transforms.experiments`."""

from __future__ import annotations

from transforms.experiments.adjusted import AdjustedResult
from transforms.experiments.difference import did
from transforms.experiments.interrupted import ItsResult, its
from transforms.experiments.resampling import (
    Placebo,
    adjusted_p,
    block_bootstrap,
    glsar,
    placebo_in_space,
    placebo_in_time,
)
from transforms.experiments.result import DidResult, Verdict
from transforms.experiments.single import before_after, paired_days
from transforms.experiments.weather import count_ratio, weather_normalised

__all__ = [
    "AdjustedResult",
    "DidResult",
    "ItsResult",
    "Placebo",
    "Verdict",
    "adjusted_p",
    "before_after",
    "block_bootstrap",
    "count_ratio",
    "did",
    "glsar",
    "its",
    "paired_days",
    "placebo_in_space",
    "placebo_in_time",
    "weather_normalised",
]
