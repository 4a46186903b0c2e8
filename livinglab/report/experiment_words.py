"""An experiment's result in plain language: for readers who decide, not for statisticians."""

from __future__ import annotations

from collections.abc import Mapping
from math import expm1
from typing import Any, Final

from livinglab.registry import Experiment, Indicator, Lab
from livinglab.report.contents import unit_text
from livinglab.report.experiment_record import last_day

#: What stands for a verdict before the date that the design fixes.
INTERIM: Final = "interim"

#: What an interval says of the smallest effect that would matter.
EXCLUDES: Final[Mapping[str, str]] = {
    "excluded": "excludes a change of that size",
    "possible": "does not exclude a change of that size",
    "beyond": "holds no smaller change",
}

#: exp() of more overflows.
LARGEST_LOG: Final = 700.0


def number(value: float | None) -> str:
    """Three significant digits, counts whole.

    Examples
    --------
    >>> number(0.012345), number(1532.4), number(None)
    ('0.0123', '1532', 'none')
    """
    if value is None:
        return "none"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def amount(value: float | None, unit: str) -> str:
    """A number with its unit."""
    return f"{number(value)} {unit}".strip()


class Words:
    """Sentences about one outcome of one experiment."""

    def __init__(
        self, lab: Lab, design: Experiment, indicator: Indicator, record: Mapping[str, Any]
    ) -> None:
        self.design, self.indicator, self.record = design, indicator, record
        self.treated, self.control = (
            " and ".join(lab.areas[area].label if area in lab.areas else area for area in side)
            for side in (design.treated, design.control)
        )
        self.unit = unit_text(indicator.unit)
        self.level = round(100 * (1 - record["alpha"]))

    def effect(self, name: str = "effect") -> str:
        """Effect or an end of its interval with unit; of counts in percent."""
        if self.record["scale"] == "log ratio":
            return f"{number(self.record['percent'][name])} %"
        return amount(self.record["estimate"][name], self.unit)

    def mde(self, name: str = "mde") -> str:
        """Minimal detectable effect with unit, planned ("mde") or as it came out."""
        return self._size(self.record[name])

    def _size(self, value: float | None) -> str:
        """A number of the record's scale with unit; of counts in percent."""
        if value is not None and self.record["scale"] == "log ratio":
            return f"{number(100 * expm1(value))} %" if value < LARGEST_LOG else "any size"
        return amount(value, self.unit)

    def power(self) -> str:
        """What power the minimal detectable effect means for the test at hand; "" if unknown."""
        power, df = self.record.get("mde_power"), self.record["estimate"].get("df")
        if power is None or df is None:
            return ""
        return (
            "Its formula has normal quantiles; the test, which has Student's with"
            f" {number(df)} degrees of freedom here, finds an effect of that size with a"
            f" probability of {100 * power:.0f} % if the days stay as steady as before."
        )

    @property
    def is_interim(self) -> bool:
        """Whether the design's date has not come: nothing is claimed yet."""
        return str(self.record["verdict"]) == INTERIM

    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [check["name"] for check in self.record["checks"] if not check["passed"]]

    def visible(self) -> str:
        """What this experiment could have seen: the larger of plan and outcome, with unit."""
        planned, attained = self.record["mde"], self.record["mde_attained"]
        is_worse = None not in (planned, attained) and attained > planned
        return self.mde("mde_attained" if is_worse else "mde")

    def tried(self) -> str:
        """What was tried, where and when."""
        design = self.design
        where = design.where or self.treated
        what = design.what or design.label
        text = f"{sentence(what)} Where: {where}. When: {self._when()}."
        if design.control:
            why = f" {sentence(design.comparable)}" if design.comparable else ""
            text += f" For comparison: {self.control}, where nothing was changed.{why}"
        return f"{text} Hypothesis: {design.hypothesis}"

    def relevant(self) -> str:
        """The smallest effect that would matter, with unit."""
        return amount(self.record["relevant"]["effect"], self.unit)

    @property
    def relevance(self) -> tuple[bool, str] | None:
        """Whether an effect that matters could have been seen, and what the interval says of it.

        None where the design names none, or nothing may be concluded.
        """
        found = self.record.get("relevant")
        if not found or self.is_interim or self.record["verdict"] == "invalid":
            return None
        known = found["interval"] in EXCLUDES
        return (bool(found["visible"]), str(found["interval"])) if known else None

    @property
    def is_too_small(self) -> bool:
        """Whether the interval excludes every effect that would matter."""
        return self.relevance is not None and self.relevance[1] == "excluded"

    def matters(self) -> str:
        """Whether the experiment can tell anything about an effect that matters; "" if unasked."""
        if self.relevance is None:
            return ""
        visible, interval = self.relevance
        could = (
            "This experiment could have seen it in four of five cases or more"
            if visible
            else "This experiment was too small to see it in four of five cases"
        )
        return (
            f" By the design the smallest change that would matter is {self.relevant()}. {could}."
            f" The interval {EXCLUDES[interval]}."
        )

    def drift(self) -> str:
        """How much of a shown effect a slow drift may make; "" where that is half or less."""
        size = self.possible_drift()
        if not size:
            return ""
        return (
            f" The weeks before do not rule out a slow drift that makes up to {size} between the"
            " middles of the two phases, more than half of the effect: it may explain it."
        )

    def possible_drift(self) -> str:
        """The drift that the before phase allows; "" unless it is over half of a shown effect.

        Where the check of the trend failed the effect is judged against that trend instead.
        """
        trend, effect = self.record.get("pre_trend"), self.record["estimate"]["effect"]
        is_open = self.record["verdict"] == "effect shown" and "pre-trend" not in self.failed()
        possible = (trend or {}).get("possible") or 0.0
        is_half = is_open and abs(possible) > 0.5 * abs(effect)
        return self._size(possible) if is_half else ""

    def mean(self, name: str) -> str:
        """Mean of a side and phase ("treated_before") with unit."""
        return amount(self.record["mean"][name], self.unit)

    def _moments(self) -> tuple[str, str]:
        first, last = self.design.intervention
        return first or self.design.before[1], last or self.design.after[0]

    def _when(self) -> str:
        first, last = self._moments()
        return first if first == last else f"{first} to {last} (days in between are left out)"

    def seen(self) -> str:
        """What was measured."""
        mean, estimate = self.record["mean"], self.record["estimate"]
        label = self.indicator.label_en
        if estimate["effect"] is None or mean["treated_before"] is None:
            return f"{label}: there are not enough values to say anything."
        text = (
            f"{label}: {amount(mean['treated_before'], self.unit)} before and"
            f" {amount(mean['treated_after'], self.unit)} after in the treated area"
        )
        if mean["control_before"] is not None:
            text += (
                f", {amount(mean['control_before'], self.unit)} and"
                f" {amount(mean['control_after'], self.unit)} in the control area"
            )
        way = "more" if estimate["effect"] > 0 else "less"
        than = "than the control area explains" if self.design.control else "than before"
        if self.record["method"] in ("its", "cits"):
            than = "than the trend before would have led to"
        elif self.record["adjusted_for"]:
            than = f"{than}, {', '.join(self.record['adjusted_for'])} allowed for"
        text += f". That is {self.effect().lstrip('-')} {way} {than}"
        percent = self.record["percent"]["effect"]
        if percent is not None and self.record["scale"] == "unit":
            text += f" ({percent:+.1f} % of the level before)"
        return f"{text}."

    def sure(self) -> str:
        """How sure that is."""
        record = self.record
        if record["estimate"]["low"] is None:
            return "Not at all: " + " ".join(record["reasons"])
        span = f"between {self.effect('low')} and {self.effect('high')}"
        if self.is_interim:
            return f"That cannot be said yet. With what has arrived the change is {span}."
        zero = record["estimate"]["low"] <= 0 <= record["estimate"]["high"]
        text = (
            f"The true change {'may be anything' if zero else 'is likely'} {span}"
            f"{', and that includes none at all' if zero else ''}. Intervals made this way contain"
            f" the truth in {self.level} of 100 experiments."
        )
        if record["mde"] is None:
            text += " How small a change could have been seen cannot be told."
        else:
            text += (
                f" A change of {self.visible()} or more would have been seen in four of five such"
                " experiments; smaller ones mostly would not."
            )
        text += self.matters() + self.drift()
        failed = self.failed()
        if failed:
            return f"{text} Not everything is in order: {', '.join(failed)} (see the checks)."
        return f"{text} All checks of the design were passed."

    def means(self) -> str:
        """What follows for a decision."""
        verdict = self.record["verdict"]
        if self.is_interim:
            return f"Nothing yet. {self.record['reasons'][0]}"
        if self.design.placebo:
            return self._placebo()
        why = str(self.record["reasons"][0])
        if verdict == "invalid":
            return f"These numbers must not be used for a decision. {why}"
        if verdict == "inconclusive":
            return (
                f"Do not decide on these numbers. {why} More days, a better comparison area or a"
                " longer before phase would help."
            )
        return self._no_effect() if verdict == "no effect shown" else self._effect()

    def _no_effect(self) -> str:
        text = "No change was shown. That is not proof that there is none"
        if self.relevance is None:
            return (
                f"{text}: if a change of less than {self.visible()} would matter, this experiment"
                " was too small to answer."
            )
        told = (
            "but the interval excludes"
            if self.is_too_small
            else "and the interval does not exclude"
        )
        return f"{text}, {told} a change of {self.relevant()}, the smallest that would matter."

    def _effect(self) -> str:
        expected, effect = self.record["expected"], self.record["estimate"]["effect"]
        text = "A change was shown that chance alone hardly makes."
        if expected in ("increase", "decrease"):
            as_said = (effect > 0) == (expected == "increase")
            text += " It goes the way that was expected." if as_said else (
                " It goes the OTHER way than was expected: ask why before acting on it."
            )  # fmt: skip
        if self.is_too_small:
            text += f" It is smaller than what would matter by the design ({self.relevant()})."
        if "control area" in self.failed() or not self.design.control:
            text += (
                " But there was no working control area: the numbers cannot tell the measure from"
                " whatever else changed at that time (season, weather, events, works nearby)."
            )
        doubts = [name for name in self.failed() if name not in ("control area", "direction")]
        if doubts:
            text += f" Look first at the checks that failed: {', '.join(doubts)}."
        return (
            f"{text} Whether {self.effect('low')} to {self.effect('high')} is worth the measure is"
            " for people to decide; the numbers say nothing about costs or about other places."
        )

    def _placebo(self) -> str:
        found = {
            "effect shown": "It found one all the same: a false alarm, of which some must be"
            " expected.",
            "no effect shown": "It found none, as it should.",
        }.get(str(self.record["verdict"]), "It came to no answer.")
        return (
            "Nothing. Nobody intervened in these data; the method was run to see whether it finds"
            f" an effect where there is none. {found}"
        )

    def caption(self, chart: str) -> str:
        """How to read a chart, with its numbers: for readers who do not see it, too."""
        estimate, mean = self.record["estimate"], self.record["mean"]
        span = f"{self.effect('low')} to {self.effect('high')}"
        treated = f"{amount(mean['treated_before'], self.unit)} before and"
        treated = f"{treated} {amount(mean['treated_after'], self.unit)} after"
        told = {
            "Daily values of both sides": f"Every day of both phases. Mean of the treated area:"
            f" {treated}. A gap is a day without a value.",
            "What is compared, day by day": "Dots are days, thick lines the means of the phases."
            f" The effect is {self.effect()}.",
            "Estimate with interval": f"The first row is the result, {self.effect()} ({span}); the"
            " others answer the same question in other ways. A line across 0 cannot tell an effect"
            " from none.",
            "Week by week": "Each week against the mean of the before phase (dots before, squares"
            " after), with intervals. Weeks before should lie around 0.",
            "Placebo distribution": "What the method finds at dates when nothing happened. A real"
            " effect should lie further out than most of them.",
        }
        return told[chart] if estimate["effect"] is not None else "Not enough values."

    def phases(self) -> str:
        """Dates of the phases, last days included."""
        (a, b), (c, d) = self.design.before, self.design.after
        return f"{a} to {last_day(b)}; {c} to {last_day(d)}"


def sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    stripped = text.strip()
    return stripped if stripped.endswith((".", "!", "?")) else f"{stripped}."
