"""Ozone over seasons and years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transforms.air_ozone import peak_season, three_year_mean
from transforms.frames import to_panel
from transforms.intervals import UTC1


def year_of(levels: dict[int, float], months: range = range(1, 13)) -> pd.DataFrame:
    """Hourly values of 2025, constant within each month."""
    times = pd.date_range("2025-01-01", "2026-01-01", freq="h", tz=UTC1, inclusive="left")
    values = np.asarray([levels.get(month, 40.0) for month in times.month])
    keep = np.isin(times.month, list(months))
    return to_panel(times[keep], "o3", values[keep])


ROWS = {
    "start": pd.Timestamp("2025-01-01", tz=UTC1),
    "end": pd.Timestamp("2026-01-01", tz=UTC1),
    "zone": "Europe/Amsterdam",
    "steps": {"o3": 3600, "silent": 3600},
}


def test_peak_season_is_the_highest_six_months() -> None:
    table = peak_season(year_of(dict.fromkeys(range(4, 10), 80.0)), **ROWS)
    assert table[["value", "n", "status"]].to_numpy().tolist()[0] == [80.0, 183, "valid"]
    silent = table[table["series"] == "silent"]
    assert silent["value"].isna().all()
    assert silent["status"].tolist() == ["insufficient"]


def test_peak_season_weighs_days_not_months() -> None:
    levels = {4: 80.0, 5: 80.0, 6: 80.0, 7: 80.0, 8: 80.0, 9: 110.0}
    value = peak_season(year_of(levels), **ROWS)["value"].iloc[0]
    # The day after a step inherits windows that end in it, so the month's first day is exact.
    assert value == pytest.approx((153 * 80 + 30 * 110) / 183, abs=0.2)


def test_peak_season_of_half_a_season_is_indicative() -> None:
    table = peak_season(year_of({}, range(5, 8)), **ROWS)
    assert table["status"].tolist() == ["indicative", "insufficient"]
    assert table["n"].tolist()[0] == 92


def test_three_year_mean_takes_valid_years() -> None:
    assert three_year_mean([10, 20, 30], [True, True, True]) == 20.0
    assert three_year_mean([10, 20, 30], [False, True, False]) == 20.0
    assert np.isnan(three_year_mean([], []))
