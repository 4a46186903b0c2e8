"""Checks of what one catalogue file says about another: names, units, functions, windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livinglab.config.calibration_methods import DERIVABLE
from livinglab.config.catalogue import IndicatorSpec, ModelSpec, QualitySpec, QuantitySpec
from livinglab.config.experiment_checks import check_experiments
from livinglab.config.findings import Findings, Loc, Place, nearest
from livinglab.config.functions import FunctionError, parameters_of
from livinglab.config.lab_checks import check_barometers, check_labs, check_positions
from livinglab.config.quality_checks import check_thresholds
from livinglab.config.tree import Tree, TreeReader
from livinglab.config.values import LORAWAN
from livinglab.errors import UnitError
from livinglab.registry import Device, Registry
from livinglab.units import conversion, is_unit

#: What every indicator function gets from the pipeline, not from its row.
_GIVEN = frozenset({"panel", "start", "end", "zone", "steps", "coverage"})
#: Units that a function may turn a quantity into: how long [h], how much passed [m3, kWh, kg], how
#: much warmer [K].
_DERIVED = ("h", "m3", "kWh", "kg", "K")


def check_tree(tree: Tree, reader: TreeReader) -> None:
    """Note everything that is wrong between the pieces of a tree."""
    findings = reader.findings
    quantities = known_names(tree.quantities, reader, "quantities")
    for name, quantity in tree.quantities.items():
        _check_quantity(quantity, reader.place("quantities", name), findings)
    for name, model in tree.models.items():
        _check_model(model, quantities, reader.place("models", name), findings)
    for name, indicator in tree.indicators.items():
        place = reader.place("indicators", name)
        if indicator.of:
            _check_yearly(indicator, tree, reader, place)
        else:
            _check_indicator(indicator, tree, quantities, place, findings)
        _check_function(indicator, place, findings)
    for name, quality in tree.quality.items():
        _check_quality_names(quality, tree, reader, reader.place("quality", name))
    check_labs(tree, reader)
    check_experiments(tree, reader)


def check_registry(registry: Registry, tree: Tree, reader: TreeReader) -> None:
    """Note what only shows when everything is resolved: positions, merged thresholds."""
    check_positions(registry, tree, reader)
    check_barometers(registry, tree, reader)
    seen: set[tuple[object, ...]] = set()
    for device in registry.devices:
        model = registry.models.get(device.model)
        for quantity in sorted(model.quantities() if model else ()):
            theme = str(registry.quantities[quantity].theme)
            if ("quality", theme) in reader.broken:
                continue
            if theme not in tree.quality:
                place = reader.place("quality", theme)
                told = f"missing: {device.model} measures {quantity}, which is of this theme"
                reader.findings.add(place, (), told)
                continue
            same = (device.model, device.step_s, quantity, _own(registry, device, quantity))
            if same not in seen:
                seen.add(same)
                check_thresholds(registry, device, quantity, theme, reader)


def known_names(read: Collection[str], reader: TreeReader, kind: str) -> set[str]:
    """Names of pieces that exist, also of those that could not be read."""
    return set(read) | {str(key[1]) for key in reader.broken if key[0] == kind}


def _own(registry: Registry, device: Device, quantity: str) -> str:
    return device.id if quantity in registry.quality["devices"].get(device.id, {}) else ""


def _check_quantity(spec: QuantitySpec, place: Place, findings: Findings) -> None:
    if not is_unit(spec.unit):
        findings.add(place, ("unit",), f"unknown unit, got {spec.unit!r}")
        return
    for number, unit in enumerate(spec.accepts):
        try:
            conversion(unit, spec.unit, spec.molar_mass_g_mol)
        except UnitError as error:
            findings.add(place, ("accepts", number), f"{error.message}: {error.hint}")


def _check_formats(spec: ModelSpec, place: Place, findings: Findings) -> None:
    """Note what belongs to another format than the model's."""
    mapped = spec.decoder.startswith("plain_")
    for name, path in (("time_key", spec.time_key), ("device_key", spec.device_key)):
        if path and not mapped:
            told = f"only mapped plain formats have it; {spec.decoder} knows its own"
            findings.add(place, (name,), told)
    if spec.codec and spec.decoder not in LORAWAN:
        told = f"only {', '.join(LORAWAN)} carry frames; {spec.decoder} does not"
        findings.add(place, ("codec",), told)


