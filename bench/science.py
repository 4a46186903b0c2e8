"""One year of minute data of 50 devices: quality control, calibration, hourly and daily means.

Three ways to the same end, each in a process of its own so that peak memory is its own: our panels
(all devices at once, chunk by chunk, with the margin that the tests declare), a straightforward
loop over devices in pandas, and ioos_qc applied per device with pandas for the rest. Data are made,
not read: the store has benchmarks of its own.

    python bench/science.py [--months 12] [--devices 50] [--days 31] [--step 60]

`--days 1` is live work: each day again when something arrives. Prints wall and CPU seconds per
chunk, the ratios, and peak memory beyond that of the imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from ioos_qc import qartod

from transforms import calibration, quality
from transforms.air import daily_mean, hourly_mean
from transforms.frames import to_panel

MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS
START_NS = pd.Timestamp("2025-01-01", tz="UTC").value
GROUP = 10  # devices of one area
#: Set from the command line: interval of the readings [s], days of a chunk.
STEP_S = 60
DAYS = 31

GROSS_FAIL, GROSS_SUSPECT = (0.0, 1000.0), (0.0, 200.0)
SPIKE = (15.0, 40.0)
RATE_PER_S = 15.0 / 60
FLAT_S, FLAT_TOLERANCE = (1800, 3600), 0.05
ATTENUATED_S, ATTENUATED = 86_400, (0.4, 0.08)
SEASONS = (((12, 2), (0.0, 150.0)), ((3, 11), (0.0, 120.0)))
NEIGHBOUR = 15.0
HUMIDITY = 95.0


@dataclass(frozen=True)
class Chunk:
    """Rows of all devices, one device after the other: a month and the margin before and after."""

    device: np.ndarray  # number of the device of each row
    ns: np.ndarray
    value: np.ndarray
    humidity: np.ndarray
    start_ns: int
    end_ns: int


def name_of(device: int) -> str:
    return f"area-{device // GROUP:02d}|device-{device:03d}|0"


def month(number: int, devices: int) -> Chunk:
    """A made month: daily cycle, noise, gaps, spikes, a sensor that hangs now and then."""
    first = START_NS + number * DAYS * DAY_NS
    margin = 1560  # minutes: what the tests look back, and an hour after
    times = first + np.arange(-margin, DAYS * 1440 + 60, STEP_S // 60) * MINUTE_NS
    parts = [_of_device(device, number, times) for device in range(devices)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Chunk(*columns, first, first + DAYS * DAY_NS)


def _of_device(device: int, number: int, times: np.ndarray) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng((device, number))
    size = len(times)
    minute = times // MINUTE_NS % 1440
    walk = np.cumsum(rng.normal(0, 0.08, size))
    wave = (
        18
        + 6 * np.sin(minute / 1440 * 2 * np.pi + device / 50)
        + walk
        - np.linspace(0, walk[-1], size)
    )
    value = np.maximum(wave + rng.normal(0, 0.6, size), 0)
    value[rng.random(size) < 0.0005] += 60
    for at in rng.integers(0, size, 4):
        value[at : at + size // 150] = value[at]
    humidity = np.clip(75 + 22 * np.cos(minute / 1440 * 2 * np.pi) + rng.normal(0, 2, size), 5, 100)
    kept = rng.random(size) > 0.004
    for at in rng.integers(0, size, 2):
        kept[at : at + size // 60] = False
    rows = (np.full(size, device), times, np.round(value, 1), np.round(humidity, 1))
    return tuple(column[kept] for column in rows)


# ------------------------------------------------------------------ ours: all devices at once


def thresholds(devices: int) -> dict[str, quality.Thresholds]:
    seasons = tuple(quality.Season(months=months, suspect=span) for months, span in SEASONS)
    limit = quality.StateLimit(quantity="relative_humidity", high=HUMIDITY)
    return {
        name_of(device): quality.Thresholds(
            step_s=STEP_S,
            gross_fail=GROSS_FAIL,
            gross_suspect=GROSS_SUSPECT,
            climatology=seasons,
            spike_suspect=SPIKE[0],
            spike_fail=SPIKE[1],
            rate_per_s=RATE_PER_S,
            flat_tolerance=FLAT_TOLERANCE,
            flat_suspect_s=FLAT_S[0],
            flat_fail_s=FLAT_S[1],
            attenuated_period_s=ATTENUATED_S,
            attenuated_suspect=ATTENUATED[0],
            attenuated_fail=ATTENUATED[1],
            neighbour_group=f"area-{device // GROUP:02d}",
            neighbour_distance=NEIGHBOUR,
            state_limits=(limit,),
        )
        for device in range(devices)
    }


def ours(chunk: Chunk, devices: int) -> pd.DataFrame:
    names = np.asarray([name_of(device) for device in range(devices)], dtype=object)
    series = pd.Categorical.from_codes(chunk.device, list(names))
    panel = to_panel(chunk.ns, series, chunk.value)
    humid = to_panel(chunk.ns, series, chunk.humidity, "relative_humidity")
    flagged = quality.flag(panel, thresholds(devices), humid)
    rows = [
        calibration.Row(name, "kappa_koehler", {"kappa": 0.35}, 0, None)
        if number % 2
        else calibration.Row(
            name,
            "multi_linear",
            {"offset": 1.5, "slope": 0.8, "slope_relative_humidity": 0.02},
            0,
            None,
        )
        for number, name in enumerate(names)
    ]
    calibrated = calibration.apply(panel, rows, humid)
    whole = quality.aggregate_flags([flagged["flag"].to_numpy(), calibrated["flag"].to_numpy()])
    good = calibrated.loc[np.isin(whole, (1, 2)), ["series", "value"]]
    span = {
        "start": pd.Timestamp(chunk.start_ns, tz="UTC"),
        "end": pd.Timestamp(chunk.end_ns, tz="UTC"),
        "zone": "UTC",
        "steps": dict.fromkeys(names, STEP_S),
    }
    return pd.concat([hourly_mean(good, **span), daily_mean(good, **span, period="day")])


# ------------------------------------------------------------------ a loop over devices in pandas


def frames_of(chunk: Chunk, devices: int) -> Iterator[pd.DataFrame]:
    for device in range(devices):
        here = chunk.device == device
        index = pd.DatetimeIndex(chunk.ns[here], tz="UTC")
        columns = {"value": chunk.value[here], "humidity": chunk.humidity[here]}
        yield pd.DataFrame(columns, index=index)


def pandas_tests(frame: pd.DataFrame) -> pd.DataFrame:
    """The tests of one device, as one writes them in pandas."""
    value = frame["value"]
    gap = frame.index.to_series().diff().dt.total_seconds()
    linked = gap <= 3 * STEP_S
    flags = pd.DataFrame(index=frame.index)
    flags["gross"] = 1
    flags.loc[(value < GROSS_SUSPECT[0]) | (value > GROSS_SUSPECT[1]), "gross"] = 3
    flags.loc[(value < GROSS_FAIL[0]) | (value > GROSS_FAIL[1]), "gross"] = 4
    flags["climatology"] = 2
    for (first, last), (low, high) in SEASONS:
        month = frame.index.month
        inside = (month >= first) & (month <= last)
        inside = inside if first <= last else (month >= first) | (month <= last)
        flags.loc[inside, "climatology"] = 1
        flags.loc[inside & ((value < low) | (value > high)), "climatology"] = 3
    distance = (value - (value.shift(1) + value.shift(-1)) / 2).abs()
    both = linked & linked.shift(-1, fill_value=False)
    flags["spike"] = np.where(
        both, np.where(distance > SPIKE[1], 4, np.where(distance > SPIKE[0], 3, 1)), 2
    )
    flags["rate"] = np.where(linked & (value.diff().abs() / gap > RATE_PER_S), 3, 1)
    flags["flat"] = 1
    for flag, seconds in ((3, FLAT_S[0]), (4, FLAT_S[1])):
        window = f"{seconds + STEP_S}s"
        spread = value.rolling(window).max() - value.rolling(window).min()
        full = value.rolling(window).count() >= seconds // STEP_S
        flags.loc[full & (spread < FLAT_TOLERANCE), "flat"] = flag
    deviation = value.rolling(f"{ATTENUATED_S}s", min_periods=ATTENUATED_S // STEP_S // 2).std(
        ddof=0
    )
    flags["attenuated"] = np.where(
        deviation < ATTENUATED[1], 4, np.where(deviation < ATTENUATED[0], 3, 1)
    )
    flags["state"] = np.where(frame["humidity"] > HUMIDITY, 3, 2)
    return flags


def ioos_tests(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by ioos_qc, where it has the test."""
    value = frame["value"].to_numpy()
    times = frame.index.tz_localize(None).to_numpy()
    config = qartod.ClimatologyConfig()
    for (first, last), span in SEASONS:
        for low, high in [(first, last)] if first <= last else [(first, 12), (1, last)]:
            config.add(tspan=(low, high), vspan=span, period="month")
    flags = pd.DataFrame(index=frame.index)
    flags["gross"] = qartod.gross_range_test(
        value, fail_span=GROSS_FAIL, suspect_span=GROSS_SUSPECT
    )
    flags["climatology"] = qartod.climatology_test(config, value, times, np.zeros(len(value)))
    flags["spike"] = qartod.spike_test(value, suspect_threshold=SPIKE[0], fail_threshold=SPIKE[1])
    flags["rate"] = qartod.rate_of_change_test(value, times, threshold=RATE_PER_S)
    flags["flat"] = qartod.flat_line_test(
        value,
        times,
        suspect_threshold=FLAT_S[0],
        fail_threshold=FLAT_S[1],
        tolerance=FLAT_TOLERANCE,
    )
    flags["attenuated"] = qartod.attenuated_signal_test(
        value,
        times,
        suspect_threshold=ATTENUATED[0],
        fail_threshold=ATTENUATED[1],
        test_period=ATTENUATED_S,
        min_obs=ATTENUATED_S // STEP_S // 2,
    )
    flags["state"] = np.where(frame["humidity"] > HUMIDITY, 3, 2)
    return flags


