"""Times as people write them: what is meant, and what cannot be known."""

from __future__ import annotations

import pytest

from livinglab.errors import DataError
from livinglab.timeline import HOUR_NS, parse_instant, parse_window, to_text

ZONE = "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2025-08-29", ZONE, "2025-08-28T22:00:00Z"),
        ("20250829", ZONE, "2025-08-28T22:00:00Z"),
        ("2025-08-29T12:30", ZONE, "2025-08-29T10:30:00Z"),
        ("2025-08-29T12:30Z", ZONE, "2025-08-29T12:30:00Z"),
        ("2025-10-26T02:30+02:00", ZONE, "2025-10-26T00:30:00Z"),
        ("2025-10-26T03:00", ZONE, "2025-10-26T02:00:00Z"),  # once again unambiguous
        ("2025-03-30T03:00", ZONE, "2025-03-30T01:00:00Z"),
        # At the end of summer the civil day there begins an hour after the midnight that is none.
        ("2025-09-07", "America/Santiago", "2025-09-07T04:00:00Z"),
    ],
)
def test_parse_instant_reads_dates_local_times_and_offsets(text: str, zone: str, utc: str) -> None:
    assert to_text(parse_instant(text, zone)) == utc


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2025-10-26T02:00", "occurs twice"),
        ("2025-10-26T02:59:59", "occurs twice"),
        ("2025-03-30T02:00", "does not exist"),
        ("2025-03-30T02:30", "does not exist"),
    ],
)
def test_parse_instant_refuses_a_local_time_that_is_not_one_instant(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_instant(text, ZONE)
    with pytest.raises(DataError, match=f"{text}.*{said}.*give the offset"):
        parse_window(text, "2025-11-01", ZONE)


def test_parse_window_of_civil_dates_has_the_hours_of_its_days() -> None:
    for first, last, hours in (
        ("2025-03-30", "2025-03-31", 23),
        ("2025-10-26", "2025-10-27", 25),
        ("2025-10-27", "2025-10-28", 24),
    ):
        start, end = parse_window(first, last, ZONE)
        assert end - start == hours * HOUR_NS


@pytest.mark.parametrize("window", [("0001-01-01", "2025-01-01"), ("2025-01-01", "9999-12-31")])
def test_parse_window_refuses_what_64_bits_cannot_hold(window: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="out of range") as caught:
        parse_window(*window, ZONE)
    assert "1678 to 2261" in caught.value.hint
