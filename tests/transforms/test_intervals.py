"""Bins of time: the clock change, fixed-offset days, parts of days."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import oracle_json

from livinglab.errors import DataError
from livinglab.timeline import civil_days as civil_days_of_timeline
from transforms.intervals import (
    UTC1,
    civil_days,
    civil_months,
    civil_years,
    days,
    every,
    hours,
    parts_of_days,
    parts_within,
)

AMSTERDAM = "Europe/Amsterdam"
HOUR = 3_600_000_000_000


def at(text: str, zone: str = AMSTERDAM) -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


def test_civil_days_have_the_hours_of_the_clock() -> None:
    expected = oracle_json("analytic/cases.json")["time"]["local_day_hours_europe_amsterdam"]
    for date, length in expected.items():
        bins = civil_days(at(date), at(date) + pd.DateOffset(days=1), AMSTERDAM)
        assert (bins.length_s // 3600).tolist() == [length]
        assert len(hours(at(date), at(date) + pd.DateOffset(days=1))) == length


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(946_684_800, 1_900_000_000),
    length=st.integers(0, 40 * 86_400),
    zone=st.sampled_from([AMSTERDAM, "UTC", "America/Los_Angeles", "Asia/Kolkata", UTC1]),
)
def test_civil_days_equal_those_of_the_timeline(start: int, length: int, zone: str) -> None:
    first, last = pd.Timestamp(start, unit="s", tz="UTC"), start + length
    bins = civil_days(first, pd.Timestamp(last, unit="s", tz="UTC"), zone)
    whole = civil_days_of_timeline(start * 10**9, last * 10**9, zone) if length else []
    expected = [(a, b) for _, a, b in whole if start * 10**9 <= a < last * 10**9]
    assert list(zip(bins.start_ns.tolist(), bins.edges_ns[1:].tolist(), strict=True)) == expected
    assert set(bins.length_s // 3600) <= {23, 24, 25}


def test_a_year_of_legal_days_is_8760_hours() -> None:
    bins = days(at("2025-01-01"), at("2026-01-01"), AMSTERDAM, "day_utc1")
    assert len(bins) == 365
    assert set(bins.length_s) == {86_400}
    assert bins.index[0] == pd.Timestamp("2024-12-31T23:00Z")
    assert (bins.index.tz_convert(UTC1).hour == 0).all()


def test_each_civil_day_holds_the_start_of_one_legal_day() -> None:
    civil = civil_days(at("2025-01-01"), at("2026-01-01"), AMSTERDAM)
    edges = [pd.Timestamp(edge, tz="UTC") for edge in civil.edges_ns]
    counts = {len(days(a, b, AMSTERDAM, "day_utc1")) for a, b in pairwise(edges)}
    assert counts == {1}


def test_days_refuse_unknown_periods() -> None:
    with pytest.raises(DataError, match="week"):
        days(at("2025-01-01"), at("2025-01-02"), AMSTERDAM, "week")


def test_months_and_years() -> None:
    months = civil_months(at("2024-01-01"), at("2025-01-01"), AMSTERDAM)
    hours_of = (months.length_s // 3600).tolist()
    assert hours_of == [744, 696, 743, 720, 744, 720, 744, 744, 720, 745, 720, 744]
    assert (
        civil_years(at("2024-01-01"), at("2025-01-01"), AMSTERDAM).length_s == 8784 * 3600
    ).all()
    assert len(civil_years(at("2024-01-02"), at("2024-12-31"), AMSTERDAM)) == 0


def test_locate_is_half_open() -> None:
    bins = every(pd.Timestamp(0, tz="UTC"), pd.Timestamp(2 * HOUR, tz="UTC"), 3600)
    times = np.array([-1, 0, HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR])
    assert bins.locate(times).tolist() == [-1, 0, 0, 1, 1, -1]


@pytest.mark.parametrize("zone", [AMSTERDAM, "Asia/Kathmandu", UTC1])
def test_locate_of_many_times_equals_that_of_each(zone: str) -> None:
    """Many times are looked up by whole grains, few are searched: on borders and beside them."""
    start, end = at("2025-10-24", zone), at("2025-10-29", zone)
    for bins in (hours(start, end), parts_of_days(start, end, zone, [(0, 7), (23, 24)])):
        borders = np.concatenate([bins.edges_ns, bins.edges_ns + 1, bins.edges_ns - 1])
        spread = np.arange(start.value - 2 * HOUR, end.value + 2 * HOUR, HOUR // 7)
        times = np.concatenate([borders, spread])
        alone = [int(bins.locate(times[[place]])[0]) for place in range(len(times))]
        assert bins.locate(times).tolist() == alone


def test_locate_without_bins() -> None:
    bins = hours(at("2025-01-01"), at("2025-01-01"))
    assert len(bins) == 0
    assert bins.locate(np.array([0, 5])).tolist() == [-1, -1]
    assert civil_days(at("2025-01-01T10:00"), at("2025-01-01T11:00"), AMSTERDAM).span_ns == (0, 0)


@pytest.mark.parametrize(
    ("date", "spans", "length"),
    [
        ("2025-03-29", [(23, 31)], 7),
        ("2025-03-30", [(0, 7), (23, 24)], 7),
        ("2025-10-25", [(23, 31)], 9),
        ("2025-10-26", [(0, 7), (23, 24)], 9),
        ("2025-10-26", [(7, 19)], 12),
        ("2025-06-01", [(0, 24)], 24),
    ],
)
def test_parts_of_days_follow_the_local_clock(date: str, spans: list, length: int) -> None:
    bins = parts_of_days(at(date), at(date) + pd.DateOffset(days=1), AMSTERDAM, spans)
    assert (bins.length_s // 3600).tolist() == [length]
    assert bins.index.tolist() == [at(date)]


def test_parts_of_consecutive_days_tile_them() -> None:
    """Every hour of a fortnight with a clock change lies in exactly one period."""
    start, end = at("2025-10-20"), at("2025-11-03")
    spans = ([(7, 19)], [(19, 23)], [(0, 7), (23, 24)])
    parts = [parts_of_days(start, end, AMSTERDAM, span) for span in spans]
    times = hours(start, end).start_ns
    places = np.stack([part.locate(times) for part in parts])
    assert ((places >= 0).sum(axis=0) == 1).all()
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(AMSTERDAM)
    day = (local.tz_localize(None).normalize() - pd.Timestamp("2025-10-20")).days
    assert (places.max(axis=0) == day).all()


def test_parts_of_days_shift_into_the_hour_that_exists() -> None:
    skipped = parts_of_days(
        at("2025-03-30"), at("2025-03-31"), AMSTERDAM, [(2, 4)]
    )  # 02:00 to 03:00 does not exist
    assert (skipped.length_s // 3600).tolist() == [1]
    assert pd.Timestamp(skipped.edges_ns[0], tz="UTC") == pd.Timestamp("2025-03-30T01:00Z")


def test_parts_within_pools_days_into_longer_bins() -> None:
    months = civil_months(at("2025-03-01"), at("2025-05-01"), AMSTERDAM)
    nights = parts_within(months, AMSTERDAM, [(0, 7), (23, 24)])
    assert (nights.length_s // 3600).tolist() == [31 * 8 - 1, 30 * 8]
    times = hours(at("2025-03-01"), at("2025-05-01")).start_ns
    assert np.bincount(nights.locate(times) + 1)[1:].tolist() == [247, 240]
