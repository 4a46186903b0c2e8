"""Pure science: panels in, frames out; no file, clock, configuration, log or network.

A *panel* is a DataFrame with a UTC index of ns resolution named `time` and the columns `series`,
`value` (NaN = missing) and, where a function reads several, `quantity` (`transforms.frames`).
An *indicator* is a function of one signature::

    f(panel, *, start, end, zone, steps, coverage, **parameters) -> DataFrame

with one row for every expected interval that starts in [start, end) and every series of `steps`
(series -> nominal interval in s): index `time` (UTC start of the interval), columns `series`,
`value`, `coverage`, `n`, `status`. "Not enough data" is a row, never a hole; missing is never zero.

Every result is a function of the values of its own interval (and of the margin that the function
declares) alone: computing a year at once, by month or by hour gives the same bytes.
"""
