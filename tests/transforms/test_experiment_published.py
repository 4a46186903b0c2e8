"""Published results, repeated from the same stations.

A bus lane in London, peer-reviewed
-----------------------------------
In August 2001 the lane beside the kerbside station on Marylebone Road became a permanent bus lane.
D finds a sustained decrease of carbon monoxide (from 2002 on), and none once the trend before the
change is continued: the difference between a before/after comparison and an interrupted time
series. The study used a CUSUM chart and more years; here are 2000 and 2001 alone. So what is
repeated is the finding, not a number, and the decrease is that against the same weeks of 2000.

The closure of State Route 99 in Seattle
----------------------------------------
The Alaskan Way Viaduct closed for good on Friday 11 January 2019, 22:00; the tunnel that replaces
it opened on Monday 4 February. Data: City of Seattle, Fremont Bridge bicycle counter, data set
65db-xm6k (public domain).

Sources
-------
A. Seattle Bike Blog, 7 October 2019, "Biking boom: Fremont Bridge biking is on track to reach 1
   million 2019 trips a whole month early" (table of percent change in monthly counts).
B. Curbed Seattle, 15 January 2019, "Bike commutes appear to spike after viaduct closure", and
   Seattle Bike Blog of the same day (figures of SDOT's traffic engineer D. Chang).
C. KIRO 7, "'Keep doing what you're doing' as second week of SR99 closure begins" (figures of the
   Seattle Department of Transportation).
D. Barratt, B. et al. (2007), Investigation into the use of the CUSUM technique in identifying
   changes in mean air pollution levels following introduction of a traffic management scheme,
   Atmospheric Environment 41, 1784-1791 (abstract).
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from shared_data import DATA
from shared_mobility_water import fremont_panel

from transforms.experiment import Design, Verdict, evaluate
from transforms.experiments.days import by_date
from transforms.mobility import daily_count

SEATTLE = "America/Los_Angeles"


@cache
def days() -> pd.Series:
    """Bicycles per civil day as the product's indicator counts them; one on a clock-change day."""
    panel = fremont_panel()
    frame = daily_count(
        panel,
        start=pd.Timestamp("2018-01-01", tz=SEATTLE).tz_convert("UTC"),
        end=pd.Timestamp("2020-01-01", tz=SEATTLE).tz_convert("UTC"),
        zone=SEATTLE,
        steps={str(name): 3600 for name in panel["series"].unique()},
        merged_autumn_hour=True,
    )
    return by_date(frame["value"], SEATTLE)


def change(new: pd.Series, old: pd.Series) -> float:
    return 100 * (new.sum() / old.sum() - 1)


@pytest.mark.parametrize(
    ("month", "published"),
    [(1, 24.4), (2, -28.8), (3, 10.6), (4, 10.0), (5, -0.53), (6, 17.1), (7, 7.57), (8, 27.4),
     (9, 16.6)],
)  # fmt: skip
def test_monthly_changes_match_source_a(month: int, published: float) -> None:
    """All nine published changes, to the last printed digit (three significant)."""
    found = change(days()[f"2019-{month:02}"], days()[f"2018-{month:02}"])
    assert found == pytest.approx(published, abs=0.005 if abs(published) < 10 else 0.05)


def test_trips_until_6_october_2019_match_source_a() -> None:
    assert days()["2019-01-01":"2019-10-06"].sum() == 958_572


def test_first_monday_of_the_closure_matches_source_b() -> None:
    """79 % above 15 January 2018, published the next morning from preliminary counts: 79.6 %."""
    found = 100 * (days()["2019-01-14"] / days()["2018-01-15"] - 1)
    assert found == pytest.approx(79, abs=1)


def test_first_days_of_the_closure_match_source_c() -> None:
    """An average of 3500 on Monday to Wednesday, about 1000 more than in 2018."""
    new, old = days()["2019-01-14":"2019-01-16"].mean(), days()["2018-01-15":"2018-01-17"].mean()
    assert new == pytest.approx(3500, abs=100)
    assert new - old == pytest.approx(1000, abs=150)


def test_closure_is_an_effect_against_the_same_weeks_of_the_year_before() -> None:
    """What the sources could not give: an interval for the whole closure."""
    design = Design(
        method="paired_days",
        before=(date(2018, 1, 13), date(2018, 2, 3)),
        after=(date(2019, 1, 12), date(2019, 2, 2)),
    )
    found = evaluate(days(), design=design)
    assert found.n_used == 42
    assert found.low > 0
    assert 20 < found.effect_percent < 50


def test_weeks_around_christmas_are_no_comparison() -> None:
    """Against the four weeks before, the days vary too much for a claim, and the report says so."""
    design = Design(
        method="before_after",
        before=(date(2018, 12, 15), date(2019, 1, 12)),
        after=(date(2019, 1, 12), date(2019, 2, 2)),
        weekdays="adjust",
    )
    result = evaluate(days(), design=design)
    assert result.verdict is not Verdict.EFFECT, result.reasons
    assert any("no control area" in reason for reason in result.reasons)


# ------------------------------------------------------------------ a bus lane in London


@cache
def marylebone() -> tuple[pd.Series, pd.DataFrame]:
    """Daily means of CO [ppm] from 18 hours or more, and of wind speed and its components."""
    file = DATA / "air" / "london_marylebone_hourly_2000_2001.csv"
    hours = pd.read_csv(file, parse_dates=["time"], index_col="time").tz_localize(None)
    angle = np.deg2rad(hours["wd_deg"])
    hours = hours.assign(
        east=hours["ws_m_s"] * np.sin(angle), north=hours["ws_m_s"] * np.cos(angle)
    )
    days = hours[["co_ppm", "ws_m_s", "east", "north"]].groupby(hours.index.normalize())
    means = days.mean()
    return means["co_ppm"].where(days["co_ppm"].count() >= 18), means.drop(columns="co_ppm")


def test_carbon_monoxide_is_lower_than_in_the_same_weeks_of_the_year_before() -> None:
    """In the sixteen weeks after the bus lane, wind allowed for; August itself is left out."""
    values, wind = marylebone()
    design = Design(
        method="paired_days",
        before=(date(2000, 9, 4), date(2000, 12, 25)),
        after=(date(2001, 9, 3), date(2001, 12, 24)),
    )
    found = evaluate(values, design=design, covariates=wind)
    assert found.verdict is Verdict.EFFECT
    assert -30 < found.effect_percent < -15


def test_no_decrease_against_the_trend_that_went_before_as_source_d_finds() -> None:
    values, wind = marylebone()
    design = Design(
        method="its",
        before=(date(2000, 1, 1), date(2001, 8, 1)),
        after=(date(2001, 9, 1), date(2001, 12, 31)),
        weekdays="adjust",
        yearly_cycle=True,
    )
    found = evaluate(values, design=design, covariates=wind)
    assert found.verdict is Verdict.NO_EFFECT, found.reasons
    assert found.low < 0 < found.high


def test_a_trend_of_one_autumn_is_not_continued_into_the_next() -> None:
    """Nothing is rescued by a line through sixteen weeks that is drawn on for nine months."""
    values, wind = marylebone()
    design = Design(
        method="weather_normalised",
        before=(date(2000, 9, 4), date(2000, 12, 25)),
        after=(date(2001, 9, 3), date(2001, 12, 24)),
        weekdays="adjust",
    )
    found = evaluate(values, design=design, covariates=wind)
    assert "interrupted time series" not in {each.method for each in found.sensitivity}
    assert not any("continued trend of the before phase, the" in why for why in found.reasons)
