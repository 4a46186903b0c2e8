"""Checks of experiment designs against the lab, the indicators and the method."""

from __future__ import annotations

from collections.abc import Iterator

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
    yield from _covariates(lab, design, tree, reader)
    yield from _method(design, tree)
    yield from _dates(design)


def _side(side: str, design: ExperimentSpec) -> list[tuple[Loc, str]]:
    return [((side, number), area) for number, area in enumerate(getattr(design, side))]


def _areas(
    lab: str, design: ExperimentSpec, part: LabTree, reader: TreeReader
) -> Iterator[Finding]:
    areas = [area.id for area in part.lab.areas]
    named = [*_side("treated", design), *_side("control", design)]
    named += [(("covariates", n, "area"), row.area) for n, row in enumerate(design.covariates)]
    for loc, area in named:
        if area not in areas and is_sure(lab, "areas", reader):
            yield loc, f"unknown area of {lab}{nearest(area, areas)}"


def _indicator(
    loc: Loc,
    name: str,
    areas: list[tuple[Loc, str]],
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
        where: list[tuple[Loc, str]] = [((*loc, "area"), row.area)]
        named: Loc = (*loc, "indicator")
        yield from _indicator(named, row.indicator, where, tree.labs[lab], tree, reader)


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
    lengths = design.days()
    if weekdays_of(design) == "whole_weeks" and any(days % 7 for days in lengths):
        told = f"the phases have {lengths[0]} and {lengths[1]} days: whole_weeks are multiples of 7"
        yield ("weekdays",), told
    if design.yearly_cycle and sum(lengths) <= YEAR_DAYS:
        told = f"a yearly cycle needs more than a year of days, the phases have {sum(lengths)}"
        yield ("yearly_cycle",), told
    if design.stop is not None and design.stop < design.after[1]:
        told = f"expected {design.after[1]} (the end of the after phase) or later"
        told = f"{told}, got {design.stop}"
        yield ("stop",), told
    yield from _intervention(design)


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
