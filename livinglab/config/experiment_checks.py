"""Checks of experiment designs against the lab, the indicators and the method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from livinglab.config.experiment_spec import ExperimentSpec, weekdays_of
from livinglab.config.findings import Loc, nearest
from livinglab.config.lab_checks import is_sure, measured_by
from livinglab.config.labs import LabTree
from livinglab.config.tree import Tree, TreeReader

#: Methods that compare with a control area, and those that know none.
NEEDS_CONTROL = frozenset({"did", "cits"})
WITHOUT_CONTROL = frozenset({"its", "before_after"})
YEAR_DAYS = 366

Finding = tuple[Loc, str]


def check_experiments(tree: Tree, reader: TreeReader) -> None:
    """Note everything that is wrong in the designs of all labs."""
    for lab, part in tree.labs.items():
        for name, design in part.experiments.items():
            place = reader.place(f"experiments/{lab}", name)
            for loc, told in _findings(lab, design, tree, reader):
                reader.findings.add(place, loc, told)


def _findings(
    lab: str, design: ExperimentSpec, tree: Tree, reader: TreeReader
) -> Iterator[Finding]:
    part = tree.labs[lab]
    yield from _areas(lab, design, part, reader)
    for loc, name in design.outcomes:
        sides = [*_side("treated", design), *_side("control", design)]
        yield from _indicator(loc, name, sides, part, tree, reader)
    yield from _outcomes(design)
    yield from _lives(design, part, tree, reader)
    yield from _covariates(lab, design, tree, reader)
    yield from _method(design, tree)
    yield from _dates(design)


def _side(side: str, design: ExperimentSpec) -> list[tuple[tuple[str, int], str]]:
    return [((side, number), area) for number, area in enumerate(getattr(design, side))]


def _areas(
    lab: str, design: ExperimentSpec, part: LabTree, reader: TreeReader
) -> Iterator[Finding]:
    areas = [area.id for area in part.lab.areas]
    for side in ("treated", "control"):
        for (_, number), area in _side(side, design):
            if area in getattr(design, side)[: int(number)]:
                yield (side, number), f"{area} is named twice"
            elif side == "control" and area in design.treated:
                told = f"treated and control share {area}, which cannot show what happens without"
                yield (side, number), f"{told} the intervention"
    named: list[tuple[Loc, str]] = [*_side("treated", design), *_side("control", design)]
    named += [(("covariates", n, "area"), row.area) for n, row in enumerate(design.covariates)]
    for loc, area in named:
        if area not in areas and is_sure(lab, "areas", reader):
            yield loc, f"unknown area of {lab}{nearest(area, areas)}"


def _indicator(
    loc: Loc,
    name: str,
    areas: Sequence[tuple[Loc, str]],
    part: LabTree,
    tree: Tree,
    reader: TreeReader,
) -> Iterator[Finding]:
    """An indicator exists, has one value a day, and devices of the areas measure it."""
    indicator = tree.indicators.get(name)
    if indicator is None:
        if ("indicators", name) not in reader.broken:
            yield loc, f"unknown indicator{nearest(name, tree.indicators)}"
        return
    if not indicator.period.startswith("day"):
        told = f"expected an indicator of the day, {name} is one of the {indicator.period}"
        yield loc, told
    known = [area.id for area in part.lab.areas]
    for where, area in areas:
        measured = _measured_in(area, part, tree, reader)
        if area in known and measured and indicator.quantities[0] not in measured:
            yield where, f"no device in {area} measures {indicator.quantities[0]}"


def _measured_in(area: str, part: LabTree, tree: Tree, reader: TreeReader) -> set[str]:
    """Quantities that the devices of an area measure; none where one of them is not known."""
    of_area = {row.id for row in part.devices if row.area == area}
    measured = [measured_by(device, part, tree, reader) for device in of_area]
    return set().union(*measured) if all(measured) else set()


def _outcomes(design: ExperimentSpec) -> Iterator[Finding]:
    """Each outcome once; the family is made of declared outcomes."""
    seen: set[str] = set()
    for loc, name in design.outcomes:
        if name in seen:
            yield loc, f"{name} is an outcome already"
        seen.add(name)
    for number, name in enumerate(design.family or ()):
        if name in design.exploratory:
            yield ("family", number), f"{name} is exploratory: no claim may rest on it"
        elif name not in seen:
            yield ("family", number), f"{name} is no outcome of this design{nearest(name, seen)}"


def _covariates(
    lab: str, design: ExperimentSpec, tree: Tree, reader: TreeReader
) -> Iterator[Finding]:
    outcomes = {name for _, name in design.outcomes}
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(design.covariates):
        loc: Loc = ("covariates", number)
        if row.indicator in outcomes:
            yield (*loc, "indicator"), f"{row.indicator} is an outcome; it cannot explain itself"
        if (row.indicator, row.area) in seen:
            yield loc, f"{row.indicator} of {row.area} is named twice"
        seen.add((row.indicator, row.area))
        if row.area in design.treated and not _is_weather(row.indicator, tree):
            told = f"{row.indicator} of {row.area} is of a treated area: the intervention may move"
            told = f"{told} it, and adjusting for it would take away a part of the effect"
            yield (*loc, "area"), f"{told}; take it from an area that stays as it is"
        where: list[tuple[Loc, str]] = [((*loc, "area"), row.area)]
        named: Loc = (*loc, "indicator")
        yield from _indicator(named, row.indicator, where, tree.labs[lab], tree, reader)


def _is_weather(name: str, tree: Tree) -> bool:
    """Whether an indicator is of something that no street can move; so are unknown ones."""
    indicator = tree.indicators.get(name)
    if indicator is None:
        return True
    quantity = indicator.quantities[0]
    spec = tree.quantities.get(quantity)
    is_rain = quantity.startswith("precipitation")
    return spec is None or spec.theme == "weather" or is_rain


def _lives(
    design: ExperimentSpec, part: LabTree, tree: Tree, reader: TreeReader
) -> Iterator[Finding]:
    """No phase ended before the first sensor of an area came.

    One that left is no mistake of the design: moving a device must never be refused for its sake;
    the days that are missing make the result invalid.
    """
    indicator = tree.indicators.get(design.indicator)
    if indicator is None or _disorder(design) is not None:
        return
    quantity = indicator.quantities[0]
    for _, area in (*_side("treated", design), *_side("control", design)):
        rows = [row for row in part.devices if row.area == area]
        rows = [row for row in rows if quantity in measured_by(row.id, part, tree, reader)]
        since = min((row.valid_from[:10] for row in rows), default="")
        for name, (first, end) in (("before", design.before), ("after", design.after)):
            if end <= since:
                told = f"no device in {area} measures {quantity} from {first} to {end}"
                yield (name,), f"{told}; the first one there is valid from {since}"


def _method(design: ExperimentSpec, tree: Tree) -> Iterator[Finding]:
    method = design.method
    if method in NEEDS_CONTROL and not design.control:
        yield ("method",), f"{method} compares with a control area: name one under control"
    if method in WITHOUT_CONTROL and design.control:
        other = {"its": "cits", "before_after": "did"}[method]
        yield ("method",), f"{method} knows no control area; with one it is {other}"
    if method == "weather_normalised" and not design.covariates:
        yield ("method",), "weather_normalised needs covariates"
    if method == "counts":
        for loc, name in design.outcomes:
            indicator = tree.indicators.get(name)
            if indicator is not None and indicator.unit != "1":
                yield loc, f"counts is for counts (unit 1), {name} is in {indicator.unit}"


def _dates(design: ExperimentSpec) -> Iterator[Finding]:
    disorder = _disorder(design)
    if disorder is not None:
        yield disorder
        return
    lengths = design.days()
    if weekdays_of(design) == "whole_weeks" and any(days % 7 for days in lengths):
        told = f"the phases have {lengths[0]} and {lengths[1]} days: whole_weeks are multiples of 7"
        yield ("weekdays",), told
    if design.yearly_cycle and sum(lengths) <= YEAR_DAYS:
        told = f"a yearly cycle needs more than a year of days, the phases have {sum(lengths)}"
        yield ("yearly_cycle",), told
    if design.lags is not None and design.lags >= min(lengths):
        told = f"expected fewer than the days of the shorter phase ({min(lengths)})"
        yield ("lags",), f"{told}, got {design.lags}; leave it out for the usual rule"
    if design.stop is not None and design.stop < design.after[1]:
        told = f"expected {design.after[1]} (the end of the after phase) or later"
        told = f"{told}, got {design.stop}"
        yield ("stop",), told
    if design.method == "paired_days":
        yield from _pairs(design)
    yield from _intervention(design)


def _disorder(design: ExperimentSpec) -> Finding | None:
    """The first phase that is empty, or begins in the other."""
    for name, (first, end) in (("before", design.before), ("after", design.after)):
        if first >= end:
            return (name,), f"expected [first day, day after the last], got {first} to {end}"
    if design.after[0] < design.before[1]:
        told = f"expected before to end when or before after begins, got {design.after[0]}"
        return ("after",), f"{told} in the before phase (until {design.before[1]})"
    return None


def _pairs(design: ExperimentSpec) -> Iterator[Finding]:
    """Paired days need phases of the same length, whole weeks apart, and nothing else."""
    lengths = design.days()
    first, later = (date.fromisoformat(phase[0]) for phase in (design.before, design.after))
    if lengths[0] != lengths[1]:
        told = f"the phases have {lengths[0]} and {lengths[1]} days: pairs need as many in each"
        yield ("after",), told
    elif (later - first).days % 7:
        told = f"{(later - first).days} days after the before phase: pairs need whole weeks"
        yield ("after",), f"{told}, 364 days for the same season of the year before"
    if design.weekdays == "adjust":
        yield ("weekdays",), "both days of a pair are of the same weekday; leave this out"
    if design.yearly_cycle:
        yield ("yearly_cycle",), "pairs take the season from their distance; leave this out"


def _intervention(design: ExperimentSpec) -> Iterator[Finding]:
    """The change lies between the phases; a day on which it happened belongs to neither."""
    if design.intervention is None:
        return
    first, last = design.intervention
    loc: Loc = ("intervention",)
    if first > last:
        yield loc, f"{first} is after {last}"
    if first[:10] < design.before[1]:
        told = f"{first} lies in the before phase (until {design.before[1]})"
        yield loc, f"{told}: end that phase where the change begins"
    # A time of day makes its day a mixture: it must be dropped.
    ends_after = last[:10] >= design.after[0] if len(last) > 10 else last > design.after[0]
    if ends_after:
        told = f"{last} lies in the after phase (from {design.after[0]})"
        yield loc, f"{told}: begin that phase after the change, days in between are dropped"
