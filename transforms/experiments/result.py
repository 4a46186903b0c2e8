"""What an evaluation hands on: numbers, checks, verdict and the reasons in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Any

from transforms.experiments.days import Phase
from transforms.experiments.regression import Estimate


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
    effect if the slope went on.
    """

    slope: float
    low: float
    high: float
    drift: float

    @property
    def is_flat(self) -> bool:
        """Whether the interval of the slope contains 0."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class DidResult:
    """Difference in differences of daily values; all numbers in the unit of the outcome.

    Parameters
    ----------
    estimator, formula : str
        What was computed.
    placebo : bool
        Nobody intervened: any effect is chance, and reports must say so.
    alpha, min_coverage : float
        As declared.
    before, after : Phase
        Days expected, present per side, used.
    mean : mapping of str to float
        Means over the days used: treated_before, treated_after, control_before, control_after.
    estimate : Estimate
        Effect, standard error, interval, p.
    effect_percent : float
        Effect relative to the treated mean before [%]; NaN where that is not positive.
    g : float
        Hedges' g of the difference series.
    mde : float
        Minimal detectable effect from the before phase alone, power 80 %.
    sigma, r : float
        Spread of the difference within the before phase, and lag-1 autocorrelation of the
        residuals of both phases.
    effective_days : tuple of float
        Independent days that the phases are worth.
    pre_trend : PreTrend or None
        None where the before phase is too short.
    sensitivity : tuple of Estimate
        The same question answered in other ways.
    checks : tuple of Check
        Conditions and their consequence.
    verdict : Verdict
        What may be claimed.
    reasons : tuple of str
        Why, in plain words.
    """

    estimator: str
    formula: str
    placebo: bool
    alpha: float
    min_coverage: float
    before: Phase
    after: Phase
    mean: Mapping[str, float]
    estimate: Estimate
    effect_percent: float
    g: float
    mde: float
    sigma: float
    r: float
    effective_days: tuple[float, float]
    pre_trend: PreTrend | None
    sensitivity: tuple[Estimate, ...]
    checks: tuple[Check, ...]
    verdict: Verdict
    reasons: tuple[str, ...] = field(default=())

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
            text = f"{text} (MDE {self.mde:.3g})"
        return f"placebo: {text}" if self.placebo else text

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON: dates as text, NaN and infinity as None, 12 digits.

        Twelve significant digits make the record independent of how a linear-algebra library
        orders its sums.
        """
        record = plain(asdict(self))
        for name, part in (("before", self.before), ("after", self.after)):
            record[name] |= {"coverage": plain(part.coverage), "dropped": part.dropped}
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
