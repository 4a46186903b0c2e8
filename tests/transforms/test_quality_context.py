"""Tests against season, past hours, neighbours and the device's own state."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ioos_qc.qartod import attenuated_signal_test, climatology_test
from shared_data import london, noise

from livinglab.errors import DataError
from transforms.frames import empty_panel, to_panel
from transforms.quality import Season, StateLimit, Thresholds, flag, gaps

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
NAN = float("nan")


def flags_of(test: str, panel: pd.DataFrame, row: Thresholds, **more: object) -> list[int]:
    return flag(panel, dict.fromkeys(panel["series"].unique(), row), **more)[test].tolist()


def test_climatology_by_month_matches_ioos_qc() -> None:
    """Measured ozone of two years, spans by quarter; UTC months in both."""
    values = london()["o3_ppb"]
    members = [(1, 3, (0, 20), (0, 30)), (4, 6, (2, 40), None), (7, 9, (1, 50), (0, 60))]
    seasons = tuple(
        Season(months=(first, last), suspect=suspect, fail=fail)
        for first, last, suspect, fail in members
    )
    config = [
        {"tspan": (first, last), "vspan": suspect, "fspan": fail, "period": "month"}
        for first, last, suspect, fail in members
    ]
    naive = values.index.tz_localize(None)
    theirs = climatology_test(config, values.to_numpy(), naive, np.full(len(values), NAN))
    panel = to_panel(values.index, "o3", values.to_numpy())
    ours = flags_of("climatology", panel, Thresholds(step_s=3600, climatology=seasons))
    present = values.notna().to_numpy()
    np.testing.assert_array_equal(np.asarray(ours)[present], theirs.filled(2)[present])
    assert set(ours) == {1, 2, 3, 4, 9}
    # A missing value in a season: ioos_qc 3.0.0 calls it good; here it is missing.
    assert set(theirs.filled(2)[~present]) == {1}
    assert set(np.asarray(ours)[~present]) == {9}


def test_climatology_by_month_and_hour_wraps_around() -> None:
    winter_night = Season(months=(11, 2), hours=(22, 4), suspect=(0, 10))
    stamps = ["2025-01-01T22:00", "2025-01-01T03:59", "2025-01-01T04:00", "2025-03-01T23:00"]
    panel = to_panel(pd.to_datetime(sorted(stamps), utc=True), "s", [11.0, 11.0, 5.0, 11.0])
    row = Thresholds(step_s=3600, climatology=(winter_night,))
    assert flags_of("climatology", panel, row) == [3, 2, 1, 2]


def test_climatology_later_season_counts() -> None:
    seasons = (Season(suspect=(0, 10)), Season(suspect=(0, 50), hours=(12, 24)))
    panel = to_panel([0, 12 * HOUR], "s", [20.0, 20.0])
    assert flags_of("climatology", panel, Thresholds(step_s=3600, climatology=seasons)) == [3, 1]


def test_attenuated_equals_ioos_qc_at_the_end_of_each_hour() -> None:
    """At the last value of an hour both windows are the same; in between ours is that of the hour.

    ioos_qc's window ends with each value and is summed over the whole series; see the docstring.
    """
    levels = noise("laeq_1min_20250321_27").iloc[:2880]
    rows = {"attenuated_suspect": 3.0, "attenuated_fail": 2.5, "attenuated_period_s": 6 * 3600}
    panel = to_panel(levels.index.tz_localize("UTC"), "s", levels.to_numpy())
    ours = np.asarray(flags_of("attenuated", panel, Thresholds(step_s=60, **rows)))
    theirs = attenuated_signal_test(
        levels.to_numpy(), levels.index, 3.0, 2.5, test_period=6 * 3600, min_obs=180
    )
    last = (levels.index.minute == 59) & (np.arange(len(levels)) >= 359)
    np.testing.assert_array_equal(ours[last], np.asarray(theirs)[last])
    assert set(ours[last]) == {1, 3, 4}
    by_hour = ours.reshape(-1, 60)
    assert (by_hour == by_hour[:, -1:]).all(), "an hour has one verdict"


def test_attenuated_needs_half_of_its_values() -> None:
    row = Thresholds(step_s=600, attenuated_period_s=7200, attenuated_suspect=1.0)
    times = HOUR * 100 + 10 * MINUTE * np.arange(6)
    assert flags_of("attenuated", to_panel(times, "s", np.ones(6)), row) == [3] * 6
    assert flags_of("attenuated", to_panel(times[:5], "s", np.ones(5)), row) == [2] * 5


def sites(values: dict[str, list[float]]) -> pd.DataFrame:
    return pd.concat(
        [to_panel(HOUR * np.arange(len(v)), name, v) for name, v in sorted(values.items())]
    )


GROUP = {"step_s": 3600, "neighbour_group": "no2", "neighbour_distance": 10.0}


def test_neighbour_flags_the_site_that_stands_out() -> None:
    panel = sites({"a": [20.0, 20.0], "b": [22.0, 22.0], "c": [21.0, 60.0], "d": [23.0, NAN]})
    table = flag(panel, dict.fromkeys("abcd", Thresholds(**GROUP)))
    by_site = table.groupby("series")["neighbour"].apply(list).to_dict()
    # In the second hour only two neighbours are left: nobody can be judged.
    assert by_site == {"a": [1, 2], "b": [1, 2], "c": [1, 2], "d": [1, 9]}
    panel = sites({"a": [20.0], "b": [22.0], "c": [60.0], "d": [23.0]})
    table = flag(panel, dict.fromkeys("abcd", Thresholds(**GROUP)))
    assert table["neighbour"].tolist() == [1, 1, 3, 1]
    assert table["flag"].tolist() == [1, 1, 3, 1]


def test_neighbour_does_not_listen_to_failed_values() -> None:
    panel = sites({"a": [20.0], "b": [900.0], "c": [900.0], "d": [900.0], "e": [21.0]})
    row = Thresholds(**GROUP, gross_fail=(0, 500))
    table = flag(panel, dict.fromkeys("abcde", row))
    assert table["neighbour"].tolist() == [2, 2, 2, 2, 2]
    assert table["flag"].tolist() == [1, 4, 4, 4, 1]


def test_neighbour_takes_the_larger_of_both_allowances_and_the_bias() -> None:
    panel = sites({"a": [100.0], "b": [100.0], "c": [100.0], "d": [140.0]})
    rows = dict.fromkeys("abc", Thresholds(**GROUP))
    assert flag(panel, {**rows, "d": Thresholds(**GROUP)})["neighbour"].tolist()[-1] == 3
    share = Thresholds(**GROUP, neighbour_share=0.5)
    assert flag(panel, {**rows, "d": share})["neighbour"].tolist()[-1] == 1
    known = Thresholds(**GROUP, neighbour_bias=35.0)
    assert flag(panel, {**rows, "d": known})["neighbour"].tolist()[-1] == 1


def test_neighbour_does_not_mix_groups_or_depend_on_names() -> None:
    rng = np.random.default_rng(4)
    values = {name: rng.normal(20, 6, 50).tolist() for name in "abcdefgh"}
    rows = {
        name: Thresholds(**{**GROUP, "neighbour_group": "one" if name in "abcd" else "two"})
        for name in values
    }
    table = flag(sites(values), rows)
    alone = flag(sites({name: values[name] for name in "abcd"}), {n: rows[n] for n in "abcd"})
    pd.testing.assert_frame_equal(table[table["series"].isin(list("abcd"))], alone)
    renamed = {f"z{name}" if name == "a" else name: v for name, v in values.items()}
    other = flag(sites(renamed), {f"z{n}" if n == "a" else n: row for n, row in rows.items()})
    expected = table[table["series"] == "a"]["neighbour"].tolist()
    assert other[other["series"] == "za"]["neighbour"].tolist() == expected
    assert 3 in expected


def test_timing_objects_to_readings_that_come_too_close() -> None:
    panel = to_panel([0, 600 * 10**9, 700 * 10**9, 1300 * 10**9], "s", [1.0] * 4)
    row = Thresholds(step_s=600, timing_least_s=300)
    assert flags_of("timing", panel, row) == [2, 2, 3, 2]
    assert flags_of("flag", panel, row) == [2, 2, 3, 2], "a good stamp makes no value good"


def test_device_state_warms_up_after_silence() -> None:
    minutes = [0, 10, 20, 30, 100, 110, 120, 130]
    panel = to_panel([minute * MINUTE for minute in minutes], "s", [1.0] * 8)
    row = Thresholds(step_s=600, warm_up_s=1200, warm_up_gap_s=3600)
    assert flags_of("device_state", panel, row) == [3, 3, 2, 2, 3, 3, 2, 2]
    longer = Thresholds(step_s=600, warm_up_s=1200, warm_up_gap_s=4200)
    assert flags_of("device_state", panel, longer) == [3, 3, 2, 2, 2, 2, 2, 2]


def test_device_state_limits_use_the_latest_state_of_the_hour() -> None:
    panel = to_panel(HOUR * np.arange(5), "s", [1.0] * 5)
    state = to_panel([0, HOUR, 3 * HOUR], "s", [60.0, 99.0, 100.1], "relative_humidity")
    limit = StateLimit(quantity="relative_humidity", high=95)
    row = Thresholds(step_s=3600, state_limits=(limit,))
    assert flags_of("device_state", panel, row, state=state) == [2, 3, 3, 3, 3]
    assert flags_of("device_state", panel, row) == [2] * 5, "what is not known objects to nothing"


def test_gaps_are_outages_between_values() -> None:
    panel = to_panel(MINUTE * np.array([0, 1, 2, 10, 11]), "s", [1.0, 2.0, NAN, 4.0, 5.0])
    table = gaps(panel, {"s": Thresholds(step_s=60)})
    assert table["start"].tolist() == [pd.Timestamp(MINUTE, tz="UTC")]
    assert table["end"].tolist() == [pd.Timestamp(10 * MINUTE, tz="UTC")]
    assert table["missing"].tolist() == [8]
    assert len(gaps(empty_panel(), {})) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Season(suspect=(0, 5), fail=(1, 5)),
        lambda: Season(suspect=(0, 5), months=(0, 5)),
        lambda: Season(suspect=(0, 5), hours=(5, 5)),
        lambda: Thresholds(step_s=60, attenuated_suspect=1.0),
        lambda: Thresholds(step_s=60, attenuated_period_s=5000, attenuated_suspect=1.0),
        lambda: Thresholds(
            step_s=60, attenuated_period_s=3600, attenuated_suspect=1.0, attenuated_fail=2.0
        ),
        lambda: Thresholds(step_s=60, neighbour_group="x"),
        lambda: Thresholds(**{**GROUP, "neighbour_least": 1}),
        lambda: Thresholds(step_s=60, warm_up_s=0),
    ],
)
def test_thresholds_refuse_what_cannot_be_meant(make: object) -> None:
    with pytest.raises(DataError):
        make()
