"""What is stored about an experiment: its result, where it comes from, the days behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from livinglab.errors import DataError
from livinglab.flags import Flag
from livinglab.pipeline.chunks import moment_of
from livinglab.pipeline.experiments import daily_mean, day_zone, on_dates
from livinglab.pipeline.freshness import assess
from livinglab.pipeline.reasons import described
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.records import ALWAYS, read_info
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import EXPERIMENT, Target, Window
from livinglab.project import Project
from livinglab.registry import Experiment
from livinglab.timeline import civil_date, parse_instant

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored result and its provenance.

    Parameters
    ----------
    experiment : Experiment
        The design as configured now.
    record : dict
        The result, as `livinglab.pipeline.experiments` wrote it.
    registry, code, computed : str
        Versions that computed it, and when.
    state : str
        "fresh", or why it is stale.
    interim : str
        The design's date while it has not come, else "". The record then holds estimate and
        interval, but no p value and no verdict: whoever looks every day finds something one day.
    designs : tuple of mapping
        Design digest and headline of every design under which a result was computed here, the
        present one last: more than one means that the design was changed after data were seen.
    """

    experiment: Experiment
    record: dict[str, Any]
    registry: str
    code: str
    computed: str
    state: str
    interim: str = ""
    designs: tuple[Mapping[str, str], ...] = ()

    @property
    def earlier(self) -> tuple[str, ...]:
        """Headlines seen under designs that were changed afterwards, oldest first."""
        return tuple(each["headline"] for each in self.designs[:-1])

    @property
    def is_readable(self) -> bool:
        """Whether the record has what reports of this version tell."""
        return {"others", "calibrations"} <= self.record.keys()

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """Records of all outcomes, the primary one first."""
        return [self.record, *self.record["others"]]


def find_experiment(project: Project, lab: str, name: str) -> Experiment:
    """The design of an experiment.

    Raises
    ------
    DataError
        If there is no such lab or experiment, saying what there is.
    """
    labs = project.registry.labs
    if lab not in labs:
        raise DataError(f"no lab {lab!r}", hint=f"one of {', '.join(sorted(labs))}")
    known = labs[lab].experiments
    if name not in known:
        there = ", ".join(sorted(known)) or "none; a file in its folder experiments/ makes one"
        raise DataError(f"lab {lab!r} has no experiment {name!r}", hint=f"it has {there}")
    return known[name]


def stored_result(
    project: Project, experiment: Experiment, now_ns: int | None = None
) -> Stored | None:
    """The stored result of an experiment, None where there is none yet."""
    tags = {"lab": experiment.lab, "experiment": experiment.id}
    points = list(project.store.points("ops", "experiment", 0, 1, tags))
    if not points:
        return None
    scope = Scope(project.registry)
    target = Target(EXPERIMENT, experiment.lab, experiment.id)
    found = assess(project.store, recipe_of(scope, target), ALWAYS, moment_of(project, now_ns))
    stale = described(
        project.store, scope, [verdict for _, verdict in found if verdict is not None]
    )
    info = read_info(project.store, target, scope.step(target), ALWAYS)
    newest = info[max(info)] if info else {}
    now = project.registry.settings.now_ns if now_ns is None else now_ns
    today = civil_date(now, project.registry.labs[experiment.lab].timezone).isoformat()
    interim = experiment.stop if today < experiment.stop else ""
    record = json.loads(str(points[0].fields["result"]))
    return Stored(
        experiment=experiment,
        record=without_claims(record, interim) if interim else record,
        interim=interim,
        designs=tuple(
            each | {"headline": f"withheld until {interim}"} if interim else each
            for each in newest.get("designs", ())
        ),
        registry=str(newest.get("registry", "unknown")),
        code=str(newest.get("code", "unknown")),
        computed=str(newest.get("computed", "unknown")),
        state=stale[0].reason if stale else "fresh",
    )


def without_claims(record: Mapping[str, Any], stop: str) -> dict[str, Any]:
    """A record before the date of its design: no p value, verdict or reason, also of others.

    Examples
    --------
    >>> early = without_claims({"estimate": {"p": 0.01, "effect": 2.0}, "verdict": "effect shown"},
    ...                        "2026-09-01")
    >>> early["estimate"], early["headline"]
    ({'p': None, 'effect': 2.0}, 'interim: no verdict before 2026-09-01')
    """
    masked = {
        name: None if name == "p_adjusted" else _without_p(value)
        for name, value in record.items()
        if name != "others"
    }
    told = f"The design fixes {stop} as the date of its result; until then nothing is concluded."
    if record.get("relevant"):
        masked["relevant"] = {**record["relevant"], "visible": None, "interval": None}
    masked |= {
        "verdict": "interim",
        "headline": f"interim: no verdict before {stop}",
        "reasons": [told],
        "checks": [row for row in record.get("checks", ()) if row["name"] not in _TELLING],
        "others": [without_claims(each, stop) for each in record.get("others", ())],
    }
    return masked


