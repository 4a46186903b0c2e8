"""Parking places and running meters over civil days, against counts of every minute and hour."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livinglab.errors import DataError
from transforms.charging import charging_share, idle_share
from transforms.frames import empty_panel, to_panel
from transforms.meters import daily_use
from transforms.parking import occupied_share, peak_occupancy, turnover

ZONE = "Europe/Amsterdam"
#: Days around both clock changes.
FIRST = ("2025-03-29", "2025-10-25")


def days(first: str, count: int = 3) -> list[pd.Timestamp]:
    start = pd.Timestamp(first, tz=ZONE)
    return [start + pd.DateOffset(days=number) for number in range(count + 1)]


def rows(edges: list[pd.Timestamp], step_s: int) -> dict[str, Any]:
    return {"start": edges[0], "end": edges[-1], "zone": ZONE,
            "steps": {"a": step_s, "silent": step_s}}  # fmt: skip


def places(rng: np.random.Generator, first: pd.Timestamp) -> pd.DataFrame:
    """Messages of one place at whole minutes, with silences and unknown states."""
    minutes = np.cumsum(rng.integers(1, 90, 140)) - 120
    states = rng.choice([0.0, 1.0, np.nan], len(minutes), p=[0.48, 0.48, 0.04])
    return to_panel(first + pd.to_timedelta(minutes, unit="min"), "a", states)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), first=st.sampled_from(FIRST))
def test_occupied_share_equals_a_count_of_every_minute(seed: int, first: str) -> None:
    edges = days(first)
    panel = places(np.random.default_rng(seed), edges[0])
    table = occupied_share(panel, **rows(edges, 1800), coverage=0.0, heartbeats=2.0)
    ours = table[table["series"] == "a"]
    minutes = pd.date_range(edges[0], edges[-1], freq="min", inclusive="left")
    place = panel.index.searchsorted(minutes.tz_convert("UTC"), side="right") - 1
    age = (minutes - panel.index[place]) < pd.Timedelta(hours=1)
    states = np.where((place >= 0) & age, panel["value"].to_numpy()[place], np.nan)
    by_day = pd.Series(states).groupby(minutes.tz_localize(None).floor("D"))
    np.testing.assert_allclose(ours["value"], by_day.mean(), atol=1e-12)
    assert ours["n"].tolist() == by_day.count().tolist()
    lengths = [(end - start) / pd.Timedelta(minutes=1) for start, end in pairwise(edges)]
    np.testing.assert_allclose(ours["coverage"], by_day.count() / lengths)
    arrivals = turnover(panel, **rows(edges, 1800), coverage=0.0)["value"].dropna()
    changes = pd.Series(panel["value"].to_numpy(), panel.index).diff() == 1
    assert (
        arrivals.sum() == changes[(changes.index >= edges[0]) & (changes.index < edges[-1])].sum()
    )


def test_occupied_share_day_by_day_gives_the_same_bytes() -> None:
    edges = days("2025-10-25")
    panel = places(np.random.default_rng(8), edges[0] + pd.Timedelta("7.3ms"))
    whole = occupied_share(panel, **rows(edges, 1800))
    parts = [occupied_share(panel[panel.index < end], **rows([start, end], 1800))
             for start, end in pairwise(edges)]  # fmt: skip
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)


def area_of(seed: int, first: pd.Timestamp) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = [places(rng, first).assign(series=f"square|{name}|0") for name in "abc"]
    return pd.concat(parts)


def squares(edges: list[pd.Timestamp], step_s: int) -> dict[str, Any]:
    names = [f"square|{name}|0" for name in "abc"]
    return {**rows(edges, step_s), "steps": {**dict.fromkeys(names, step_s), "x|silent|0": step_s}}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), first=st.sampled_from(FIRST))
def test_peak_occupancy_equals_a_count_of_every_minute(seed: int, first: str) -> None:
    edges = days(first)
    panel = area_of(seed, edges[0])
    table = peak_occupancy(panel, **squares(edges, 1800), coverage=0.0, heartbeats=2.0)
    minutes = pd.date_range(edges[0], edges[-1], freq="min", inclusive="left")
    states = []
    for name in "abc":
        here = panel[panel["series"] == f"square|{name}|0"]
        at = here.index.searchsorted(minutes.tz_convert("UTC"), side="right") - 1
        fresh = (at >= 0) & ((minutes - here.index[at]) < pd.Timedelta(hours=1))
        states.append(np.where(fresh, here["value"].to_numpy()[at], np.nan))
    with np.errstate(invalid="ignore"):
        known = (~np.isnan(states)).sum(axis=0)
        share = pd.Series(np.nansum(states, axis=0) / np.where(known, known, np.nan), minutes)
    quarters = share.groupby(minutes.tz_convert("UTC").floor("15min")).mean()
    expected = quarters.groupby(quarters.index.tz_convert(ZONE).floor("D", ambiguous=True)).max()
    for name in "abc":
        ours = table[table["series"] == f"square|{name}|0"]["value"]
        assert ours.dropna().size
        held = ours.notna().to_numpy()
        np.testing.assert_allclose(ours[held], expected.to_numpy()[held], atol=1e-9)
    assert table[table["series"] == "x|silent|0"]["value"].isna().all()


def test_peak_occupancy_day_by_day_gives_the_same_bytes() -> None:
    edges = days("2025-10-25")
    panel = area_of(3, edges[0] + pd.Timedelta("7.3ms"))
    whole = peak_occupancy(panel, **squares(edges, 1800))
    parts = [peak_occupancy(panel[panel.index < end], **squares([start, end], 1800))
             for start, end in pairwise(edges)]  # fmt: skip
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    assert peak_occupancy(empty_panel(), **squares(edges, 1800))["value"].isna().all()


def test_place_that_is_silent_is_neither_free_nor_taken() -> None:
    edges = days("2025-06-01", 1)
    table = occupied_share(empty_panel(), **rows(edges, 1800))
    assert table["status"].tolist() == ["insufficient", "insufficient"]
    assert table["value"].isna().all()
    assert turnover(empty_panel(), **rows(edges, 1800))["value"].isna().all()
    with pytest.raises(DataError, match="a: states other than 0 and 1"):
        occupied_share(to_panel([edges[0]], "a", [3.0]), **rows(edges, 1800))
    with pytest.raises(DataError, match="unknown period"):
        occupied_share(empty_panel(), **rows(edges, 1800), period="week")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), first=st.sampled_from(FIRST))
def test_daily_use_of_a_gappy_meter_is_exact_or_unknown(seed: int, first: str) -> None:
    """Gaps within a day lose nothing; a day with a gap over one of its midnights has no sum."""
    rng = np.random.default_rng(seed)
    edges = days(first)
    times = pd.date_range(edges[0] - pd.Timedelta(hours=2), edges[-1], freq="h")
    used = rng.integers(0, 50, len(times)) / 10
    meter = 1000 + np.concatenate(([0.0], np.cumsum(used)[:-1]))
    keep = rng.random(len(times)) > 0.05
    panel = to_panel(times[keep], "a", meter[keep])
    table = daily_use(panel, **rows(edges, 3600))
    ours = table[table["series"] == "a"]["value"].to_numpy()
    here = dict(zip(times, keep, strict=True))
    for number, (start, end) in enumerate(pairwise(edges)):
        whole = used[(times >= start) & (times < end)].sum()
        if here[start] and here[end]:
            assert ours[number] == pytest.approx(whole, abs=1e-9)
        else:
            assert np.isnan(ours[number])
    assert table[table["series"] == "silent"]["value"].isna().all()


def test_daily_use_after_a_reset_counts_what_the_meter_shows() -> None:
    edges = days("2025-06-01", 1)
    times = pd.date_range(edges[0], edges[1], freq="6h")
    table = daily_use(to_panel(times, "a", [100.0, 103.0, 1.0, 2.5, 4.0]), **rows(edges, 21_600))
    assert table["value"].tolist()[0] == pytest.approx(3 + 1 + 1.5 + 1.5)
    assert daily_use(empty_panel(), **rows(edges, 21_600))["status"].tolist() == 2 * [
        "insufficient"
    ]


def sockets(edges: list[pd.Timestamp], seed: int) -> pd.DataFrame:
    """States and powers of a socket every ten minutes, some of them missing."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(edges[0], edges[-1], freq="10min", inclusive="left")
    on = rng.choice([0.0, 1.0], len(times))
    power = np.where(rng.random(len(times)) < 0.5, 7400.0, 20.0) * on
    parts = []
    for name, value in (("socket_connected", on), ("socket_power", power)):
        keep = rng.random(len(times)) < 0.95
        parts.append(to_panel(times[keep], "a", value[keep], name))
    return pd.concat(parts)


