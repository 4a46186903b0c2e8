"""Tests of a series against itself. Each is one function from a track to flags.

Flags: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing. A row without a value is 9 in every
test. Neighbours farther than `max_gap_s` are missing neighbours.
"""

from __future__ import annotations

import numpy as np
from ioos_qc.qartod import gross_range_test

from livinglab.flags import Flag
from livinglab.timeline import HOUR_NS, SECOND_NS
from transforms.frames import Bools, Flags, Floats, Ints
from transforms.quality.thresholds import Span
from transforms.quality.track import Track
from transforms.sliding import window_range, window_start


def missing(track: Track) -> Flags:
    """Flag 9 where there is no value, else 2: being there does not make a value good."""
    return verdicts(track, np.zeros(len(track.code), dtype=bool))


def gross_range(track: Track) -> Flags:
    """Flag 4 outside the fail span, 3 outside the suspect span; limits are inclusive.

    ioos_qc's test looks at single values only, so it is chunk-invariant and used as it is, one call
    for all series that share a pair of spans.
    """
    flags = verdicts(track, np.zeros(len(track.code), dtype=bool))
    spans = [(row.gross_fail, row.gross_suspect) for row in track.thresholds]
    for (fail, suspect), here in track.choice(spans):
        if fail is not None or suspect is not None:
            flags[here] = _gross_range(track.value[here], fail, suspect)
    return flags


def _gross_range(value: Floats, fail: Span | None, suspect: Span | None) -> Flags:
    everything = (-np.inf, np.inf)
    flags = gross_range_test(value, fail_span=fail or everything, suspect_span=suspect)
    return np.asarray(flags.filled(Flag.UNKNOWN), dtype=np.int8)


def spike(track: Track) -> Flags:
    """Flag 3 or 4 where a value is farther from the mean of both neighbours than allowed.

    2 where a neighbour is missing, at either end and across a gap. A spike lifts its neighbours'
    own distance by half of its height.
    """
    linked = track.linked()
    distance = np.full(len(track.code), np.nan)
    middle = np.flatnonzero(linked[:-1] & linked[1:]) + 1
    value = track.value
    distance[middle] = np.abs(value[middle] - (value[middle - 1] + value[middle + 1]) / 2)
    suspect, fail = track.threshold("spike_suspect"), track.threshold("spike_fail")
    configured = ~(np.isnan(suspect) & np.isnan(fail))
    evaluated = configured & ~np.isnan(distance)
    return verdicts(track, evaluated, distance > suspect, distance > fail)


def rate_of_change(track: Track) -> Flags:
    """Flag 3 on the later of two neighbours that differ by more than `rate_per_s` per second.

    1 where the earlier neighbour is missing, as in ioos_qc: the jump over a gap is not a rate.
    """
    rate = np.full(len(track.code), np.nan)
    later = np.flatnonzero(track.linked()) + 1
    change = np.abs(track.value[later] - track.value[later - 1])
    rate[later] = change / ((track.time_ns[later] - track.time_ns[later - 1]) / SECOND_NS)
    limit = track.threshold("rate_per_s")
    return verdicts(track, ~np.isnan(limit), rate > limit)


def flat_line(track: Track) -> Flags:
    """Flag 3 or 4 where the values of the past `flat_suspect_s`, `flat_fail_s` differ too little.

    The window holds the readings of `flat_*_s` rounded down to whole nominal steps, and the one
    before them; it must be full (no gap wider than `max_gap_s`), and their range is less than
    `flat_tolerance`. Elsewhere 1.

    Notes
    -----
    Differs from ioos_qc on purpose: there the number of points comes from the frame's median step,
    so that the verdict depends on how the data were cut; and missing values are ignored, so that a
    value after an outage counts as flat.
    """
    flat = {name: np.zeros(len(track.code), dtype=bool) for name in ("suspect", "fail")}
    present = track.present()
    run = _calm_runs(present)
    for name, marks in flat.items():
        marks[~track.missing] = _is_flat(present, run, f"flat_{name}_s")
    return verdicts(track, _flat_configured(track), flat["suspect"], flat["fail"])


def _flat_configured(track: Track) -> Bools:
    suspect, fail = track.threshold("flat_suspect_s"), track.threshold("flat_fail_s")
    return np.asarray(~(np.isnan(suspect) & np.isnan(fail)), dtype=np.bool_)


