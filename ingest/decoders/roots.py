"""Where the paths of a mapping start, per format, with the device and time of the envelope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ingest.decoders import (
    chirpstack_v3,
    chirpstack_v4,
    plain_csv,
    plain_json,
    sparkplug_b,
    times,
    tts_v3,
)
from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse
from livinglab.model import Message

_ENVELOPES: Final = {
    "chirpstack_v3": chirpstack_v3.envelope,
    "chirpstack_v4": chirpstack_v4.envelope,
    "tts_v3": tts_v3.envelope,
}


class Root(NamedTuple):
    """Content that paths point into; "" and unset where the envelope says nothing."""

    content: object
    device: str
    time: times.Instant


def roots(message: Message, format_name: str, context: Context) -> Iterator[Root]:
    """The contents of a message that a mapping applies to: one, or one per row or sample.

    Raises
    ------
    DecodeError
        Where the message cannot be read at all.
    """
    if format_name in _ENVELOPES:
        yield Root(*_ENVELOPES[format_name](message, context))
    elif format_name == "sparkplug_b":
        values, moment = sparkplug_b.named_metrics(message, context)
        levels = message.topic.split("/")
        yield Root(values, "/".join([*levels[1:2], *levels[3:]]), moment)
    elif format_name == "plain_csv":
        yield from _table(message, context)
    else:
        yield from _plain(message, context)


def _table(message: Message, context: Context) -> Iterator[Root]:
    header, rows = plain_csv.table(message.payload)
    for cells in rows:
        if header is None:
            yield Root(list(cells), "", times.UNSET)
        elif len(cells) == len(header):
            item = dict(zip(header, cells, strict=True))
            yield Root(item, *plain_json.device_and_time(item, context))


def _plain(message: Message, context: Context) -> Iterator[Root]:
    body = parse(message.payload)
    items = body if isinstance(body, list) and all(isinstance(i, dict) for i in body) else [body]
    for item in items:
        yield Root(item, *plain_json.device_and_time(item, context))
