"""Readings of a vendor's decoded object: what sits in `decoded_payload`, `object` or plain JSON.

One walk reads every shape that device makers use: flat keys; numbers in texts; `{value, unit}`;
`{unit, values: [newest, ...]}`; named values `[{sensor, value, unit}]`; SenseCAP's measurement ids;
samples with a time of their own; nested groups, whose name becomes the channel.

`Reading.key` is the path in the object, joined by "/", without containers whose name says nothing
("data", "values") and without list positions. Keys nobody knows come out with quantity "", for a
device model to map; keys that cannot be readings (ids, radio, settings) do not come out at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.decoders import keys, times
from ingest.decoders.base import MAX_READINGS
from ingest.decoders.values import SWITCHES, number_in, switch, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Reading

#: Names of containers that say nothing about what is inside.
PLAIN_CONTAINERS: Final = frozenset(
    [
        "data",
        "payload",
        "bytes",
        "values",
        "fields",
        "measurements",
        "measurement",
        "messages",
        "readings",
        "object",
        "decoded",
        "sensors",
        "sensor",
        "telemetry",
        "result",
        "results",
        "sensordata",
        "env",
        "environment",
        "report",
        "samples",
        "metrics",
        "state",
        "uplink",
        "waarden",
        "messwerte",
        "metingen",
        "meetwaarden",
        "werte",
        "decodedpayload",
        "timeseries",
        "history",
    ]
)
_NO_DATA: Final = frozenset(
    [
        "settings",
        "setting",
        "config",
        "configuration",
        "threshold",
        "thresholds",
        "alarm",
        "alarms",
        "limit",
        "limits",
        "target",
        "setpoint",
        "setpoints",
        "gateway",
        "gateways",
        "rxmetadata",
        "rxinfo",
        "txinfo",
        "radio",
        "versionids",
        "networkids",
        "tags",
        "error",
        "errors",
        "flags",
        "calibration",
        "offset",
        "offsets",
        "wifi",
        "ota",
        "firmware",
        "meta",
        "metadata",
        "parameters",
        "status",
        "update",
        "correlationids",
        "applicationids",
        "identifiers",
    ]
)
_IDENTIFIERS: Final = frozenset(
    [
        "id",
        "deviceid",
        "devid",
        "serial",
        "serialno",
        "serialnumber",
        "port",
        "fport",
        "fcnt",
        "fcount",
        "framecounter",
        "rssi",
        "snr",
        "lorasnr",
        "sequence",
        "seq",
        "version",
        "protocolversion",
        "firmware",
        "firmwareversion",
        "hardware",
        "hardwareversion",
        "model",
        "type",
        "err",
        "error",
        "wifi",
        "bootcount",
        "dr",
        "adr",
        "channelindex",
        "stationid",
        "stationnumber",
        "nodeid",
        "sensorid",
        "instanceid",
    ]
)
_TIME_KEYS: Final = frozenset(
    [
        "time",
        "timestamp",
        "ts",
        "logtimestamp",
        "datetime",
        "recordedat",
        "measuredat",
        "sampletime",
        "epoch",
        "unixtime",
        "measuretime",
        "observedat",
        "measurementtime",
        "timestampmeasured",
        "tijd",
        "zeit",
        "tijdstip",
        "zeitpunkt",
        "datum",
    ]
)
_NAME_KEYS: Final = [
    "sensor",
    "name",
    "quantity",
    "parameter",
    "type",
    "key",
    "variable",
    "measurement",
    "label",
    "value_type",
    "kind",
    "id",
    "grootheid",
    "displayName",
]
_GROUP_KEYS: Final = frozenset(
    [
        "line",
        "id",
        "channel",
        "index",
        "sensor",
        "name",
        "port",
        "output",
        "zone",
        "region",
        "address",
        "slot",
        "probe",
    ]
)
_UNIT_KEYS: Final = ("unit", "units", "uom", "eenheid", "einheit")
_SENSECAP: Final[dict[str, tuple[str, str]]] = {
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
_AIR: Final = frozenset(
    [
        "relative_humidity",
        "co2",
        "eco2",
        "air_pressure",
        "pm1",
        "pm2_5",
        "pm4",
        "pm10",
        "dew_point",
        "tvoc",
        "wind_speed",
        "no2",
        "o3",
    ]
)
_SOIL: Final = frozenset(("soil_moisture", "soil_permittivity"))
_WATER: Final = frozenset(
    ["water_depth", "dissolved_oxygen", "oxygen_saturation", "turbidity", "water_level"]
)
_SEPARATORS: Final = re.compile(r"[\W_]+")


class Collection:
    """Readings and losses of one message while it is walked."""

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
    """Adds the readings of a decoded object to `into`, then settles what the keys left open.

    Parameters
    ----------
    body : mapping
        The decoded object.
    into : Collection
        `time` is the instant that counts where the object states none of its own.
    """
    _walk_object(body, (), into.time, "0", into)
    into.readings[:] = settle(into.readings)
    _apply_weighting(body, into)


def settle(readings: Sequence[Reading]) -> list[Reading]:
    """Temperatures get the medium of the company they are in, repeated values go, rivals part."""
    company: dict[str, set[str]] = {}
    for reading in readings:
        company.setdefault(reading.channel, set()).add(reading.quantity)
    settled = [_with_medium(reading, company[reading.channel]) for reading in readings]
    return separate(settled)


def separate(readings: Sequence[Reading]) -> list[Reading]:
    """One reading per quantity, channel and time: equal ones merge, others part by their key."""
    seen: dict[tuple[str, str, int | None, str], Reading] = {}
    result = []
    for reading in readings:
        place = (reading.quantity, reading.channel, reading.time_ns, reading.local)
        rival = seen.setdefault(place, reading) if reading.quantity else reading
        if rival is reading:
            result.append(reading)
        elif (rival.value, rival.unit) != (reading.value, reading.unit):
            channel = reading.key if reading.channel == "0" else f"{reading.channel}/{reading.key}"
            apart = reading._replace(channel=channel)
            place = (apart.quantity, apart.channel, apart.time_ns, apart.local)
            if seen.setdefault(place, apart) is apart:
                result.append(apart)
    return result


def leaf(key: str, known: keys.Meaning | None, value: float, unit: str | None) -> Reading:
    """Reading of one value: unit of the payload first, then of the key, then by magnitude.

    The magnitude decides only where it cannot be mistaken: volts, millivolts or percent of a
    battery; Pa, hPa or kPa of the air; a water content of at most 1.
    """
    if known is None:
        return Reading(key, "", value, unit, None)
    quantity, own, channel = known
    stated = unit or own
    if quantity == "battery":
        quantity, stated = _battery(value, unit)
    elif unit is not None and not keys.fits(quantity, unit) and unit not in ("%", "1"):
        return Reading(key, "", value, unit, None, channel)
    elif quantity == "battery_voltage" and unit is None and own == "V" and value > 100:
        stated = "mV"
    elif quantity == "air_pressure" and stated is None:
        stated = _pressure_unit(value)
    elif quantity == "soil_moisture" and unit is None and 0 < value <= 1 and _is_content(key):
        stated = "m3/m3"
    return Reading(key, quantity, value, stated, None, channel)


def is_time(name: str) -> bool:
    """Whether a key's name is that of a time."""
    return squeeze(name) in _TIME_KEYS


