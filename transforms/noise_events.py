"""Sound events above the background, and how intermittent sound is; from levels of 1 s.

Levels of one minute hide events: with steps over 1 s every result is "insufficient".

References
----------
.. [1] Wunderli et al. (2016), Intermittency ratio: a metric reflecting short-term temporal
   variations of transportation noise exposure, doi:10.1038/jes.2015.56.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import SECOND_NS
from transforms.aggregate import is_covered, result_frame
from transforms.cells import Cells, cells, energy_mean, to_energy, to_level
from transforms.frames import Bools, Floats, Ints, require_panel, series_codes, time_ns, to_index
from transforms.intervals import Bins, civil_days, hours, parts_of_days
from transforms.noise import NIGHT
from transforms.sliding import common_unit_ns, end_to_end

#: What is above the hourly level by more than this is an event's energy [dB] [1]_.
INTERMITTENT_DB: Final = 3.0
#: Levels of longer steps hide events [s].
LONGEST_STEP_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """What counts as an event; engineering defaults.

    Parameters
    ----------
    rise_db : float
        A second is loud from background + `rise_db`, and from `least_db` [dB].
    least_db : float
        Least level of a loud second [dB(A)].
    fall_db : float
        A second is quiet below (loud - `fall_db`) [dB].
    onset_s, pause_s : int
        Loud seconds in a row that begin an event, quiet seconds in a row that end it; shorter
        pauses belong to it.
    longest_s : int
        Longer than this is no event but another state of the street [s].
    background_s, background_percent : int, float
        The background is the level exceeded `background_percent` % of the past `background_s`.
    background_least : int
        Least number of levels that make a background.
    """

    rise_db: float = 10.0
    least_db: float = 0.0
    fall_db: float = 2.0
    onset_s: int = 3
    pause_s: int = 5
    longest_s: int = 300
    background_s: int = 900
    background_percent: float = 90.0
    background_least: int = 10

    @property
    def reach_s(self) -> tuple[int, int]:
        """Seconds of data before and after an event's start that decide about it."""
        return self.background_s + self.longest_s, self.longest_s + self.pause_s


DEFAULT_RULE: Final = EventRule()


def events(panel: pd.DataFrame, rule: EventRule = DEFAULT_RULE) -> pd.DataFrame:
    """Events of each series.

    An event begins with the first of `onset_s` loud seconds in a row and ends with the first of
    `pause_s` quiet ones. A missing second interrupts both rows. Whether a second begins an event
    depends on `rule.reach_s` of data around it alone: an onset that follows another one within
    `longest_s`, without a pause in between, continues it.

    Parameters
    ----------
    panel : DataFrame
        Levels of one second [dB(A)].
    rule : EventRule
        What counts as an event.

    Returns
    -------
    DataFrame
        Columns `series`, `start`, `end` (UTC, half-open), `duration_s`, `laeq`, `max` (of the 1 s
        levels: not LAFmax), `sel`, `background` [dB(A)]; ordered by series, start.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> levels = [50.0] * 20 + [65.0, 68.0, 70.0, 66.0] + [50.0] * 16
    >>> found = events(to_panel(1_000_000_000 * np.arange(40), "a", levels))
    >>> found[["duration_s", "laeq", "max", "sel"]].round(4).values.tolist()
    [[4.0, 67.6814, 70.0, 73.702]]
    >>> len(events(to_panel(1_000_000_000 * np.arange(40), "a", [50.0] * 40)))
    0
    """
    require_panel(panel)
    names = sorted(panel["series"].unique())
    known = panel[panel["value"].notna()]
    level, times = known["value"].to_numpy(), time_ns(known)
    code = series_codes(known, names)
    background = _background(known, rule)
    loud_from = np.maximum(background + rule.rise_db, rule.least_db)
    next_to = (np.diff(code) == 0) & (np.diff(times) == SECOND_NS)
    onset = _begins_run(level >= loud_from, next_to, rule.onset_s)
    pause = _begins_run(level < loud_from - rule.fall_db, next_to, rule.pause_s)
    first, last = _pairs(code, times, onset, pause, rule)
    return _described(names, code, times, level, background, first, last)


def _background(known: pd.DataFrame, rule: EventRule) -> Floats:
    """Level exceeded most of the past time, the present second not included; NaN if unknown."""
    window = known.groupby("series", observed=True)["value"].rolling(
        f"{rule.background_s}s", closed="left", min_periods=rule.background_least
    )
    share = 1 - rule.background_percent / 100
    return np.asarray(window.quantile(share, interpolation="linear"), dtype=np.float64)


def _begins_run(where: Bools, next_to: Bools, length: int) -> Bools:
    """Rows with which `length` true rows in a row begin, one second apart each."""
    begins = where.copy()
    for offset in range(1, length):
        follows = np.zeros(len(where), dtype=bool)
        follows[: -offset or None] = where[offset:]
        chained = np.zeros(len(where), dtype=bool)
        chained[:-offset] = next_to[offset - 1 :]
        begins &= follows & chained
    return begins


