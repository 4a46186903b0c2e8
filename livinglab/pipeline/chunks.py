"""Chunks: the stale windows of a target, planned in pieces of a month, computed one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from livinglab.errors import FrozenError
from livinglab.pipeline.freshness import Cause, Moment, Verdict, assess, is_frozen, targets
from livinglab.pipeline.lock import lab_lock
from livinglab.pipeline.reasons import described
from livinglab.pipeline.recipe import Recipe
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import ALWAYS
from livinglab.pipeline.runs import Run, Summary
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.snapshots import publish_snapshot
from livinglab.pipeline.windows import Target, Window, contiguous, in_chunks, span_of
from livinglab.project import Project
from livinglab.timeline import to_text


class Chunk(TypedDict):
    """Windows of one target that are rebuilt together; plain JSON, so that tasks can pass it.

    `ranges` are [start, end) in UTC ns and cover whole windows; `windows` counts them. `reason` is
    what provenance says about forced windows; stale ones state their own.
    """

    level: str
    lab: str
    theme: str
    ranges: list[list[int]]
    windows: int
    reason: str
    force: bool
    now_ns: int
    label: str


def moment_of(project: Project, now_ns: int | None) -> Moment:
    """The present of a project; by default the clock."""
    settings = project.registry.settings
    now = settings.now_ns if now_ns is None else now_ns
    return Moment.of(now, settings.raw_retention_days)


def plan(
    project: Project,
    level: str,
    *,
    labs: Collection[str] | None = None,
    themes: Collection[str] | None = None,
    start_ns: int = ALWAYS.start_ns,
    end_ns: int = ALWAYS.end_ns,
    now_ns: int | None = None,
    reason: str = "",
    force: bool = False,
) -> list[Chunk]:
    """Chunks of at most a month that hold all stale windows of a level that overlap [start, end).

    Parameters
    ----------
    labs, themes : collection of str, optional
        Which targets; all by default. The theme of an experiment is its id.
    start_ns, end_ns, now_ns : int
        UTC ns. Windows are expected up to `now_ns`, by default the clock.
    reason : str
        Why, for the provenance of forced windows.
    force : bool
        All expected windows, stale or not.

    Returns
    -------
    list of Chunk
        In order of lab, theme and time; `run_chunk` computes one. Windows that are frozen or wait
        for an unfinished one are not in it, unless forced.
    """
    moment = moment_of(project, now_ns)
    scope = Scope(project.registry)
    chunks: list[Chunk] = []
    for target in targets(project.store, scope, level, labs, themes):
        recipe = recipe_of(scope, target)
        assessed = assess(project.store, recipe, Window(start_ns, end_ns), moment)
        chosen = [
            window
            for window, verdict in assessed
            if force or (verdict is not None and verdict.is_computable)
        ]
        chunks.extend(
            _chunk(target, windows, moment, reason, force=force) for windows in in_chunks(chosen)
        )
    return chunks


def _chunk(
    target: Target, windows: Sequence[Window], moment: Moment, reason: str, *, force: bool
) -> Chunk:
    span = span_of(windows)
    return Chunk(
        level=target.level,
        lab=target.lab,
        theme=target.theme,
        ranges=[list(span_of(part)) for part in contiguous(windows)],
        windows=len(windows),
        reason=reason,
        force=force,
        now_ns=moment.now_ns,
        label=f"{target.theme} {to_text(span.start_ns)[:13]}..{to_text(span.end_ns)[:13]}",
    )


def run_chunk(project: Project, chunk: Chunk, *, lock_timeout_s: float = 60.0) -> Summary:
    """Compute the windows of a chunk that are stale by now; with `force`, all of them.

    Parameters
    ----------
    lock_timeout_s : float
        Longest time to wait for another writer of the lab [s].

    Raises
    ------
    LockedError
        If another process writes this lab (transient).
    OvertakenError
        If a run on another machine has claimed one of the windows (transient).
    FrozenError
        If a forced window reaches before the raw horizon.
    """
    target = Target(chunk["level"], chunk["lab"], chunk["theme"])
    recipe = recipe_of(Scope(project.registry), target)
    purpose = f"{target.level} of {target.theme}"
    with lab_lock(project.state_dir, target.lab, purpose=purpose, timeout_s=lock_timeout_s):
        reasons, frozen = _wanted(project, recipe, chunk)
        if not reasons:
            return Summary(target.level, target.lab, target.theme, frozen=frozen)
        publish_snapshot(project.store, project.registry)
        summary = Run(project.store, recipe, reasons).execute()
        summary.frozen = frozen
        return summary


def _wanted(project: Project, recipe: Recipe, chunk: Chunk) -> tuple[Mapping[Window, str], int]:
    """Windows to compute with their reasons, and how many stale ones are frozen."""
    ranges = [Window(*each) for each in chunk["ranges"]]
    moment = moment_of(project, chunk["now_ns"])
    assessed = [
        (window, verdict)
        for window, verdict in assess(project.store, recipe, span_of(ranges), moment)
        if any(window.start_ns < row.end_ns and row.start_ns < window.end_ns for row in ranges)
    ]
    if chunk["force"]:
        for window, _ in assessed:
            _require_thawed(recipe, window, moment)
        reason = f"{Cause.FORCED}: {chunk['reason']}" if chunk["reason"] else str(Cause.FORCED)
        return {window: reason for window, _ in assessed}, 0
    stale = [verdict for _, verdict in assessed if verdict is not None]
    computable: list[Verdict] = [verdict for verdict in stale if verdict.is_computable]
    told = described(project.store, recipe.scope, computable)
    frozen = sum(verdict.frozen for verdict in stale)
    return {verdict.window: verdict.reason for verdict in told}, frozen


def _require_thawed(recipe: Recipe, window: Window, moment: Moment) -> None:
    if is_frozen(recipe, window, moment):
        raise FrozenError(
            f"window {window} of {recipe.target} reads before {to_text(moment.horizon_ns)}, "
            "where raw readings may have been deleted",
            hint="choose a later start, or restore raw from the journal and raise "
            "raw_retention_days",
        )
