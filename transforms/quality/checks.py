"""Tests of a series against itself. Each is one function from a track to flags.

Flags: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing. A row without a value is 9 in every
test. Neighbours farther than `max_gap_s` are missing neighbours.
"""

from __future__ import annotations

import numpy as np
from ioos_qc.qartod import gross_range_test

from livinglab.flags import Flag
from livinglab.timeline import SECOND_NS
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
    value, linked = track.value, track.linked
    distance = np.full(len(track.code), np.nan)
    distance[1:-1] = np.abs(value[1:-1] - (value[:-2] + value[2:]) / 2)
    suspect, fail = track.threshold("spike_suspect"), track.threshold("spike_fail")
    evaluated = ~(np.isnan(suspect) & np.isnan(fail)) & ~np.isnan(distance)
    evaluated[1:-1] &= linked[:-1] & linked[1:]
    return verdicts(track, evaluated, distance > suspect, distance > fail)


def rate_of_change(track: Track) -> Flags:
    """Flag 3 on the later of two neighbours that differ by more than `rate_per_s` per second.

    1 where the earlier neighbour is missing, as in ioos_qc: the jump over a gap is not a rate.
    """
    limit = track.threshold("rate_per_s")
    suspect = np.zeros(len(track.code), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):  # from one series to the next
        rate = np.abs(np.diff(track.value)) / (np.diff(track.time_ns) / SECOND_NS)
    suspect[1:] = track.linked & (rate > limit[1:])
    return verdicts(track, ~np.isnan(limit), suspect)


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
    present = track.present
    runs = _calm_runs(present)
    names = ("flat_suspect_s", "flat_fail_s")
    marks = [_of_present(track, _is_flat(present, runs, name)) for name in names]
    return verdicts(track, _flat_configured(track), *marks)


def _of_present(track: Track, marks: Bools) -> Bools:
    """Marks of the rows that have a value, at all rows."""
    if track.present is track:
        return marks
    whole = np.zeros(len(track.code), dtype=bool)
    whole[~track.missing] = marks
    return whole


def _flat_configured(track: Track) -> Bools:
    suspect, fail = track.threshold("flat_suspect_s"), track.threshold("flat_fail_s")
    return np.asarray(~(np.isnan(suspect) & np.isnan(fail)), dtype=np.bool_)


def _calm_runs(present: Track) -> tuple[Ints, Ints]:
    """First and last row of each stretch of linked values that change less than the tolerance.

    Only of two rows and more; a live sensor has few of them.
    """
    calm = np.zeros(len(present.code) + 1, dtype=bool)
    calm[1:-1] = np.abs(np.diff(present.value)) < present.threshold("flat_tolerance")[1:]
    calm[1:-1] &= present.linked
    border = np.flatnonzero(calm[1:] != calm[:-1])
    return border[::2], border[1::2]


def _is_flat(present: Track, runs: tuple[Ints, Ints], name: str) -> Bools:
    flat = np.zeros(len(present.code), dtype=bool)
    steps, step_ns = (np.asarray(row)[present.code[runs[0]]] for row in _steps(present, name))
    long = (present.time_ns[runs[1]] - present.time_ns[runs[0]] >= _least_ns(steps, step_ns)) & (
        steps > 0
    )
    near, run = _rows_of(runs[0][long], runs[1][long])
    if not len(near):
        return flat
    code, time = present.code[near], present.time_ns[near]
    steps, step_ns = (np.asarray(row)[code] for row in _steps(present, name))
    # Half a step of jitter decides neither whether a reading is in nor whether the window is full.
    first = window_start(code, time, steps * step_ns + step_ns // 2)
    full = (time - time[first] >= _least_ns(steps, step_ns)) & (run == run[first])
    rows = np.flatnonzero(full & (run >= 0))
    span = window_range(present.value[near], first[rows], rows)
    flat[near[rows]] = span < present.threshold("flat_tolerance")[near[rows]]
    return flat


def _steps(present: Track, name: str) -> tuple[list[int], list[int]]:
    """Whole nominal steps of the window of each series, 0 without one, and the step [ns]."""
    rows = present.thresholds
    steps = [(getattr(row, name) or 0) // row.step_s for row in rows]
    return steps, [row.step_s * SECOND_NS for row in rows]


def _least_ns(steps: Ints, step_ns: Ints) -> Ints:
    return steps * step_ns + step_ns // 2 - step_ns // 2 * 2


def _rows_of(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Rows of the runs and the row before each, in order, with the number of their run.

    What lies before a run is of none (a negative number), but may be in the run's first windows.
    """
    number = np.arange(len(begin))
    length = end - begin + 1
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    rows = np.repeat(begin, length) + within
    is_free = (begin > 0) & (np.append(-1, end[:-1])[: len(end)] != begin - 1)
    near = np.concatenate([rows, begin[is_free] - 1])
    run = np.concatenate([np.repeat(number, length), -1 - number[is_free]])
    order = np.argsort(near)
    return near[order], run[order]


def zero_run(track: Track) -> Flags:
    """Flag 3 or 4 on counts that have been 0 for too long: a counter that counts nobody.

    3 where all readings of more than `zero_suspect_s`, all within `zero_hours` of one day, are 0:
    at night nobody may have passed. 4 after more than `zero_fail_s` at any hour. A gap ends a run;
    elsewhere 1.
    """
    present = track.present
    zero = present.value == 0
    by_day = zero & _by_day(present)
    marks = [
        _of_present(track, _lasts(present, rows, present.threshold(name)))
        for name, rows in (("zero_suspect_s", by_day), ("zero_fail_s", zero))
    ]
    limits = track.threshold("zero_suspect_s"), track.threshold("zero_fail_s")
    configured = ~(np.isnan(limits[0]) & np.isnan(limits[1]))
    return verdicts(track, configured, *marks)


def _by_day(present: Track) -> Bools:
    hour = present.hour % 24
    hours = np.asarray([row.zero_hours for row in present.thresholds]).reshape(-1, 2)
    first, end = hours[present.code].T
    return np.asarray((hour >= first) & (hour < end), dtype=np.bool_)


def _lasts(present: Track, rows: Bools, seconds: Floats) -> Bools:
    """Rows that end a run of linked `rows` longer than `seconds`, their own interval included."""
    if not len(rows):
        return rows
    begins = np.concatenate(([True], ~(rows[1:] & rows[:-1] & present.linked)))
    since = present.time_ns - present.time_ns[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    # Half a step of jitter does not decide.
    least = (seconds - present.threshold("step_s") / 2) * SECOND_NS
    return np.asarray(rows & (since >= least), dtype=np.bool_)


def verdicts(
    track: Track, evaluated: Bools, suspect: Bools | None = None, fail: Bools | None = None
) -> Flags:
    """Flags of a test: 9 without a value, else 2 where not evaluated, else 4, 3 or 1."""
    flags = np.where(evaluated, np.int8(Flag.GOOD), np.int8(Flag.UNKNOWN))
    if suspect is not None:
        np.putmask(flags, evaluated & suspect, Flag.SUSPECT)
    if fail is not None:
        np.putmask(flags, evaluated & fail, Flag.FAIL)
    np.putmask(flags, track.missing, Flag.MISSING)
    return flags
