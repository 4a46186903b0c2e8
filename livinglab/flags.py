"""Quality flags of IOOS QARTOD and their precedence.

References
----------
.. [1] IOOS QARTOD, Manual for the Use of Real-Time Oceanographic Data Quality Control, flag
   scheme of the Intergovernmental Oceanographic Commission (IOC 54:V3).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Flag(IntEnum):
    """Five-value flag; the number is what is stored."""

    GOOD = 1
    UNKNOWN = 2  # not evaluated
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


#: Highest first: a value is as bad as its worst verdict, good if any test says so and none objects.
PRECEDENCE: Final = (Flag.FAIL, Flag.SUSPECT, Flag.GOOD, Flag.UNKNOWN, Flag.MISSING)

#: The order of the digits in the `tests` field of `clean`; new tests are appended, never inserted.
TESTS: Final = (
    "timing",
    "missing",
    "gross_range",
    "climatology",
    "spike",
    "rate_of_change",
    "flat_line",
    "neighbour",
    "attenuated",
    "device_state",
    "manual",
    "zero_run",
    "consistency",
    "calibration",
)


def aggregate(flags: tuple[int, ...]) -> Flag:
    """Combine the verdicts of several tests on one value by `PRECEDENCE`.

    Examples
    --------
    >>> aggregate((2, 1, 1, 1)), aggregate((2, 2, 9, 2)), aggregate((1, 3, 4, 9))
    (<Flag.GOOD: 1>, <Flag.UNKNOWN: 2>, <Flag.FAIL: 4>)
    """
    return next((flag for flag in PRECEDENCE if flag in flags), Flag.UNKNOWN)
