"""The registry: an immutable, content-addressed snapshot of everything configuration says.

Loaded by `livinglab.config.load_registry`; nothing here reads files. Times are UTC ns; a validity
period is half-open [from, to), `to_ns` None means open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from livinglab.model import Aggregation, Kind, Theme

#: What a test may be given, besides the step: see `quality_for`.
_THRESHOLDS: Final = (
    "max_gap_s",
    "gross_fail",
    "gross_suspect",
    "spike_suspect",
    "spike_fail",
    "flat_tolerance",
    "flat_suspect_s",
    "flat_fail_s",
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of quantities.yaml: canonical unit, theme, kind, aggregation, spans."""

    name: str
    unit: str
    theme: Theme
    kind: Kind
    aggregation: Aggregation
    fail: tuple[float, float]  # outside: flag 4 (physically impossible)
    suspect: tuple[float, float] | None  # outside: flag 3
    molar_mass: float | None  # g/mol; lets ppb and ppm convert to ug/m3 at 20 degC, 101.325 kPa
    label_en: str
    label_nl: str
    description: str
    accepts: tuple[str, ...] = ()  # units that devices usually send instead


@dataclass(frozen=True, slots=True)
class ModelKey:
    """How one payload key of a device model becomes a quantity.

    canonical = (value * scale) * factor + offset, factor and offset resolved from `unit` once, at
    load. Values equal to a sentinel (before scaling) are no reading; canonical values outside
    [minimum, maximum] are rejected as implausible.
    """

    key: str
    quantity: str
    unit: str
    channel: str
    scale: float
    factor: float
    offset: float
    sentinels: frozenset[float]
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One file of config/models: what a kind of sensor sends."""

    name: str
    label: str
    decoder: str
    step_s: int  # nominal interval between readings
    keys: Mapping[str, ModelKey]  # payload key -> row; any other key is unmapped
    time_key: str  # mapped plain JSON only: path of the device's time, "" = receipt time
    device_key: str  # mapped plain JSON only: path of the device id in the body, "" = in the topic
    source: str  # data sheet or standard the mapping rests on
    derives: Mapping[str, str] = field(default_factory=dict)  # water_level -> what it is made of
    codec: str = ""  # of LoRaWAN frames that the network server does not decode, "" = none

    def quantities(self) -> frozenset[str]:
        """What its devices measure, derived quantities included."""
        return frozenset({key.quantity for key in self.keys.values()} | set(self.derives))


@dataclass(frozen=True, slots=True)
class Device:
    """One row of a devices.csv: a device at one place for one period."""

    id: str
    lab: str
    model: str
    x_rd: float  # RD New (EPSG:28992), m
    y_rd: float
    lon: float  # ETRS89 (EPSG:4258), degrees
    lat: float
    position_accuracy_m: float
    height_m_nap: float | None  # of the sensor, or the zero of its level, against NAP
    area: str
    step_s: int
    from_ns: int
    to_ns: int | None
    owner: str
    privacy: str  # "public" | "citizen": citizen positions are coarsened when published
    row: int = field(compare=False)  # row in the file, for messages

    def covers(self, time_ns: int) -> bool:
        """Whether this row is valid at `time_ns`."""
        return self.from_ns <= time_ns and (self.to_ns is None or time_ns < self.to_ns)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One row of a calibrations.csv."""

    device: str
    quantity: str
    method: str  # a method of transforms.calibration, or "barometric": pressure -> level
    parameters: Mapping[str, float]
    from_ns: int
    to_ns: int | None
    evidence: str
    row: int = field(compare=False)
    barometer: str = ""  # device whose air_pressure is taken off; "" = the logger is vented


