"""What is compared with what: the design of an evaluation, and its days as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from livinglab.errors import DataError
from transforms.experiments.covariates import covariate_columns
from transforms.experiments.days import Dates, contrast_days
from transforms.experiments.noise import Days, Matrix, Vector

#: Method -> its name in a sentence.
METHODS: Final = {
    "did": "difference in differences",
    "cits": "controlled interrupted time series",
    "its": "interrupted time series",
    "before_after": "before/after comparison",
    "paired_days": "before/after comparison of paired days",
    "weather_normalised": "weather-normalised comparison",
    "counts": "ratio of counts, quasi-Poisson",
}
#: Methods that need a control area, and those that know none.
NEEDS_CONTROL: Final = frozenset({"did", "cits"})
WITHOUT_CONTROL: Final = frozenset({"its", "before_after"})
#: Methods that model trends, so that a drift before the intervention is no objection.
WITH_TREND: Final = frozenset({"its", "cits"})
#: The method that compares each day with the same weekday whole weeks earlier.
PAIRED: Final = "paired_days"
#: How the rhythm of the week is dealt with.
WEEKDAYS: Final = ("adjust", "whole_weeks", "ignore")
#: Which way the hypothesis expects the outcome to go.
DIRECTIONS: Final = ("increase", "decrease", "none", "either")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How an experiment is evaluated, fixed before data are seen.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    before, after : (date, date)
        Phases [first day, day after the last); the transition lies between them and is dropped.
        For "paired_days" equally long and whole weeks apart.
    weekdays : {"adjust", "whole_weeks", "ignore"}
        Dummies for the days of the week, or phases of whole weeks, in which every weekday weighs
        the same.
    yearly_cycle : bool
        Annual sine and cosine; only where the days span more than a year.
    alpha : float
        1 - level of the interval.
    min_coverage : float
        Least share of usable days in each phase; below, the verdict is "invalid".
    lags : int, optional
        Newey-West lags, 0 or more; `default_lags` where not given.
    relevant : float, optional
        Smallest effect that would matter, above 0, in the unit of the outcome.
    zone : str, optional
        Time zone of the days, where series are indexed by their UTC starts.
    placebo : bool
        Nobody intervened; passed through to every sentence about the result.
    expected : {"increase", "decrease", "none", "either"}
        Direction of the hypothesis.
    """

    before: Dates
    after: Dates
    method: str = "did"
    weekdays: str = "ignore"
    yearly_cycle: bool = False
    alpha: float = 0.05
    min_coverage: float = 0.75
    lags: int | None = None
    relevant: float | None = None
    zone: str | None = None
    placebo: bool = False
    expected: str = "either"

    def __post_init__(self) -> None:
        """Refuse what no evaluation knows.

        Raises
        ------
        DataError
            Naming the value.
        """
        for name, share in (("alpha", self.alpha), ("min_coverage", self.min_coverage)):
            if not 0 < share < 1 and not (name == "min_coverage" and share in (0, 1)):
                raise DataError(f"{name} is {share}", hint="give a share between 0 and 1")
        for name, value, known in (
            ("method", self.method, tuple(METHODS)),
            ("weekdays", self.weekdays, WEEKDAYS),
            ("expected", self.expected, DIRECTIONS),
        ):
            if value not in known:
                raise DataError(f"{name} is {value!r}", hint=f"one of {', '.join(known)}")
        if self.lags is not None and self.lags < 0:
            raise DataError(f"lags is {self.lags}", hint="give 0 or more days")
        if self.relevant is not None and not 0 < self.relevant < inf:
            raise DataError(f"relevant is {self.relevant}", hint="give an effect above 0")
        told = unpaired(self.before, self.after) if self.method == PAIRED else ""
        if told:
            raise DataError(f"paired_days: {told}", hint="52 weeks apart is the same season")
        if self.method == PAIRED and (self.weekdays == "adjust" or self.yearly_cycle):
            hint = "leave out weekdays: adjust and yearly_cycle: each day has its own counterpart"
            raise DataError("paired_days takes neither weekdays nor a yearly cycle", hint=hint)


