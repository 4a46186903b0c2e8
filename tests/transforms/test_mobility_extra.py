"""Annual averages, modes, parking, charging and travel times on worked cases and recorded data."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_mobility_water import MOBILITY, charging_sessions, fremont, quantities_panel

from livinglab.errors import DataError
from transforms.calendar_nl import is_workday, public_holidays, traffic_holidays
from transforms.frames import to_panel
from transforms.modes import car_equivalents, modal_share, publishable, shares
from transforms.occupancy import charging_use, occupancy, occupied_share
from transforms.traffic_years import (
    aadt,
    aadt_from_short_count,
    monthly_average,
    peak_hours,
    weekdagetmaal,
    werkdagetmaal,
)
from transforms.travel_time import travel_time, without_outliers

YEAR = pd.date_range("2026-01-01", "2026-12-31")
WEEKDAY_LOAD = pd.Series([100, 110, 120, 110, 100, 50, 40.0])


def year_of_days() -> pd.Series:
    return pd.Series(WEEKDAY_LOAD.to_numpy()[YEAR.day_of_week], index=YEAR)


def test_aadt_does_not_notice_missing_sundays_of_full_cells() -> None:
    days = year_of_days()
    days[(days.index.day_of_week == 6) & (days.index.day > 7)] = np.nan
    assert aadt(days).value == pytest.approx(WEEKDAY_LOAD.mean())
    assert days.mean() > WEEKDAY_LOAD.mean() + 4, "the simple mean does"


def test_aadt_is_missing_without_the_saturdays_of_a_month() -> None:
    days = year_of_days()
    days[(days.index.month == 8) & (days.index.day_of_week == 5)] = np.nan
    found = aadt(days)
    assert np.isnan(found.value)
    assert found.cells == 83
    assert np.isnan(monthly_average(days)[8])
    assert monthly_average(days).drop(8).notna().all()


def test_aadt_refuses_two_years() -> None:
    with pytest.raises(DataError, match="more than one calendar year"):
        aadt(pd.Series(1.0, index=pd.date_range("2025-12-31", periods=2)))


def test_werkdagetmaal_leaves_dutch_holidays_out() -> None:
    days = year_of_days()
    days[[pd.Timestamp(day) for day in traffic_holidays([2026])]] = 5.0
    workdays = werkdagetmaal(days)
    assert workdays.value == pytest.approx(108, abs=0.5)
    assert werkdagetmaal(days, dutch_holidays=False).value < workdays.value - 2
    school = werkdagetmaal(days, school_holidays=[(date(2026, 7, 18), date(2026, 8, 30))])
    assert school.n_days < workdays.n_days - 25


def test_weekdagetmaal_weighs_the_seven_days_alike() -> None:
    days = year_of_days().iloc[:9]
    assert weekdagetmaal(days).value == pytest.approx(WEEKDAY_LOAD.mean())
    assert np.isnan(weekdagetmaal(days.iloc[:6]).value)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2025, 4, 26), "Koningsdag"),  # 27 April 2025 is a Sunday
        (date(2026, 4, 27), "Koningsdag"),
        (date(2026, 4, 3), "Goede vrijdag"),
        (date(2026, 5, 14), "Hemelvaartsdag"),
        (date(2026, 5, 25), "Tweede pinksterdag"),
        (date(2025, 5, 5), "Bevrijdingsdag"),
    ],
)
def test_public_holidays_of_known_years(day: date, name: str) -> None:
    assert public_holidays([day.year])[day] == name


def test_is_workday_knows_the_days_between() -> None:
    days = pd.DatetimeIndex(["2026-05-04", "2026-05-05", "2026-12-24", "2026-12-31", "2027-01-01"])
    assert is_workday(days).tolist() == [True, False, True, False, False]


def test_peak_hours_of_the_bicycle_counter_are_the_commute() -> None:
    counts = fremont().iloc[:, 1].dropna()
    workdays = counts[counts.index.day_of_week < 5]
    peak = peak_hours(workdays)
    assert peak["hour"] == 17
    assert 0.1 < peak["share"] < 0.25
    assert peak["mean_16_18"] > peak["mean_07_09"] / 2


def test_aadt_from_short_count_needs_a_weekend() -> None:
    week = pd.date_range("2026-03-02", periods=5)
    found, _ = aadt_from_short_count(
        pd.Series(1.0, index=week), pd.Series(1.0, index=week), 9.0, least_days=5
    )
    assert np.isnan(found.value)


def test_shares_match_the_pedestrian_and_bicycle_counter() -> None:
    table = pd.read_csv(MOBILITY / "seattle_burke_gilman_ped_bike_hourly_2019-03-13_30.csv")
    counts = {
        "count_pedestrian": table["Ped South"] + table["Ped North"],
        "count_bike": table["Bike North"] + table["Bike South"],
    }
    found = shares({mode: float(series.sum()) for mode, series in counts.items()})
    assert found == pytest.approx({"count_pedestrian": 0.2596, "count_bike": 0.7404}, abs=5e-5)
    start = pd.Timestamp("2019-03-13", tz="America/Los_Angeles")
    times = pd.date_range(start, periods=len(table), freq="1h")
    panel = quantities_panel("trail", times, counts)
    table = modal_share(
        panel,
        start=start,
        end=start + pd.DateOffset(days=18),
        zone="America/Los_Angeles",
        steps={"trail": 3600},
        mode="count_bike",
        modes=list(counts),
    )
    bikes = counts["count_bike"].to_numpy().reshape(18, 24).sum(axis=1)
    whole = bikes + counts["count_pedestrian"].to_numpy().reshape(18, 24).sum(axis=1)
    assert table["value"].to_numpy() == pytest.approx(bikes / whole)


def test_modal_share_uses_only_intervals_with_every_mode() -> None:
    times = pd.date_range("2026-03-01T10:00Z", periods=4, freq="15min")
    panel = quantities_panel(
        "a", times, {"count_car": [3, 3, np.nan, 3], "count_bike": [1, 1, 100, 1]}
    )
    arguments: dict[str, Any] = {
        "start": times[0],
        "end": times[0] + pd.Timedelta(hours=1),
        "zone": "UTC",
        "steps": {"a": 900},
        "modes": ["count_car", "count_bike"],
        "period": "hour",
    }
    table = modal_share(panel, **arguments)
    assert (table["value"].iloc[0], table["n"].iloc[0]) == (0.25, 3)
    assert modal_share(panel, **arguments, coverage=1.0)["value"].isna().all()
    with pytest.raises(DataError, match="not among the modes"):
        modal_share(panel, **arguments, mode="count_heavy")


def test_car_equivalents_refuse_a_mode_without_factor() -> None:
    with pytest.raises(DataError, match="no pae factor for bike"):
        car_equivalents({"bike": 1.0}, {"car": 1.0})


def test_publishable_withholds_small_cells_but_not_zero() -> None:
    assert publishable(pd.Series([0.0, 1.0, 4.0])).fillna(-1).tolist() == [0.0, -1.0, -1.0]


def space(states: list[float], minutes: list[int], name: str = "s") -> pd.DataFrame:
    start = pd.Timestamp("2026-03-01T08:00Z")
    return to_panel([start + pd.Timedelta(minutes=m) for m in minutes], name, states)


def period(hours: float) -> dict[str, Any]:
    start = pd.Timestamp("2026-03-01T08:00Z")
    return {"start": start, "end": start + pd.Timedelta(hours=hours), "heartbeat_s": 7200}


def test_occupancy_weighs_states_by_their_duration() -> None:
    panel = space([0.0, 1.0, 1.0, 1.0, 0.0], [0, 30, 35, 40, 90])
    use = occupancy(panel, **period(2))
    assert use.mean == pytest.approx(0.5), "three messages in a row are one stay"
    assert (use.arrivals, use.known, use.peak) == (1, 1.0, 1.0)
    assert use.mean_stay_h == pytest.approx(1.0)
    assert use.turnover == pytest.approx(12.0)


def test_occupancy_after_the_heartbeat_is_unknown_not_free() -> None:
    use = occupancy(space([1.0], [0]), **period(8))
    assert use.mean == 1.0
    assert use.known == pytest.approx(0.25)


def test_occupancy_starts_with_the_state_before_the_period() -> None:
    use = occupancy(space([1.0, 0.0], [-60, 30]), **period(1))
    assert use.mean == pytest.approx(0.5)
    assert use.arrivals == 0


def test_occupancy_keeps_spaces_apart() -> None:
    both = pd.concat([space([1.0, 1.0], [0, 60], "a"), space([0.0, 0.0], [0, 60], "b")])
    use = occupancy(both, **period(2))
    assert (use.mean, use.known, use.arrivals) == (0.5, 1.0, 0)


def test_occupancy_of_the_spaces_that_speak_stands_for_all() -> None:
    """Domain 4.6: occupied / spaces with a valid state at each moment, then a mean over time."""
    both = pd.concat([space([1.0], [0], "a"), space([0.0, np.nan], [0, 60], "b")])
    use = occupancy(both, **period(2))
    assert use.mean == pytest.approx((0.5 + 1.0) / 2), "not 2 of 3 hours of known space"
    assert (use.known, use.peak) == (0.75, 1.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spaces=st.integers(1, 4))
def test_occupancy_equals_a_count_of_every_minute(seed: int, spaces: int) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(spaces):
        minutes = np.unique(rng.integers(-60, 120, 6))
        states = rng.choice([0.0, 1.0, np.nan], len(minutes), p=[0.45, 0.45, 0.1])
        parts.append(space(states.tolist(), minutes.tolist(), f"space {number}"))
    given_period = {**period(2), "heartbeat_s": 2700}
    use = occupancy(pd.concat(parts), **given_period)
    shares = []
    for minute in pd.date_range(given_period["start"], periods=120, freq="min"):
        before = [part[part.index <= minute].iloc[-1:] for part in parts]
        fresh = [part for part in before if len(part) and (minute - part.index[0]).seconds < 2700]
        states = [part["value"].iloc[0] for part in fresh]
        known = [state for state in states if state == state]  # noqa: PLR0124 - not NaN
        shares.append(sum(known) / len(known) if known else np.nan)
    minutes = pd.Series(shares)
    assert use.mean == pytest.approx(minutes.mean(), nan_ok=True)
    quarters = minutes.groupby(minutes.index // 15).mean()
    assert use.peak == pytest.approx(quarters.max(), nan_ok=True)


def test_occupancy_refuses_other_states() -> None:
    with pytest.raises(DataError, match="other than 0 and 1"):
        occupancy(space([2.0], [0]), **period(1))


def test_occupied_share_refuses_more_free_spaces_than_there_are() -> None:
    with pytest.raises(DataError, match="free spaces outside"):
        occupied_share(pd.Series([493.0]), 166)


def test_charging_use_of_the_recorded_sessions() -> None:
    """73 connectors, eight weeks; energy without attempts and broken rows."""
    table = charging_sessions()
    start, end = pd.Timestamp("2019-03-04"), pd.Timestamp("2019-04-29")
    use = charging_use(table, sockets=73, start=start, end=end)
    assert 4850 < use.sessions < 5000
    assert use.sessions + use.attempts + 12 + 4 + 1 == len(table)
    assert 55928.225 - 100 < use.kwh_per_socket_day * 73 * 56 < 55928.225
    assert 0 < use.connected_share < 0.5


def test_travel_time_matches_worked_vector() -> None:
    times = travel_time([300, 310, 320, 330, 420], drop_outliers=False)
    assert times.p95 == pytest.approx(402)
    assert times.buffer_index == pytest.approx(0.196429, abs=5e-7)


def test_travel_time_drops_stops_and_counts_them() -> None:
    times = travel_time([300, 305, 310, 315, 320, 325, 3600])
    assert (times.n, times.dropped) == (6, 1)
    assert times.planning_time_index == pytest.approx(times.p95 / np.percentile(
        [300, 305, 310, 315, 320, 325], 15))  # fmt: skip
    assert without_outliers([]).tolist() == []
    assert without_outliers([5.0, 5.0, 9.0]).tolist() == [5.0, 5.0, 9.0]
