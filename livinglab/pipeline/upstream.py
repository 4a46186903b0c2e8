"""Upstream windows: what the windows that another one reads have come to."""

from __future__ import annotations

from bisect import bisect_left

from livinglab.pipeline.digests import digest
from livinglab.pipeline.records import Record, read_records
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import SPANS, Target, Window
from livinglab.store.base import Store


class Upstream:
    """Records of the windows that a target reads, at one moment.

    Parameters
    ----------
    scope : Scope
        Gives the step and the windows of the upstream target; records of other windows (left by
        other settings or another time zone) say nothing.
    span : Window
        Stretch of time that any of the windows reads.
    """

    def __init__(self, store: Store, target: Target, scope: Scope, span: Window) -> None:
        step = scope.step(target)
        grid = scope.grid(target, span.start_ns - SPANS[step], span.end_ns)
        ends = {window.start_ns: window.end_ns for window in grid}
        self._records = [
            record
            for record in read_records(store, target, *span)
            if record.step == step and record.start_ns in ends
        ]
        self._windows = [Window(row.start_ns, ends[row.start_ns]) for row in self._records]
        self._ends = [window.end_ns for window in self._windows]

    def _overlapping(self, reach: Window) -> list[Record]:
        # Windows of one step do not overlap, so their ends are in order as their starts are.
        place = bisect_left(self._ends, reach.start_ns + 1)
        found = []
        for record in self._records[place:]:
            if record.start_ns >= reach.end_ns:
                break
            found.append(record)
        return found

    def digest(self, reach: Window) -> str:
        """Digest of the outputs of the windows that overlap `reach`.

        A window that was computed and is empty differs from one that nobody has computed: the
        latter may still hold what other settings left there.
        """
        return digest(
            f"{record.start_ns}={record.output if record.is_finished else '?'}"
            for record in self._overlapping(reach)
        )

    def unfinished(self, reach: Window) -> Window | None:
        """First window that overlaps `reach` and whose run has not finished."""
        first = bisect_left(self._ends, reach.start_ns + 1)
        for place, record in enumerate(self._overlapping(reach), first):
            if not record.is_finished:
                return self._windows[place]
        return None

    def outputs(self, reach: Window) -> dict[str, str]:
        """Output digest by start of the windows that overlap `reach`, shortened."""
        return {str(record.start_ns): record.output[:6] for record in self._overlapping(reach)}