def unpaired(before: Dates, after: Dates) -> str:
    """Why two phases do not make pairs of days; "" where they do.

    Examples
    --------
    >>> from datetime import date
    >>> year = (date(2025, 1, 6), date(2025, 2, 3)), (date(2026, 1, 5), date(2026, 2, 2))
    >>> unpaired(*year), unpaired(year[0], (date(2026, 1, 6), date(2026, 2, 3)))
    ('', 'the phases begin on different days of the week, 365 days apart')
    """
    lengths = [(end - first).days for first, end in (before, after)]
    if lengths[0] != lengths[1]:
        return f"the phases have {lengths[0]} and {lengths[1]} days: pairs need as many in each"
    apart = (after[0] - before[0]).days
    if apart % 7:
        return f"the phases begin on different days of the week, {apart} days apart"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Usable days of both phases as arrays.

    Parameters
    ----------
    y : array of float
        Outcome of each day: treated, treated - control, or for counts the logarithm (of the ratio).
    day : array of int
        Days since the first day of the before phase.
    after : array of float
        0 and 1.
    extra : array of float, shape (n, m)
        What is adjusted for, centred; `names` says what the columns are.
    first : int
        Day on which the after phase begins.
    half : float
        Days from there to its middle.
    counts, offset : array of float or None
        Method "counts": what is counted, and the logarithm of what it is a ratio to.
    """

    y: Vector
    day: Days
    after: Vector
    extra: Matrix
    names: tuple[str, ...]
    first: int
    half: float
    counts: Vector | None = None
    offset: Vector | None = None

    def of(self, which: int) -> Vector:
        """Outcomes of one phase, 0 before, 1 after."""
        return np.asarray(self.y[self.after == which])

    def kept(self, which: npt.NDArray[np.bool_]) -> Rows:
        """Some of the days."""
        return replace(
            self,
            y=self.y[which],
            day=self.day[which],
            after=self.after[which],
            extra=self.extra[which],
            counts=None if self.counts is None else self.counts[which],
            offset=None if self.offset is None else self.offset[which],
        )


def day_table(
    treated: pd.Series, control: pd.Series | None, covariates: pd.DataFrame | None, design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calendar of both phases as of `contrast_days` with a column `used`, and the covariates.

    A day is used when the outcome has a value on every side and every covariate has one; of paired
    days both.

    Raises
    ------
    DataError
        If a control is missing where the method needs one, or given where it knows none.
    """
    if design.method in NEEDS_CONTROL and control is None:
        raise DataError(f"method {design.method} needs a control area")
    if design.method in WITHOUT_CONTROL and control is not None:
        hint = "use did for before_after, cits for its"
        raise DataError(f"method {design.method} knows no control area", hint=hint)
    frame = contrast_days(
        treated, control, before=design.before, after=design.after, zone=design.zone
    )
    extra = covariate_columns(
        frame,
        covariates,
        weekdays=design.weekdays == "adjust",
        yearly_cycle=design.yearly_cycle,
        zone=design.zone,
    )
    if design.method == "counts":
        frame["d"] = _log_counts(frame, is_ratio=control is not None)
    frame["adjusted"] = extra.notna().all(axis=1)
    frame["used"] = frame["d"].notna() & frame["adjusted"]
    if design.method == PAIRED:
        # A day without its counterpart says nothing.
        sides = frame["used"].to_numpy().reshape(2, -1)
        frame["used"] = np.tile(sides.all(axis=0), 2)
    return frame, extra


def rows_of(frame: pd.DataFrame, extra: pd.DataFrame, design: Design) -> Rows:
    """Usable days of `day_table`."""
    used = frame["used"].to_numpy()
    is_after = frame["after"].to_numpy() == 1
    numbers = extra.to_numpy(dtype=np.float64)[used]
    counts = offset = None
    if design.method == "counts":
        counts = frame["treated"].to_numpy(dtype=np.float64)[used]
        control = frame["control"].to_numpy(dtype=np.float64)[used]
        offset = None if np.isnan(control).any() else np.log(control)
    return Rows(
        y=frame["d"].to_numpy(dtype=np.float64)[used],
        day=frame["day"].to_numpy(dtype=np.int64)[used],
        after=is_after.astype(np.float64)[used],
        # Centred again on the days that are left: the constant is the level of an average day.
        extra=numbers - numbers.mean(axis=0) if len(numbers) else numbers,
        names=tuple(extra.columns),
        first=int(frame["day"].to_numpy()[is_after][0]),
        half=(int(is_after.sum()) - 1) / 2,
        counts=counts,
        offset=offset,
    )


def pairs_of(rows: Rows) -> Rows:
    """Each after day less its counterpart before, of days used in pairs; days of the after phase.

    Covariates are differences too and stay uncentred: the effect is that of days with equal ones.
    """
    early, late = rows.after == 0, rows.after == 1
    return replace(
        rows,
        y=rows.y[late] - rows.y[early],
        day=rows.day[late],
        after=rows.after[late],
        extra=rows.extra[late] - rows.extra[early],
    )


def _log_counts(frame: pd.DataFrame, *, is_ratio: bool) -> pd.Series:
    """Logarithm of the counts, or of their ratio; NaN where the control counted nothing.

    A day without a count has half a one: the quasi-Poisson model, which decides, takes the 0.
    """
    treated, control = frame["treated"], frame["control"]
    for side in (treated, control):
        if (side < 0).any():
            raise DataError("negative counts", hint="a count ratio is for counts")
    values = treated.clip(lower=0.5).to_numpy(dtype=np.float64)
    base = control.where(control > 0).to_numpy(dtype=np.float64) if is_ratio else np.ones(1)
    return pd.Series(np.log(values) - np.log(base), frame.index)
