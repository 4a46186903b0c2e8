"""Which windows are stale, and why.

A window is fresh only if its claim equals its run and every input equals what it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from livinglab.pipeline.digests import Inputs
from livinglab.pipeline.recipe import Recipe, View
from livinglab.pipeline.records import OVERTAKEN, Record, read_records, recorded_targets
from livinglab.pipeline.scope import OPEN, Scope
from livinglab.pipeline.windows import CLEAN, EXPERIMENT, YEARS, Target, Window, span_of
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, HOUR_NS


class Cause(StrEnum):
    """Why a window is stale."""

    NEVER = "never computed"
    UNFINISHED = "unfinished"
    OVERTAKEN = "overtaken"
    DATA = "late data"
    UPSTREAM = "upstream changed"
    WAITING = "upstream unfinished"
    CONFIG = "configuration changed"
    TRANSFORM = "transform changed"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stale window: what to compute again, and why.

    Parameters
    ----------
    cause : Cause
        First reason found; a window may have several.
    detail : str
        The reason in words; "" until `livinglab.pipeline.reasons` has looked closer.
    frozen : bool
        The window's inputs reach before the raw horizon: it is never computed again.
    """

    target: Target
    window: Window
    cause: Cause
    detail: str = ""
    frozen: bool = False

    @property
    def is_computable(self) -> bool:
        """Whether computing the window now could make it fresh."""
        return not self.frozen and self.cause is not Cause.WAITING

    @property
    def reason(self) -> str:
        """Cause and detail in words."""
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, as far as windows are concerned.

    Parameters
    ----------
    now_ns : int
        Up to when windows are expected.
    horizon_ns : int
        Raw readings older than this may have been deleted.
    """

    now_ns: int
    horizon_ns: int = -OPEN

    @classmethod
    def of(cls, now_ns: int, retention_days: int) -> Moment:
        """Moment with the horizon that a retention leaves; 0 = raw is kept for ever."""
        return cls(now_ns, now_ns - retention_days * DAY_NS if retention_days else -OPEN)


def assess(
    store: Store, recipe: Recipe, span: Window, moment: Moment
) -> list[tuple[Window, Verdict | None]]:
    """Every window of a target that overlaps `span`, with a verdict where it is stale.

    Windows are those in which a device was at its place and that are due, and those that have a
    record: output that nothing accounts for any more must go.
    """
    target = recipe.target
    records = read_records(store, target, *span)
    windows = _windows(recipe, span, moment, records)
    if not windows:
        return []
    step = recipe.scope.step(target)
    found = {record.start_ns: record for record in records if record.step == step}
    # Records before inputs: what changes in between makes a window stale, never fresh.
    view = recipe.view(store, span_of(windows))
    return [
        (window, _verdict(recipe, view, window, found.get(window.start_ns), moment))
        for window in windows
    ]


def _windows(
    recipe: Recipe, span: Window, moment: Moment, records: Sequence[Record]
) -> list[Window]:
    scope, target = recipe.scope, recipe.target
    end = min(span.end_ns, moment.now_ns)
    windows = {
        window
        for period in scope.periods(target)
        for window in scope.grid(
            target, max(period.start_ns, span.start_ns), min(period.end_ns, end)
        )
        if is_due(target, window, moment)
    }
    starts = {window.start_ns for window in windows}
    for record in records:
        if record.start_ns not in starts or record.step != scope.step(target):
            windows.update(_accounting(scope, target, record, moment))
    inside = (row for row in windows if row.start_ns < span.end_ns and row.end_ns > span.start_ns)
    return sorted(inside)


def _accounting(scope: Scope, target: Target, record: Record, moment: Moment) -> list[Window]:
    """Windows that have to account for the output of a record that is not expected.

    The window itself, where it is one; else (another step or time zone) those that lie there, as
    soon as they are due: a day must not be computed before its end because another one was. The
    one result of an experiment is replaced at once.
    """
    if record.step == scope.step(target) and target.level != EXPERIMENT:
        here = scope.grid(target, record.start_ns, record.start_ns + 1)
        if here[0].start_ns == record.start_ns:
            return here
    there = scope.grid(target, *record.span)
    return [row for row in there if target.level == EXPERIMENT or is_due(target, row, moment)]


def is_due(target: Target, window: Window, moment: Moment) -> bool:
    """Whether a window is expected yet.

    A clean window is from the end of its first hour on: readings of today are there to be seen, and
    what arrives later makes the window stale. A day's indicators and an experiment wait for their
    end: a value that half a day gives would look like one of the whole. A year begins with its
    first day: its status tells how much of it is there.
    """
    first = {CLEAN: HOUR_NS, YEARS: DAY_NS}.get(target.level)
    return (window.end_ns if first is None else window.start_ns + first) <= moment.now_ns


def _verdict(
    recipe: Recipe, view: View, window: Window, record: Record | None, moment: Moment
) -> Verdict | None:
    cause = _cause(record, view.inputs(window))
    if cause is None:
        return None
    if view.open_upstream(window) is not None:
        cause = Cause.WAITING
    return Verdict(recipe.target, window, cause, frozen=is_frozen(recipe, window, moment))


def is_frozen(recipe: Recipe, window: Window, moment: Moment) -> bool:
    """Whether the readings that a window needs may have been deleted already."""
    reach = recipe.of(window).reach(window)
    return recipe.target.level == CLEAN and reach.start_ns < moment.horizon_ns


def _cause(record: Record | None, now: Inputs) -> Cause | None:
    if record is None or not (record.claim or record.run):
        return Cause.NEVER
    if not record.is_finished:
        is_overtaken = record.run.startswith(OVERTAKEN)
        return Cause.OVERTAKEN if is_overtaken else Cause.UNFINISHED
    if record.inputs == now.text():
        return None
    before = Inputs.parse(record.inputs)
    if before is None or before.transform != now.transform:
        return Cause.TRANSFORM
    if before.config != now.config:
        return Cause.CONFIG
    return Cause.DATA if before.arrivals != now.arrivals else Cause.UPSTREAM


def targets(
    store: Store,
    scope: Scope,
    level: str,
    labs: Collection[str] | None = None,
    themes: Collection[str] | None = None,
) -> list[Target]:
    """Targets of a level: those that configuration names, and those that have records.

    A lab that is not configured any more keeps what it has.
    """
    configured = [row for lab in scope.registry.labs for row in scope.targets(level, lab)]
    recorded = (row for row in recorded_targets(store) if row.level == level)
    known = (row for row in recorded if row.lab in scope.registry.labs)
    is_there = level != EXPERIMENT
    found = {*configured, *(row for row in known if is_there or row in configured)}
    return sorted(
        row
        for row in found
        if (labs is None or row.lab in labs) and (themes is None or row.theme in themes)
    )
