"""The part of a registry that can matter to a window, as canonical text to be hashed.

What is clipped away or left out cannot change the window's output; everything else can, and a hash
of the text tells whether it did. A `valid_to` after a window does not change the window's slice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isinf
from typing import Any

from livinglab.registry import Device, Registry, quality_for


def config_slice(registry: Registry, lab: str, theme: str, start_ns: int, end_ns: int) -> str:
    """Canonical JSON of the rows that can matter to `clean` in [start_ns, end_ns).

    Devices of the lab that measure the theme, with model, step and height; calibrations and manual
    flags of their quantities; thresholds; the quantities. Periods are clipped to the window. Texts
    (labels, reasons, evidence), positions and areas are left out: they change no clean value.

    Give the window with its margins: flags look at neighbours outside the window proper.

    Parameters
    ----------
    registry : Registry
    lab, theme : str
    start_ns, end_ns : int
        UTC ns.
    """
    window = (start_ns, end_ns)
    devices = registry.devices_in(lab, start_ns, end_ns)
    measured = {device: quantities_of(registry, device, theme) for device in devices}
    present = [device for device in devices if measured[device]]
    names = {device.id for device in present}
    used = {quantity for device in present for quantity in measured[device]}
    content = {
        "lab": lab,
        "theme": theme,
        "zone": registry.labs[lab].timezone,
        "quality": registry.quality["themes"].get(theme, {}),
        "quantities": {name: _quantity(registry, name) for name in used},
        "devices": [_device(registry, row, measured[row], window) for row in present],
        "calibrations": _calibrations(registry, names, used, window),
        "flags": _flags(registry, names, used, window),
    }
    return _canonical(content)


def indicator_slice(registry: Registry, lab: str, theme: str, start_ns: int, end_ns: int) -> str:
    """Canonical JSON of the rows that can matter to `indicators` in [start_ns, end_ns).

    The theme's indicators with function, parameters, coverage, flags and margins (no labels, no
    limits: a limit is compared with a result, it is not in it); which device stands in which area,
    with its step, clipped to the window.
    """
    rows = [
        {
            "device": device.id,
            "area": device.area,
            "step_s": device.step_s,
            "quantities": quantities_of(registry, device, theme),
            **_clipped(device.from_ns, device.to_ns, (start_ns, end_ns)),
        }
        for device in registry.devices_in(lab, start_ns, end_ns)
    ]
    indicators = {
        row.id: {
            "function": row.function,
            "quantities": row.quantities,
            "parameters": row.parameters,
            "period": row.period,
            "coverage": row.coverage,
            "area_rule": row.area_rule,
            "flags": row.flags,
            "margin_h": [row.before_h, row.after_h],
            "needs": row.needs,
            "step_divides_s": row.step_divides_s,
        }
        for row in registry.indicators.values()
        if row.theme == theme
    }
    content = {
        "lab": lab,
        "theme": theme,
        "zone": registry.labs[lab].timezone,
        "indicators": indicators,
        "devices": [row for row in rows if row["quantities"]],
    }
    return _canonical(content)


def quantities_of(registry: Registry, device: Device, theme: str) -> list[str]:
    """Quantities of a theme that the model of a device row can send, sorted."""
    model = registry.models[device.model]
    names = {key.quantity for key in model.keys.values()}
    return sorted(name for name in names if registry.quantities[name].theme == theme)


def _quantity(registry: Registry, name: str) -> dict[str, Any]:
    row = registry.quantities[name]
    return {"unit": row.unit, "kind": row.kind, "aggregation": row.aggregation}


def _device(
    registry: Registry, row: Device, quantities: Iterable[str], window: tuple[int, int]
) -> dict[str, Any]:
    return {
        "id": row.id,
        "model": row.model,
        "height_m_nap": row.height_m_nap,
        "thresholds": {name: quality_for(registry, name, row) for name in quantities},
        **_clipped(row.from_ns, row.to_ns, window),
    }


def _calibrations(
    registry: Registry, devices: set[str], quantities: set[str], window: tuple[int, int]
) -> list[dict[str, Any]]:
    return [
        {
            "device": row.device,
            "quantity": row.quantity,
            "method": row.method,
            "parameters": row.parameters,
            **_clipped(row.from_ns, row.to_ns, window),
        }
        for row in registry.calibrations
        if row.device in devices
        and row.quantity in quantities
        and _overlaps(row.from_ns, row.to_ns, window)
    ]


def _flags(
    registry: Registry, devices: set[str], quantities: set[str], window: tuple[int, int]
) -> list[dict[str, Any]]:
    return [
        {
            "device": row.device,
            "quantity": row.quantity,
            "flag": row.flag,
            **_clipped(row.from_ns, row.to_ns, window),
        }
        for row in registry.flags
        if row.device in devices
        and (row.quantity == "*" or row.quantity in quantities)
        and _overlaps(row.from_ns, row.to_ns, window)
    ]


def _overlaps(from_ns: int, to_ns: int | None, window: tuple[int, int]) -> bool:
    return from_ns < window[1] and (to_ns is None or to_ns > window[0])


def _clipped(from_ns: int, to_ns: int | None, window: tuple[int, int]) -> dict[str, int]:
    start_ns, end_ns = window
    last = end_ns if to_ns is None else min(to_ns, end_ns)
    return {"from_ns": max(from_ns, start_ns), "to_ns": last}


def _canonical(content: object) -> str:
    return json.dumps(
        _plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _plain(value: Any) -> Any:
    """The same for json: read-only mappings as dicts, infinite bounds as null."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and isinf(value) else value
