"""Parking and charging: occupancy, turnover and stay from state changes; sessions of sockets.

A state holds from its message to the next one of the same space, but not longer than the sensor's
heartbeat: a dead sensor is unknown, neither free nor taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.frames import Floats, Ints, require_panel, time_ns

SECOND_NS: Final = 1_000_000_000
#: Sessions shorter or smaller are attempts [engineering default].
LEAST_SESSION_MIN: Final = 2.0
LEAST_SESSION_KWH: Final = 0.1


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What spaces did in a period.

    Parameters
    ----------
    mean : float
        Mean over time of the occupied share of the spaces whose state is known, 0..1; NaN if
        nothing is known.
    peak : float
        Highest 15-minute mean of that share.
    known : float
        Known time of all time, 0..1 (coverage).
    arrivals : int
        Changes from free to occupied.
    turnover : float
        Arrivals per space and day of known time.
    mean_stay_h : float
        Occupied time per arrival [h].
    """

    mean: float
    peak: float
    known: float
    arrivals: int
    turnover: float
    mean_stay_h: float


def occupancy(
    panel: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, heartbeat_s: int
) -> Occupancy:
    """Occupancy of the spaces of a panel in [start, end).

    Parameters
    ----------
    panel : DataFrame
        States 0 (free) and 1 (occupied), one series per space, with the last message before
        `start`; NaN = unknown from then on.
    heartbeat_s : int
        Time [s] after which a state is no longer trusted.

    Raises
    ------
    DataError
        If the panel breaks the contract or holds other values than 0 and 1.

    References
    ----------
    .. [1] Shoup, D. (2005), The High Cost of Free Parking (85 % occupancy as the point from which
       drivers search).

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> t = pd.Timestamp("2026-03-01T10:00Z")
    >>> panel = to_panel([t, t + pd.Timedelta(minutes=15)], "space", [1.0, 0.0])
    >>> use = occupancy(panel, start=t, end=t + pd.Timedelta(minutes=60), heartbeat_s=1800)
    >>> round(use.mean, 4), use.known, use.peak
    (0.3333, 0.75, 1.0)
    """
    require_panel(panel)
    states = panel["value"].to_numpy()
    if not np.isin(states[~np.isnan(states)], (0.0, 1.0)).all():
        raise DataError("states other than 0 and 1", hint="map free to 0 and occupied to 1")
    spans = known_spans(panel, start, end, heartbeat_s)
    known, taken = _seconds(spans), _seconds(spans[spans["state"] == 1])
    spaces = panel["series"].nunique()
    whole = (end - start).total_seconds() * spaces
    arrivals = int(spans["arrival"].sum())
    return Occupancy(
        mean=float(means_between(spans, [start, end])[0]),
        peak=_peak(spans, start, end),
        known=known / whole if whole else 0.0,
        arrivals=arrivals,
        turnover=arrivals / (known / 86_400) if known else float("nan"),
        mean_stay_h=taken / 3600 / arrivals if arrivals else float("nan"),
    )


def occupied_share(free: pd.Series, capacity: float) -> pd.Series:
    """Occupied share of a car park from its free spaces; NaN stays NaN.

    A park that reports "full" as a text must be given 0 free before: dropping it loses exactly the
    peak.

    Raises
    ------
    DataError
        If more spaces are free than there are.

    Examples
    --------
    >>> occupied_share(pd.Series([100.0, 25.0, np.nan]), 100).tolist()
    [0.0, 0.75, nan]
    """
    if (free > capacity).any() or (free < 0).any():
        raise DataError(f"free spaces outside 0..{capacity:g}", hint="wrong column or capacity")
    return 1 - free / capacity


@dataclass(frozen=True, slots=True)
class Charging:
    """Use of charging sockets in a period.

    Parameters
    ----------
    sessions, attempts : int
        Sessions; shorter or smaller ones.
    kwh_per_session, kwh_per_socket_day, sessions_per_socket_day : float
        Energy and use.
    connected_share : float
        Connected time of all socket time, 0..1.
    mean_hours : float
        Mean connected time of a session [h].
    """

    sessions: int
    attempts: int
    kwh_per_session: float
    kwh_per_socket_day: float
    sessions_per_socket_day: float
    connected_share: float
    mean_hours: float


