"""Agreement and fits against statsmodels on measured co-locations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import as_panel, oracle_json, rtp_reference, toucan, uci

from livinglab.errors import DataError
from transforms.air import daily_mean, hourly_mean
from transforms.calibration import Row, apply
from transforms.colocation import agreement, between_sampler_uncertainty, fit_linear, rmse
from transforms.frames import to_panel

TOLERANCE = 1e-5  # relative, oracles/README.md
NAMES = ["no2", "o3", "pm25", "temp", "rh"]
OURS = {"ols_slope": "slope", "ols_intercept": "intercept", "u_rm": "u_reference"}
OURS |= {"rel_expanded_uncertainty_at_level": "expanded_uncertainty"}


def wide(table: pd.DataFrame) -> pd.DataFrame:
    return table.pivot_table(index="time", columns="series", values="value", dropna=False)


def hourly(unit: str) -> pd.DataFrame:
    frame = toucan(unit)
    span = {"start": frame.index[0].floor("h"), "end": frame.index[-1].ceil("h"), "zone": "UTC"}
    return wide(hourly_mean(as_panel(frame), **span, steps=dict.fromkeys(NAMES, 60)))


def pairs(unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    sensor, reference = hourly(unit), rtp_reference()
    both = sensor.index.intersection(reference.index)
    return sensor.loc[both], reference.loc[both]


def check(result: Any, expected: dict[str, Any]) -> None:
    ours = asdict(result)
    got = {name: ours[OURS.get(name, name)] for name in expected}
    assert got == pytest.approx(expected, rel=TOLERANCE, abs=1e-6)


@pytest.mark.parametrize("unit", ["rt01", "rt02"])
@pytest.mark.parametrize("name", NAMES)
def test_agreement_of_hours_matches_oracle(unit: str, name: str) -> None:
    sensor, reference = pairs(unit)
    result = agreement(sensor[name], reference[name])
    check(result, oracle_json("air/rtp_agreement.json")[unit][name])


@pytest.mark.parametrize("unit", ["rt01", "rt02"])
def test_agreement_of_days_matches_oracle(unit: str) -> None:
    """Days in the fixed zone UTC-05:00 with at least 18 hours on both sides."""
    frames = {"sensor": toucan(unit)[["pm25"]], "reference": rtp_reference()[["pm25"]]}
    zone = "Etc/GMT+5"
    days = {}
    for name, frame in frames.items():
        step = 60 if name == "sensor" else 3600
        table = daily_mean(
            as_panel(frame),
            start=pd.Timestamp("2019-08-01", tz=zone),
            end=pd.Timestamp("2019-08-16", tz=zone),
            zone=zone,
            steps={"pm25": step},
            period="day",
        )
        days[name] = table["value"]
    result = agreement(days["sensor"], days["reference"])
    check(result, oracle_json("air/rtp_agreement.json")[unit]["pm25_daily_18h"])


@pytest.mark.parametrize("unit", ["rt01", "rt02"])
def test_fit_on_the_first_part_matches_oracle_on_the_later_one(unit: str) -> None:
    expected = oracle_json("air/rtp_agreement.json")[unit]["pm25_calibration"]
    sensor, reference = pairs(unit)
    whole = sensor["pm25"].notna() & sensor["rh"].notna() & reference["pm25"].notna()
    sensor, reference = sensor[whole], reference[whole]
    train = sensor.index < pd.Timestamp(expected["train_before"])
    columns = {"pm25": sensor["pm25"], "rh": sensor["rh"]}
    fit = fit_linear(reference["pm25"][train], {n: c[train] for n, c in columns.items()})
    coefficients = {"const": fit.offset, **fit.coefficients}
    assert coefficients == pytest.approx(expected["coef"], rel=TOLERANCE, abs=1e-6)
    later = {name: column[~train] for name, column in columns.items()}
    figures = {
        "n": fit.n,
        "r2": fit.r2,
        "rmse": fit.rmse,
        "test_n": int((~train).sum()),
        "test_rmse_raw": rmse(later["pm25"], reference["pm25"][~train]),
        "test_rmse_calibrated": rmse(fit.predict(later), reference["pm25"][~train]),
    }
    assert figures == pytest.approx({n: expected[n] for n in figures}, rel=TOLERANCE, abs=1e-6)


def test_between_sampler_uncertainty_matches_oracle() -> None:
    one, other = hourly("rt01")["pm25"], hourly("rt02")["pm25"]
    both = one.index.intersection(other.index)
    expected = oracle_json("air/rtp_agreement.json")["between_sampler_pm25"]
    ours = between_sampler_uncertainty(one.loc[both], other.loc[both])
    assert ours == pytest.approx(expected["u_bs"], rel=TOLERANCE)
    assert (one.loc[both].notna() & other.loc[both].notna()).sum() == expected["n"]


@pytest.mark.parametrize(
    ("name", "reference"), [("co", "CO_GT"), ("no2", "NO2_GT"), ("benzene", "C6H6_GT")]
)
def test_fit_linear_matches_uci_oracle(name: str, reference: str) -> None:
    expected = oracle_json("air/uci_colocation.json")["fit"][name]
    frame, columns = uci(), [column for column in expected["coef"] if column != "const"]
    fit = fit_linear(frame[reference], {column: frame[column] for column in columns})
    ours = {"const": fit.offset, **fit.coefficients}
    # The file has six decimals: one in the last of them, or 1e-5 of the number.
    assert ours == pytest.approx(expected["coef"], rel=TOLERANCE, abs=1e-6)
    assert fit.n == expected["n"]
    assert (fit.r2, fit.rmse) == pytest.approx((expected["r2"], expected["rmse"]), rel=TOLERANCE)


def test_uci_counts_and_means_match_oracle() -> None:
    oracle = oracle_json("air/uci_colocation.json")
    frame = uci()
    assert {name: int(frame[name].notna().sum()) for name in oracle["valid"]} == oracle["valid"]
    means = {name: float(frame[name].mean()) for name in oracle["mean"]}
    assert means == pytest.approx(oracle["mean"], rel=TOLERANCE)


def test_agreement_worked_vector() -> None:
    """Domain 10.2."""
    result = agreement([6, 10, 17, 19, 27], [5, 10, 15, 20, 25], level=30, u_reference=0.67)
    expected = {
        "orth_intercept": 0.297746,
        "orth_slope": 1.033484,
        "orth_rss": 6.745452,
        "rel_expanded_uncertainty_at_level": 0.124641,
    }
    check(result, expected)


def test_fitted_parameters_apply_as_a_calibration_row() -> None:
    rng = np.random.default_rng(7)
    raw, humidity = rng.uniform(5, 40, 200), rng.uniform(40, 90, 200)
    reference = 2.0 + 0.5 * raw - 0.03 * humidity + rng.normal(0, 0.1, 200)
    fit = fit_linear(reference, {"pm2_5": raw, "relative_humidity": humidity})
    times = 3_600_000_000_000 * np.arange(200)
    row = Row("s", "multi_linear", fit.parameters("pm2_5"), 0, None)
    table = apply(
        to_panel(times, "s", raw), [row], to_panel(times, "s", humidity, "relative_humidity")
    )
    predicted = fit.predict({"pm2_5": raw, "relative_humidity": humidity})
    np.testing.assert_allclose(table["value"], predicted, rtol=1e-12)
    assert set(table["flag"]) == {1}, "the fit lies inside its own range"
    beyond = apply(
        to_panel([0], "s", [99.0]), [row], to_panel([0], "s", [50.0], "relative_humidity")
    )
    assert beyond["flag"].tolist() == [3]


def test_colocation_refuses_what_has_no_answer() -> None:
    with pytest.raises(DataError, match="2 complete rows"):
        agreement([1.0, 2.0, np.nan], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="does not vary"):
        agreement([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])
    with pytest.raises(DataError, match="different length"):
        agreement([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="determine each other"):
        fit_linear([1.0, 2.0, 3.0, 4.0, 5.0], {"a": [1, 2, 3, 4, 5], "b": [2, 4, 6, 8, 10]})
