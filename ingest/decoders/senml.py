"""SenML (RFC 8428), whatever it is serialised as: base fields, names, times, units.

Shared by the JSON and the CBOR decoder, which differ only in how records are read.

References
----------
.. [1] RFC 8428, Sensor Measurement Lists (SenML). doi:10.17487/RFC8428.
.. [2] RFC 8798, Additional Units for SenML. doi:10.17487/RFC8798.
.. [3] RFC 9039, Uniform Resource Names for Device Identifiers. doi:10.17487/RFC9039.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, Never

from ingest.decoders import keys
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import json_type
from ingest.decoders.topics import topic_device
from ingest.decoders.values import SWITCHES, number, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading
from livinglab.timeline import SECOND_NS

MAX_VERSION: Final = 10
NOTHING: Final = "no numeric value"
RELATIVE_BELOW: Final = 2.0**28  # s; RFC 8428, section 4.5.3: smaller times are relative to now

_KNOWN: Final = frozenset(
    ["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"]
)
_VALUES: Final = ("v", "vs", "vb", "vd")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_KEY: Final = re.compile(r"[A-Za-z0-9\-:./_]+")
_URN: Final = re.compile(r"urn:dev:((?:mac|ow|org|os|ops|example):[^:/]+|[^:/]+)[:/]?(.*)")
_SEPARATORS: Final = ":/._-"
LATEST_S: Final = 4_102_444_800.0  # 2100

# Unit -> (unit we write, quantity it means where the name says nothing). RFC 8428, table 6: "%" is
# a ratio of 0..1, not a percentage; "Bspl" is bel, ten times the decibel.
_UNITS: Final[Mapping[str, tuple[str | None, str]]] = {
    "Cel": ("Cel", "temperature"),
    "K": ("K", "temperature"),
    "%RH": ("%", "relative_humidity"),
    "%EL": ("%", "battery_level"),
    "%": ("1", "ratio"),
    "/": ("1", "ratio"),
    "/100": ("%", ""),
    "lat": ("deg", "latitude"),
    "lon": ("deg", "longitude"),
    "lx": ("lx", "illuminance"),
    "Pa": ("Pa", "air_pressure"),
    "hPa": ("hPa", "air_pressure"),
    "V": ("V", "voltage"),
    "mV": ("mV", "voltage"),
    "A": ("A", "current"),
    "mA": ("mA", "current"),
    "W": ("W", "power"),
    "kW": ("kW", "power"),
    "S/m": ("S/m", "electrical_conductivity"),
    "pH": ("pH", "ph"),
    "dB": ("dB", "sound_level"),
    "Bspl": ("dB", "sound_level"),
    "mm/h": ("mm/h", "precipitation_intensity"),
    "l/s": ("L/s", "flow_rate"),
    "m3/s": ("m3/s", "flow_rate"),
    "l": ("L", "water_volume"),
    "NTU": ("NTU", "turbidity"),
    "count": ("1", ""),
}


class Meant(NamedTuple):
    """What a key and a unit mean: key, quantity, unit, and factor of the value."""

    key: str
    quantity: str
    unit: str | None
    factor: float


class Base:
    """The base fields, which apply from their record on until they are replaced (4.1)."""

    __slots__ = ("name", "sum", "time", "unit", "value")

    def __init__(self) -> None:
        self.name = ""
        self.time = 0.0
        self.unit = ""
        self.value: float | None = None
        self.sum = 0.0

    def take(self, record: Mapping[str, object]) -> None:
        """Replaces what the record states."""
        if "bn" in record:
            self.name = _text(record, "bn")
        if "bu" in record:
            self.unit = _text(record, "bu")
        if "bt" in record:
            self.time = _number(record, "bt")
        if "bv" in record:
            self.value = _number(record, "bv")
        if "bs" in record:
            self.sum = _number(record, "bs")
        if "bver" in record:
            require_version(record["bver"])


def decode_pack(
    records: Iterable[Mapping[str, object]], message: Message, context: Context
) -> Decoded:
    """Readings of a pack of records.

    Raises
    ------
    DecodeError
        FORMAT, VALUE, TIME or DEVICE: a pack that breaks a MUST of the RFC counts as a whole.
    """
    base = Base()
    readings: dict[str, list[Reading]] = {}
    total = 0
    for record in records:
        _require_labels(record)
        base.take(record)
        for device, reading in _readings(record, base, message, context):
            readings.setdefault(device, []).append(reading)
            total += 1
        if total > MAX_READINGS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one message")
    return Decoded(readings, note="" if readings else NOTHING)


def require_version(version: object) -> None:
    """Refuses a `bver` this decoder does not know (RFC 8428, section 4.4: MUST NOT use)."""
    number_of = number(version)
    if number_of is None or number_of % 1 or not 1 <= number_of <= MAX_VERSION:
        raise DecodeError(Reason.FORMAT, f"SenML version {version!r}: {MAX_VERSION} is supported")


def time_ns(seconds: float, received_ns: int) -> int | None:
    """UTC ns of a summed time (4.5.3); None for 0, which means now."""
    if seconds >= RELATIVE_BELOW:
        if seconds >= LATEST_S:
            raise DecodeError(Reason.TIME, f"time {seconds!r} lies after the year 2100")
        # A double holds today's seconds to a quarter of a microsecond, no more.
        return round(seconds * 1e6) * 1_000
    if seconds == 0:
        return None
    if seconds < -RELATIVE_BELOW:
        raise DecodeError(Reason.TIME, f"time {seconds!r} lies too far before now")
    return received_ns + round(seconds * 1e6) * (SECOND_NS // 1_000_000)


def named(base: str, name: str, unit: str) -> tuple[str, Meant]:
    """Device, and what the rest of the name means with the unit.

    The device is the identifier of a `urn:dev:`, or the base name without its separator; the key is
    what follows; the unit names the quantity where it can, else the last part of the key does.

    Raises
    ------
    DecodeError
        FORMAT, if the whole name breaks section 4.5.1.

    Examples
    --------
    >>> device, meant = named("urn:dev:utr-aq-01:", "no2", "ppb")
    >>> device, meant.key, meant.quantity, meant.unit
    ('utr-aq-01', 'no2', 'no2', 'ppb')
    >>> device, meant = named("urn:dev:ow:10e2073a01080063", "", "%RH")
    >>> device, meant.key, meant.quantity, meant.unit
    ('ow:10e2073a01080063', '%RH', 'relative_humidity', '%')
    """
    device, rest, is_urn = base_parts(base) if base else ("", "", False)
    if base and (is_urn or name):
        return device, meant(rest + name, unit)
    _require_name(base or name)
    device, key = _split(base or name)
    return device, meant(key, unit)


@lru_cache(maxsize=16384)
def base_parts(base: str) -> tuple[str, str, bool]:
    """Device of a base name, what follows the device in it, and whether it is a `urn:dev:`.

    Raises
    ------
    DecodeError
        FORMAT, if the base name breaks section 4.5.1.
    """
    _require_name(base)
    urn = _URN.fullmatch(base)
    return (urn[1], urn[2], True) if urn else (base.rstrip(_SEPARATORS), "", False)


@lru_cache(maxsize=8192)
def meant(key: str, unit: str) -> Meant:
    """What a key (the name after the device) means with its unit.

    Raises
    ------
    DecodeError
        FORMAT, if the key breaks section 4.5.1.
    """
    if key and not _KEY.fullmatch(key):
        _refuse_name(key)
    quantity, written, factor = _quantity(re.split(r"[:/]", key)[-2:], unit)
    return Meant(key or unit, quantity, written, factor)


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        _refuse_name(name)


def _refuse_name(name: str) -> Never:
    raise DecodeError(Reason.FORMAT, f"{name[:60]!r} is no SenML name", hint="RFC 8428, 4.5.1")


def _split(whole: str) -> tuple[str, str]:
    """Device and key of a name that stands in one piece."""
    urn = _URN.fullmatch(whole)
    if urn:
        return urn[1], urn[2]
    head, separator, last = whole.rpartition("/" if "/" in whole else ":")
    if separator and keys.meaning(last) is not None:
        return head, last
    return ("", whole) if keys.meaning(whole) is not None else (whole, "")


def _quantity(path: list[str], unit: str) -> tuple[str, str | None, float]:
    """Quantity, unit as written, factor of the value; of the last two parts of a name."""
    known = keys.meaning(" ".join(path)) or keys.meaning(path[-1])
    if not unit:
        return (known.quantity if known else ""), None, 1.0
    written, meaning = _UNITS.get(unit, (unit_text(unit), ""))
    named_by = _consistent(known, written, meaning) if known is not None else ""
    return named_by or meaning, written, 10.0 if unit == "Bspl" else 1.0


def _consistent(known: keys.Meaning, written: str | None, meant: str) -> str:
    """The quantity of the name if the unit can belong to it, else ""."""
    if known.quantity == "battery":
        return {"voltage": "battery_voltage", "": "battery_level"}.get(meant, meant)
    if meant and written == "%" and known.quantity != meant:
        return meant  # %RH and %EL say more than "%"
    return known.quantity if keys.fits(known.quantity, written) else ""


def _readings(
    record: Mapping[str, object], base: Base, message: Message, context: Context
) -> Iterable[tuple[str, Reading]]:
    present = [label for label in _VALUES if label in record]
    if len(present) > 1:
        raise DecodeError(Reason.FORMAT, f"a record with {' and '.join(present)}: one value only")
    has_value = bool(present) or (base.value is not None and _has_own(record))
    if not has_value and "s" not in record:
        return
    # A boolean has no unit, although the base unit formally reaches it.
    unit = (_text(record, "u") if "u" in record else "") or ("" if "vb" in record else base.unit)
    own, meaning = named(base.name, _text(record, "n") if "n" in record else "", unit)
    moment = time_ns(
        base.time + (_number(record, "t") if "t" in record else 0.0), message.received_ns
    )
    in_name = own and context.device == "payload"
    device = own if in_name else topic_device(message, context)
    value = _value(record, present[0] if present else "", base, meaning) if has_value else None
    if value is not None:
        yield (
            device,
            Reading(meaning.key, meaning.quantity, value, meaning.unit, moment),
        )
    if "s" in record:
        total = base.sum + _number(record, "s")
        yield device, Reading(f"{meaning.key}#sum", "", total, None, moment)


def _has_own(record: Mapping[str, object]) -> bool:
    """Whether a record without value is a measurement at the base value, not only base fields."""
    return ("n" in record or "t" in record) and "s" not in record


def _value(record: Mapping[str, object], label: str, base: Base, meaning: Meant) -> float | None:
    if label in ("", "v"):
        own = _number(record, "v") if label else 0.0
        value = number((own + (base.value or 0.0)) * meaning.factor)
        if value is None:
            raise DecodeError(Reason.VALUE, f"{meaning.key}: the value is out of range")
        return value
    content = record[label]
    if label == "vb":
        if not isinstance(content, bool):
            raise DecodeError(Reason.FORMAT, f"vb must be a boolean, not {json_type(content)}")
        return float(content) if meaning.quantity in SWITCHES or not meaning.quantity else None
    if label == "vs" and not isinstance(content, str):
        raise DecodeError(Reason.FORMAT, f"vs must be a text, not {json_type(content)}")
    return None


def _require_labels(record: Mapping[str, object]) -> None:
    for label in record:
        if label not in _KNOWN and label.endswith("_"):
            message = f"the label {label[:40]!r} must be understood, and is not"
            raise DecodeError(Reason.FORMAT, message, hint="RFC 8428, section 4.4")


def _text(record: Mapping[str, object], label: str) -> str:
    value = record[label]
    if not isinstance(value, str):
        raise DecodeError(Reason.FORMAT, f"{label} must be a text, not {json_type(value)}")
    return value


def _number(record: Mapping[str, object], label: str) -> float:
    value = number(record[label])
    if value is None:
        shown = json_type(record[label])
        raise DecodeError(Reason.FORMAT, f"{label} must be a number, not {shown}")
    return value
