"""Statistics per cell and per area: arithmetic, coverage, and independence of what is beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import oracle_json

from livinglab.errors import DataError
from transforms.aggregate import binned, combine
from transforms.cells import STATISTICS, cells, exceedances, rank, regrid, statistic
from transforms.frames import empty_panel, time_ns, to_index, to_panel
from transforms.intervals import civil_days, hours

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2025-10-25T22:00Z")  # the civil day of 25 hours
END = pd.Timestamp("2025-10-27T23:00Z")
STEPS = {"a": 600, "b": 3600, "c": 900}
NAMES = ["mean", "energy_mean", "sum", "circular_mean", "min", "max", "count", "p10", "p99.8"]


@st.composite
def panels(draw: st.DrawFn) -> pd.DataFrame:
    """Two gappy series (and one, c, that never arrives) over two civil days and beyond."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for name in ("a", "b"):
        size = draw(st.integers(0, 120))
        times = START.value // 10**9 - 7200 + np.unique(rng.integers(0, 54 * 3600, size))
        values = rng.normal(50, 20, len(times))
        values[rng.random(len(times)) < 0.1] = np.nan
        parts.append(to_panel(pd.to_datetime(times, unit="s", utc=True), name, values))
    return pd.concat(parts)


def rows_of(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[table["series"] == name].drop(columns="series")


@settings(max_examples=40, deadline=None)
@given(panel=panels(), name=st.sampled_from(NAMES), coverage=st.sampled_from([0.0, 0.25, 0.75]))
def test_binned_has_every_row_and_never_turns_missing_into_zero(
    panel: pd.DataFrame, name: str, coverage: float
) -> None:
    table = binned(panel, hours(START, END), STEPS, name, coverage)
    assert len(table) == 3 * 49
    assert table["coverage"].between(0, 1).all()
    assert (table["value"].isna() == (table["status"] == "insufficient")).all()
    empty = table["n"] == 0
    assert table.loc[empty, "value"].isna().all()
    assert (table.loc[empty, "coverage"] == 0).all()
    assert (rows_of(table, "c")["status"] == "insufficient").all()


@settings(max_examples=40, deadline=None)
@given(panel=panels(), name=st.sampled_from(NAMES), data=st.data())
def test_binned_chunk_by_chunk_gives_the_same_bytes(
    panel: pd.DataFrame, name: str, data: st.DataObject
) -> None:
    whole = binned(panel, hours(START, END), STEPS, name, 0.0)
    cut = data.draw(st.integers(1, 48)) * HOUR
    times = panel.index
    parts = [
        binned(panel[times < START + cut], hours(START, START + cut), STEPS, name, 0.0),
        binned(panel[times >= START + cut], hours(START + cut, END), STEPS, name, 0.0),
    ]
    joined = pd.concat(parts).sort_values(["series", "time"], kind="stable")
    assert same_bytes(joined, whole)


@settings(max_examples=40, deadline=None)
@given(panel=panels(), name=st.sampled_from(NAMES))
def test_binned_series_by_series_gives_the_same_bytes(panel: pd.DataFrame, name: str) -> None:
    whole = binned(panel, civil_days(START, END, "Europe/Amsterdam"), STEPS, name, 0.0)
    for series, step in STEPS.items():
        alone = binned(
            panel[panel["series"] == series],
            civil_days(START, END, "Europe/Amsterdam"),
            {series: step},
            name,
            0.0,
        )
        assert same_bytes(alone, whole[whole["series"] == series])


@settings(max_examples=20, deadline=None)
@given(panel=panels(), name=st.sampled_from(NAMES))
def test_binned_does_not_depend_on_the_order_of_steps(panel: pd.DataFrame, name: str) -> None:
    backwards = dict(reversed(STEPS.items()))
    bins = hours(START, END)
    assert same_bytes(
        binned(panel, bins, STEPS, name, 0.5), binned(panel, bins, backwards, name, 0.5)
    )


@settings(max_examples=20, deadline=None)
@given(panel=panels(), name=st.sampled_from([*NAMES[:3], "p50"]))
def test_renaming_series_moves_rows_and_changes_no_value(panel: pd.DataFrame, name: str) -> None:
    swapped = panel.assign(series=panel["series"].map({"a": "b", "b": "a"}))
    swapped = to_panel(swapped.index, swapped["series"], swapped["value"])
    steps = dict.fromkeys("ab", 600)
    bins = hours(START, END)
    one, other = binned(panel, bins, steps, name, 0.0), binned(swapped, bins, steps, name, 0.0)
    assert same_bytes(rows_of(one, "a"), rows_of(other, "b"))
    assert same_bytes(rows_of(one, "b"), rows_of(other, "a"))


def same_bytes(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    return one["value"].to_numpy().tobytes() == other["value"].to_numpy().tobytes()


@settings(max_examples=40, deadline=None)
@given(panel=panels(), constant=st.floats(-50, 50))
def test_adding_a_constant_shifts_means_and_percentiles_by_it(
    panel: pd.DataFrame, constant: float
) -> None:
    shifted = panel.assign(value=panel["value"] + constant)
    for name in ("mean", "energy_mean", "min", "max", "p50", "p95"):
        one = binned(panel, hours(START, END), STEPS, name, 0.0)["value"]
        other = binned(shifted, hours(START, END), STEPS, name, 0.0)["value"]
        np.testing.assert_allclose(other, one + constant, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(panel=panels())
def test_energy_mean_is_at_least_the_arithmetic_mean(panel: pd.DataFrame) -> None:
    bins = civil_days(START, END, "Europe/Amsterdam")
    energetic = binned(panel, bins, STEPS, "energy_mean", 0.0)["value"]
    arithmetic = binned(panel, bins, STEPS, "mean", 0.0)["value"]
    present = arithmetic.notna()
    assert (energetic[present] >= arithmetic[present] - 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(panel=panels())
def test_statistics_agree_with_numpy_on_each_cell(panel: pd.DataFrame) -> None:
    bins = civil_days(START, END, "Europe/Amsterdam")
    tables = {name: binned(panel, bins, STEPS, name, 0.0) for name in NAMES}
    place = bins.locate(time_ns(panel))
    for series in ("a", "b"):
        for number in range(len(bins)):
            here = (panel["series"] == series).to_numpy() & (place == number)
            values = panel["value"].to_numpy()[here]
            values = values[~np.isnan(values)]
            if not len(values):
                continue
            got = {n: rows_of(table, series)["value"].iloc[number] for n, table in tables.items()}
            expected = {
                "mean": values.mean(), "sum": values.sum(), "min": values.min(),
                "max": values.max(), "count": len(values), "p10": np.percentile(values, 10),
                "p99.8": np.percentile(values, 99.8),
                "energy_mean": 10 * np.log10(np.mean(10 ** (values / 10))),
            }  # fmt: skip
            assert {n: got[n] for n in expected} == pytest.approx(expected, rel=1e-9)


def degrees(values: list[float]) -> float:
    panel = to_panel(np.arange(len(values)), "a", values)
    bins = hours(pd.Timestamp(0, tz="UTC"), pd.Timestamp(0, tz="UTC") + HOUR)
    return float(binned(panel, bins, {"a": 60}, "circular_mean", 0.0)["value"].iloc[0])


def test_percentiles_do_not_depend_on_the_sizes_of_other_cells() -> None:
    """Equal cells are sorted in one table, unequal ones by key; zeros keep their sign in both."""
    rng = np.random.default_rng(7)
    small = rng.choice([-0.0, 0.0, 1.0, -1.0, 2.5], 20)
    large = rng.normal(0, 1, 3000)
    times = START.value + np.arange(20) * 10**9
    beside = START.value + HOUR.value + np.arange(3000) * 10**9
    alone = to_panel(times, "a", small)
    both = to_panel(np.concatenate([times, beside]), "a", np.concatenate([small, large]))
    few = to_panel(np.concatenate([times, beside[:30]]), "a", np.concatenate([small, large[:30]]))
    for name in ("min", "p10", "p50", "p75", "max"):
        found = [
            statistic(cells(panel, hours(START, END), STEPS), name)[0].tobytes()
            for panel in (alone, few, both)
        ]
        assert found[0] == found[1] == found[2]


def test_circular_mean_matches_arithmetic() -> None:
    case = oracle_json("analytic/cases.json")["air"]["wind_direction"]
    difference = (degrees(case["degrees"]) - case["vector_mean"] + 180) % 360 - 180
    assert abs(difference) < 1e-6
    assert degrees([90.0, 180.0]) == pytest.approx(135.0)
    assert np.isnan(degrees([0.0, 180.0])), "opposite directions have no mean"
    assert 0 <= degrees([359.9999999, 0.0]) < 360


def test_exceedances_and_rank_of_cells() -> None:
    panel = to_panel(range(4), "a", [1.0, 5.0, 3.0, 5.0])
    grid = cells(panel, hours(pd.Timestamp(0, tz="UTC"), pd.Timestamp(0, tz="UTC") + 2 * HOUR),
                 {"a": 600})  # fmt: skip
    assert exceedances(grid, 3.0).tolist()[0] == 2.0
    assert np.isnan(exceedances(grid, 3.0)[1])
    assert [rank(grid, k)[0] for k in (1, 2, 3, 4)] == [5.0, 5.0, 3.0, 1.0]
    assert np.isnan(rank(grid, 5)).all()
    with pytest.raises(DataError, match="rank 0"):
        rank(grid, 0)


def test_regrid_skips_what_is_missing() -> None:
    start = pd.Timestamp(0, tz="UTC")
    fine = cells(to_panel([0, 3_600_000_000_000], "a", [1.0, 3.0]), hours(start, start + 4 * HOUR),
                 {"a": 3600})  # fmt: skip
    day = civil_days(start, start + pd.Timedelta(days=1), "UTC")
    coarse = regrid(fine, STATISTICS["mean"](fine), day, fine.step_s)
    assert coarse.n.tolist() == [2]
    assert STATISTICS["mean"](coarse).tolist() == [2.0]


def test_statistic_refuses_unknown_names() -> None:
    grid = cells(empty_panel(), hours(START, END), STEPS)
    with pytest.raises(DataError, match="mode"):
        statistic(grid, "mode")
    with pytest.raises(DataError, match="percentile 101"):
        statistic(grid, "p101")


def test_cells_refuse_strangers_and_impossible_steps() -> None:
    panel = to_panel([0], "stranger", [1.0])
    with pytest.raises(DataError, match="stranger"):
        cells(panel, hours(START, END), STEPS)
    with pytest.raises(DataError, match="positive"):
        cells(empty_panel(), hours(START, END), {"a": 0})


def test_coverage_never_exceeds_one() -> None:
    panel = to_panel(START.value + np.arange(100) * 10**9, "a", np.ones(100))
    table = binned(panel, hours(START, START + HOUR), {"a": 600}, "mean", 0.75)
    assert table[["coverage", "n"]].to_numpy().tolist() == [[1.0, 100]]


def result(rows: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Rows (series, value, status) of one interval."""
    frame = pd.DataFrame(rows, columns=["series", "value", "status"])
    covered = (frame["status"] != "insufficient").to_numpy()
    return frame.assign(coverage=np.where(covered, 1.0, 0.5), n=np.where(covered, 60, 30)).set_axis(
        pd.DatetimeIndex([0] * len(frame), tz="UTC", name="time")
    )


STREET = dict.fromkeys(["a", "b", "c"], "street")
NAN = float("nan")


@pytest.mark.parametrize(
    ("rule", "value"), [("mean", 60.0), ("energy_mean", 67.0329), ("sum", 120.0)]
)
def test_combine_of_complete_devices_is_valid(rule: str, value: float) -> None:
    table = combine(result([("a", 50.0, "valid"), ("b", 70.0, "valid")]), STREET, rule)
    assert table["value"].round(4).tolist() == [value]
    assert table[["coverage", "n", "status"]].to_numpy().tolist() == [[1.0, 120, "valid"]]


def test_combine_of_some_devices_is_indicative_and_no_sum() -> None:
    frame = result([("a", 50.0, "valid"), ("b", NAN, "insufficient")])
    mean = combine(frame, STREET, "mean")
    assert mean[["value", "coverage", "status"]].to_numpy().tolist() == [[50.0, 0.75, "indicative"]]
    total = combine(frame, STREET, "sum")
    assert total["value"].isna().all(), "a partial sum is no sum"
    assert total[["coverage", "status"]].to_numpy().tolist() == [[0.5, "insufficient"]]


def test_combine_keeps_indicative_devices_indicative() -> None:
    frame = result([("a", 50.0, "valid"), ("b", 60.0, "indicative")])
    assert combine(frame, STREET, "mean")["status"].tolist() == ["indicative"]


def test_combine_of_nothing_is_missing() -> None:
    frame = result([("a", NAN, "insufficient"), ("b", NAN, "insufficient")])
    for rule in ("mean", "energy_mean", "sum"):
        table = combine(frame, STREET, rule)
        assert table["value"].isna().all()
        assert table["status"].tolist() == ["insufficient"]


def test_combine_keeps_areas_and_times_apart_whatever_the_order() -> None:
    rng = np.random.default_rng(3)
    times = pd.date_range(START, periods=5, freq="h", unit="ns", name="time")
    parts = [
        pd.DataFrame(
            {
                "series": name,
                "value": rng.normal(50, 9, 5),
                "coverage": 1.0,
                "n": 6,
                "status": "valid",
            },
            index=times,
        )
        for name in ("a", "b", "x")
    ]
    frame = pd.concat(parts)
    area = {"a": "street", "b": "street", "x": "square"}
    whole = combine(frame, area, "energy_mean")
    assert whole["area"].tolist() == ["square"] * 5 + ["street"] * 5
    assert whole.index.tolist() == [*times, *times]
    shuffled = combine(frame.sample(frac=1, random_state=1), area, "energy_mean")
    assert same_bytes(shuffled, whole)


def test_combine_refuses_unknown_rules_and_homeless_series() -> None:
    frame = result([("a", 50.0, "valid")])
    with pytest.raises(DataError, match="median"):
        combine(frame, STREET, "median")
    with pytest.raises(DataError, match="'a' belongs to no area"):
        combine(frame, {"b": "street"}, "mean")


def test_combine_of_an_empty_frame() -> None:
    table = combine(result([]), STREET, "mean")
    assert len(table) == 0
    assert table.columns.tolist() == ["area", "value", "coverage", "n", "status"]


def test_combine_takes_the_highest_device_or_the_mean_direction() -> None:
    frame = pd.DataFrame(
        {"series": ["a", "b", "c"], "value": [350.0, 10.0, np.nan], "coverage": 1.0, "n": 1},
        index=to_index([0, 0, 0]),
    ).assign(status=["valid", "valid", "insufficient"])
    areas = dict.fromkeys("abc", "street")
    (highest,) = combine(frame, areas, "max").to_dict("records")
    assert (highest["value"], highest["status"], highest["n"]) == (350.0, "indicative", 3)
    (direction,) = combine(frame, areas, "circular_mean").to_dict("records")
    assert direction["value"] == pytest.approx(0.0, abs=1e-9) or direction["value"] > 359.999
    assert combine(frame[2:], areas, "max")["value"].isna().all()
    assert combine(frame[2:], areas, "energy_mean")["value"].isna().all()


@pytest.mark.parametrize("name", STATISTICS)
def test_statistic_of_an_empty_cell_is_missing(name: str) -> None:
    hour = pd.Timestamp(0, tz="UTC"), pd.Timestamp(7200, unit="s", tz="UTC")
    grid = cells(to_panel([0], "a", [5.0]), hours(*hour), {"a": 3600})
    found = statistic(grid, name)
    assert not np.isnan(found[0])
    assert np.isnan(found[1]), "nothing measured is not zero"
