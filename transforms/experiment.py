"""Evaluation of interventions, the public door to `transforms.experiments`."""

from __future__ import annotations

from transforms.experiments.design import Design
from transforms.experiments.evaluation import evaluate
from transforms.experiments.resampling import adjusted_p
from transforms.experiments.result import Check, Result, Verdict
from transforms.experiments.verdict import adjusted_verdict

__all__ = [
    "Check",
    "Design",
    "Result",
    "Verdict",
    "adjusted_p",
    "adjusted_verdict",
    "evaluate",
]
