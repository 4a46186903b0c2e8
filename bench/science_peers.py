"""The peers of the benchmark: a loop over devices, as one writes it with pandas or with ioos_qc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from ioos_qc import qartod
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
    UTC1,
    ZONE,
    Chunk,
    Tables,
    is_noise,
)

Tests = Callable[[pd.DataFrame, int], pd.DataFrame]
HOUR = pd.Timedelta(hours=1)


def frames_of(chunk: Chunk, devices: int) -> Iterator[pd.DataFrame]:
    bounds = np.searchsorted(chunk.device, np.arange(devices + 1))
    for first, last in pairwise(bounds):
        index = pd.DatetimeIndex(chunk.ns[first:last], tz="UTC")
        columns = {"value": chunk.value[first:last], "humidity": chunk.humidity[first:last]}
        yield pd.DataFrame(columns, index=index)


def pandas_tests(frame: pd.DataFrame, step_s: int) -> pd.DataFrame:
    """The tests of one device, as one writes them in pandas."""
    value = frame["value"]
    gap = frame.index.to_series().diff().dt.total_seconds()
    linked = gap <= 3 * step_s
    flags = pd.DataFrame(index=frame.index)
    flags["gross"] = _beyond(value, GROSS_SUSPECT, GROSS_FAIL)
    month = frame.index.month
    flags["climatology"] = 2
    for (first, last), (low, high) in SEASONS:
        inside = (month >= first) & (month <= last)
        inside = inside if first <= last else (month >= first) | (month <= last)
        flags.loc[inside, "climatology"] = 1
        flags.loc[inside & ((value < low) | (value > high)), "climatology"] = 3
    distance = (value - (value.shift(1) + value.shift(-1)) / 2).abs()
    both = linked & linked.shift(-1, fill_value=False)
    worst = np.where(distance > SPIKE[1], 4, np.where(distance > SPIKE[0], 3, 1))
    flags["spike"] = np.where(both, worst, 2)
    flags["rate"] = np.where(linked & (value.diff().abs() / gap > RATE_PER_S), 3, 1)
    flags["flat"] = 1
    for flag, seconds in ((3, FLAT_S[0]), (4, FLAT_S[1])):
        window = value.rolling(f"{seconds + step_s}s")
        full = (window.count() >= 0.9 * seconds / step_s) & linked
        flags.loc[full & (window.max() - window.min() < FLAT_TOLERANCE), "flat"] = flag
    flags["attenuated"] = _attenuated(value, step_s)
    flags["state"] = np.where(frame["humidity"] > HUMIDITY, 3, 2)
    return flags


def _beyond(value: pd.Series, suspect: tuple[float, float], fail: tuple[float, float]) -> pd.Series:
    flags = pd.Series(1, index=value.index)
    flags[(value < suspect[0]) | (value > suspect[1])] = 3
    flags[(value < fail[0]) | (value > fail[1])] = 4
    return flags


def _attenuated(value: pd.Series, step_s: int) -> np.ndarray:
    least = ATTENUATED_S // step_s // 2
    deviation = value.rolling(f"{ATTENUATED_S}s", min_periods=least).std(ddof=0)
    return np.where(deviation < ATTENUATED[1], 4, np.where(deviation < ATTENUATED[0], 3, 1))


def ioos_tests(frame: pd.DataFrame, step_s: int) -> pd.DataFrame:
    """The same by ioos_qc, where it has the test."""
    value = frame["value"].to_numpy()
    times = frame.index.tz_localize(None).to_numpy()
    config = qartod.ClimatologyConfig()
    for (first, last), span in SEASONS:
        for low, high in [(first, last)] if first <= last else [(first, 12), (1, last)]:
            config.add(tspan=(low, high), vspan=span, period="month")
    flags = pd.DataFrame(index=frame.index)
    spans = {"fail_span": GROSS_FAIL, "suspect_span": GROSS_SUSPECT}
    flags["gross"] = qartod.gross_range_test(value, **spans)
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
        min_obs=ATTENUATED_S // step_s // 2,
    )
    flags["state"] = np.where(frame["humidity"] > HUMIDITY, 3, 2)
    return flags


def looped(tests: Tests, chunk: Chunk, devices: int) -> Tables:
    """Tables of all indicators, one device after the other."""
    frames: dict[int, pd.DataFrame] = {}
    hours: dict[int, pd.Series] = {}
    for device, frame in enumerate(frames_of(chunk, devices)):
        flags = tests(frame, chunk.step_s)
        frame["flag"] = flags.where(flags.isin([3, 4]), 0).max(axis=1).astype("int8")
        frames[device] = frame
        hours[device] = frame.loc[frame["flag"] == 0, "value"].resample("h").mean()
    medians = {
        device: pd.concat(_around(hours, device), axis=1).median(axis=1) for device in frames
    }
    found: dict[str, list[pd.Series]] = {}
    for device, frame in frames.items():
        far = (hours[device] - medians[device]).abs() > NEIGHBOUR
        is_far = far.reindex(frame.index.floor("h")).fillna(False).to_numpy(dtype=bool)
        good = _calibrated(device, frame)[(frame["flag"] == 0).to_numpy() & ~is_far]
        for name, row in (noise if is_noise(device) else air)(good.dropna(), chunk).items():
            found.setdefault(name, []).append(row)
    return {name: np.vstack([row.to_numpy() for row in rows]) for name, rows in found.items()}


def _around(hours: dict[int, pd.Series], device: int) -> list[pd.Series]:
    return [
        mean
        for other, mean in hours.items()
        if other // GROUP == device // GROUP and other != device
    ]


def _calibrated(device: int, frame: pd.DataFrame) -> pd.Series:
    value, humidity = frame["value"], frame["humidity"]
    if device % 2:
        wet = humidity.clip(0, 95) / 100
        dry = value / (1 + KAPPA / 1.65 * wet / (1 - wet))
        return dry.where(humidity <= HUMIDITY)
    return LINEAR[0] + LINEAR[1] * value + LINEAR[2] * humidity


# ------------------------------------------------------------------ indicators of one device


def _hours(chunk: Chunk, before_h: int, after_h: int) -> pd.DatetimeIndex:
    span = chunk.start - before_h * HOUR, chunk.end + after_h * HOUR
    return pd.date_range(*(edge.tz_convert("UTC") for edge in span), freq="h", inclusive="left")


def _in(row: pd.Series, chunk: Chunk) -> pd.Series:
    return row[(row.index >= chunk.start) & (row.index < chunk.end)]


def air(good: pd.Series, chunk: Chunk) -> dict[str, pd.Series]:
    """Means of hours and days, running means, highest 8-hour mean, lowest of 3 hours."""
    found = good.resample("h").agg(["mean", "count"]).reindex(_hours(chunk, 48, 2))
    hourly = found["mean"].where(found["count"] >= 0.75 * 3600 / chunk.step_s)
    eight = hourly.rolling(8, min_periods=6).mean()
    rows = {
        "hourly": hourly,
        "daily": _daily(hourly, UTC1, "mean"),
        "civil_daily": _daily(hourly, ZONE, "mean"),
        "running_8h": eight,
        "running_24h": hourly.rolling(24, min_periods=18).mean(),
        "lowest_3h": hourly.rolling(3).min(),
        "max_8h": _daily(eight, UTC1, "max"),
    }
    return {name: _in(row, chunk) for name, row in rows.items()}


def _daily(hourly: pd.Series, zone: str, how: str) -> pd.Series:
    found = hourly.tz_convert(zone).resample("D").agg([how, "count"])
    days = found.index.to_series()
    hours = (days + pd.DateOffset(days=1) - days) / HOUR
    return found[how].where(found["count"] >= 0.75 * hours)


def noise(good: pd.Series, chunk: Chunk) -> dict[str, pd.Series]:
    """Levels of hours and parts of days, levels exceeded."""
    energy = 10 ** (good / 10)
    hour = pd.DataFrame({"energy": energy, "level": good}).resample("h")
    every = _hours(chunk, 0, 0)
    enough = hour["level"].count().reindex(every) >= 0.75 * 3600 / chunk.step_s
    rows = {"laeq": 10 * np.log10(hour["energy"].mean().reindex(every)).where(enough)}
    for percent in (10, 50, 90):
        exceeded = hour["level"].quantile(1 - percent / 100)
        rows[f"l{percent}"] = exceeded.reindex(every).where(enough)
    rows |= _parts(energy, chunk)
    day, evening, night = rows["lday"], rows["levening"], rows["lnight"]
    sums = 12 * 10 ** (day / 10) + 4 * 10 ** ((evening + 5) / 10) + 8 * 10 ** ((night + 10) / 10)
    rows["lden"] = 10 * np.log10(sums / 24)
    return rows


def _parts(energy: pd.Series, chunk: Chunk) -> dict[str, pd.Series]:
    local = energy.index.tz_convert(ZONE)
    shifted = (local.tz_localize(None) - 7 * HOUR).normalize()  # the night goes with its evening
    edges = pd.cut(local.hour, [-1, 6, 18, 22, 23], labels=False)
    part = np.asarray(["lnight", "lday", "levening", "lnight"])[edges]
    keys = [part, shifted.tz_localize(ZONE)]
    found = energy.groupby(keys).agg(["mean", "count"])
    hours = energy.index.floor("h").to_series(index=energy.index).groupby(keys).nunique()
    days = pd.date_range(chunk.start, chunk.end, freq="D", inclusive="left")
    rows = {}
    for name, length in (("lday", 12), ("levening", 4), ("lnight", 8)):
        here, full = found.loc[name].reindex(days), _lengths(days, name, length)
        enough = here["count"] >= 0.75 * full * 3600 / chunk.step_s
        enough &= hours.loc[name].reindex(days) >= 0.75 * full
        rows[name] = 10 * np.log10(here["mean"]).where(enough)
    return rows


def _lengths(days: pd.DatetimeIndex, name: str, length: int) -> np.ndarray:
    """Hours of a part of each day: a night has 7 or 9 when the clock changes."""
    if name != "lnight":
        return np.full(len(days), length)
    following = days + pd.DateOffset(days=1)
    morning, evening = following + pd.DateOffset(hours=7), days + pd.DateOffset(hours=23)
    return np.asarray((morning - evening) / HOUR)