def looped(
    tests: Callable[[pd.DataFrame], pd.DataFrame], chunk: Chunk, devices: int
) -> pd.DataFrame:
    flagged: dict[int, tuple[pd.DataFrame, pd.DataFrame]] = {}
    hours: dict[int, pd.Series] = {}
    for device, frame in enumerate(frames_of(chunk, devices)):
        flags = tests(frame)
        flagged[device] = frame, flags
        hours[device] = frame.loc[~flags.isin([3, 4]).any(axis=1), "value"].resample("h").mean()
    results = []
    for device, (frame, flags) in flagged.items():
        around = [other for other in hours if other // GROUP == device // GROUP and other != device]
        median = pd.concat([hours[other] for other in around], axis=1).median(axis=1)
        far = (hours[device] - median).abs() > NEIGHBOUR
        flags["neighbour"] = np.where(far.reindex(frame.index.floor("h")).to_numpy(), 3, 1)
        results.append(_means(device, frame, flags, chunk))
    return pd.concat(results)


def _means(device: int, frame: pd.DataFrame, flags: pd.DataFrame, chunk: Chunk) -> pd.DataFrame:
    value, humidity = frame["value"], frame["humidity"]
    worst = flags.where(flags.isin([3, 4]), 0).max(axis=1)
    if device % 2:
        wet = humidity.clip(0, 95) / 100
        value = value / (1 + 0.35 / 1.65 * wet / (1 - wet))
        worst = worst.where(humidity <= HUMIDITY, 3)
    else:
        value = 1.5 + 0.8 * value + 0.02 * humidity
    start, end = (pd.Timestamp(ns, tz="UTC") for ns in (chunk.start_ns, chunk.end_ns))
    good = value[(worst == 0)].loc[start : end - pd.Timedelta(1)]
    hourly = good.resample("h").agg(["mean", "count"])
    hourly.loc[hourly["count"] < 0.75 * 3600 / STEP_S, "mean"] = np.nan
    daily = hourly["mean"].resample("D").agg(["mean", "count"])
    daily.loc[daily["count"] < 18, "mean"] = np.nan
    return pd.concat([hourly, daily]).assign(device=device)


WAYS: dict[str, Callable[[Chunk, int], pd.DataFrame]] = {
    "ours": ours,
    "pandas": lambda chunk, devices: looped(pandas_tests, chunk, devices),
    "ioos_qc": lambda chunk, devices: looped(ioos_tests, chunk, devices),
}


def measure(way: str, months: int, devices: int) -> dict[str, Any]:
    """Wall and CPU seconds of some months by one way, without making the data; peak memory."""
    month(0, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu, rows, values = [], [], 0, 0
    for number in range(months):
        chunk = month(number, devices)
        if number == 0:
            data = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter(), time.process_time()
        result = WAYS[way](chunk, devices)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
        rows += len(chunk.value)
        values += int(result.filter(["value", "mean"]).notna().sum().sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "way": way,
        "months": months,
        "rows": rows,
        "values": values,
        "wall_s": sum(wall) / months,
        "cpu_s": sum(cpu) / months,
        "peak_mb": (peak - before) / 1024,
        "data_mb": (data - before) / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--months", type=int, default=12, help="chunks by our way")
    parser.add_argument("--compare-months", type=int, default=1, help="chunks by the other ways")
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--days", type=int, default=31, help="days of a chunk (a `month`)")
    parser.add_argument("--step", type=int, default=60, help="interval of the readings, s")
    parser.add_argument("--way", choices=sorted(WAYS), help="only this one, as JSON")
    given = parser.parse_args()
    global DAYS, STEP_S
    DAYS, STEP_S = given.days, given.step
    if given.way:
        print(json.dumps(measure(given.way, given.months, given.devices)))
        return
    found = {}
    for way in WAYS:
        months = given.months if way == "ours" else given.compare_months
        command = [sys.executable, __file__, "--way", way, "--months", str(months)]
        command += ["--devices", str(given.devices), "--days", str(DAYS), "--step", str(STEP_S)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[way] = json.loads(done.stdout.splitlines()[-1])
        row = found[way]
        print(
            f"{way:8} {row['months']:2} chunks of {row['rows'] / row['months'] / 1e6:.2f} M rows: "
            f"{row['wall_s']:6.2f} s wall, {row['cpu_s']:6.2f} s CPU a chunk; "
            f"peak +{row['peak_mb']:.0f} MB (the chunk's own data {row['data_mb']:.0f} MB); "
            f"{row['values'] / row['months']:.0f} means",
            flush=True,
        )
    for way in ("pandas", "ioos_qc"):
        wall, cpu, peak = (
            found[way][key] / found["ours"][key] for key in ("wall_s", "cpu_s", "peak_mb")
        )
        print(f"ours against {way}: {wall:.1f}x wall, {cpu:.1f}x CPU, {peak:.1f}x memory")


if __name__ == "__main__":
    main()
