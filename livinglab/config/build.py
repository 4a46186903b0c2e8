"""From a tree to the registry: units, positions and defaults resolved, everything immutable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from livinglab.config.findings import Findings
from livinglab.config.frozen import frozen
from livinglab.config.resolve_catalogue import (
    resolve_indicator,
    resolve_model,
    resolve_quality,
    resolve_quantity,
)
from livinglab.config.resolve_labs import (
    PlaceOf,
    resolve_calibrations,
    resolve_devices,
    resolve_flags,
    resolve_history,
    resolve_lab,
)
from livinglab.config.settings import Settings
from livinglab.config.tree import Tree
from livinglab.registry import Registry


def build_registry(
    tree: Tree, settings: Settings, place_of: PlaceOf, findings: Findings
) -> Registry:
    """The registry of a tree; what cannot be resolved is noted and left out.

    Only a registry built without findings may leave the loader.
    """
    canonical = canonical_json(tree)
    quantities = {name: resolve_quantity(name, spec) for name, spec in tree.quantities.items()}
    models = {
        name: resolve_model(name, spec, quantities, place_of("models", name), findings)
        for name, spec in tree.models.items()
    }
    areas = [area for part in tree.labs.values() for area in part.lab.areas]
    households = {area.id: area.households for area in areas if area.households is not None}
    devices = resolve_devices(tree, models, place_of, findings)
    return Registry(
        version=hashlib.sha256(canonical.encode()).hexdigest()[:16],
        canonical=canonical,
        settings=settings,
        quantities=frozen(quantities),
        models=frozen(models),
        labs=frozen({name: resolve_lab(name, part) for name, part in tree.labs.items()}),
        indicators=frozen(
            {
                name: resolve_indicator(name, row, tree.indicators, households)
                for name, row in tree.indicators.items()
            }
        ),
        quality=resolve_quality(tree),
        devices=devices,
        calibrations=resolve_calibrations(tree, place_of),
        flags=resolve_flags(tree, place_of),
        history=resolve_history(devices),
    )


def canonical_json(tree: Tree) -> str:
    """The content of a tree as one text: equal for equal content, in whatever order it is written.

    Where order says nothing, rows are sorted here; positions, units and times stand as configured,
    not as resolved, so that the text does not depend on the machine.
    """
    content = tree.model_dump(mode="json", exclude_none=False)
    for part in content["labs"].values():
        for rows in ("devices", "calibrations", "flags"):
            part[rows] = _sorted_json(part[rows])
        lab = part["lab"]
        lab["routes"], lab["areas"] = _sorted_json(lab["routes"]), _sorted_json(lab["areas"])
        lab["cbs_codes"] = sorted(lab["cbs_codes"])
        for design in part["experiments"].values():
            design["treated"], design["control"] = (
                sorted(design["treated"]),
                sorted(design["control"]),
            )
    for indicator in content["indicators"].values():
        indicator["flags"] = sorted(indicator["flags"])
    for quantity in content["quantities"].values():
        quantity["accepts"] = sorted(quantity["accepts"])
    for model in content["models"].values():
        for key in model["keys"].values():
            key["sentinels"] = sorted(key["sentinels"])
    return _json(content)


def _json(content: object) -> str:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _sorted_json(rows: Iterable[object]) -> list[object]:
    return sorted(rows, key=_json)
