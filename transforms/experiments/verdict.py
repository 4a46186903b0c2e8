"""From numbers to what may be claimed, with the reasons in plain words."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Final

from transforms.experiments.days import Phase
from transforms.experiments.regression import Estimate
from transforms.experiments.result import Check, PreTrend, Verdict

LEAST_DAYS: Final = 12
#: More missing days than this make the result weak whatever the coverage asked for.
WEAK_SHARE: Final = 0.20


def judge(
    phases: tuple[Phase, Phase],
    estimate: Estimate,
    trend: PreTrend | None,
    others: tuple[Estimate, ...],
    *,
    mde: float,
    min_coverage: float,
    placebo: bool,
) -> tuple[Verdict, tuple[Check, ...], tuple[str, ...]]:
    """Verdict, checks and reasons of a contrast.

    In this order: too few days or no spread is "invalid"; an interval that excludes 0 is "effect
    shown", if the before phase rules out a drift of half the effect or the effect survives its own
    trends; an interval that contains 0 is "no effect shown" together with what could have been
    seen; everything else is "inconclusive".
    """
    checks = [_coverage(phases, min_coverage), _length(phases), _spread(estimate), _gaps(phases)]
    if not (checks[0].passed and checks[2].passed):
        failed = [check for check in checks if not check.passed]
        return Verdict.INVALID, tuple(checks), _reasons(failed, placebo)
    is_apart = not estimate.low <= 0 <= estimate.high
    if trend is not None:
        checks.append(_pre_trend(trend, estimate, is_apart=is_apart))
    verdict, why = _claim(estimate, others, checks, is_apart=is_apart, mde=mde)
    failed = [check for check in checks if not check.passed]
    return verdict, tuple(checks), (why, *_reasons(failed, placebo))


def _claim(
    estimate: Estimate,
    others: tuple[Estimate, ...],
    checks: list[Check],
    *,
    is_apart: bool,
    mde: float,
) -> tuple[Verdict, str]:
    span = f"{estimate.low:.4g} to {estimate.high:.4g}"
    passed = {check.name: check.passed for check in checks}
    if not passed["length"]:
        return Verdict.INCONCLUSIVE, f"The estimate of {estimate.effect:.4g} is an indication only."
    if is_apart and passed.get("pre-trend", True):
        return Verdict.EFFECT, (
            f"The treated area changed by {estimate.effect:.4g} against the control area"
            f" (interval {span}), which chance does not explain."
        )
    if is_apart:
        return _with_own_trends(estimate, others)
    if not passed.get("pre-trend", True):
        return Verdict.INCONCLUSIVE, (
            f"The interval {span} contains 0, but the areas were drifting apart or together"
            " already before."
        )
    if not isfinite(mde) or abs(estimate.effect) > mde:
        return Verdict.INCONCLUSIVE, (
            f"The interval {span} contains 0, but the days vary more than the before phase"
            " foretold."
        )
    return Verdict.NO_EFFECT, (
        f"The interval {span} contains 0. An effect of {mde:.3g} or more would have been found"
        " in four of five such experiments; a smaller one may exist."
    )


def _with_own_trends(estimate: Estimate, others: tuple[Estimate, ...]) -> tuple[Verdict, str]:
    """Decide by the controlled interrupted time series, since the plain contrast may be drift."""
    name = "controlled interrupted time series"
    cits = next((other for other in others if other.method == name), None)
    if cits is not None and not cits.low <= 0 <= cits.high and cits.effect * estimate.effect > 0:
        return Verdict.EFFECT, (
            f"Measured against the continued trend of the before phase, the effect is"
            f" {cits.effect:.4g} ({cits.low:.4g} to {cits.high:.4g})."
        )
    return Verdict.INCONCLUSIVE, (
        f"The phases differ by {estimate.effect:.4g}, but a drift that began before the"
        " intervention could explain it."
    )


def _coverage(phases: tuple[Phase, Phase], least: float) -> Check:
    low = min(part.coverage for part in phases)
    text = ", ".join(
        f"{name}: {part.used} of {part.expected} days on both sides (treated {part.treated},"
        f" control {part.control})"
        for name, part in zip(("before", "after"), phases, strict=True)
    )
    return Check("coverage", low >= least, f"{text}; at least {least:.0%} is needed in each phase.")


def _length(phases: tuple[Phase, Phase]) -> Check:
    days = min(part.used for part in phases)
    return Check(
        "length",
        days >= LEAST_DAYS,
        f"The shorter phase has {days} days; under {LEAST_DAYS} nothing more than an indication.",
    )


def _spread(estimate: Estimate) -> Check:
    return Check(
        "spread",
        not isnan(estimate.se) and estimate.se > 0,
        "The daily values must vary within the phases; a constant series is a stuck sensor,"
        " not certainty.",
    )


def _gaps(phases: tuple[Phase, Phase]) -> Check:
    dropped = sum(part.dropped for part in phases)
    expected = sum(part.expected for part in phases)
    return Check(
        "gaps",
        dropped <= WEAK_SHARE * expected,
        f"{dropped} of {expected} days are missing on a side; over {WEAK_SHARE:.0%} the result is"
        " weak, as the missing days may differ from the others.",
    )


def _pre_trend(trend: PreTrend, estimate: Estimate, *, is_apart: bool) -> Check:
    # Where no effect is claimed there is nothing that a drift could be half of.
    small = not is_apart or abs(trend.drift) < 0.5 * abs(estimate.effect)
    text = (
        f"Before the intervention the difference moved by {trend.slope:.3g} a day"
        f" ({trend.low:.3g} to {trend.high:.3g}); continued, that makes {trend.drift:.3g} by the"
        " middle of the after phase."
    )
    if trend.is_flat and small:
        return Check("pre-trend", passed=True, consequence=text)
    more = " The effect is therefore judged against the continued trend." if is_apart else ""
    return Check("pre-trend", passed=False, consequence=text + more)


def _reasons(failed: list[Check], placebo: bool) -> tuple[str, ...]:
    said = tuple(check.consequence for check in failed)
    note = "Placebo: nobody intervened here, so whatever is found is chance or another cause."
    return (*said, note) if placebo else said
