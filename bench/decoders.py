"""Time per message of the decoders on the hot path, beside json.loads and a plain loop.

    python -m bench.decoders [--messages 20000]

Messages are those of the labs: five values, about 200 bytes (an uplink of The Things Stack has its
radio metadata and is about 900 bytes).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from datetime import datetime

from ingest.decoders import DECODERS, Context
from livinglab.model import Message

NAMES = ("no2", "o3", "pm2_5", "air_temperature", "relative_humidity")
UNITS = ("ppb", "ppb", "ug/m3", "Cel", "%RH")
START_S = 1_756_418_400


def senml(rng: random.Random, index: int) -> bytes:
    records = [
        {"n": name, "u": unit, "v": round(rng.uniform(1, 60), 2)}
        for name, unit in zip(NAMES, UNITS, strict=True)
    ]
    records[0] = {"bn": f"urn:dev:utr-aq-{index % 2000:04}:", "bt": START_S + index} | records[0]
    return json.dumps(records, separators=(",", ":")).encode()


def plain(rng: random.Random, index: int) -> bytes:
    values = {name: round(rng.uniform(1, 60), 2) for name in NAMES}
    moment = f"2025-08-29T{index // 3600 % 24:02}:{index // 60 % 60:02}:{index % 60:02}Z"
    body = {"device": f"utr-ref-{index % 2000:04}", "ts": moment, "values": values}
    return json.dumps(body, separators=(",", ":")).encode()


def uplink(rng: random.Random, index: int) -> bytes:
    moment = f"2025-08-29T{index // 3600 % 24:02}:{index // 60 % 60:02}:{index % 60:02}.208911204Z"
    metadata = {
        "gateway_ids": {"gateway_id": "living-lab-gw-01", "eui": "58A0CBFFFE8001AA"},
        "time": moment,
        "timestamp": 1804226131,
        "rssi": -97,
        "snr": 7.2,
        "channel_index": 5,
    }
    body = {
        "end_device_ids": {
            "device_id": f"ams-aq-{index % 2000:04}",
            "application_ids": {"application_id": "buiksloterham"},
            "dev_eui": f"70B3D57ED005{index % 2000:04X}",
            "dev_addr": "260B1A2C",
        },
        "correlation_ids": ["gs:uplink:01HXV8Q3ZP5M4C1N7T2W9D6KEB"],
        "received_at": moment,
        "uplink_message": {
            "session_key_id": "AY9v2sC7GeZRDqu8dg",
            "f_port": 2,
            "f_cnt": index,
            "frm_payload": "PSWqAAAAAAAC",
            "decoded_payload": {name: round(rng.uniform(1, 60), 2) for name in NAMES},
            "rx_metadata": [metadata],
            "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "frequency": "867500000"},
            "received_at": moment,
        },
    }
    return json.dumps(body, separators=(",", ":")).encode()


def naive_senml(message: Message, _context: Context) -> object:
    rows, name, moment = [], "", 0.0
    for record in json.loads(message.payload):
        name = record.get("bn", name)
        moment = record.get("bt", moment)
        rows.append((name, record["n"], record["v"], record.get("u"), moment + record.get("t", 0)))
    return rows


def naive_plain(message: Message, _context: Context) -> object:
    body = json.loads(message.payload)
    moment = datetime.fromisoformat(body["ts"]).timestamp()
    return [(body["device"], key, float(value), moment) for key, value in body["values"].items()]


def naive_uplink(message: Message, _context: Context) -> object:
    body = json.loads(message.payload)
    up = body["uplink_message"]
    moment = datetime.fromisoformat(up["received_at"]).timestamp()
    device = body["end_device_ids"]["device_id"]
    return [(device, key, float(value), moment) for key, value in up["decoded_payload"].items()]


CASES = (
    ("senml_json", senml, naive_senml, "lombok/senml/x"),
    ("plain_json", plain, naive_plain, "lombok/json/x"),
    ("tts_v3", uplink, naive_uplink, ""),
)


def microseconds(
    decode: Callable[[Message, Context], object], messages: list[Message], repeats: int = 5
) -> float:
    """Least CPU time per message over some passes, in us."""
    context = Context()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for message in messages:
            decode(message, context)
        best = min(best, time.process_time() - start)
    return best / len(messages) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    count = parser.parse_args().messages
    rng = random.Random(1)
    print("decoder     bytes  us/message  json.loads + loop  ratio")
    for name, write, naive, topic in CASES:
        messages = [
            Message(
                topic or f"v3/buiksloterham@livinglab/devices/ams-aq-{index % 2000:04}/up",
                write(rng, index),
                (START_S + index) * 10**9,
            )
            for index in range(count)
        ]
        size = sum(len(message.payload) for message in messages) // count
        ours, theirs = microseconds(DECODERS[name], messages), microseconds(naive, messages)
        print(f"{name:<11} {size:5}  {ours:10.2f}  {theirs:17.2f}  {theirs / ours:5.1f}")


if __name__ == "__main__":
    main()
