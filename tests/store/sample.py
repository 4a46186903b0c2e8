"""Points that the store's tests share."""

from __future__ import annotations

from livinglab.model import Point, SeriesKey
from livinglab.store import Store

HOUR = 3_600_000_000_000
T0 = 1_756_418_400_000_000_000  # 2025-08-29 00:00 Europe/Amsterdam
ALL = (-(2**63) + 2, 2**63 - 1)


def air(device: str, hour: float, channel: str = "0", **fields: float) -> Point:
    """A point of `raw`."""
    return Point(SeriesKey("air", (device, channel)), T0 + int(hour * HOUR), fields)


def clean(device: str, hour: int, value: float, flag: int = 1, tests: str = "1111") -> Point:
    """A point of `clean`."""
    series = SeriesKey("air", ("lombok", device, "0", "no2"))
    return Point(series, T0 + hour * HOUR, {"value": value, "flag": flag, "tests": tests})


def window(start: float, end: float) -> tuple[int, int]:
    """Hours since T0 as a window in ns."""
    return T0 + int(start * HOUR), T0 + int(end * HOUR)


def everything(store: Store, bucket: str = "raw", measurement: str = "air") -> list[Point]:
    """All points of a measurement."""
    return list(store.points(bucket, measurement, *ALL))
