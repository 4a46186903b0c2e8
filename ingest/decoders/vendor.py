"""Readings of a vendor's decoded object: what sits in `decoded_payload`, `object` or plain JSON.

One walk reads every shape that device makers use: flat keys; numbers in texts; `{value, unit}`;
`{unit, values: [newest, ...]}`; named values `[{sensor, value, unit}]`; SenseCAP's measurement ids;
samples with a time of their own; nested groups.

`Reading.key` is the path in the object, joined by "/", without containers whose name says nothing
("data", "values"): it is what a device model maps, and unlike in one message. Elements of a list
are told apart by a member that identifies them, `lines/[line=2]/in`, else by position. Quantity,
unit and channel are the model's to say; `Reading.unit` is set only where the payload states one.
Keys that cannot be readings (ids, radio, settings) do not come out at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.decoders import keys, times
from ingest.decoders.base import MAX_READINGS
from ingest.decoders.values import SWITCHES, names, number_in, switch, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Reading

#: Names of containers that say nothing about what is inside.
PLAIN_CONTAINERS: Final = frozenset(
    names(
        "data payload bytes values fields measurements measurement messages readings object "
        "decoded sensors sensor telemetry result results sensordata env environment report "
        "samples metrics state uplink waarden messwerte metingen meetwaarden werte "
        "decodedpayload timeseries history dataset"
    )
)
_NO_DATA: Final = frozenset(
    names(
        "settings setting config configuration threshold thresholds alarm alarms limit limits "
        "target setpoint setpoints gateway gateways rxmetadata rxinfo txinfo radio versionids "
        "networkids tags error errors flags calibration offset offsets wifi ota firmware meta "
        "metadata parameters status update correlationids applicationids identifiers"
    )
)
_IDENTIFIERS: Final = frozenset(
    names(
        "id deviceid devid serial serialno serialnumber port fport fcnt fcount framecounter "
        "rssi snr lorasnr sequence seq version protocolversion firmware firmwareversion "
        "hardware hardwareversion model type err error wifi bootcount dr adr channelindex "
        "stationid stationnumber nodeid sensorid instanceid"
    )
)
_TIME_KEYS: Final = frozenset(
    names(
        "time timestamp ts logtimestamp datetime recordedat measuredat sampletime epoch "
        "unixtime measuretime observedat measurementtime timestampmeasured tijd zeit tijdstip "
        "zeitpunkt datum date measuredate sampledate dataabsolutetimestamp absolutetimestamp "
        "batchabsolutetimestamp reportedat capturedat"
    )
)
_STRUCTURE: Final = frozenset(("value", "values", "measurementId", "measurementValue"))
_NAME_KEYS: Final = names(
    "sensor name quantity parameter type key variable measurement label value_type kind id "
    "grootheid displayName"
)
_GROUP_KEYS: Final = frozenset(
    names("line id channel index sensor name port output zone region address slot probe")
)
_UNIT_KEYS: Final = ("unit", "units", "uom", "eenheid", "einheit")
_SENSECAP: Final[Mapping[str, tuple[str, str]]] = {
    "4097": ("air_temperature", "Cel"),
    "4098": ("relative_humidity", "%"),
    "4099": ("illuminance", "lx"),
    "4100": ("co2", "ppm"),
    "4101": ("air_pressure", "Pa"),
    "4102": ("soil_temperature", "Cel"),
    "4103": ("soil_moisture", "%"),
    "4104": ("wind_direction", "deg"),
    "4105": ("wind_speed", "m/s"),
    "4113": ("precipitation_intensity", "mm/h"),
    "4190": ("uv_index", "1"),
    "4191": ("wind_gust", "m/s"),
    "4213": ("precipitation_cumulative", "mm"),
}
_AMOUNT: Final = re.compile(r"([+-]?\d{1,20}(?:\.\d{1,20})?)\s*([^\d\s.,:][^:]{0,19})")
_SEPARATORS: Final = re.compile(r"[\W_]+")


class Collection:
    """Readings and losses of one message while it is walked; `time` counts where none is stated."""

    __slots__ = ("dropped", "readings", "time", "zone")

    def __init__(self, time_ns: int | None = None, *, zone: str = "", local: str = "") -> None:
        self.readings: list[Reading] = []
        self.dropped: list[tuple[str, str]] = []
        self.time = times.Instant(time_ns, local)
        self.zone = zone

    def add(self, reading: Reading) -> None:
        """Keeps a reading, up to the limit of a message."""
        if len(self.readings) >= MAX_READINGS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one message")
        self.readings.append(reading)

    def drop(self, key: str, reason: Reason) -> None:
        """Counts a value that is lost."""
        if len(self.dropped) < MAX_READINGS:
            self.dropped.append((key, reason.value))


def read_object(body: Mapping[str, object], into: Collection) -> None:
    """Adds the readings of a decoded object to `into`.

    Raises
    ------
    DecodeError
        TOO_MANY, beyond the limit of readings per message.
    """
    _walk_object(body, (), into.time, into)
    _drop_repeats(into)
    _mark_weighting(body, into)


def is_plain_key(name: str) -> bool:
    """Whether a flat key's number becomes a reading, whatever the number is."""
    return squeeze(name) not in _IDENTIFIERS and squeeze(name) not in _NO_DATA


