"""Homie 3 to 5: one property per topic, `{base}/{device}/{node}/{property}`, as text.

Datatype and unit are attributes in topics of their own (`$datatype`, `$unit`), which must have been
seen before; in version 5, whose topics begin with `{base}/5`, they stand in the device's
`$description`. Everything is retained, so the first message after subscribing may be old. No time.

References
----------
.. [1] The Homie Convention 4.0.0 and 5.0.0.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.decoders import keys, mapping
from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse, require_text
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import SWITCHES, names, number_in, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_FLOAT: Final = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER: Final = re.compile(r"-?\d{1,19}", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
# Names of properties that leave it to their node to say what is measured.
_ONLY_WHICH: Final = frozenset(names("value state reading measurement measure degrees level"))
_TEXTS: Final = frozenset(names("string enum color datetime duration json"))


def decode(message: Message, context: Context) -> Decoded:
    """The one reading of a property, under the device level.

    `Reading.key` is `<node>/<property>`.

    Raises
    ------
    DecodeError
        FORMAT for a value its datatype does not allow: NaN, Infinity, an empty number.
    """
    levels = message.topic.split("/")
    if any(level.startswith("$") for level in levels):
        return Decoded(note="attribute")
    if levels[1:2] == ["5"] and len(levels) > 4:
        del levels[1]
    if len(levels) != 4:
        return Decoded(note="command" if levels[-1] == "set" else "no property")
    if message.retain and not message.payload:
        return Decoded(note="cleared")
    text = require_text(message.payload).decode("utf-8")
    datatype = _attribute(message.topic, "$datatype", context)
    value = _value(text, datatype)
    if value is None:
        return Decoded(note=f"a property of type {datatype or 'text'}"[:60])
    quantity, unit = _meaning(levels, context, message.topic)
    device = in_grammar(levels[1], message, context)
    if datatype == "boolean" and quantity not in SWITCHES:
        quantity = ""
    row = Reading(f"{levels[2]}/{levels[3]}", quantity, value, unit, None)
    return Decoded({device: [row]})


def _value(text: str, datatype: str) -> float | None:
    """Number of a text by its datatype; None where the property holds none."""
    if datatype in _TEXTS:
        return None
    if text in ("true", "false") and datatype in ("boolean", ""):
        return float(text == "true")
    pattern = _INTEGER if datatype == "integer" else _FLOAT
    if pattern.fullmatch(text):
        value = number_in(text)
        if value is not None:
            return value
    elif not datatype and not _NOT_FINITE.fullmatch(text.strip()):
        return None
    raise DecodeError(Reason.FORMAT, f"{text[:40]!r} is no value of type {datatype or 'float'}")


def _meaning(levels: list[str], context: Context, topic: str) -> tuple[str, str | None]:
    known = _known(levels, _attribute(topic, "$name", context))
    written = unit_text(_attribute(topic, "$unit", context))
    if known is None or not (written is None or keys.fits(known.quantity, written)):
        return "", written
    if known.quantity == "battery":
        return ("battery_voltage" if written in ("V", "mV") else "battery_level"), written
    return known.quantity, written


def _known(levels: list[str], label: str) -> keys.Meaning | None:
    """What the property's id says, with the node's ("water", "temperature") or without, or `$name`.

    A property that is only a "value" is what its node is called.
    """
    node, name = levels[2].replace("-", "_"), levels[3].replace("-", "_")
    found = keys.meaning(f"{node} {name}") or keys.meaning_in(name) or keys.meaning_in(label)
    return found or (keys.meaning_in(node) if name in _ONLY_WHICH else None)


def _attribute(topic: str, name: str, context: Context) -> str:
    wanted = f"{topic}/{name}"
    head, *path = topic.rsplit("/", 2)
    for earlier in reversed(context.earlier):
        if earlier.topic == wanted:
            return earlier.payload.decode("utf-8", "replace").strip()
        if earlier.topic == f"{head}/$description":
            return _described(earlier, path, name.removeprefix("$"))
    return ""


def _described(description: Message, path: list[str], name: str) -> str:
    """An attribute of a property in a device description of version 5."""
    try:
        body = parse(description.payload)
    except DecodeError:
        return ""
    found = mapping.at(body, f"nodes/{path[0]}/properties/{path[1]}/{name}")
    return found if isinstance(found, str) else ""
