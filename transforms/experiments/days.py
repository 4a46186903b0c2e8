"""Daily values of both sides of a contrast, on the calendar of its two phases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from livinglab.errors import DataError

#: A phase is a half-open range of civil dates: first day, day after the last.
Dates = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase holds: days on the calendar, days with a value, and days that are used.

    `control` is None without a control area; `adjusted` counts days on which all covariates have a
    value.
    """

    first: date
    last: date
    expected: int
    treated: int
    control: int | None
    adjusted: int
    used: int

    @property
    def coverage(self) -> float:
        """Days used of days expected, 0..1."""
        return self.used / self.expected

    @property
    def dropped(self) -> int:
        """Days on the calendar that did not enter, because a side or a covariate has no value."""
        return self.expected - self.used


def by_date(values: pd.Series, zone: str | None = None) -> pd.Series:
    """Daily values on naive dates, in order.

    The index holds dates, naive midnights, or aware instants; the latter are civil midnights of
    their own zone, or of `zone` (UTC starts of local days, as `indicators` stores them).

    Raises
    ------
    DataError
        If a stamp is no midnight, a date occurs twice, or a value is infinite.

    Examples
    --------
    >>> stamps = pd.DatetimeIndex(["2026-03-28T23:00Z", "2026-03-29T22:00Z"])
    >>> by_date(pd.Series([1.0, 2.0], index=stamps), "Europe/Amsterdam").index.astype(str).tolist()
    ['2026-03-29', '2026-03-30']
    """
    index = pd.DatetimeIndex(values.index)
    if index.tz is not None:
        index = (index.tz_convert(zone) if zone else index).tz_localize(None)
    if not (index == index.normalize()).all():
        raise DataError(
            "a daily series has stamps that are not the start of a day",
            hint="give one value a day, and the zone of the days where stamps are UTC",
        )
    if index.has_duplicates:
        twice = index[index.duplicated()][0].date()
        raise DataError(f"a daily series has two values for {twice}", hint="combine them before")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        raise DataError("a daily series holds an infinite value", hint="flag it before")
    return pd.Series(numbers, index=index.as_unit("ns")).sort_index()


def require_phases(before: Dates, after: Dates) -> None:
    """Refuse phases that are empty or in the wrong order.

    Raises
    ------
    DataError
        Naming the dates.
    """
    for name, (first, end) in (("before", before), ("after", after)):
        if first >= end:
            raise DataError(
                f"the {name} phase {first}..{end} is empty", hint="give [first day, day after last)"
            )
    if after[0] < before[1]:
        raise DataError(
            f"the after phase starts on {after[0]}, inside the before phase (until {before[1]})",
            hint="the phases must not overlap; leave the transition out between them",
        )


def contrast_days(
    treated: pd.Series,
    control: pd.Series | None,
    *,
    before: Dates,
    after: Dates,
    zone: str | None = None,
) -> pd.DataFrame:
    """Every calendar day of both phases with treated, control, d = treated - control, and phase.

    Returns
    -------
    DataFrame
        Index naive date; `treated`, `control`, `d` (NaN where a side is missing), `after` (0, 1),
        `day` (days since the first day of `before`). Without a control, d is the treated value.

    Examples
    --------
    >>> one = pd.Series([3.0, 5.0], index=[date(2026, 1, 1), date(2026, 1, 2)])
    >>> frame = contrast_days(one, one - 1, before=(date(2026, 1, 1), date(2026, 1, 2)),
    ...                       after=(date(2026, 1, 2), date(2026, 1, 4)))
    >>> frame["d"].tolist(), frame["after"].tolist()
    ([1.0, 1.0, nan], [0, 1, 1])
    """
    require_phases(before, after)
    parts = [pd.date_range(a, b, inclusive="left", unit="ns") for a, b in (before, after)]
    index = parts[0].append(parts[1])
    frame = pd.DataFrame({"treated": by_date(treated, zone).reindex(index)}, index=index)
    if control is None:
        frame["control"] = np.nan
        frame["d"] = frame["treated"]
    else:
        frame["control"] = by_date(control, zone).reindex(index)
        frame["d"] = frame["treated"] - frame["control"]
    frame["after"] = np.repeat([0, 1], [len(parts[0]), len(parts[1])])
    frame["day"] = (index.to_numpy() - index.to_numpy()[0]) // np.timedelta64(1, "D")
    return frame


def phase(frame: pd.DataFrame, which: int, *, has_control: bool = True) -> Phase:
    """Counts of one phase (0 before, 1 after) of a `design.day_table`."""
    rows = frame[frame["after"] == which]
    return Phase(
        first=rows.index[0].date(),
        last=rows.index[-1].date(),
        expected=len(rows),
        treated=int(rows["treated"].notna().sum()),
        control=int(rows["control"].notna().sum()) if has_control else None,
        adjusted=int(rows["adjusted"].sum()),
        used=int(rows["used"].sum()),
    )
