"""What the benchmark of the science works on: made readings, thresholds, and the stretch asked for.

Devices of an even area measure PM2.5, those of an odd one sound levels; ten devices make an area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

ZONE: Final = "Europe/Amsterdam"
UTC1: Final = "Etc/GMT-1"
MINUTE_NS: Final = 60_000_000_000
FIRST_DAY: Final = pd.Timestamp("2025-01-01", tz=ZONE)
GROUP: Final = 10
#: What tests and indicators look back, and what a night goes on after the last day [minutes].
BEFORE, AFTER = 50 * 60, 10 * 60

GROSS_FAIL, GROSS_SUSPECT = (0.0, 1000.0), (0.0, 200.0)
SPIKE = (15.0, 40.0)
RATE_PER_S = 15.0 / 60
FLAT_S, FLAT_TOLERANCE = (1800, 3600), 0.05
ATTENUATED_S, ATTENUATED = 86_400, (0.4, 0.08)
SEASONS = (((12, 2), (0.0, 150.0)), ((3, 11), (0.0, 120.0)))
NEIGHBOUR = 15.0
HUMIDITY = 95.0
KAPPA: Final = 0.35
#: Offset, slope and slope of the humidity of the calibrations that are linear.
LINEAR: Final = (1.5, 0.8, 0.02)

TOLERANCE: Final = 0.01  # ug/m3, dB
#: Values of every indicator: devices in rows, intervals in columns.
Tables = dict[str, np.ndarray]


@dataclass(frozen=True)
class Chunk:
    """Rows of all devices, one device after the other: some days and the margins around them."""

    device: np.ndarray  # number of the device of each row
    ns: np.ndarray
    value: np.ndarray
    humidity: np.ndarray
    start: pd.Timestamp
    end: pd.Timestamp
    step_s: int


def is_noise(device: int) -> bool:
    return device // GROUP % 2 == 1


def name_of(device: int) -> str:
    return f"area-{device // GROUP:02d}|device-{device:03d}|0"


def made(number: int, devices: int, days: int, step_s: int) -> Chunk:
    """A made chunk: daily cycle, noise, gaps, spikes, a sensor that hangs now and then."""
    start = FIRST_DAY + pd.DateOffset(days=number * days)
    end = start + pd.DateOffset(days=days)
    edges = start.value - BEFORE * MINUTE_NS, end.value + AFTER * MINUTE_NS
    times = np.arange(*edges, step_s * MINUTE_NS // 60)
    parts = [_of_device(device, number, times) for device in range(devices)]
    return Chunk(*map(np.concatenate, zip(*parts, strict=True)), start, end, step_s)


def _of_device(device: int, number: int, times: np.ndarray) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng((device, number))
    size = len(times)
    minute = times // MINUTE_NS % 1440
    walk = np.cumsum(rng.normal(0, 0.08, size))
    level = (50 if is_noise(device) else 18) + 6 * np.sin(minute / 1440 * 2 * np.pi + device / 50)
    wave = level + walk - np.linspace(0, walk[-1], size)
    value = np.maximum(wave + rng.normal(0, 0.6, size), 0)
    value[rng.random(size) < 0.0005] += 60
    for at in rng.integers(0, size, 4):
        value[at : at + size // 150] = value[at]
    humidity = np.clip(70 + 20 * np.cos(minute / 1440 * 2 * np.pi) + rng.normal(0, 2, size), 5, 100)
    kept = rng.random(size) > 0.004
    for at in rng.integers(0, size, 2):
        kept[at : at + size // 60] = False
    rows = (np.full(size, device), times, np.round(value, 1), np.round(humidity, 1))
    return tuple(column[kept] for column in rows)


def difference(one: Tables, other: Tables) -> Mapping[str, float]:
    """Share of the values of each indicator that differ: by TOLERANCE, or in being there."""
    shares = {}
    for name, table in one.items():
        same = np.isclose(table, other[name], rtol=0, atol=TOLERANCE, equal_nan=True)
        shares[name] = 1.0 - float(same.mean())
    return shares
