"""Readings by a registry entry given as paths, where no device model is loaded.

An entry is `{"device": path, "time": path, "values": [{"key": path, "quantity", "unit", "channel",
"decimal"}], "quality": {"key": path, "good": [...]}}`; paths are those of `decoders.mapping`. They
start where the format's own content does (`decoders.roots`). A number whose decimal mark is named
must be written with it: "7,4" never becomes 74.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.decoders import Context, Decoder, mapping, times
from ingest.decoders.describe import separate
from ingest.decoders.roots import Root, roots
from ingest.decoders.topics import device_level, level
from ingest.decoders.values import SWITCHES, decimal_point, number_in, switch, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading


def decode(
    message: Message,
    format_name: str,
    context: Context,
    entry: Mapping[str, Any],
    decoder: Decoder,
) -> Decoded:
    """The readings that `entry` names, and no others; `decoder` is that of the format.

    A row of a table whose time is impossible is dropped alone.

    Raises
    ------
    DecodeError
        As the decoder of the format; DEVICE where neither entry nor message names a device; TIME
        where no row has a possible time.
    """
    readings: dict[str, list[Reading]] = {}
    refused: list[DecodeError] = []
    for root in roots(message, format_name, context, entry, decoder):
        if not _is_good(root.content, entry.get("quality")):
            continue
        try:
            found = list(_rows(root, entry, message, context.timezone))
        except DecodeError as error:
            if format_name != "plain_csv" or error.reason is not Reason.TIME:
                raise
            refused.append(error)
            continue
        for device, row in found:
            readings.setdefault(device, []).append(row)
    if refused and not readings:
        raise refused[0]
    apart = {device: separate(rows) for device, rows in readings.items()}
    dropped = tuple(("row", error.reason.value) for error in refused)
    return Decoded(apart, dropped=dropped, note="" if readings else "no numeric value")


def _rows(
    root: Root, entry: Mapping[str, Any], message: Message, zone: str
) -> Iterator[tuple[str, Reading]]:
    for item in entry["values"]:
        found = _found(root, item)
        if not found:
            continue
        own = _device(root, entry)
        moment = _moment(root, entry, zone)
        for device, row in found:
            name = own or device or root.device or level(message, device_level(message.topic))
            timed = row if moment is None else row._replace(time_ns=moment.ns, local=moment.local)
            yield name, _named(timed, item)


def _found(root: Root, item: Mapping[str, Any]) -> Sequence[tuple[str, Reading]]:
    """Device ("" = the envelope's) and reading of one value of the entry; none where it has none.

    What the format's decoder read under that name counts first: it knows its time.
    """
    named = root.named(item["key"])
    if named:
        return named
    is_bare = not isinstance(root.content, Mapping | list)
    value = _value(root.content if is_bare else mapping.at(root.content, item["key"]), item)
    if value is None:
        return ()
    return [("", Reading(item["key"], "", value, None, root.time.ns, "0", root.time.local))]


def _named(row: Reading, item: Mapping[str, Any]) -> Reading:
    unit = item.get("unit")
    return row._replace(
        key=item["key"],
        quantity=item["quantity"],
        unit=unit_text(unit) if isinstance(unit, str) else None,
        channel=str(item.get("channel") or "0"),
    )


def _value(found: object, item: Mapping[str, Any]) -> float | None:
    if isinstance(found, Mapping) and "value" in found:
        found = found["value"]
    if isinstance(found, bool) or (isinstance(found, str) and item["quantity"] in SWITCHES):
        state = switch(found)
        if state is not None:
            return state
    mark = item.get("decimal")
    if isinstance(found, str) and mark in (",", "."):
        found = decimal_point(found, mark)
    return number_in(found)


def _is_good(content: object, quality: Mapping[str, Any] | None) -> bool:
    if quality is None:
        return True
    found = mapping.at(content, quality["key"])
    return found in quality["good"] or str(found) in [str(good) for good in quality["good"]]


def _device(root: Root, entry: Mapping[str, Any]) -> str:
    path = entry.get("device")
    found = mapping.at(root.content, path) if path else mapping.MISSING
    is_name = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_name and str(found).strip() else ""


def _moment(root: Root, entry: Mapping[str, Any], zone: str) -> times.Instant | None:
    """The time the entry points at; None where it is unset there, or local without a zone."""
    path = entry.get("time")
    found = mapping.at(root.content, path) if path else mapping.MISSING
    own = times.UNSET if found is mapping.MISSING else times.instant(found, zone)
    is_vague = own.ns is None and (not own.local or root.time.ns is not None)
    return None if is_vague else own
