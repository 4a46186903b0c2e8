"""Read once by every Airflow process: what the scheduler has loaded, its forks need not load.

Tasks are such forks; without this each of them spends about a second on imports.

On the path of the scheduler by PYTHONPATH=dags; it changes no setting of Airflow.
"""

from __future__ import annotations

import sys

if "scheduler" in sys.argv or "standalone" in sys.argv:
    import livinglab.pipeline
    import livinglab.store.sqlite
    import transforms.air
    import transforms.experiment
    import transforms.mobility
    import transforms.noise
    import transforms.water
