"""Designs of experiments: every mistake is told with file, line and key."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from config_tree import ConfigTree

from livinglab.config import from_snapshot
from livinglab.registry import Covariate, Experiment

FILE = "labs/stratumseind/experiments/trial.yaml"
# Lines are counted: the design below begins on line 1.
DESIGN = """\
label: Quieter evenings
what: The terraces close an hour earlier
hypothesis: Evenings get quieter.
expected: decrease
indicator: levening
secondary: [lden, lnight]
exploratory: [lday]
treated: [stratumseind]
intervention: [2025-07-01, 2025-07-07]
before: [2025-06-02, 2025-06-30]
after: [2025-07-07, 2025-08-04]
stop: 2025-08-11
method: weather_normalised
weekdays: whole_weeks
covariates:
  - {indicator: rain_day, area: dommel}
contact: lab@example.org
"""


@pytest.fixture
def tree(tmp_path: Path) -> ConfigTree:
    tree = ConfigTree(tmp_path)
    tree.write(FILE, DESIGN)
    return tree


def design(tree: ConfigTree) -> Experiment:
    return tree.load().labs["stratumseind"].experiments["trial"]


def test_design_is_read_with_everything_it_declares(tree: ConfigTree) -> None:
    found = design(tree)
    assert found.outcomes == ("levening", "lden", "lnight", "lday")
    assert found.family == ("levening", "lden", "lnight")
    assert [found.role(name) for name in ("levening", "lden", "lday")] == [
        "primary",
        "secondary",
        "exploratory",
    ]
    assert found.covariates == (Covariate("rain_day", "dommel"),)
    assert found.intervention == ("2025-07-01", "2025-07-07")
    assert (found.stop, found.expected, found.weekdays) == ("2025-08-11", "decrease", "whole_weeks")


def test_design_may_fix_lags_and_the_smallest_effect_that_would_matter(tree: ConfigTree) -> None:
    assert (design(tree).lags, design(tree).relevant) == (None, None)
    tree.replace(FILE, "contact:", "lags: 14\nrelevant: 2.5\ncontact:")
    assert (design(tree).lags, design(tree).relevant) == (14, 2.5)
    registry = tree.load()
    again = from_snapshot(registry.canonical)
    assert again.labs["stratumseind"].experiments == registry.labs["stratumseind"].experiments


def test_design_survives_the_snapshot(tree: ConfigTree) -> None:
    registry = tree.load()
    again = from_snapshot(registry.canonical)
    assert again.labs["stratumseind"].experiments == registry.labs["stratumseind"].experiments


@pytest.mark.parametrize(
    ("line", "control", "end", "expected"),
    [
        ("", True, "2025-09-05", "whole_weeks"),
        ("", True, "2025-09-04", "adjust"),
        ("", False, "2025-09-05", "adjust"),
        ("weekdays: ignore", True, "2025-09-04", "ignore"),
    ],
)
def test_design_without_a_word_on_weekdays_takes_whole_weeks_or_adjusts(
    tree: ConfigTree, line: str, control: bool, end: str, expected: str
) -> None:
    name = "labs/lombok/experiments/bicycles-placebo.yaml"
    tree.replace(name, "weekdays: whole_weeks", line)
    tree.replace(name, "after: [2025-07-25, 2025-09-05]", f"after: [2025-07-25, {end}]")
    if not control:
        tree.replace(name, "control: [vleutenseweg]\n", "")
        tree.replace(name, "method: did", "method: before_after")
    assert tree.load().labs["lombok"].experiments["bicycles-placebo"].weekdays == expected


MISTAKES = [
    ("indicator: levening", "indicator: laeq_hour",
     "line 5, indicator: expected an indicator of the day, laeq_hour is one of the hour"),
    ("secondary: [lden, lnight]", "secondary: [lden, lnigt]",
     "line 6, secondary[1]: unknown indicator; did you mean 'lnight'?"),
    ("secondary: [lden, lnight]", "secondary: [levening]",
     "line 6, secondary[0]: levening is an outcome already"),
    ("exploratory: [lday]", "exploratory: [no2_daily_mean, rain_day]",
     "line 8, treated[0]: no device in stratumseind measures precipitation"),
    ("exploratory: [lday]", "exploratory: [lday]\nfamily: [levening, lday]",
     "line 8, family[1]: lday is exploratory: no claim may rest on it"),
    ("exploratory: [lday]", "family: [levening, l_den]",
     "line 7, family[1]: l_den is no outcome of this design; did you mean 'lden'?"),
    ("treated: [stratumseind]", "treated: [stratum]",
     "line 8, treated[0]: unknown area of stratumseind"),
    ("intervention: [2025-07-01, 2025-07-07]", "intervention: 2025-06-20",
     "line 9, intervention: 2025-06-20 lies in the before phase (until 2025-06-30)"),
    ("intervention: [2025-07-01, 2025-07-07]", "intervention: [2025-07-01, 2025-07-08]",
     "line 9, intervention: 2025-07-08 lies in the after phase (from 2025-07-07)"),
    ("intervention: [2025-07-01, 2025-07-07]", "intervention: 2025-07-07T14:00",
     "line 9, intervention: 2025-07-07T14:00 lies in the after phase"),
    ("intervention: [2025-07-01, 2025-07-07]", "intervention: [2025-07-03, 2025-07-01]",
     "line 9, intervention: 2025-07-03 is after 2025-07-01"),
    ("intervention: [2025-07-01, 2025-07-07]", "intervention: July",
     "line 9, intervention[0]: expected a civil date like 2025-07-25 or a local time"),
    ("stop: 2025-08-11", "stop: 2025-08-01",
     "line 12, stop: expected 2025-08-04 (the end of the after phase) or later, got 2025-08-01"),
    ("method: weather_normalised", "method: did",
     "line 13, method: did compares with a control area: name one under control"),
    ("method: weather_normalised", "method: its\ncontrol: [dommel]",
     "line 13, method: its knows no control area; with one it is cits"),
    ("method: weather_normalised", "method: magic", "line 13, method: "),
    ("method: weather_normalised", "method: counts",
     "line 5, indicator: counts is for counts (unit 1), levening is in dB(A)"),
    ("covariates:\n  - {indicator: rain_day, area: dommel}\n", "",
     "line 13, method: weather_normalised needs covariates"),
    ("after: [2025-07-07, 2025-08-04]", "after: [2025-07-07, 2025-08-05]",
     "line 14, weekdays: the phases have 28 and 29 days: whole_weeks are multiples of 7"),
    ("weekdays: whole_weeks", "yearly_cycle: true",
     "line 14, yearly_cycle: a yearly cycle needs more than a year of days, the phases have 56"),
    ("{indicator: rain_day, area: dommel}", "{indicator: rain_day, area: stratumseind}",
     "line 16, covariates[0].area: no device in stratumseind measures precipitation"),
    ("{indicator: rain_day, area: dommel}", "{indicator: lden, area: stratumseind}",
     "line 16, covariates[0].indicator: lden is an outcome; it cannot explain itself"),
    ("{indicator: rain_day, area: dommel}", "{indicator: rain_hour, area: dommel}",
     "line 16, covariates[0].indicator: expected an indicator of the day"),
    ("{indicator: rain_day, area: dommel}", "{indicator: rain_day}",
     "line 16, covariates[0].area: missing"),
    ("expected: decrease", "expected: down", "line 4, expected: "),
    ("hypothesis: Evenings get quieter.", "hypothesis: ' '",
     "line 3, hypothesis: expected some words, got nothing"),
    ("indicator: levening", "indicator: [levening, lden]",
     "line 5, indicator: expected one indicator, got levening, lden: one outcome is primary"),
    ("treated: [stratumseind]", "treated: [stratumseind, stratumseind]",
     "line 8, treated[1]: stratumseind is named twice"),
    ("treated: [stratumseind]", "treated: [stratumseind]\ncontrol: [stratumseind]",
     "line 9, control[0]: treated and control share stratumseind, which cannot show what"),
    ("before: [2025-06-02, 2025-06-30]", "before: [2025-06-30, 2025-06-02]",
     "line 10, before: expected [first day, day after the last], got 2025-06-30 to 2025-06-02"),
    ("after: [2025-07-07, 2025-08-04]", "after: [2025-06-23, 2025-08-04]",
     "line 11, after: expected before to end when or before after begins, got 2025-06-23 in the"),
    ("contact: lab@example.org", "contact: lab@example.org\nlags: -1", "line 18, lags: "),
    ("contact: lab@example.org", "contact: lab@example.org\nlags: 2.5",
     "line 18, lags: expected a whole number, got 2.5"),
    ("contact: lab@example.org", "contact: lab@example.org\nlags: 28",
     "line 18, lags: expected fewer than the days of the shorter phase (28), got 28"),
    ("contact: lab@example.org", "contact: lab@example.org\nlags: true", "line 18, lags: "),
    ("contact: lab@example.org", "contact: lab@example.org\nrelevant: 0", "line 18, relevant: "),
    ("contact: lab@example.org", "contact: lab@example.org\nrelevant: -3", "line 18, relevant: "),
    ("contact: lab@example.org", "contact: lab@example.org\nrelevant: .inf",
     "line 18, relevant: "),
    ("contact: lab@example.org", "contact: lab@example.org\nrelevant: 3 dB",
     "line 18, relevant: "),
    ("before: [2025-06-02, 2025-06-30]", "before: [2015-06-02, 2015-06-30]",
     "line 10, before: no device in stratumseind measures sound_level_laeq from 2015-06-02 to"),
    ("method: weather_normalised\nweekdays: whole_weeks",
     "method: paired_days\nweekdays: adjust",
     "line 14, weekdays: both days of a pair are of the same weekday; leave this out"),
    ("after: [2025-07-07, 2025-08-04]\nstop: 2025-08-11\nmethod: weather_normalised",
     "after: [2025-07-08, 2025-08-05]\nstop: 2025-08-11\nmethod: paired_days",
     "line 11, after: 36 days after the before phase: pairs need whole weeks, 364 days for"),
    ("after: [2025-07-07, 2025-08-04]\nstop: 2025-08-11\nmethod: weather_normalised",
     "after: [2025-07-07, 2025-07-28]\nstop: 2025-08-11\nmethod: paired_days",
     "line 11, after: the phases have 28 and 21 days: pairs need as many in each"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES)
def test_mistake_in_a_design_is_told_with_line_and_key(
    tree: ConfigTree, old: str, new: str, told: str
) -> None:
    tree.replace(FILE, old, new)
    problems = tree.problems()
    assert any(FILE in line and told in line for line in problems), problems


def test_covariate_that_the_intervention_may_move_is_refused(tree: ConfigTree) -> None:
    """Weather of the treated area is no objection, traffic there is."""
    name = "labs/lombok/experiments/bicycles-placebo.yaml"
    row = "covariates: [{indicator: bike_daily_count, area: kanaalstraat}]\n"
    changed = {"indicator: bike_daily_count": "indicator: no2_daily_mean", "expected: none": row}
    for old, new in changed.items():
        tree.replace(name, old, new)
    told = "covariates[0].area: bike_daily_count of kanaalstraat is of a treated area"
    assert any(told in line for line in tree.problems()), tree.problems()


def test_paired_days_are_a_method_without_a_control_or_with_one(tree: ConfigTree) -> None:
    tree.replace(FILE, "method: weather_normalised\nweekdays: whole_weeks", "method: paired_days")
    assert (design(tree).method, design(tree).weekdays) == ("paired_days", "whole_weeks")


def test_several_mistakes_are_told_at_once(tree: ConfigTree) -> None:
    for old, new in (("method: weather_normalised", "method: did"), ("rain_day", "rain_dai")):
        tree.replace(FILE, old, new)
    assert len(tree.problems()) == 2


def test_covariate_named_twice_is_told(tree: ConfigTree) -> None:
    row = "  - {indicator: rain_day, area: dommel}\n"
    tree.replace(FILE, row, row + row)
    assert [line for line in tree.problems() if "named twice" in line]


def test_a_time_of_day_is_allowed_where_its_day_is_dropped(tree: ConfigTree) -> None:
    tree.replace(FILE, "[2025-07-01, 2025-07-07]", "2025-07-06T14:00")
    assert design(tree).intervention == ("2025-07-06T14:00", "2025-07-06T14:00")


def test_every_pair_of_methods_has_the_same_names_in_config_and_transforms() -> None:
    from typing import get_args

    from livinglab.config import experiment_checks, experiment_spec
    from transforms.experiments import design as transforms

    assert set(get_args(experiment_spec.Method)) == set(transforms.METHODS)
    assert set(get_args(experiment_spec.Weekdays)) == set(transforms.WEEKDAYS)
    assert set(get_args(experiment_spec.Direction)) == set(transforms.DIRECTIONS)
    assert experiment_checks.NEEDS_CONTROL == transforms.NEEDS_CONTROL
    assert experiment_checks.WITHOUT_CONTROL == transforms.WITHOUT_CONTROL
    assert not any(
        set(one) & set(other)
        for one, other in itertools.combinations(
            (transforms.NEEDS_CONTROL, transforms.WITHOUT_CONTROL), 2
        )
    )
