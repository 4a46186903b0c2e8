"""Why windows are stale, in words: which hour of which device, which rows, which windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from livinglab.pipeline.arrivals import changed
from livinglab.pipeline.digests import Inputs
from livinglab.pipeline.freshness import Cause, Verdict
from livinglab.pipeline.recipe import Recipe, View, differences
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import Record, read_info, read_records
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.snapshots import read_snapshot
from livinglab.pipeline.windows import EXPERIMENT, Window, span_of
from livinglab.store.base import Store
from livinglab.timeline import to_text

#: How many rows, hours or windows a reason names before it counts the rest.
NAMED: Final = 3

_PLAIN: Final = frozenset({Cause.NEVER, Cause.FORCED})


def described(store: Store, scope: Scope, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with their details; reads the provenance of the windows in bulk."""
    result: list[Verdict] = []
    for target, group in groupby(verdicts, key=lambda verdict: verdict.target):
        recipe = recipe_of(scope, target)
        result.extend(_Describer(store, recipe, list(group)).described())
    return result


class _Describer:
    """Details of the verdicts on one target."""

    def __init__(self, store: Store, recipe: Recipe, verdicts: Sequence[Verdict]) -> None:
        self._store = store
        self._recipe = recipe
        self._verdicts = verdicts
        self._view: View | None = None
        self._records: dict[int, Record] = {}
        self._info: dict[int, dict[str, Any]] = {}
        self._then: dict[str, Recipe | None] = {}

    def described(self) -> list[Verdict]:
        """The verdicts with their details."""
        open_ones = [verdict for verdict in self._verdicts if verdict.cause not in _PLAIN]
        if not open_ones:
            return list(self._verdicts)
        self._read(span_of([verdict.window for verdict in open_ones]))
        return [
            verdict if verdict.cause in _PLAIN else replace(verdict, detail=self._detail(verdict))
            for verdict in self._verdicts
        ]

    def _read(self, span: Window) -> None:
        scope, target = self._recipe.scope, self._recipe.target
        step = scope.step(target)
        records = read_records(self._store, target, *span)
        self._records = {row.start_ns: row for row in records if row.step == step}
        self._info = read_info(self._store, target, step, span)
        self._view = self._recipe.view(self._store, span)

    def _detail(self, verdict: Verdict) -> str:
        window = verdict.window
        record, view = self._records.get(window.start_ns), self._view
        if record is None or view is None:
            return ""
        if verdict.cause in {Cause.UNFINISHED, Cause.OVERTAKEN}:
            return f"run {record.claim}"
        if verdict.cause is Cause.WAITING:
            upstream = view.open_upstream(window)
            return "" if upstream is None else f"window of {to_text(upstream.start_ns)}"
        if verdict.cause is Cause.TRANSFORM:
            before, now = Inputs.parse(record.inputs), view.inputs(window)
            return f"{before.transform if before else 'another format'} -> {now.transform}"
        info = self._info.get(window.start_ns, {})
        if verdict.cause is Cause.CONFIG:
            return _named(self._changed_rows(window, str(info.get("registry", ""))))
        return self._changed_inputs(verdict, info, view.marks(window))

    def _changed_rows(self, window: Window, version: str) -> list[str]:
        if version not in self._then:
            registry = read_snapshot(self._store, version)
            known = registry is not None and self._recipe.target.lab in registry.labs
            recipe = recipe_of(Scope(registry), self._recipe.target) if registry and known else None
            self._then[version] = recipe
        then = self._then[version]
        if then is None or (
            self._recipe.target.level == EXPERIMENT and not then.scope.grid(then.target, *window)
        ):
            return [f"registry {version or 'unknown'} -> {self._recipe.scope.registry.version}"]
        changed_rows = differences(then.of(window).content, self._recipe.of(window).content)
        # The rows are the same, but another version of the code took other parts of them.
        return changed_rows or ["what this version reads of it"]

    def _changed_inputs(
        self, verdict: Verdict, info: Mapping[str, Any], marks: Mapping[str, Any]
    ) -> str:
        if verdict.cause is Cause.DATA:
            start = self._recipe.of(verdict.window).reach(verdict.window).start_ns
            hours = changed(info.get("arrivals", {}), marks.get("arrivals", {}), start)
            return _named(f"{device} {_hours(found)}" for device, found in hours)
        before, now = info.get("upstream", {}), marks.get("upstream", {})
        starts = sorted(int(at) for at in {*before, *now} if before.get(at) != now.get(at))
        return _named(f"window of {to_text(start)}" for start in starts)


def _hours(starts: Sequence[int]) -> str:
    first, last = to_text(starts[0])[:13] + "Z", to_text(starts[-1])[:13] + "Z"
    return first if len(starts) == 1 else f"{len(starts)} hours {first}..{last}"


def _named(parts: Iterable[str]) -> str:
    found = list(parts)
    rest = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
