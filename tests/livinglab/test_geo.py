from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livinglab import geo
from livinglab.errors import DataError

SHARED = Path(__file__).parents[2].parent / "shared"
HAS_GRID = geo.transform_accuracy_m() == geo.GRID_ACCURACY_M


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_to_rd_matches_rdnaptrans():
    """PyRDNAP (RDNAP2018v2): 1 mm with the grid, 0.25 m without."""
    tolerance = 0.001 if HAS_GRID else 0.25
    stations = rows(SHARED / "oracles/geo/lml_stations_rd.csv")
    assert len(stations) == 70
    for row in stations:
        position = geo.to_rd(float(row["lon"]), float(row["lat"]))
        expected = float(row["rd_x"]), float(row["rd_y"])
        assert geo.distance_m(position, expected) <= tolerance, row["station"]


def test_to_rd_without_grid_matches_proj():
    if HAS_GRID:
        assert geo.transform_accuracy_m() == 0.001
        return
    for row in rows(SHARED / "oracles/geo/lml_stations_rd.csv"):
        x, y = geo.to_rd(float(row["lon"]), float(row["lat"]))
        assert x == pytest.approx(float(row["proj_nogrid_x"]), abs=1e-3)
        assert y == pytest.approx(float(row["proj_nogrid_y"]), abs=1e-3)


def test_to_lon_lat_matches_rdnaptrans():
    tolerance = 1e-8 if HAS_GRID else 3e-6
    for row in rows(SHARED / "oracles/geo/dino_wells_etrs89.csv"):
        lon, lat = geo.to_lon_lat(float(row["rd_x"]), float(row["rd_y"]))
        assert lon == pytest.approx(float(row["lon"]), abs=tolerance)
        assert lat == pytest.approx(float(row["lat"]), abs=tolerance)


def test_transform_accuracy_says_that_the_grid_is_missing():
    summary = json.loads((SHARED / "oracles/geo/summary.json").read_text())
    expected = 0.001 if HAS_GRID else summary["used_operation_accuracy_m"]
    assert geo.transform_accuracy_m() == expected


@pytest.mark.parametrize(
    ("lat", "lon", "x", "y"),
    [  # RDNAPTRANS2018: origin, first validation point of the self test
        (52.155172897, 5.387203657, 155_000, 463_000),
        (51.728601274, 4.712120126, 108_360.8790, 415_757.2745),
    ],
)
def test_to_rd_matches_known_points(lat, lon, x, y):
    assert geo.distance_m(geo.to_rd(lon, lat), (x, y)) <= (0.002 if HAS_GRID else 0.25)


@given(x=st.floats(100_000, 200_000), y=st.floats(400_000, 550_000))
def test_to_lon_lat_and_back_is_the_identity(x, y):
    back = geo.to_rd(*geo.to_lon_lat(x, y))
    assert geo.distance_m(back, (x, y)) < 0.001


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (456_088, 135_339, "swapped"),
        (0, 0, "unset"),
        (-5, 456_000, "outside"),
        (135_339, 4_560_880, "outside"),
        (5.1, 52.1, "outside"),
        (float("nan"), 456_000, "outside"),
    ],
)
def test_require_rd_refuses(x, y, told):
    with pytest.raises(DataError, match=told):
        geo.require_rd(x, y)


@pytest.mark.parametrize(
    ("lon", "lat", "told"),
    [
        (52.1, 5.1, "swapped"),
        (0, 0, "unset"),
        (-0.12, 51.5, "outside"),
        (13.4, 52.5, "outside"),
        (135_339, 456_088, "outside"),
    ],
)
def test_require_lon_lat_refuses(lon, lat, told):
    with pytest.raises(DataError, match=told):
        geo.require_lon_lat(lon, lat)


@given(
    x=st.floats(10_000, 280_000), y=st.floats(300_000, 625_000), cell=st.sampled_from([100, 500])
)
def test_coarsened_hides_the_place_within_its_cell(x, y, cell):
    coarse = geo.coarsened(x, y, cell)
    assert geo.coarsened(*coarse, cell) == coarse  # publishing twice gives nothing away
    assert max(abs(coarse[0] - x), abs(coarse[1] - y)) <= cell / 2 * 1.0001
    assert coarse[0] % cell == coarse[1] % cell == cell / 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("GM0344", True),
        ("WK0363NK", True),
        ("BU00030102", True),
        ("BU0363AA01", True),
        ("gm0344", False),
        ("GM344", False),
        ("BU0003010", False),
        ("0344", False),
        ("GM03440", False),
        ("GM0344\n", False),
    ],
)
def test_is_cbs_code_of_forms(code, expected):
    assert geo.is_cbs_code(code) is expected
