"""What a file of labs/<lab>/experiments may say: the design of an experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from livinglab.config.values import CivilDate, Number, Spec, Whole
from livinglab.registry import Covariate, Experiment
from livinglab.timeline import parse_instant

Method = Literal[
    "did", "cits", "its", "before_after", "paired_days", "weather_normalised", "counts"
]
Weekdays = Literal["adjust", "whole_weeks", "ignore"]
Direction = Literal["increase", "decrease", "none", "either"]

#: What stands in for wrong keys while the rest is checked; see `salvage.py`.
EXPERIMENT_STAND_INS: Final[Mapping[str, object]] = {
    "label": "unknown",
    "hypothesis": "unknown",
    "indicator": "unknown",
    "treated": ["unknown"],
    "method": "did",
    "before": ["1970-01-05", "1970-02-02"],
    "after": ["1970-02-02", "1970-03-02"],
    "contact": "unknown",
}

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?")


def _primary(value: object) -> object:
    if isinstance(value, list):
        names = ", ".join(map(str, value))
        told = f"expected one indicator, got {names}: one outcome is primary, decided beforehand"
        told = f"{told}; put the others under secondary"
        raise ValueError(told)  # noqa: TRY004 - pydantic gathers ValueErrors
    return value


def _said(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("expected some words, got nothing")
    return value


#: Text with something in it.
Text = Annotated[str, BeforeValidator(_said)]


def _moment(value: object) -> object:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        parse_instant(value, "UTC")  # refuses the 31st of February
        return value
    expected = "expected a civil date like 2025-07-25 or a local time like 2025-07-25T14:00"
    raise ValueError(f"{expected}, got {value!r}")


def _moments(value: object) -> object:
    return [value, value] if isinstance(value, str) else value


#: A civil date or local time, or [first, last] of a transition.
Moments = Annotated[
    tuple[Annotated[str, BeforeValidator(_moment)], Annotated[str, BeforeValidator(_moment)]],
    BeforeValidator(_moments),
]


class CovariateSpec(Spec):
    """A daily indicator of an area to adjust for."""

    indicator: Text
    area: Text


class ExperimentSpec(Spec):
    """A file of experiments/: the design."""

    label: Text
    what: str = ""
    where: str = ""
    hypothesis: Text
    expected: Direction = "either"
    placebo: bool = False
    indicator: Annotated[Text, BeforeValidator(_primary)]
    secondary: tuple[Text, ...] = ()
    exploratory: tuple[Text, ...] = ()
    family: tuple[Text, ...] | None = None
    treated: Annotated[tuple[str, ...], Field(min_length=1)]
    control: tuple[str, ...] = ()
    comparable: str = ""
    intervention: Moments | None = None
    before: tuple[CivilDate, CivilDate]
    after: tuple[CivilDate, CivilDate]
    stop: CivilDate | None = None
    method: Method
    weekdays: Weekdays | None = None
    yearly_cycle: bool = False
    covariates: tuple[CovariateSpec, ...] = ()
    lags: Annotated[Whole, Field(ge=0)] | None = None
    relevant: Annotated[Number, Field(gt=0)] | None = None
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    min_coverage: Annotated[Number, Field(ge=0, le=1)] = 0.75
    contact: Text

    @property
    def outcomes(self) -> tuple[tuple[tuple[str | int, ...], str], ...]:
        """Every outcome with the path of its key, the primary one first."""
        return (
            (("indicator",), self.indicator),
            *((("secondary", number), name) for number, name in enumerate(self.secondary)),
            *((("exploratory", number), name) for number, name in enumerate(self.exploratory)),
        )

    def days(self) -> tuple[int, int]:
        """Length of the phases [d]."""
        ends = [date.fromisoformat(day) for day in (*self.before, *self.after)]
        return (ends[1] - ends[0]).days, (ends[3] - ends[2]).days


def weekdays_of(spec: ExperimentSpec) -> str:
    """How the rhythm of the week is dealt with, where the file does not say.

    With a control area and phases of whole weeks every weekday weighs the same on either side of
    the date, and paired days are of the same weekday; otherwise dummies for the days of the week.
    """
    if spec.weekdays is not None:
        return spec.weekdays
    is_whole = all(days % 7 == 0 for days in spec.days())
    if spec.method == "paired_days":
        return "whole_weeks" if is_whole else "ignore"
    return "whole_weeks" if is_whole and spec.control else "adjust"


def resolve_experiment(name: str, lab: str, spec: ExperimentSpec) -> Experiment:
    """The design as the registry holds it, everything that may be left out filled in."""
    family = (spec.indicator, *spec.secondary) if spec.family is None else spec.family
    return Experiment(
        id=name,
        lab=lab,
        label=spec.label,
        hypothesis=spec.hypothesis,
        placebo=spec.placebo,
        indicator=spec.indicator,
        treated=tuple(sorted(spec.treated)),
        control=tuple(sorted(spec.control)),
        before=spec.before,
        after=spec.after,
        method=spec.method,
        alpha=spec.alpha,
        min_coverage=spec.min_coverage,
        contact=spec.contact,
        what=spec.what,
        where=spec.where,
        comparable=spec.comparable,
        intervention=spec.intervention or (spec.before[1], spec.after[0]),
        secondary=spec.secondary,
        exploratory=spec.exploratory,
        family=tuple(name for _, name in spec.outcomes if name in family),
        covariates=tuple(Covariate(row.indicator, row.area) for row in spec.covariates),
        weekdays=weekdays_of(spec),
        yearly_cycle=spec.yearly_cycle,
        lags=spec.lags,
        relevant=spec.relevant,
        expected=spec.expected,
        stop=spec.stop or spec.after[1],
    )
