"""No payload makes a decoder raise anything but DecodeError; the typed parse changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest import mapped
from ingest.decoders import DECODERS, Context, plain_json, senml_json, tts_v3
from ingest.decoders.base import MAX_PAYLOAD_BYTES
from ingest.decoders.describe import described
from ingest.decoders.values import names
from livinglab.errors import DecodeError
from livinglab.model import Decoded, Message

PAYLOADS = Path(__file__).parents[1] / "data" / "payloads"
RECEIVED_NS = 1_756_500_000_000_000_000
TOPICS = ("a/b", "", "v3/x@y/devices/node-1/up", "homie/d/n/p", "spBv1.0/g/NDATA/e", "a//")
CONTEXTS = (Context(), Context("topic:1", "Europe/Amsterdam"), Context("topic:-1"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["nan", "21.5", "ON", "2024-06-10T06:13:20Z", "urn:dev:x:", "%RH", "Cel", ""])
)
member_names = st.text(max_size=6) | st.sampled_from(
    names(
        "v n u t bn bt bu bv bver s vs vb value values unit time device temperature battery "
        "end_device_ids uplink_message decoded_payload device_id measurementId"
    )
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(member_names, inner, max_size=5),
    max_leaves=12,
)


def outcome(
    decode: Callable[[Message, Context], Decoded], message: Message, context: Context
) -> Any:
    """What a decoder answers: readings, or the reason against them."""
    try:
        return decode(message, context)
    except DecodeError as error:
        return error.reason


def known_payloads(name: str) -> list[tuple[str, bytes]]:
    """(topic, payload) of the cases of a format."""
    cases = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    return [(case["topic"], payload_of(case)) for case in cases]


def payload_of(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    payload = case["payload"]
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode("utf-8")


def check(name: str, topic: str, payload: bytes) -> None:
    for context in CONTEXTS:
        answer = outcome(DECODERS[name], Message(topic, payload, RECEIVED_NS), context)
        if isinstance(answer, Decoded):
            described(answer, name)
            for device, rows in answer.readings.items():
                assert device
                assert rows
                assert all(math.isfinite(row.value) for row in rows)


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=200), topic=st.sampled_from(TOPICS))
def test_decode_arbitrary_bytes(name: str, payload: bytes, topic: str) -> None:
    check(name, topic, payload)


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=40)
@given(document=documents, topic=st.sampled_from(TOPICS))
def test_decode_arbitrary_json(name: str, document: Any, topic: str) -> None:
    check(name, topic, json.dumps(document).encode())


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=60)
@given(data=st.data())
def test_decode_mutated_payload(name: str, data: st.DataObject) -> None:
    topic, payload = data.draw(st.sampled_from(known_payloads(name)))
    start = data.draw(st.integers(0, len(payload)))
    length = data.draw(st.integers(0, 12))
    check(
        name, topic, payload[:start] + data.draw(st.binary(max_size=8)) + payload[start + length :]
    )


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=40)
@given(data=st.data())
def test_decode_mutated_document(name: str, data: st.DataObject) -> None:
    topic, payload = data.draw(st.sampled_from(known_payloads(name)))
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return
    check(name, topic, json.dumps(with_change(document, data)).encode())


def with_change(document: Any, data: st.DataObject) -> Any:
    """`document` with one node replaced by something else."""
    if isinstance(document, list) and document and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(document) - 1))
        return [*document[:place], with_change(document[place], data), *document[place + 1 :]]
    if isinstance(document, dict) and document and data.draw(st.integers(0, 3)):
        key = data.draw(st.sampled_from(sorted(document)))
        return {**document, key: with_change(document[key], data)}
    return data.draw(documents)


paths = st.sampled_from(
    names("temperature result 0/v [n=x]/v v 1 data/0/value a/[b=c]/d StatusSNS/A/B 53 x_1")
)
entries = st.fixed_dictionaries(
    {
        "values": st.lists(
            st.fixed_dictionaries(
                {
                    "key": paths,
                    "quantity": st.sampled_from(["co2", "occupancy"]),
                    "unit": st.just("ppm"),
                },
                optional={"decimal": st.sampled_from([",", "."]), "channel": st.just("a")},
            ),
            min_size=1,
            max_size=3,
        )
    },
    optional={
        "time": st.sampled_from(["time", "t", "0"]),
        "device": paths,
        "quality": st.fixed_dictionaries({"key": paths, "good": st.just([1, "ok"])}),
    },
)


@pytest.mark.parametrize("name", sorted(DECODERS))
@settings(max_examples=30)
@given(data=st.data(), entry=entries)
def test_mapped_mutated_payload(name: str, data: st.DataObject, entry: dict[str, Any]) -> None:
    topic, payload = data.draw(st.sampled_from(known_payloads(name)))
    start = data.draw(st.integers(0, len(payload)))
    changed = payload[:start] + data.draw(st.binary(max_size=4)) + payload[start + 2 :]
    message = Message(topic, data.draw(st.sampled_from([payload, changed])), RECEIVED_NS)

    def decode_mapped(message: Message, context: Context) -> Decoded:
        return mapped.decode(message, name, context, entry, DECODERS[name])

    answer = outcome(decode_mapped, message, CONTEXTS[1])
    if isinstance(answer, Decoded):
        rows = [row for found in answer.readings.values() for row in found]
        assert all(math.isfinite(row.value) for row in rows)
        assert {row.quantity for row in rows} <= {"co2", "occupancy"}


@pytest.mark.parametrize("name", sorted(DECODERS))
@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"device":"a","v":' + b"9" * 5_000 + b"}",
        b'{"device":"a","v":1e400}',
        b"\x00" * 40,
        b" " * (MAX_PAYLOAD_BYTES + 1),
        b'"' + b"a" * 200_000,
        b'[{"n":"a","v":1}' + b',{"n":"a","v":1}' * 10_000 + b"]",
        b'{"device":"\\ud83d","temperature":1}',
    ],
    ids=["deep", "deep objects", "digits", "inf", "nul", "large", "open", "many", "surrogate"],
)
def test_decode_hostile_payload(name: str, payload: bytes) -> None:
    check(name, "a/b", payload)


senml_records = st.fixed_dictionaries(
    {"v": st.floats(-1e6, 1e6) | st.integers(-(10**70), 10**70) | scalars},
    optional={
        "bn": st.sampled_from(["urn:dev:a:", "urn:dev:ow:1234:", "b/", "c", "", "~"]),
        "bt": st.sampled_from([0, 1_756_418_400, 1.5e9, -5, 1e30, 2.0**28]),
        "bu": st.sampled_from(["Cel", "%RH", "", "Bspl"]),
        "bv": st.floats(-10, 10),
        "n": st.sampled_from(["no2", "temp", "a/b", "", "é", "x_"]),
        "u": st.sampled_from(["ppb", "Cel", "%", "lat", "Bspl", ""]),
        "t": st.sampled_from([0, -60, 5.25, 1_756_418_400]),
        "bver": st.integers(0, 12),
        "vs": st.text(max_size=3),
        "x": scalars,
        "y_": st.just(1),
    },
)
TIMES = (
    "2025-08-29T10:00:00Z",
    "2025-08-29T10:00:00.123456789+02:00",
    "2025-08-29 10:00:00",
    "0001-01-01T00:00:00Z",
    "2025-13-01T00:00:00Z",
    "1999-01-01T00:00:00Z",
)
VALUE_NAMES = names("no2 temperature battery ts time id value rssi counter settings pm2_5")
plain_messages = st.fixed_dictionaries(
    {
        "device": st.sampled_from(["a", " ", "", "é", "x\ny"]) | scalars,
        "ts": st.sampled_from(TIMES) | scalars,
        "values": st.dictionaries(
            st.sampled_from(VALUE_NAMES) | st.text(max_size=3),
            st.floats(-1e70, 1e70) | st.integers(-(10**70), 10**70) | scalars,
            max_size=4,
        ),
    },
    optional={"extra": scalars},
)
uplinks = st.fixed_dictionaries(
    {
        "end_device_ids": st.fixed_dictionaries(
            {"device_id": st.sampled_from(["node-1", "NODE_1", "other", ""])},
            optional={"dev_eui": st.sampled_from(["70B3D57ED0050001", ""])},
        ),
        "uplink_message": st.fixed_dictionaries(
            {"decoded_payload": plain_messages.map(lambda message: message["values"])},
            optional={
                "received_at": plain_messages.map(lambda message: message["ts"]),
                "session_key_id": st.sampled_from(["AY9v2sC7", ""]),
                "f_cnt": st.integers(0, 9) | scalars,
                "rx_metadata": st.just([{"rssi": -90}]) | scalars,
                "normalized_payload": st.just([{"air": {"temperature": 20.5}, "battery": 50}]),
                "settings": scalars,
            },
        ),
    },
    optional={"received_at": st.just("2025-08-29T10:00:01Z"), "simulated": st.booleans()},
)


def same(
    fast: Callable[[Message, Context], Decoded],
    general: Callable[[Message, Context], Decoded],
    document: Any,
) -> None:
    message = Message("v3/x@y/devices/node-1/up", json.dumps(document).encode(), RECEIVED_NS)
    assert outcome(fast, message, Context()) == outcome(general, message, Context())


@settings(max_examples=400)
@given(document=st.lists(senml_records, max_size=4))
@example(document=[{"bn": "urn:dev:a:", "n": "no2", "v": 1e64}])
@example(document=[{"bn": "urn:dev:a", "v": 1}, {"bn": "", "n": "x", "v": 1}])
def test_senml_json_typed_parse_equals_general(document: Any) -> None:
    same(senml_json.decode, senml_json._decode_any, document)


@settings(max_examples=400)
@given(document=plain_messages)
def test_plain_json_typed_parse_equals_general(document: Any) -> None:
    same(plain_json.decode, plain_json._decode_any, document)


@settings(max_examples=400)
@given(document=uplinks)
def test_tts_v3_typed_parse_equals_general(document: Any) -> None:
    same(tts_v3.decode, tts_v3._decode_any, document)
