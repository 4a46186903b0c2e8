"""What a folder of labs/ may say: the lab, devices, calibrations, flags, experiments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from livinglab.config.calibration_methods import METHODS, mistakes
from livinglab.config.catalogue import Decoder
from livinglab.config.experiment_spec import ExperimentSpec
from livinglab.config.values import (
    DeviceId,
    Instant,
    Number,
    QuantityName,
    Slug,
    Spec,
    Text,
    Whole,
    Zone,
)
from livinglab.geo import is_cbs_code
from livinglab.timeline import parse_instant


def _cbs_code(value: str) -> str:
    if not is_cbs_code(value):
        expected = "expected GM + 4 digits, WK + 6 or BU + 8 characters, e.g. BU00030102"
        raise ValueError(f"{expected}, got {value!r}")
    return value


def _topic_filter(value: str) -> str:
    levels = value.split("/")
    wild = [level for level in levels if "+" in level and level != "+"]
    if (
        not value
        or wild
        or "#" in "".join(levels[:-1])
        or len(levels[-1].strip("#"))
        not in {
            0,
            len(levels[-1]),
        }
    ):
        expected = "expected an MQTT topic filter (+ is a whole level, # the last)"
        raise ValueError(f"{expected}, got {value!r}")
    return value


def _device_place(value: str) -> str:
    if not re.fullmatch(r"payload|topic:[0-9]", value):
        raise ValueError(f"expected payload, or topic:N for the N-th level from 0, got {value!r}")
    return value


def _parameters(value: object) -> object:
    """`slope=1.07 offset=-8.7` of a cell as a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split()]
    if not all(name and mark and number for name, mark, number in pairs):
        raise ValueError(f"expected name=number pairs like slope=1.07 offset=-8.7, got {value!r}")
    return {name: number for name, _, number in pairs}


def _method(value: object) -> object:
    if value not in METHODS:
        raise ValueError(f"expected one of {', '.join(METHODS)}, got {value!r}")
    return value


CalibrationMethod = Annotated[str, BeforeValidator(_method)]
CbsCode = Annotated[str, AfterValidator(_cbs_code)]
Privacy = Literal["public", "citizen"]
PointRd = tuple[Number, Number]


#: What stands in for wrong keys while the rest is checked; see `salvage.py`. The period meets no
#: other row of a device but an open one, about which nothing is then said.
ROW_STAND_INS: Final[Mapping[str, object]] = {
    "model": "unknown",
    "area": "unknown",
    "parameters": "slope=1 offset=0",
    "method": "linear",
    "evidence": "unknown",
    "reason": "unknown",
    "author": "unknown",
    "flag": "2",
    "quantity": "unknown",
    "valid_from": "2261-01-01T00:00:00Z",
    "valid_to": "2262-01-01T00:00:00Z",
}
LAB_STAND_INS: Final[Mapping[str, object]] = {
    "name": "unknown",
    "municipality": "unknown",
    "cbs_year": 2025,
    "cbs_codes": ["GM0000"],
    "contact": "unknown",
    "licence": "unknown",
    "attribution": "unknown",
    "areas": [{"id": "unknown", "label": "unknown"}],
    "routes": [{"topic": "unknown", "decoder": "plain_json", "device": "payload"}],
}


class AreaSpec(Spec):
    """A street or square."""

    id: Slug
    label: Text
    polygon_rd: tuple[PointRd, ...] = ()
    households: Annotated[Whole, Field(gt=0)] | None = None  # served, for waste per household


class RouteSpec(Spec):
    """Which decoder reads which topics."""

    topic: Annotated[str, AfterValidator(_topic_filter)]
    decoder: Decoder
    device: Annotated[str, AfterValidator(_device_place)]
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _device_level_exists(self) -> RouteSpec:
        levels = self.topic.split("/")
        if self.device != "payload" and int(self.device.removeprefix("topic:")) >= len(levels):
            raise ValueError(f"{self.topic!r} has levels 0 to {len(levels) - 1}, not {self.device}")
        return self