def charging_use(
    sessions: pd.DataFrame, *, sockets: int, start: pd.Timestamp, end: pd.Timestamp
) -> Charging:
    """Use of sockets by the sessions that START in [start, end).

    Sessions without end or energy are left out; those under 2 minutes or 0.1 kWh are attempts.
    Connected time is cut at `end`.

    Parameters
    ----------
    sessions : DataFrame
        `start`, `end` (same clock as the arguments), `kwh`.
    sockets : int
        Number of sockets, also those that nobody used.

    Raises
    ------
    DataError
        On no sockets or an empty period.

    Examples
    --------
    >>> day = pd.Timestamp("2026-03-01")
    >>> table = pd.DataFrame({"start": [day, day], "end": [day + pd.Timedelta(hours=6), day],
    ...                       "kwh": [12.0, 0.0]})
    >>> use = charging_use(table, sockets=2, start=day, end=day + pd.Timedelta(days=1))
    >>> use.sessions, use.attempts, use.kwh_per_socket_day, use.connected_share
    (1, 1, 6.0, 0.125)
    """
    socket_days = sockets * (end - start) / pd.Timedelta(days=1)
    if socket_days <= 0:
        raise DataError("no sockets or an empty period", hint="count all sockets")
    here = sessions[(sessions["start"] >= start) & (sessions["start"] < end)].dropna()
    here = here[(here["end"] >= here["start"]) & (here["kwh"] >= 0)]
    minutes = (here["end"] - here["start"]).dt.total_seconds() / 60
    is_real = (minutes >= LEAST_SESSION_MIN) & (here["kwh"] >= LEAST_SESSION_KWH)
    real = here[is_real]
    until = real["end"].where(real["end"] < end, end)
    connected_s = (until - real["start"]).dt.total_seconds()
    n = len(real)
    return Charging(
        sessions=n,
        attempts=int((~is_real).sum()),
        kwh_per_session=float(real["kwh"].mean()) if n else float("nan"),
        kwh_per_socket_day=float(real["kwh"].sum() / socket_days),
        sessions_per_socket_day=n / socket_days,
        connected_share=float(connected_s.sum() / 86_400 / socket_days),
        mean_hours=float(minutes[is_real].mean() / 60) if n else float("nan"),
    )


def idle_share(connected_h: float, charging_h: float) -> float:
    """Share of the connected time without power (over 0.1 kW), 0..1; NaN where never connected.

    Examples
    --------
    >>> idle_share(8.0, 2.0)
    0.75
    """
    return 1 - charging_h / connected_h if connected_h > 0 else float("nan")


def known_spans(
    panel: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, heartbeat_s: int | Ints
) -> pd.DataFrame:
    """Stretches of known state, cut to the period; `arrival` marks 0 -> 1 within it.

    Parameters
    ----------
    heartbeat_s : int or array of int64
        Time [s] after which a state is no longer trusted, of all rows or of each.

    Returns
    -------
    DataFrame
        `from`, `until` [ns], `state`, `arrival`.
    """
    first, last = int(start.as_unit("ns").value), int(end.as_unit("ns").value)
    time = time_ns(panel)
    state = panel["value"].to_numpy()
    same = np.zeros(len(panel), dtype=bool)
    same[1:] = panel["series"].to_numpy()[1:] == panel["series"].to_numpy()[:-1]
    following = np.append(np.where(same[1:], time[1:], last), last)[: len(panel)]
    until = np.minimum(np.minimum(following, time + heartbeat_s * SECOND_NS), last)
    before = np.where(same, np.roll(state, 1), np.nan)
    spans = pd.DataFrame(
        {
            "from": np.maximum(time, first),
            "until": until,
            "state": state,
            "arrival": (state == 1) & (before == 0) & (time >= first) & (time < last),
        }
    )
    return spans.loc[(spans["until"] > spans["from"]) & spans["state"].notna()]


def _seconds(spans: pd.DataFrame) -> float:
    return float((spans["until"] - spans["from"]).sum() / SECOND_NS)


def means_between(spans: pd.DataFrame, edges: Sequence[pd.Timestamp]) -> Floats:
    """Mean share of the known spaces that is occupied, between consecutive edges.

    Weighted by time, not by spaces: when one of two sensors is silent the other speaks for both.
    """
    at = spans[["from", "until"]].to_numpy(dtype=np.int64).T.ravel()
    order = np.argsort(at, kind="stable")
    known = np.repeat([1, -1], len(spans))
    taken = known * np.tile(spans["state"].to_numpy(dtype=np.int64), 2)
    spaces, occupied = np.cumsum(known[order])[:-1], np.cumsum(taken[order])[:-1]
    moments = [int(edge.as_unit("ns").value) for edge in edges]
    if not len(spans):
        return np.full(len(moments) - 1, np.nan)
    seconds = (at[order] - moments[0]) / SECOND_NS
    length = np.diff(seconds)
    share = np.divide(occupied, spaces, out=np.zeros(len(length)), where=spaces > 0)
    inside = (np.asarray(moments) - moments[0]) / SECOND_NS
    # Both integrals are linear between the changes of a state.
    weighted, known_s = (
        np.diff(np.interp(inside, seconds, np.append(0.0, np.cumsum(length * weight))))
        for weight in (share, spaces > 0)
    )
    mean = np.divide(weighted, known_s, out=np.full(len(weighted), np.nan), where=known_s > 0)
    return np.asarray(mean, dtype=np.float64)


def _peak(spans: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Highest mean of the quarter hours of the period."""
    means = means_between(spans, list(pd.date_range(start, end, freq="15min")))
    return float(np.nanmax(means)) if (~np.isnan(means)).any() else float("nan")
