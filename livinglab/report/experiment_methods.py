"""The methods of experiments in words, with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: How each method works, in words.
METHODS: Final[Mapping[str, str]] = {
    "did": (
        "Difference in differences. For every day the value of the control area is taken from that"
        " of the treated area; what both share (weather, season, holidays) cancels. The effect is"
        " how far the mean of this difference moved from the before phase to the after phase."
    ),
    "cits": (
        "Controlled interrupted time series. As in difference in differences the control area is"
        " taken off day by day; each phase then gets a trend of its own. The effect is the distance"
        " between the after phase and the continued trend of the before phase, in the middle of the"
        " after phase."
    ),
    "its": (
        "Interrupted time series. The treated area gets a level and a trend in each phase. The"
        " effect is the distance between the after phase and the continued trend of the before"
        " phase, in the middle of the after phase. No other place shows what would have happened"
        " anyway."
    ),
    "before_after": (
        "Before/after comparison. The mean of the after phase less the mean of the before phase,"
        " adjusted by regression for the covariates and the day of the week. No other place shows"
        " what would have happened anyway."
    ),
    "paired_days": (
        "Before/after comparison of paired days. Each day of the after phase is compared with the"
        " same day of the week whole weeks earlier, with 52 weeks in the same season of the year"
        " before; the effect is the mean of these differences. A change that came in the meantime"
        " for another reason is part of it unless a control area is taken off."
    ),
    "weather_normalised": (
        "Weather-normalised comparison. A model learns from the before phase how the outcome"
        " depends on the covariates and predicts the after phase as if nothing had changed. The"
        " effect is observed less predicted; the error of the prediction is part of the interval."
        " An effect is claimed only if a regression over both phases confirms it."
    ),
    "counts": (
        "Ratio of counts. A quasi-Poisson model with log link gives the ratio of the counts after"
        " to before, with a control area the ratio of the two ratios."
    ),
}
ERRORS: Final = (
    "Days are not independent: a busy day is followed by busy days. The interval allows for that by"
    " a prewhitened, bias-corrected Newey-West error with Student quantiles for the days that the"
    " record is worth. In simulations of six weeks before and after, with noise that remembers the"
    " day before (AR(1), coefficients 0 to 0.7), its 95 % interval contains the true effect in 93"
    " to 97 % of cases, where the usual Newey-West interval reaches 82 to 91 %; where slow swings"
    " hide under noise of single days, it can fall to 84 %. Second opinions (Newey-West alone,"
    " generalised least squares, a bootstrap of blocks of a week with a fixed seed) are listed"
    " beside it."
)
_LIMITS: Final = """\
A place that was chosen because it was extreme comes back towards the ordinary by itself (regression
to the mean): eight weeks of before data that were not used for choosing tell that apart.

Traffic or noise that moved to a control area counts twice in a comparison with it; one control area
should be far away.

The result is about these streets, these weeks and this weather.

Whether the design was fixed before data were seen: a change after a result was computed here is
told above, an earlier one is not. Keep its file under version control and publish it beforehand.
"""
#: What no number of a report can rule out.
LIMITS: Final = tuple(" ".join(part.split()) for part in _LIMITS.split("\n\n"))
WEEKDAYS: Final[Mapping[str, str]] = {
    "whole_weeks": "Both phases are whole weeks: every weekday weighs the same in each.",
    "adjust": "Days of the week are part of the model.",
    "ignore": "Days of the week are not allowed for.",
}
_REFERENCES: Final = """\
did | Bertrand, Duflo, Mullainathan (2004), Q. J. Economics 119, 249, doi:10.1162/003355304772839588
its | Lopez Bernal, Cummins, Gasparrini (2018), Int. J. Epidemiol. 47, 2082, doi:10.1093/ije/dyy135
its | Xiao, Augusto, Wagenaar (2021), Int. J. Epidemiology 50, 1011, doi:10.1093/ije/dyaa148
weather_normalised | Grange, Carslaw (2019), doi:10.1016/j.scitotenv.2018.10.344
weather_normalised | Lin (2013), Annals of Applied Statistics 7, 295, doi:10.1214/12-AOAS583
counts | McCullagh, Nelder (1989), Generalized Linear Models, 2nd ed., chapter 6
all | Newey, West (1987), Econometrica 55, 703, doi:10.2307/1913610
all | Andrews, Monahan (1992), Econometrica 60, 953, doi:10.2307/2951574
all | Bloom (1995), Evaluation Review 19, 547, doi:10.1177/0193841X9501900504 (detectable effect)
all | Holm (1979), Scandinavian J. Statistics 6, 65 (several outcomes)
"""
_RELATED: Final = {"cits": ("its", "did"), "before_after": ("weather_normalised",)}


def references(method: str) -> list[str]:
    """What the method rests on."""
    names = {method, "all", *_RELATED.get(method, ())}
    rows = (line.split(" | ") for line in _REFERENCES.splitlines())
    return [text for name, text in rows if name in names]
