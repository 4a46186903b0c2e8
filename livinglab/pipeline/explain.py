"""Explain a number: from an indicator to its window, readings, flags, calibrations and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from livinglab.errors import DataError
from livinglab.flags import TESTS, Flag
from livinglab.model import Point
from livinglab.pipeline.chunks import moment_of
from livinglab.pipeline.cleaning import Rules
from livinglab.pipeline.explanation import Explanation, SeriesPart, WindowPart
from livinglab.pipeline.freshness import assess
from livinglab.pipeline.reasons import described
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import Record, read_info, read_records
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import CLEAN, INDICATORS, LONGEST, Target, Window
from livinglab.positions import published_position
from livinglab.project import Project
from livinglab.registry import Device, Indicator
from livinglab.timeline import DAY_NS, HOUR_NS, civil_date, civil_day, parse_instant, to_text
from transforms.intervals import years


def explain(
    project: Project,
    lab: str,
    indicator: str,
    area: str,
    time_ns: int,
    *,
    now_ns: int | None = None,
) -> Explanation:
    """Where the value of an indicator at a time comes from.

    Parameters
    ----------
    indicator : str
        Id in indicators.yaml.
    time_ns : int
        Any instant in the interval of the value, UTC ns.
    now_ns : int, optional
        Up to when windows are expected; by default the clock.

    Raises
    ------
    DataError
        If there is no such indicator, area or value; says what there is instead.
    """
    scope = Scope(project.registry)
    row = _indicator(scope, lab, indicator)
    point, interval = _value_at(project, scope, row, lab, area, time_ns)
    target = Target(row.level, lab, row.theme.value)
    before, after = row.before_h * HOUR_NS, row.after_h * HOUR_NS
    reads = Window(interval.start_ns - before, interval.end_ns + after)
    # A year belongs to the window that it shares most with, whatever the zone of the lab.
    inside = sum(interval) // 2 if row.of else interval.start_ns
    first = Window(inside, inside + 1)
    above = _windows(project, scope, target, first, now_ns)
    upstream = Target(INDICATORS if row.of else CLEAN, lab, row.theme.value)
    below = _windows(project, scope, upstream, reads, now_ns)
    value = point.fields.get("value")
    return Explanation(
        lab=lab,
        area=area,
        indicator=row,
        interval=interval,
        reads=reads,
        value=None if value is None else float(value),
        coverage=float(point.fields["coverage"]),
        n=int(point.fields["n"]),
        status=str(point.fields["status"]),
        windows=(*above, *below),
        series=tuple(_series(project, scope, row, (lab, area), reads)),
    )


def instant_of(project: Project, lab: str, indicator: str, text: str) -> int:
    """Instant that a person means by a text, for `explain`; a bare date means that day's value.

    A legal air day begins an hour after the civil day in summer: its date is that of its noon.

    Raises
    ------
    DataError
        If the text is no time, or there is no such lab or indicator.
    """
    scope = Scope(project.registry)
    row = _indicator(scope, lab, indicator)
    try:
        instant = parse_instant(text, scope.zone(lab))
    except ValueError as error:
        hint = "write 2025-08-31 or 2025-08-31T12:00 (local) or 2025-08-31T10:00:00Z"
        raise DataError(f"{text!r} is no time: {error}", hint=hint) from error
    is_date = len(text) == len("2025-08-31")
    return instant + 12 * HOUR_NS if is_date and row.period != "hour" else instant


def _indicator(scope: Scope, lab: str, name: str) -> Indicator:
    labs, indicators = scope.registry.labs, scope.registry.indicators
    if lab not in labs:
        raise DataError(f"no lab {lab!r}", hint=f"one of {', '.join(sorted(labs))}")
    if name not in indicators:
        raise DataError(f"no indicator {name!r}", hint=f"one of {', '.join(sorted(indicators))}")
    return indicators[name]


def _value_at(
    project: Project, scope: Scope, row: Indicator, lab: str, area: str, time_ns: int
) -> tuple[Point, Window]:
    """The stored value whose interval holds a time, and that interval."""
    tags = {"lab": lab, "area": area, "indicator": row.id}
    zone = scope.zone(lab)
    longest = time_ns - LONGEST[row.level] - DAY_NS
    points = project.store.points("indicators", row.theme.value, longest, time_ns + 1, tags)
    for point in reversed(list(points)):
        interval = interval_of(row, point.time_ns, zone)
        if interval.start_ns <= time_ns < interval.end_ns:
            return point, interval
    known = project.store.series("indicators", row.theme.value, {"lab": lab, "indicator": row.id})
    areas = ", ".join(dict.fromkeys(key.tags[1] for key in known)) or "none"
    raise DataError(
        f"{row.id} of {area} ({lab}) has no row at {to_text(time_ns)}",
        hint=f"areas with values: {areas}; `livinglab stale` lists windows that are not computed",
    )


def interval_of(row: Indicator, start_ns: int, zone: str) -> Window:
    """Interval that an indicator's value at `start_ns` is about."""
    if row.period == "hour":
        return Window(start_ns, start_ns + HOUR_NS)
    if row.period == "day_utc1":
        return Window(start_ns, start_ns + DAY_NS)
    if row.of:
        start = pd.Timestamp(start_ns, tz="UTC")
        return Window(*years(start, start + pd.Timedelta(1), zone, row.period).span_ns)
    return Window(*civil_day(civil_date(start_ns, zone), zone))


