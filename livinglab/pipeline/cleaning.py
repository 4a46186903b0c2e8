"""raw -> clean: flags, calibration, height. Every reading of a device at its place gets one row.

Tests see the values as they arrived, within one row of devices.csv: a sensor that moved is a new
series. Then come calibration and, for levels, the height of the sensor's zero. A manual flag wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.model import Point, SeriesKey
from livinglab.pipeline.places import placed
from livinglab.pipeline.recipe import Output
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import Target, Window
from livinglab.registry import Device
from livinglab.store.base import Store
from transforms import calibration, quality
from transforms.frames import Floats, time_ns, to_panel

#: Quantities that a sensor measures from its own zero; their height makes them m NAP.
FROM_ZERO: Final = frozenset({"water_level"})


class Rules:
    """Calibrations and manual flags of some devices that hold in a part of a stretch of time.

    Attributes
    ----------
    calibrations : list of Calibration
        By device, quantity and time.
    flags : list of ManualFlag
        In order of time; where two overlap the later one wins.
    """

    def __init__(self, scope: Scope, theme: str, devices: set[str], span: Window) -> None:
        self.calibrations = sorted(
            (
                row
                for row in scope.registry.calibrations
                if row.device in devices
                and scope.is_of(row.quantity, theme)
                and row.from_ns < span.end_ns
                and (row.to_ns is None or row.to_ns > span.start_ns)
            ),
            key=lambda row: (row.device, row.quantity, row.from_ns),
        )
        self.flags = sorted(
            (
                row
                for row in scope.registry.flags
                if row.device in devices
                and (row.quantity == "*" or scope.is_of(row.quantity, theme))
                and row.from_ns < span.end_ns
                and row.to_ns > span.start_ns
            ),
            key=lambda row: (row.from_ns, row.to_ns, row.device, row.quantity, row.flag),
        )


def read_raw(store: Store, scope: Scope, target: Target, reach: Window) -> pd.DataFrame:
    """Readings of a lab's devices at their places, of what their models measure of the theme.

    Returns
    -------
    DataFrame
        Columns `ns` (UTC), `device`, `channel`, `quantity`, `value` (no NaN) and `place` (index
        into the target's rows of devices.csv).
    """
    rows = scope.rows(target.lab, target.theme)
    here = [
        row
        for row in rows
        if row.from_ns < reach.end_ns and (row.to_ns is None or row.to_ns > reach.start_ns)
    ]
    if not here:
        return _long(pd.DataFrame(), [])
    measured = {row.id: scope.quantities(row.model, target.theme) for row in here}
    quantities = sorted({name for names in measured.values() for name in names})
    wide = store.frame("raw", target.theme, *reach, {"device": sorted(measured)}, quantities)
    long = _long(wide, quantities)
    place = placed(long, rows)
    for number, row in enumerate(rows):
        names = scope.quantities(row.model, target.theme)
        place[(place == number) & ~long["quantity"].isin(names).to_numpy()] = -1
    return long.assign(place=place)[place >= 0].reset_index(drop=True)


def _long(wide: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    parts = [_of_quantity(wide, quantity) for quantity in quantities]
    if parts:
        return pd.concat(parts, ignore_index=True)
    none = pd.DataFrame({name: [] for name in ("device", "channel", "quantity")}, dtype="str")
    return none.assign(ns=np.empty(0, np.int64), value=np.empty(0), place=np.empty(0, np.int64))


def _of_quantity(wide: pd.DataFrame, quantity: str) -> pd.DataFrame:
    there = wide[wide[quantity].notna()]
    return pd.DataFrame(
        {
            "device": there["device"].to_numpy(),
            "channel": there["channel"].to_numpy(),
            "quantity": quantity,
            "ns": time_ns(there),
            "value": there[quantity].to_numpy(dtype=np.float64),
        }
    )


def clean_rows(readings: pd.DataFrame, scope: Scope, target: Target, span: Window) -> pd.DataFrame:
    """Flagged, calibrated readings of [start, end).

    Returns
    -------
    DataFrame
        The readings' columns, `value` in the quantity's unit after calibration and height, `flag`
        and `tests`; ordered by series, then time.
    """
    rows = scope.rows(target.lab, target.theme)
    rules = Rules(scope, target.theme, set(readings["device"]), span)
    names = np.asarray([f"{row.id}|{row.from_ns}" for row in rows], dtype=object)
    place = names[readings["place"].to_numpy(dtype=np.int64)]
    series = readings["quantity"] + "|" + readings["channel"] + "|" + place
    ordered = readings.assign(series=series).sort_values(["series", "ns"], ignore_index=True)
    flagged = _flagged(ordered, rows, scope, rules)
    ordered["flag"] = flagged["flag"].to_numpy()
    ordered["tests"] = quality.encode_tests(flagged).to_numpy()
    inside = ordered["ns"].between(span.start_ns, span.end_ns, inclusive="left")
    kept = ordered[inside].reset_index(drop=True)
    kept["value"] = _leveled(kept, _calibrated(kept, rules), rows)
    return kept


def _flagged(
    ordered: pd.DataFrame, rows: Sequence[Device], scope: Scope, rules: Rules
) -> pd.DataFrame:
    columns = ("series", "device", "quantity", "place")
    kinds = ordered.drop_duplicates("series")
    series = list(zip(*(kinds[name].tolist() for name in columns), strict=True))
    thresholds = {
        name: scope.thresholds(rows[place], quantity) for name, _, quantity, place in series
    }
    panel = to_panel(ordered["ns"].to_numpy(), ordered["series"].to_numpy(), ordered["value"])
    verdicts = [
        quality.Verdict(name, flag.flag, flag.from_ns, flag.to_ns)
        for flag in rules.flags
        for name, device, quantity, _ in series
        if flag.device == device and flag.quantity in {"*", quantity}
    ]
    return quality.override(quality.flag(panel, thresholds), verdicts)


def _calibrated(kept: pd.DataFrame, rules: Rules) -> Floats:
    """Values after the calibration that holds at their time, unchanged where none does."""
    kinds = kept.drop_duplicates("series")
    columns = (kinds[name].tolist() for name in ("series", "device", "quantity"))
    series = list(zip(*columns, strict=True))
    rows = [
        calibration.Row(name, row.method, row.parameters, row.from_ns, row.to_ns)
        for row in rules.calibrations
        for name, device, quantity in series
        if (device, quantity) == (row.device, row.quantity)
    ]
    panel = to_panel(kept["ns"].to_numpy(), kept["series"].to_numpy(), kept["value"])
    return calibration.apply(panel, rows)["value"].to_numpy(dtype=np.float64, copy=True)


def _leveled(kept: pd.DataFrame, value: Floats, rows: Sequence[Device]) -> Floats:
    """Values against NAP: the height of the sensor's zero is added to levels."""
    is_level = kept["quantity"].isin(FROM_ZERO).to_numpy()
    for number, row in enumerate(rows):
        here = is_level & (kept["place"] == number).to_numpy()
        if not here.any():
            continue
        if row.height_m_nap is None:
            raise DataError(
                f"device {row.id} measures a level, but its row in devices.csv has no height",
                hint="give the height of the sensor's zero in m NAP (column height_m_nap)",
            )
        value[here] += row.height_m_nap
    return value


def cut(kept: pd.DataFrame, target: Target, windows: Sequence[Window]) -> dict[Window, Output]:
    """Rows as points, by window, with the number of values per quantity and flag."""
    outputs = {window: Output(info={"flags": {}}) for window in windows}
    starts = [window.start_ns for window in windows]
    which = np.searchsorted(starts, kept["ns"].to_numpy(dtype=np.int64), side="right") - 1
    names = ("device", "channel", "quantity", "ns", "value", "flag", "tests")
    series: dict[tuple[str, ...], SeriesKey] = {}
    for place, device, channel, quantity, ns, value, flag, tests in zip(
        which.tolist(), *(kept[name].tolist() for name in names), strict=True
    ):
        tags = (target.lab, device, channel, quantity)
        key = series.setdefault(tags, SeriesKey(target.theme, tags))
        output = outputs[windows[place]]
        output.points.append(Point(key, ns, {"value": value, "flag": flag, "tests": tests}))
        counts = output.info["flags"].setdefault(quantity, {})
        counts[str(flag)] = counts.get(str(flag), 0) + 1
    return outputs