def test_idle_share_rests_on_intervals_of_which_both_are_known() -> None:
    edges = days("2025-10-25")
    panel = sockets(edges, 5)
    table = idle_share(panel, **rows(edges, 600))
    wide = panel.pivot_table(index=panel.index, columns="quantity", values="value").dropna()
    connected = wide[wide["socket_connected"] == 1]
    idle = (connected["socket_power"] <= 100).groupby(connected.index.tz_convert(ZONE).normalize())
    ours = table[table["series"] == "a"]
    np.testing.assert_allclose(ours["value"], idle.mean(), atol=1e-12)
    assert ours["n"].sum() == len(wide)
    parts = [idle_share(panel[(panel.index >= start) & (panel.index < end)],
                        **rows([start, end], 600)) for start, end in pairwise(edges)]  # fmt: skip
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    pd.testing.assert_frame_equal(joined, table, check_exact=True)


def test_socket_that_nobody_used_has_no_idle_share() -> None:
    edges = days("2025-06-01", 1)
    panel = sockets(edges, 5)
    never = panel.assign(value=0.0)
    table = idle_share(never, **rows(edges, 600))
    assert table["value"].isna().all()
    assert table["n"].tolist()[0] > 100
    power = never[never["quantity"] == "socket_power"][["series", "value"]]
    assert charging_share(power, **rows(edges, 600))["value"].tolist()[0] == 0.0
    with pytest.raises(DataError, match="socket_connected: states other than 0 and 1"):
        idle_share(panel.assign(value=0.5), **rows(edges, 600))
