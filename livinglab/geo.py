"""Positions in the Netherlands: RD New and ETRS89, their validity, coarsening of citizens' homes.

RD is (x east, y north) in m, EPSG:28992; geographic positions are (lon, lat) in degrees, ETRS89,
EPSG:4258. WGS 84 is taken as ETRS89: they differ by about a metre in 2025, less than a GNSS fix.

References
----------
.. [1] RDNAPTRANS2018, Nederlandse Samenwerking Geodetische Infrastructuur: RD by grid (1 mm), or by
   seven parameters (0.25 m) where the grid `nl_nsgi_rdtrans2018.tif` is not installed.
.. [2] CBS Wijk- en Buurtkaart, explanatory notes: form of codes.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Final

from pyproj import Transformer
from pyproj.transformer import TransformerGroup

from livinglab.errors import DataError

RD: Final = "EPSG:28992"
ETRS89: Final = "EPSG:4258"

#: Accuracy of a transformation between RD and ETRS89 with and without the RDNAPTRANS grid, m [1]_.
GRID_ACCURACY_M: Final = 0.001
NO_GRID_ACCURACY_M: Final = 0.25

_X_RD: Final = (0.0, 280_000.0)
_Y_RD: Final = (300_000.0, 625_000.0)
_LON: Final = (3.2, 7.22)
_LAT: Final = (50.75, 53.7)

_CBS_CODE: Final = re.compile(r"GM\d{4}|WK\d{4}[0-9A-Z]{2}|BU\d{4}[0-9A-Z]{4}")


def to_rd(lon: float, lat: float) -> tuple[float, float]:
    """RD New (x, y) in m of an ETRS89 position in degrees; see `transform_accuracy_m`.

    Raises
    ------
    DataError
        Outside the Netherlands, unset (0, 0), or with longitude and latitude swapped.

    Examples
    --------
    >>> x, y = to_rd(5.387203657, 52.155172897)  # Amersfoort, origin of RD
    >>> abs(x - 155_000) < 0.25, abs(y - 463_000) < 0.25
    (True, True)
    """
    require_lon_lat(lon, lat)
    x, y = _transformer(ETRS89, RD).transform(lon, lat)
    return float(x), float(y)


def to_lon_lat(x_rd: float, y_rd: float) -> tuple[float, float]:
    """ETRS89 (lon, lat) in degrees of an RD New position in m; see `transform_accuracy_m`.

    Raises
    ------
    DataError
        Outside the Netherlands, unset (0, 0), or with x and y swapped.
    """
    require_rd(x_rd, y_rd)
    lon, lat = _transformer(RD, ETRS89).transform(x_rd, y_rd)
    return float(lon), float(lat)


def require_rd(x_rd: float, y_rd: float) -> None:
    """Raise DataError unless (x, y) in m can lie in the Netherlands.

    Examples
    --------
    >>> require_rd(463_000, 155_000)
    Traceback (most recent call last):
    ...
    livinglab.errors.DataError: x 463000 and y 155000 look swapped: in RD New y is always larger
      -> expected x_rd 0 to 280000 m and y_rd 300000 to 625000 m
    """
    hint = "expected x_rd 0 to 280000 m and y_rd 300000 to 625000 m"
    if x_rd == 0 and y_rd == 0:
        raise DataError("position (0, 0) is unset", hint=hint)
    if _within(y_rd, _X_RD) and _within(x_rd, _Y_RD):
        message = f"x {x_rd:.10g} and y {y_rd:.10g} look swapped: in RD New y is always larger"
        raise DataError(message, hint=hint)
    if not (_within(x_rd, _X_RD) and _within(y_rd, _Y_RD)):
        message = f"position x {x_rd:.10g}, y {y_rd:.10g} m lies outside the Netherlands"
        raise DataError(message, hint=hint)


def require_lon_lat(lon: float, lat: float) -> None:
    """Raise DataError unless (lon, lat) in degrees can lie in the Netherlands.

    Examples
    --------
    >>> require_lon_lat(52.1, 5.1)
    Traceback (most recent call last):
    ...
    livinglab.errors.DataError: lon 52.1 and lat 5.1 look swapped
      -> expected lon 3.2 to 7.22 and lat 50.75 to 53.7 degrees
    """
    hint = "expected lon 3.2 to 7.22 and lat 50.75 to 53.7 degrees"
    if lon == 0 and lat == 0:
        raise DataError("position (0, 0) is unset", hint=hint)
    if _within(lat, _LON) and _within(lon, _LAT):
        raise DataError(f"lon {lon:.10g} and lat {lat:.10g} look swapped", hint=hint)
    if not (_within(lon, _LON) and _within(lat, _LAT)):
        message = f"position lon {lon:.10g}, lat {lat:.10g} lies outside the Netherlands"
        raise DataError(message, hint=hint)


@cache
def transform_accuracy_m() -> float:
    """Accuracy in m of `to_rd` and `to_lon_lat` on this machine: 0.001 with the grid, else 0.25.

    Notes
    -----
    PROJ falls back to the seven parameters in silence; asking from EPSG:4326 instead of 4258 would
    even claim that the best operation is in use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning says what the answer says
        group = TransformerGroup(ETRS89, RD, always_xy=True)
    return GRID_ACCURACY_M if group.best_available else NO_GRID_ACCURACY_M


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance in m of two RD positions; the scale of RD is within 1e-4 of one.

    Examples
    --------
    >>> distance_m((155_000, 463_000), (155_003, 463_004))
    5.0
    """
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def coarsened(x_rd: float, y_rd: float, cell_m: int = 100) -> tuple[float, float]:
    """Centre in m of the RD grid cell that holds a position: what is published of a citizen's home.

    Deterministic, so that repeated publication gives nothing away; a random shift averages out.
    Use 500 m where a 100 m cell has fewer than five addresses.

    Examples
    --------
    >>> coarsened(121_975.3, 489_961.0)
    (121950.0, 489950.0)
    """
    return (x_rd // cell_m + 0.5) * cell_m, (y_rd // cell_m + 0.5) * cell_m


def is_cbs_code(code: str) -> bool:
    """Whether a text has the form of a CBS municipality, district or neighbourhood code [2]_.

    Examples
    --------
    >>> [is_cbs_code(code) for code in ("GM0344", "WK0363NK", "BU00030102", "BU3010", "344")]
    [True, True, True, False, False]
    """
    return _CBS_CODE.fullmatch(code) is not None


def _within(value: float, span: tuple[float, float]) -> bool:
    return span[0] <= value <= span[1]


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)
