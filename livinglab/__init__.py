"""Living-lab data pipeline: what researchers import.

The package is importable without Airflow, paho, pandas and InfluxDB; they load where they are used.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("livinglab")
except PackageNotFoundError:  # a checkout that is on the path but not installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
