"""Living-lab data pipeline: what researchers import.

The package is importable without Airflow, paho, pandas and InfluxDB; they load where they are used.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

try:
    __version__ = version("livinglab")
except PackageNotFoundError:  # a checkout that is on the path but not installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from livinglab.access import open_lab as open  # noqa: A004 - livinglab.open() reads well

__all__ = ["__version__", "open"]


def __getattr__(name: str) -> Any:
    if name == "open":
        from livinglab.access import open_lab  # noqa: PLC0415 - reading needs more than the core

        return open_lab
    raise AttributeError(f"module 'livinglab' has no attribute {name!r}")
