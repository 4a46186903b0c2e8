"""The frame contract: what is accepted at the border, and what each breach is called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from livinglab.errors import DataError
from transforms.frames import (
    empty_panel,
    of_quantity,
    require_panel,
    series_codes,
    time_ns,
    to_index,
    to_ns,
    to_panel,
)

UTC = pd.date_range("2025-01-01", periods=3, freq="h", tz="UTC", unit="ns")


def test_to_panel_sorts_by_series_then_time() -> None:
    panel = to_panel([5, 1, 3], ["b", "b", "a"], [1.0, 2.0, 3.0])
    assert panel["series"].tolist() == ["a", "b", "b"]
    assert panel["value"].tolist() == [3.0, 2.0, 1.0]
    assert time_ns(panel).tolist() == [3, 1, 5]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_to_panel_sets_ns_whatever_the_resolution(unit: str) -> None:
    panel = to_panel(UTC.as_unit(unit).tz_convert("Europe/Amsterdam"), "a", [1, 2, 3])
    assert str(panel.index.dtype) == "datetime64[ns, UTC]"
    assert (panel.index == UTC).all()
    assert panel["value"].dtype == np.float64


def test_to_panel_refuses_naive_times() -> None:
    with pytest.raises(DataError, match="naive"):
        to_panel(UTC.tz_localize(None), "a", [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="naive"):
        to_ns(pd.Timestamp("2025-01-01"))


def good() -> pd.DataFrame:
    return to_panel(UTC, "a", [1.0, 2.0, np.nan])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.tz_localize(None), "UTC DatetimeIndex"),
        (lambda p: p.tz_convert("Europe/Amsterdam"), "UTC DatetimeIndex"),
        (lambda p: p.set_index(p.index.as_unit("us")), "UTC DatetimeIndex in ns"),
        (lambda p: p.reset_index(drop=True), "RangeIndex"),
        (lambda p: p.rename_axis("when"), "'when'"),
        (lambda p: p.drop(columns="series"), "'series'"),
        (lambda p: p.drop(columns="value"), "'value'"),
        (lambda p: p.astype({"value": "float32"}), "float32"),
        (lambda p: p.assign(value=np.inf), "infinite"),
        (lambda p: p.assign(series=None), "gaps"),
        (lambda p: p[::-1], "not ascending"),
        (lambda p: pd.concat([p, p[-1:]]), "two values"),
        (lambda p: p.assign(series=["b", "a", "c"]), "series are not in ascending order"),
        (lambda p: p.assign(series=["a", "b", "a"]), "series are not in ascending order"),
    ],
)
def test_require_panel_names_the_breach(change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        require_panel(change(good()))


def test_require_panel_accepts_missing_values_and_extra_columns() -> None:
    assert require_panel(good().assign(flag=1)).equals(good().assign(flag=1))
    assert len(require_panel(empty_panel())) == 0


def test_require_panel_with_quantities_allows_one_value_each_per_time() -> None:
    panel = to_panel([0, 0, 5, 5], "a", [1.0, 2.0, 3.0, 4.0], ["no2", "o3", "no2", "o3"])
    by_time = panel.sort_index(kind="stable")
    assert require_panel(by_time) is by_time
    assert of_quantity(by_time, "o3")["value"].tolist() == [2.0, 4.0]
    with pytest.raises(DataError, match="two values"):
        require_panel(pd.concat([panel, panel[-1:]]))
    with pytest.raises(DataError, match="quantity"):
        of_quantity(good(), "no2")


def test_a_panel_in_order_is_checked_again_when_a_part_of_it_changes() -> None:
    panel = to_panel([0, 1], ["a", "b"], [1.0, 2.0])
    turned = panel["series"].to_numpy()[::-1].copy()
    same = panel.assign(series="a")
    assert require_panel(require_panel(panel)) is panel
    with pytest.raises(DataError, match="ascending order"):
        require_panel(panel.assign(series=turned))
    same.index = panel.index[::-1]
    with pytest.raises(DataError, match="times not ascending"):
        require_panel(same)
    panel["series"] = turned
    with pytest.raises(DataError, match="ascending order"):
        require_panel(panel)


def test_require_panel_accepts_categories() -> None:
    panel = good().astype({"series": "category"})
    assert require_panel(panel) is panel
    assert series_codes(panel, ["z", "a"]).tolist() == [1, 1, 1]


def test_series_codes_names_the_stranger() -> None:
    with pytest.raises(DataError, match="nominal step or thresholds: a"):
        series_codes(good(), ["b"])


def test_to_index_is_exact_to_the_nanosecond() -> None:
    index = to_index([1_735_689_600_000_000_001])
    assert index.name == "time"
    assert to_ns(index[0]) == 1_735_689_600_000_000_001
