"""Water indicators against the reference results beside the repository."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from shared_data import oracle_csv, oracle_json
from shared_mobility_water import (
    WATER,
    dino,
    dino_export,
    flow,
    head_csv,
    hseries,
    knmi,
    water_oracle,
)

from transforms.aggregate import binned
from transforms.discharge import exceeded_flow, lowest_mean_flow, monthly_means, yearly_means
from transforms.frames import to_panel
from transforms.groundwater import (
    depth_below_surface,
    gg_yearly,
    ghg,
    ghg_yearly,
    glg,
    glg_yearly,
    gvg,
    gvg_yearly,
    last_hydrological_years,
    long_term,
    quantile_level,
    spring_median_level,
)
from transforms.intervals import civil_days
from transforms.references.waterinfo import parse_waterinfo
from transforms.water import daily_mean, daily_sum

GXG = water_oracle("groundwater_gxg.json")["series"]
HEADS = {
    "dino_B27D0140001_1": lambda: dino("dino_B27D0140001_1"),
    "dino_B33F0080001_1": lambda: dino("dino_B33F0080001_1"),
    "head_B32C0639001": head_csv,
}
TOLERANCE = 1e-5


def number(value: float | None) -> float:
    return float("nan") if value is None else value


def same_years(ours: pd.Series, oracle: dict[str, float | None]) -> None:
    """Same years with a value, same values; years without one may be left out on either side."""
    found = {str(stamp.date()): value for stamp, value in ours.dropna().items()}
    expected = {day: value for day, value in oracle.items() if value is not None}
    assert found == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("well", HEADS)
def test_readings_match_the_counts_of_the_reference(well: str) -> None:
    head, oracle = HEADS[well]().dropna(), GXG[well]
    assert len(head) == oracle["n_obs"]
    assert str(head.index[0].date()) == oracle["first"]
    assert str(head.index[-1].date()) == oracle["last"]
    stats = [head.min(), head.max(), head.mean()]
    assert stats == pytest.approx([oracle["min"], oracle["max"], oracle["mean"]], abs=TOLERANCE)


@pytest.mark.parametrize("well", HEADS)
def test_yearly_levels_match_pastas(well: str) -> None:
    head, oracle = HEADS[well](), GXG[well]
    same_years(ghg_yearly(head, n_extreme="pastas"), oracle["ghg_yearly"])
    same_years(glg_yearly(head, n_extreme="pastas"), oracle["glg_yearly"])
    same_years(gvg_yearly(head), oracle["gvg_yearly"])
    same_years(gg_yearly(head), oracle["gg_yearly"])


@pytest.mark.parametrize("well", HEADS)
def test_long_term_levels_match_pastas(well: str) -> None:
    head, oracle = HEADS[well](), GXG[well]
    ours = {
        "ghg": ghg(head, n_extreme="pastas"),
        "glg": glg(head, n_extreme="pastas"),
        "gvg": gvg(head),
        "gg": long_term(gg_yearly(head)),
        "gvg_limit0": gvg(head, fill="nearest"),
        "q_ghg": quantile_level(head, 0.94),
        "q_glg": quantile_level(head, 0.06),
        "q_gvg": spring_median_level(head),
    }
    expected = {key: number(oracle[key]) for key in ours}
    assert ours == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


@pytest.mark.parametrize("well", HEADS)
def test_last_eight_hydrological_years_match_pastas(well: str) -> None:
    oracle = GXG[well]["last_8_hydrological_years"]
    part = last_hydrological_years(HEADS[well]())
    ours = {"ghg": ghg(part, n_extreme="pastas"), "glg": glg(part, n_extreme="pastas")}
    expected = {key: number(oracle[key]) for key in ours}
    assert ours == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)
    assert part.index[0] >= pd.Timestamp(oracle["tmin"])
    assert part.index[-1] <= pd.Timestamp(oracle["tmax"])


@pytest.mark.parametrize("well", HEADS)
def test_three_extremes_lower_the_ghg_by_millimetres(well: str) -> None:
    """The definition's three against the two or three of pastas."""
    head = HEADS[well]()
    assert 0 <= ghg(head, n_extreme="pastas") - ghg(head) < 0.01
    assert -0.01 < glg(head, n_extreme="pastas") - glg(head) <= 0


