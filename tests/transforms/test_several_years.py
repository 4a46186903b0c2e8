"""Means over several years, and the data that a year of air needs within its parts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.air_annual import annual_mean, exceedance_count
from transforms.frames import to_panel
from transforms.intervals import UTC1
from transforms.several_years import mean_of_years

MEAN: dict[str, Any] = {"statistic": "annual_mean", "number": 3, "coverage": 0.33}


def hours(first: str, last: str) -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq="h", tz=UTC1, inclusive="left")


def asked(first: int, last: int) -> dict[str, Any]:
    return {
        "start": pd.Timestamp(f"{first}-01-01", tz=UTC1),
        "end": pd.Timestamp(f"{last + 1}-01-01", tz=UTC1),
        "zone": "Europe/Amsterdam",
        "steps": {"a": 3600, "silent": 3600},
    }


def by_year(levels: dict[int, float]) -> pd.DataFrame:
    """A constant of each year."""
    parts = [hours(f"{year}-01-01", f"{year + 1}-01-01") for year in levels]
    value = np.repeat(list(levels.values()), [len(part) for part in parts])
    return to_panel(parts[0].append(parts[1:]), "a", value)


def test_only_valid_years_enter_the_mean() -> None:
    panel = by_year({2022: 10.0, 2023: 70.0, 2024: 30.0})
    year = panel.index.tz_convert(UTC1).year
    panel = panel[(year != 2023) | (np.arange(len(panel)) % 2 == 0)]  # half of 2023 is no year
    table = mean_of_years(panel, **asked(2024, 2024), **MEAN)
    assert table[["value", "n", "status"]].to_numpy().tolist()[0] == [20.0, 2, "valid"]
    assert table["coverage"].tolist()[0] == pytest.approx(2 / 3)
    assert table["status"].tolist()[1] == "insufficient"
    stricter = mean_of_years(panel, **asked(2024, 2024), **{**MEAN, "coverage": 1.0})
    assert stricter["status"].tolist()[0] == "indicative"


def test_a_year_that_runs_is_not_compared_by_the_years_before() -> None:
    panel = by_year({2022: 10.0, 2023: 20.0, 2024: 90.0})
    running = panel[panel.index < pd.Timestamp("2024-03-01", tz=UTC1)]
    table = mean_of_years(running, **asked(2024, 2024), **MEAN)
    assert table[["value", "n", "status"]].to_numpy().tolist()[0] == [15.0, 2, "indicative"]


def test_years_one_by_one_give_the_same_bytes() -> None:
    rng = np.random.default_rng(4)
    times = hours("2020-01-01", "2025-01-01")
    panel = to_panel(times, "a", rng.normal(90, 30, len(times)))
    edges = [pd.Timestamp(f"{year}-01-01", tz=UTC1) for year in range(2022, 2026)]
    count = {"statistic": "exceedance_count", "of": "max_8h", "limit": 120.0, "number": 3}
    for given in (MEAN, count, {"statistic": "aot40", "number": 2}):
        whole = mean_of_years(panel, **asked(2022, 2024), **given)
        parts = []
        for start, end in pairwise(edges):
            reach = start - pd.DateOffset(years=given["number"] - 1) - pd.Timedelta(hours=7)
            near = panel[(panel.index >= reach) & (panel.index < end)]
            rows = {**asked(2022, 2024), "start": start, "end": end}
            parts.append(mean_of_years(near, **rows, **given))
        joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
        pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    none = {**asked(2022, 2024), "end": edges[0]}
    assert mean_of_years(panel, **none, **MEAN).empty


def test_wrong_parameters_are_told() -> None:
    panel = by_year({2024: 1.0})
    with pytest.raises(DataError, match="unknown statistic"):
        mean_of_years(panel, **asked(2024, 2024), **{**MEAN, "statistic": "mean"})
    with pytest.raises(DataError, match="a mean of 0 years"):
        mean_of_years(panel, **asked(2024, 2024), **{**MEAN, "number": 0})
    with pytest.raises(DataError, match="without a limit"):
        mean_of_years(panel, **asked(2024, 2024), **{**MEAN, "statistic": "exceedance_count"})
    with pytest.raises(DataError, match="unknown rule of data capture"):
        annual_mean(panel, **asked(2024, 2024), capture="weeks")


def status_of_mean(keep: Any, capture: str, coverage: float) -> str:
    times = hours("2025-01-01", "2026-01-01")
    panel = to_panel(times[keep(times)], "a", np.ones(keep(times).sum()))
    table = annual_mean(panel, **asked(2025, 2025), capture=capture, coverage=coverage)
    return str(table["status"].iloc[0])


def test_capture_must_hold_in_each_season_and_quarter() -> None:
    """Six weeks without data: enough hours of the year, too few of their quarter."""
    without = [("2025-01-01", 45), ("2025-10-15", 45)]
    for first, length in without:
        gap = hours(first, str(pd.Timestamp(first) + pd.Timedelta(days=length)))

        def keep(times: pd.DatetimeIndex, gap: pd.DatetimeIndex = gap) -> Any:
            return ~times.isin(gap)

        assert status_of_mean(keep, "year", 0.85) == "valid"
        assert status_of_mean(keep, "quarters", 0.85) == "indicative"
        assert status_of_mean(keep, "seasons", 0.75) == "valid"
        assert status_of_mean(keep, "seasons", 0.8) == "indicative"


def test_winter_is_both_ends_of_the_year() -> None:
    def keep(times: pd.DatetimeIndex) -> Any:
        return np.isin(times.month, range(2, 12))  # 243 of 365 days, 120 of 182 of winter

    assert status_of_mean(keep, "seasons", 120 / 182) == "valid"
    assert status_of_mean(keep, "seasons", 0.75) == "indicative"


def count_status(keep: Any) -> str:
    times = hours("2025-01-01", "2026-01-01")
    panel = to_panel(times[keep(times)], "a", np.full(keep(times).sum(), 130.0))
    given = {"of": "max_8h", "limit": 120.0, "capture": "summer_months"}
    return str(exceedance_count(panel, **asked(2025, 2025), **given)["status"].iloc[0])


def test_count_of_ozone_needs_five_summer_months() -> None:
    """2008/50/EC, Annex VII.A.2: 27 daily maxima and 90 % of the hours 08-20, in 5 of 6 months."""
    assert count_status(lambda t: np.isin(t.month, range(4, 9))) == "valid"
    assert count_status(lambda t: np.isin(t.month, range(5, 9))) == "indicative"
    june = {"valid": 27, "indicative": 26}
    for status, days in june.items():

        def keep(t: pd.DatetimeIndex, days: int = days) -> Any:
            whole = np.isin(t.month, (4, 5, 7, 8))  # September is missing, June cut short
            return whole | ((t.month == 6) & (t.day <= days))

        assert count_status(keep) == status


def test_hours_of_the_day_count_for_ozone() -> None:
    """Two afternoon hours short on each day of two months: 27 maxima, 83 % of the hours."""

    def keep(t: pd.DatetimeIndex) -> Any:
        return ~(np.isin(t.month, (6, 7)) & np.isin(t.hour, (13, 14)))

    assert count_status(keep) == "indicative"
    assert count_status(lambda t: keep(t) | (t.month == 6)) == "valid"
