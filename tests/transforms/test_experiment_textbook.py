"""Every method on measured days beside statsmodels called as the definitions say.

The matrices here are written out from the definitions, not taken from the product; what must agree
is the estimate and the textbook Newey-West error that stands among the second opinions (relative
1e-9). The product's own interval rests on another error, see `test_experiment_simulation.py`.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from shared_mobility_water import fremont, muenster

from transforms.experiment import Design, Result, evaluate
from transforms.experiments.regression import default_lags

VECTOR = np.array([2, 1, 3, 2, 4, 3, 6, 5, 7, 6, 8, 7.0])
STEP = np.repeat([0.0, 1.0], 6)
#: Two counters of Münster over eight and six weeks, two summers of one of Seattle.
STREETS = {
    "before": (date(2019, 6, 3), date(2019, 7, 29)),
    "after": (date(2019, 7, 29), date(2019, 9, 9)),
}
SUMMER = {
    "before": (date(2018, 5, 7), date(2018, 7, 30)),
    "after": (date(2018, 7, 30), date(2018, 9, 24)),
}


def day_sums(counts: pd.Series) -> pd.Series:
    return counts.groupby(pd.DatetimeIndex(counts.index).normalize()).sum(min_count=1)


@cache
def streets() -> tuple[pd.Series, pd.Series]:
    halves = ("hammer_strasse_bicycle_15min_2019H1", "hammer_strasse_bicycle_15min_2019H2")
    treated = pd.concat([day_sums(muenster(name)["total"]) for name in halves])
    return treated, day_sums(
        muenster("warendorfer_strasse_bicycle_15min_2019-06_2019-10_status4")["total"]
    )


@cache
def bridge() -> pd.Series:
    return day_sums(fremont().iloc[:, 1])


def hac(y: np.ndarray, *columns: np.ndarray, lags: int = 7, correct: bool = True) -> Any:
    matrix = np.column_stack([np.ones(len(y)), *columns])
    keywords = {"maxlags": lags, "use_correction": correct}
    return sm.OLS(y, matrix).fit(cov_type="HAC", cov_kwds=keywords, use_t=True)


def agrees(result: Result, fit: Any, weights: np.ndarray) -> None:
    textbook = next(each for each in result.sensitivity if each.method == "OLS, Newey-West")
    error = float(weights @ fit.cov_params() @ weights) ** 0.5
    assert result.effect == pytest.approx(float(weights @ fit.params), rel=1e-9)
    assert textbook.effect == pytest.approx(result.effect, rel=1e-12)
    assert textbook.se == pytest.approx(error, rel=1e-9)
    assert textbook.lags == default_lags(result.n_used) == 7


def frame(values: pd.Series, phases: dict[str, tuple[date, date]]) -> tuple[np.ndarray, ...]:
    """Values, day number, after, days since t0, and dummies of six weekdays."""
    index = pd.date_range(phases["before"][0], phases["after"][1], inclusive="left")
    day = np.arange(len(index))
    after = (index >= pd.Timestamp(phases["after"][0])).astype(float)
    week = np.column_stack([(index.day_of_week == number).astype(float) for number in range(6)])
    since = day - (phases["after"][0] - phases["before"][0]).days
    return values.reindex(index).to_numpy(dtype=float), day, after, since * after, week


def test_worked_vectors_of_the_definitions() -> None:
    plain = sm.OLS(VECTOR, sm.add_constant(STEP)).fit()
    assert (plain.params[1], plain.bse[1]) == pytest.approx((4.0, 0.605530), abs=5e-7)
    assert hac(VECTOR, STEP, lags=2, correct=False).bse[1] == pytest.approx(0.600925, abs=5e-7)
    assert hac(VECTOR, STEP, lags=2).bse[1] == pytest.approx(0.658281, abs=5e-7)
    day = np.arange(12)
    trends = hac(VECTOR, day, STEP, (day - 6) * STEP, lags=2)
    assert trends.params == pytest.approx([1.571429, 0.371429, 1.771429, 0.0], abs=5e-7)


def test_difference_of_means_ten_to_fourteen_and_eight_to_nine_is_three() -> None:
    index = pd.date_range("2026-01-05", periods=56)
    wobble = pd.Series(np.tile([1.0, -1.0], 28), index=index)
    late = index >= "2026-02-02"
    result = evaluate(
        10.0 + 4.0 * late + wobble,
        8.0 + 1.0 * late + 0 * wobble,
        design=Design(
            before=(date(2026, 1, 5), date(2026, 2, 2)), after=(date(2026, 2, 2), date(2026, 3, 2))
        ),
    )
    assert result.mean == pytest.approx(
        {"treated_before": 10, "treated_after": 14, "control_before": 8, "control_after": 9}
    )
    assert result.effect == pytest.approx(3.0)


def test_did_is_the_step_of_the_difference_and_the_interaction_of_the_panel() -> None:
    treated, control = streets()
    result = evaluate(treated, control, design=Design(method="did", **STREETS))
    y, _, after, _, _ = frame(treated - control, STREETS)
    agrees(result, hac(y, after), np.array([0.0, 1.0]))
    sides = [frame(side, STREETS)[0] for side in (treated, control)]
    panel = pd.DataFrame(
        {"y": np.concatenate(sides), "T": np.repeat([1, 0], len(y)), "A": np.tile(after, 2)}
    )
    assert result.effect == pytest.approx(smf.ols("y ~ T * A", panel).fit().params["T:A"])


def test_cits_is_the_segmented_regression_of_the_difference() -> None:
    treated, control = streets()
    result = evaluate(treated, control, design=Design(method="cits", **STREETS))
    y, day, after, since, _ = frame(treated - control, STREETS)
    fit = hac(y, day, after, since)
    agrees(result, fit, np.array([0, 0, 1, (42 - 1) / 2]))
    level = result.parts["change of level on the first day"].effect
    slope = result.parts["change of slope per day"].effect
    assert (level, slope) == pytest.approx((fit.params[2], fit.params[3]), rel=1e-9)


def test_its_with_weekdays_is_the_segmented_regression_of_one_place() -> None:
    result = evaluate(bridge(), design=Design(method="its", weekdays="adjust", **SUMMER))
    y, day, after, since, week = frame(bridge(), SUMMER)
    agrees(result, hac(y, day, after, since, week), np.array([0, 0, 1, (56 - 1) / 2, *[0] * 6]))


def test_before_after_is_the_step_beside_weekdays() -> None:
    result = evaluate(bridge(), design=Design(method="before_after", weekdays="adjust", **SUMMER))
    y, _, after, _, week = frame(bridge(), SUMMER)
    agrees(result, hac(y, after, week), np.array([0, 1, *[0] * 6]))


def test_counts_are_the_poisson_model_and_no_narrower_than_its_newey_west() -> None:
    treated, control = streets()
    for other in (None, control):
        result = evaluate(treated, other, design=Design(method="counts", **STREETS))
        y, _, after, _, _ = frame(treated, STREETS)
        offset = None if other is None else np.log(frame(control, STREETS)[0])
        model = sm.GLM(y, sm.add_constant(after), family=sm.families.Poisson(), offset=offset)
        keywords = {"maxlags": 7, "use_correction": True}
        fit = model.fit(cov_type="HAC", cov_kwds=keywords, use_t=True)
        assert result.effect == pytest.approx(float(fit.params[1]), rel=1e-9)
        assert result.estimate.se >= float(fit.bse[1]) * (1 - 1e-9)


def test_weather_normalised_is_the_mean_of_observed_less_predicted() -> None:
    """The model knows the before phase alone; traffic next door stands in for the weather."""
    treated, control = streets()
    result = evaluate(
        treated,
        design=Design(method="weather_normalised", **STREETS),
        covariates=control.rename("next door").to_frame(),
    )
    y, _, after, _, _ = frame(treated, STREETS)
    x, late = frame(control, STREETS)[0], after == 1
    model = sm.OLS(y[~late], sm.add_constant(x[~late])).fit()
    expected = float(np.mean(y[late] - model.predict(sm.add_constant(x[late]))))
    assert result.effect == pytest.approx(expected, rel=1e-9)
