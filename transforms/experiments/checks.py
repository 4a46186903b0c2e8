"""Conditions that a result must meet, each with what follows from it in plain words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import isfinite, isnan
from typing import Final

import numpy as np

from transforms.experiments.covariates import YEAR_DAYS
from transforms.experiments.days import Phase
from transforms.experiments.design import Rows
from transforms.experiments.power import ratio_percent
from transforms.experiments.regression import Estimate
from transforms.experiments.result import Check, PreTrend, Week

#: Under this many days in a phase nothing but an indication comes out.
LEAST_DAYS: Final = 12
#: Phases of four weeks are what daily evaluations ask for.
GOOD_DAYS: Final = 28
#: More missing days than this make the result weak whatever the coverage asked for.
WEAK_SHARE: Final = 0.20
#: By how much the share of one weekday may differ between the phases.
WEEKDAY_SHARE: Final = 0.05
#: Further apart in the year than this, phases of one place differ by their season.
SEASON_DAYS: Final = 31
#: How much less precise than foretold a result may be before that is said.
LESS_PRECISE: Final = 1.5
#: How many odd days a sentence names before it counts the rest.
NAMED: Final = 5

_EQUAL_WEEKS: Final = {
    "adjust": "Days of the week are adjusted for.",
    "paired_days": "Every day is compared with the same day of the week.",
}

Phases = tuple[Phase, Phase]
#: How a number of the outcome is written in a sentence.
Say = Callable[[float], str]


def say_unit(value: float) -> str:
    """Four digits, in the unit of the outcome."""
    return f"{value:.4g}"


def say_ratio(value: float) -> str:
    """Logarithm of a ratio as a change in percent.

    Examples
    --------
    >>> say_ratio(0.182321556793955)
    '20 %'
    """
    return f"{ratio_percent(value):.3g} %"


def coverage_check(phases: Phases, least: float) -> Check:
    """Whether each phase has the share of usable days that was asked for."""
    low = min(part.coverage for part in phases)
    text = ", ".join(
        f"{name}: {part.used} of {part.expected} days{_sides(part)}"
        for name, part in zip(("before", "after"), phases, strict=True)
    )
    return Check("coverage", low >= least, f"{text}; at least {least:.0%} is needed in each phase.")


def _sides(part: Phase) -> str:
    told = f" on both sides (treated {part.treated}, control {part.control})"
    text = "" if part.control is None else told
    return text if part.adjusted == part.expected else f"{text}, covariates on {part.adjusted}"


def length_check(phases: Phases) -> Check:
    """Whether the phases are long enough for more than an indication."""
    days = min(part.used for part in phases)
    if days < LEAST_DAYS:
        text = f"The shorter phase has {days} days; under {LEAST_DAYS} nothing more than an"
        return Check("length", passed=False, consequence=f"{text} indication.")
    return Check("length", passed=True, consequence=f"The shorter phase has {days} days.")


def duration_check(phases: Phases) -> Check:
    """Whether the phases are four weeks long, so that one odd week does not decide."""
    days = min(part.used for part in phases)
    if days >= GOOD_DAYS:
        return Check("four weeks", True, "Both phases have four weeks or more.")
    text = f"The shorter phase has {days} days; under {GOOD_DAYS} one odd week can make the result."
    return Check("four weeks", passed=False, consequence=text)


def spread_check(estimate: Estimate, problem: str) -> Check:
    """Whether there is anything to estimate from."""
    if not isnan(estimate.se) and estimate.se > 0:
        return Check("spread", True, "The daily values vary, as those of a working sensor do.")
    stuck = (
        "The daily values must vary within the phases; a constant series is a stuck sensor, not"
        " certainty."
    )
    return Check("spread", passed=False, consequence=problem or stuck)


def stuck_check(told: str) -> Check:
    """Whether a side had one and the same value on every day of a phase."""
    if not told:
        return Check("stuck", True, "No side shows one and the same value all through a phase.")
    text = (
        f"{told}: a stuck or dead sensor does that, or a street that is really closed. Look before"
        " anything is concluded."
    )
    return Check("stuck", passed=False, consequence=text)


def gaps_check(phases: Phases) -> Check:
    """Whether so many days are missing that the others may not stand for them."""
    dropped = sum(part.dropped for part in phases)
    expected = sum(part.expected for part in phases)
    told = f"{dropped} of {expected} days are missing on a side"
    if dropped <= WEAK_SHARE * expected:
        return Check("gaps", True, f"{told}; up to {WEAK_SHARE:.0%} is acceptable.")
    text = f"{told}; over {WEAK_SHARE:.0%} the result is weak: they may differ from the others."
    return Check("gaps", passed=False, consequence=text)


def control_check(*, has_control: bool, is_idle: bool = False) -> Check:
    """Whether another place shows what would have happened anyway."""
    if is_idle:
        text = (
            "The control area has the same value on every day: it shows nothing of what happened"
            " meanwhile, as if there were none."
        )
        return Check("control area", passed=False, consequence=text)
    if has_control:
        text = (
            "A control area shows what happened meanwhile. What the intervention displaced to it"
            " (traffic, noise) would count twice."
        )
        return Check("control area", passed=True, consequence=text)
    return Check(
        "control area",
        passed=False,
        consequence="There is no control area: whatever else changed at the same time (season,"
        " weather, events nearby) is part of the effect as far as the model does not know it.",
    )


def season_check(phases: Phases, *, is_adjusted: bool, yearly_cycle: bool) -> Check:
    """Whether two phases at one place are of the same season, or something allows for it."""
    middles = [part.first.toordinal() + part.last.toordinal() for part in phases]
    apart = abs(middles[1] - middles[0]) / 2 % YEAR_DAYS
    apart = min(apart, YEAR_DAYS - apart)
    told = f"The middles of the phases lie {apart:.0f} days apart in the year"
    if yearly_cycle:
        return Check("season", True, f"{told}; a yearly cycle is part of the model.")
    if apart <= SEASON_DAYS:
        return Check("season", True, f"{told}: about the same season.")
    if is_adjusted:
        text = f"{told}; the season is allowed for only as far as the covariates carry it."
        return Check("season", passed=True, consequence=text)
    text = f"{told}: the season alone can make such a difference, as no control area takes it off."
    return Check("season", passed=False, consequence=text)


def precision_check(mde: float, attained: float, say: Say = say_unit) -> Check | None:
    """Whether the days turned out about as steady as the before phase foretold."""
    if not (isfinite(mde) and isfinite(attained)):
        return None
    if attained <= LESS_PRECISE * mde:
        return Check("precision", True, "The days turned out about as steady as was foretold.")
    text = (
        f"From the before phase an effect of {say(mde)} seemed detectable; as the days turned out"
        f" it is {say(attained)}."
    )
    return Check("precision", passed=False, consequence=text)


def weekday_check(rows: Rows, weekdays: str) -> Check:
    """Whether each weekday weighs the same in both phases, or is adjusted for."""
    if weekdays in _EQUAL_WEEKS:
        return Check("weekdays", passed=True, consequence=_EQUAL_WEEKS[weekdays])
    # Any day number modulo 7 is a weekday; which one it is does not matter for the balance.
    shares = [
        np.bincount(rows.day[rows.after == which] % 7, minlength=7) / max(len(rows.of(which)), 1)
        for which in (0, 1)
    ]
    apart = float(np.abs(shares[1] - shares[0]).max())
    text = (
        "Every weekday weighs about the same before and after."
        if apart <= WEEKDAY_SHARE
        else f"A weekday makes up {apart:.0%} more of one phase than of the other: part of the"
        " difference may be the rhythm of the week."
    )
    return Check("weekdays", apart <= WEEKDAY_SHARE, text)


def pre_trend_check(
    trend: PreTrend, estimate: Estimate, say: Say = say_unit, *, is_apart: bool
) -> Check:
    """Whether a drift that began before could make the effect."""
    # Where no effect is claimed there is nothing that a drift could be half of.
    small = not is_apart or abs(trend.drift) < 0.5 * abs(estimate.effect)
    text = (
        f"Before the intervention the difference moved by {say(trend.slope)} a day"
        f" ({say(trend.low)} to {say(trend.high)}); continued, that makes {say(trend.drift)} by the"
        " middle of the after phase."
    )
    if trend.is_flat and small:
        more = _slow_drift(trend, estimate, say) if is_apart else ""
        return Check("pre-trend", passed=True, consequence=text + more)
    more = " The effect is therefore judged against the continued trend." if is_apart else ""
    return Check("pre-trend", passed=False, consequence=text + more)


def _slow_drift(trend: PreTrend, estimate: Estimate, say: Say) -> str:
    """What a passed check of the trend leaves open: not to see a drift is no proof of none."""
    if not trend.may_explain(estimate.effect):
        return " No drift that this interval allows makes more than half of the effect."
    return (
        " That interval allows a slow drift to make up to"
        f" {say(trend.possible)} between the middles of the two phases, more than half of the"
        f" effect of {say(estimate.effect)}: such a drift may explain it."
    )


def event_study_check(
    weeks: tuple[Week, ...], estimate: Estimate, alpha: float, say: Say = say_unit
) -> Check | None:
    """Whether a week before the intervention already stood out by half the effect."""
    early = [week for week in weeks if not week.after]
    if len(early) < 2:
        return None
    odd = [
        week for week in early if week.p < alpha and abs(week.effect) >= 0.5 * abs(estimate.effect)
    ]
    if not odd:
        text = f"None of the {len(early)} weeks before stands out as the effect would."
        return Check("event study", passed=True, consequence=text)
    worst = max(odd, key=lambda week: abs(week.effect))
    return Check(
        "event study",
        passed=False,
        consequence=f"The week of {worst.first} was {say(worst.effect)} away from the weeks"
        " before the intervention: something else moves the outcome as much as the effect.",
    )


def odd_days_check(days: list[date]) -> Check:
    """Whether a few days far from all others can make the result."""
    if not days:
        return Check("odd days", True, "No single day is far away from all others.")
    named = ", ".join(day.isoformat() for day in days[:NAMED])
    more = f" and {len(days) - NAMED} more" if len(days) > NAMED else ""
    return Check(
        "odd days",
        passed=False,
        consequence=f"Far away from all other days: {named}{more}. They count, as nobody flagged"
        " them; look at the sensor, and at the result without them among the second opinions.",
    )


def agreement_check(estimate: Estimate, others: tuple[Estimate, ...]) -> Check | None:
    """Whether the other ways to answer point to the same place."""
    if not others:
        return None
    apart = [o.method for o in others if o.high < estimate.low or o.low > estimate.high]
    if apart:
        text = f"Other ways to compute it lead elsewhere: {', '.join(apart)}."
        return Check("second opinions", passed=False, consequence=text)
    text = f"{len(others)} other ways to compute it agree within their intervals."
    return Check("second opinions", passed=True, consequence=text)


def direction_check(
    expected: str, estimate: Estimate, say: Say = say_unit, *, is_apart: bool
) -> Check | None:
    """Whether an effect goes the way that the hypothesis said."""
    if expected not in ("increase", "decrease"):
        return None
    as_said = (estimate.effect > 0) == (expected == "increase")
    return Check(
        "direction",
        as_said or not is_apart,
        f"The hypothesis expects a change for {'more' if expected == 'increase' else 'less'}; the"
        f" estimate is {say(estimate.effect)}.",
    )
