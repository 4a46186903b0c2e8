"""CSV: files of many readings, with a header line.

Separator, decimal comma, byte order mark and line ends are found out. Each row is an object for the
shapes of `vendor`: wide (a column per quantity) or long (a column of names, one of values). A row
that is ragged, bad or without a possible time is dropped alone. Archives of Sensor.Community are
recognised by their columns: their times are UTC, P1 is PM10 and P2 is PM2.5.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ingest.decoders import plain_json, times, vendor
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import require_text
from ingest.decoders.topics import own_or_topic
from ingest.decoders.values import names, number_in, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

MAX_ROWS: Final = 50_000
_SEPARATORS: Final = (";", "\t", ",")
_COMMA_NUMBER: Final = re.compile(r"[+-]?\d+,\d+")
_BRACKETS: Final = re.compile(r"(.+?)\s*[(\[]\s*([^)\]]+)\s*[)\]]")
_ARCHIVE: Final = frozenset(names("sensor_id sensor_type timestamp"))
_ARCHIVE_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "P0": ("pm1", "ug/m3"),
    "P1": ("pm10", "ug/m3"),
    "P2": ("pm2_5", "ug/m3"),
    "P4": ("pm4", "ug/m3"),
    "temperature": ("air_temperature", "Cel"),
    "humidity": ("relative_humidity", "%"),
    "pressure": ("air_pressure", "Pa"),
    "noise_LAeq": ("sound_level_laeq", "dB(A)"),
    "noise_LA_min": ("sound_level_lamin", "dB(A)"),
    "noise_LA_max": ("sound_level_lamax", "dB(A)"),
}
_PLACES: Final = frozenset(names("lat lon lng latitude longitude location altitude height x y"))
_QUALITY: Final = frozenset(
    names("quality qc qcflag qualityflag valid validity kwaliteit qualitaet qualität")
)
_BAD: Final = frozenset(names("bad invalid suspect error fail failed false ongeldig fout n no nee"))


def decode(message: Message, context: Context) -> Decoded:
    """Readings of all rows, under the device column or the topic.

    `Reading.key` is the column's name without its unit, or the name in a long table.

    Raises
    ------
    DecodeError
        SYNTAX for what is no text, FORMAT without header or any usable row, TOO_MANY.
    """
    header, rows = table(message.payload)
    if header is None:
        raise DecodeError(Reason.FORMAT, "no header line", hint="map the columns by position")
    is_archive = set(header) >= _ARCHIVE
    readings: dict[str, list[Reading]] = {}
    dropped: list[tuple[str, str]] = []
    total = 0
    for number, cells in enumerate(rows, 2):
        try:
            device, found = _row(header, cells, message, context, is_archive=is_archive)
        except DecodeError as error:
            if error.reason is Reason.DEVICE:
                raise
            dropped.append((f"row {number}", error.reason.value))
            continue
        readings.setdefault(device, []).extend(found)
        total += len(found)
        if total > MAX_READINGS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one file")
    kept = {device: found for device, found in readings.items() if found}
    if dropped and not kept:
        raise DecodeError(Reason.FORMAT, f"no usable row; the first: {dropped[0][1]}")
    return Decoded(kept, "", tuple(dropped), "" if kept else "no numeric value")


def table(payload: bytes, *, is_raw: bool = False) -> tuple[list[str] | None, list[list[str]]]:
    """Header (None = there is none) and rows of a CSV payload.

    Decimal commas are made points unless `is_raw`: then somebody knows the marks of the columns.
    Columns of one name are told apart by a number: `temperature`, `temperature 2`.

    Raises
    ------
    DecodeError
        SYNTAX for what is no CSV, TOO_MANY rows.
    """
    text = require_text(payload).decode("utf-8")
    if text.lstrip()[:1] in ("{", "["):
        raise DecodeError(Reason.SYNTAX, "the payload is JSON, not CSV")
    if "\x00" in text:
        raise DecodeError(Reason.SYNTAX, "the payload holds NUL bytes")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = _separator(lines[0]) if lines else ""
    if not separator:
        raise DecodeError(Reason.FORMAT, "no CSV: the first line has one column")
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
    except csv.Error as error:
        raise DecodeError(Reason.SYNTAX, f"no CSV: {error}") from error
    if len(rows) > MAX_ROWS:
        raise DecodeError(Reason.TOO_MANY, f"more than {MAX_ROWS} rows")
    mark = "," if is_raw else separator
    cleaned = [[_cell(cell, mark) for cell in row] for row in rows]
    first = cleaned[0]
    has_header = not any(_is_value(cell) for cell in first) and any(first)
    return (_unlike(first), cleaned[1:]) if has_header else (None, cleaned)


def _is_value(cell: str) -> bool:
    return number_in(cell) is not None or bool(_COMMA_NUMBER.fullmatch(cell))


def _unlike(header: Sequence[str]) -> list[str]:
    counts: dict[str, int] = {}
    names = []
    for name in header:
        counts[name] = counts.get(name, 0) + 1
        names.append(name if counts[name] == 1 else f"{name} {counts[name]}")
    return names


def _separator(line: str) -> str:
    counts = {separator: line.count(separator) for separator in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda separator: counts[separator])
    return best if counts[best] else ""


def _cell(cell: str, separator: str) -> str:
    text = cell.strip()
    if separator != "," and _COMMA_NUMBER.fullmatch(text):
        return text.replace(",", ".")
    return text


def _row(
    header: Sequence[str],
    cells: Sequence[str],
    message: Message,
    context: Context,
    *,
    is_archive: bool,
) -> tuple[str, list[Reading]]:
    if len(cells) != len(header):
        text = f"{len(cells)} cells under {len(header)} columns"
        raise DecodeError(Reason.FORMAT, text)
    item: dict[str, object] = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    zone = "UTC" if is_archive else context.timezone
    own, moment = plain_json.device_and_time(item, Context(timezone=zone))
    device = own_or_topic(own, message, context)
    if is_archive:
        return device, list(_archived(item, moment))
    if _is_bad(item):
        return device, []
    return device, list(_columns(item, moment))


def _archived(item: Mapping[str, object], moment: times.Instant) -> Iterator[Reading]:
    is_counter = str(item.get("sensor_type", "")).upper().startswith("PPD")
    for key, (quantity, unit) in _ARCHIVE_KEYS.items():
        value = number_in(item.get(key))
        if value is not None and not (is_counter and key in ("P1", "P2")):
            yield Reading(key, quantity, value, unit, moment.ns, "0", moment.local)


def _columns(item: Mapping[str, object], moment: times.Instant) -> Iterator[Reading]:
    own = plain_json.envelope_keys(item)
    bare = {name: cell for name, cell in item.items() if name not in own and not _is_place(name)}
    into = vendor.Collection(moment.ns, local=moment.local)
    squeezed = {vendor.squeeze(name): name for name in bare}
    value_name = next(
        (squeezed[name] for name in ("value", "waarde", "wert") if name in squeezed), ""
    )
    if value_name:
        node = {vendor.squeeze(name): cell for name, cell in bare.items()}
        vendor.read_object({"values": [{**node, "value": bare[value_name]}]}, into)
        yield from into.readings
        return
    units = {}
    flat = {}
    for name, cell in bare.items():
        found = _BRACKETS.fullmatch(name)
        plain = found[1] if found else name
        flat[plain] = cell
        units[plain] = unit_text(found[2]) if found else None
    vendor.read_object(flat, into)
    for row in into.readings:
        yield row._replace(unit=row.unit or units.get(row.key))


def _is_place(name: str) -> bool:
    return vendor.squeeze(name) in _PLACES or vendor.squeeze(name) in _QUALITY


def _is_bad(item: Mapping[str, object]) -> bool:
    """Whether a quality column says in words that the row is bad; codes need a mapping."""
    for name, cell in item.items():
        if vendor.squeeze(name) in _QUALITY and str(cell).casefold() in _BAD:
            return True
    return False