def _calm_runs(present: Track) -> Ints:
    """Number of the stretch of linked values, each within the tolerance of the one before it."""
    if not len(present.code):
        return np.empty(0, dtype=np.int64)
    calm = np.abs(np.diff(present.value)) < present.threshold("flat_tolerance")[1:]
    return np.concatenate(([0], np.cumsum(~(calm & present.linked()))))


def _is_flat(present: Track, run: Ints, name: str) -> Bools:
    seconds, step = present.threshold(name), present.threshold("step_s")
    steps = np.nan_to_num(np.floor_divide(seconds, step)).astype(np.int64)
    step_ns = step.astype(np.int64) * SECOND_NS
    # Half a step of jitter decides neither whether a reading is in nor whether the window is full.
    window_ns = steps * step_ns + step_ns // 2
    least_ns = window_ns - step_ns // 2 * 2
    flat = np.zeros(len(run), dtype=bool)
    near = _near_long_runs(present, run, (steps > 0), least_ns)
    if not len(near):
        return flat
    time, run, window_ns, least_ns = (
        column[near] for column in (present.time_ns, run, window_ns, least_ns)
    )
    first = window_start(present.code[near], time, window_ns)
    full = (time - time[first] >= least_ns) & (run == run[first]) & (steps[near] > 0)
    rows = np.flatnonzero(full)
    span = window_range(present.value[near], first[rows], rows)
    flat[near[rows]] = span < present.threshold("flat_tolerance")[near[rows]]
    return flat


def zero_run(track: Track) -> Flags:
    """Flag 3 or 4 on counts that have been 0 for too long: a counter that counts nobody.

    3 where all readings of more than `zero_suspect_s`, all within `zero_hours` of one day, are 0:
    at night nobody may have passed. 4 after more than `zero_fail_s` at any hour. A gap ends a run;
    elsewhere 1.
    """
    present = track.present()
    zero = present.value == 0
    by_day = zero & _by_day(present)
    marks = []
    for name, rows in (("zero_suspect_s", by_day), ("zero_fail_s", zero)):
        whole = np.zeros(len(track.code), dtype=bool)
        whole[~track.missing] = _lasts(present, rows, present.threshold(name))
        marks.append(whole)
    limits = track.threshold("zero_suspect_s"), track.threshold("zero_fail_s")
    configured = ~(np.isnan(limits[0]) & np.isnan(limits[1]))
    return verdicts(track, configured, *marks)


def _by_day(present: Track) -> Bools:
    hour = present.time_ns // HOUR_NS % 24
    hours = np.asarray([row.zero_hours for row in present.thresholds]).reshape(-1, 2)
    first, end = hours[present.code].T
    return np.asarray((hour >= first) & (hour < end), dtype=np.bool_)


def _lasts(present: Track, rows: Bools, seconds: Floats) -> Bools:
    """Rows that end a run of linked `rows` longer than `seconds`, their own interval included."""
    if not len(rows):
        return rows
    begins = np.concatenate(([True], ~(rows[1:] & rows[:-1] & present.linked())))
    since = present.time_ns - present.time_ns[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    # Half a step of jitter does not decide.
    least = (seconds - present.threshold("step_s") / 2) * SECOND_NS
    return np.asarray(rows & (since >= least), dtype=np.bool_)


def _near_long_runs(present: Track, run: Ints, configured: Bools, least_ns: Ints) -> Ints:
    """Rows of the runs that may fill a window, and the row before each: what can decide.

    Most values of a live sensor differ by more than the tolerance, so that few rows are left.
    """
    first = np.flatnonzero(np.diff(run, prepend=-1))
    lasting = present.time_ns - present.time_ns[first][run] >= least_ns
    long = np.zeros(len(first), dtype=bool)
    long[run[lasting & configured]] = True
    near = long[run]
    near[first[long & (first > 0)] - 1] = True
    return np.flatnonzero(near)


def verdicts(
    track: Track, evaluated: Bools, suspect: Bools | None = None, fail: Bools | None = None
) -> Flags:
    """Flags of a test: 9 without a value, else 2 where not evaluated, else 4, 3 or 1."""
    flags = np.where(evaluated, Flag.GOOD, Flag.UNKNOWN).astype(np.int8)
    if suspect is not None:
        flags[evaluated & suspect] = Flag.SUSPECT
    if fail is not None:
        flags[evaluated & fail] = Flag.FAIL
    flags[track.missing] = Flag.MISSING
    return flags
