"""Checks of labs: devices, periods, positions, calibrations, flags, routes, experiments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from livinglab import geo
from livinglab.config.calibration_methods import covariates_of
from livinglab.config.findings import Findings, Loc, Place, nearest
from livinglab.config.labs import (
    CalibrationRow,
    DeviceRow,
    FlagRow,
    LabSpec,
    LabTree,
)
from livinglab.config.tree import Tree, TreeReader, row_of
from livinglab.errors import DataError
from livinglab.registry import Registry
from livinglab.timeline import parse_instant

_FOREVER = 1 << 63
#: A barometer farther from a logger than this has other air above it [km], engineering default.
BAROMETER_KM = 30
#: Quantities measured from the sensor's own zero; its height makes them m NAP.
_FROM_ZERO = frozenset({"water_level"})


_Row = DeviceRow | CalibrationRow | FlagRow


def check_labs(tree: Tree, reader: TreeReader) -> None:
    """Note what is wrong in and between labs."""
    _check_device_ids(tree, reader)
    _check_topics(tree, reader)
    _check_households(tree, reader)
    for lab, part in tree.labs.items():
        _check_lab(part.lab, reader.place("lab", lab), reader.findings)
        _check_devices(lab, part, tree, reader)
        _check_measured_rows(lab, part, tree, reader)


def check_positions(registry: Registry, tree: Tree, reader: TreeReader) -> None:
    """Note devices that stand farther from their lab than its `reach_km`."""
    places = {
        (lab, row.id, parse_instant(row.valid_from)): reader.place("devices", lab, number)
        for lab, part in tree.labs.items()
        for number, row in enumerate(part.devices)
    }
    for device in registry.devices:
        spec = tree.labs[device.lab].lab
        if not all(is_sure(device.lab, key, reader) for key in ("centre_rd", "polygon_rd")):
            continue
        centre = spec.centre_rd or _mean(spec.polygon_rd)
        km = geo.distance_m(centre, (device.x_rd, device.y_rd)) / 1000
        if km > spec.reach_km:
            told = f"{km:.0f} km from {device.lab}, farther than its reach_km ({spec.reach_km:g})"
            place = places.get((device.lab, device.id, device.from_ns))
            reader.findings.add(place or reader.place("lab", device.lab), ("x_rd",), told)


def check_barometers(registry: Registry, tree: Tree, reader: TreeReader) -> None:
    """Note barometers that are too far away for the air above a logger."""
    positions = {row.id: (row.x_rd, row.y_rd) for row in registry.devices}
    for lab, part in tree.labs.items():
        for number, row in enumerate(part.calibrations):
            ends = positions.get(row.device), positions.get(row.barometer or "")
            if ends[0] is None or ends[1] is None:
                continue
            km = geo.distance_m(ends[0], ends[1]) / 1000
            if km > BAROMETER_KM:
                told = f"{row.barometer} is {km:.0f} km from {row.device}, farther than"
                place = reader.place("calibrations", lab, number)
                reader.findings.add(place, ("barometer",), f"{told} {BAROMETER_KM} km")


def filters_overlap(one: str, other: str) -> bool:
    """Whether some topic matches both MQTT filters.

    Examples
    --------
    >>> filters_overlap("a/+/up", "a/b/#"), filters_overlap("a", "a/#")
    (True, True)
    >>> filters_overlap("a/#", "b/#")
    False
    """
    return _levels_overlap(one.split("/"), other.split("/"))


def _levels_overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    if not one or not other:
        return list(one or other) in ([], ["#"])
    if "#" in (one[0], other[0]):
        return True
    return ("+" in (one[0], other[0]) or one[0] == other[0]) and _levels_overlap(one[1:], other[1:])


def _check_device_ids(tree: Tree, reader: TreeReader) -> None:
    """A device belongs to one lab; ids that differ in case alone are one id for some formats."""
    first: dict[str, tuple[str, str]] = {}
    for lab, part in tree.labs.items():
        for number, row in enumerate(part.devices):
            known_lab, known_id = first.setdefault(row.id.casefold(), (lab, row.id))
            place = reader.place("devices", lab, number)
            if known_lab != lab:
                told = f"{row.id!r} exists in lab {known_lab} too; ids are unique over all labs"
                reader.findings.add(place, ("id",), told)
            elif known_id != row.id:
                told = f"{row.id!r} and {known_id!r} differ in upper and lower case alone"
                reader.findings.add(place, ("id",), told)


def _check_households(tree: Tree, reader: TreeReader) -> None:
    """Indicators know areas by id: one with a number of its own has its id for itself."""
    labs_of: dict[str, list[str]] = {}
    for lab, part in tree.labs.items():
        for area in part.lab.areas:
            labs_of.setdefault(area.id, []).append(lab)
    for lab, part in tree.labs.items():
        for number, area in enumerate(part.lab.areas):
            others = [each for each in labs_of[area.id] if each != lab]
            if area.households is not None and others:
                told = f"area {area.id!r} exists in lab {others[0]} too; with households its id is"
                loc: Loc = ("areas", number, "households")
                reader.findings.add(reader.place("lab", lab), loc, f"{told} unique over all labs")


def _check_topics(tree: Tree, reader: TreeReader) -> None:
    claimed: list[tuple[str, str]] = []
    for lab, part in tree.labs.items():
        for number, route in enumerate(part.lab.routes):
            loc: Loc = ("routes", number, "topic")
            for other_lab, topic in claimed:
                if other_lab == lab and topic != route.topic:
                    continue  # within a lab the narrower filter wins
                if filters_overlap(topic, route.topic):
                    told = f"{route.topic!r} and {topic!r} of lab {other_lab} claim the same topics"
                    reader.findings.add(reader.place("lab", lab), loc, told)
            claimed.append((lab, route.topic))


def _check_lab(spec: LabSpec, place: Place, findings: Findings) -> None:
    points: list[tuple[Loc, tuple[float, float]]] = [
        (("polygon_rd", number), point) for number, point in enumerate(spec.polygon_rd)
    ]
    if spec.centre_rd is not None:
        points.append((("centre_rd",), spec.centre_rd))
    seen: set[str] = set()
    for number, area in enumerate(spec.areas):
        if area.id in seen:
            findings.add(place, ("areas", number, "id"), f"area {area.id!r} occurs twice")
        seen.add(area.id)
        if 0 < len(area.polygon_rd) < 3:
            told = "expected at least three corners"
            findings.add(place, ("areas", number, "polygon_rd"), told)
        points += [(("areas", number, "polygon_rd", at), p) for at, p in enumerate(area.polygon_rd)]
    for loc, point in points:
        try:
            geo.require_rd(*point)
        except DataError as error:
            findings.add(place, loc, f"{error.message}; {error.hint}")


def _check_devices(lab: str, part: LabTree, tree: Tree, reader: TreeReader) -> None:
    areas = [area.id for area in part.lab.areas]
    models = set(tree.models) | {str(key[1]) for key in reader.broken if key[0] == "models"}
    for number, row in enumerate(part.devices):
        place = reader.place("devices", lab, number)
        if row.model not in models:
            reader.findings.add(place, ("model",), f"unknown model{nearest(row.model, models)}")
        if row.area not in areas and is_sure(lab, "areas", reader):
            told = f"unknown area of {lab}{nearest(row.area, areas)}"
            reader.findings.add(place, ("area",), told)
        if row.height_m_nap is None and _FROM_ZERO & measured_by(row.id, part, tree, reader):
            told = "missing: a level needs the height of the sensor's zero (0 = it sends m NAP)"
            reader.findings.add(place, ("height_m_nap",), told)
    _check_overlaps("devices", lab, [(row.id, row) for row in part.devices], reader)


def is_sure(lab: str, key: str, reader: TreeReader) -> bool:
    """Whether a key of lab.yaml was readable, so that others can be judged by it."""
    return reader.place("lab", lab).problem((key,), "") is not None


def _check_measured_rows(lab: str, part: LabTree, tree: Tree, reader: TreeReader) -> None:
    """Calibrations and flags: device and quantity exist, and the device measures it."""
    known = {row.id for row in part.devices}
    known |= {str(key[1]) for key in reader.broken if key[0] == "device"}
    kinds: tuple[tuple[str, Sequence[CalibrationRow | FlagRow]], ...] = (
        ("calibrations", part.calibrations),
        ("flags", part.flags),
    )
    for kind, rows in kinds:
        for number, row in enumerate(rows):
            place = reader.place(kind, lab, number)
            measured = measured_by(row.device, part, tree, reader)
            if row.device not in known:
                told = f"unknown device of {lab}{nearest(row.device, known)}"
                reader.findings.add(place, ("device",), told)
            elif measured and row.quantity not in {*measured, "*"}:
                told = f"{row.device} does not measure it{nearest(row.quantity, measured)}"
                reader.findings.add(place, ("quantity",), told)
    for number, row in enumerate(part.calibrations):
        measured = measured_by(row.device, part, tree, reader)
        _check_companions(row, measured, tree, reader, reader.place("calibrations", lab, number))
    keyed = [(f"{row.device} {row.quantity}", row) for row in part.calibrations]
    _check_overlaps("calibrations", lab, keyed, reader)


def _check_companions(
    row: CalibrationRow, measured: set[str], tree: Tree, reader: TreeReader, place: Place
) -> None:
    """What a calibration reads besides its own quantity: covariates of the device, a barometer."""
    for name in covariates_of(row.method, row.parameters):
        if measured and name not in measured:
            told = f"method {row.method} needs {name}, which {row.device} does not measure"
            reader.findings.add(place, ("parameters",), f"{told}{nearest(name, measured)}")
    if row.barometer is None:
        return
    known = {each.id: lab for lab, part in tree.labs.items() for each in part.devices}
    lab = known.get(row.barometer)
    if lab is None:
        told = f"unknown device{nearest(row.barometer, known)}"
        reader.findings.add(place, ("barometer",), told)
    elif "air_pressure" not in (measured_by(row.barometer, tree.labs[lab], tree, reader) or known):
        told = f"{row.barometer} does not measure air_pressure"
        reader.findings.add(place, ("barometer",), told)


def measured_by(device: str, part: LabTree, tree: Tree, reader: TreeReader) -> set[str]:
    """Quantities that a device can measure; none where one of its models is not readable."""
    models = {row.model for row in part.devices if row.id == device}
    sure = all(
        name in tree.models and reader.place("models", name).problem(("keys",), "") is not None
        for name in models
    )
    return {
        quantity
        for name in models
        if sure
        for quantity in (
            *(key.quantity for key in tree.models[name].keys.values()),
            *tree.models[name].derives,
        )
    }


def _check_overlaps(
    kind: str, lab: str, rows: Sequence[tuple[str, _Row]], reader: TreeReader
) -> None:
    """Rows of one key must not be valid at the same time."""
    periods: dict[str, list[tuple[int, int, int]]] = {}
    for number, (key, row) in enumerate(rows):
        end = _FOREVER if row.valid_to is None else parse_instant(row.valid_to)
        periods.setdefault(key, []).append((parse_instant(row.valid_from), end, number))
    for key, unsorted in periods.items():
        spans = sorted(unsorted)
        for earlier, later in pairwise(spans):
            if later[0] < earlier[1]:
                other = row_of(reader.place(kind, lab, earlier[2]))
                told = f"overlaps row {other} of {key}: give that one a valid_to first"
                reader.findings.add(reader.place(kind, lab, later[2]), ("valid_from",), told)


def _mean(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    every = list(points)
    return sum(x for x, _ in every) / len(every), sum(y for _, y in every) / len(every)
