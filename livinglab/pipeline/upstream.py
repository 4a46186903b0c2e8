"""Upstream windows: what the windows that another one reads have come to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from livinglab.pipeline.digests import Inputs, digest
from livinglab.pipeline.records import Record, read_records
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import SPANS, Target, Window
from livinglab.store.base import Store

if TYPE_CHECKING:
    from livinglab.pipeline.recipe import Recipe


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


class UpstreamView:
    """Inputs of windows that read one upstream target: its outputs, and configuration.

    Parameters
    ----------
    recipe : Recipe
        Of the windows that read.
    reads : Target
        What they read, each window within its own reach.
    span : Window
        From the start of the first window to the end of the last.
    version : str
        Declared version of the transform.
    """

    def __init__(
        self, store: Store, recipe: Recipe, reads: Target, span: Window, version: str
    ) -> None:
        before, after = recipe.widest()
        reach = Window(span.start_ns - before, span.end_ns + after)
        self._recipe = recipe
        self._version = version
        self._upstream = Upstream(store, reads, recipe.scope, reach)

    def inputs(self, window: Window) -> Inputs:
        """Inputs of a window, as they were when the view was made."""
        part = self._recipe.of(window)
        upstream = self._upstream.digest(part.reach(window))
        return Inputs("", upstream, part.digest, self._version)

    def open_upstream(self, window: Window) -> Window | None:
        """First window that is read and not finished."""
        return self._upstream.unfinished(self._recipe.of(window).reach(window))

    def marks(self, window: Window) -> Mapping[str, Any]:
        """Short digests of the windows that are read."""
        return {"upstream": self._upstream.outputs(self._recipe.of(window).reach(window))}
