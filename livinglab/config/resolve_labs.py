"""Labs, devices, calibrations and flags of a registry: positions in both systems, times in ns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

from livinglab import geo
from livinglab.config.experiment_spec import resolve_experiment
from livinglab.config.findings import Findings, Place
from livinglab.config.frozen import frozen
from livinglab.config.labs import AreaSpec, DeviceRow, LabTree
from livinglab.config.tree import Tree, row_of
from livinglab.errors import DataError
from livinglab.registry import (
    Area,
    Calibration,
    Device,
    DeviceModel,
    Lab,
    ManualFlag,
    Route,
)
from livinglab.timeline import parse_instant

PlaceOf = Callable[..., Place]


def resolve_devices(
    tree: Tree, models: Mapping[str, DeviceModel], place_of: PlaceOf, findings: Findings
) -> tuple[Device, ...]:
    """Device rows by id and time; rows without a usable position are noted and left out."""
    rows = _devices(tree, models, place_of, findings)
    return tuple(sorted(rows, key=lambda row: (row.id, row.from_ns)))


def _devices(
    tree: Tree, models: Mapping[str, DeviceModel], place_of: PlaceOf, findings: Findings
) -> Iterator[Device]:
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


def resolve_history(devices: tuple[Device, ...]) -> Mapping[str, tuple[Device, ...]]:
    """Rows of each device, by time."""
    rows: dict[str, list[Device]] = {}
    for device in devices:
        rows.setdefault(device.id, []).append(device)
    return frozen({name: tuple(of_device) for name, of_device in rows.items()})


def resolve_calibrations(tree: Tree, place_of: PlaceOf) -> tuple[Calibration, ...]:
    """Calibrations by device, quantity and time."""
    rows = [
        Calibration(
            device=row.device,
            quantity=row.quantity,
            method=row.method,
            parameters=frozen(row.parameters),
            from_ns=parse_instant(row.valid_from),
            to_ns=_optional_ns(row.valid_to),
            evidence=row.evidence,
            row=row_of(place_of("calibrations", lab, number)),
            barometer=row.barometer or "",
        )
        for lab, part in tree.labs.items()
        for number, row in enumerate(part.calibrations)
    ]
    return tuple(sorted(rows, key=lambda row: (row.device, row.quantity, row.from_ns)))


def resolve_flags(tree: Tree, place_of: PlaceOf) -> tuple[ManualFlag, ...]:
    """Manual flags by device, quantity and time."""
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
    order = attrgetter("device", "quantity", "from_ns", "to_ns", "flag")
    return tuple(sorted(rows, key=order))


def resolve_lab(name: str, part: LabTree) -> Lab:
    """A lab with its areas, routes and experiments."""
    spec = part.lab
    routes = sorted(spec.routes, key=lambda route: route.topic)
    return Lab(
        id=name,
        name=spec.name,
        municipality=spec.municipality,
        cbs_codes=tuple(sorted(spec.cbs_codes)),
        timezone=spec.timezone,
        areas=frozen({area.id: _area(area) for area in spec.areas}),
        routes=tuple(
            Route(route.topic, route.decoder, route.device, route.timezone or "")
            for route in routes
        ),
        contact=spec.contact,
        licence=spec.licence,
        attribution=spec.attribution,
        data_note=spec.data_note,
        experiments=frozen(
            {key: resolve_experiment(key, name, row) for key, row in part.experiments.items()}
        ),
        cbs_year=spec.cbs_year,
        centre_rd=spec.centre_rd,
        radius_m=spec.radius_m,
        polygon_rd=spec.polygon_rd,
    )


def _area(spec: AreaSpec) -> Area:
    return Area(spec.id, spec.label, spec.polygon_rd)