def has_structure(name: str) -> bool:
    """Whether a flat key changes what the others mean: a time, or half of a measurement."""
    return name in _STRUCTURE or squeeze(name) in _TIME_KEYS or len(name) > keys.MAX_KEY


def squeeze(name: str) -> str:
    """A key without separators and case, for comparison with the sets of this module."""
    return _SEPARATORS.sub("", name).casefold()


def _walk_object(
    node: Mapping[str, object],
    path: tuple[str, ...],
    time: times.Instant,
    into: Collection,
    *,
    listed: bool = False,
) -> None:
    time = _own_time(node, time, into)
    if _take_measured(node, path, time, into, listed=listed):
        return
    for name, value in node.items():
        plain = squeeze(name)
        if plain in _NO_DATA or plain in _TIME_KEYS:
            continue
        inner = path if plain in PLAIN_CONTAINERS else (*path, name)
        if isinstance(value, dict):
            _walk_object(value, inner, time, into, listed=listed and inner is path)
        elif isinstance(value, list):
            _walk_list(value, inner, time, into)
        elif plain not in _IDENTIFIERS:
            _take((*path, name), value, None, time, into)


def _walk_list(
    items: Sequence[object], path: tuple[str, ...], time: times.Instant, into: Collection
) -> None:
    for index, item in enumerate(items):
        if isinstance(item, list):
            _walk_list(item, path, time, into)
        elif isinstance(item, dict):
            is_sample = _is_named(item) or _own_time(item, times.UNSET, into) != times.UNSET
            place = () if is_sample else (_group(item) or str(index),)
            _walk_object(item, (*path, *place), time, into, listed=True)


def _take_measured(
    node: Mapping[str, object],
    path: tuple[str, ...],
    time: times.Instant,
    into: Collection,
    *,
    listed: bool,
) -> bool:
    """Reads a node that is one measurement rather than a group; False if it is a group."""
    if "measurementId" in node and "measurementValue" in node:
        _take_sensecap(node, time, into)
        return True
    unit = _unit_of(node)
    series = node.get("values")
    if isinstance(series, list) and unit is not None and path:
        if series:  # newest first, and only the newest has a known time
            _take(path, series[0], unit, time, into)
        return True
    if "value" in node and not isinstance(node["value"], dict | list):
        # The name inside counts in a list; under a key, the key does ({"displayName", "value"}).
        name = None if path and not listed else _name_of(node)
        if not path and name is None:
            return False
        _take(path if name is None else (*path, name), node["value"], unit, time, into)
        return True
    return False


def _take_sensecap(node: Mapping[str, object], time: times.Instant, into: Collection) -> None:
    key = str(node["measurementId"])[:20]
    value = number_in(node["measurementValue"])
    if value is None:
        into.drop(key, Reason.NO_VALUE)
        return
    quantity, unit = _SENSECAP.get(key, ("", None))
    into.add(Reading(key, quantity, value, unit, time.ns, "0", time.local))


