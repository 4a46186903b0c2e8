"""Sound: equivalent levels per hour and per part of the day, Lden, levels exceeded.

Levels are A-weighted equivalent levels of short intervals (1 s to 1 min) in dB(A); they are
averaged as energy. A value belongs to the period that holds its time. Day 07-19, evening 19-23,
night 23-07 by the local clock; on the days of the clock change the night has 7 or 9 hours, the
weights 12, 4 and 8 of Lden stay.

A level measured by a sensor is an immission at that spot; legal limits are for incident sound at
4 m, over a year.

References
----------
.. [1] Directive 2002/49/EC, Annex I.
.. [2] ISO 1996-1:2016 and ISO 1996-2:2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from livinglab.errors import DataError
from transforms.aggregate import binned, indicator_rows, is_covered
from transforms.cells import Cells, cells, energy_mean, percentile, to_energy, to_level
from transforms.frames import Bools, Floats, Ints, to_ns
from transforms.intervals import Bins, civil_days, contiguous, hours, parts_of_days, parts_within

Spans = Sequence[tuple[int, int]]

#: Local hours of the periods, default of Directive 2002/49/EC Annex I.1, used in the Netherlands.
DAY: Final[Spans] = ((7, 19),)
EVENING: Final[Spans] = ((19, 23),)
#: Night of a date: "following" is 23:00 to 07:00 of the next day, "calendar" 00-07 and 23-24.
NIGHT: Final[Mapping[str, Spans]] = {"following": ((23, 31),), "calendar": ((0, 7), (23, 24))}
#: Least share of the hours of a period in which there are data (engineering default).
HOUR_SHARE: Final = 0.75


def leq(levels: ArrayLike, durations: ArrayLike | None = None) -> float:
    """Equivalent level [dB] of levels [dB] of equal or given durations; NaN levels are left out.

    References
    ----------
    .. [1] ISO 1996-1:2016, 3.1.7.

    Examples
    --------
    >>> round(leq([50, 70]), 6), round(leq([50, 70], [50, 10]), 5)
    (67.032914, 62.43038)
    >>> leq([])
    nan
    """
    level = np.asarray(levels, dtype=np.float64)
    weight = np.ones(level.shape) if durations is None else np.asarray(durations, dtype=np.float64)
    present = ~np.isnan(level)
    whole = float(weight[present].sum())
    if whole <= 0:
        return float("nan")
    return float(to_level(np.asarray((weight * to_energy(level))[present].sum() / whole)))


def one_per_stamp(levels: pd.Series) -> pd.Series:
    """Energy mean of the levels that share a stamp [dB], by stamp; missing levels are left out.

    For files whose stamps are coarser than their intervals: four levels of 15 s under one minute
    are one level of that minute. Panels hold one value per time.

    Examples
    --------
    >>> stamps = pd.to_datetime(["2026-03-01T10:00Z", "2026-03-01T10:00Z", "2026-03-01T10:01Z"])
    >>> one_per_stamp(pd.Series([50.0, 70.0, 60.0], index=stamps)).round(2).tolist()
    [67.03, 60.0]
    """
    energy = pd.Series(to_energy(levels.to_numpy(dtype=np.float64)), index=levels.index)
    mean = energy.groupby(level=0).mean()
    level = to_level(np.asarray(mean, dtype=np.float64))
    return pd.Series(level, index=mean.index)


def sound_exposure_level(laeq: float, duration_s: float) -> float:
    """SEL [dB]: level of one second that has the energy of `laeq` over `duration_s`.

    Examples
    --------
    >>> round(sound_exposure_level(67.6814, 4), 3)
    73.702
    """
    return laeq + 10.0 * float(np.log10(duration_s))


def weighted_level(lday: ArrayLike, levening: ArrayLike, lnight: ArrayLike) -> Floats:
    """Lden [dB]: 12 h of day, 4 h of evening + 5 dB, 8 h of night + 10 dB; NaN if one is missing.

    References
    ----------
    .. [1] Directive 2002/49/EC, Annex I.1.

    Examples
    --------
    >>> round(float(weighted_level(60, 60, 60)), 6), round(float(weighted_level(65, 60, 55)), 6)
    (66.395243, 65.0)
    """
    day, evening, night = (np.asarray(x, dtype=np.float64) for x in (lday, levening, lnight))
    energy = 12 * to_energy(day) + 4 * to_energy(evening + 5) + 8 * to_energy(night + 10)
    return to_level(energy / 24)


def laeq_hour(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """LAeq of each hour [dB(A)]: energy mean of the levels in [h, h + 1).

    Parameters
    ----------
    panel : DataFrame
        Panel of levels of intervals of `steps` [dB(A)]; missing levels are left out, never 0 dB.
    start, end : Timestamp
        Aware; hours that start in [start, end).
    zone : str
        Time zone of the lab; no influence.
    steps : mapping of str to int
        Interval of the levels of every expected series [s].
    coverage : float
        Least share of the expected levels.

    Returns
    -------
    DataFrame
        Index `time` (start of the hour, UTC), columns `series`, `value` (NaN below coverage),
        `coverage`, `n`, `status`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 1_800_000_000_000], "a", [50.0, 70.0])
    >>> span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(2, unit="h", tz="UTC")}
    >>> laeq_hour(panel, **span, zone="UTC", steps={"a": 1800})["value"].round(2).tolist()
    [67.03, nan]
    """
    return binned(panel, hours(start, end), steps, "energy_mean", coverage)


def level_exceeded(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    percent: float = 10.0,
) -> pd.DataFrame:
    """LN of each hour [dB(A)]: the level exceeded `percent` % of the time, linear percentile.

    L10 is high, L90 the background. It depends on the interval of the levels (1 s or 1 min), and
    must be computed from them: a mean of LN over hours is no LN.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage
        As in `laeq_hour`.
    percent : float
        N, 0..100.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 1, 2], "a", [40.0, 50.0, 60.0])
    >>> span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="h", tz="UTC")}
    >>> rows = {**span, "zone": "UTC", "steps": {"a": 1200}}
    >>> level_exceeded(panel, **rows)["value"].tolist()
    [58.0]
    """
    return binned(panel, hours(start, end), steps, f"p{100.0 - percent}", coverage)


def lday(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Lday of each civil day [dB(A)]: energy mean of 07:00 to 19:00 local time; see `lden`."""
    return _period_rows(_period(panel, parts_of_days(start, end, zone, DAY), steps, coverage))


