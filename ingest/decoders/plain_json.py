"""Plain JSON of nodes that follow nobody's format, mapped by the device model or by words.

Flat values, `{values: {...}}`, `{fields: {...}}`, named values, lists of samples: every shape of
`vendor`. The device is under one of the usual names, else in the topic; the time under one of the
usual names, else receipt. A device model may point anywhere by path (`sv/[sri=7]/v`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from ingest.decoders import keys, mapping, times, vendor
from ingest.decoders.base import MAX_PAYLOAD_BYTES, Context
from ingest.decoders.json_guard import LONGEST, TYPED_FAILURES, json_type, parse
from ingest.decoders.shapes import shape
from ingest.decoders.topics import own_or_topic
from ingest.decoders.values import names as words
from ingest.decoders.values import number_in
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading
from livinglab.registry import DeviceModel

# In order of preference; "sensor" often names the kind of sensor.
_DEVICE_KEYS: Final = words(
    "device deviceid devid devicename id nodeid node station stationid stationnumber sensorid "
    "serial serialnumber serialno mac esp8266id apparaat meetpunt gerät geraet thing thingid host "
    "name sensor"
)
_TIME_KEYS: Final = words(
    "time timestamp ts uhrzeit datetime recordedat measuredat observedat epoch unixtime tijd "
    "tijdstip zeit zeitpunkt zeitstempel lastseen timeutc timestamputc datetimeutc utctime "
    "dateutc utc date datum"
)
_usual_models: Final[dict[str, tuple[DeviceModel, bool]]] = {}  # by name, of the present registry


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    device: str
    ts: str
    values: dict[str, float]


_messages: Final = msgspec.json.Decoder(_Message)
_reading: Final = tuple.__new__  # a third of the time of the NamedTuple's own constructor


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a JSON object or array, under the device it names.

    `Reading.key` is the path in the object; quantity and unit are for a device model to say.

    Raises
    ------
    DecodeError
        SYNTAX for anything but an object or an array of objects, TIME for an impossible time,
        DEVICE where neither body nor route names a device, or both do and differ.
    """
    if len(message.payload) <= MAX_PAYLOAD_BYTES:
        try:
            usual = _decode_usual(_messages.decode(message.payload), message, context)
            if usual is not None:
                return usual
        except TYPED_FAILURES:
            pass  # the general way says what is wrong, or that nothing is
    return _decode_any(message, context)


def _decode_usual(body: _Message, message: Message, context: Context) -> Decoded | None:
    rows = shape(tuple(body.values))
    if not rows or not body.device.strip() or len(body.ts) < 20:
        return None
    values = body.values
    if any(not -LONGEST < value < LONGEST for value in values.values()):
        return None
    device = own_or_topic(body.device, message, context)
    model = context.model_of(device)
    if model is not None and not _is_usual(model):
        return None
    now = times.network_ns(body.ts)
    if now is None:
        return None
    readings = [_reading(Reading, (key, "", values[key], None, now, "0", "")) for key in rows]
    return Decoded({device: readings})


def usual_keys(message: Message, context: Context) -> tuple[str, ...] | None:
    """The keys of a message that is read the usual way, each a reading; None for all others.

    Raises
    ------
    DecodeError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError
        Where the message is none of the usual ones.
    """
    body = _messages.decode(message.payload)
    names = tuple(body.values)
    is_usual = _decode_usual(body, message, context) is not None
    return names if is_usual and shape(names) == names else None


def _is_usual(model: DeviceModel) -> bool:
    """Whether the model takes time and values from where the usual message has them."""
    known = _usual_models.get(model.name)
    if known is None or known[0] is not model:
        members = _Message.__struct_fields__
        plain_keys = not any(mapping.is_path(key) or key in members for key in model.keys)
        known = model, plain_keys and model.time_key in ("", "ts")
        _usual_models[model.name] = known
    return known[1]


def device_and_time(item: object, context: Context) -> tuple[str, times.Instant]:
    """Device ("" = none) and time that an object states under the usual names.

    Raises
    ------
    DecodeError
        TIME for an impossible time.
    """
    if not isinstance(item, dict):
        return "", times.UNSET
    return device_in(item), _time_in(item, None, context.timezone)


def envelope_keys(item: Mapping[str, object]) -> set[str]:
    """The keys of an object that name its device and time rather than values."""
    return {_device_key(item), *_time_names(item)}


