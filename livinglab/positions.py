"""Positions as they may be published: those of people's homes only as the cell that holds them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from livinglab.geo import coarsened, to_lon_lat
from livinglab.registry import Device

#: Edge of the grid cell whose centre stands for a citizen's device, m.
CELL_M: Final = 100


@dataclass(frozen=True, slots=True)
class Position:
    """A place: ETRS89 in degrees (WGS 84 to about a metre), RD New in m, accuracy in m.

    The device is within `accuracy_m` of the position.
    """

    lon: float
    lat: float
    x_rd: float
    y_rd: float
    accuracy_m: float
    is_coarsened: bool


def published_position(row: Device, cell_m: int = CELL_M) -> Position:
    """Where a device is, as everybody may know it.

    Privacy class "citizen": the centre of the cell of `cell_m` that holds it, always the same one,
    with an accuracy that covers the whole cell. Any other class: as registered.
    """
    if row.privacy != "citizen":
        return Position(row.lon, row.lat, row.x_rd, row.y_rd, row.position_accuracy_m, False)
    x_rd, y_rd = coarsened(row.x_rd, row.y_rd, cell_m)
    lon, lat = (round(degrees, 6) for degrees in to_lon_lat(x_rd, y_rd))  # 6 digits: 0.1 m
    accuracy_m = math.ceil(cell_m / math.sqrt(2) + row.position_accuracy_m)
    return Position(lon, lat, x_rd, y_rd, accuracy_m, True)
