"""AirGradient monitors: the JSON of `/measures/current`, published every minute.

`pm02` is PM2.5 and `pm01` is PM1. Where raw and compensated values stand side by side, both come
out, under their own keys: a device model chooses one. No time.

References
----------
.. [1] airgradienthq/arduino, docs/local-server.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse_object
from ingest.decoders.topics import in_grammar, plain
from ingest.decoders.values import number
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_KEYS: Final[Mapping[str, tuple[str, str, str]]] = {
    "rco2": ("co2", "ppm", "0"),
    "pm01": ("pm1", "ug/m3", "0"),
    "pm02": ("pm2_5", "ug/m3", "0"),
    "pm10": ("pm10", "ug/m3", "0"),
    "pm02Compensated": ("pm2_5", "ug/m3", "compensated"),
    "atmp": ("air_temperature", "Cel", "0"),
    "atmpCompensated": ("air_temperature", "Cel", "compensated"),
    "rhum": ("relative_humidity", "%", "0"),
    "rhumCompensated": ("relative_humidity", "%", "compensated"),
    "tvocIndex": ("tvoc", "index", "0"),
    "noxIndex": ("nox_index", "index", "0"),
}


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a monitor, under its serial number.

    Raises
    ------
    DecodeError
        SYNTAX for anything but an object, DEVICE where no serial number is given, or two.
    """
    body = parse_object(message.payload)
    levels = message.topic.split("/")
    in_topic = levels[-1] if levels[0] == "airgradient" and len(levels) == 3 else ""
    own = body.get("serialno")
    serial = own.strip() if isinstance(own, str) else ""
    if serial and in_topic and plain(serial) != plain(in_topic):
        text = f"the topic says monitor {in_topic[:60]!r}, the payload {serial[:60]!r}"
        raise DecodeError(Reason.DEVICE, text)
    dropped: list[tuple[str, str]] = []
    rows = list(_rows(body, "", dropped))
    parts = body.get("channels")
    for name, part in parts.items() if isinstance(parts, dict) else ():
        if isinstance(part, dict):
            rows += _rows(part, f"channels/{name[:10]}/", dropped)
    device = in_grammar(serial or in_topic, message, context)
    note = "" if rows else "no known value"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _rows(
    values: Mapping[str, object], prefix: str, dropped: list[tuple[str, str]]
) -> Iterator[Reading]:
    """Readings of a monitor, or of one of its two sensor heads ("channels/1/")."""
    head = prefix.split("/")[1] if prefix else ""
    for key, (quantity, unit, channel) in _KEYS.items():
        if key not in values:
            continue
        value = number(values[key])
        if value is None:
            dropped.append((prefix + key, Reason.NO_VALUE.value))
            continue
        place = "_".join(part for part in (head, channel) if part not in ("", "0")) or "0"
        yield Reading(prefix + key, quantity, value, unit, None, place)
