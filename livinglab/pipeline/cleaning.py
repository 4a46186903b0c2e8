"""raw -> clean: flags, calibration, height. Every reading of a device at its place gets one row.

Levels are made of pressures and distances first. Tests see the values as they arrived, within one
row of devices.csv: a sensor that moved is a new series. Then come calibration, which may object
too, and, for levels, the height of the sensor's zero. A manual flag wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.flags import Flag
from livinglab.model import Point, SeriesKey
from livinglab.pipeline.besides import BAROMETRIC, Besides, needed, read_barometers, row_of
from livinglab.pipeline.levels import with_levels
from livinglab.pipeline.places import placed
from livinglab.pipeline.recipe import Output
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.tally import counted
from livinglab.pipeline.windows import Target, Window
from livinglab.registry import Device
from livinglab.store.base import Store
from transforms import calibration, quality
from transforms.frames import Flags, Floats, Ints, time_ns, to_panel

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
    place, (kind, kinds) = placed(long, rows), pd.factorize(long["quantity"])
    measures = [scope.quantities(row.model, target.theme) for row in rows]
    is_measured = np.asarray([[name in names for name in kinds] for names in measures])
    keep = (place >= 0) & is_measured[place, kind] if len(long) else place >= 0
    return long.assign(place=place)[keep].reset_index(drop=True)


def _long(wide: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    parts = [_of_quantity(wide, quantity) for quantity in quantities]
    if parts:
        return pd.concat(parts, ignore_index=True)
    none = pd.DataFrame({name: [] for name in ("device", "channel", "quantity")}, dtype="str")
    return none.assign(ns=np.empty(0, np.int64), value=np.empty(0), place=np.empty(0, np.int64))


def _of_quantity(wide: pd.DataFrame, quantity: str) -> pd.DataFrame:
    there = wide.loc[wide[quantity].notna(), ["device", "channel", quantity]]
    return pd.DataFrame(
        {
            "device": there["device"].to_numpy(),
            "channel": there["channel"].to_numpy(),
            "quantity": quantity,
            "ns": time_ns(there),
            "value": there[quantity].to_numpy(dtype=np.float64),
        }
    )


def clean_rows(
    store: Store, scope: Scope, target: Target, span: Window, reach: Window
) -> pd.DataFrame:
    """Flagged, calibrated readings of [start, end), from everything within reach.

    Returns
    -------
    DataFrame
        The readings' columns, `value` in the quantity's unit after calibration and height, `flag`
        and `tests`; ordered by series, then time.
    """
    rows = scope.rows(target.lab, target.theme)
    readings = read_raw(store, scope, target, reach)
    ids = {row.id for row in rows}
    within = Rules(scope, target.theme, ids, reach).calibrations
    names = {row.barometer for row in within if row.barometer}
    barometers = read_barometers(store, scope, names, reach)
    readings = with_levels(readings, scope, rows, within, barometers)
    ordered, series = _in_series(readings, rows)
    rules = Rules(scope, target.theme, ids, span)
    looks = {
        name: (place, channel, needed(scope, rows[place], quantity, rules.calibrations))
        for name, (_, quantity, channel, place) in series.items()
    }
    others = {name for row in looks.values() for name in row[2]}
    covariates = Besides(store, scope, target, others, reach).panel(looks)
    thresholds = {
        name: scope.thresholds(rows[place], quantity)
        for name, (_, quantity, _, place) in series.items()
    }
    flagged = quality.flag(_panel(ordered), thresholds, covariates)
    inside = ordered["ns"].between(span.start_ns, span.end_ns, inclusive="left").to_numpy()
    kept, flagged = ordered[inside].reset_index(drop=True), flagged[inside]
    calibrated = _calibrated(kept, rules, series, covariates)
    flagged = _judged(flagged, calibrated["flag"].to_numpy(), rules, series)
    kept["flag"] = flagged["flag"].to_numpy()
    kept["tests"] = quality.encode_tests(flagged).to_numpy()
    value = calibrated["value"].to_numpy(dtype=np.float64, copy=True)
    kept["value"] = _leveled(kept, value, rows)
    return kept


#: Device, quantity, channel and place of a series, by its id.
_Series = dict[str, tuple[str, str, str, int]]


def _in_series(readings: pd.DataFrame, rows: Sequence[Device]) -> tuple[pd.DataFrame, _Series]:
    """Readings ordered by series and time, with the column `series`, and the series there are."""
    code, kinds = _kinds(readings)
    columns = ("device", "quantity", "channel", "place")
    series = {
        f"{quantity}|{channel}|{device}|{rows[place].from_ns}": (device, quantity, channel, place)
        for device, quantity, channel, place in zip(
            *(kinds[name].tolist() for name in columns), strict=True
        )
    }
    names = sorted(series)
    places = {name: place for place, name in enumerate(names)}
    rank = np.asarray([places[name] for name in series], dtype=np.int64)
    order = np.lexsort((readings["ns"].to_numpy(), rank[code]))
    ordered = readings.take(order).reset_index(drop=True)
    ordered["series"] = pd.Categorical.from_codes(rank[code][order], pd.Index(names))
    return ordered, {name: series[name] for name in names}


def _kinds(readings: pd.DataFrame) -> tuple[Ints, pd.DataFrame]:
    """Number of the (quantity, channel, place) of each reading, and a reading of each."""
    number = readings["place"].to_numpy(dtype=np.int64)
    for name in ("channel", "quantity"):
        code, names = pd.factorize(readings[name])
        number = number * max(len(names), 1) + code
    code, _ = pd.factorize(number)
    first = ~pd.Series(number).duplicated().to_numpy()
    return np.asarray(code, dtype=np.int64), readings[first]


def _panel(ordered: pd.DataFrame) -> pd.DataFrame:
    return to_panel(ordered["ns"].to_numpy(), ordered["series"], ordered["value"])


def _calibrated(
    kept: pd.DataFrame, rules: Rules, series: _Series, covariates: pd.DataFrame | None
) -> pd.DataFrame:
    """Values after the calibration that holds at their time, unchanged where none does."""
    rows = [
        row_of(found, name)
        for found in rules.calibrations
        for name, (device, quantity, *_) in series.items()
        if (device, quantity) == (found.device, found.quantity) and found.method != BAROMETRIC
    ]
    return calibration.apply(_panel(kept), rows, covariates)


def _judged(
    flagged: pd.DataFrame, calibrated: Flags, rules: Rules, series: _Series
) -> pd.DataFrame:
    """Flags with what the calibration objects to, and what a person has decided.

    That a value could be calibrated does not make it good: the column says 2 where it does not
    object.
    """
    objects = np.isin(calibrated, (Flag.SUSPECT, Flag.FAIL, Flag.MISSING))
    column = np.where(objects, calibrated, Flag.UNKNOWN).astype(np.int8)
    whole = quality.aggregate_flags([flagged["flag"].to_numpy(dtype=np.int8), column])
    verdicts = [
        quality.Verdict(name, flag.flag, flag.from_ns, flag.to_ns)
        for flag in rules.flags
        for name, (device, quantity, *_) in series.items()
        if flag.device == device and flag.quantity in {"*", quantity}
    ]
    return quality.override(flagged.assign(calibration=column, flag=whole), verdicts)


def _leveled(kept: pd.DataFrame, value: Floats, rows: Sequence[Device]) -> Floats:
    """Values against NAP: the height of the sensor's zero is added to levels."""
    is_level = kept["quantity"].isin(FROM_ZERO).to_numpy()
    if not is_level.any():
        return value
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
    """Rows as points, by window, with the number of values that each test objected to."""
    outputs = {window: Output() for window in windows}
    starts = [window.start_ns for window in windows]
    which = np.searchsorted(starts, kept["ns"].to_numpy(dtype=np.int64), side="right") - 1
    names = ("device", "channel", "quantity", "ns", "value", "flag", "tests")
    series: dict[tuple[str, ...], SeriesKey] = {}
    points = [outputs[window].points for window in windows]
    for place, device, channel, quantity, ns, value, flag, tests in zip(
        which.tolist(), *(kept[name].tolist() for name in names), strict=True
    ):
        tags = (target.lab, device, channel, quantity)
        key = series.get(tags)
        if key is None:
            key = series[tags] = SeriesKey(target.theme, tags)
        points[place].append(Point(key, ns, {"value": value, "flag": flag, "tests": tests}))
    for place, window in enumerate(windows):
        outputs[window].info["tests"] = counted(kept[which == place])
    return outputs
