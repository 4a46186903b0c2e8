"""What an evaluation hands on: numbers, checks, verdict and the reasons in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Any

from transforms.experiments.days import Phase
from transforms.experiments.power import ratio_percent
from transforms.experiments.regression import Estimate
from transforms.experiments.relevance import Relevance


class Verdict(StrEnum):
    """What may be claimed."""

    EFFECT = "effect shown"
    NO_EFFECT = "no effect shown"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition of the design, whether it holds, and what follows in plain words."""

    name: str
    passed: bool
    consequence: str


@dataclass(frozen=True, slots=True)
class PreTrend:
    """Slope of the difference within the before phase, per day, and what it would add by drift.

    `drift` is slope times half the after phase: what the contrast of phases would take for an
    effect if the slope went on. `possible` is the most that the interval of the slope allows in
    the direction of the effect between the middles of the phases, 0 where it allows none: a slow
    drift over both phases makes a difference of their means by as much.
    """

    slope: float
    low: float
    high: float
    drift: float
    possible: float = 0.0

    def may_explain(self, effect: float) -> bool:
        """Whether a drift that the before phase cannot rule out makes over half of an effect."""
        return abs(self.possible) > 0.5 * abs(effect)

    @property
    def is_flat(self) -> bool:
        """Whether the interval of the slope contains 0."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Placebo:
    """Effects where nothing happened, and how the real one ranks among them.

    `p` = (1 + number of placebos at least as large) / (1 + number): with 4 placebos it cannot
    fall below 0.2, so the rank is what to report.
    """

    kind: str
    effect: float
    effects: tuple[float, ...]
    rank: int
    p: float


@dataclass(frozen=True, slots=True)
class Week:
    """One week of the event study: its mean against the mean of the before phase.

    `p` is adjusted (Holm) over the weeks of the before phase; NaN after it, where a difference is
    what is asked for.
    """

    first: date
    after: bool
    days: int
    effect: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Result:
    """Evaluation of one outcome; all numbers in the unit of the outcome.

    For the method "counts" estimates, intervals, g, mde and sigma are logarithms of a ratio
    (`scale`), and `percent` is what to read.

    Parameters
    ----------
    method : str
        Key of `transforms.experiments.design.METHODS`.
    estimator, formula : str
        What was computed.
    scale : {"unit", "log ratio"}
        What the numbers are in.
    placebo : bool
        Nobody intervened: any effect is chance, and reports must say so.
    alpha, min_coverage : float
        As declared.
    expected : str
        Direction of the hypothesis.
    weekdays : str
        How the rhythm of the week was dealt with.
    covariates : tuple of str
        What was adjusted for.
    before, after : Phase
        Days expected, present per side, used.
    mean : mapping of str to float
        Means over the days used: treated_before, treated_after, control_before, control_after
        (NaN without a control).
    estimate : Estimate
        Effect, standard error, interval, p.
    parts : mapping of str to Estimate
        With trends: change of level, change of slope, slope before.
    percent : mapping of str to float
        Effect and interval [%]: of the treated mean before, or as a ratio of counts; NaN where that
        is not positive.
    lags : int or None
        Newey-West lags that the design declares; None for the rule. `estimate` has those used.
    relevant : Relevance or None
        What the result says about effects that matter; None where the design names none. For
        counts in the unit of the outcome, relative to the treated mean before.
    g : float
        Hedges' g of the adjusted outcome.
    mde : float
        Minimal detectable effect from the before phase alone, power 80 %.
    mde_power : float
        Probability with which the test at hand finds an effect of the MDE, whose definition has
        normal quantiles: less than 80 % with few degrees of freedom (`power_at`).
    mde_attained : float
        The same with the standard error that came out: larger where the days turned out less steady
        than the before phase foretold.
    sigma, r : float
        Spread of the adjusted outcome within the before phase, and lag-1 autocorrelation of the
        residuals of both phases.
    effective_days : tuple of float
        Independent days that the phases are worth.
    fit : mapping of str to float
        Weather-normalised: r2 in the before phase, error on weeks left out.
    pre_trend : PreTrend or None
        None where the before phase is too short or the method models trends.
    event_study : tuple of Week
        Week by week; empty where the method models trends.
    placebo_in_time, placebo_in_space : Placebo or None
        None where there are too few days or areas.
    sensitivity : tuple of Estimate
        The same question answered in other ways.
    checks : tuple of Check
        Conditions and their consequence.
    verdict : Verdict
        What may be claimed.
    reasons : tuple of str
        Why, in plain words.
    """

    method: str
    estimator: str
    formula: str
    scale: str
    placebo: bool
    alpha: float
    min_coverage: float
    expected: str
    weekdays: str
    covariates: tuple[str, ...]
    before: Phase
    after: Phase
    mean: Mapping[str, float]
    estimate: Estimate
    parts: Mapping[str, Estimate]
    percent: Mapping[str, float]
    lags: int | None
    relevant: Relevance | None
    g: float
    mde: float
    mde_power: float
    mde_attained: float
    sigma: float
    r: float
    effective_days: tuple[float, float]
    fit: Mapping[str, float]
    pre_trend: PreTrend | None
    event_study: tuple[Week, ...]
    placebo_in_time: Placebo | None
    placebo_in_space: Placebo | None
    sensitivity: tuple[Estimate, ...]
    checks: tuple[Check, ...]
    verdict: Verdict
    reasons: tuple[str, ...] = field(default=())

    @property
    def effect_percent(self) -> float:
        """Effect relative to the treated mean before, or ratio of counts less one [%]."""
        return self.percent["effect"]

    @property
    def effect(self) -> float:
        """Estimated effect."""
        return self.estimate.effect

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.estimate.low

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.estimate.high

    @property
    def p(self) -> float:
        """Two-sided p value."""
        return self.estimate.p

    @property
    def n_used(self) -> int:
        """Days that entered."""
        return self.before.used + self.after.used

    @property
    def n_dropped(self) -> int:
        """Days of the phases that did not enter."""
        return self.before.dropped + self.after.dropped

    @property
    def headline(self) -> str:
        """Verdict in one line; never "no effect" without what could have been seen."""
        text = str(self.verdict)
        if self.verdict is Verdict.NO_EFFECT:
            text = f"{text} (MDE {self._mde_text})"
        return f"placebo: {text}" if self.placebo else text

    @property
    def _mde_text(self) -> str:
        if self.scale == "unit":
            return f"{self.mde:.3g}"
        return f"{ratio_percent(self.mde):.3g} %"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON: dates as text, NaN and infinity as None, 12 digits.

        Twelve significant digits make the record independent of how a linear-algebra library
        orders its sums.
        """
        record = plain(asdict(self))
        for name, part in (("before", self.before), ("after", self.after)):
            record[name] |= {"coverage": plain(part.coverage), "dropped": part.dropped}
        record["effect_percent"] = plain(self.effect_percent)
        record |= {"n_used": self.n_used, "n_dropped": self.n_dropped, "headline": self.headline}
        return dict(record)


def plain(value: Any) -> Any:
    """Value as JSON knows it, floats with 12 significant digits.

    Examples
    --------
    >>> plain({"day": date(2026, 3, 29), "p": float("nan"), "x": (0.1 + 0.2, 1)})
    {'day': '2026-03-29', 'p': None, 'x': [0.3, 1]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    number = float(value)
    return float(f"{number:.12g}") if isfinite(number) else None