def squeeze(name: str) -> str:
    """A key without separators and case, for comparison with the sets of this module."""
    return _SEPARATORS.sub("", name).casefold()


def _walk_object(
    node: Mapping[str, object],
    path: tuple[str, ...],
    time: times.Instant,
    channel: str,
    into: Collection,
    *,
    listed: bool = False,
) -> None:
    time = _own_time(node, time, into)
    if _take_measured(node, path, time, channel, into, listed=listed):
        return
    for name, value in node.items():
        plain = squeeze(name)
        if plain in _NO_DATA or plain in _TIME_KEYS:
            continue
        if isinstance(value, dict):
            inner = path if plain in PLAIN_CONTAINERS else (*path, name)
            _walk_object(value, inner, time, channel, into)
        elif isinstance(value, list):
            _walk_list(value, path if plain in PLAIN_CONTAINERS else (*path, name), time, into)
        elif plain not in _IDENTIFIERS:
            _take((*path, name), value, None, time, channel, into)


def _walk_list(
    items: Sequence[object], path: tuple[str, ...], time: times.Instant, into: Collection
) -> None:
    objects = [item for item in items if isinstance(item, dict)]
    for item in items:
        if isinstance(item, list):
            _walk_list(item, path, time, into)
    for index, item in enumerate(objects):
        own = _own_time(item, times.UNSET, into)
        alone = len(objects) == 1 or own != times.UNSET or _is_named(item)
        channel = _group(item) or ("0" if alone else str(index))
        _walk_object(item, path, time, "0" if _is_named(item) else channel, into, listed=True)


def _take_measured(
    node: Mapping[str, object],
    path: tuple[str, ...],
    time: times.Instant,
    channel: str,
    into: Collection,
    *,
    listed: bool,
) -> bool:
    """Reads a node that is one measurement rather than a group; False if it is a group."""
    if "measurementId" in node and "measurementValue" in node:
        _take_sensecap(node, time, channel, into)
        return True
    unit = _unit_of(node)
    series = node.get("values")
    if isinstance(series, list) and unit is not None and path:
        if series:  # newest first, and only the newest has a known time
            _take(path, series[0], unit, time, channel, into)
        return True
    if "value" in node and not isinstance(node["value"], dict | list):
        # The name inside counts in a list; under a key, the key does ({"displayName", "value"}).
        name = None if path and not listed else _name_of(node)
        if not path and name is None:
            return False
        whole = path if name is None else (*path, name)
        _take(whole, node["value"], unit, time, channel, into)
        return True
    return False


