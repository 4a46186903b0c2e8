"""From recorded series to the MQTT messages of the demo: five formats, faults, a late batch.

Everything is deterministic: the same messages in the same order at every run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib import resources
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from livinglab.timeline import to_ns, to_text

FORMATS: Final[dict[str, Callable[[Source, list[Row], int], tuple[str, Any]]]] = {}


class Row(NamedTuple):
    """One recorded interval: its re-dated UTC start in ns and the columns that hold a number."""

    time_ns: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Source:
    """One row of sources.yaml: the recorded series that plays a device."""

    device: str
    lab: str
    format: str
    file: str
    weeks: int
    zone: str
    keys: dict[str, list[str]]
    pack: int = 1


class DemoMessage(NamedTuple):
    """A message to publish: when it was measured, where it goes, what it says, what it is for."""

    time_ns: int
    topic: str
    payload: bytes
    role: str  # "reading" | "late" | "repeat" | "malformed" | "unknown" | "join"


@dataclass(frozen=True, slots=True)
class Script:
    """All messages of the demo, in the order in which they are published."""

    first: tuple[DemoMessage, ...]
    late: tuple[DemoMessage, ...]
    start_ns: int  # demo week, in the lab's civil days
    end_ns: int

    def count(self, role: str) -> int:
        """How many messages play `role`."""
        return sum(message.role == role for message in (*self.first, *self.late))


def _zone(name: str) -> tzinfo:
    if name.startswith(("+", "-")):
        hours, minutes = int(name[:3]), int(name[4:])
        return timezone(timedelta(hours=hours, minutes=minutes))
    return ZoneInfo(name)


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def recorded(source: Source) -> Iterator[Row]:
    """Yield the recorded rows of a source, re-dated; empty cells are left out, never made zero."""
    zone, shift = _zone(source.zone), timedelta(weeks=source.weeks)
    path = resources.files("livinglab.demo") / "data" / source.file
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        stamp = (datetime.fromisoformat(row["time"]) + shift).replace(tzinfo=zone)
        values = {name: _number(row[name]) for name in source.keys if row[name] != ""}
        if values:
            yield Row(to_ns(stamp), values)


def _senml(source: Source, rows: list[Row], _count: int) -> tuple[str, Any]:
    first = rows[0].time_ns
    records: list[dict[str, Any]] = [
        {"n": source.keys[name][0], "u": source.keys[name][1], "v": value}
        | ({"t": (row.time_ns - first) // 1_000_000_000} if row.time_ns != first else {})
        for row in rows
        for name, value in row.values.items()
    ]
    base = {"bn": f"urn:dev:{source.device}:", "bt": first // 1_000_000_000}
    records[0] = base | records[0]
    return f"{source.lab}/senml/{source.device}", records


def _tts(source: Source, rows: list[Row], count: int) -> tuple[str, Any]:
    row = rows[0]
    at = to_text(row.time_ns)
    ids = _tts_ids(source)
    uplink = {
        "session_key_id": "AYkBAAAAAAAAAAAAAAAAAA==",
        "f_port": 2,
        "f_cnt": count,
        "decoded_payload": {source.keys[name][0]: value for name, value in row.values.items()},
        "rx_metadata": [{"gateway_ids": {"gateway_id": "demo-gateway"}, "rssi": -101, "snr": 4.2}],
        "received_at": at,
    }
    body = {"end_device_ids": ids, "received_at": at, "uplink_message": uplink}
    return f"v3/{source.lab}@livinglab/devices/{source.device}/up", body


def _tts_ids(source: Source) -> dict[str, Any]:
    return {
        "device_id": source.device,
        "application_ids": {"application_id": source.lab},
        "dev_eui": source.device.encode().hex().upper()[-16:].rjust(16, "0"),
        "dev_addr": "260B0001",
    }


def _airrohr(source: Source, rows: list[Row], _count: int) -> tuple[str, Any]:
    row = rows[0]
    values = [
        {"value_type": source.keys[name][0], "value": f"{value:.2f}"}
        for name, value in row.values.items()
    ]
    body = {
        "esp8266id": source.device,
        "software_version": "demo",
        "timestamp": to_text(row.time_ns),  # as in the network's own API form
        "sensordatavalues": values,
    }
    return f"{source.lab}/airrohr/{source.device}", body


def _telraam(source: Source, rows: list[Row], _count: int) -> tuple[str, Any]:
    row = rows[0]
    counts = {source.keys[name][0]: value for name, value in row.values.items()}
    for mode in ("bike", "pedestrian"):
        counts[mode] = counts[f"{mode}_lft"] + counts[f"{mode}_rgt"]
    report = {
        "instance_id": -1,
        "segment_id": 9_000_000_001,
        "date": to_text(row.time_ns).replace("Z", ".000Z"),
        "interval": "hourly",
        "uptime": 1.0,
        **counts,
        "car": None,
        "heavy": None,
        "v85": None,
        "timezone": "Europe/Amsterdam",
    }
    body = {"status_code": 200, "message": "ok", "report": [report]}
    return f"{source.lab}/telraam/{source.device}", body


def _json(source: Source, rows: list[Row], _count: int) -> tuple[str, Any]:
    row = rows[0]
    values = {source.keys[name][0]: value for name, value in row.values.items()}
    body = {"device": source.device, "ts": to_text(row.time_ns), "values": values}
    return f"{source.lab}/json/{source.device}", body


FORMATS.update(senml=_senml, tts=_tts, airrohr=_airrohr, telraam=_telraam, json=_json)


def _encode(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _messages_of(source: Source) -> Iterator[DemoMessage]:
    rows = list(recorded(source))
    for count, at in enumerate(range(0, len(rows), source.pack), start=1):
        pack = rows[at : at + source.pack]
        topic, body = FORMATS[source.format](source, pack, count)
        yield DemoMessage(pack[-1].time_ns, topic, _encode(body), "reading")


def _faults(sources: dict[str, Source], readings: list[DemoMessage]) -> Iterator[DemoMessage]:
    """Yield 60 faults spread over the week: repeats, malformed, unknown device, joins."""
    uplinks = [message for message in readings if message.topic.endswith("/up")]
    for message in uplinks[25 :: len(uplinks) // 20][:20]:
        yield message._replace(role="repeat")
    bodies = (b'{"device": "ein-ref-01", "ts": "2025-0', b"not ready", b"[1, 2", b"\xff\xfe{}")
    plain = [message for message in readings if message.topic.endswith("ein-ref-01")]
    for number, message in enumerate(plain[5::10][:15]):
        yield message._replace(payload=bodies[number % len(bodies)], role="malformed")
    for message in plain[7::15][:10]:
        body = json.loads(message.payload) | {"device": "ein-ref-99"}
        topic = message.topic.replace("ein-ref-01", "ein-ref-99")
        yield DemoMessage(message.time_ns, topic, _encode(body), "unknown")
    source = sources["ams-gw-01"]
    for message in uplinks[40 :: len(uplinks) // 15][:15]:
        at = to_text(message.time_ns)
        accept = {"session_key_id": "AYkBAAAAAAAAAAAAAAAAAA==", "received_at": at}
        ids = _tts_ids(source)
        join = {"end_device_ids": ids, "received_at": at, "join_accept": accept}
        topic = f"v3/{source.lab}@livinglab/devices/{source.device}/join"
        yield DemoMessage(message.time_ns, topic, _encode(join), "join")


def load_script() -> Script:
    """Build the whole demo: readings in order of time, faults among them, the late batch apart."""
    text = (resources.files("livinglab.demo") / "sources.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    sources = {row["device"]: Source(**row) for row in table["devices"]}
    zone = ZoneInfo(table["period"]["zone"])
    start, end = (
        to_ns(datetime.fromisoformat(table["period"][edge]).replace(tzinfo=zone))
        for edge in ("start", "end")
    )
    readings = [
        message
        for source in sources.values()
        for message in _messages_of(source)
        if source.device.startswith("utr-bike") or start <= message.time_ns < end
    ]
    late = _late(table["late"], readings, zone)
    held = set(late)
    on_time = [message for message in readings if message not in held]
    on_time.extend(_faults(sources, on_time))
    on_time.sort(key=lambda message: message.time_ns)
    late_batch = tuple(message._replace(role="late") for message in late)
    return Script(tuple(on_time), late_batch, start, end)


def _late(rule: dict[str, Any], readings: list[DemoMessage], zone: ZoneInfo) -> list[DemoMessage]:
    since = to_ns(datetime.fromisoformat(rule["from"]).replace(tzinfo=zone))
    of_device = (message for message in readings if message.topic.endswith(rule["device"]))
    return [message for message in of_device if message.time_ns >= since][: rule["messages"]]


def describe(script: Script) -> str:
    """Say in one line what the demo sends."""
    moment = datetime.fromtimestamp(script.start_ns / 1e9, tz=UTC).date()
    return f"{len(script.first) + len(script.late)} messages for the week of {moment}"
