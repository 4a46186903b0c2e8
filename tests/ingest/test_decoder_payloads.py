"""Every decoder on payloads written for it: good, odd and broken ones.

A case states what must come out: `readings` as [device, key, quantity, value, unit, time, channel],
`described` as [key, quantity, unit] after the generic key table, or the `reason` of the refusal.
Times are RFC 3339 to the microsecond, null for receipt, or "received+30" in seconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.decoders import DECODERS, Context
from ingest.decoders.describe import described
from livinglab.errors import DecodeError
from livinglab.model import Message, Reading
from livinglab.timeline import SECOND_NS, to_text

PAYLOADS = Path(__file__).parents[1] / "data" / "payloads"
RECEIVED_NS = 1_756_500_000_000_000_000
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
    for path in sorted(PAYLOADS.glob("*.json"))
    for case in json.loads(path.read_text("utf-8"))
]


def message_of(case: dict[str, Any], topic: str = "") -> Message:
    payload = case.get("payload")
    if "hex" in case:
        body = bytes.fromhex(case["hex"])
    else:
        body = (payload if isinstance(payload, str) else json.dumps(payload)).encode("utf-8")
    return Message(topic or case["topic"], body, RECEIVED_NS, retain=case.get("retain", False))


def context_of(case: dict[str, Any]) -> Context:
    earlier = tuple(message_of(item) for item in case.get("earlier", ()))
    return Context(case.get("device", "payload"), case.get("zone", ""), earlier=earlier)


def shown(device: str, row: Reading) -> list[Any]:
    cells = [device, row.key, row.quantity, row.value, row.unit, time_of(row)]
    return [*cells, row.channel] if row.channel != "0" else cells


def time_of(row: Reading) -> str | None:
    if row.time_ns is None:
        return None
    ahead = (row.time_ns - RECEIVED_NS) / SECOND_NS
    return f"received{ahead:+g}" if 0 < abs(ahead) <= 30 else to_text(row.time_ns)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_decode_payload(name: str, case: dict[str, Any]) -> None:
    if "reason" in case:
        with pytest.raises(DecodeError) as caught:
            DECODERS[name](message_of(case), context_of(case))
        assert caught.value.reason == case["reason"]
        assert caught.value.message
        return
    decoded = DECODERS[name](message_of(case), context_of(case))
    rows = [shown(device, row) for device, rows in decoded.readings.items() for row in rows]
    assert rows == case.get("readings", [])
    assert decoded.note == case.get("note", "")
    assert [list(item) for item in decoded.dropped] == case.get("dropped", [])
    assert decoded.identity == case.get("identity", "")


@pytest.mark.parametrize(
    ("name", "case"), [item for item in CASES if "described" in item.values[1]]
)
def test_described_payload(name: str, case: dict[str, Any]) -> None:
    decoded = described(DECODERS[name](message_of(case), context_of(case)), name)
    rows = [[row.key, row.quantity, row.unit] for rows in decoded.readings.values() for row in rows]
    assert rows == case["described"]


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_every_decoder_has_good_odd_and_broken_payloads(name: str) -> None:
    kinds = {item.values[1]["case"].split(":")[0] for item in CASES if item.values[0] == name}
    assert kinds == {"good", "odd", "broken"}


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_no_two_readings_of_a_message_share_key_and_time(name: str) -> None:
    for item in CASES:
        if item.values[0] != name or "reason" in item.values[1]:
            continue
        decoded = DECODERS[name](message_of(item.values[1]), context_of(item.values[1]))
        for rows in decoded.readings.values():
            places = [(row.key, row.channel, row.time_ns, row.local) for row in rows]
            assert len(places) == len(set(places))