def _windows(
    project: Project, scope: Scope, target: Target, span: Window, now_ns: int | None
) -> list[WindowPart]:
    """The windows of a target that overlap a span, with what is known about each."""
    recipe = recipe_of(scope, target)
    assessed = assess(project.store, recipe, span, moment_of(project, now_ns))
    if not assessed:
        return []
    stale = described(project.store, scope, [row for _, row in assessed if row is not None])
    reasons = {verdict.window: verdict.reason for verdict in stale}
    step, whole = scope.step(target), Window(assessed[0][0].start_ns, assessed[-1][0].end_ns)
    found = read_records(project.store, target, *whole)
    records = {row.start_ns: row for row in found if row.step == step}
    info = read_info(project.store, target, step, whole)
    return [
        _part(target, window, records.get(window.start_ns), info.get(window.start_ns, {}), reasons)
        for window, _ in assessed
    ]


def _part(
    target: Target,
    window: Window,
    record: Record | None,
    info: dict[str, Any],
    reasons: dict[Window, str],
) -> WindowPart:
    return WindowPart(
        level=target.level,
        window=window,
        run="" if record is None else record.run,
        code=str(info.get("code", "")),
        registry=str(info.get("registry", "")),
        reason=str(info.get("reason", "")),
        computed=str(info.get("computed", "")),
        state=f"stale ({reasons[window]})" if window in reasons else "fresh",
    )


def _series(
    project: Project, scope: Scope, row: Indicator, place: tuple[str, str], reads: Window
) -> list[SeriesPart]:
    """What the devices of an area contributed to an indicator."""
    lab, area = place
    theme = row.theme.value
    parts = []
    for device in scope.rows(lab, theme):
        here = Window(
            max(reads.start_ns, device.from_ns),
            min(reads.end_ns, reads.end_ns if device.to_ns is None else device.to_ns),
        )
        if device.area != area or here.start_ns >= here.end_ns:
            continue
        for quantity, channel in scope.measured(device.model, theme):
            if quantity in row.quantities:
                parts.append(_part_of(project, scope, row, device, (quantity, channel), here))
    return parts


def _part_of(
    project: Project,
    scope: Scope,
    row: Indicator,
    device: Device,
    what: tuple[str, str],
    here: Window,
) -> SeriesPart:
    quantity, channel = what
    theme = row.theme.value
    tags = {"device": device.id, "channel": channel}
    raw = project.store.frame("raw", theme, *here, tags, [quantity])
    tags |= {"lab": device.lab, "quantity": quantity}
    clean = project.store.frame("clean", theme, *here, tags, ["flag", "tests"])
    is_out = ~clean["flag"].isin(row.flags)
    rules = Rules(scope, theme, {device.id}, here)
    return SeriesPart(
        device=device.id,
        channel=channel,
        quantity=quantity,
        model=device.model,
        place=_place(device),
        raw=len(raw),
        used=int((~is_out).sum()),
        excluded=_per_flag(clean.loc[is_out, "flag"].tolist()),
        tests=_per_test(clean.loc[is_out, "tests"].tolist()),
        calibrations=tuple(
            f"{each.method} {dict(each.parameters)} from {to_text(each.from_ns)} ({each.evidence})"
            for each in rules.calibrations
            if each.quantity == quantity
        ),
        manual=tuple(
            f"flag {each.flag} from {to_text(each.from_ns)} to {to_text(each.to_ns)}: "
            f"{each.reason} ({each.author})"
            for each in rules.flags
            if each.quantity in {"*", quantity}
        ),
    )


def _place(device: Device) -> str:
    """Where a device is, as everybody may know it: an explanation is shown to others."""
    position = published_position(device)
    about = "about " if position.is_coarsened else ""
    return f"{device.area}, {about}RD {position.x_rd:.0f} {position.y_rd:.0f}"


def _per_flag(flags: Sequence[int]) -> dict[str, int]:
    counts = Counter(Flag(int(flag)).name.lower() for flag in flags)
    return dict(sorted(counts.items()))


def _per_test(texts: Sequence[str]) -> dict[str, int]:
    objecting = str(int(Flag.SUSPECT)), str(int(Flag.FAIL))
    counts = Counter(
        name
        for text in texts
        for name, digit in zip(TESTS, text, strict=False)
        if digit in objecting
    )
    return dict(sorted(counts.items()))
