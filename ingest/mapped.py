"""Readings by a registry entry given as paths, where no device model is loaded.

An entry is `{"device": path, "time": path, "values": [{"key": path, "quantity", "unit", "channel",
"decimal"}], "quality": {"key": path, "good": [...]}}`; paths are those of `decoders.mapping`. They
start where the format's own content does: the codec result of LoRaWAN formats, the metric name of
Sparkplug, the column name of a CSV row, else the message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.decoders import Context, mapping, times
from ingest.decoders.roots import Root, roots
from ingest.decoders.topics import device_level, level
from ingest.decoders.values import number_in, switch, unit_text
from livinglab.model import Decoded, Message, Reading


def decode(
    message: Message, format_name: str, context: Context, entry: Mapping[str, Any]
) -> Decoded:
    """The readings that `entry` names, and no others.

    Raises
    ------
    DecodeError
        As the decoder of the format; DEVICE where neither entry nor message names a device.
    """
    readings: dict[str, list[Reading]] = {}
    for root in roots(message, format_name, context):
        if not _is_good(root.content, entry.get("quality")):
            continue
        device = _device(root, entry, message)
        moment = _moment(root, entry, context.timezone)
        rows = [
            row._replace(time_ns=moment.ns, local=moment.local)
            for row in _rows(root.content, entry["values"])
        ]
        if rows:
            readings.setdefault(device, []).extend(rows)
    return Decoded(readings, note="" if readings else "no numeric value")


def _rows(content: object, values: Sequence[Mapping[str, Any]]) -> list[Reading]:
    rows = []
    for item in values:
        found = mapping.at(content, item["key"])
        if isinstance(found, Mapping) and "value" in found:
            found = found["value"]
        if isinstance(found, str) and item.get("decimal") == ",":
            found = found.replace(".", "").replace(",", ".")
        value = switch(found) if isinstance(found, bool) else number_in(found)
        if value is None:
            continue
        unit = item.get("unit")
        channel = str(item.get("channel") or "0")
        rows.append(
            Reading(
                item["key"],
                item["quantity"],
                value,
                unit_text(unit) if isinstance(unit, str) else None,
                None,
                channel,
            )
        )
    return rows


def _is_good(content: object, quality: Mapping[str, Any] | None) -> bool:
    if quality is None:
        return True
    found = mapping.at(content, quality["key"])
    return found in quality["good"] or str(found) in [str(good) for good in quality["good"]]


def _device(root: Root, entry: Mapping[str, Any], message: Message) -> str:
    path = entry.get("device")
    found = mapping.at(root.content, path) if path else mapping.MISSING
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    if root.device:
        return root.device
    return level(message, device_level(message.topic))


def _moment(root: Root, entry: Mapping[str, Any], zone: str) -> times.Instant:
    path = entry.get("time")
    found = mapping.at(root.content, path) if path else mapping.MISSING
    return root.time if found is mapping.MISSING else times.instant(found, zone)
