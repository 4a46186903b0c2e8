"""What was announced about a value: Home Assistant discovery, and Zigbee2MQTT's list of devices.

References
----------
.. [1] Home Assistant documentation, "MQTT Discovery".
.. [2] Koenkk/zigbee2mqtt.io, docs/guide/usage/exposes.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ingest.decoders.base import Context
from ingest.decoders.json_guard import parse
from ingest.decoders.values import unit_text
from livinglab.errors import DecodeError
from livinglab.model import Message

_TEMPLATE: Final = re.compile(r"value_json((?:\.\w+|\[['\"][^'\"]+['\"]\])+)")
_STEP: Final = re.compile(r"\.(\w+)|\[['\"]([^'\"]+)['\"]\]")
_MOST_FEATURES: Final = 500


def announced(topic: str, path: Sequence[str], context: Context) -> Mapping[str, object]:
    """The discovery message for the value at `path` of a topic's JSON, {} where none was seen.

    An empty path stands for the whole payload.
    """
    for earlier in reversed(context.earlier):
        if not earlier.topic.endswith("/config"):
            continue
        body = _parsed(earlier)
        if isinstance(body, dict):
            base = member(body, "~", "~")
            is_own = member(body, "state_topic", "stat_t").replace("~", base) == topic
            if is_own and _path(member(body, "value_template", "val_tpl")) == tuple(path):
                return body
    return {}


def announced_unit(topic: str, path: Sequence[str], context: Context) -> str | None:
    """The unit that a discovery message states for the value at `path`, None where none does."""
    body = announced(topic, path, context) if context.earlier else {}
    return unit_text(member(body, "unit_of_measurement", "unit_of_meas"))


def exposed_unit(device: str, key: str, context: Context) -> str | None:
    """The unit that Zigbee2MQTT's list of devices states for a key of a device's state."""
    for earlier in reversed(context.earlier):
        if not earlier.topic.endswith("/bridge/devices"):
            continue
        body = _parsed(earlier)
        for item in body if isinstance(body, list) else []:
            if isinstance(item, dict) and device in (
                item.get("friendly_name"),
                item.get("ieee_address"),
            ):
                definition = item.get("definition")
                return _unit(definition if isinstance(definition, dict) else {}, key)
    return None


def member(body: Mapping[str, object], name: str, short: str) -> str:
    """A text of a discovery message by its name or its abbreviation, "" where it has none."""
    value = body.get(name, body.get(short))
    return value if isinstance(value, str) else ""


def _path(template: str) -> tuple[str, ...]:
    found = _TEMPLATE.search(template)
    return tuple(a or b for a, b in _STEP.findall(found[1])) if found else ()


def _unit(definition: Mapping[str, object], key: str) -> str | None:
    for feature in _features(definition.get("exposes")):
        unit = feature.get("unit")
        if feature.get("property") == key and isinstance(unit, str):
            return unit_text(unit)
    return None


def _features(exposes: object) -> Iterator[Mapping[str, object]]:
    """The features of a definition, and those grouped inside them."""
    queue = list(exposes) if isinstance(exposes, list) else []
    for item in queue:
        if isinstance(item, dict):
            yield item
            inner = item.get("features")
            if isinstance(inner, list) and len(queue) < _MOST_FEATURES:
                queue += inner


def _parsed(message: Message) -> object:
    try:
        return parse(message.payload)
    except DecodeError:
        return None