@dataclass(frozen=True, slots=True)
class ManualFlag:
    """One row of a flags.csv: a researcher's verdict on a period, which wins over every test."""

    device: str
    quantity: str  # "*" = all
    flag: int
    from_ns: int
    to_ns: int
    reason: str
    author: str
    row: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Which decoder reads the messages of a topic filter, and where the device id is.

    `device` is "payload" or "topic:N" (N = 0-based topic level). `timezone` is the zone of device
    clocks without offset, "" = naive times are refused.
    """

    topic: str
    decoder: str
    device: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Area:
    """A street or square whose devices an indicator combines."""

    id: str
    label: str
    polygon: tuple[tuple[float, float], ...]  # RD New; empty = only a name


@dataclass(frozen=True, slots=True)
class Covariate:
    """What an experiment is adjusted for: a daily indicator of an area."""

    indicator: str
    area: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """One file of labs/<lab>/experiments: the design, fixed before data are seen.

    Dates are civil dates at the lab, phases half-open. `intervention` is the first and last moment
    of the change, equal where it was an instant; the days between the phases are dropped.
    """

    id: str
    lab: str
    label: str
    hypothesis: str
    placebo: bool  # nobody intervened: the result must say so
    indicator: str  # primary outcome, an id of indicators.yaml
    treated: tuple[str, ...]  # area ids
    control: tuple[str, ...]
    before: tuple[str, str]  # civil dates [from, to) at the lab
    after: tuple[str, str]
    method: str  # a key of transforms.experiments.design.METHODS
    alpha: float
    min_coverage: float
    contact: str
    what: str = ""  # what was changed
    where: str = ""
    comparable: str = ""  # why the control areas are comparable
    intervention: tuple[str, str] = ("", "")
    secondary: tuple[str, ...] = ()  # declared outcomes beside the primary one
    exploratory: tuple[str, ...] = ()  # outcomes that no claim may rest on
    family: tuple[str, ...] = ()  # outcomes whose p values are adjusted together (Holm)
    covariates: tuple[Covariate, ...] = ()
    weekdays: str = "ignore"  # "adjust" | "whole_weeks" | "ignore"
    yearly_cycle: bool = False
    lags: int | None = None  # of Newey-West [d]; None: default_lags of transforms
    relevant: float | None = None  # smallest effect that would matter, unit of the primary outcome
    expected: str = "either"  # "increase" | "decrease" | "none" | "either"
    stop: str = ""  # civil date from which the result is final

    @property
    def outcomes(self) -> tuple[str, ...]:
        """All indicators that are evaluated, the primary one first."""
        return (self.indicator, *self.secondary, *self.exploratory)

    @property
    def declared(self) -> tuple[str, ...]:
        """Outcomes whose p values are adjusted together."""
        return self.family or (self.indicator, *self.secondary)

    def role(self, indicator: str) -> str:
        """What an outcome may be used for."""
        if indicator == self.indicator:
            return "primary"
        return "secondary" if indicator in self.secondary else "exploratory"


@dataclass(frozen=True, slots=True)
class Lab:
    """One neighbourhood."""

    id: str
    name: str
    municipality: str
    cbs_codes: tuple[str, ...]
    timezone: str
    areas: Mapping[str, Area]
    routes: tuple[Route, ...]
    contact: str
    licence: str
    attribution: str
    data_note: str  # e.g. "measured elsewhere and re-dated"; shown wherever data are shown
    experiments: Mapping[str, Experiment]
    cbs_year: int = 0  # codes are valid for one year
    centre_rd: tuple[float, float] | None = None  # with radius_m, where there is no polygon
    radius_m: float | None = None
    polygon_rd: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit or guideline value to compare an indicator with."""

    scheme: str
    value: float
    allowed: int | None  # exceedances allowed per year, None where the limit is on the value itself
    source: str
    valid_from: str = ""  # civil date from which the scheme applies; "" = already


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of indicators.yaml."""

    id: str
    theme: Theme
    function: str  # "module:function" below `transforms`
    quantities: tuple[str, ...]
    parameters: Mapping[str, Any]
    period: str  # "hour" | "day" | "day_utc1" (fixed UTC+1) | "year" | "year_utc1" | ...
    unit: str
    coverage: float  # least n/expected for a value
    area_rule: str  # a rule of transforms.aggregate.combine: how the devices of an area combine
    flags: tuple[int, ...]  # aggregate flags that enter
    limits: tuple[Limit, ...]
    label_en: str
    label_nl: str
    definition: str
    source: str
    before_h: int  # hours of data needed before the local day ("margin")
    after_h: int
    needs: tuple[str, ...] = ()  # quantities without which a device has no row
    step_divides_s: int = 0  # devices whose step is not a whole part of it have no row; 0 = any
    of: tuple[str, ...] = ()  # indicators of hours or days that one of the year is computed from

    @property
    def level(self) -> str:
        """Level of the pipeline whose windows compute it."""
        return "years" if self.of else "indicators"


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything the configuration says, whole; equal content gives an equal `version`.

    `version` is the first 16 hex digits of the SHA-256 of `canonical`, the canonical JSON of the
    whole content, which is what `ops` stores and what `livinglab.config.from_snapshot` loads again.
    The settings of an installation (addresses, ports) are not part of it.

    `quality` has four mappings: `themes` (theme -> window_h, max_gap_s), and thresholds in
    `quantities` (quantity -> name -> value), `models` and `devices` (id -> quantity -> name ->
    value); `quality_for` merges them.
    """

    version: str
    canonical: str
    settings: Any  # livinglab.config.Settings
    quantities: Mapping[str, Quantity]
    models: Mapping[str, DeviceModel]
    labs: Mapping[str, Lab]
    indicators: Mapping[str, Indicator]
    quality: Mapping[str, Any]  # validated content of config/quality/*.yaml
    devices: tuple[Device, ...]
    calibrations: tuple[Calibration, ...]
    flags: tuple[ManualFlag, ...]
    history: Mapping[str, tuple[Device, ...]] = field(default_factory=dict)  # id -> rows by time

    def device_at(self, device: str, time_ns: int) -> Device | None:
        """The row of `device` that is valid at `time_ns`, None where none is."""
        for row in self.history.get(device, ()):
            if row.covers(time_ns):
                return row
        return None

    def devices_in(self, lab: str, start_ns: int, end_ns: int) -> tuple[Device, ...]:
        """Rows of a lab whose validity overlaps [start, end), ordered by id and time."""
        return tuple(
            row
            for row in self.devices
            if row.lab == lab
            and row.from_ns < end_ns
            and (row.to_ns is None or row.to_ns > start_ns)
        )


