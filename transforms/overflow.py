"""Sewer overflows (CSO): spill events from the level at a weir."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from transforms.water_physics import weir_flow

#: Level above the crest from which it spills, and for how many readings [engineering default].
ABOVE_CREST_M: Final = 0.01
LEAST_READINGS: Final = 2
#: Pauses up to this belong to one event.
PAUSE_H: Final = 24.0
#: Less rain than this in the 24 h before makes a dry-weather spill, an alarm.
DRY_MM: Final = 2.0


def spill_stretches(
    level: pd.Series, crest_m_nap: float, step_s: int, *, least_readings: int = LEAST_READINGS
) -> pd.DataFrame:
    """Stretches in which the level stands above the crest, without any pause.

    Parameters
    ----------
    level : Series of float
        Level [m NAP] by start of the interval, constant step; NaN ends a stretch.
    step_s : int
        Interval of the readings [s].

    Returns
    -------
    DataFrame
        `start`, `end` (of the last interval), `max_head_m` above the crest, `head_m` (list).
    """
    on = (level > crest_m_nap + ABOVE_CREST_M).to_numpy()
    time = pd.DatetimeIndex(level.index)
    step = pd.Timedelta(seconds=step_s)
    new = on & ~np.append(False, on[:-1] & (np.diff(time.as_unit("ns").asi8) == step.value))
    number = np.cumsum(new)
    heads = (level - crest_m_nap).to_numpy(dtype=np.float64)
    rows = []
    for group in np.unique(number[on]):
        place = np.flatnonzero(on & (number == group))
        if len(place) >= least_readings:
            rows.append((time[place[0]], time[place[-1]] + step, heads[place]))
    table = pd.DataFrame(rows, columns=["start", "end", "head_m"])
    return table.assign(max_head_m=[float(head.max()) for head in table["head_m"]])


def join_spills(stretches: pd.DataFrame, *, pause_h: float = PAUSE_H) -> pd.DataFrame:
    """Overflow events: stretches with pauses shorter than `pause_h` are one event.

    Parameters
    ----------
    stretches : DataFrame
        `start`, `end`, ordered.

    Returns
    -------
    DataFrame
        `start`, `end`, `gross_h` (with the pauses), `net_h` (without), `stretches`.

    References
    ----------
    .. [1] Stichting RIONED, riool.net, overstortgebeurtenis (pauses up to 24 h belong to the
       event; gross and net duration).

    Examples
    --------
    >>> spills = pd.DataFrame({"start": pd.to_datetime(["2026-03-01 10:00", "2026-03-02 09:00"]),
    ...                        "end": pd.to_datetime(["2026-03-01 11:00", "2026-03-02 09:30"])})
    >>> join_spills(spills)[["gross_h", "net_h"]].to_numpy().tolist()
    [[23.5, 1.5]]
    >>> len(join_spills(spills, pause_h=12))
    2
    """
    if not len(stretches):
        return pd.DataFrame(columns=["start", "end", "gross_h", "net_h", "stretches"])
    if (stretches["end"] < stretches["start"]).any() or not stretches[
        "start"
    ].is_monotonic_increasing:
        raise DataError("spills that end before they start, or out of order")
    pause = stretches["start"] - stretches["end"].shift()
    number = (~(pause < pd.Timedelta(hours=pause_h))).cumsum()
    length_h = (stretches["end"] - stretches["start"]).dt.total_seconds() / 3600
    groups = stretches.groupby(number)
    table = pd.DataFrame({"start": groups["start"].first(), "end": groups["end"].last()})
    gross = (table["end"] - table["start"]).dt.total_seconds() / 3600
    table = table.assign(gross_h=gross, net_h=length_h.groupby(number).sum())
    return table.assign(stretches=groups.size()).reset_index(drop=True)


def overflow_events(
    level: pd.Series,
    *,
    crest_m_nap: float,
    step_s: int,
    width_m: float,
    crest: str = "sharp",
    pause_h: float = PAUSE_H,
    rain: pd.Series | None = None,
) -> pd.DataFrame:
    """Overflow events of one weir with duration, head, volume, and the rain before.

    Parameters
    ----------
    level : Series of float
        Level [m NAP] by start of the interval; NaN = missing (and no spill is claimed there).
    crest_m_nap, width_m : float
        Of the weir.
    crest : str
        "sharp" or "broad"; free overfall only.
    rain : Series of float, optional
        Rain per interval [mm]; gives `rain_24h_mm` and `is_dry_weather` (under 2 mm).

    Returns
    -------
    DataFrame
        As `join_spills`, with `max_head_m`, `volume_m3`, and the rain columns.

    Examples
    --------
    >>> five = pd.date_range("2026-07-01T10:00Z", periods=6, freq="5min")
    >>> level = pd.Series([0.0, 0.1, 0.1, 0.1, 0.0, 0.0], index=five)
    >>> event = overflow_events(level, crest_m_nap=0.0, step_s=300, width_m=2.0).iloc[0]
    >>> float(round(event["volume_m3"], 3)), float(event["net_h"])
    (104.165, 0.25)
    """
    parts = spill_stretches(level, crest_m_nap, step_s)
    events = join_spills(parts, pause_h=pause_h)
    owner = events["start"].searchsorted(parts["start"], side="right") - 1
    volume = [float(weir_flow(head, width_m, crest=crest).sum()) for head in parts["head_m"]]
    per_event = pd.DataFrame({"volume": volume, "head": parts["max_head_m"]}).groupby(owner)
    events["volume_m3"] = per_event["volume"].sum() * step_s
    events["max_head_m"] = per_event["head"].max()
    return events if rain is None else _with_rain(events, rain)


def _with_rain(events: pd.DataFrame, rain: pd.Series) -> pd.DataFrame:
    """Rain of the 24 h before each event; NaN where no gauge reported."""
    day = pd.Timedelta(hours=24)
    before = [rain[(rain.index >= at - day) & (rain.index < at)] for at in events["start"]]
    depth = [float(part.sum(min_count=1)) for part in before]
    return events.assign(rain_24h_mm=depth, is_dry_weather=[mm < DRY_MM for mm in depth])
