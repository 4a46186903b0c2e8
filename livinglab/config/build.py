"""From a tree to the registry: units, positions and defaults resolved, everything immutable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from livinglab import geo
from livinglab.config.catalogue import IndicatorSpec, KeySpec, ModelSpec, QuantitySpec, floats
from livinglab.config.findings import Findings, Place
from livinglab.config.labs import AreaSpec, DeviceRow, ExperimentSpec, LabTree
from livinglab.config.settings import Settings
from livinglab.config.tree import Tree, row_of
from livinglab.errors import DataError, UnitError
from livinglab.registry import (
    Area,
    Calibration,
    Device,
    DeviceModel,
    Experiment,
    Indicator,
    Lab,
    Limit,
    ManualFlag,
    ModelKey,
    Quantity,
    Registry,
    Route,
)
from livinglab.timeline import parse_instant
from livinglab.units import conversion

PlaceOf = Callable[..., Place]
T = TypeVar("T")


def build_registry(
    tree: Tree, settings: Settings, place_of: PlaceOf, findings: Findings
) -> Registry:
    """The registry of a tree; what cannot be resolved is noted and left out.

    Only a registry built without findings may leave the loader.
    """
    canonical = canonical_json(tree)
    quantities = {name: _quantity(name, spec) for name, spec in tree.quantities.items()}
    models = {
        name: _model(name, spec, quantities, place_of("models", name), findings)
        for name, spec in tree.models.items()
    }
    devices = tuple(sorted(_devices(tree, models, place_of, findings), key=_by_time))
    return Registry(
        version=hashlib.sha256(canonical.encode()).hexdigest()[:16],
        canonical=canonical,
        settings=settings,
        quantities=_frozen(quantities),
        models=_frozen(models),
        labs=_frozen({name: _lab(name, part) for name, part in tree.labs.items()}),
        indicators=_frozen({name: _indicator(name, row) for name, row in tree.indicators.items()}),
        quality=_quality(tree),
        devices=devices,
        calibrations=tuple(_calibrations(tree, place_of)),
        flags=tuple(_flags(tree, place_of)),
        history=_history(devices),
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


def _frozen(mapping: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType(dict(sorted(mapping.items())))


def _deep_frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _deep_frozen(value[key]) for key in sorted(value)})
    return (
        tuple(_deep_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
    )


def _quantity(name: str, spec: QuantitySpec) -> Quantity:
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


def _model(
    name: str,
    spec: ModelSpec,
    quantities: Mapping[str, Quantity],
    place: Place,
    findings: Findings,
) -> DeviceModel:
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
        keys=_frozen(keys),
        time_key=spec.time_key,
        device_key=spec.device_key,
        source=spec.source,
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


def _devices(
    tree: Tree, models: Mapping[str, DeviceModel], place_of: PlaceOf, findings: Findings
) -> Iterable[Device]:
    for lab, part in tree.labs.items():
        for number, row in enumerate(part.devices):
            place = place_of("devices", lab, number)
            position = _position(row, place, findings)
            if position is not None:
                yield _device(lab, row, position, models, row_of(place))


def _device(
    lab: str,
    row: DeviceRow,
    position: tuple[float, float, float, float],
    models: Mapping[str, DeviceModel],
    number: int,
) -> Device:
    x_rd, y_rd, lon, lat = position
    model = models.get(row.model)
    return Device(
        id=row.id,
        lab=lab,
        model=row.model,
        x_rd=round(x_rd, 4),
        y_rd=round(y_rd, 4),
        lon=round(lon, 9),
        lat=round(lat, 9),
        position_accuracy_m=geo.transform_accuracy_m(),
        height_m_nap=row.height_m_nap,
        area=row.area,
        step_s=row.step_s or (model.step_s if model else 1),
        from_ns=parse_instant(row.valid_from),
        to_ns=_optional_ns(row.valid_to),
        owner=row.owner,
        privacy=row.privacy,
        row=number,
    )


def _position(
    row: DeviceRow, place: Place, findings: Findings
) -> tuple[float, float, float, float] | None:
    """x, y, lon and lat of a row that gives one pair of them; None when it gives neither well."""
    in_rd, in_degrees = (row.x_rd, row.y_rd), (row.lon, row.lat)
    given = [pair for pair in (in_rd, in_degrees) if pair != (None, None)]
    column = "x_rd" if given and given[0] is in_rd else "lon"
    if len(given) != 1 or None in given[0]:
        findings.add(place, (column,), "expected either x_rd and y_rd, or lon and lat")
        return None
    first, second = float(given[0][0] or 0), float(given[0][1] or 0)
    try:
        if column == "x_rd":
            return first, second, *geo.to_lon_lat(first, second)
        return *geo.to_rd(first, second), first, second
    except DataError as error:
        findings.add(place, (column,), f"{error.message}; {error.hint}")
        return None


def _optional_ns(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)


def _by_time(device: Device) -> tuple[str, int]:
    return device.id, device.from_ns


def _history(devices: tuple[Device, ...]) -> Mapping[str, tuple[Device, ...]]:
    rows: dict[str, list[Device]] = {}
    for device in devices:
        rows.setdefault(device.id, []).append(device)
    return _frozen({name: tuple(of_device) for name, of_device in rows.items()})


def _calibrations(tree: Tree, place_of: PlaceOf) -> list[Calibration]:
    rows = [
        Calibration(
            device=row.device,
            quantity=row.quantity,
            method=row.method,
            parameters=_frozen(row.parameters),
            from_ns=parse_instant(row.valid_from),
            to_ns=_optional_ns(row.valid_to),
            evidence=row.evidence,
            row=row_of(place_of("calibrations", lab, number)),
        )
        for lab, part in tree.labs.items()
        for number, row in enumerate(part.calibrations)
    ]
    return sorted(rows, key=lambda row: (row.device, row.quantity, row.from_ns))


def _flags(tree: Tree, place_of: PlaceOf) -> list[ManualFlag]:
    rows = [
        ManualFlag(
            device=row.device,
            quantity=row.quantity,
            flag=row.flag,
            from_ns=parse_instant(row.valid_from),
            to_ns=parse_instant(row.valid_to),
            reason=row.reason,
            author=row.author,
            row=row_of(place_of("flags", lab, number)),
        )
        for lab, part in tree.labs.items()
        for number, row in enumerate(part.flags)
    ]
    return sorted(
        rows, key=lambda row: (row.device, row.quantity, row.from_ns, row.to_ns, row.flag)
    )


def _lab(name: str, part: LabTree) -> Lab:
    spec = part.lab
    routes = sorted(spec.routes, key=lambda route: route.topic)
    return Lab(
        id=name,
        name=spec.name,
        municipality=spec.municipality,
        cbs_codes=tuple(sorted(spec.cbs_codes)),
        timezone=spec.timezone,
        areas=_frozen({area.id: _area(area) for area in spec.areas}),
        routes=tuple(
            Route(route.topic, route.decoder, route.device, route.timezone or "")
            for route in routes
        ),
        contact=spec.contact,
        licence=spec.licence,
        attribution=spec.attribution,
        data_note=spec.data_note,
        experiments=_frozen(
            {key: _experiment(key, name, row) for key, row in part.experiments.items()}
        ),
        cbs_year=spec.cbs_year,
        centre_rd=spec.centre_rd,
        radius_m=spec.radius_m,
        polygon_rd=spec.polygon_rd,
    )


def _area(spec: AreaSpec) -> Area:
    return Area(spec.id, spec.label, spec.polygon_rd)


def _experiment(name: str, lab: str, spec: ExperimentSpec) -> Experiment:
    return Experiment(
        id=name,
        lab=lab,
        label=spec.label,
        hypothesis=spec.hypothesis,
        placebo=spec.placebo,
        indicator=spec.indicator,
        treated=tuple(sorted(spec.treated)),
        control=tuple(sorted(spec.control)),
        before=spec.before,
        after=spec.after,
        method=spec.method,
        alpha=spec.alpha,
        min_coverage=spec.min_coverage,
        contact=spec.contact,
    )


def _indicator(name: str, spec: IndicatorSpec) -> Indicator:
    return Indicator(
        id=name,
        theme=spec.theme,
        function=spec.function,
        quantities=spec.quantities,
        parameters=_deep_frozen(spec.parameters),
        period=spec.period,
        unit=spec.unit,
        coverage=spec.coverage,
        area_rule=spec.area_rule,
        flags=tuple(sorted(spec.flags)),
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
    )


def _quality(tree: Tree) -> Mapping[str, Any]:
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
    frozen: Mapping[str, Any] = _deep_frozen(merged)
    return frozen