def levening(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
) -> pd.DataFrame:
    """Levening of each civil day [dB(A)]: energy mean of 19:00 to 23:00 local time; see `lden`."""
    return _period_rows(_period(panel, parts_of_days(start, end, zone, EVENING), steps, coverage))


def lnight(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    night: str = "following",
) -> pd.DataFrame:
    """Lnight of each civil day [dB(A)]: energy mean of its night; see `lden`.

    Parameters
    ----------
    night : str
        "following": 23:00 of the day to 07:00 of the next (margin after: 8 h). "calendar": 00-07
        and 23-24 of the day. The row is named by the start of the civil day in both.

    Examples
    --------
    The night in which summer time begins has 7 hours, and is complete with them:

    >>> from transforms.frames import to_panel
    >>> start = pd.Timestamp("2026-03-28", tz="Europe/Amsterdam")
    >>> times = pd.date_range(start + pd.DateOffset(hours=23), periods=7, freq="h")
    >>> table = lnight(to_panel(times, "a", np.full(7, 45.0)), start=start,
    ...     end=start + pd.DateOffset(days=1), zone="Europe/Amsterdam", steps={"a": 3600})
    >>> table[["value", "coverage", "n"]].values.tolist()
    [[45.0, 1.0, 7.0]]
    """
    bins = parts_of_days(start, end, zone, night_spans(night))
    return _period_rows(_period(panel, bins, steps, coverage))