def test_hourly_heads_match_pastas_and_menyanthes() -> None:
    oracle = GXG["hseries_gxg"]
    head = hseries()
    ours = {
        "q_ghg": quantile_level(head, 0.94),
        "q_glg": quantile_level(head, 0.06),
        "q_gvg": spring_median_level(head),
        # The record holds three years; the reference took whatever years there are.
        "ghg": long_term(ghg_yearly(head, n_extreme="pastas"), min_years=1),
        "glg": long_term(glg_yearly(head, n_extreme="pastas"), min_years=1),
    }
    expected = {key: oracle[key] for key in ours}
    assert ours == pytest.approx(expected, abs=TOLERANCE)
    stated = oracle["menyanthes_reference"]
    for key in ("ghg", "glg"):
        assert ours[key] == pytest.approx(stated[key], abs=stated["tolerance"])
        assert ours[f"q_{key}"] == pytest.approx(stated[key], abs=stated["tolerance"])
    assert ours["q_gvg"] == pytest.approx(stated["gvg"], abs=stated["tolerance"])
    assert np.isnan(ghg(head)), "three years are no GHG"


def test_staff_gauge_matches_reference() -> None:
    oracle = water_oracle("staff_gauge.json")
    level = dino("dino_P58A0001")
    valid = level.dropna()
    assert (len(level), len(valid)) == (oracle["rows"], oracle["n_valid"])
    stats = [valid.mean(), valid.min(), valid.max()]
    assert stats == pytest.approx([oracle["mean_m"], oracle["min_m"], oracle["max_m"]], abs=1e-6)
    years = yearly_means(level)
    ours = {str(year): [row["n"], row["mean"]] for year, row in years.iterrows()}
    assert set(ours) == set(oracle["by_year"])
    for year, (n, mean) in oracle["by_year"].items():
        assert ours[year] == pytest.approx([n, mean], abs=1e-6)


def knmi_days(column: str, trace: float = 0.0) -> dict[str, Any]:
    table = knmi(trace)
    return {
        "panel": to_panel(table.index, "debilt", table[column].to_numpy()),
        "start": table.index[0],
        "end": table.index[-1] + pd.Timedelta(hours=1),
        "zone": "UTC",
        "steps": {"debilt": 3600},
    }


@pytest.mark.parametrize(
    ("column", "trace"), [("rain_mm_trace_0", 0.0), ("rain_mm_trace_0025", 0.025)]
)
def test_daily_sum_matches_knmi_rain(column: str, trace: float) -> None:
    oracle = oracle_csv("water/knmi_260_daily.csv")
    ours = daily_sum(**knmi_days("precipitation", trace))
    assert np.abs(ours["value"].to_numpy() - oracle[column].to_numpy()).max() <= 1e-4
    assert ours["n"].tolist() == oracle["n_hours"].tolist()
    assert ours.index.strftime("%Y%m%d").astype(int).tolist() == oracle["date"].tolist()


def test_trace_hours_match_knmi() -> None:
    oracle = oracle_csv("water/knmi_260_daily.csv")
    is_trace = knmi(trace=-9.0)["precipitation"] == -9.0
    per_day = is_trace.groupby(is_trace.index.strftime("%Y%m%d").astype(int)).sum()
    assert per_day.tolist() == oracle["n_trace_hours"].tolist()


def test_daily_sum_is_within_a_trace_of_the_published_days() -> None:
    oracle = oracle_csv("water/knmi_260_daily.csv")
    ours = daily_sum(**knmi_days("precipitation"))["value"].to_numpy()
    published = oracle["rain_mm_published_daily"].to_numpy()
    apart = np.abs(ours - published)
    assert apart.max() <= 0.03
    summary = water_oracle("knmi_260.json")
    found = [ours.sum(), published.sum(), apart.max(), (apart > 0.06).sum(), len(ours)]
    keys = (
        "rain_total_trace_0",
        "rain_total_published",
        "max_abs_difference",
        "days_differing_gt_0_06_mm",
        "days",
    )
    assert found == pytest.approx([summary[key] for key in keys], abs=1e-4)


@pytest.mark.parametrize(
    ("column", "source"), [("t_mean_c", "air_temperature"), ("wind_mean_m_s", "wind_speed")]
)
def test_daily_mean_matches_knmi(column: str, source: str) -> None:
    oracle = oracle_csv("water/knmi_260_daily.csv")
    ours = daily_mean(**knmi_days(source))
    assert np.abs(ours["value"].to_numpy() - oracle[column].to_numpy()).max() <= 1e-4


