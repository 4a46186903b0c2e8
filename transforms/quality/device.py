"""Tests of the device: its clock, its outages, its warm-up, and what it measures about itself.

They object (3) or stay silent (2): a good stamp or a full battery does not make a value good.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from livinglab.timeline import SECOND_NS
from transforms.frames import Bools, Flags, Floats, Ints, to_index
from transforms.quality.checks import verdicts
from transforms.quality.thresholds import Thresholds
from transforms.quality.track import Track, lay_out


def timing(track: Track) -> Flags:
    """Flag 3 on a reading that is closer than `timing_least_s` to the one before it.

    Stamps in the future or outside the device's validity never reach this point: the loader keeps
    them out.
    """
    seconds = np.full(len(track.code), np.inf)
    follows = np.flatnonzero(np.diff(track.code) == 0) + 1
    seconds[follows] = (track.time_ns[follows] - track.time_ns[follows - 1]) / SECOND_NS
    return _objections(track, seconds < track.threshold("timing_least_s"))


def device_state(track: Track) -> Flags:
    """Flag 3 during warm-up, and where the device's own state is outside its limits.

    Warm-up lasts `warm_up_s` after a silence longer than `warm_up_gap_s` (readings without a value
    count as life); the state is the latest of the past hour, and an unknown state objects to
    nothing.
    """
    return _objections(track, _is_warming_up(track) | _is_out_of_limits(track))


def _is_warming_up(track: Track) -> Bools:
    if all(row.warm_up_s is None for row in track.thresholds):
        return np.zeros(len(track.code), dtype=bool)
    gap = track.threshold("power_up_gap_s") * SECOND_NS
    begins = np.ones(len(track.code), dtype=bool)
    begins[1:] = (np.diff(track.code) != 0) | (np.diff(track.time_ns) > gap[1:])
    run = np.cumsum(begins) - 1
    since = track.time_ns - track.time_ns[np.flatnonzero(begins)][run]
    return np.asarray(since < track.threshold("warm_up_s") * SECOND_NS, dtype=np.bool_)


def _is_out_of_limits(track: Track) -> Bools:
    bad = np.zeros(len(track.code), dtype=bool)
    for limits, here in track.choice([row.state_limits for row in track.thresholds]):
        for limit in limits:
            state: Floats = track.besides[limit.quantity][here]
            bad[here] |= (state < limit.low) | (state > limit.high)
    return bad


def consistency(track: Track) -> Flags:
    """Flag 3 where a value exceeds what it is a part of, 2 where that is not known.

    PM2.5 above 1.1 PM10 + 2 ug/m3 means that the counter has lost its sizes; domain default.
    """
    suspect = np.zeros(len(track.code), dtype=bool)
    known = np.zeros(len(track.code), dtype=bool)
    for ceiling, here in track.choice([row.ceiling for row in track.thresholds]):
        if ceiling is not None:
            other: Floats = track.at_once[ceiling.quantity][here]
            known[here] = ~np.isnan(other)
            suspect[here] = track.value[here] > ceiling.factor * other + ceiling.offset
    return verdicts(track, known, suspect)


def _objections(track: Track, suspect: Bools) -> Flags:
    return verdicts(track, suspect, suspect)


def gaps(panel: pd.DataFrame, thresholds: Mapping[str, Thresholds]) -> pd.DataFrame:
    """Outages: stretches without a value longer than `max_gap_s`, between two values.

    Returns
    -------
    DataFrame
        Columns `series`, `start` (time of the last value before), `end` (of the first after),
        `missing` (readings that should lie between, by the nominal step); ordered by series, start.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 60_000_000_000, 600_000_000_000], "s", [1.0, 2.0, 3.0])
    >>> gaps(panel, {"s": Thresholds(step_s=60)})["missing"].tolist()
    [8]
    >>> len(gaps(panel, {"s": Thresholds(step_s=60, max_gap_s=540)}))
    0
    """
    track = lay_out(panel, thresholds).present
    same = np.diff(track.code) == 0
    after = np.flatnonzero(same & ~track.linked) + 1
    start, end = track.time_ns[after - 1], track.time_ns[after]
    step: Ints = track.threshold("step_s")[after].astype(np.int64) * SECOND_NS
    names = np.asarray(track.series, dtype=object)[track.code[after]]
    return pd.DataFrame(
        {
            "series": pd.Series(names, dtype="str"),
            "start": to_index(start),
            "end": to_index(end),
            "missing": np.maximum((end - start) // step - 1, 0),
        }
    )
