"""Where the paths of a mapping start, per format, with the device and time of the envelope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ingest.decoders import plain_json, times, tts_v3
from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse
from livinglab.model import Message


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
    if format_name == "tts_v3":
        yield Root(*tts_v3.envelope(message, context))
        return
    yield from _plain(message, context)


def _plain(message: Message, context: Context) -> Iterator[Root]:
    body = parse(message.payload)
    items = body if isinstance(body, list) and all(isinstance(i, dict) for i in body) else [body]
    for item in items:
        yield Root(item, *plain_json.device_and_time(item, context))
