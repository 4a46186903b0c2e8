"""Times in payloads: text with or without zone, epoch numbers, and "the clock is not set".

Result of every function is an `Instant`: `ns` since 1970 UTC, None where the payload has no usable
time and the next clock counts (network server, then receipt); `local` is the wall time of a device
whose zone nobody configured, which is never read as UTC.

A time that is there but cannot be one is an error, not a reason to take "now".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from livinglab.errors import DecodeError, Reason
from livinglab.timeline import SECOND_NS, to_ns


class Instant(NamedTuple):
    """A time of a payload: UTC ns or None, and the naive local text where no zone is known."""

    ns: int | None
    local: str = ""


UNSET: Final = Instant(None)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_ZERO_DATE: Final = re.compile(r"000[01]-0[01]-0[01]")
_SHAPE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})(?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?\s*"
    r"(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_YEAR_FIRST: Final = re.compile(r"(\d{4})/(\d\d)/(\d\d)(?=$|[T ])", re.ASCII)
_MAIL_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} \S{1,5}", re.ASCII
)
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[.-](\d{1,2})[.-](\d{4})(?:,?[T ]+(.+))?", re.ASCII)
_END_OF_DAY: Final = re.compile(
    r"(?P<day>[\d-]+T)(?:24(?P<zero>:?00(?::?00(?:[.,]0+)?)?)|(?P<leap>\d\d:?59:?)60)"
    r"(?P<rest>[^\d].*)?",
    re.ASCII,
)
_DAY_S: Final = 86_400
# First days of the epochs that clocks start from: 1970 (Unix), 1980 (GPS), 2000 (many RTC chips).
_CLOCK_STARTS: Final = (0, 315_964_800, 946_684_800)
_EARLIEST_S: Final = 946_684_800
_LATEST_S: Final = 4_102_444_800  # 2100-01-01; the wrapped 32-bit counter lies after it
_UNITS: Final = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))


def instant(value: object, zone: str = "") -> Instant:
    """Instant of a payload's time value.

    Parameters
    ----------
    value : object
        RFC 3339 text; ISO 8601 text without offset (read in `zone`); day-first text with dots or
        dashes; year-first text with slashes; the date of a mail or HTTP header; epoch seconds,
        milliseconds, microseconds or nanoseconds as number or text, told apart by magnitude
        (>= 1e11 is ms, >= 1e14 us, >= 1e17 ns). None and "" are unset. Day and month parted by
        slashes are refused: nobody can tell which is which.
    zone : str
        IANA zone of device clocks without offset, "" = unknown.

    Raises
    ------
    DecodeError
        TIME, if the value is present and no possible time.
    """
    if value is None or isinstance(value, bool):
        return UNSET if value is None else _refuse(value)
    if isinstance(value, int | float):
        return epoch(value)
    if not isinstance(value, str):
        return _refuse(value)
    text = value.strip()
    if not text:
        return UNSET
    if _NUMBER.fullmatch(text):
        return epoch(int(text) if text.isdigit() else float(text))
    return _from_text(text, zone)


def epoch(value: float) -> Instant:
    """Instant of epoch seconds, ms, us or ns; the first day of a clock's epoch means "not set".

    Raises
    ------
    DecodeError
        TIME, outside 2000..2100.

    Examples
    --------
    >>> epoch(1_718_000_000).ns == epoch(1_718_000_000_000).ns == epoch(1_718_000_000_000_000).ns
    True
    >>> epoch(0)
    Instant(ns=None, local='')
    """
    scale = next((scale for limit, scale in _UNITS if abs(value) < limit), None)
    if scale is None:
        return _refuse(value)
    if isinstance(value, int):
        return _in_window(value * (SECOND_NS // int(scale)), value)
    # A double holds today's epoch seconds to a quarter of a microsecond, no more.
    return _in_window(round(value / scale * 1e6) * 1_000, value)


def rfc3339_ns(text: str) -> int:
    """UTC ns of an RFC 3339 text with offset, to the nanosecond.

    Raises
    ------
    ValueError
        If the text is no such time.
    """
    moment = datetime.fromisoformat(text)
    delta = moment - _EPOCH  # TypeError for a naive time, which the callers' shape check excludes
    ns = (delta.days * _DAY_S + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
    if len(text) > 27 and text[19] == ".":  # fromisoformat cuts what lies below the microsecond
        for size, factor in ((29, 1), (28, 10), (27, 100)):
            if text[26:size].isdigit():
                return ns + int(text[26:size]) * factor
    return ns


def network_ns(value: object) -> int | None:
    """UTC ns of a network server's own time stamp; None where it is missing or the zero time.

    Raises
    ------
    DecodeError
        TIME, if it is present and no RFC 3339 time.
    """
    if type(value) is str and len(value) >= 20:
        try:
            ns = rfc3339_ns(value)
        except (ValueError, TypeError):
            return instant(value).ns
        if ns > _EARLIEST_S * SECOND_NS + _DAY_S * SECOND_NS and ns < _LATEST_S * SECOND_NS:
            return ns
    return instant(value).ns


#: What follows the hour in "2026-11-24T03:25:10Z", in ns.
WITHIN_HOUR: Final = {
    f"{minute:02}:{second:02}Z": (60 * minute + second) * SECOND_NS
    for minute in range(60)
    for second in range(60)
}
_MOST_HOURS: Final = 4_096


class Hours(dict[str, int]):
    """UTC ns of full hours by text ("2026-11-24T03:"), filled as they are asked for.

    With `WITHIN_HOUR` it reads the commonest form of a time in two look-ups; LookupError means
    that `network_ns` has to say what the text is.
    """

    def __missing__(self, hour: str) -> int:
        try:
            first, last = network_ns(f"{hour}00:00Z"), network_ns(f"{hour}59:59Z")
        except DecodeError as error:
            raise LookupError(hour) from error
        if len(hour) != 14 or first is None or last != first + WITHIN_HOUR["59:59Z"]:
            raise LookupError(hour)
        if len(self) >= _MOST_HOURS:
            self.clear()
        self[hour] = first
        return first


def _in_window(ns: int, shown: object) -> Instant:
    seconds = ns // SECOND_NS
    if any(start <= seconds < start + _DAY_S for start in _CLOCK_STARTS):
        return UNSET
    if not _EARLIEST_S <= seconds < _LATEST_S:
        return _refuse(shown)
    return Instant(ns)


def _from_text(text: str, zone: str) -> Instant:
    if _ZERO_DATE.match(text):
        return UNSET
    try:
        plain, later_s = _whole_days(_iso(text))
        moment = datetime.fromisoformat(plain)
        if moment.tzinfo is not None:
            return _in_window(rfc3339_ns(plain) + later_s * SECOND_NS, text)
        moment += timedelta(seconds=later_s)
        if not zone:
            return Instant(None, moment.isoformat())
        return _in_window(to_ns(moment.replace(tzinfo=_zone(zone))), text)
    except (ValueError, OverflowError):
        return _refuse(text)


def _whole_days(text: str) -> tuple[str, int]:
    """A text with the clock within its day, and the seconds to add: 24:00 and a leap second."""
    end = _END_OF_DAY.fullmatch(text)
    if end is None:
        return text, 0
    if end["leap"]:
        return f"{end['day']}{end['leap']}59{end['rest'] or ''}", 1
    return f"{end['day']}00{end['zero']}{end['rest'] or ''}", _DAY_S


def _iso(text: str) -> str:
    """`text` in the form fromisoformat reads; "" where the shape is none of ours."""
    if _MAIL_DATE.fullmatch(text):  # RFC 5322, as HTTP servers write it
        return parsedate_to_datetime(text).isoformat()
    text = _YEAR_FIRST.sub(r"\1-\2-\3", text.upper())  # RFC 3339 allows "t" and "z"
    found = _DAY_FIRST.fullmatch(text)
    if found:
        day, month, year, clock = found.groups()
        text = f"{year}-{month:>02}-{day:>02}" + (f"T{clock}" if clock else "")
    if not _SHAPE.fullmatch(text):
        return ""
    return text.replace("UTC", "Z").replace("GMT", "Z").replace(" ", "T", 1).replace(" ", "")


def require_zone(name: str) -> None:
    """Refuses a name that is no IANA zone; "" stands for none.

    Raises
    ------
    DecodeError
        TIME.
    """
    if name:
        _zone(name)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        hint = "name an IANA zone, such as Europe/Amsterdam, in the route's timezone"
        raise DecodeError(Reason.TIME, f"unknown time zone {name!r}", hint=hint) from error


def _refuse(value: object) -> Instant:
    shown = repr(value)
    message = f"no possible time: {shown if len(shown) <= 60 else shown[:57] + '...'}"
    raise DecodeError(Reason.TIME, message, hint="times are RFC 3339, or epoch seconds or ms")
