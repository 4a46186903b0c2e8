"""Quantities, device models, indicators and thresholds of a registry, from their specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livinglab.config.catalogue import IndicatorSpec, KeySpec, ModelSpec, QuantitySpec, floats
from livinglab.config.findings import Findings, Place
from livinglab.config.frozen import deep_frozen, frozen
from livinglab.config.tree import Tree
from livinglab.errors import UnitError
from livinglab.registry import DeviceModel, Indicator, Limit, ModelKey, Quantity
from livinglab.units import conversion


def resolve_quantity(name: str, spec: QuantitySpec) -> Quantity:
    """A quantity, with infinite bounds where none are given."""
    return Quantity(
        name=name,
        unit=spec.unit,
        theme=spec.theme,
        kind=spec.kind,
        aggregation=spec.aggregation,
        fail=floats(spec.fail),
        suspect=None if spec.suspect is None else floats(spec.suspect),
        molar_mass=spec.molar_mass_g_mol,
        label_en=spec.label.en,
        label_nl=spec.label.nl,
        description=spec.description,
        accepts=tuple(sorted(spec.accepts)),
    )


def resolve_model(
    name: str,
    spec: ModelSpec,
    quantities: Mapping[str, Quantity],
    place: Place,
    findings: Findings,
) -> DeviceModel:
    """A device model, with factor and offset of every key; units that do not fit are noted."""
    keys: dict[str, ModelKey] = {}
    for key, row in spec.keys.items():
        quantity = quantities.get(row.quantity)
        if quantity is None:
            continue  # noted by the checks, which know the names of broken entries too
        try:
            keys[key] = _model_key(key, row, quantity)
        except UnitError as error:
            findings.add(place, ("keys", key, "unit"), f"{error.message}: {error.hint}")
    return DeviceModel(
        name=name,
        label=spec.label,
        decoder=spec.decoder,
        step_s=spec.step_s,
        keys=frozen(keys),
        time_key=spec.time_key,
        device_key=spec.device_key,
        source=spec.source,
        derives=frozen(spec.derives),
        codec=spec.codec,
    )


def _model_key(key: str, row: KeySpec, quantity: Quantity) -> ModelKey:
    unit = quantity.unit if row.unit is None else row.unit
    factor, offset = conversion(unit, quantity.unit, quantity.molar_mass)
    minimum, maximum = floats((row.minimum, row.maximum))
    return ModelKey(
        key=key,
        quantity=quantity.name,
        unit=unit,
        channel=row.channel,
        scale=row.scale,
        factor=factor,
        offset=offset,
        sentinels=frozenset(row.sentinels),
        minimum=minimum,
        maximum=maximum,
    )


def resolve_indicator(
    name: str,
    spec: IndicatorSpec,
    specs: Mapping[str, IndicatorSpec],
    households: Mapping[str, int],
) -> Indicator:
    """An indicator; one of the year measures what the indicators that it reads do.

    A parameter `households` gets what the labs say of their areas; its own entries win.
    """
    parameters = dict(spec.parameters)
    own = parameters.get("households")
    if isinstance(own, Mapping):  # anything else is noted by the checks
        parameters["households"] = {**households, **own}
    bases = [specs[base] for base in spec.of if base in specs] or [spec]
    quantities = tuple(dict.fromkeys(each for base in bases for each in base.quantities))
    return Indicator(
        id=name,
        theme=spec.theme,
        function=spec.function,
        quantities=quantities,
        parameters=deep_frozen(parameters),
        period=spec.period,
        unit=spec.unit,
        coverage=spec.coverage,
        area_rule=bases[0].area_rule or "mean",
        flags=tuple(sorted({flag for base in bases for flag in base.flags})),
        limits=tuple(
            Limit(row.scheme, row.value, row.allowed, row.source, row.valid_from or "")
            for row in spec.limits
        ),
        label_en=spec.label.en,
        label_nl=spec.label.nl,
        definition=spec.definition,
        source=spec.source,
        before_h=spec.before_h,
        after_h=spec.after_h,
        needs=bases[0].needs or bases[0].quantities[:1],
        step_divides_s=bases[0].step_divides_s,
        of=spec.of,
    )


def resolve_quality(tree: Tree) -> Mapping[str, Any]:
    """Windows by theme, and thresholds by quantity, by model and by device; see `quality_for`."""
    merged: dict[str, dict[str, Any]] = {
        "themes": {},
        "quantities": {},
        "models": {},
        "devices": {},
    }
    for theme, spec in tree.quality.items():
        merged["themes"][theme] = {"window_h": spec.window_h, "max_gap_s": spec.max_gap_s}
        merged["quantities"].update(spec.quantities)
        for level, rows in (("models", spec.models), ("devices", spec.devices)):
            for name, thresholds in rows.items():
                merged[level].setdefault(name, {}).update(thresholds)
    frozen: Mapping[str, Any] = deep_frozen(merged)
    return frozen