def quality_for(registry: Registry, quantity: str, device: Device) -> dict[str, Any]:
    """Thresholds of the quality tests for one quantity of one device.

    Merged quantity < model < device; a later null switches a test off. Spans fall back to those of
    the quantity, the gap to that of its theme.

    Returns
    -------
    dict
        Names and units of `transforms.quality.Thresholds`: step_s, max_gap_s, the thresholds of
        gross range, spike, rate and flat line (None = the test is not configured), and those of
        further tests where they are configured. Neighbours are the devices of the area.

    Raises
    ------
    KeyError
        If the quantity is not in the registry.
    """
    row = registry.quantities[quantity]
    merged: dict[str, Any] = dict.fromkeys(_THRESHOLDS)
    merged["max_gap_s"] = registry.quality["themes"].get(row.theme, {}).get("max_gap_s")
    merged["gross_fail"], merged["gross_suspect"] = row.fail, row.suspect
    for thresholds in (
        registry.quality["quantities"].get(quantity, {}),
        registry.quality["models"].get(device.model, {}).get(quantity, {}),
        registry.quality["devices"].get(device.id, {}).get(quantity, {}),
    ):
        merged.update(thresholds)
    rate = merged.pop("rate_per_min", None)
    for name in ("gross_fail", "gross_suspect"):
        merged[name] = _span(merged[name])
    merged |= {"step_s": device.step_s, "rate_per_s": None if rate is None else rate / 60}
    return merged | _further(merged, device, quantity)


def _further(merged: dict[str, Any], device: Device, quantity: str) -> dict[str, Any]:
    """Further tests in the form that `Thresholds` reads; takes them out of `merged`."""
    names = [name for name in merged if name not in {*_THRESHOLDS, "step_s", "rate_per_s"}]
    given = {name: merged.pop(name) for name in names}
    found = {name: value for name, value in given.items() if value is not None}
    if "neighbour_distance" in found or "neighbour_share" in found:
        found |= {"neighbour_group": f"{device.area}|{quantity}", "neighbour_site": device.id}
    else:
        found = {key: value for key, value in found.items() if not key.startswith("neighbour")}
    for season in (seasons := [dict(row) for row in found.get("climatology", ())]):
        season.update({name: _bounds(season.get(name)) for name in ("suspect", "fail")})
    if seasons:
        found["climatology"] = seasons
    if "state_limits" in found:
        found["state_limits"] = {
            name: _bounds(span) for name, span in found["state_limits"].items()
        }
    return found


def window_h(registry: Registry, theme: str) -> int:
    """Hours of data that the pipeline computes at once for a theme: 1 or 24."""
    return int(registry.quality["themes"].get(theme, {}).get("window_h", 24))


def _span(span: tuple[float | None, float | None] | None) -> tuple[float, float] | None:
    """A span with infinities for null; None where it bounds nothing."""
    bounds = _bounds(span or (None, None))
    return None if bounds == (-inf, inf) else bounds


def _bounds(span: tuple[float | None, float | None] | None) -> tuple[float, float] | None:
    if span is None:
        return None
    least, greatest = span
    return (-inf if least is None else least, inf if greatest is None else greatest)
