"""Times in payloads."""

from __future__ import annotations

import contextlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders.times import UNSET, Instant, epoch, instant, network_ns, rfc3339_ns
from livinglab.errors import DecodeError, Reason
from livinglab.timeline import SECOND_NS, to_ns

TEN = to_ns(datetime.fromisoformat("2025-08-29T10:00:00Z"))


@pytest.mark.parametrize(
    "value",
    [
        "2025-08-29T10:00:00Z",
        "2025-08-29T10:00:00+00:00",
        "2025-08-29T12:00:00+02:00",
        "2025-08-29T15:30:00+05:30",
        "2025-08-29T11:00:00.000+0100",
        "2025-08-29 10:00:00 UTC",
        "2025-08-29T10:00:00,000Z",
        "20250829T100000Z",
        "2025-08-29t10:00:00z",
        "2025/08/29 12:00:00+02:00",
        "Fri, 29 Aug 2025 10:00:00 GMT",
        " 2025-08-29T10:00Z ",
        TEN // SECOND_NS,
        float(TEN // SECOND_NS),
        TEN // 10**6,
        TEN // 10**3,
        TEN,
        str(TEN // SECOND_NS),
        str(TEN // 10**6),
    ],
)
def test_instant_of_one_moment(value: object) -> None:
    assert instant(value) == Instant(TEN)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
        ("2025-08-28T24:00:00Z", "2025-08-29T00:00:00Z"),
        ("2025-08-28 24:00", "2025-08-29T00:00:00"),
    ],
)
def test_instant_at_the_end_of_a_day(text: str, same: str) -> None:
    assert instant(text) == instant(same)


@pytest.mark.parametrize("text", ["2025-08-29T12:00:00", "29.08.2025 12:00", "29-08-2025 12:00:00"])
def test_instant_without_offset(text: str) -> None:
    assert instant(text, "Europe/Amsterdam") == Instant(TEN)
    assert instant(text) == Instant(None, "2025-08-29T12:00:00")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        0,
        "0",
        5_000,
        "1970-01-01T00:00:07Z",
        "0001-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "1980-01-06T00:00:12Z",
        315_964_800,
        "2000-01-01T00:01:30Z",
    ],
)
def test_instant_of_a_clock_that_is_not_set(value: object) -> None:
    assert instant(value) == UNSET


@pytest.mark.parametrize(
    "value",
    [
        "2025-13-45T99:61:99Z",
        "2025-02-30T00:00:00Z",
        "2025-08-29T24:30:00Z",
        "yesterday",
        "08/09/2025 10:00",
        "10:00",
        "1999-12-31T00:00:00Z",
        "2121-01-01T00:00:00Z",
        4_294_967_295,
        -5,
        123_456,
        1e30,
        True,
        [],
        {"t": 1},
        "9" * 30,
    ],
)
def test_instant_of_an_impossible_time(value: object) -> None:
    with pytest.raises(DecodeError) as caught:
        instant(value)
    assert caught.value.reason is Reason.TIME


def test_instant_in_an_unknown_zone() -> None:
    with pytest.raises(DecodeError, match="unknown time zone"):
        instant("2025-08-29T12:00:00", "Mars/Olympus")


@given(st.text(max_size=30) | st.floats() | st.integers())
def test_instant_raises_nothing_else(value: object) -> None:
    with contextlib.suppress(DecodeError):
        instant(value, "Europe/Amsterdam")


@given(st.integers(946_771_200, 4_102_444_799))
def test_epoch_reads_every_unit_alike(seconds: int) -> None:
    scales = (1, 10**3, 10**6, 10**9)
    assert {epoch(seconds * scale).ns for scale in scales} == {seconds * SECOND_NS}


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("2025-08-29T10:00:00.123456789Z", 123_456_789),
        ("2025-08-29T10:00:00.1234567Z", 123_456_700),
        ("2025-08-29T10:00:00.123456789+00:00", 123_456_789),
        ("2025-08-29T10:00:00.000000001Z", 1),
        ("2025-08-29T10:00:00.5Z", 500_000_000),
        ("2025-08-29T10:00:00.12345678+00:00", 123_456_780),
    ],
)
def test_rfc3339_ns_keeps_nanoseconds(text: str, below: int) -> None:
    assert rfc3339_ns(text) == TEN + below
    assert network_ns(text) == TEN + below
    assert instant(text).ns == TEN + below


def test_network_ns_of_the_zero_time() -> None:
    assert network_ns("0001-01-01T00:00:00Z") is None
    assert network_ns(None) is None
