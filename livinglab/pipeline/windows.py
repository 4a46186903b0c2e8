"""Windows are targets, as in make: which ones there are, and how they are cut.

A *target* is a row of windows: one lab and theme on one level (for experiments: one experiment). A
*window* is one run record. Clean windows are UTC hours, or UTC days where a test reaches too far
for hours; indicator windows are civil days of the lab, or civil years for indicators of the year;
an experiment is one window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from livinglab.timeline import DAY_NS, HOUR_NS, civil_date, civil_day, civil_year, to_text

CLEAN: Final = "clean"
INDICATORS: Final = "indicators"
YEARS: Final = "years"
EXPERIMENT: Final = "experiment"

#: Upstream first.
LEVELS: Final = (CLEAN, INDICATORS, YEARS, EXPERIMENT)

#: Longest time that a window of a step covers, by the step's name in the records [ns].
SPANS: Final = {"1h": HOUR_NS, "24h": DAY_NS, "day": 25 * HOUR_NS, "year": 366 * DAY_NS}

#: The same for any step of a level; an experiment's window is as long as its design says.
LONGEST: Final = {CLEAN: DAY_NS, INDICATORS: 25 * HOUR_NS, YEARS: 366 * DAY_NS}

#: Longest stretch of time that one chunk spans [ns]: a month of history in one go.
CHUNK_NS: Final = 31 * DAY_NS


class Window(NamedTuple):
    """One window [start, end) in UTC ns."""

    start_ns: int
    end_ns: int

    def __str__(self) -> str:
        return f"[{to_text(self.start_ns)}, {to_text(self.end_ns)})"


#: A part of a timeline that is not a window of any target has the same shape.
Period = Window


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A row of windows: level, lab and theme (for experiments: the experiment's id)."""

    level: str
    lab: str
    theme: str

    def __str__(self) -> str:
        return f"{self.level} of {self.lab}/{self.theme}"


def utc_windows(start_ns: int, end_ns: int, length_ns: int) -> list[Window]:
    """Windows of `length_ns` aligned to 1970 UTC that overlap [start, end).

    Examples
    --------
    >>> utc_windows(HOUR_NS + 1, 2 * HOUR_NS, HOUR_NS) == [Window(HOUR_NS, 2 * HOUR_NS)]
    True
    """
    first = start_ns - start_ns % length_ns
    return [Window(at, at + length_ns) for at in range(first, end_ns, length_ns)]


def civil_windows(start_ns: int, end_ns: int, zone: str) -> list[Window]:
    """Civil days of `zone` that overlap [start, end)."""
    if start_ns >= end_ns:
        return []
    first = civil_date(start_ns, zone).toordinal()
    last = civil_date(end_ns - 1, zone).toordinal()
    return [_civil_window(day, zone) for day in range(first, last + 1)]


def civil_year_windows(start_ns: int, end_ns: int, zone: str) -> list[Window]:
    """Civil years of `zone` that overlap [start, end)."""
    if start_ns >= end_ns:
        return []
    first, last = civil_date(start_ns, zone).year, civil_date(end_ns - 1, zone).year
    return [Window(*civil_year(year, zone)) for year in range(first, last + 1)]


@lru_cache(maxsize=50_000)
def _civil_window(ordinal: int, zone: str) -> Window:
    return Window(*civil_day(date.fromordinal(ordinal), zone))


def merged(periods: Iterable[Period]) -> list[Period]:
    """Periods in order of time, those that touch or overlap joined, empty ones left out.

    Examples
    --------
    >>> merged([Period(5, 9), Period(0, 3), Period(2, 5), Period(9, 9)])
    [Window(start_ns=0, end_ns=9)]
    """
    result: list[Period] = []
    for period in sorted(period for period in periods if period.start_ns < period.end_ns):
        if result and period.start_ns <= result[-1].end_ns:
            last = result.pop()
            result.append(Period(last.start_ns, max(last.end_ns, period.end_ns)))
        else:
            result.append(period)
    return result


def contiguous(windows: Sequence[Window]) -> list[list[Window]]:
    """Windows in order of time, cut where one does not begin at the end of the one before.

    Examples
    --------
    >>> [len(part) for part in contiguous([Window(0, 1), Window(1, 2), Window(3, 4)])]
    [2, 1]
    """
    parts: list[list[Window]] = []
    for window in windows:
        if parts and parts[-1][-1].end_ns == window.start_ns:
            parts[-1].append(window)
        else:
            parts.append([window])
    return parts


def in_chunks(windows: Sequence[Window]) -> list[list[Window]]:
    """Windows in order of time, in groups that span at most a month.

    How windows are grouped changes the time a computation takes, never its result.
    """
    groups: list[list[Window]] = []
    for window in windows:
        if groups and window.end_ns - groups[-1][0].start_ns <= CHUNK_NS:
            groups[-1].append(window)
        else:
            groups.append([window])
    return groups


def span_of(windows: Sequence[Window]) -> Window:
    """From the start of the first window to the end of the last."""
    return Window(windows[0].start_ns, windows[-1].end_ns)