def _take(
    path: tuple[str, ...], value: object, unit: str | None, time: times.Instant, into: Collection
) -> None:
    key = "/".join(path)[: keys.MAX_KEY]
    found = _value(path[-1], value)
    if found is None and isinstance(value, str):
        found, unit = _with_unit(value, unit)
    if found is not None:
        into.add(Reading(key, "", found, unit, time.ns, "0", time.local))
    elif value is None or (isinstance(value, str) and keys.meaning(path[-1]) is not None):
        into.drop(key, Reason.NO_VALUE)


def _value(name: str, value: object) -> float | None:
    """A number; the state of a switch, in words too; True only where nothing else is meant."""
    if not isinstance(value, bool | str):
        return number_in(value)
    known = keys.meaning(name)
    if known is not None and known.quantity in SWITCHES:
        state = switch(value)
        return number_in(value) if state is None else state
    if isinstance(value, bool):
        return float(value) if known is None else None
    return number_in(value)


def _with_unit(text: str, unit: str | None) -> tuple[float | None, str | None]:
    """Value and unit of a text like "1322 mm" or "3.6V"; None where the text is anything else."""
    found = _AMOUNT.fullmatch(text.strip()) if unit is None else None
    written = unit_text(found[2]) if found else None
    if found is None or written is None or not keys.is_unit(written):
        return None, unit
    return number_in(found[1]), written


def _own_time(node: Mapping[str, object], time: times.Instant, into: Collection) -> times.Instant:
    """The node's own sample time if it has a plausible one, else the time given.

    Vendors put local dates and counters under such names too; those are no times.
    """
    for name, value in node.items():
        is_day = isinstance(value, str) and ":" not in value and "-" in value
        if isinstance(value, int | float | str) and squeeze(name) in _TIME_KEYS and not is_day:
            try:
                own = times.instant(value, into.zone)
            except DecodeError:
                continue
            if own != times.UNSET and (own.ns is not None or time.ns is None):
                return own
    return time


def _unit_of(node: Mapping[str, object]) -> str | None:
    for name in _UNIT_KEYS:
        value = node.get(name)
        if isinstance(value, str):
            return unit_text(value)
    return None


def _name_of(node: Mapping[str, object]) -> str | None:
    """The name a measurement carries beside its value: one the key table knows, else the first."""
    found = [node.get(key) for key in _NAME_KEYS]
    texts = [str(name) for name in found if isinstance(name, str | int) and name != ""]
    return next((text for text in texts if keys.meaning(text)), texts[0] if texts else None)


def _is_named(node: Mapping[str, object]) -> bool:
    return ("value" in node and _name_of(node) is not None) or "measurementId" in node


def _group(node: Mapping[str, object]) -> str:
    """The selector of a list element by a member that identifies it, "" where none does."""
    for name, value in node.items():
        is_id = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
        if is_id and squeeze(name) in _GROUP_KEYS:
            return f"[{name}={value}]"[:40]
    return ""


def _drop_repeats(into: Collection) -> None:
    """A value that stands flat and in a sample with its own time counts at that time only."""
    sampled = {
        (row.key, row.value) for row in into.readings if (row.time_ns, row.local) != into.time
    }
    if sampled:
        into.readings[:] = [
            row
            for row in into.readings
            if (row.time_ns, row.local) != into.time or (row.key, row.value) not in sampled
        ]


def _mark_weighting(body: Mapping[str, object], into: Collection) -> None:
    """A sound meter that says it weighs by C or Z gives no dB(A), whatever its keys are called.

    Milesight WS302: `laeq` with `freq_weight` Z becomes the key `laeq@Z`.
    """
    weight = body.get("freq_weight")
    mark = weight.strip().upper()[:1] if isinstance(weight, str) else ""
    if mark in ("", "A"):
        return
    for index, reading in enumerate(into.readings):
        if reading.key in ("la", "laeq", "lamax", "lamin"):
            into.readings[index] = reading._replace(key=f"{reading.key}@{mark}")
