"""One year of minute data of 50 devices: quality control, calibration, all indicators.

Three ways to the same end, each in a process of its own so that peak memory is its own: our panels
(all devices at once, chunk by chunk, with the margin that the tests declare), a straightforward
loop over devices in pandas, and ioos_qc applied per device with pandas for the rest. Half of the
areas measure PM2.5 (means of hours and days, running means of 8 and 24 hours, highest 8-hour mean,
lowest of 3 hours), half sound levels (LAeq and L10, L50, L90 of hours, Lday, Levening, Lnight,
Lden). Data are made, not read: the store has benchmarks of its own.

    python bench/science.py [--chunks 12] [--devices 50] [--days 31] [--step 60]

The ways are compared first: their indicators agree but for the few values where the tests are
defined otherwise. `--days 1` is live work: each day again when something arrives. A year costs
365 / days chunks. Prints wall and CPU seconds per chunk (the least of the chunks), the ratios, and
peak memory beyond that of the imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from science_data import (
    ATTENUATED,
    ATTENUATED_S,
    FLAT_S,
    FLAT_TOLERANCE,
    GROSS_FAIL,
    GROSS_SUSPECT,
    GROUP,
    HUMIDITY,
    KAPPA,
    LINEAR,
    NEIGHBOUR,
    RATE_PER_S,
    SEASONS,
    SPIKE,
    ZONE,
    Chunk,
    Tables,
    difference,
    is_noise,
    made,
    name_of,
)
from science_peers import ioos_tests, looped, pandas_tests

from transforms import air, calibration, noise, quality
from transforms.frames import text_column, to_panel

GOOD = (1, 2)  # good, and not evaluated by any test that says so
#: Indicators by name: function and parameters, as the configuration has them.
AIR: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "hourly": (air.hourly_mean, {}),
    "daily": (air.daily_mean, {}),
    "civil_daily": (air.daily_mean, {"period": "day"}),
    "running_8h": (air.running_mean, {}),
    "running_24h": (air.running_mean, {"width_h": 24}),
    "lowest_3h": (air.lowest_of_hours, {}),
    "max_8h": (air.max_daily_8h_mean, {}),
}
NOISE: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "laeq": (noise.laeq_hour, {}),
    "l10": (noise.level_exceeded, {"percent": 10.0}),
    "l50": (noise.level_exceeded, {"percent": 50.0}),
    "l90": (noise.level_exceeded, {"percent": 90.0}),
    "lday": (noise.lday, {}),
    "levening": (noise.levening, {}),
    "lnight": (noise.lnight, {}),
    "lden": (noise.lden, {}),
}


def thresholds(devices: list[int], step_s: int) -> dict[str, quality.Thresholds]:
    seasons = tuple(quality.Season(months=months, suspect=span) for months, span in SEASONS)
    limit = quality.StateLimit(quantity="relative_humidity", high=HUMIDITY)
    return {
        name_of(device): quality.Thresholds(
            step_s=step_s,
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
        for device in devices
    }


def ours(chunk: Chunk, devices: int) -> Tables:
    """Tables of all indicators, one call per theme."""
    found: Tables = {}
    for indicators, wanted in ((AIR, False), (NOISE, True)):
        numbers = [device for device in range(devices) if is_noise(device) == wanted]
        if numbers:
            good = cleaned(chunk, numbers)
            found |= evaluated(good, indicators, chunk, numbers)
    return found


def cleaned(chunk: Chunk, numbers: list[int]) -> pd.DataFrame:
    """Calibrated values of some devices, NaN where a test or the calibration objects."""
    wanted = np.zeros(int(chunk.device.max()) + 1, dtype=bool)
    wanted[numbers] = True
    here = wanted[chunk.device]
    place = np.cumsum(wanted) - 1
    names = [name_of(device) for device in numbers]
    series = pd.Categorical.from_codes(place[chunk.device[here]], names)
    panel = to_panel(chunk.ns[here], series, chunk.value[here])
    quantity = text_column(np.zeros(len(panel), dtype=np.int8), ["relative_humidity"])
    humid = panel.assign(value=chunk.humidity[here], quantity=quantity)
    tested = quality.flag(panel, thresholds(numbers, chunk.step_s), humid)["flag"].to_numpy()
    calibrated = calibration.apply(panel, [_row(number) for number in numbers], humid)
    whole = quality.aggregate_flags([tested, calibrated["flag"].to_numpy()])
    good = np.where(np.isin(whole, GOOD), calibrated["value"].to_numpy(), np.nan)
    return calibrated[["series"]].assign(value=good)


def _row(number: int) -> calibration.Row:
    if number % 2:
        return calibration.Row(name_of(number), "kappa_koehler", {"kappa": KAPPA}, 0, None)
    names = ("offset", "slope", "slope_relative_humidity")
    parameters = dict(zip(names, LINEAR, strict=True))
    return calibration.Row(name_of(number), "multi_linear", parameters, 0, None)


def evaluated(
    good: pd.DataFrame,
    indicators: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]],
    chunk: Chunk,
    numbers: list[int],
) -> Tables:
    steps = dict.fromkeys((name_of(number) for number in numbers), chunk.step_s)
    span = {"start": chunk.start.tz_convert("UTC"), "end": chunk.end.tz_convert("UTC")}
    rows = {
        name: function(good, **span, zone=ZONE, steps=steps, **parameters)
        for name, (function, parameters) in indicators.items()
    }
    return {name: row["value"].to_numpy().reshape(len(numbers), -1) for name, row in rows.items()}


WAYS: dict[str, Callable[[Chunk, int], Tables]] = {
    "ours": ours,
    "pandas": lambda chunk, devices: looped(pandas_tests, chunk, devices),
    "ioos_qc": lambda chunk, devices: looped(ioos_tests, chunk, devices),
}
PEERS = ("pandas", "ioos_qc")
#: Least share of an indicator's values that the ways agree on. A few readings are judged otherwise:
#: ioos_qc and rolling windows count what lies beside a gap in other ways.
AGREEMENT = 0.99


def compared(devices: int, step_s: int) -> None:
    """Check that all ways find the same indicators in a week of up to 20 devices."""
    chunk = made(0, min(devices, 20), 7, step_s)
    own = ours(chunk, min(devices, 20))
    for way in PEERS:
        shares = difference(own, WAYS[way](chunk, min(devices, 20)))
        worst = max(shares, key=lambda name: shares[name])
        mean = sum(shares.values()) / len(shares)
        print(
            f"ours and {way} agree on {1 - mean:.2%} of {len(shares)} indicators' values "
            f"(least: {worst}, {1 - shares[worst]:.2%})",
            flush=True,
        )
        if 1 - shares[worst] < AGREEMENT:
            raise SystemExit(f"{way} finds another {worst}: {shares[worst]:.2%} of the values")


def _memory_mb(kind: str) -> float:
    """Memory of this process: VmRSS now, or VmHWM, the most since `_forget_peak` (Linux)."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[kind].split()[0]) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(way: str, chunks: int, devices: int, days: int, step_s: int) -> dict[str, Any]:
    """Wall and CPU seconds of some chunks by one way, without making the data; peak memory."""
    WAYS[way](made(0, min(devices, 2 * GROUP), 1, 600), min(devices, 2 * GROUP))  # what is lazy
    before, data, peak = _memory_mb("VmRSS"), 0.0, 0.0
    wall, cpu, rows, values = [], [], 0, 0
    for number in range(chunks):
        chunk = made(number, devices, days, step_s)
        data = data or _memory_mb("VmRSS")
        _forget_peak()
        began = time.perf_counter(), time.process_time()
        result = WAYS[way](chunk, devices)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
        peak = max(peak, _memory_mb("VmHWM"))
        rows += len(chunk.value)
        values += sum(int((~np.isnan(table)).sum()) for table in result.values())
        del chunk, result
    return {
        "way": way,
        "chunks": chunks,
        "rows": rows / chunks,
        "values": values / chunks,
        "wall_s": min(wall),
        "cpu_s": min(cpu),
        "peak_mb": peak - before,
        "data_mb": data - before,
    }


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=3, help="chunks by our way")
    parser.add_argument("--compare-chunks", type=int, default=2, help="chunks by the other ways")
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--days", type=int, default=31, help="days of a chunk")
    parser.add_argument("--step", type=int, default=60, help="interval of the readings, s")
    parser.add_argument("--way", choices=sorted(WAYS), help="only this one, as JSON")
    return parser.parse_args()