def _pairs(
    code: Ints, times: Ints, onset: Bools, pause: Bools, rule: EventRule
) -> tuple[Ints, Ints]:
    """First row of each event and the row of the pause that ends it."""
    unit = common_unit_ns(times)
    reach = rule.longest_s * SECOND_NS // unit
    axis = end_to_end(code, times // unit, 2 * reach)
    ons, offs = np.flatnonzero(onset), np.flatnonzero(pause)
    on, off = axis[ons], axis[offs]
    before = np.searchsorted(off, on) - 1
    last_off = np.where(before >= 0, off[before] if len(off) else 0, -3 * reach)
    last_on = np.concatenate(([-2 * reach], on[:-1])) if len(on) else on
    starts = (last_off > last_on) | (on - last_on > reach)
    after = np.searchsorted(off, on)
    ended = after < len(off)
    end = offs[np.minimum(after, len(offs) - 1)] if len(offs) else np.zeros(len(ons), np.int64)
    brief = ended & (axis[end] - on <= reach) if len(offs) else ended
    kept = starts & brief
    return ons[kept], end[kept]


def _described(
    names: list[str],
    code: Ints,
    times: Ints,
    level: Floats,
    background: Floats,
    first: Ints,
    last: Ints,
) -> pd.DataFrame:
    rows = np.arange(len(level))
    which = np.searchsorted(first, rows, side="right") - 1
    inside = which >= 0
    inside[inside] = rows[inside] < last[which[inside]]
    which = which[inside]
    size = len(first)
    n = np.maximum(np.bincount(which, minlength=size), 1)
    energy = np.bincount(which, weights=to_energy(level[inside]), minlength=size)
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, which, level[inside])
    duration = (times[last] - times[first]) / SECOND_NS
    laeq = to_level(energy / n) if size else np.empty(0)
    return pd.DataFrame(
        {
            "series": pd.Series(np.asarray(names, dtype=object)[code[first]], dtype="str"),
            "start": to_index(times[first]),
            "end": to_index(times[last]),
            "duration_s": duration,
            "laeq": laeq,
            "max": highest,
            "sel": laeq + 10 * np.log10(np.maximum(duration, 1e-9)),
            "background": background[first],
        }
    )


def intermittency_ratio(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,  # noqa: ARG001 - one signature for all indicators
    steps: Mapping[str, int],
    coverage: float = 0.75,
    above_db: float = INTERMITTENT_DB,
) -> pd.DataFrame:
    """IR of each hour [%]: share of the energy in levels more than `above_db` over its LAeq.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage
        As in `transforms.noise.laeq_hour`; levels of one second.
    above_db : float
        The C of the definition [dB].

    References
    ----------
    .. [1] Wunderli et al. (2016), doi:10.1038/jes.2015.56.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> levels = [50.0] * 20 + [65.0, 68.0, 70.0, 66.0] + [50.0] * 16
    >>> panel = to_panel(1_000_000_000 * np.arange(40), "a", levels)
    >>> span = {"start": pd.Timestamp(0, tz="UTC"), "end": pd.Timestamp(1, unit="h", tz="UTC")}
    >>> rows = {**span, "zone": "UTC", "coverage": 0.01}
    >>> intermittency_ratio(panel, **rows, steps={"a": 1})["value"].round(4).tolist()
    [86.6928]
    >>> intermittency_ratio(panel, **rows, steps={"a": 60})["status"].tolist()
    ['insufficient']
    """
    grid = cells(panel, hours(start, end), steps)
    energy, level = to_energy(grid.value), energy_mean(grid)
    loud = grid.value > level[grid.key] + above_db
    whole = np.bincount(grid.key, weights=energy, minlength=len(grid))
    part = np.bincount(grid.key[loud], weights=energy[loud], minlength=len(grid))
    ratio = np.divide(100 * part, whole, out=np.full(len(grid), np.nan), where=whole > 0)
    covered = is_covered(grid.n, grid.expected, coverage) & _is_fine(grid)
    return result_frame(grid, ratio, grid.n, grid.expected, covered)


def events_above(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    level: float = 65.0,
    part: str = "day",
    rule: EventRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """NA of each civil day: events that begin in it and whose highest 1 s level reaches `level`.

    Parameters
    ----------
    panel, start, end, zone, steps, coverage
        As in `transforms.noise.laeq_hour`; margins: `rule.reach_s`.
    level : float
        The x of NAx [dB(A)].
    part : str
        "day": the whole civil day. "night": 23:00 of it to 07:00 of the next (margin after: 8 h
        more).

    Returns
    -------
    DataFrame
        As `transforms.noise.laeq_hour`; `n` and `coverage` count levels, not events: a quiet day
        has 0 events, a day without data none.
    """
    if part not in {"day", "night"}:
        raise DataError(f"unknown part of the day {part!r}", hint="day or night")
    days = civil_days(start, end, zone)
    bins = days if part == "day" else parts_of_days(start, end, zone, NIGHT["following"])
    grid = cells(panel, bins, steps)
    found = events(panel, rule)
    counts = _count(found[found["max"] >= level], grid, bins)
    covered = is_covered(grid.n, grid.expected, coverage) & _is_fine(grid)
    return result_frame(grid, counts, grid.n, grid.expected, covered)


def _count(found: pd.DataFrame, grid: Cells, bins: Bins) -> Floats:
    names = {name: number for number, name in enumerate(grid.series)}
    code = found["series"].map(names).to_numpy(dtype=np.int64)
    place = bins.locate(pd.DatetimeIndex(found["start"]).asi8)
    key = (code * len(bins) + place)[place >= 0]
    return np.bincount(key, minlength=len(grid)).astype(np.float64)


def _is_fine(grid: Cells) -> Bools:
    return np.repeat(grid.step_s <= LONGEST_STEP_S, len(grid.bins))
