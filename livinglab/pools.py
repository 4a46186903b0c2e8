"""Airflow's pools: one slot per lab over all DAGs, so that a lab has one writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from livinglab.config import lab_ids


def airflow_pools(config: Path) -> dict[str, dict[str, Any]]:
    """Pools of a configuration folder, in the form that `airflow pools import` reads."""
    return {
        f"lab_{lab}": {
            "slots": 1,
            "description": f"one writer for {lab}",
            "include_deferred": False,
        }
        for lab in lab_ids(config)
    }
