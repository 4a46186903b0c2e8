"""The device in the topic, for formats or messages whose body names none."""

from __future__ import annotations

import re
from typing import Final

from ingest.decoders.base import Context
from livinglab.errors import DecodeError, Reason
from livinglab.model import Message

# Topic levels that name a kind of message rather than a device.
_KINDS: Final = re.compile(
    r"|senml(-cbor)?|json|csv|cbor|state|up|raw|readings?|hourly|daily|data|values|events?|sensors?|"
    r"telemetry|status|pin\d+|measurements?|report|v?\d|SENSOR|STATUS\d+|STATE|observations"
)
_HINT: Final = 'say where it is: "device: topic:N" in the route, N counting levels from 0'


def level(message: Message, number: int) -> str:
    """Topic level `number`, counted from 0.

    Raises
    ------
    DecodeError
        DEVICE, if the topic has no such level or it is empty.
    """
    levels = message.topic.split("/")
    text = levels[number] if -len(levels) <= number < len(levels) else ""
    if not text.strip():
        raise DecodeError(Reason.DEVICE, f"no device at level {number} of the topic", hint=_HINT)
    return text


def topic_device(message: Message, context: Context) -> str:
    """The device at the level the route names.

    Raises
    ------
    DecodeError
        DEVICE, if the route says the payload names it (and it does not), or the level is missing.
    """
    if context.device == "payload":
        raise DecodeError(Reason.DEVICE, "the payload names no device", hint=_HINT)
    return level(message, int(context.device.removeprefix("topic:")))


def own_or_topic(own: str, message: Message, context: Context) -> str:
    """The device the payload names, unless the route points at the topic.

    Raises
    ------
    DecodeError
        DEVICE, if both name one and they differ: neither is chosen silently.
    """
    if context.device == "payload":
        return own or topic_device(message, context)
    device = topic_device(message, context)
    if own and plain(own) != plain(device):
        message_text = f"the topic says device {device[:60]!r}, the payload {own[:60]!r}"
        raise DecodeError(Reason.DEVICE, message_text, hint="correct the publisher or the route")
    return device


def in_grammar(own: str, message: Message, context: Context) -> str:
    """The device by the format's own topic grammar, unless the route names a level.

    Raises
    ------
    DecodeError
        DEVICE, if the topic has no such level.
    """
    return own if own and context.device == "payload" else topic_device(message, context)


def plain(name: str) -> str:
    """A device name without case and separators, for comparing two spellings."""
    return "".join(character for character in name.casefold() if character.isalnum())


def device_level(topic: str) -> int:
    """The topic level that most likely names the device: the last that is no kind of message."""
    levels = topic.split("/")
    places = [index for index, level in enumerate(levels) if not _KINDS.fullmatch(level)]
    return places[-1] if places else len(levels) - 1
