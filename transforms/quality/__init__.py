"""Quality control: QARTOD flags per value and per test; values are never touched.

`flag` runs every configured test on a whole panel at once. Every test is chunk-invariant: its
verdict depends on nothing farther away in time than `reach_s` says, so a window that is read with
that margin gets the flags that the whole history would give it.

References
----------
.. [1] IOOS QARTOD, Manual for the Use of Real-Time Oceanographic Data Quality Control Data.
"""

from transforms.quality.device import gaps
from transforms.quality.flagging import (
    Verdict,
    aggregate_flags,
    encode_tests,
    flag,
    override,
    tally,
)
from transforms.quality.suite import configured, reach_s
from transforms.quality.thresholds import Ceiling, Season, StateLimit, Thresholds

__all__ = [
    "Ceiling",
    "Season",
    "StateLimit",
    "Thresholds",
    "Verdict",
    "aggregate_flags",
    "configured",
    "encode_tests",
    "flag",
    "gaps",
    "override",
    "reach_s",
    "tally",
]
