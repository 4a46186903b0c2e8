"""The load of the ingest benchmark: a registry of 2 000 devices, and their messages as MQTT frames.

python bench/load.py MQTT_PORT MESSAGES     publishes them with QoS 1, as fast as the broker takes
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from services.publisher import Publisher, publish_packet

DEVICES = 2_000
NAMES = ("no2", "o3", "pm2_5", "air_temperature", "relative_humidity")
UNITS = ("ppb", "ppb", "ug/m3", "Cel", "%RH")
_WINDOW = 2_000
_SETTINGS = """\
journal_quota_mb: 20000
client_id: bench-livinglab
http_port: 0
"""
_LAB = """\
name: Bench
municipality: Bench
cbs_year: 2025
cbs_codes: [GM0344]
centre_rd: [135300, 456200]
radius_m: 5000
reach_km: 10
contact: bench@example.org
licence: CC-BY-4.0
attribution: made up
data_note: made up for the benchmark
areas:
  - {id: square, label: Square}
routes:
  - {topic: bench/json/+, decoder: plain_json, device: payload}
  - {topic: bench/senml/+, decoder: senml_json, device: payload}
"""
_MODEL = """\
label: Bench unit
decoder: plain_json
step_s: 60
time_key: ts
device_key: device
source: made up for the benchmark
keys:
  no2: {quantity: no2, unit: ppb, sentinels: [-999], minimum: -500, maximum: 10000}
  o3: {quantity: o3, unit: ppb, sentinels: [-999], minimum: -500, maximum: 10000}
  pm2_5: {quantity: pm2_5, unit: ug/m3, minimum: 0, maximum: 10000}
  air_temperature: {quantity: air_temperature, unit: Cel, minimum: -60, maximum: 80}
  relative_humidity: {quantity: relative_humidity, unit: "%", minimum: 0, maximum: 110}
"""
_COLUMNS = "id,model,x_rd,y_rd,lon,lat,height_m_nap,area,step_s,valid_from,valid_to,owner,privacy\n"


def make_registry(directory: Path, source: Path) -> None:
    """Write a configuration folder: that of `source`, but its labs are one of 2 000 devices."""
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns("labs"))
    lab = directory / "labs" / "bench"
    lab.mkdir(parents=True)
    (directory / "livinglab.yaml").write_text(_SETTINGS)
    (directory / "models" / "bench.yaml").write_text(_MODEL)
    (lab / "lab.yaml").write_text(_LAB)
    rows = (
        f"bench-{number:04d},bench,{135300 + number % 50},{456200 + number // 50},,,,square,60,"
        "2020-01-01,,Bench,public\n"
        for number in range(DEVICES)
    )
    (lab / "devices.csv").write_text(_COLUMNS + "".join(rows))


def payload(rng: random.Random, number: int, start: datetime, form: str) -> bytes:
    """Five values of one device, as plain JSON or as SenML."""
    device = f"bench-{number % DEVICES:04d}"
    moment = start + timedelta(seconds=number // DEVICES)
    values = [f"{rng.uniform(5, 60):.2f}" for _ in NAMES]
    if form == "json":
        pairs = ",".join(f'"{name}":{value}' for name, value in zip(NAMES, values, strict=True))
        text = f'{{"device":"{device}","ts":"{moment:%Y-%m-%dT%H:%M:%SZ}","values":{{{pairs}}}}}'
        return text.encode()
    head = f'"bn":"urn:dev:{device}:","bt":{moment.timestamp():.0f},'
    records = (
        f'"n":"{name}","u":"{unit}","v":{value}'
        for name, unit, value in zip(NAMES, UNITS, values, strict=True)
    )
    return f"[{{{head}{'},{'.join(records)}}}]".encode()


def frames(count: int, form: str) -> list[bytes]:
    """All PUBLISH frames, a window of them per piece."""
    rng = random.Random(1)
    start = datetime.now(UTC) - timedelta(hours=1)
    pieces = []
    for first in range(0, count, _WINDOW):
        numbers = range(first, min(first + _WINDOW, count))
        pieces.append(
            b"".join(
                publish_packet(
                    f"bench/{form}/bench-{number % DEVICES:04d}",
                    payload(rng, number, start, form),
                    number - first + 1,
                )
                for number in numbers
            )
        )
    return pieces


def main() -> None:
    port, count, form = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pieces = frames(count, form)
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    with Publisher("127.0.0.1", port, "bench-load") as publisher:
        left = count
        for piece in pieces:
            publisher.send(piece, min(_WINDOW, left))
            left -= _WINDOW
    print(f"{time.monotonic() - begin:.2f}", flush=True)


if __name__ == "__main__":
    main()
