"""Missing hours of counters: filled from the weeks around where little is missing, and marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.groundwater import water_table_class
from transforms.imputation import impute_hours
from transforms.noise import one_per_stamp

CLOCK = pd.date_range("2026-01-05", periods=10 * 7 * 24, freq="h")
USUAL = 10.0 + CLOCK.hour.to_numpy() + 5 * (CLOCK.day_of_week.to_numpy() < 5)


def counts() -> pd.Series:
    return pd.Series(USUAL, index=CLOCK)


def test_impute_hours_follows_weekday_hour_and_how_busy_the_day_was() -> None:
    hours = counts()
    day = hours.index.normalize() == pd.Timestamp("2026-02-11")
    hours[day] *= 1.5
    truth = hours.copy()
    hours[day & hours.index.hour.isin([7, 8, 17])] = np.nan
    table = impute_hours(hours)
    assert table["imputed"].sum() == 3
    np.testing.assert_allclose(table["value"], truth)
    assert (table["value"][~table["imputed"]] == hours[~table["imputed"]]).all()


def test_impute_hours_leaves_long_gaps_and_poor_records_alone() -> None:
    hours = counts()
    hours.iloc[100:104] = np.nan
    assert impute_hours(hours)["imputed"].sum() == 0, "four hours of a day are too many"
    rng = np.random.default_rng(1)
    poor = counts().mask(rng.random(len(CLOCK)) < 0.12)
    table = impute_hours(poor)
    assert table["imputed"].sum() == 0
    assert table["value"].isna().sum() == poor.isna().sum(), "missing is not zero"
    whole = impute_hours(counts())
    assert not whole["imputed"].any()


def test_impute_hours_without_a_like_hour_stays_missing() -> None:
    short = counts()[: 5 * 24]
    short.iloc[30] = np.nan
    table = impute_hours(short)
    assert np.isnan(table["value"].iloc[30])
    assert not table["imputed"].any()


@pytest.mark.parametrize(
    ("ghg", "glg", "name"),
    [(10, 49, "I"), (20, 60, "II"), (30, 80, "IIb"), (20, 100, "III"), (39, 120, "IIIb"),
     (41, 100, "IV"), (20, 130, "V"), (25, 121, "Vb"), (79, 130, "VI"), (100, 150, "VII"),
     (141, 200, "VIII"), (np.nan, 100, ""), (45, 70, "")],
)  # fmt: skip
def test_water_table_class_matches_the_table(ghg: float, glg: float, name: str) -> None:
    assert water_table_class(ghg, glg) == name


def test_water_table_class_refuses_heads() -> None:
    with pytest.raises(DataError, match="deeper than"):
        water_table_class(120, 60)


def test_one_per_stamp_leaves_missing_levels_out() -> None:
    stamps = pd.to_datetime(["2026-03-01T10:00Z"] * 3 + ["2026-03-01T10:01Z"])
    found = one_per_stamp(pd.Series([50.0, np.nan, 70.0, np.nan], index=stamps))
    assert found.iloc[0] == pytest.approx(67.032914)
    assert np.isnan(found.iloc[1])
