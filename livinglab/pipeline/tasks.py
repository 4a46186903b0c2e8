"""What the DAG files call: plain arguments in, plain JSON out, one project per task."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any, TypedDict

from livinglab.errors import LivingLabError, PipelineError
from livinglab.pipeline.chunks import Chunk, plan, run_chunk
from livinglab.pipeline.records import ALWAYS
from livinglab.pipeline.windows import YEARS, Window
from livinglab.project import Project
from livinglab.timeline import DAY_NS, HOUR_NS, civil_day, floor_hour, parse_instant, to_text


class Batch(TypedDict):
    """Chunks that one task rebuilds: those of a lab that begin in the same month.

    A task costs about a second before it computes anything, a chunk a tenth of that.
    """

    label: str
    chunks: list[Chunk]


def plan_for_run(
    level: str,
    lab: str,
    *,
    days: int | None = None,
    now: str | None = None,
    window: str = "",
    key: str | None = None,
) -> list[Batch]:
    """What a run of a DAG has to rebuild, one item per task.

    Parameters
    ----------
    days : int, optional
        How far back to look for stale windows; all history by default.
    now : str, optional
        RFC 3339 time up to which windows are expected; by default the clock.
    window : {"", "hour", "day"}
        With `key`: rebuild what the key names, by force; the years that hold it, if that made them
        stale. "" = whatever is stale.
    key : str, optional
        Start of a UTC hour ("2026-11-22T03:00:00Z") or a civil date ("2026-11-22").

    Raises
    ------
    PipelineError
        If the key is no hour or date, or `now` no instant.
    """
    project = Project.open()
    try:
        now_ns = _moment(now) if now else project.registry.settings.now_ns
        if window and key:
            zone = project.registry.labs[lab].timezone
            span = _named(window, key, zone)
        else:
            span = ALWAYS if days is None else Window(now_ns - days * DAY_NS, now_ns)
        chunks = plan(
            project,
            level,
            labs=[lab],
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            now_ns=now_ns,
            reason=f"asked for {key}" if key else "",
            force=bool(window and key) and level != YEARS,
        )
        return _batches(chunks)
    finally:
        project.close()


def _moment(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise PipelineError(
            f"the parameter `now` is {text!r}, which is no instant: {error}",
            hint='write it as "2025-09-05T10:00:00Z", or leave it empty for the clock',
        ) from error


def _batches(chunks: list[Chunk]) -> list[Batch]:
    months: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        # The middle decides: a civil month begins in the UTC month before it.
        first, last = chunk["ranges"][0][0], chunk["ranges"][-1][1]
        months.setdefault(to_text((first + last) // 2)[:7], []).append(chunk)
    return [
        Batch(label=f"{month}: {', '.join(chunk['theme'] for chunk in group)}", chunks=group)
        for month, group in sorted(months.items())
    ]


def _named(window: str, key: str, zone: str) -> Window:
    try:
        if window == "day":
            return Window(*civil_day(date.fromisoformat(key[:10]), zone))
        start = floor_hour(parse_instant(key))
    except ValueError as error:
        raise PipelineError(
            f"{key!r} names no {window}",
            hint='an hour is "2026-11-22T03:00:00Z", a civil day "2026-11-22"',
        ) from error
    return Window(start, start + HOUR_NS)


def rebuild_for_run(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Rebuild the chunks of a batch; returns their summaries as plain JSON.

    A chunk that fails does not keep the others from being computed; the errors are raised at the
    end, the first of the gravest kind with the others as its notes.
    """
    project = Project.open()
    errors: list[LivingLabError] = []
    summaries = []
    try:
        for chunk in batch["chunks"]:
            try:
                summaries.append(asdict(run_chunk(project, chunk)))
            except LivingLabError as error:
                errors.append(error)
    finally:
        project.close()
    if errors:
        # One that waiting cannot help goes first: a retry would only repeat it.
        first, *others = sorted(errors, key=lambda error: error.transient)
        for other in others:
            first.add_note(f"also: {other}")
        raise first
    return summaries