def lden(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    night: str = "following",
) -> pd.DataFrame:
    """Lden of each civil day [dB]: day, evening + 5 dB and night + 10 dB, weighted 12 : 4 : 8.

    Parameters
    ----------
    panel, start, end, steps
        As in `laeq_hour`; margin after: 8 h with the following night.
    zone : str
        Time zone of the lab: the periods follow its clock.
    coverage : float
        Least share of the expected levels of EACH period; besides, data in 75 % of its hours.
    night : str
        As in `lnight`.

    Returns
    -------
    DataFrame
        Index `time` (start of the civil day, UTC), columns `series`, `value`; `n` and `coverage`
        count the levels of the three periods together, `status` judges each of them.

    References
    ----------
    .. [1] Directive 2002/49/EC, Annex I.1.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> times = pd.date_range("2026-01-10", periods=31, freq="h", tz="Europe/Amsterdam")
    >>> rows = {"start": times[0], "end": times[24], "zone": "Europe/Amsterdam"}
    >>> panel = to_panel(times, "a", np.full(31, 60.0))
    >>> lden(panel, **rows, steps={"a": 3600})[["value", "n"]].round(3).values.tolist()
    [[66.395, 24.0]]
    >>> evening_missing = panel.drop(panel.index[19:23])
    >>> lden(evening_missing, **rows, steps={"a": 3600})["status"].tolist()
    ['insufficient']
    """
    periods = [
        _period(panel, parts_of_days(start, end, zone, spans), steps, coverage)
        for spans in (DAY, EVENING, night_spans(night))
    ]
    grid = periods[0].grid
    value = weighted_level(*(period.level for period in periods))
    n = np.sum([period.grid.n for period in periods], axis=0)
    expected = np.sum([period.grid.expected for period in periods], axis=0)
    covered = np.logical_and.reduce([period.covered for period in periods])
    days = civil_days(start, end, zone)
    return indicator_rows(grid.series, days, value, n, expected, covered)


def pooled_levels(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    percents: Sequence[float] = (5, 10, 50, 90, 95),
) -> pd.DataFrame:
    """Levels of a long period [dB(A)]: all short levels of each part of the day pooled.

    Averaging the Lden of days arithmetically is wrong; this is the energy mean of the levels of all
    days, evenings and nights, whatever their coverage (`n_*` say how many there are).

    Parameters
    ----------
    start, end : Timestamp
        Civil-day bounds of the period.

    Returns
    -------
    DataFrame
        Index `series`; columns `n`, `n_day`, `n_evening`, `n_night`, `lday`, `levening`, `lnight`,
        `lden`, `laeq` and `lN` for each of `percents`.

    References
    ----------
    .. [1] Directive 2002/49/EC, Annex I.1 and I.2 (long-term averages).
    """
    whole = contiguous(np.asarray([to_ns(start), to_ns(end)], dtype=np.int64))
    grid = cells(panel, whole, steps)
    table: dict[str, Floats | Ints] = {"n": grid.n}
    levels: list[Floats] = []
    for name, spans in (("day", DAY), ("evening", EVENING), ("night", night_spans("calendar"))):
        part = cells(panel, parts_within(whole, zone, spans), steps)
        levels.append(energy_mean(part))
        table[f"n_{name}"], table[f"l{name}"] = part.n, levels[-1]
    table["lden"] = weighted_level(*levels)
    table["laeq"] = energy_mean(grid)
    table |= {f"l{percent:g}": percentile(grid, 100.0 - percent) for percent in percents}
    return pd.DataFrame(table, index=pd.Index(grid.series, name="series", dtype="str"))


def night_spans(night: str) -> Spans:
    """Local hours of a night convention.

    Raises
    ------
    DataError
        If there is no such convention.
    """
    if night not in NIGHT:
        raise DataError(f"unknown night {night!r}", hint="following or calendar")
    return NIGHT[night]


@dataclass(frozen=True, slots=True, eq=False)
class _Period:
    grid: Cells
    level: Floats
    covered: Bools


def _period(panel: pd.DataFrame, bins: Bins, steps: Mapping[str, int], coverage: float) -> _Period:
    grid = cells(panel, bins, steps)
    enough = is_covered(grid.n, grid.expected, coverage)
    period_hours = np.tile(bins.length_s // 3600, len(grid.series))
    spread = is_covered(grid.hours_with_data(), period_hours, HOUR_SHARE)
    return _Period(grid, energy_mean(grid), enough & spread)


def _period_rows(period: _Period) -> pd.DataFrame:
    grid = period.grid
    return indicator_rows(
        grid.series, grid.bins, period.level, grid.n, grid.expected, period.covered
    )