def _check_model(
    spec: ModelSpec, quantities: Collection[str], place: Place, findings: Findings
) -> None:
    _check_formats(spec, place, findings)
    sent = {row.quantity for row in spec.keys.values()}
    for name, source in spec.derives.items():
        if source not in DERIVABLE.get(name, ()):
            known = ", ".join(f"{one} from {' or '.join(of)}" for one, of in DERIVABLE.items())
            findings.add(place, ("derives", name), f"expected {known}, got {source!r}")
        elif source not in sent or name in sent:
            told = f"{source} must be among keys, and {name} not"
            findings.add(place, ("derives", name), told)
    for key, row in spec.keys.items():
        loc = ("keys", key)
        if row.quantity not in quantities:
            told = f"unknown quantity{nearest(row.quantity, quantities)}"
            findings.add(place, (*loc, "quantity"), told)
        if row.minimum is not None and row.maximum is not None and row.minimum >= row.maximum:
            told = f"expected more than minimum {row.minimum:g}, got {row.maximum:g}"
            findings.add(place, (*loc, "maximum"), told)
        if row.scale == 0:
            findings.add(place, (*loc, "scale"), "expected a number other than 0")


def _check_indicator(
    spec: IndicatorSpec,
    tree: Tree,
    quantities: Collection[str],
    place: Place,
    findings: Findings,
) -> None:
    for number, name in enumerate(spec.quantities):
        loc: Loc = ("quantities", number)
        quantity = tree.quantities.get(name)
        if name not in quantities:
            findings.add(place, loc, f"unknown quantity{nearest(name, quantities)}")
        elif quantity is not None and quantity.theme != spec.theme:
            told = f"{name} is of theme {quantity.theme}, expected one of {spec.theme}"
            findings.add(place, loc, told)
    first = tree.quantities.get(spec.quantities[0])
    # An index, a share or a count of events has no unit, whatever it is made of; how long a state
    # lasted and how much passed have their own.
    own = first.unit if first is not None and is_unit(first.unit) else spec.unit
    if spec.unit not in {own, f"{own} NAP", "1", "%", *_DERIVED}:
        told = f"expected {own!r}, the unit of {spec.quantities[0]}, got {spec.unit!r}"
        findings.add(place, ("unit",), told)
    for number, name in enumerate(spec.needs):
        if name not in spec.quantities:
            told = f"expected one of quantities{nearest(name, spec.quantities)}"
            findings.add(place, ("needs", number), told)


def _check_yearly(spec: IndicatorSpec, tree: Tree, reader: TreeReader, place: Place) -> None:
    """An indicator of the year reads indicators of hours or days of its theme."""
    known = known_names(tree.indicators, reader, "indicators")
    for number, name in enumerate(spec.of):
        base = tree.indicators.get(name)
        if name not in known:
            reader.findings.add(place, ("of", number), f"unknown indicator{nearest(name, known)}")
        elif base is not None and (base.of or base.theme != spec.theme):
            told = f"expected an indicator of hours or days of {spec.theme}, got {name}"
            reader.findings.add(place, ("of", number), told)
    first = tree.indicators.get(spec.of[0])
    if first is not None and spec.unit not in {
        first.unit,
        *(f"{first.unit} {time}" for time in ("h", "d")),  # sums over time
        *("1", "%", "a", *_DERIVED),  # counts, shares, return periods
    }:
        told = f"expected {first.unit!r}, the unit of {spec.of[0]}, got {spec.unit!r}"
        reader.findings.add(place, ("unit",), told)


def _check_function(spec: IndicatorSpec, place: Place, findings: Findings) -> None:
    try:
        parameters = parameters_of(spec.function)
    except FunctionError as error:
        findings.add(place, ("function",), str(error))
        return
    households = spec.parameters.get("households", {})
    if not isinstance(households, Mapping) or not all(map(_is_positive, households.values())):
        told = f"expected {{area: number}}, or {{}} for those of lab.yaml, got {households!r}"
        findings.add(place, ("parameters", "households"), told)
    for name in spec.parameters:
        if name in _GIVEN:
            findings.add(place, ("parameters", name), "is given by the pipeline, not by parameters")
        elif parameters is not None and name not in parameters:
            own = sorted(parameters - _GIVEN)
            told = f"{spec.function} has no such parameter{nearest(name, own)}"
            findings.add(place, ("parameters", name), told)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _check_quality_names(spec: QualitySpec, tree: Tree, reader: TreeReader, place: Place) -> None:
    models = known_names(tree.models, reader, "models")
    devices = known_names(
        [row.id for part in tree.labs.values() for row in part.devices], reader, "device"
    )
    for level, names, known in (
        ("models", spec.models, models),
        ("devices", spec.devices, devices),
    ):
        for name in names:
            if name not in known:
                told = f"unknown {level[:-1]}{nearest(name, known)}"
                reader.findings.add(place, (level, name), told)
