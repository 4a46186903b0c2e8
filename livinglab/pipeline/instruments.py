"""Whether the same sensors, with the same calibration, measured in both phases of an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from livinglab.pipeline.scope import OPEN, Scope
from livinglab.pipeline.windows import Window
from livinglab.registry import Calibration, Device
from livinglab.timeline import to_text

#: What of a calibration or a device row says nothing about what is measured.
_SILENT = frozenset({"row", "from_ns", "to_ns", "evidence", "owner", "privacy"})


def changed_instruments(
    scope: Scope,
    lab: str,
    areas: Sequence[str],
    quantities: Sequence[str],
    phases: Sequence[Window],
) -> str:
    """First change of sensors or calibrations of some areas within the phases; "" for none.

    What changes in the transition between the phases changes between them as well: the days before
    and the days after would then be measured with something else.
    """
    rows = [row for row in scope.registry.devices if row.lab == lab and row.area in areas]
    rows = [row for row in rows if quantities[0] in _measured(scope, row)]
    devices = {row.id for row in rows}
    calibrations = [
        row
        for row in scope.registry.calibrations
        if row.device in devices and row.quantity in quantities
    ]
    for named, group in _groups(rows, calibrations):
        told = _first_change(group, phases)
        if told:
            return f"{named} {told}: the contrast would compare sensors, not places."
    return ""


def _measured(scope: Scope, row: Device) -> frozenset[str]:
    model = scope.registry.models[row.model]
    return frozenset({key.quantity for key in model.keys.values()} | set(model.derives))


def _groups(
    rows: Sequence[Device], calibrations: Sequence[Calibration]
) -> Iterator[tuple[str, list[Device | Calibration]]]:
    for name in sorted({row.id for row in rows}):
        yield f"The sensor {name}", [row for row in rows if row.id == name]
    for device, quantity in sorted({(row.device, row.quantity) for row in calibrations}):
        pair = [row for row in calibrations if (row.device, row.quantity) == (device, quantity)]
        yield f"The calibration of {quantity} of {device}", list(pair)


def _first_change(rows: Sequence[Device | Calibration], phases: Sequence[Window]) -> str:
    """When what is in force differs from what was in force on the first day."""
    bounds = {
        bound for row in rows for bound in (row.from_ns, OPEN if row.to_ns is None else row.to_ns)
    }
    inside = {at for at in bounds for phase in phases if phase.start_ns < at < phase.end_ns}
    times = sorted({*(phase.start_ns for phase in phases), *inside})
    states = [_in_force(rows, at) for at in times]
    for at, state in zip(times, states, strict=True):
        if state != states[0]:
            return f"is not the same from {to_text(at)} on"
    return ""


def _in_force(rows: Sequence[Device | Calibration], at: int) -> list[dict[str, Any]]:
    found = (row for row in rows if row.from_ns <= at and (row.to_ns is None or at < row.to_ns))
    return [
        {name: value for name, value in _plain(row).items() if name not in _SILENT} for row in found
    ]


def _plain(row: Device | Calibration) -> dict[str, Any]:
    if isinstance(row, Device):
        return asdict(row)
    parameters = tuple(sorted(row.parameters.items()))
    return {"method": row.method, "parameters": parameters, "barometer": row.barometer}
