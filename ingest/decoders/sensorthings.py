"""OGC SensorThings over MQTT: observations.

An observation holds a result and its time; what was measured, and in which unit, is in its
Datastream, which must have been seen before (or stands inside the observation). Topics are
`v1.1/Observations` and `v1.1/Datastreams(n)/Observations`.

References
----------
.. [1] OGC 15-078r6, SensorThings API Part 1: Sensing, sections 8.2.4, 8.2.7 and 14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.decoders import keys, times
from ingest.decoders.base import Context
from ingest.decoders.json_guard import json_type, parse, parse_object
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import SWITCHES, number_in, switch, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_STREAM: Final = re.compile(r"(Multi)?Datastreams?\((.+?)\)")
# Names of A-weighted averages, which the words alone give as a plain sound level.
_LAEQ: Final = re.compile(r"laeq|leq|noise_?avg|noise_?average|average noise", re.IGNORECASE)


def decode(message: Message, context: Context) -> Decoded:
    """The readings of an observation, under `datastream/<id>`.

    A MultiDatastream's result is an array: one reading per unit. Of an interval in
    `phenomenonTime`, the start counts. Identity is `@iot.id`.

    Raises
    ------
    DecodeError
        FORMAT for an observation without result or Datastream, TIME for an impossible time.
    """
    if not message.topic.split("?")[0].endswith("Observations"):
        return Decoded(note="no observation")
    body = parse_object(message.payload)
    if "result" not in body:
        raise DecodeError(Reason.FORMAT, "an observation without result")
    identifier = _identifier(body, message.topic)
    stream = _stream(identifier, body, context)
    moment = _moment(body.get("phenomenonTime"), context.timezone)
    device = in_grammar(f"datastream/{identifier}" if identifier else "", message, context)
    rows = [
        row._replace(time_ns=moment.ns, local=moment.local)
        for row in _rows(body["result"], stream, body)
    ]
    own = body.get("@iot.id")
    identity = f"observation/{own}"[:80] if isinstance(own, int | str) else ""
    return Decoded({device: rows} if rows else {}, identity, note="" if rows else "no number")


def _rows(
    result: object, stream: Mapping[str, object], body: Mapping[str, object]
) -> list[Reading]:
    units = stream.get("unitOfMeasurements")
    if isinstance(result, list) and isinstance(units, list):
        properties = stream.get("ObservedProperties") or stream.get("MultiObservationDataTypes")
        listed = properties if isinstance(properties, list) else []
        return [
            row
            for index, value in enumerate(result)
            for row in _row(value, _at(units, index), _names(_at(listed, index)), f"result/{index}")
        ]
    names = [*_names(stream.get("ObservedProperty")), *_names(stream)]
    parameters = body.get("parameters")
    names += _names(parameters)
    return _row(result, stream.get("unitOfMeasurement"), names, "result")


def _row(value: object, unit: object, names: Sequence[str], key: str) -> list[Reading]:
    written = _unit(unit)
    quantity = _quantity(names, written)
    is_state = isinstance(value, bool) or quantity in SWITCHES
    number = switch(value) if is_state else None
    number = number_in(value) if number is None else number
    if number is None:
        return []
    return [Reading(key, quantity, number, written, None)]


def _quantity(names: Sequence[str], unit: str | None) -> str:
    for name in names:
        if unit == "dB(A)" and _LAEQ.search(name):
            return "sound_level_laeq"
        known = keys.meaning_in(name)
        if known is not None and known.quantity != "battery" and keys.fits(known.quantity, unit):
            return known.quantity
    return ""


def _names(entity: object) -> list[str]:
    if not isinstance(entity, Mapping):
        return []
    found = [entity.get("name"), entity.get("description"), entity.get("definition")]
    return [text for text in found if isinstance(text, str) and text and "://" not in text]


def _unit(unit: object) -> str | None:
    """Unit from symbol, definition or name: whichever is filled with one we know."""
    if not isinstance(unit, Mapping):
        return None
    texts = [unit.get(part) for part in ("symbol", "definition", "name")]
    filled = [text for text in texts if isinstance(text, str) and text.strip()]
    for text in filled:
        plain = (
            text.rstrip("/").rpartition("#" if "#" in text else "/")[2] if "//" in text else text
        )
        written = unit_text(plain.removeprefix("ucum:"))
        if written is not None and keys.is_unit(written):
            return written
    symbol = unit.get("symbol")
    return unit_text(symbol) if isinstance(symbol, str) else None


def _identifier(body: Mapping[str, object], topic: str) -> str:
    found = _STREAM.search(topic)
    if found:
        return found[2].strip("'\"")
    for name in ("Datastream", "MultiDatastream"):
        stream = body.get(name)
        if isinstance(stream, Mapping) and isinstance(stream.get("@iot.id"), int | str):
            return str(stream["@iot.id"])
        link = body.get(f"{name}@iot.navigationLink")
        found = _STREAM.search(link) if isinstance(link, str) else None
        if found:
            return found[2].strip("'\"")
    raise DecodeError(Reason.FORMAT, "an observation of no Datastream")


def _stream(identifier: str, body: Mapping[str, object], context: Context) -> Mapping[str, object]:
    """The Datastream: inside the observation, or seen before."""
    for name in ("Datastream", "MultiDatastream"):
        own = body.get(name)
        if isinstance(own, Mapping) and ("unitOfMeasurement" in own or "unitOfMeasurements" in own):
            return own
    for earlier in reversed(context.earlier):
        if "Datastream" in earlier.topic and "/Observations" not in earlier.topic:
            for entity in _entities(earlier):
                if _identity(entity, earlier.topic) == identifier:
                    return entity
    return {}


def _entities(message: Message) -> list[Mapping[str, object]]:
    """The entities of a message: one, or the members of a collection."""
    try:
        body = parse(message.payload)
    except DecodeError:
        return []
    items = body.get("value") if isinstance(body, dict) and "value" in body else [body]
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _identity(entity: Mapping[str, object], topic: str) -> str:
    """The id a Datastream states, else the one of its topic."""
    own = entity.get("@iot.id")
    found = _STREAM.search(topic)
    return str(own) if isinstance(own, int | str) else found[2].strip("'\"") if found else ""


def _moment(value: object, zone: str) -> times.Instant:
    if value is None:
        return times.UNSET
    if not isinstance(value, str):
        text = f"phenomenonTime must be a text, not {json_type(value)}"
        raise DecodeError(Reason.TIME, text)
    return times.instant(value.split("/")[0], zone)


def _at(items: Sequence[object], index: int) -> object:
    return items[index] if index < len(items) else None
