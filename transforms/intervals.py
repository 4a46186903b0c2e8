"""Bins of time: hours, civil days, fixed-offset days, parts of days, months and years.

All bins are half-open [start, end), named by their start in UTC. The law's air day is fixed UTC+1
all year, 24 h; a civil day is a calendar day of the lab's zone and has 23, 24 or 25 h.

References
----------
.. [1] Directive 2000/84/EC, articles 2 and 3 (clock change at 01:00 UTC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS, SECOND_NS
from transforms.frames import Ints, to_index, to_ns

#: Fixed UTC+1 all year (the sign of Etc zones is inverted): the day of the air directives.
UTC1: Final = "Etc/GMT-1"


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Bins of time, each made of one or more pieces.

    Parameters
    ----------
    start_ns : array of int64
        Name of each bin, ns since 1970 UTC, ascending.
    length_s : array of int64
        Length of each bin in s, the sum of its pieces.
    edges_ns : array of int64
        Borders of the pieces, ascending; piece k is [edges[k], edges[k + 1]).
    owner : array of int64
        Bin of each piece, -1 = no bin; ascending apart from -1.
    """

    start_ns: Ints
    length_s: Ints
    edges_ns: Ints
    owner: Ints

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def index(self) -> pd.DatetimeIndex:
        """UTC starts of the bins."""
        return to_index(self.start_ns)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First border and last border of all pieces; (0, 0) without any."""
        if not len(self.edges_ns):
            return 0, 0
        return int(self.edges_ns[0]), int(self.edges_ns[-1])

    def locate(self, time_ns: Ints) -> Ints:
        """Bin of each time, -1 where none holds it."""
        # One owner more on either side: -1 for times before the first and after the last edge.
        owner = np.concatenate(([-1], self.owner, [-1]))
        first, last = self.span_ns
        grain = int(np.gcd.reduce(np.diff(self.edges_ns))) or 1
        count = (last - first) // grain
        if count > max(len(time_ns), len(self.owner)):
            piece = np.searchsorted(self.edges_ns, time_ns, side="right")
            return np.asarray(owner[piece], dtype=np.int64)
        # Many times: all edges are whole grains (an hour, say) from the first, look the grain up.
        grains = first + grain * np.arange(-1, count + 1)
        table = owner[np.searchsorted(self.edges_ns, grains, side="right")]
        place = (time_ns - (first - grain)) // grain
        return np.asarray(table[np.clip(place, 0, count + 1, out=place)], dtype=np.int64)


def contiguous(edges_ns: Ints) -> Bins:
    """Bins between consecutive edges."""
    edges = np.asarray(edges_ns, dtype=np.int64)
    count = max(len(edges) - 1, 0)
    length = np.diff(edges) // SECOND_NS
    return Bins(edges[:count], length, edges, np.arange(count, dtype=np.int64))


def regrouped(bins: Bins, group: Ints, start_ns: Ints) -> Bins:
    """Bins whose pieces are whole bins of `bins`.

    Parameters
    ----------
    group : array of int64
        New bin of each old one, ascending apart from -1 (= none).
    start_ns : array of int64
        Names of the new bins.
    """
    owner = np.append(group, -1)[bins.owner]
    kept = group >= 0
    length = np.zeros(len(start_ns), dtype=np.int64)
    np.add.at(length, group[kept], bins.length_s[kept])
    return Bins(start_ns, length, bins.edges_ns, owner)


def every(start: pd.Timestamp, end: pd.Timestamp, step_s: int) -> Bins:
    """Bins of `step_s` that start in [start, end), the first at `start`.

    Examples
    --------
    >>> noon = pd.Timestamp("2026-01-01T12:00Z")
    >>> every(noon, noon + pd.Timedelta(minutes=5), 60).length_s.tolist()
    [60, 60, 60, 60, 60]
    """
    return _every(to_ns(start), to_ns(end), step_s * SECOND_NS)


def hours(start: pd.Timestamp, end: pd.Timestamp) -> Bins:
    """Hours that start in [start, end); the first starts at `start`.

    Examples
    --------
    >>> day = pd.Timestamp("2026-03-29", tz="Europe/Amsterdam")
    >>> len(hours(day, day + pd.DateOffset(days=1)))
    23
    """
    return hours_between(to_ns(start), to_ns(end))


def hours_between(start_ns: int, end_ns: int) -> Bins:
    """As `hours`, from ns since 1970 UTC."""
    return _every(start_ns, end_ns, HOUR_NS)


def _every(start_ns: int, end_ns: int, step_ns: int) -> Bins:
    count = max(-(-(end_ns - start_ns) // step_ns), 0)
    return contiguous(start_ns + step_ns * np.arange(count + 1, dtype=np.int64))


def days(start: pd.Timestamp, end: pd.Timestamp, zone: str, period: str = "day") -> Bins:
    """Days that start in [start, end), by the name a period has in configuration.

    Parameters
    ----------
    zone : str
        Time zone of the lab (IANA).
    period : str
        "day" = civil days of `zone`; "day_utc1" = days of fixed UTC+1, 24 h, which reach one hour
        beyond a civil day of Amsterdam in summer.

    Raises
    ------
    DataError
        If `period` is neither.
    """
    if period == "day":
        return civil_days(start, end, zone)
    if period == "day_utc1":
        return civil_days(start, end, UTC1)
    raise DataError(f"unknown period of days {period!r}", hint="'day' or 'day_utc1'")


def civil_days(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> Bins:
    """Calendar days of `zone` that start in [start, end); 23, 24 or 25 h long.

    Examples
    --------
    >>> start, end = pd.Timestamp("2025-10-25T22:00Z"), pd.Timestamp("2025-10-27T23:00Z")
    >>> (civil_days(start, end, "Europe/Amsterdam").length_s // 3600).tolist()
    [25, 24]
    >>> len(civil_days(start, start, "Europe/Amsterdam"))
    0
    """
    dates = civil_dates(start, end, zone)
    return contiguous(_midnights(_with_next(dates, "D"), zone))


def civil_months(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> Bins:
    """Calendar months of `zone` whose first day starts in [start, end)."""
    dates = civil_dates(start, end, zone)
    return contiguous(_midnights(_with_next(dates[dates.day == 1], "MS"), zone))


def civil_years(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> Bins:
    """Calendar years of `zone` whose first day starts in [start, end); 8760 or 8784 h.

    Examples
    --------
    >>> first, last = pd.Timestamp("2000-01-01", tz=UTC1), pd.Timestamp("2002-01-01", tz=UTC1)
    >>> (civil_years(first, last, UTC1).length_s // 3600).tolist()
    [8784, 8760]
    """
    dates = civil_dates(start, end, zone)
    first = dates[(dates.day == 1) & (dates.month == 1)]
    return contiguous(_midnights(_with_next(first, "YS"), zone))


def hydrological_years(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> Bins:
    """Years from 1 April to 31 March of `zone` that start in [start, end).

    References
    ----------
    .. [1] Van der Sluijs, P. and De Gruijter, J. J. (1985), Agricultural Water Management 10,
       109-125, doi:10.1016/0378-3774(85)90001-8.

    Examples
    --------
    >>> first, last = pd.Timestamp("2023-01-01", tz=UTC1), pd.Timestamp("2024-01-01", tz=UTC1)
    >>> (hydrological_years(first, last, UTC1).length_s // 86400).tolist()
    [366]
    """
    dates = civil_dates(start, end, zone)
    first = dates[(dates.day == 1) & (dates.month == 4)]
    return contiguous(_midnights(_with_next(first, "YS-APR"), zone))


def years(start: pd.Timestamp, end: pd.Timestamp, zone: str, period: str = "year") -> Bins:
    """Years that start in [start, end), by the name a period has in configuration.

    Parameters
    ----------
    zone : str
        Time zone of the lab (IANA).
    period : str
        "year" = calendar years of `zone`; "year_utc1" = of fixed UTC+1, as the air directives;
        "hydrological_year" = 1 April to 31 March of `zone`.

    Raises
    ------
    DataError
        If `period` is none of them.
    """
    if period == "hydrological_year":
        return hydrological_years(start, end, zone)
    if period not in {"year", "year_utc1"}:
        hint = "'year', 'year_utc1' or 'hydrological_year'"
        raise DataError(f"unknown period of years {period!r}", hint=hint)
    return civil_years(start, end, UTC1 if period == "year_utc1" else zone)


def parts_of_days(
    start: pd.Timestamp, end: pd.Timestamp, zone: str, spans: Sequence[tuple[int, int]]
) -> Bins:
    """One bin per civil day, made of parts of it by the local clock.

    Parameters
    ----------
    spans : sequence of (int, int)
        Local hours [from, to), ascending; beyond 24 = on the following day, so the night of a date
        is (23, 31). The bin is named by the start of its civil day, and its length is what the
        clock gives: the night in which summer time begins has 7 h.

    Examples
    --------
    >>> day = pd.Timestamp("2026-03-28", tz="Europe/Amsterdam")
    >>> following = parts_of_days(day, day + pd.DateOffset(days=1), day.tz.key, [(23, 31)])
    >>> (following.length_s // 3600).tolist()
    [7]
    """
    dates = civil_dates(start, end, zone)
    columns = [_local(dates, hour, zone) for span in spans for hour in span]
    edges = np.stack(columns, axis=1).ravel() if len(dates) else np.empty(0, dtype=np.int64)
    owner = np.full(max(len(edges) - 1, 0), -1, dtype=np.int64)
    owner[::2] = np.repeat(np.arange(len(dates)), len(spans))
    length = sum(
        (columns[2 * k + 1] - columns[2 * k] for k in range(len(spans))),
        start=np.zeros(len(dates), dtype=np.int64),
    )
    return Bins(_midnights(dates, zone), length // SECOND_NS, edges, owner)


@lru_cache(maxsize=64)
def civil_dates(start: pd.Timestamp, end: pd.Timestamp, zone: str) -> pd.DatetimeIndex:
    """Naive dates of the calendar days of `zone` that start in [start, end)."""
    first = start.tz_convert(zone).tz_localize(None).normalize()
    last = end.tz_convert(zone).tz_localize(None).normalize()
    dates = pd.date_range(first, last, freq="D", unit="ns")
    midnight = _midnights(dates, zone)
    return dates[(midnight >= to_ns(start)) & (midnight < to_ns(end))]


def _with_next(dates: pd.DatetimeIndex, freq: str) -> pd.DatetimeIndex:
    """Return `dates` and the end of the last: edges of contiguous bins."""
    if not len(dates):
        return dates
    after = pd.date_range(dates[-1], periods=2, freq=freq, unit="ns")[1:]
    return pd.DatetimeIndex(dates.append(after))


def _midnights(dates: pd.DatetimeIndex, zone: str) -> Ints:
    return _local(dates, 0, zone)


def _local(dates: pd.DatetimeIndex, hour: int, zone: str) -> Ints:
    """Return ns since 1970 UTC of a local wall-clock hour (>= 24: next day) of naive dates."""
    day, hour_of_day = divmod(hour, 24)
    naive = dates + pd.Timedelta(days=day, hours=hour_of_day)
    # A wall-clock time that the clock change skips is the instant of the change; of one that
    # exists twice the first is meant.
    aware = naive.tz_localize(
        zone, nonexistent="shift_forward", ambiguous=np.ones(len(naive), dtype=bool)
    )
    return np.asarray(aware.as_unit("ns").asi8, dtype=np.int64)


def parts_within(longer: Bins, zone: str, spans: Sequence[tuple[int, int]]) -> Bins:
    """Parts of the civil days that start in each of `longer`, pooled into one bin each.

    Parameters
    ----------
    longer : Bins
        Bins of whole civil days, e.g. months or years.
    zone, spans
        As in `parts_of_days`.

    Examples
    --------
    >>> year = pd.Timestamp("2025-01-01", tz=UTC1), pd.Timestamp("2026-01-01", tz=UTC1)
    >>> (parts_within(civil_years(*year, UTC1), UTC1, [(8, 20)]).length_s // 3600).tolist()
    [4380]
    """
    first, last = (pd.Timestamp(edge, tz="UTC") for edge in longer.span_ns)
    parts = parts_of_days(first, last, zone, spans)
    return regrouped(parts, longer.locate(parts.start_ns), longer.start_ns)