def _take_sensecap(
    node: Mapping[str, object], time: times.Instant, channel: str, into: Collection
) -> None:
    key = str(node["measurementId"])[:20]
    value = number_in(node["measurementValue"])
    if value is None:
        into.drop(key, Reason.NO_VALUE)
        return
    quantity, unit = _SENSECAP.get(key, ("", None))
    into.add(Reading(key, quantity, value, unit, time.ns, channel, time.local))


def _take(
    path: tuple[str, ...],
    value: object,
    unit: str | None,
    time: times.Instant,
    channel: str,
    into: Collection,
) -> None:
    key = "/".join(path)[: keys.MAX_KEY]
    known, group = _meaning(path)
    found = _value(value, known)
    if found is None:
        if known is not None and (value is None or isinstance(value, str)):
            into.drop(key, Reason.NO_VALUE)
        return
    reading = leaf(key, known, found, unit)
    places = [place for place in (channel, group, reading.channel) if place != "0"]
    into.add(reading._replace(time_ns=time.ns, local=time.local, channel="_".join(places) or "0"))


def _value(value: object, known: keys.Meaning | None) -> float | None:
    if isinstance(value, bool) or (known is not None and known.quantity in SWITCHES):
        state = switch(value)
        if isinstance(value, bool) and known is not None and known.quantity not in SWITCHES:
            return None
        return number_in(value) if state is None else state
    return number_in(value)


def _meaning(path: tuple[str, ...]) -> tuple[keys.Meaning | None, str]:
    """Meaning of the last key with its parent ("air" + "temperature") or alone; and the group."""
    name = path[-1]
    if len(path) == 1:
        return keys.meaning(name), "0"
    joined = keys.meaning(f"{path[-2]} {name}")
    if joined is not None:
        return joined._replace(channel="0"), _joined_group(joined, path)
    alone = keys.meaning(name) or _by_parent(path)
    return alone, "_".join(path[:-1])


def _joined_group(joined: keys.Meaning, path: tuple[str, ...]) -> str:
    parts = [*path[:-2], *([joined.channel] if joined.channel != "0" else [])]
    return "_".join(parts) or "0"


def _by_parent(path: tuple[str, ...]) -> keys.Meaning | None:
    """{"temperature": {"mean": 21.5}}: the parent names the quantity, the key which value."""
    return keys.meaning(path[-2]) if squeeze(path[-1]) in ("value", "avg", "mean", "last") else None


def _own_time(node: Mapping[str, object], time: times.Instant, into: Collection) -> times.Instant:
    """The node's own sample time if it has a plausible one, else the time given.

    Vendors put local dates and counters under such names too; those are no times.
    """
    for name, value in node.items():
        if squeeze(name) in _TIME_KEYS and isinstance(value, int | float | str):
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
    names = [str(node[key]) for key in _NAME_KEYS if isinstance(node.get(key), str | int)]
    return next((name for name in names if keys.meaning(name)), names[0] if names else None)


def _is_named(node: Mapping[str, object]) -> bool:
    return ("value" in node and _name_of(node) is not None) or "measurementId" in node


def _group(node: Mapping[str, object]) -> str:
    for name, value in node.items():
        if squeeze(name) in _GROUP_KEYS and isinstance(value, str | int) and value != "":
            return f"{name}_{value}"[:40] if isinstance(value, int) else value[:40]
    return ""


def _with_medium(reading: Reading, company: set[str]) -> Reading:
    if reading.quantity != "temperature":
        return reading
    if keys.medium_of(reading.channel) == "air":
        return reading._replace(quantity="air_temperature")
    if reading.channel != "0" and not company - {"temperature", ""}:
        return reading
    for medium, signs in (("soil", _SOIL), ("water", _WATER), ("air", _AIR)):
        if company & signs:
            return reading._replace(quantity=f"{medium}_temperature")
    return reading


def _apply_weighting(body: Mapping[str, object], into: Collection) -> None:
    """A sound meter that says it weighs by C or Z does not measure dB(A) (Milesight WS302)."""
    weight = body.get("freq_weight")
    if not isinstance(weight, str) or weight.strip().upper() in ("A", ""):
        return
    for index, reading in enumerate(into.readings):
        if reading.quantity.startswith("sound_level_la"):
            channel = f"{reading.key}_{weight.strip().upper()}"[:40]
            into.readings[index] = reading._replace(
                quantity="sound_level", unit="dB", channel=channel
            )


def _battery(value: float, unit: str | None) -> tuple[str, str | None]:
    if unit in ("V", "mV"):
        return "battery_voltage", unit
    if unit is not None:
        return ("battery_level", unit) if unit == "%" else ("", unit)
    if value > 1000:
        return "battery_voltage", "mV"
    if 0 < value < 13 and not value.is_integer():
        return "battery_voltage", "V"
    return "battery_level", "%"


def _pressure_unit(value: float) -> str | None:
    for unit, low, high in (("hPa", 500, 1_100), ("Pa", 50_000, 110_000), ("kPa", 50, 110)):
        if low <= value <= high:
            return unit
    return None


def _is_content(key: str) -> bool:
    plain = squeeze(key)
    return "content" in plain or "vwc" in plain
