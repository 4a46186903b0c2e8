"""Hours of a sensor beside a reference: from the store, or from a file of reference values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from livinglab.calibration_report import RAW, Pairs
from livinglab.config.findings import nearest
from livinglab.errors import DataError, UnitError
from livinglab.flags import Flag
from livinglab.model import Aggregation
from livinglab.project import Project
from livinglab.registry import Device, Quantity
from livinglab.timeline import HOUR_NS
from livinglab.units import conversion
from transforms.air import hourly_mean
from transforms.frames import time_ns, to_panel
from transforms.noise import laeq_hour

#: Names of the columns of a reference file, in any case.
_TIME: Final = ("time", "utc", "start", "timestamp", "datetime", "ts")
_VALUE: Final = ("value", "reference")
_GOOD: Final = (int(Flag.GOOD), int(Flag.UNKNOWN))
_SUSPECT: Final = (*_GOOD, int(Flag.SUSPECT))


def read_pairs(
    project: Project,
    device: str,
    quantity: str,
    reference: str,
    start_ns: int,
    end_ns: int,
    *,
    covariates: Sequence[str] = (),
    unit: str = "",
    with_suspect: bool = False,
) -> Pairs:
    """Hours of a device beside a reference.

    Parameters
    ----------
    reference : str
        Id of a device (its clean values are used), or path of a CSV file with a column of times
        (UTC or with offset; start of the interval) and one `value`, or named as the quantity.
    covariates : sequence of str
        Other quantities of the device, as measured.
    unit : str
        Of the values in the file; "" = the quantity's own.
    with_suspect : bool
        Take readings of the sensor that tests call suspect: a sensor that is to be calibrated may
        be off by more than the tests allow.

    Raises
    ------
    DataError
        If there is no such device, quantity or file, or a device changes its place in between.
    """
    row, known = _device(project, device, quantity, start_ns, end_ns)
    if reference == device:
        raise DataError(
            f"{device} cannot be its own reference",
            hint="name the instrument beside it, or a CSV file of its values",
        )
    flags = _SUSPECT if with_suspect else _GOOD
    raw = _measured(project, row, known, (start_ns, end_ns), flags)
    columns = {RAW: _hourly(raw, known, row.step_s, start_ns, end_ns)}
    for name in covariates:
        other, its = _device(project, device, name, start_ns, end_ns)
        part = _measured(project, other, its, (start_ns, end_ns), flags)
        columns[name] = _hourly(part, its, other.step_s, start_ns, end_ns)
    path = Path(reference)
    if path.suffix.lower() in {".csv", ".tsv", ".txt"} or path.is_file():
        values, source = _from_file(path, known, unit), path.name
        columns["reference"] = _hourly(values, known, _step_of(values), start_ns, end_ns)
    else:
        against, _ = _device(project, reference, quantity, start_ns, end_ns)
        source = against.id
        part = _clean(project, against, known, (start_ns, end_ns))
        columns["reference"] = _hourly(part, known, against.step_s, start_ns, end_ns)
    zone = project.registry.labs[row.lab].timezone
    frame = pd.DataFrame(columns)
    return Pairs(device, quantity, known.unit, frame, start_ns, end_ns, source, zone)


def _device(
    project: Project, name: str, quantity: str, start_ns: int, end_ns: int
) -> tuple[Device, Quantity]:
    """The one row of a device in a period, and a quantity that it measures."""
    registry = project.registry
    if name not in registry.history:
        told = f"no device {name!r} in the registry{nearest(name, registry.history)}"
        raise DataError(told, hint="a reference may also be a CSV file: give its path")
    rows = [
        row
        for row in registry.history[name]
        if row.from_ns < end_ns and (row.to_ns is None or row.to_ns > start_ns)
    ]
    if len(rows) != 1:
        told = "was nowhere" if not rows else f"stood at {len(rows)} places"
        raise DataError(
            f"{name} {told} in this period",
            hint=f"choose one in which it stood at one place; `livinglab device show {name}` "
            "lists them",
        )
    measured = registry.models[rows[0].model].quantities()
    if quantity not in measured:
        raise DataError(
            f"{name} does not measure {quantity!r}{nearest(quantity, measured)}",
            hint="name one of its quantities",
        )
    return rows[0], registry.quantities[quantity]


def _measured(
    project: Project,
    row: Device,
    quantity: Quantity,
    span: tuple[int, int],
    flags: Sequence[int],
) -> pd.DataFrame:
    """Raw values of one device whose clean value has one of some flags: columns `ns`, `value`."""
    theme, name = quantity.theme.value, quantity.name
    raw = project.store.frame("raw", theme, *span, {"device": row.id}, [name])
    tags = {"lab": row.lab, "device": row.id, "quantity": name}
    clean = project.store.frame("clean", theme, *span, tags, ["flag"])
    if len(raw) and clean.empty:
        raise DataError(
            f"{name} of {row.id} has no clean values in this period",
            hint=f"compute them first: livinglab run clean {row.lab}",
        )
    kept = clean[clean["flag"].isin(flags)]
    keys = pd.MultiIndex.from_arrays([time_ns(kept), kept["channel"]])
    here = pd.MultiIndex.from_arrays([time_ns(raw), raw["channel"]]).isin(keys)
    return _one_channel(raw[here].rename(columns={name: "value"}), row, quantity)


def _clean(
    project: Project, row: Device, quantity: Quantity, span: tuple[int, int]
) -> pd.DataFrame:
    tags = {"lab": row.lab, "device": row.id, "quantity": quantity.name}
    frame = project.store.frame("clean", quantity.theme.value, *span, tags, ["value", "flag"])
    return _one_channel(frame[frame["flag"].isin(_GOOD)], row, quantity)


def _one_channel(frame: pd.DataFrame, row: Device, quantity: Quantity) -> pd.DataFrame:
    channels = sorted(frame["channel"].unique())
    if len(channels) > 1:
        raise DataError(
            f"{row.id} measures {quantity.name} on the channels {', '.join(channels)}",
            hint="a calibration holds for all of them: they cannot be calibrated one by one",
        )
    return pd.DataFrame({"ns": time_ns(frame), "value": frame["value"].to_numpy()})


def _from_file(path: Path, quantity: Quantity, unit: str) -> pd.DataFrame:
    """Reference values of a CSV file in the quantity's unit: columns `ns`, `value`."""
    try:
        table = pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: cannot read it: {error}", hint="a UTF-8 CSV file") from error
    names = {str(name).strip().casefold(): name for name in table.columns}
    time = next((names[name] for name in _TIME if name in names), None)
    value = next((names[name] for name in (*_VALUE, quantity.name) if name in names), None)
    if time is None or value is None:
        raise DataError(
            f"{path}: no column of {'times' if time is None else 'values'}",
            hint=f"headings `time` and `value` (or {quantity.name}); got {', '.join(names)}",
        )
    try:
        moments = pd.to_datetime(table[time], utc=True, format="ISO8601")
        numbers = pd.to_numeric(table[value])
        factor, offset = conversion(unit or quantity.unit, quantity.unit, quantity.molar_mass)
    except UnitError:
        raise
    except (ValueError, TypeError) as error:
        hint = "times like 2025-08-29T12:00:00Z, numbers with a decimal point"
        raise DataError(f"{path}: {error}", hint=hint) from error
    ns = pd.DatetimeIndex(moments).as_unit("ns").asi8
    frame = pd.DataFrame({"ns": ns, "value": numbers.to_numpy(dtype=np.float64) * factor + offset})
    return frame.dropna().drop_duplicates("ns")


