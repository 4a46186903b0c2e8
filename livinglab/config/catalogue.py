"""What quantities.yaml, indicators.yaml, models/*.yaml and quality/*.yaml may say."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from livinglab.config.values import (
    CODECS,
    FORMATS,
    Bounds,
    Channel,
    CivilDate,
    JsonMapping,
    Number,
    QuantityName,
    Spec,
    Text,
    Whole,
)
from livinglab.model import Aggregation, Kind, Theme

Period = Literal["hour", "day", "day_utc1", "year", "year_utc1", "hydrological_year"]
AreaRule = Literal["mean", "energy_mean", "sum", "max", "circular_mean"]
PERIODS = get_args(Period)
AREA_RULES = get_args(AreaRule)

#: Most hours of data that an indicator may need before or after its period: a month around a day,
#: the thirty years of a climate around a year.
MOST_DAY_H = 24 * 31
MOST_H = 24 * 366 * 30


def _ascending(span: Bounds) -> Bounds:
    least, greatest = span
    if least is not None and greatest is not None and least > greatest:
        raise ValueError(f"expected [least, greatest], got [{least:g}, {greatest:g}]")
    return span


def _format(value: object) -> object:
    if value not in FORMATS:
        raise ValueError(f"expected one of {', '.join(FORMATS)}, got {value!r}")
    return value


def _codec(value: object) -> object:
    if value and value not in CODECS:
        raise ValueError(f"expected one of {', '.join(CODECS)}, got {value!r}")
    return value


Span = Annotated[Bounds, AfterValidator(_ascending)]
Decoder = Annotated[str, BeforeValidator(_format)]
Codec = Annotated[str, BeforeValidator(_codec)]


class Label(Spec):
    """What people read, in both languages."""

    en: Text
    nl: Text


class QuantitySpec(Spec):
    """One entry of quantities.yaml."""

    unit: str
    accepts: tuple[str, ...] = ()
    theme: Theme
    kind: Kind = Kind.STATE
    aggregation: Aggregation = Aggregation.MEAN
    molar_mass_g_mol: Annotated[Number, Field(gt=0)] | None = None
    fail: Span
    suspect: Span | None = None
    label: Label
    description: Text

    @model_validator(mode="after")
    def _suspect_lies_inside_fail(self) -> QuantitySpec:
        if self.suspect is not None and not inside(self.suspect, self.fail):
            raise ValueError(f"suspect {list(self.suspect)} must lie inside fail {list(self.fail)}")
        return self


class KeySpec(Spec):
    """One payload key of a device model."""

    quantity: QuantityName
    unit: str | None = None  # default: the quantity's own
    channel: Channel = "0"
    scale: Number = 1.0
    sentinels: tuple[Number, ...] = ()
    minimum: Number | None = None
    maximum: Number | None = None


class ModelSpec(Spec):
    """One file of models/."""

    label: Text
    decoder: Decoder
    codec: Codec = ""
    step_s: Annotated[Whole, Field(gt=0, le=31 * 86_400)]
    time_key: str = ""
    device_key: str = ""
    source: Text
    keys: Annotated[dict[str, KeySpec], Field(min_length=1)]
    derives: dict[QuantityName, QuantityName] = Field(default_factory=dict)


class LimitSpec(Spec):
    """A value to compare an indicator with."""

    scheme: Text
    value: Number
    allowed: Annotated[Whole, Field(ge=0)] | None = None
    valid_from: CivilDate | None = None
    source: Text


class IndicatorSpec(Spec):
    """One entry of indicators.yaml: of quantities by the hour or day, or of such by the year."""

    theme: Theme
    function: Annotated[str, Field(pattern=r"^[a-z_]+:[a-z0-9_]+$")]
    quantities: tuple[QuantityName, ...] = ()
    of: tuple[Text, ...] = ()  # ids of indicators, for a period of a year
    needs: tuple[QuantityName, ...] = ()  # default: the first of quantities
    step_divides_s: Annotated[Whole, Field(ge=0)] = 0  # 0 = any step
    parameters: JsonMapping = Field(default_factory=dict)
    period: Period
    unit: str
    coverage: Annotated[Number, Field(ge=0, le=1)]
    area_rule: AreaRule | None = None  # of a year: that of what it is computed from
    flags: Annotated[tuple[Literal[1, 2, 3], ...], Field(min_length=1)] = (1, 2)
    before_h: Annotated[Whole, Field(ge=0, le=MOST_H)] = 0
    after_h: Annotated[Whole, Field(ge=0, le=MOST_H)] = 0
    label: Label
    definition: Text
    source: Text
    limits: tuple[LimitSpec, ...] = ()

    @model_validator(mode="after")
    def _is_of_quantities_or_of_indicators(self) -> IndicatorSpec:
        is_yearly = "year" in self.period
        wanted, other = ("of", "quantities") if is_yearly else ("quantities", "of")
        if getattr(self, other) or not getattr(self, wanted):
            raise ValueError(f"an indicator of the {self.period} names {wanted}, and no {other}")
        fields = type(self).model_fields
        inherited = ("needs", "step_divides_s", "area_rule", "flags")
        own = [name for name in inherited if getattr(self, name) != fields[name].default]
        if is_yearly and own:
            raise ValueError(f"{', '.join(own)} of a year is that of what `of` names")
        if not is_yearly and self.area_rule is None:
            raise ValueError(f"area_rule is missing: expected one of {', '.join(AREA_RULES)}")
        if not is_yearly and max(self.before_h, self.after_h) > MOST_DAY_H:
            raise ValueError(f"before_h and after_h of a {self.period} are at most {MOST_DAY_H}")
        return self


class QualityFile(Spec):
    """One file of quality/, thresholds with the unit in each key as written."""

    theme: Theme
    window_h: Literal[1, 24]
    max_gap_s: Annotated[Whole, Field(gt=0)]
    quantities: dict[str, JsonMapping] = Field(default_factory=dict)
    models: dict[str, dict[str, JsonMapping]] = Field(default_factory=dict)
    devices: dict[str, dict[str, JsonMapping]] = Field(default_factory=dict)


class QualitySpec(Spec):
    """The same with thresholds under the names that tests know; see `thresholds.py`."""

    window_h: int
    max_gap_s: int
    quantities: dict[str, JsonMapping]
    models: dict[str, dict[str, JsonMapping]]
    devices: dict[str, dict[str, JsonMapping]]


def inside(inner: Bounds, outer: Bounds) -> bool:
    """Whether a span lies within another; null bounds reach to infinity.

    Examples
    --------
    >>> inside((0, 10), (0, None)), inside((None, 10), (0, 100))
    (True, False)
    """
    low, high = floats(inner), floats(outer)
    return high[0] <= low[0] and low[1] <= high[1]


def floats(span: Bounds) -> tuple[float, float]:
    """A span with infinities in place of null."""
    least, greatest = span
    return (
        float("-inf") if least is None else float(least),
        float("inf") if greatest is None else float(greatest),
    )