#: Checks whose sentence gives away whether an effect is shown.
_TELLING: Final = frozenset({"pre-trend", "event study", "direction", "second opinions"})


def _without_p(value: Any) -> Any:
    if isinstance(value, dict):
        names = ("p", "p_adjusted")
        return {key: None if key in names else _without_p(part) for key, part in value.items()}
    return [_without_p(part) for part in value] if isinstance(value, list) else value


def require_result(project: Project, lab: str, name: str, now_ns: int | None = None) -> Stored:
    """The stored result of an experiment.

    Raises
    ------
    DataError
        If there is no such experiment, or it has not been evaluated by this version.
    """
    experiment = find_experiment(project, lab, name)
    stored = stored_result(project, experiment, now_ns)
    command = f"livinglab run experiment {lab} {name}"
    if stored is None:
        raise DataError(
            f"experiment {name!r} has no result yet",
            hint=f"it is evaluated after {experiment.after[1]}; then `livinglab reconcile`",
        )
    if not stored.is_readable:
        hint = f"`{command}` or `livinglab reconcile` evaluates it again"
        raise DataError(f"the result of {name!r} was written by an older version", hint=hint)
    return stored


def daily_sides(project: Project, experiment: Experiment, indicator: str) -> pd.DataFrame:
    """Daily values of both sides on every civil date from the first to the last day.

    Returns
    -------
    DataFrame
        Index naive date; `treated`, `control`, `difference` (without a control area NaN), all NaN
        on days on which an area of the side has no value.
    """
    import pandas as pd  # noqa: PLC0415 - reports alone need it

    row = project.registry.indicators[indicator]
    lab = project.registry.labs[experiment.lab]
    window = [
        parse_instant(day, lab.timezone) for day in (experiment.before[0], experiment.after[1])
    ]
    areas = sorted({*experiment.treated, *experiment.control})
    tags = {"lab": lab.id, "indicator": row.id, "area": areas}
    frame = project.store.frame("indicators", row.theme, window[0], window[1], tags, ["value"])
    zone = day_zone(row, lab.timezone)
    days = pd.date_range(experiment.before[0], experiment.after[1], inclusive="left", unit="ns")
    table = pd.DataFrame(index=days)
    for side, group in (("treated", experiment.treated), ("control", experiment.control)):
        values = on_dates(daily_mean(frame, group), zone) if group else None
        table[side] = float("nan") if values is None else values.reindex(days)
    return table.assign(difference=table["treated"] - table["control"])


def phases_of(experiment: Experiment, zone: str) -> dict[str, Window]:
    """Phases as windows in UTC ns."""
    return {
        name: Window(*(parse_instant(day, zone) for day in phase))
        for name, phase in (("before", experiment.before), ("after", experiment.after))
    }


def flag_counts(project: Project, experiment: Experiment) -> list[tuple[str, str, str, int, int]]:
    """How many values of the primary outcome's quantities were left out, as the store is now.

    Returns
    -------
    list of (side, phase, flag, values, of)
        One row per side, phase and flag that the indicator does not accept; read month by month.
    """
    row = project.registry.indicators[experiment.indicator]
    lab = project.registry.labs[experiment.lab]
    found = []
    for side, areas in (("treated", experiment.treated), ("control", experiment.control)):
        devices = sorted({d.id for d in project.registry.devices if d.area in areas})
        for phase, window in phases_of(experiment, lab.timezone).items():
            counts = _flags(project, lab.id, devices, row, window) if devices else {}
            total = sum(counts.values())
            out = {flag: n for flag, n in counts.items() if flag not in row.flags}
            for flag, n in sorted(out.items()) or [(0, 0)]:
                name = Flag(flag).name.lower() if flag else "none"
                found.append((side, phase, name, n, total))
    return found


def _flags(
    project: Project, lab: str, devices: list[str], row: Any, window: Window
) -> dict[int, int]:
    tags = {"lab": lab, "device": devices, "quantity": list(row.quantities)}
    counts: dict[int, int] = {}
    chunks = project.store.frames("clean", row.theme, *window, tags, ["flag"], chunk_s=31 * 86_400)
    for frame in chunks:
        flags = frame["flag"].astype("int64")
        for flag in flags.unique().tolist():
            counts[flag] = counts.get(flag, 0) + int((flags == flag).sum())
    return counts


def last_day(end: str) -> str:
    """The day before a civil date: the last one of a half-open phase.

    Examples
    --------
    >>> last_day("2025-09-01")
    '2025-08-31'
    """
    return (date.fromisoformat(end) - timedelta(days=1)).isoformat()
