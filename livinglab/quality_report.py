"""What quality control did: values per test and device, outages, and tests that did not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from livinglab.errors import PipelineError
from livinglab.flags import TESTS
from livinglab.pipeline import CLEAN, Window, themes_of
from livinglab.pipeline.besides import BAROMETRIC
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.tally import Judged, counted, judged
from livinglab.project import Project
from livinglab.registry import Device
from livinglab.timeline import DAY_NS, SECOND_NS
from transforms import quality
from transforms.frames import time_ns, to_panel

#: Why a test of a series did not run, beside its thresholds.
NO_THRESHOLDS: Final = "no thresholds"
_CHUNK_S: Final = 31 * DAY_NS // SECOND_NS


@dataclass(frozen=True, slots=True)
class NotRun:
    """A test that did not run on some series, and why.

    Parameters
    ----------
    of : tuple of str
        "device quantity" of each.
    """

    test: str
    why: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outages:
    """Stretches without a value, longer than a neighbour may be away."""

    device: str
    quantity: str
    count: int
    missing: int  # readings that should lie in them
    longest_s: float


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that `livinglab quality` shows."""

    rows: tuple[Judged, ...]
    not_run: tuple[NotRun, ...]
    outages: tuple[Outages, ...]


def quality_report(
    project: Project, lab: str, start_ns: int, end_ns: int, themes: Collection[str] = ()
) -> QualityReport:
    """What quality control made of a lab's readings in [start, end), from `clean`.

    Parameters
    ----------
    start_ns, end_ns : int
        UTC ns.
    themes : collection of str
        All by default.

    Raises
    ------
    PipelineError
        If there is no such lab or theme.
    """
    known = themes_of(project, CLEAN, lab)
    for theme in themes:
        if theme not in known:
            hint = f"it has {', '.join(known) or 'none'}"
            raise PipelineError(f"lab {lab!r} has no theme {theme!r}", hint=hint)
    scope, span = Scope(project.registry), Window(start_ns, end_ns)
    chosen = list(themes) or known
    counts: Counter[str] = Counter()
    outages: list[Outages] = []
    for theme in chosen:
        frames = project.store.frames(
            "clean", theme, *span, {"lab": lab}, ["flag", "tests", "value"], chunk_s=_CHUNK_S
        )
        for frame in frames:
            counts.update(counted(frame))
            outages.extend(_outages(scope, lab, theme, frame))
    not_run = [row for theme in chosen for row in tests_not_run(scope, lab, theme, span)]
    return QualityReport(
        tuple(judged(counts)), tuple(_joined_tests(not_run)), tuple(_joined_outages(outages))
    )


def tests_not_run(scope: Scope, lab: str, theme: str, span: Window) -> list[NotRun]:
    """Tests that did not run on what a lab measures of a theme, and why, in the order of TESTS."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in scope.rows(lab, theme):
        if row.from_ns >= span.end_ns or (row.to_ns is not None and row.to_ns <= span.start_ns):
            continue
        for quantity in scope.quantities(row.model, theme):
            for test, why in _reasons(scope, row, quantity, span).items():
                found.setdefault((test, why), []).append(f"{row.id} {quantity}")
    ordered = sorted(found.items(), key=lambda item: (TESTS.index(item[0][0]), item[0][1]))
    return [NotRun(test, why, tuple(dict.fromkeys(of))) for (test, why), of in ordered]


def _reasons(scope: Scope, row: Device, quantity: str, span: Window) -> dict[str, str]:
    thresholds = scope.thresholds(row, quantity)
    has = quality.configured(thresholds)
    reasons = {test: NO_THRESHOLDS for test in TESTS if test not in has}
    if "neighbour" in has:
        others = _neighbours(scope, row, quantity, span)
        if len(others) < thresholds.neighbour_least:
            told = f"{thresholds.neighbour_least} other devices of {row.area} needed"
            reasons["neighbour"] = f"{told}, {len(others)} there"
    registry = scope.registry
    calibrated = (each for each in registry.calibrations if each.method != BAROMETRIC)
    holding = {
        test
        for test, given in (("calibration", calibrated), ("manual", registry.flags))
        for each in given
        if each.device == row.id
        and each.quantity in {"*", quantity}
        and each.from_ns < span.end_ns
        and (each.to_ns is None or each.to_ns > span.start_ns)
    }
    for test, why in (("calibration", "no calibration holds"), ("manual", "no manual flag")):
        reasons.pop(test, None)
        if test not in holding:
            reasons[test] = why
    return reasons


def _neighbours(scope: Scope, row: Device, quantity: str, span: Window) -> set[str]:
    theme = scope.registry.quantities[quantity].theme.value
    return {
        other.id
        for other in scope.rows(row.lab, theme)
        if other.id != row.id
        and other.area == row.area
        and quantity in scope.quantities(other.model, theme)
        and scope.thresholds(other, quantity).neighbour_group
        and other.from_ns < span.end_ns
        and (other.to_ns is None or other.to_ns > span.start_ns)
    }


def _outages(scope: Scope, lab: str, theme: str, frame: pd.DataFrame) -> Iterator[Outages]:
    """Gaps of each series within a chunk; what lies between two chunks is not counted."""
    rows = {
        (row.id, quantity): row
        for row in scope.rows(lab, theme)
        for quantity in scope.quantities(row.model, theme)
    }
    name = frame["device"] + "|" + frame["quantity"] + "|" + frame["channel"]
    panel = to_panel(time_ns(frame), name.to_numpy(), frame["value"].to_numpy())
    thresholds: dict[str, quality.Thresholds] = {}
    for series in panel["series"].unique():
        device, quantity, _ = series.split("|")
        if (device, quantity) in rows:
            thresholds[series] = scope.thresholds(rows[device, quantity], quantity)
    found = quality.gaps(panel[panel["series"].isin(list(thresholds))], thresholds)
    length = (found["end"] - found["start"]).dt.total_seconds()
    for series, part in found.assign(length=length).groupby("series"):
        device, quantity, _ = str(series).split("|")
        yield Outages(
            device, quantity, len(part), int(part["missing"].sum()), float(part["length"].max())
        )


def _joined_outages(parts: Collection[Outages]) -> list[Outages]:
    together: dict[tuple[str, str], Outages] = {}
    for part in parts:
        key = part.device, part.quantity
        before = together.get(key, Outages(*key, 0, 0, 0.0))
        together[key] = Outages(
            *key,
            before.count + part.count,
            before.missing + part.missing,
            max(before.longest_s, part.longest_s),
        )
    return [together[key] for key in sorted(together)]


def _joined_tests(parts: Collection[NotRun]) -> list[NotRun]:
    together: dict[tuple[str, str], tuple[str, ...]] = {}
    for part in parts:
        key = part.test, part.why
        together[key] = (*together.get(key, ()), *part.of)
    ordered = sorted(together, key=lambda key: (TESTS.index(key[0]), key[1]))
    return [NotRun(*key, together[key]) for key in ordered]