def _decode_any(message: Message, context: Context) -> Decoded:
    body = parse(message.payload)
    items: list[object] = body if isinstance(body, list) else [*_by_device(body)] or [body]
    readings: dict[str, list[Reading]] = {}
    dropped: list[tuple[str, str]] = []
    if isinstance(body, list) and body and not any(device_in(item) for item in items):
        items = [{"values": body}]
    for item in items:
        if not isinstance(item, dict):
            text = f"plain JSON is an object or an array of objects, not {json_type(item)}"
            raise DecodeError(Reason.SYNTAX, text)
        device, into = _read(item, message, context)
        dropped += into.dropped
        if into.readings:
            readings.setdefault(device, []).extend(into.readings)
    note = "" if readings else "no numeric value"
    return Decoded(readings, dropped=tuple(dropped), note=note)


def _by_device(body: object) -> list[dict[str, object]]:
    """The samples of a gateway's message `{device: [{"ts", "values"}, ...]}`; none of any other."""
    if not isinstance(body, dict):
        return []
    lists = [found for found in body.values() if isinstance(found, list)]
    samples = [item for found in lists for item in found]
    is_gateway = len(lists) == len(body) and all(
        isinstance(item, dict) and item.keys() == {"ts", "values"} for item in samples
    )
    if not is_gateway:
        return []
    return [{"device": name, **item} for name, found in body.items() for item in found]


def _read(
    item: Mapping[str, object], message: Message, context: Context
) -> tuple[str, vendor.Collection]:
    device = own_or_topic(device_in(item), message, context)
    model = context.model_of(device)
    now = _time_in(item, model, context.timezone)
    into = vendor.Collection(now.ns, zone=context.timezone, local=now.local)
    own = envelope_keys(item)
    vendor.read_object({key: value for key, value in item.items() if key not in own}, into)
    if model is not None:
        _read_mapped(item, model, into)
    return device, into


def _read_mapped(item: Mapping[str, object], model: DeviceModel, into: vendor.Collection) -> None:
    """Adds what the model points at and the walk did not bring out."""
    found = {reading.key for reading in into.readings}
    for key in model.keys:
        if key in found:
            continue
        value = number_in(mapping.at(item, key))
        if value is not None:
            into.add(Reading(key, "", value, None, into.time.ns, "0", into.time.local))


def _device_key(item: Mapping[str, object]) -> str:
    squeezed = {vendor.squeeze(key): key for key in reversed(list(item))}
    return next((squeezed[name] for name in _DEVICE_KEYS if _names(item, squeezed.get(name))), "")


def _names(item: Mapping[str, object], key: str | None) -> bool:
    """Whether a key holds a device name; "sensor": "temperature" names a quantity."""
    if key is None or not _name(item[key]):
        return False
    is_vague = vendor.squeeze(key) in ("name", "sensor")
    return not (is_vague and keys.meaning(_name(item[key])) is not None)


def _name(value: object) -> str:
    """A device name: a text, an integer, or the id inside an object."""
    if isinstance(value, dict):
        inner = _device_key(value)
        return _name(value[inner]) if inner and not isinstance(value[inner], dict) else ""
    if isinstance(value, str):
        return value if value.strip() else ""
    return str(value) if type(value) is int else ""


def device_in(item: object) -> str:
    """Device that an object states under the usual names, "" = none."""
    if not isinstance(item, dict):
        return ""
    tags = item.get("tags")  # as Telegraf writes it
    inner = device_in(tags) if isinstance(tags, dict) else ""
    key = _device_key(item)
    return inner or (_name(item[key]) if key else "")


def _time_names(item: Mapping[str, object]) -> list[str]:
    """The keys of the time, best first."""
    squeezed = {vendor.squeeze(key): key for key in reversed(list(item))}
    return [squeezed[name] for name in _TIME_KEYS if name in squeezed]


def _time_in(item: Mapping[str, object], model: DeviceModel | None, zone: str) -> times.Instant:
    if model is not None and model.time_key:
        value = mapping.at(item, model.time_key)
        return times.UNSET if value is mapping.MISSING else times.instant(value, zone)
    found = _time_names(item)
    if len(found) > 1 and _is_date_and_clock(item[found[-1]], item[found[0]]):
        return times.instant(f"{item[found[-1]]} {item[found[0]]}", zone)
    for name in found:
        own = times.instant(item[name], "UTC" if "utc" in name.casefold() else zone)
        if own != times.UNSET:
            return own
    return times.UNSET


def _is_date_and_clock(date: object, clock: object) -> bool:
    return isinstance(date, str) and isinstance(clock, str) and ":" not in date and "-" not in clock
