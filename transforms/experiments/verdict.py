"""From numbers and checks to what may be claimed, with the reasons in plain words."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Final

from transforms.experiments.checks import Say
from transforms.experiments.regression import Estimate
from transforms.experiments.result import Check, Result, Verdict

#: Checks without which nothing can be said at all.
BLOCKING: Final = frozenset({"coverage", "spread", "instruments"})
CITS: Final = "controlled interrupted time series"
OWN_TRENDS: Final = "interrupted time series"
REGRESSION: Final = "regression on covariates"


def judge(
    estimate: Estimate,
    checks: tuple[Check, ...],
    others: tuple[Estimate, ...],
    *,
    mde: float,
    attained: float,
    method: str,
    has_control: bool,
    placebo: bool,
    say: Say,
) -> tuple[Verdict, tuple[str, ...]]:
    """Verdict and reasons.

    In this order: too few days, no spread or changed instruments is "invalid"; a side that did not
    vary all through a phase is "inconclusive", as is what nothing below decides; an interval that
    excludes 0 is "effect shown", if no week before stood out as much, the before phase shows no
    drift of half the effect or the effect survives its own trends, phases at one place are of one
    season or something allows for it, and, for a weather-normalised comparison, a second way to
    allow for the weather agrees; an interval that contains 0 is "no effect shown" together with
    what could have been seen; everything else is "inconclusive".
    """
    failed = [check for check in checks if not check.passed]
    blocked = [check for check in failed if check.name in BLOCKING]
    if blocked:
        rest = [check for check in failed if check not in blocked]
        return Verdict.INVALID, _reasons([*blocked, *rest], placebo=placebo)
    names = frozenset(check.name for check in failed)
    if "stuck" in names:
        verdict = Verdict.INCONCLUSIVE
        why = f"The phases differ by {say(estimate.effect)}, but one side did not vary at all."
    elif estimate.low <= 0 <= estimate.high:
        verdict, why = _without_effect(estimate, names, mde, attained, say)
    else:
        verdict, why = _with_effect(estimate, others, names, method, say, has_control=has_control)
    if "length" in names:
        verdict = Verdict.INCONCLUSIVE
        why = f"The estimate of {say(estimate.effect)} is an indication only."
    return verdict, (why, *_reasons(failed, placebo=placebo))


def adjusted_verdict(result: Result, p_adjusted: float, family: int) -> Result:
    """The result once several outcomes were looked at: a claim must survive the adjusted p.

    The interval of the outcome alone stays what it is; only the claim is withdrawn.
    """
    if result.verdict is not Verdict.EFFECT or p_adjusted < result.alpha:
        return result
    why = (
        f"Looked at alone the outcome seems to have changed, but {family} outcomes were declared:"
        f" allowing for that, p is {p_adjusted:.3g}, not under {result.alpha:g}."
    )
    return replace(result, verdict=Verdict.INCONCLUSIVE, reasons=(why, *result.reasons[1:]))


def _with_effect(
    estimate: Estimate,
    others: tuple[Estimate, ...],
    failed: frozenset[str],
    method: str,
    say: Say,
    *,
    has_control: bool,
) -> tuple[Verdict, str]:
    span = f"{say(estimate.low)} to {say(estimate.high)}"
    if "event study" in failed:
        return Verdict.INCONCLUSIVE, (
            f"The phases differ by {say(estimate.effect)}, but the weeks before already differed"
            " among themselves as much."
        )
    if "season" in failed:
        return Verdict.INCONCLUSIVE, (
            f"The phases differ by {say(estimate.effect)} ({span}), but they are of different"
            " seasons, and nothing takes the season off."
        )
    if "pre-trend" in failed:
        return _with_own_trends(estimate, others, say)
    if method == "weather_normalised" and not _agrees(estimate, others, REGRESSION):
        return Verdict.INCONCLUSIVE, (
            f"The model of the weather finds {say(estimate.effect)} ({span}), a regression with the"
            " same covariates does not confirm it."
        )
    against = "against the control area" if has_control else "from before to after"
    return Verdict.EFFECT, (
        f"The treated area changed by {say(estimate.effect)} {against}"
        f" (interval {span}), which chance does not explain."
    )


def _without_effect(
    estimate: Estimate, failed: frozenset[str], mde: float, attained: float, say: Say
) -> tuple[Verdict, str]:
    span = f"{say(estimate.low)} to {say(estimate.high)}"
    if "pre-trend" in failed:
        return Verdict.INCONCLUSIVE, (
            f"The interval {span} contains 0, but the areas were drifting apart or together"
            " already before."
        )
    if "season" in failed:
        return Verdict.INCONCLUSIVE, (
            f"The interval {span} contains 0, but the phases are of different seasons, which could"
            " hide an effect; nothing takes the season off."
        )
    if not isfinite(mde) or abs(estimate.effect) > mde:
        return Verdict.INCONCLUSIVE, (
            f"The interval {span} contains 0, but the days vary more than the before phase"
            " foretold."
        )
    return Verdict.NO_EFFECT, (
        f"The interval {span} contains 0. An effect of {say(max(mde, attained))} or more would have"
        " been found in four of five such experiments; a smaller one may exist."
    )


def _with_own_trends(
    estimate: Estimate, others: tuple[Estimate, ...], say: Say
) -> tuple[Verdict, str]:
    """Decide by the interrupted time series, since the plain contrast may be drift."""
    for name in (CITS, OWN_TRENDS):
        if _agrees(estimate, others, name):
            found = next(other for other in others if other.method == name)
            return Verdict.EFFECT, (
                f"Measured against the continued trend of the before phase, the effect is"
                f" {say(found.effect)} ({say(found.low)} to {say(found.high)})."
            )
    return Verdict.INCONCLUSIVE, (
        f"The phases differ by {say(estimate.effect)}, but a drift that began before the"
        " intervention could explain it."
    )


def _agrees(estimate: Estimate, others: tuple[Estimate, ...], name: str) -> bool:
    """Whether another estimate excludes 0 on the same side."""
    return any(
        other.method == name
        and not other.low <= 0 <= other.high
        and other.effect * estimate.effect > 0
        for other in others
    )


def _reasons(failed: list[Check], *, placebo: bool) -> tuple[str, ...]:
    said = tuple(check.consequence for check in failed)
    note = "Placebo: nobody intervened here, so whatever is found is chance or another cause."
    return (*said, note) if placebo else said
