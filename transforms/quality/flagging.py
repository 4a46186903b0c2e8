"""Flags of a panel: run the tests, aggregate, override by hand, encode for the store, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from livinglab.errors import DataError
from livinglab.flags import PRECEDENCE, TESTS, Flag
from transforms.frames import Flags, series_codes, time_ns
from transforms.quality.checks import missing
from transforms.quality.context import BLOCK_ROWS, neighbour
from transforms.quality.suite import CHECKS
from transforms.quality.thresholds import Thresholds
from transforms.quality.track import lay_out

_NOT_RUN: Final = np.uint8(ord("0") + Flag.UNKNOWN)


def flag(
    panel: pd.DataFrame, thresholds: Mapping[str, Thresholds], state: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Flags of every value, one column per test and the aggregate.

    Parameters
    ----------
    panel : DataFrame
        Panel with one quantity per series. To get final flags for [start, end), give the rows of
        [start - before, end + after) with the largest `reach_s` of all series, and keep [start,
        end) of the result.
    thresholds : mapping of str to Thresholds
        Of every series of the panel, at least.
    state : DataFrame, optional
        Panel with the column `quantity`: what the devices measured about themselves (humidity,
        battery), under the series ids of `panel`, for `Thresholds.state_limits`.

    Returns
    -------
    DataFrame
        The rows of `panel`: `series`, `value` (unchanged), one int8 column per test
        (livinglab.flags.TESTS names them), and `flag`: 4 if any test says 4, else 3 if any says 3,
        else 1 if any says 1, else 2; 9 without a value.

    Raises
    ------
    DataError
        If the panel breaks the contract, mixes quantities, or holds a series without thresholds.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> minute = 60_000_000_000
    >>> panel = to_panel([0, minute, 2 * minute], "s", [50.0, 90.0, float("nan")])
    >>> rows = {"s": Thresholds(step_s=60, gross_fail=(15, 140), rate_per_s=0.5)}
    >>> flag(panel, rows)["flag"].tolist()
    [1, 3, 9]
    >>> flag(panel, {"s": Thresholds(step_s=60)})["flag"].tolist()
    [2, 2, 9]
    """
    track = lay_out(panel, thresholds, state)
    verdicts = {check.name: np.empty(len(panel), dtype=np.int8) for check in CHECKS}
    so_far = np.empty(len(panel), dtype=np.int8)
    for rows, _, block in track.blocks(BLOCK_ROWS):
        said = [missing(block)]
        for check in CHECKS:
            is_on = any(map(check.is_configured, block.thresholds))
            verdicts[check.name][rows] = check.run(block) if is_on else said[0]
            said += [verdicts[check.name][rows]] if is_on else []
        so_far[rows] = aggregate_flags(said)
    verdicts["neighbour"] = neighbour(track, (so_far == Flag.GOOD) | (so_far == Flag.UNKNOWN))
    return pd.DataFrame(
        {
            "series": panel["series"],
            "value": panel["value"],
            **verdicts,
            "flag": aggregate_flags([so_far, verdicts["neighbour"]]),
        },
        index=panel.index,
        copy=False,  # nobody else has these columns
    )


def aggregate_flags(verdicts: Sequence[Flags]) -> Flags:
    """Worst verdict of each row, by livinglab.flags.PRECEDENCE (not the largest number).

    Examples
    --------
    >>> columns = np.array([[2, 1, 1, 1], [2, 2, 9, 2], [1, 3, 4, 9], [9, 9, 9, 9]], np.int8).T
    >>> aggregate_flags(list(columns)).tolist()
    [1, 2, 4, 9]
    """
    whole = np.full(verdicts[0].shape, Flag.MISSING, dtype=np.int8)
    for flag in reversed(PRECEDENCE[:-1]):
        said = verdicts[0] == flag
        for column in verdicts[1:]:
            said |= column == flag
        whole[said] = flag
    return whole


def encode_tests(frame: pd.DataFrame) -> pd.Series[str]:
    """One digit per name of livinglab.flags.TESTS, "2" where a test is not implemented or not run.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> frame = flag(to_panel([0], "s", [5.0]), {"s": Thresholds(step_s=60, gross_fail=(0, 1))})
    >>> encode_tests(frame).tolist()
    ['22422222222222']
    """
    digits = np.full((len(frame), len(TESTS)), _NOT_RUN, dtype=np.uint8)
    for place, name in enumerate(TESTS):
        if name in frame.columns:
            digits[:, place] = frame[name].to_numpy(dtype=np.uint8) + ord("0")
    ends = np.arange(0, digits.size + 1, len(TESTS), dtype=np.int64)
    text = pa.LargeStringArray.from_buffers(len(frame), pa.py_buffer(ends), pa.py_buffer(digits))
    column = pd.array(pa.chunked_array([text]), dtype="str")
    return pd.Series(column, index=frame.index, name="tests")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A researcher's flag on one series for [from_ns, to_ns); it wins over every test."""

    series: str
    flag: int
    from_ns: int
    to_ns: int


def override(frame: pd.DataFrame, verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Frame of `flag` with the column `manual` and with `flag` set by hand where a verdict holds.

    A missing value stays 9. Where verdicts overlap the later one in the list wins.

    Raises
    ------
    DataError
        On a flag other than 1, 3 and 4: a person says good, suspect or fail.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> frame = flag(to_panel([0, 9], "s", [5.0, 6.0]), {"s": Thresholds(step_s=60)})
    >>> override(frame, [Verdict("s", 4, 5, 10)])["flag"].tolist()
    [2, 4]
    """
    manual = np.full(len(frame), Flag.UNKNOWN, dtype=np.int8)
    times = time_ns(frame)
    names = sorted({*frame["series"].unique(), *(verdict.series for verdict in verdicts)})
    code = series_codes(frame, names)
    for verdict in verdicts:
        if verdict.flag not in {Flag.GOOD, Flag.SUSPECT, Flag.FAIL}:
            raise DataError(f"manual flag {verdict.flag} is none of 1, 3, 4")
        first, last = np.searchsorted(code, names.index(verdict.series) + np.array([0, 1]))
        rows = slice(
            *(first + np.searchsorted(times[first:last], (verdict.from_ns, verdict.to_ns)))
        )
        manual[rows] = verdict.flag
    absent = frame["value"].isna().to_numpy()
    decided = np.where(manual == Flag.UNKNOWN, frame["flag"].to_numpy(dtype=np.int8), manual)
    return frame.assign(
        manual=np.where(absent, Flag.MISSING, manual).astype(np.int8),
        flag=np.where(absent, Flag.MISSING, decided).astype(np.int8),
    )


def tally(frame: pd.DataFrame) -> pd.DataFrame:
    """How many values of each series each test gave each flag.

    Returns
    -------
    DataFrame
        Columns `series`, `test` ("flag" = the aggregate), `flag`, `n` > 0; ordered by all three.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> frame = flag(to_panel([0], "s", [5.0]), {"s": Thresholds(step_s=60, gross_fail=(0, 1))})
    >>> tally(frame).query("flag == 4")[["test", "n"]].values.tolist()
    [['flag', 1], ['gross_range', 1]]
    """
    tests = [name for name in (*TESTS, "flag") if name in frame.columns]
    counted = [
        frame.groupby(["series", name]).size().rename_axis(["series", "flag"]).rename("n")
        for name in tests
    ]
    whole = pd.concat(counted, keys=tests, names=["test"]).reset_index()
    ordered = whole.sort_values(["series", "test", "flag"], ignore_index=True)
    return ordered[["series", "test", "flag", "n"]]
