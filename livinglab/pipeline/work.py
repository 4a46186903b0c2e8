"""What the command line and researchers call: list what is stale, rebuild, reconcile."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from livinglab.errors import LivingLabError, PipelineError
from livinglab.pipeline.chunks import Chunk, moment_of, plan, run_chunk
from livinglab.pipeline.freshness import Verdict, assess, targets
from livinglab.pipeline.reasons import described
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import ALWAYS
from livinglab.pipeline.runs import Summary
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import CLEAN, EXPERIMENT, INDICATORS, LEVELS, Window
from livinglab.project import Project

#: Called before each chunk with the chunk, how many are done and how many there are on its level.
Progress = Callable[[Chunk, int, int], None]


def _silent(_chunk: Chunk, _done: int, _of: int) -> None:
    """Tell nobody."""


def stale(
    project: Project,
    *,
    levels: Collection[str] = LEVELS,
    labs: Collection[str] | None = None,
    themes: Collection[str] | None = None,
    start_ns: int = ALWAYS.start_ns,
    end_ns: int = ALWAYS.end_ns,
    now_ns: int | None = None,
    detail: bool = True,
) -> list[Verdict]:
    """Stale windows that overlap [start, end), upstream first, each with the reason.

    Parameters
    ----------
    levels, labs, themes : collection of str, optional
        Which windows to look at; all by default. The theme of an experiment is its id.
    start_ns, end_ns : int
        UTC ns; all history by default.
    now_ns : int, optional
        Up to when windows are expected; by default the clock.
    detail : bool
        Look up which hour, row or window it was that changed.

    Returns
    -------
    list of Verdict
        Frozen windows are listed too, marked so.

    Raises
    ------
    PipelineError
        If there is no such level, lab or theme.
    """
    _require_known(project, levels, labs, themes)
    scope = Scope(project.registry)
    moment = moment_of(project, now_ns)
    found: list[Verdict] = []
    for level in (name for name in LEVELS if name in levels):
        for target in targets(project.store, scope, level, labs, themes):
            recipe = recipe_of(scope, target)
            assessed = assess(project.store, recipe, Window(start_ns, end_ns), moment)
            found.extend(verdict for _, verdict in assessed if verdict is not None)
    return described(project.store, scope, found) if detail else found


def rebuild(
    project: Project,
    level: str,
    lab: str,
    theme: str,
    start_ns: int,
    end_ns: int,
    *,
    reason: str = "",
    force: bool = False,
    now_ns: int | None = None,
    progress: Progress = _silent,
) -> Summary:
    """Compute the stale windows of one target that overlap [start, end); with `force`, all.

    Read, transform, replace, record; the same result whatever the range is cut into.

    Parameters
    ----------
    level : {"clean", "indicators", "experiment"}
        What to rebuild.
    theme : str
        Theme, or the id of the experiment.
    start_ns, end_ns, now_ns : int
        UTC ns. Windows are expected up to `now_ns`, by default the clock.
    reason : str
        Why, for the provenance of forced windows.

    Raises
    ------
    LockedError, OvertakenError
        If another writer is at work (transient).
    FrozenError
        If a forced window reaches before the raw horizon.
    PipelineError
        If there is no such level, lab, theme or experiment.
    """
    summary = Summary(level, lab, theme)
    _require_target(project, level, lab, theme)
    chunks = plan(
        project,
        level,
        labs=[lab],
        themes=[theme],
        start_ns=start_ns,
        end_ns=end_ns,
        now_ns=now_ns,
        reason=reason,
        force=force,
    )
    for number, chunk in enumerate(chunks):
        progress(chunk, number, len(chunks))
        summary.add(run_chunk(project, chunk))
    return summary


def themes_of(project: Project, level: str, lab: str) -> list[str]:
    """Themes (or experiments) of a lab that have windows on a level.

    Raises
    ------
    PipelineError
        If there is no such level or lab.
    """
    _require_known(project, [level], [lab], None)
    found = targets(project.store, Scope(project.registry), level, [lab])
    return [target.theme for target in found]


def _require_known(
    project: Project,
    levels: Collection[str],
    labs: Collection[str] | None,
    themes: Collection[str] | None,
) -> None:
    """Raise PipelineError for a name that selects nothing: "nothing is stale" would mislead."""
    _require_named("level", levels, LEVELS)
    _require_named("lab", labs or (), sorted(project.registry.labs))
    if themes:
        scope = Scope(project.registry)
        known = {row.theme for level in LEVELS for row in targets(project.store, scope, level)}
        _require_named("theme or experiment", themes, sorted(known))


def _require_named(kind: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise PipelineError(f"no {kind} {name!r}", hint=f"one of {', '.join(known)}")


def _require_target(project: Project, level: str, lab: str, theme: str) -> None:
    known = themes_of(project, level, lab)
    if theme not in known:
        kind = "experiment" if level == EXPERIMENT else "theme"
        raise PipelineError(
            f"lab {lab!r} has no {kind} {theme!r}",
            hint=f"it has {', '.join(known) or 'none'}",
        )


def clean(
    project: Project, lab: str, theme: str, start_ns: int, end_ns: int, *, force: bool = False
) -> Summary:
    """`rebuild` of the clean windows: flags, calibration, height."""
    return rebuild(project, CLEAN, lab, theme, start_ns, end_ns, force=force)


def indicators(
    project: Project, lab: str, theme: str, start_ns: int, end_ns: int, *, force: bool = False
) -> Summary:
    """`rebuild` of the indicator windows: civil days of the lab."""
    return rebuild(project, INDICATORS, lab, theme, start_ns, end_ns, force=force)


def experiment(project: Project, lab: str, experiment_id: str, *, force: bool = False) -> Summary:
    """`rebuild` of one experiment, once its last day is over."""
    return rebuild(project, EXPERIMENT, lab, experiment_id, *ALWAYS, force=force)


@dataclass(slots=True)
class Reconciled:
    """What `reconcile` did.

    Parameters
    ----------
    summaries : list of Summary
        Per target that had stale windows.
    failures : list of (str, LivingLabError)
        Chunks that could not be computed, by name; their windows stay stale.
    """

    summaries: list[Summary] = field(default_factory=list)
    failures: list[tuple[str, LivingLabError]] = field(default_factory=list)

    @property
    def windows(self) -> int:
        """Windows computed."""
        return sum(summary.windows for summary in self.summaries)

    def count(self, summary: Summary) -> None:
        """Add the summary of a chunk to that of its target."""
        for row in self.summaries:
            if (row.level, row.lab, row.theme) == (summary.level, summary.lab, summary.theme):
                row.add(summary)
                return
        self.summaries.append(summary)


def reconcile(
    project: Project,
    *,
    levels: Collection[str] = LEVELS,
    labs: Collection[str] | None = None,
    themes: Collection[str] | None = None,
    start_ns: int = ALWAYS.start_ns,
    end_ns: int = ALWAYS.end_ns,
    now_ns: int | None = None,
    progress: Progress = _silent,
) -> Reconciled:
    """Rebuild every stale window that overlaps [start, end), upstream first, in month chunks.

    A chunk that fails leaves its windows stale and the others untouched.

    Parameters
    ----------
    levels, labs, themes, start_ns, end_ns, now_ns
        As of `stale`.
    progress : callable
        Told the chunk, its number and their count, before each.

    Returns
    -------
    Reconciled
        What was computed, and what failed.

    Raises
    ------
    PipelineError
        If there is no such level, lab or theme.
    """
    _require_known(project, levels, labs, themes)
    result = Reconciled()
    moment = moment_of(project, now_ns)
    options = {"labs": labs, "themes": themes, "start_ns": start_ns, "end_ns": end_ns}
    for level in (name for name in LEVELS if name in levels):
        chunks = plan(project, level, now_ns=moment.now_ns, **options)  # type: ignore[arg-type]
        for number, chunk in enumerate(chunks):
            progress(chunk, number, len(chunks))
            try:
                result.count(run_chunk(project, chunk))
            except LivingLabError as error:
                result.failures.append((f"{level} {chunk['lab']} {chunk['label']}", error))
    return result