def test_daily_sum_matches_knmi_radiation_and_extremes() -> None:
    oracle = oracle_csv("water/knmi_260_daily.csv")
    ours = daily_sum(**knmi_days("global_radiation_j_cm2"))
    assert np.abs(ours["value"] - oracle["global_radiation_j_cm2"].to_numpy()).max() <= 1e-4
    arguments = knmi_days("air_temperature")
    days = civil_days(arguments["start"], arguments["end"], "UTC")
    for statistic, column in (("min", "t_min_c"), ("max", "t_max_c")):
        extreme = binned(arguments["panel"], days, arguments["steps"], statistic, 1.0)
        assert np.abs(extreme["value"].to_numpy() - oracle[column].to_numpy()).max() <= 1e-4
    mean = float(arguments["panel"]["value"].mean())
    assert mean == pytest.approx(water_oracle("knmi_260.json")["t_mean_period"], abs=1e-4)


@pytest.mark.parametrize("gauge", ["L06_347", "LS06_347", "LS06_348"])
def test_daily_mean_matches_flow(gauge: str) -> None:
    oracle = water_oracle("vmm_flow.json")[gauge]
    q = flow()[gauge]
    panel = to_panel(q.index, gauge, q.to_numpy())
    day = daily_mean(
        panel,
        start=q.index[0],
        end=q.index[-1] + pd.Timedelta(hours=3),
        zone="UTC",
        steps={gauge: 10_800},
        coverage=1.0,
    )["value"]
    assert int(day.notna().sum()) == oracle["days_complete"]
    assert float(day.max()) == pytest.approx(oracle["max_daily"], abs=1e-6)
    assert len(flow()) == water_oracle("vmm_flow.json")["rows"]
    local = pd.Series(day.to_numpy(), index=day.index.tz_localize(None))
    ours = {
        "n": int(q.notna().sum()),
        "mean": q.mean(),
        "min": q.min(),
        "max": q.max(),
        "min_7day_mean": lowest_mean_flow(local),
        "monthly_mean": monthly_means(q).to_dict(),
    } | {f"q{p}_exceeded": exceeded_flow(q, p) for p in (5, 10, 50, 90, 95)}
    months = ours.pop("monthly_mean")
    assert months == pytest.approx(oracle["monthly_mean"], abs=1e-6)
    assert ours == pytest.approx({key: oracle[key] for key in ours}, abs=1e-6)
    checked = set(ours) | {"monthly_mean", "days_complete", "max_daily"}
    assert checked == set(oracle), "every number of the file is compared"


def test_units_and_datum_match_analytic_case() -> None:
    case = oracle_json("analytic/cases.json")["water"]
    assert case["dino_cm_nap_to_m"]["in"] / 100 == case["dino_cm_nap_to_m"]["out"]
    below = case["below_surface"]
    depth = depth_below_surface(pd.Series([below["head_m_nap"]]), below["surface_m_nap"])
    assert depth.tolist() == pytest.approx([below["depth_m"]], abs=1e-9)


def test_knmi_hour_24_is_the_last_hour_of_its_date() -> None:
    start, end = oracle_json("analytic/cases.json")["time"]["knmi_hour_24_of_20000101_interval_utc"]
    assert knmi().index[23] == pd.Timestamp(start)
    assert knmi().index[24] == pd.Timestamp(end)


@pytest.mark.parametrize("name", ["dino_B27D0140001_1", "dino_B33F0080001_1"])
def test_parse_dino_matches_metadata(name: str) -> None:
    oracle = water_oracle("dino_metadata.json")["wells"][name]
    well = dino_export(name)
    ours = {
        "name": well.name,
        "x": well.x_rd,
        "y": well.y_rd,
        "ground_level": well.ground_level,
        "tube_top": well.tube_top,
        "screen_top": well.screen_top,
        "screen_bottom": well.screen_bottom,
    }
    assert ours == {key: oracle[key] for key in ours}
    assert len(well.level) == GXG[name]["rows_in_file"]


def test_parse_waterinfo_reads_the_sample() -> None:
    text = (WATER / "rws_waterinfo_20231023_017.csv").read_bytes().decode("utf-8")
    table = parse_waterinfo(text)
    assert len(table) == 5
    assert table["level_m_nap"].iloc[:2].tolist() == [0.43, 0.51]
    assert table.index[0] == pd.Timestamp("2021-12-31T23:00Z")
    assert set(table["location"]) == {"KRIMPADLK"}
