"""Evaluation of interventions, the public door to `transforms.experiments`."""

from __future__ import annotations

from transforms.experiments.difference import did
from transforms.experiments.result import DidResult, Verdict

__all__ = ["DidResult", "Verdict", "did"]
