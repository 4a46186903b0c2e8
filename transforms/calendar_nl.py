"""Dutch calendar: public holidays, and which days are workdays for traffic statistics.

`werkdag` is Monday to Friday, `weekdag` all seven days: a false friend of the English weekday.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import holidays
import numpy as np
import pandas as pd

from transforms.frames import Bools

#: A school holiday: first day, last day.
Span = tuple[date, date]


def public_holidays(years: Iterable[int]) -> dict[date, str]:
    """Public holidays of the Netherlands with their Dutch names.

    Good Friday is among them; 5 May only in lustrum years, as for most employees.

    References
    ----------
    .. [1] Algemene termijnenwet, article 3; python-holidays, country NL.

    Examples
    --------
    >>> public_holidays([2025])[date(2025, 4, 26)]
    'Koningsdag'
    >>> date(2024, 5, 5) in public_holidays([2024])
    False
    """
    table = holidays.country_holidays("NL", years=sorted(set(years)), language="nl")
    return {day: str(name) for day, name in sorted(table.items())}


def traffic_holidays(years: Iterable[int]) -> dict[date, str]:
    """Days that traffic statistics leave out of workdays: public holidays, 5 May, 31 December.

    References
    ----------
    .. [1] NDW, Dexter, list of excluded days (1 January, Good Friday, Easter, King's Day, 5 May,
       Ascension Day, Whitsun, 25, 26 and 31 December).

    Examples
    --------
    >>> len(traffic_holidays([2024])), date(2024, 5, 5) in traffic_holidays([2024])
    (12, True)
    """
    wanted = sorted(set(years))
    found = public_holidays(wanted)
    for year in wanted:
        found.setdefault(date(year, 5, 5), "Bevrijdingsdag")
        found.setdefault(date(year, 12, 31), "Oudejaarsdag")
    return dict(sorted(found.items()))


def is_workday(dates: pd.DatetimeIndex, school_holidays: Iterable[Span] = ()) -> Bools:
    """Whether each naive date is a Monday to Friday that is no (traffic) holiday.

    Parameters
    ----------
    dates : DatetimeIndex
        Naive civil dates.
    school_holidays : iterable of (date, date)
        First and last day of school holidays of the region that are to be left out too.

    Examples
    --------
    >>> days = pd.DatetimeIndex(["2025-04-18", "2025-04-19", "2025-04-22", "2025-12-31"])
    >>> is_workday(days).tolist()
    [False, False, True, False]
    """
    free = set(traffic_holidays(dates.year.unique().tolist()))
    for first, last in school_holidays:
        free |= {first + timedelta(days=k) for k in range((last - first).days + 1)}
    is_free = np.isin(dates.normalize().to_numpy(), np.array(sorted(free), dtype="datetime64[ns]"))
    return np.asarray((dates.day_of_week < 5) & ~is_free, dtype=np.bool_)
