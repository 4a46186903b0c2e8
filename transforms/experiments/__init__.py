"""Evaluation of interventions: designs, errors, power, checks, verdicts."""
