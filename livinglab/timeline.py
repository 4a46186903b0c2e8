"""Time at the border: ns since 1970 UTC, RFC 3339 text, hours and civil days.

Intervals are named by their start and half-open: value at t covers [t, t + step). A civil day is a
calendar day of the lab's time zone and has 23, 24 or 25 hours.

References
----------
.. [1] Directive 2000/84/EC, articles 2 and 3 (summer-time arrangements: change at 01:00 UTC).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from livinglab.errors import DataError

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(moment: datetime) -> int:
    """UTC ns of an aware datetime, exact to the microsecond.

    Raises
    ------
    ValueError
        If `moment` has no time zone: a naive time is never read as UTC.

    Examples
    --------
    >>> to_ns(datetime(1970, 1, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam")))
    0
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive time {moment.isoformat()}: give it a zone")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000


def to_datetime(time_ns: int) -> datetime:
    """Aware UTC datetime of `time_ns`, cut to the microsecond."""
    return _EPOCH + timedelta(microseconds=time_ns // 1_000)


def to_text(time_ns: int) -> str:
    """RFC 3339 text in UTC, to the second where the time is whole.

    Examples
    --------
    >>> to_text(0), to_text(1_500_000_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    return to_datetime(time_ns).isoformat().replace("+00:00", "Z")


def parse_instant(text: str, zone: str = "") -> int:
    """UTC ns of an RFC 3339 text, a civil date, or (with `zone`) a local time without offset.

    A date is the moment at which that civil day begins.

    Raises
    ------
    ValueError
        If the text is no time, has no offset and no `zone` is given, or is a local time that a
        clock change skips or repeats: which instant was meant cannot be known.

    Examples
    --------
    >>> parse_instant("2026-03-29", "Europe/Amsterdam") == parse_instant("2026-03-28T23:00:00Z")
    True
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if not zone:
            raise ValueError(f"{text!r} has no offset and no time zone is configured")
        moment = moment.replace(tzinfo=ZoneInfo(zone))
        if not _is_date(text):
            _require_once(moment, zone)
    return to_ns(moment)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _require_once(moment: datetime, zone: str) -> None:
    """Raise ValueError for a local time that a clock change skips or repeats."""
    offsets = [moment.replace(fold=fold).utcoffset() for fold in (0, 1)]
    if offsets[0] == offsets[1]:
        return
    back = moment.astimezone(UTC).astimezone(ZoneInfo(zone))
    is_twice = back.replace(tzinfo=None) == moment.replace(tzinfo=None)
    said = "it occurs twice" if is_twice else "it does not exist"
    raise ValueError(f"{said} in {zone}, where clocks change that day; give the offset")


#: Times that ns since 1970 hold in 64 bits: the years 1678 to 2261.
_LONGEST_NS: Final = 2**63


def parse_window(start: str, end: str, zone: str) -> tuple[int, int]:
    """[start, end) in UTC ns from two instants or civil dates in `zone`.

    Raises
    ------
    DataError
        If a text is no time, or the window is empty or longer than times can be held.
    """
    edges = [_edge(text, zone) for text in (start, end)]
    if edges[0] >= edges[1]:
        raise DataError(f"the window [{start}, {end}) is empty", hint="start before the end")
    if max(map(abs, edges)) >= _LONGEST_NS:
        hint = "times from 1678 to 2261 can be held, to the nanosecond"
        raise DataError(f"the window [{start}, {end}) is out of range", hint=hint)
    return edges[0], edges[1]


def _edge(text: str, zone: str) -> int:
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        hint = "write 2025-08-29, 2025-08-29T12:00 (local), 2025-08-29T12:00:00Z or another offset"
        raise DataError(f"{text!r} is no time: {error}", hint=hint) from error


def floor_hour(time_ns: int) -> int:
    """Start of the UTC hour that holds `time_ns`."""
    return time_ns - time_ns % HOUR_NS


def floor_day(time_ns: int) -> int:
    """Start of the UTC day that holds `time_ns`."""
    return time_ns - time_ns % DAY_NS


def civil_date(time_ns: int, zone: str) -> date:
    """Calendar date at the lab of an instant."""
    return to_datetime(time_ns).astimezone(ZoneInfo(zone)).date()


def civil_day(day: date, zone: str) -> tuple[int, int]:
    """[start, end) in UTC ns of a calendar day in `zone`; 23, 24 or 25 hours long.

    Examples
    --------
    >>> start, end = civil_day(date(2026, 3, 29), "Europe/Amsterdam")
    >>> (end - start) // HOUR_NS
    23
    """
    tz = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=tz)
    after = day + timedelta(days=1)
    return to_ns(start), to_ns(datetime(after.year, after.month, after.day, tzinfo=tz))


def civil_year(year: int, zone: str) -> tuple[int, int]:
    """[start, end) in UTC ns of a calendar year in `zone`.

    Examples
    --------
    >>> start, end = civil_year(2024, "Europe/Amsterdam")
    >>> (end - start) // DAY_NS
    366
    """
    return civil_day(date(year, 1, 1), zone)[0], civil_day(date(year + 1, 1, 1), zone)[0]


def civil_days(start_ns: int, end_ns: int, zone: str) -> list[tuple[date, int, int]]:
    """Civil days that overlap [start, end): date, start and end in UTC ns."""
    day = civil_date(start_ns, zone)
    days: list[tuple[date, int, int]] = []
    while True:
        first, last = civil_day(day, zone)
        if first >= end_ns:
            return days
        days.append((day, first, last))
        day += timedelta(days=1)
