"""Noise indicators against noisemonitor/numpy reference results and arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import noise_panel, oracle_csv, oracle_json

from livinglab.errors import DataError
from transforms.aggregate import binned
from transforms.frames import to_panel
from transforms.intervals import every
from transforms.noise import (
    laeq_hour,
    lday,
    lden,
    leq,
    level_exceeded,
    levening,
    lnight,
    pooled_levels,
    sound_exposure_level,
    weighted_level,
)

MINUTE_FILE = "laeq_1min_20250321_27"
SECOND_FILE = "laeq_1s_20250322_00_12"
AMSTERDAM = "Europe/Amsterdam"
TOLERANCE = 1e-4  # oracles/README.md, noise
#: The file's clock is local ("as_is"), or it is declared to be UTC and cut in Amsterdam.
CUTS = {"as_is": "UTC", "utc_to_ams": AMSTERDAM}


def span(panel: pd.DataFrame, zone: str) -> dict[str, Any]:
    """Civil days that hold the file, the one before included: its night reaches into the file."""
    first = panel.index[0].tz_convert(zone).normalize() - pd.DateOffset(days=1)
    last = panel.index[-1].tz_convert(zone).normalize() + pd.DateOffset(days=1)
    return {"start": first, "end": last, "zone": zone, "steps": {"laeq": 60}}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("night", ["following", "calendar"])
def test_periods_of_a_day_match_oracle(cut: str, night: str) -> None:
    panel = noise_panel(MINUTE_FILE)
    rows = {**span(panel, CUTS[cut]), "coverage": 0.0}
    levels = {
        "lday": lday(panel, **rows),
        "levening": levening(panel, **rows),
        "lnight": lnight(panel, **rows, night=night),
    }
    complete = lden(panel, **{**rows, "coverage": 1.0}, night=night)
    for expected in oracle_json("noise/laeq_1min.json")[cut][f"daily_{night}"]:
        day = pd.Timestamp(expected["date"], tz=CUTS[cut])
        for name, table in levels.items():
            row = table.loc[day]
            assert row["n"] == expected[f"n_{name[1:]}"]
            # Our periods need data in 75 % of their hours; the oracle takes any minute.
            if row["status"] == "valid":
                assert row["value"] == pytest.approx(expected[name], abs=TOLERANCE)
            else:
                assert row["n"] < 0.8 * levels_expected(expected, name)
        assert (complete.loc[day, "status"] == "valid") == expected["complete"]
        if expected["complete"]:
            assert complete.loc[day, "value"] == pytest.approx(expected["lden"], abs=TOLERANCE)


def levels_expected(expected: dict[str, Any], name: str) -> int:
    return {"lday": 720, "levening": 240, "lnight": expected["expected_night"]}[name]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("night", ["following", "calendar"])
def test_weighted_level_of_partial_days_matches_oracle(cut: str, night: str) -> None:
    days = oracle_json("noise/laeq_1min.json")[cut][f"daily_{night}"]
    table = pd.DataFrame(days).astype({"lday": float, "levening": float, "lnight": float})
    ours = weighted_level(table["lday"], table["levening"], table["lnight"])
    np.testing.assert_allclose(ours, table["lden"].astype(float), atol=2 * TOLERANCE)


@pytest.mark.parametrize("cut", CUTS)
def test_laeq24_matches_oracle(cut: str) -> None:
    panel = noise_panel(MINUTE_FILE)
    local = panel.index.tz_convert(CUTS[cut]).tz_localize(None).normalize()
    for expected in oracle_json("noise/laeq_1min.json")[cut]["daily_calendar"]:
        levels = panel["value"][local == pd.Timestamp(expected["date"])]
        assert leq(levels) == pytest.approx(expected["laeq24"], abs=TOLERANCE)


@pytest.mark.parametrize("cut", CUTS)
def test_pooled_levels_match_oracle(cut: str) -> None:
    panel = noise_panel(MINUTE_FILE)
    expected = oracle_json("noise/laeq_1min.json")[cut]["pooled"]
    ours = pooled_levels(panel, **span(panel, CUTS[cut])).loc["laeq"]
    assert ours["n"] == expected.pop("n")
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=TOLERANCE)


def test_pooled_levels_agree_with_noisemonitor() -> None:
    panel = noise_panel(MINUTE_FILE)
    second = oracle_json("noise/laeq_1min.json")["noisemonitor_1_0_4_as_is_rounded"]
    ours = pooled_levels(panel, **span(panel, "UTC")).loc["laeq"]
    assert {name: ours[name.lower()] for name in second} == pytest.approx(second, abs=0.01)


@pytest.mark.parametrize(("name", "step_s"), [("laeq_1min", 60), ("laeq_1s", 1)])
def test_hourly_levels_match_oracle(name: str, step_s: int) -> None:
    panel = noise_panel(MINUTE_FILE if step_s == 60 else SECOND_FILE)
    oracle = oracle_csv(f"noise/{name}_hourly.csv")
    time = pd.DatetimeIndex(pd.to_datetime(oracle["hour_start"], utc=True))
    rows = {"start": time[0], "end": time[-1] + pd.Timedelta(hours=1), "zone": "UTC"}
    rows |= {"steps": {"laeq": step_s}, "coverage": 0.0}
    tables = {
        "laeq": laeq_hour(panel, **rows),
        "l10": level_exceeded(panel, **rows, percent=10),
        "l50": level_exceeded(panel, **rows, percent=50),
        "l90": level_exceeded(panel, **rows, percent=90),
        "lmax": level_exceeded(panel, **rows, percent=0),
        "lmin": level_exceeded(panel, **rows, percent=100),
    }
    assert (tables["laeq"].index == time).all()
    for column, table in tables.items():
        np.testing.assert_allclose(table["value"], oracle[column], rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(table["n"], oracle["n"])


def test_minute_from_seconds_matches_the_owners_minute_file() -> None:
    oracle = oracle_json("noise/minute_from_seconds.json")
    seconds, minutes = noise_panel(SECOND_FILE), noise_panel(MINUTE_FILE)
    start, end = seconds.index[0], seconds.index[-1] + pd.Timedelta(seconds=1)
    ours = binned(seconds, every(start, end, 60), {"laeq": 1}, "energy_mean", 1.0)
    ours.index += pd.Timedelta(seconds=30)  # the owner stamps the centre of the minute
    published = minutes["value"].reindex(ours.index)
    assert len(ours) == oracle["n_minutes"]
    assert np.abs(ours["value"] - published).max() < 1e-6
    np.testing.assert_allclose(ours["value"][:5], oracle["first_five"], rtol=0, atol=1e-6)


def test_levels_match_arithmetic() -> None:
    case = oracle_json("analytic/cases.json")["noise"]
    assert float(weighted_level(*case["levels_day_evening_night"])) == pytest.approx(case["lden"])
    assert float(weighted_level(60, 60, 60)) == pytest.approx(case["constant_60_db_lden"], abs=1e-6)
    two = case["energy_mean_of_two"]
    assert leq(two["levels"]) == pytest.approx(two["leq"], abs=1e-6)
    weighted = case["duration_weighting"]
    assert leq(weighted["levels"], weighted["minutes"]) == pytest.approx(weighted["leq"], abs=1e-6)


def test_sound_exposure_level_of_an_event() -> None:
    assert sound_exposure_level(67.6814, 4.0) == pytest.approx(73.7020, abs=1e-4)  # domain 10.2


def constant(start: str, days: int, level: float = 60.0) -> dict[str, Any]:
    """A constant level at one-minute steps over whole civil days and the night after them."""
    first = pd.Timestamp(start, tz=AMSTERDAM)
    end = first + pd.DateOffset(days=days)
    times = pd.date_range(first, end + pd.Timedelta(hours=8), freq="min", inclusive="left")
    panel = to_panel(times, "a", np.full(len(times), level))
    return {"panel": panel, "start": first, "end": end, "zone": AMSTERDAM, "steps": {"a": 60}}


@pytest.mark.parametrize(
    ("day", "night", "hours"),
    [
        ("2025-03-29", "following", 7),  # the night into summer time
        ("2025-03-30", "calendar", 7),
        ("2025-03-30", "following", 8),
        ("2025-10-25", "following", 9),  # the night out of summer time
        ("2025-10-26", "calendar", 9),
        ("2025-10-25", "calendar", 8),
    ],
)
def test_lnight_has_the_hours_of_the_clock(day: str, night: str, hours: int) -> None:
    table = lnight(**constant(day, 1), night=night, coverage=1.0)
    assert table[["n", "coverage", "status"]].to_numpy().tolist() == [[60 * hours, 1.0, "valid"]]


@pytest.mark.parametrize("day", ["2025-03-29", "2025-03-30", "2025-10-25", "2025-10-26"])
def test_lden_of_a_constant_level_does_not_feel_the_clock_change(day: str) -> None:
    table = lden(**constant(day, 1), coverage=1.0)
    assert table["value"].tolist() == pytest.approx([66.395243], abs=1e-6)


def test_lden_is_insufficient_where_one_period_is() -> None:
    rows = constant("2025-06-02", 1)
    panel = rows.pop("panel")
    local = panel.index.tz_convert(AMSTERDAM)
    table = lden(panel[(local.hour < 19) | (local.hour >= 22)], **rows)
    assert table["status"].tolist() == ["insufficient"]
    assert table["value"].isna().all()
    assert table["coverage"].tolist() == [21 / 24]


def test_lday_needs_data_in_three_quarters_of_its_hours() -> None:
    rows = constant("2025-06-02", 1)
    panel = rows.pop("panel")
    local = panel.index.tz_convert(AMSTERDAM)
    first_eight = panel[(local.hour >= 7) & (local.hour < 15)]
    assert lday(first_eight, **rows, coverage=0.5)["status"].tolist() == ["insufficient"]
    half_of_each = panel[local.minute < 30]
    assert lday(half_of_each, **rows, coverage=0.5)["status"].tolist() == ["valid"]


def test_night_conventions_have_names() -> None:
    with pytest.raises(DataError, match="following or calendar"):
        lnight(**constant("2025-06-02", 1), night="polar")


def test_leq_leaves_missing_levels_out() -> None:
    assert leq([50.0, np.nan, 70.0]) == leq([50.0, 70.0])
    assert np.isnan(leq([np.nan]))


def test_weighted_level_without_a_period_is_missing() -> None:
    assert np.isnan(weighted_level(60.0, np.nan, 60.0))
