"""Numbers of one evaluation: estimate, power, trends, checks, each computed once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from transforms.experiments import checks as c
from transforms.experiments.count_model import count_estimate
from transforms.experiments.days import Phase
from transforms.experiments.design import PAIRED, WITH_TREND, Design, Rows, pairs_of
from transforms.experiments.event_study import event_study
from transforms.experiments.model import Model, effect_of, model_of, structure_of
from transforms.experiments.noise import Days, Matrix, Noise, Vector
from transforms.experiments.opinions import (
    fit_of_before,
    odd_days,
    regression_opinion,
    second_opinions,
    with_own_trends,
)
from transforms.experiments.placebos import placebo_before, plain_effect
from transforms.experiments.power import (
    attained_effect,
    effective_days,
    hedges_g,
    minimal_detectable_effect,
    normal_ratio,
    power_at,
    ratio_percent,
)
from transforms.experiments.regression import (
    Estimate,
    lags_for,
    ols_prewhitened,
    ols_prewhitened_each,
    residual_lag1,
    unusable,
)
from transforms.experiments.relevance import Relevance, relevance_of
from transforms.experiments.result import Check, Placebo, PreTrend, Verdict, Week
from transforms.experiments.verdict import judge


class Work:
    """Numbers of one evaluation, computed once."""

    def __init__(
        self,
        design: Design,
        rows: Rows,
        phases: tuple[Phase, Phase],
        *,
        has_control: bool,
        stuck: str = "",
        is_idle: bool = False,
    ) -> None:
        self.design, self.days, self.phases = design, rows, phases
        self.is_paired = design.method == PAIRED
        #: Whether the model is two levels, without trends and without pairs.
        self.is_step = design.method not in WITH_TREND and not self.is_paired
        self.rows = pairs_of(rows) if self.is_paired else rows
        self.has_control, self.stuck, self.is_idle = has_control, stuck, is_idle
        self.say = c.say_ratio if design.method == "counts" else c.say_unit
        self.model: Model = model_of(design.method, self.rows, has_control=has_control)
        self.problem = (
            unusable(self.rows.y, self.model.matrix) or _flat(rows) or _exact(self.rows, self.model)
        )
        self.adjusted = rows.y if self.problem else _adjusted(rows, self.rows, self.model)
        self.estimate, self.parts = self._estimates()
        self.mde, self.sigma = self._mde()
        self.attained = attained_effect(self.estimate.se, self.estimate.df, alpha=design.alpha)
        self.trend = None if self.problem else self._trend()

    @property
    def is_long(self) -> bool:
        """Whether both phases have the days for more than an indication."""
        return min(len(self.days.of(0)), len(self.days.of(1))) >= c.LEAST_DAYS

    def _estimates(self) -> tuple[Estimate, dict[str, Estimate]]:
        rows, design, nan = self.rows, self.design, float("nan")
        if self.problem:
            sides = [self.days.of(0), self.days.of(1)]
            effect = float(sides[1].mean() - sides[0].mean()) if all(map(len, sides)) else nan
            return Estimate("not estimable", effect, nan, nan, nan, nan, nan), {}
        if design.method == "counts":
            return count_estimate(rows, self.model, design), {}
        found = ols_prewhitened_each(
            rows.y,
            self.model.matrix,
            [self.model.contrast, *self.model.parts.values()],
            alpha=design.alpha,
            lags=design.lags,
            day=rows.day,
        )
        return found[0], dict(zip(self.model.parts, found[1:], strict=True))

    def _before(self) -> tuple[Vector, Days, Matrix]:
        """Adjusted outcomes and days of the before phase, and their structure without a step."""
        is_before = self.days.after == 0
        y, day = self.adjusted[is_before], self.days.day[is_before]
        columns = [np.ones(len(y))]
        if not self.is_step:
            columns.append(day - day.mean() if len(day) else day.astype(np.float64))
        if self.is_paired:  # season and week are in both days of a pair
            columns += [(day % 7 == number).astype(np.float64) for number in range(6)]
        return y, day, np.column_stack(columns)

    def _mde(self) -> tuple[float, float]:
        """MDE and sigma from outcomes of the before phase alone, and the calendar of the other."""
        y, day, around = self._before()
        k = around.shape[1] + self.rows.extra.shape[1]
        if len(y) < k + 2 or float(np.ptp(y)) == 0.0:
            return float("inf"), 0.0
        if unusable(y, around):
            return float("inf"), 0.0
        residual = y - around @ np.linalg.lstsq(around, y)[0]
        sigma = float(np.sqrt(residual @ residual / (len(y) - k)))
        r = residual_lag1(y, around, day)
        planned = self.rows.first + np.arange(self.phases[1].expected)
        days = np.concatenate([day, planned]).astype(np.float64)
        after = np.repeat([0.0, 1.0], [len(day), len(planned)])
        matrix = structure_of(self.design.method, days, after, self.rows.first)
        weights = effect_of(self.design.method, self.rows.half)
        leverage = float(weights @ np.linalg.inv(matrix.T @ matrix) @ weights)
        # sigma sqrt(1/m_b + 1/m_a) where the structure is one step.
        worth = 2 * effective_days(1 / leverage, r)
        return minimal_detectable_effect(sigma, worth, worth, alpha=self.design.alpha), sigma

    def _trend(self) -> PreTrend | None:
        """Slope before, and what it would add; None where trends are part of the model."""
        if not (self.is_step and self.is_long):
            return None
        y, day, _ = self._before()
        half = self.rows.half
        if float(np.ptp(y)) == 0:
            return PreTrend(0.0, 0.0, 0.0, 0.0)
        lags = lags_for(len(y), self.design.lags)
        matrix = np.column_stack([np.ones(len(y)), day - day.mean()])
        slope = ols_prewhitened(
            y, matrix, np.array([0.0, 1.0]), alpha=self.design.alpha, lags=lags, day=day
        )
        possible = _drift_towards(self.estimate.effect, slope, _between_middles(self.days))
        return PreTrend(slope.effect, slope.low, slope.high, slope.effect * half, possible)

    def required_opinions(self) -> tuple[Estimate, ...]:
        """What the verdict may rest on beside the estimate."""
        if self.problem or not self.is_long:
            return ()
        own = with_own_trends(self.rows, self.design, has_control=self.has_control)
        return (*regression_opinion(self.rows, self.design), *own)

    def sensitivity(self) -> tuple[Estimate, ...]:
        """The same question answered in other ways."""
        if self.problem:
            return ()
        long = len(self.rows.y) >= 2 * c.LEAST_DAYS
        other = second_opinions(self.rows, self.model, self.design, every=long)
        if not self.is_long:
            return other
        return (*other, *with_own_trends(self.rows, self.design, has_control=self.has_control))

    def weeks(self) -> tuple[Week, ...]:
        """Week by week, where no trend is part of the model."""
        if self.problem or not (self.is_step and self.is_long):
            return ()
        first = self.phases[0].first
        return event_study(self.rows, self.adjusted, self.model, self.design, first=first)

    def placebo(self) -> Placebo | None:
        """False dates in the before phase."""
        if self.problem or self.is_paired:
            return None
        effect = plain_effect(self.rows, self.adjusted, self.design)
        return placebo_before(self.rows, self.adjusted, self.design, effect)

    def checks(
        self, weeks: tuple[Week, ...], others: tuple[Estimate, ...], instruments: Check | None
    ) -> tuple[Check, ...]:
        """Conditions that the result must meet; those that block a result first."""
        design, estimate = self.design, self.estimate
        is_apart = not estimate.low <= 0 <= estimate.high
        found: list[Check | None] = [
            c.coverage_check(self.phases, design.min_coverage),
            c.length_check(self.phases),
            c.spread_check(estimate, self.problem),
            instruments,
            c.gaps_check(self.phases),
            c.duration_check(self.phases),
            c.control_check(has_control=self.has_control, is_idle=self.is_idle),
        ]
        if not self.problem:
            found += [
                c.stuck_check(self.stuck),
                self._season_check(),
                c.precision_check(self.mde, self.attained, self.say),
                c.weekday_check(self.rows, PAIRED if self.is_paired else design.weekdays),
                self._pre_trend_check(is_apart=is_apart),
                c.event_study_check(weeks, estimate, design.alpha, self.say),
                c.odd_days_check(self._odd_days()),
                c.agreement_check(estimate, others),
                c.direction_check(design.expected, estimate, self.say, is_apart=is_apart),
            ]
        return tuple(check for check in found if check is not None)

    def judged(
        self, weeks: tuple[Week, ...], others: tuple[Estimate, ...], instruments: Check | None
    ) -> tuple[Verdict, tuple[Check, ...], tuple[str, ...]]:
        """What may be claimed, the checks, and the reasons."""
        checks = self.checks(weeks, others, instruments)
        verdict, reasons = judge(
            self.estimate,
            checks,
            others,
            mde=self.mde,
            attained=self.attained,
            method=self.design.method,
            has_control=self.has_control,
            placebo=self.design.placebo,
            say=self.say,
        )
        return verdict, checks, reasons

    def _season_check(self) -> Check | None:
        """For one place without trends; a control area has the same season."""
        design = self.design
        if self.has_control or design.method in WITH_TREND:
            return None
        weather = [name for name in self.days.names if not name.startswith("weekday_")]
        return c.season_check(
            self.phases, is_adjusted=bool(weather), yearly_cycle=design.yearly_cycle
        )

    def _odd_days(self) -> list[date]:
        odd = self.rows.day[odd_days(self.rows, self.model)].tolist()
        return [self.phases[0].first + timedelta(days=day) for day in odd]

    def _pre_trend_check(self, *, is_apart: bool) -> Check | None:
        if self.trend is None:
            return None
        return c.pre_trend_check(self.trend, self.estimate, self.say, is_apart=is_apart)

    def numbers(self) -> dict[str, Any]:
        """Effect sizes and what the days are worth."""
        rows, problem = self.rows, self.problem
        r = 0.0 if problem else residual_lag1(rows.y, self.model.matrix, rows.day)
        sides = [self.adjusted[self.days.after == which] for which in (0, 1)]
        fit: dict[str, float] = {}
        if self.design.method == "weather_normalised" and not problem:
            is_before = rows.after == 0
            fit = fit_of_before(rows.y[is_before], rows.extra[is_before], rows.day[is_before])
        return {
            "g": hedges_g(*sides),
            "lags": self.design.lags,
            "mde": self.mde,
            "mde_power": power_at(
                normal_ratio(self.design.alpha), self.estimate.df, alpha=self.design.alpha
            ),
            "mde_attained": self.attained,
            "sigma": self.sigma,
            "r": r,
            "effective_days": (effective_days(len(sides[0]), r), effective_days(len(sides[1]), r)),
            "fit": fit,
        }

    def percent(self, mean: Mapping[str, float]) -> dict[str, float]:
        """Effect and interval in percent."""
        base, nan = mean["treated_before"], float("nan")
        numbers = {name: getattr(self.estimate, name) for name in ("effect", "low", "high")}
        if self.design.method == "counts":
            return {name: ratio_percent(value) for name, value in numbers.items()}
        return {name: 100 * value / base if base > 0 else nan for name, value in numbers.items()}

    def relevance(self, mean: Mapping[str, float]) -> Relevance | None:
        """What the result says about effects that matter; None where the design names none."""
        if self.design.relevant is None:
            return None
        low, high, detectable = (
            self._in_unit(value, mean["treated_before"])
            for value in (self.estimate.low, self.estimate.high, max(self.mde, self.attained))
        )
        return relevance_of(self.design.relevant, low, high, detectable)

    def _in_unit(self, value: float, base: float) -> float:
        """An effect in the unit of the outcome; of counts relative to a level."""
        if self.design.method != "counts":
            return value
        return base * ratio_percent(value) / 100 if base > 0 else float("nan")


def _flat(rows: Rows) -> str:
    """What is wrong when neither phase varies."""
    sides = [rows.of(0), rows.of(1)]
    if min(map(len, sides)) < 2:
        return "There are fewer than two usable days in a phase."
    if max(float(np.ptp(side)) for side in sides) == 0:
        return (
            "The daily values must vary within the phases; a constant series is a stuck sensor,"
            " not certainty."
        )
    return ""


def _between_middles(days: Rows) -> float:
    """Days from the mean day of the before phase to that of the after phase."""
    middles = [float(days.day[days.after == which].mean()) for which in (0, 1)]
    return middles[1] - middles[0]


def _drift_towards(effect: float, slope: Estimate, days: float) -> float:
    """The most that a slope may add in some days in the direction of an effect."""
    return max(slope.high, 0.0) * days if effect > 0 else min(slope.low, 0.0) * days


def _exact(rows: Rows, model: Model) -> str:
    """What is wrong when the model fits to the last digit."""
    if not Noise(rows.y, model.matrix, rows.day).is_flat:
        return ""
    return (
        "The daily values must vary around the model; values that follow it to the last digit come"
        " from no sensor."
    )


def _adjusted(days: Rows, rows: Rows, model: Model) -> Vector:
    """Outcome of the days less what the covariates explain in the rows of the model."""
    beta = np.linalg.lstsq(model.matrix, rows.y)[0][model.structure :][: rows.extra.shape[1]]
    return np.asarray(days.y - days.extra @ beta)
