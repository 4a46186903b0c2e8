"""Requests to the line protocol of `livinglab decode --jsonl`, and what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from ingest.jsonl import answer_line

RECEIVED = "2025-08-29T10:05:00Z"
Earlier = Sequence[tuple[str, Any]]


def ask(format_name: str, topic: str, payload: Any, earlier: Earlier = (), **more: Any) -> Any:
    """The answer to one message; `payload` is bytes, text or a document to write as JSON."""
    line = {
        **_line(topic, payload),
        "format": format_name,
        "context": [_line(*item) for item in earlier],
    }
    return answer_line(json.dumps(line | more).encode())


def read(format_name: str, topic: str, payload: Any, earlier: Earlier = (), **more: Any) -> Any:
    """(device, quantity, value, unit) of the good readings of a message."""
    answer = ask(format_name, topic, payload, earlier, **more)
    assert "error" not in answer, answer
    good = [row for row in answer["readings"] if row.get("quality") != "bad"]
    return [(row["device"], row["quantity"], row["value"], row["unit"]) for row in good]


def _line(topic: str, payload: Any) -> dict[str, Any]:
    body = payload if isinstance(payload, bytes | str) else json.dumps(payload)
    data = body if isinstance(body, bytes) else body.encode()
    return {
        "topic": topic,
        "payload_base64": base64.b64encode(data).decode(),
        "received_at": RECEIVED,
    }