def main() -> None:
    given = _asked()
    shape = given.devices, given.days, given.step
    if given.way:
        print(json.dumps(measure(given.way, given.chunks, *shape)))
        return
    compared(given.devices, given.step)
    found = {}
    for way in WAYS:
        chunks = given.chunks if way == "ours" else given.compare_chunks
        command = [sys.executable, __file__, "--way", way, "--chunks", str(chunks)]
        for name, number in zip(("--devices", "--days", "--step"), shape, strict=True):
            command += [name, str(number)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = found[way] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{way:8} {chunks:2} chunks of {row['rows'] / 1e6:.2f} M rows: "
            f"{row['wall_s']:6.2f} s wall, {row['cpu_s']:6.2f} s CPU a chunk "
            f"({row['cpu_s'] * 365 / given.days:.0f} s CPU a year); "
            f"peak +{row['peak_mb']:.0f} MB (the chunk's own data {row['data_mb']:.0f} MB); "
            f"{row['values']:.0f} values",
            flush=True,
        )
    for way in PEERS:
        wall, cpu, peak = (
            found[way][key] / max(found["ours"][key], 0.1) for key in ("wall_s", "cpu_s", "peak_mb")
        )
        print(f"ours against {way}: {wall:.1f}x wall, {cpu:.1f}x CPU, {peak:.1f}x memory")


if __name__ == "__main__":
    main()