def _step_of(values: pd.DataFrame) -> int:
    """Interval of a reference file [s]: its most frequent distance, at most an hour."""
    if len(values) < 2:
        return 3600
    steps = np.diff(np.sort(values["ns"].to_numpy()))
    found, counts = np.unique(steps, return_counts=True)
    return int(min(found[np.argmax(counts)], HOUR_NS) // 1_000_000_000) or 1


def _hourly(
    values: pd.DataFrame, quantity: Quantity, step_s: int, start_ns: int, end_ns: int
) -> pd.Series:
    """Means of whole UTC hours with at least 75 % of their readings, NaN elsewhere."""
    if step_s > 3600:
        raise DataError(
            f"{quantity.name} every {step_s} s has no hours to compare",
            hint="calibrate against readings of an hour or less",
        )
    mean = laeq_hour if quantity.aggregation is Aggregation.ENERGETIC else hourly_mean
    first, last = start_ns // HOUR_NS * HOUR_NS, -(-end_ns // HOUR_NS) * HOUR_NS
    panel = to_panel(values["ns"].to_numpy(), "s", values["value"].to_numpy())
    frame = mean(
        panel,
        start=pd.Timestamp(first, tz="UTC"),
        end=pd.Timestamp(last, tz="UTC"),
        zone="UTC",
        steps={"s": step_s},
        coverage=0.75,
    )
    return frame["value"]
