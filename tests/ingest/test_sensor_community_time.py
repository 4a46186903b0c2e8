"""The clock of Sensor.Community messages: the network's stamp where there is one, else receipt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decoders import DECODERS
from ingest.decoders.base import Context
from livinglab.errors import DecodeError, Reason
from livinglab.model import Message
from livinglab.timeline import parse_instant

VALUES = [{"value_type": "SDS_P2", "value": "5.40"}]


def times(body: dict[str, Any], context: Context | None = None) -> set[int | None]:
    body = {"esp8266id": "77", "sensordatavalues": VALUES} | body
    message = Message("lab/airrohr/77", json.dumps(body).encode(), 1)
    decoded = DECODERS["sensor_community"](message, context or Context())
    return {reading.time_ns for rows in decoded.readings.values() for reading in rows}


def test_firmware_form_has_no_time() -> None:
    assert times({}) == {None}


def test_api_form_is_utc_without_mark() -> None:
    stamp = {"timestamp": "2025-08-29 12:00:00", "sensor": {"id": 660}}
    assert times(stamp) == {parse_instant("2025-08-29T12:00:00Z")}


def test_stamp_of_a_bridge_keeps_its_offset() -> None:
    stamp = {"timestamp": "2025-08-29T14:00:00+02:00"}
    assert times(stamp) == {parse_instant("2025-08-29T12:00:00Z")}


def test_naive_stamp_of_a_bridge_is_no_utc() -> None:
    assert times({"timestamp": "2025-08-29 12:00:00"}) == {None}


def test_impossible_stamp_is_an_error() -> None:
    with pytest.raises(DecodeError) as caught:
        times({"timestamp": "2025-02-30T12:00:00Z"})
    assert caught.value.reason is Reason.TIME