class LabSpec(Spec):
    """lab.yaml."""

    name: Text
    municipality: Text
    cbs_year: Annotated[Whole, Field(ge=1995, le=2100)]
    cbs_codes: Annotated[tuple[CbsCode, ...], Field(min_length=1)]
    timezone: Zone
    centre_rd: PointRd | None = None
    radius_m: Annotated[Number, Field(gt=0)] | None = None
    polygon_rd: tuple[PointRd, ...] = ()
    reach_km: Annotated[Number, Field(gt=0)] = 10.0
    contact: Text
    licence: Text
    attribution: Text
    data_note: str = ""
    areas: Annotated[tuple[AreaSpec, ...], Field(min_length=1)]
    routes: Annotated[tuple[RouteSpec, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_extent(self) -> LabSpec:
        circle = self.centre_rd is not None and self.radius_m is not None
        if circle == bool(self.polygon_rd):
            raise ValueError("expected centre_rd with radius_m, or polygon_rd")
        if self.polygon_rd and len(self.polygon_rd) < 3:
            raise ValueError("polygon_rd: expected at least three corners")
        return self


class DeviceRow(Spec):
    """A row of devices.csv."""

    id: DeviceId
    model: Text
    x_rd: Number | None = None
    y_rd: Number | None = None
    lon: Number | None = None
    lat: Number | None = None
    height_m_nap: Annotated[Number, Field(ge=-100, le=400)] | None = None
    area: Text
    step_s: Annotated[Whole, Field(gt=0, le=31 * 86_400)] | None = None
    valid_from: Instant
    valid_to: Instant | None = None
    owner: str = ""
    privacy: Privacy = "public"

    @model_validator(mode="after")
    def _period_is_one(self) -> DeviceRow:
        require_period(self.valid_from, self.valid_to)
        return self


class CalibrationRow(Spec):
    """A row of calibrations.csv."""

    device: DeviceId
    quantity: QuantityName
    method: CalibrationMethod
    parameters: Annotated[dict[str, Number], BeforeValidator(_parameters)] = Field(
        default_factory=dict
    )
    valid_from: Instant
    valid_to: Instant | None = None
    evidence: Text
    barometer: DeviceId | None = None  # method barometric only

    @model_validator(mode="after")
    def _fits_its_method(self) -> CalibrationRow:
        require_period(self.valid_from, self.valid_to)
        told = mistakes(
            self.method,
            self.quantity,
            self.parameters,
            has_end=self.valid_to is not None,
            has_barometer=self.barometer is not None,
        )
        if told:
            raise ValueError("; ".join(told))
        return self


class FlagRow(Spec):
    """A row of flags.csv."""

    device: DeviceId
    quantity: Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_]*)$")]
    flag: Whole
    valid_from: Instant
    valid_to: Instant
    reason: Text
    author: Text

    @model_validator(mode="after")
    def _period_is_one(self) -> FlagRow:
        require_period(self.valid_from, self.valid_to)
        if self.flag not in {1, 3, 4}:  # what a person can say about a value
            message = "flag: expected 1 good, 3 suspect or 4 fail"
            raise ValueError(f"{message}, got {self.flag}")
        return self


class LabTree(Spec):
    """A folder of labs/, read."""

    lab: LabSpec
    devices: tuple[DeviceRow, ...] = ()
    calibrations: tuple[CalibrationRow, ...] = ()
    flags: tuple[FlagRow, ...] = ()
    experiments: dict[str, ExperimentSpec] = Field(default_factory=dict)


def require_period(valid_from: str, valid_to: str | None) -> None:
    """Raise ValueError when a period [valid_from, valid_to) of UTC texts is empty."""
    if valid_to is not None and parse_instant(valid_to) <= parse_instant(valid_from):
        raise ValueError(f"valid_to: {valid_to} is not after valid_from {valid_from}")
