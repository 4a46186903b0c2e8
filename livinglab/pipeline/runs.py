"""A run: claims, inputs, computation, output, record, in the order that crashes and races demand.

1. The lab's lock. 2. `claim` of every window. 3. Arrival versions and upstream records. 4. The
data. 5. Upstream records again: changed or claimed, and the window starts over or keeps its claim.
6. The output, with the claims read again before each write and delete. 7. The rest of the record.
Whatever stops a run in between leaves claims that differ from runs: it is computed again.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from livinglab import __version__
from livinglab.errors import OvertakenError
from livinglab.pipeline.digests import output_digest
from livinglab.pipeline.recipe import Output, Recipe, View
from livinglab.pipeline.records import Claims, Result, read_records
from livinglab.pipeline.windows import LONGEST, Window, contiguous, span_of
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS, to_text

#: How often the windows whose upstream changed meanwhile start over.
ATTEMPTS: Final = 3


@dataclass(slots=True)
class Summary:
    """What a run did, small enough to pass between tasks.

    Parameters
    ----------
    windows : int
        Windows computed.
    same : int
        Of these, windows whose output did not change: what reads them stays fresh.
    written, deleted, unchanged : int
        Points of the output.
    waiting : int
        Windows that were left because a window they read is unfinished or kept changing.
    frozen : int
        Stale windows that reach before the raw horizon.
    reasons : mapping of str to int
        Windows per reason.
    tests : mapping of str to int
        Values by "device|quantity|test|flag", as quality control judged them.
    """

    level: str
    lab: str
    theme: str
    windows: int = 0
    same: int = 0
    written: int = 0
    deleted: int = 0
    unchanged: int = 0
    waiting: int = 0
    frozen: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    tests: dict[str, int] = field(default_factory=dict)

    def add(self, other: Summary) -> None:
        """Add the counts of another summary."""
        for name in ("windows", "same", "written", "deleted", "unchanged", "waiting", "frozen"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons = dict(Counter(self.reasons) + Counter(other.reasons))
        self.tests = dict(Counter(self.tests) + Counter(other.tests))


class Run:
    """One run over some windows of one target; the caller holds the lab's lock.

    Parameters
    ----------
    reasons : mapping of Window to str
        The windows, in order of time, and why each is computed.
    """

    def __init__(self, store: Store, recipe: Recipe, reasons: Mapping[Window, str]) -> None:
        self._store = store
        self._recipe = recipe
        self._reasons = reasons
        self._windows = list(reasons)
        self._id = secrets.token_hex(8)
        target = recipe.target
        self._summary = Summary(target.level, target.lab, target.theme)
        self._outputs_before: dict[int, str] = {}

    def execute(self) -> Summary:
        """Compute the windows.

        Raises
        ------
        OvertakenError
            If another run has claimed one of them; its windows stay stale and are computed again.
        """
        claims = self._claims()
        self._outputs_before = self._read_outputs()
        claims.take()
        try:
            left = self._windows
            for _ in range(ATTEMPTS):
                left = self._attempt(claims, left)
                if not left:
                    break
        except OvertakenError:
            claims.mark_overtaken()
            raise
        self._summary.waiting = len(left)
        return self._summary

    def _claims(self) -> Claims:
        scope, target = self._recipe.scope, self._recipe.target
        span = span_of(self._windows)
        # Records that begin up to a window earlier may reach into the span.
        reach = 2 * LONGEST.get(target.level, 0)
        grid = scope.grid(target, span.start_ns - reach, span.end_ns)
        starts = {window.start_ns for window in grid}
        return Claims(self._store, target, scope.step(target), self._windows, starts, self._id)

    def _read_outputs(self) -> dict[int, str]:
        target = self._recipe.target
        step = self._recipe.scope.step(target)
        records = read_records(self._store, target, *span_of(self._windows))
        return {row.start_ns: row.output for row in records if row.step == step and row.is_finished}

    def _attempt(self, claims: Claims, windows: Sequence[Window]) -> list[Window]:
        """Compute windows once; returns those whose upstream did not hold still."""
        span = span_of(windows)
        before = self._recipe.view(self._store, span)
        ready = [window for window in windows if before.open_upstream(window) is None]
        outputs = self._computed(ready)
        after = self._recipe.view(self._store, span) if self._recipe.has_upstream else before
        settled = [window for window in ready if _is_settled(before, after, window)]
        self._write(claims, before, {window: outputs[window] for window in settled})
        done = set(settled)
        return [window for window in windows if window not in done]

    def _computed(self, windows: Sequence[Window]) -> dict[Window, Output]:
        outputs: dict[Window, Output] = {}
        for part in contiguous(windows):
            outputs |= self._recipe.compute(self._store, part)
        return outputs

    def _write(self, claims: Claims, view: View, outputs: Mapping[Window, Output]) -> None:
        for part in contiguous(list(outputs)):
            place = self._recipe.place(span_of(part))
            replaced = self._store.replace(
                place.bucket,
                place.measurement,
                *place.span,
                place.tags,
                [point for window in part for point in outputs[window].points],
                guard=claims.require,
            )
            self._summary.written += replaced.written
            self._summary.deleted += replaced.deleted
            self._summary.unchanged += replaced.unchanged
        if outputs:
            claims.finish([self._result(view, window, outputs[window]) for window in outputs])

    def _result(self, view: View, window: Window, output: Output) -> Result:
        text = output_digest(output.points)
        self._summary.windows += 1
        self._summary.same += self._outputs_before.get(window.start_ns) == text
        kind = self._reasons[window].partition(":")[0]
        self._summary.reasons[kind] = self._summary.reasons.get(kind, 0) + 1
        for name, count in output.info.get("tests", {}).items():
            self._summary.tests[name] = self._summary.tests.get(name, 0) + count
        info = {
            "registry": self._recipe.scope.registry.version,
            "code": __version__,
            "reason": self._reasons[window],
            "computed": to_text(time.time_ns() // SECOND_NS * SECOND_NS),
            **view.marks(window),
            **output.info,
        }
        return Result(window, view.inputs(window).text(), text, info)


def _is_settled(before: View, after: View, window: Window) -> bool:
    is_same = before.inputs(window).upstream == after.inputs(window).upstream
    return is_same and after.open_upstream(window) is None
