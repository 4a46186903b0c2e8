"""Where the paths of a mapping start, per format, with the device and time of the envelope.

LoRaWAN formats start at the codec result, CSV at the row, plain JSON at the message or each object
of a list. All other formats are first read by their own decoder: the mapping may name a key that
the decoder gives (a metric's name, a SenML name, `temperature_3` of a Cayenne frame), whose reading
then brings its own time and device, or a path into the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ingest.decoders import (
    chirpstack_v3,
    chirpstack_v4,
    mapping,
    plain_csv,
    plain_json,
    times,
    tts_v3,
)
from ingest.decoders.base import Context, Decoder
from ingest.decoders.json_guard import parse
from ingest.decoders.values import decimal_point
from livinglab.errors import DecodeError, Reason
from livinglab.model import Message, Reading

_ENVELOPES: Final = {
    "chirpstack_v3": chirpstack_v3.envelope,
    "chirpstack_v4": chirpstack_v4.envelope,
    "tts_v3": tts_v3.envelope,
}
#: Formats whose message is one bare value, or is no JSON: there is nothing for a path to start at.
_NOT_JSON: Final = frozenset(("cayenne_lpp", "senml_cbor", "sparkplug_b"))
_RECORD: Final = re.compile(r"(?:\[n=(?P<name>[^\]]+)\]|(?P<place>\d+))(?:/v[bs]?)?")
Rows = Sequence[tuple[str, Reading]]


class Root(NamedTuple):
    """Content that paths point into; "" and unset where the envelope says nothing.

    `rows` are the readings (device, reading) of the format's own decoder, where it has read the
    message already.
    """

    content: object
    device: str
    time: times.Instant
    rows: Rows = ()

    def named(self, key: str) -> Rows:
        """The decoder's readings that `key` names: by their own key, or by their SenML name."""
        record = _RECORD.fullmatch(key)
        if record is None or record["name"]:
            name = key if record is None else record["name"]
            return [row for row in self.rows if _is_named(row[1].key, name)]
        if not isinstance(self.content, list):
            return [row for row in self.rows if row[1].key == key]
        place = int(record["place"][:9])
        return self.rows[place : place + 1] if len(self.content) == len(self.rows) else ()


def roots(
    message: Message,
    format_name: str,
    context: Context,
    entry: Mapping[str, Any],
    decoder: Decoder,
) -> Iterator[Root]:
    """The contents of a message that a mapping applies to: one, or one per row or sample.

    Raises
    ------
    DecodeError
        Where the message cannot be read at all.
    """
    if format_name in _ENVELOPES:
        yield Root(*_ENVELOPES[format_name](message, context))
    elif format_name == "plain_csv":
        yield from _table(message, context, entry)
    elif format_name == "plain_json":
        yield from _plain(message, context, entry)
    else:
        yield _native(message, format_name, context, entry, decoder)


def _table(message: Message, context: Context, entry: Mapping[str, Any]) -> Iterator[Root]:
    is_marked = any(item.get("decimal") for item in entry["values"])
    header, rows = plain_csv.table(message.payload, is_raw=is_marked)
    for cells in rows:
        if header is None:
            yield Root(list(cells), "", times.UNSET)
        elif len(cells) == len(header):
            item = dict(zip(header, cells, strict=True))
            yield Root(item, *_device_and_time(item, context, entry))


def _plain(message: Message, context: Context, entry: Mapping[str, Any]) -> Iterator[Root]:
    body = parse(message.payload)
    is_whole = any(mapping.starts_in_list(item["key"]) for item in entry["values"])
    has_objects = isinstance(body, list) and all(isinstance(item, dict) for item in body)
    for item in body if isinstance(body, list) and has_objects and not is_whole else [body]:
        yield Root(item, *_device_and_time(item, context, entry))


def _device_and_time(
    item: object, context: Context, entry: Mapping[str, Any]
) -> tuple[str, times.Instant]:
    """What an object says under the usual names; its time counts only if the entry names none."""
    if "time" in entry:
        return plain_json.device_in(item), times.UNSET
    return plain_json.device_and_time(item, context)


def _native(
    message: Message,
    format_name: str,
    context: Context,
    entry: Mapping[str, Any],
    decoder: Decoder,
) -> Root:
    content = None if format_name in _NOT_JSON else _content(message.payload)
    marks = {item.get("decimal") for item in entry["values"]}
    if isinstance(content, str) and marks == {","}:
        message = message._replace(payload=(decimal_point(content, ",") or content).encode())
    decoded = decoder(message, context)
    rows = [(device, row) for device, found in decoded.readings.items() for row in found]
    moments = {(row.time_ns, row.local) for _, row in rows}
    moment = times.Instant(*moments.pop()) if len(moments) == 1 else times.UNSET
    if not rows:  # the decoder knows none of the values
        moment = _device_and_time(content, context, entry)[1]
    device = next(iter(decoded.readings)) if len(decoded.readings) == 1 else ""
    if format_name == "cayenne_lpp":
        content = _channels(rows)
    elif len(rows) == len(entry["values"]) == 1 and not isinstance(content, dict | list):
        rows = [(device, rows[0][1]._replace(key=entry["values"][0]["key"]))]  # the only value
    return Root(content, device, moment, rows)


def _content(payload: bytes) -> object:
    """The parsed message, or its text where it is no JSON container."""
    try:
        body = parse(payload)
    except DecodeError as error:
        if error.reason is not Reason.SYNTAX:
            raise
        body = None
    return body if isinstance(body, dict | list) else payload.decode("utf-8", "replace").strip()


def _channels(rows: Rows) -> dict[str, object]:
    """A Cayenne frame as channel -> record name -> value: `3/temperature`."""
    channels: dict[str, dict[str, object]] = {}
    for _, row in rows:
        name, _, channel = row.key.rpartition("_")
        channels.setdefault(channel, {})[name] = row.value
    alone = {channel: {"value": next(iter(found.values())), **found}
             for channel, found in channels.items() if len(found) == 1}  # fmt: skip
    return {**channels, **alone}


def _is_named(key: str, wanted: str) -> bool:
    """Whether two names are one, either of them perhaps without what stands before it."""
    if key == wanted:
        return True
    longer, shorter = (wanted, key) if len(wanted) > len(key) else (key, wanted)
    return bool(shorter) and longer.endswith((f":{shorter}", f"/{shorter}"))
