"""What stands beside an answer: what it is, what its flags mean, whose it is, what computed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from livinglab import __version__
from livinglab.errors import StoreAuthError
from livinglab.flags import TESTS, Flag
from livinglab.question import Request
from livinglab.registry import Calibration, Indicator, ManualFlag, Quantity, Registry
from livinglab.regular import LEAST_COVERAGE
from livinglab.timeline import DAY_NS, to_text

if TYPE_CHECKING:
    from livinglab.project import Project

#: What each flag says of a value, in words for people who have never heard of QARTOD.
FLAG_MEANINGS: Final = {
    Flag.GOOD: "good: at least one test ran and none objects",
    Flag.UNKNOWN: "not evaluated: no test could run",
    Flag.SUSPECT: "suspect: a test finds it unusual",
    Flag.FAIL: "fail: physically impossible, or refused by a person",
    Flag.MISSING: "missing: expected and not received",
}
TIME: Final = "UTC, start of the interval that the value covers; windows are half-open"


def attributes(project: Project, request: Request) -> dict[str, Any]:
    """Everything a reader needs to use and defend an answer; plain JSON.

    `registry_version` and `code_version` are those that read, `calibrations` and `manual_flags`
    what that registry says; `computed_with` are the versions that computed what was read: several
    where a long period was computed over time.
    """
    lab = project.registry.labs[request.lab]
    named = request.named(project.registry)
    return {
        "lab": lab.id,
        "level": request.level,
        **(_of_indicator(named) if isinstance(named, Indicator) else _of_quantity(named, request)),
        **(_judgements(project.registry, request) if request.level != "raw" else {}),
        "time": TIME,
        "start": to_text(request.start_ns),
        "end": to_text(request.end_ns),
        "timezone": lab.timezone,
        "licence": lab.licence,
        "attribution": lab.attribution,
        "contact": lab.contact,
        "note": lab.data_note,
        "registry_version": project.registry.version,
        "code_version": __version__,
        "computed_with": _computed_with(project, request, named),
    }


def _of_quantity(quantity: Quantity, request: Request) -> dict[str, Any]:
    said: dict[str, Any] = {
        "quantity": quantity.name,
        "label": quantity.label_en,
        "description": quantity.description,
        "unit": quantity.unit,
        "aggregation": str(quantity.aggregation),
    }
    if request.every:
        said |= {"every": request.every, "least_coverage": LEAST_COVERAGE}
    if request.level == "raw":
        return said
    return said | {
        "flags": sorted(request.flags),
        "flag_meanings": {str(int(flag)): meaning for flag, meaning in FLAG_MEANINGS.items()},
        "tests": list(TESTS),
    }


def _judgements(registry: Registry, request: Request) -> dict[str, list[dict[str, Any]]]:
    """Calibrations and manual flags of the devices in the window."""
    named = request.named(registry)
    wanted = set(named.quantities if isinstance(named, Indicator) else (named.name,))
    rows = request.devices(registry)
    devices = {row.id for row in rows}
    for row in rows:  # what a level is made of is calibrated under its own name
        derives = registry.models[row.model].derives
        wanted |= {derives[name] for name in wanted if name in derives}
    return {
        "calibrations": [
            {
                **_period(row),
                "method": row.method,
                "parameters": dict(row.parameters),
                "barometer": row.barometer,
                "evidence": row.evidence,
            }
            for row in registry.calibrations
            if row.device in devices and row.quantity in wanted and _holds(row, request)
        ],
        "manual_flags": [
            {**_period(row), "flag": int(row.flag), "reason": row.reason}
            for row in registry.flags
            if row.device in devices and row.quantity in {*wanted, "*"} and _holds(row, request)
        ],
    }


def _holds(row: Calibration | ManualFlag, request: Request) -> bool:
    is_open = row.to_ns is None or row.to_ns > request.start_ns
    return row.from_ns < request.end_ns and is_open


def _period(row: Calibration | ManualFlag) -> dict[str, Any]:
    return {
        "device": row.device,
        "quantity": row.quantity,
        "valid_from": to_text(row.from_ns),
        "valid_to": None if row.to_ns is None else to_text(row.to_ns),
    }


def _of_indicator(indicator: Indicator) -> dict[str, Any]:
    return {
        "indicator": indicator.id,
        "quantities": list(indicator.quantities),
        **({"computed_from": list(indicator.of)} if indicator.of else {}),
        "label": indicator.label_en,
        "description": indicator.definition,
        "source": indicator.source,
        "unit": indicator.unit,
        "period": indicator.period,
        "least_coverage": indicator.coverage,
        "area_rule": indicator.area_rule,
        "flags": sorted(int(flag) for flag in indicator.flags),
        "flag_meanings": {str(int(flag)): meaning for flag, meaning in FLAG_MEANINGS.items()},
    }


def _computed_with(
    project: Project, request: Request, named: Quantity | Indicator
) -> list[dict[str, str]] | None:
    """Registry and code versions of the runs behind the answer.

    None where that cannot be said: raw values are not computed, and a token for researchers need
    not open the run records.
    """
    if request.level == "raw":
        return None
    level = named.level if isinstance(named, Indicator) else request.level
    tags = {"level": level, "lab": request.lab, "theme": named.theme}
    found: set[tuple[str, str]] = set()
    # A window that begins a day earlier may reach in. Months: a year has 9 000 records of hours.
    starts = range(request.start_ns - DAY_NS, request.end_ns, 31 * DAY_NS)
    try:
        for start in starts:
            until = min(start + 31 * DAY_NS, request.end_ns)
            records = project.store.points("ops", "window", start, until, tags)
            found.update(
                _versions(point.fields["info"]) for point in records if "info" in point.fields
            )
    except StoreAuthError:
        return None
    return [{"registry_version": one, "code_version": other} for one, other in sorted(found)]


def _versions(info: object) -> tuple[str, str]:
    said = json.loads(str(info))
    return str(said["registry"]), str(said["code"])
