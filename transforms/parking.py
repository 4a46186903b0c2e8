"""Parking and charging places over hours and days: occupied share, turnover.

A state holds until the next message of its place, but not longer than the sensor's heartbeat: a
dead sensor is unknown, neither free nor taken. Areas take the mean over their places.

References
----------
.. [1] Shoup, D. (2005), The High Cost of Free Parking (85 % occupancy as the point from which
   drivers search).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import SECOND_NS
from transforms.aggregate import indicator_rows, is_covered
from transforms.frames import Floats, Ints, require_panel, time_ns
from transforms.intervals import Bins, civil_days, hours
from transforms.occupancy import known_spans, means_between

#: Messages that may be missed before a state is not trusted any more (engineering default).
HEARTBEATS = 2.5
_MINUTE_S = 60


def occupied_share(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    period: str = "day",
    heartbeats: float = HEARTBEATS,
) -> pd.DataFrame:
    """Share of the known time in which a place is taken, 0..1.

    Parameters
    ----------
    panel : DataFrame
        States 0 (free) and 1 (taken), with the last message before `start`; NaN = unknown.
    start, end, zone
        Hours or civil days that start in [start, end).
    steps : mapping of str to int
        Interval of a sensor's messages, its heartbeat [s].
    coverage : float
        Least share of the time in which the state is known.
    period : str
        "day" or "hour".
    heartbeats : float
        A state is trusted for so many intervals.

    Returns
    -------
    DataFrame
        As `transforms.water.daily_mean`; `n` counts minutes with a known state.

    Raises
    ------
    DataError
        On other states than 0 and 1 or another period.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> states = to_panel(pd.date_range(day, periods=4, freq="6h"), "a", [0.0, 1.0, 1.0, 0.0])
    >>> table = occupied_share(states, start=day, end=day + pd.Timedelta(days=1), zone="UTC",
    ...     steps={"a": 21_600})
    >>> table[["value", "n"]].to_numpy().tolist()
    [[0.5, 1440.0]]
    """
    bins = _bins(start, end, zone, period)
    parts = [_place(panel, name, bins, heartbeats * steps[name]) for name in sorted(steps)]
    known, taken = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    value = np.divide(taken, known, out=np.full(len(known), np.nan), where=known > 0)
    return _rows(steps, bins, value, known, coverage)


def turnover(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    heartbeats: float = HEARTBEATS,
) -> pd.DataFrame:
    """Arrivals of each civil day: changes of a place from free to taken.

    Parameters and result as `occupied_share`; an arrival while the sensor was silent is not seen.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> states = to_panel(pd.date_range(day, periods=4, freq="6h"), "a", [1.0, 0.0, 1.0, 1.0])
    >>> turnover(states, start=day, end=day + pd.Timedelta(days=1), zone="UTC",
    ...     steps={"a": 21_600})["value"].tolist()
    [1.0]
    """
    bins = _bins(start, end, zone, "day")
    parts = [_place(panel, name, bins, heartbeats * steps[name]) for name in sorted(steps)]
    known, arrivals = (np.concatenate([part[k] for part in parts]) for k in (0, 2))
    return _rows(steps, bins, arrivals, known, coverage)


def peak_occupancy(
    panel: pd.DataFrame,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    zone: str,
    steps: Mapping[str, int],
    coverage: float = 0.75,
    heartbeats: float = HEARTBEATS,
) -> pd.DataFrame:
    """Highest 15-minute mean of the day of the occupied share of all places of an area, 0..1.

    Each place has the peak of its area ("area|place|channel"): the highest of its places alone
    would be 1 on every day on which any of them was taken. Areas take the largest.

    Parameters
    ----------
    panel, start, end, zone, steps, heartbeats
        As in `occupied_share`.
    coverage : float
        Least share of the day in which the state of the place is known.

    Returns
    -------
    DataFrame
        As `occupied_share`.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> day = pd.Timestamp("2026-03-01T00:00Z")
    >>> times = pd.date_range(day, periods=24, freq="h")
    >>> places = pd.concat([to_panel(times, "square|a|0", [1.0] * 5 + [0.0] * 19),
    ...                     to_panel(times, "square|b|0", [0.0] * 24)])
    >>> peak_occupancy(places, start=day, end=day + pd.Timedelta(days=1), zone="UTC",
    ...     steps={"square|a|0": 3600, "square|b|0": 3600})["value"].tolist()
    [0.5, 0.5]
    """
    bins = _bins(start, end, zone, "day")
    names = sorted(steps)
    known = [_place(panel, name, bins, heartbeats * steps[name])[0] for name in names]
    areas = [name.partition("|")[0] for name in names]
    trusted = {name: round(heartbeats * steps[name]) for name in names}
    peaks = {area: _peaks(panel, area, bins, trusted) for area in sorted(set(areas))}
    value = np.concatenate([peaks[area] for area in areas])
    return _rows(steps, bins, value, np.concatenate(known), coverage)


def _peaks(panel: pd.DataFrame, area: str, bins: Bins, trusted_s: Mapping[str, int]) -> Floats:
    """Highest quarter of an hour of each bin, over the places of an area; NaN of none known."""
    places = [name for name in trusted_s if name.partition("|")[0] == area]
    here = panel[panel["series"].isin(places)]
    heartbeat = np.asarray(here["series"].map(dict(trusted_s)), dtype=np.int64)
    found = []
    for first, last in pairwise(bins.edges_ns.tolist()):
        day = pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC")
        # Each day by itself: its sums must not depend on the days computed with it.
        means = means_between(
            known_spans(here, *day, heartbeat), list(pd.date_range(*day, freq="15min"))
        )
        found.append(np.nanmax(means) if (~np.isnan(means)).any() else np.nan)
    return np.asarray(found, dtype=np.float64)


def _bins(start: pd.Timestamp, end: pd.Timestamp, zone: str, period: str) -> Bins:
    if period not in {"day", "hour"}:
        raise DataError(f"unknown period {period!r}", hint="'day' or 'hour'")
    return civil_days(start, end, zone) if period == "day" else hours(start, end)


def _place(
    panel: pd.DataFrame, name: str, bins: Bins, trusted_s: float
) -> tuple[Floats, Floats, Floats]:
    """Seconds known, seconds taken and arrivals of one place in each bin."""
    here = require_panel(panel)[panel["series"] == name]
    times, state = time_ns(here), here["value"].to_numpy()
    if not np.isin(state[~np.isnan(state)], (0.0, 1.0)).all():
        raise DataError(f"{name}: states other than 0 and 1", hint="map free to 0 and taken to 1")
    trusted = times + round(trusted_s) * SECOND_NS
    until = np.minimum(np.append(times[1:], bins.span_ns[1])[: len(times)], trusted)
    is_known = ~np.isnan(state)
    arrives = np.zeros(len(state), dtype=bool)
    arrives[1:] = (state[1:] == 1) & (state[:-1] == 0)
    place = bins.locate(times[arrives])
    arrivals = np.bincount(place[place >= 0], minlength=len(bins)).astype(np.float64)
    return (
        _seconds(times[is_known], until[is_known], bins),
        _seconds(times[state == 1], until[state == 1], bins),
        arrivals,
    )


def _seconds(first: Ints, until: Ints, bins: Bins) -> Floats:
    """Seconds of the stretches [first, until), ascending and apart, that lie in each bin.

    In whole ns up to the end, so that a bin's seconds do not depend on the others.
    """
    until = np.maximum(until, first)
    whole = np.concatenate(([0], np.cumsum(until - first)))
    begun = np.searchsorted(first, bins.edges_ns, side="left")
    last_end = np.concatenate(([bins.edges_ns[0]], until))[begun]
    before = whole[begun] - np.maximum(last_end - bins.edges_ns, 0)
    return np.asarray(np.diff(before) / SECOND_NS, dtype=np.float64)


def _rows(
    steps: Mapping[str, int], bins: Bins, value: Floats, known_s: Floats, coverage: float
) -> pd.DataFrame:
    n = np.rint(known_s / _MINUTE_S).astype(np.int64)
    expected = np.tile(bins.length_s // _MINUTE_S, len(steps))
    return indicator_rows(
        sorted(steps), bins, value, n, expected, is_covered(n, expected, coverage)
    )
