"""Calibration: from values as measured to values as calibrated, per series and validity period.

One row of configuration is one `Row`. Values outside every row stay as they are. Flags that a
method gives (humidity out of its range, drift too large) come beside the values, never into them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.flags import Flag
from transforms.corrections import barkjohn, baseline_drift, calibrator_check, kappa_koehler
from transforms.frames import (
    Flags,
    Floats,
    Ints,
    names_in,
    require_panel,
    series_codes,
    time_ns,
)
from transforms.lookup import latest

TEMPERATURE: Final = "air_temperature"
HUMIDITY: Final = "relative_humidity"
#: A covariate older than this is not used [s].
COVARIATE_LAG_S: Final = 900


@dataclass(frozen=True, slots=True)
class Row:
    """How one series is calibrated in [from_ns, to_ns); `to_ns` None is open.

    Parameters
    ----------
    series : str
        Series of the panel.
    method : str
        "linear", "multi_linear", "barkjohn", "kappa_koehler", "drift" or "calibrator".
    parameters : mapping of str to float
        linear: offset, slope. multi_linear: offset, slope, and slope_<quantity> per covariate;
        min_<quantity>, max_<quantity> (and min_value, max_value) bound the fitted range.
        kappa_koehler: kappa. drift: zero_start, zero_end, gain_start, gain_end. calibrator:
        reading_start, reading_end [dB]. barkjohn: none.
    """

    series: str
    method: str
    parameters: Mapping[str, float]
    from_ns: int
    to_ns: int | None


@dataclass(frozen=True, slots=True, eq=False)
class _Readings:
    """Readings of one row: values as measured, place in its period, covariates by quantity."""

    row: Row
    value: Floats
    time_ns: Ints
    covariates: Mapping[str, Floats]

    @property
    def share(self) -> Floats:
        """Place in the validity period, 0 at its start, 1 at its end."""
        if self.row.to_ns is None:
            raise DataError(
                f"{self.row.method} calibration of {self.row.series!r} has no end",
                hint="it runs from one check to the next: give valid_to",
            )
        length = self.row.to_ns - self.row.from_ns
        return np.asarray((self.time_ns - self.row.from_ns) / length, dtype=np.float64)

    def parameter(self, name: str, default: float | None = None) -> float:
        value = self.row.parameters.get(name, default)
        if value is None:
            raise DataError(
                f"{self.row.method} calibration of {self.row.series!r} lacks {name!r}",
                hint="see the parameters of the method in transforms.calibration.Row",
            )
        return value


def _good(readings: _Readings) -> Flags:
    return np.full(len(readings.value), Flag.GOOD, dtype=np.int8)


def _linear(readings: _Readings) -> tuple[Floats, Flags]:
    value = readings.parameter("offset") + readings.parameter("slope") * readings.value
    return value, _good(readings)


def _multi_linear(readings: _Readings) -> tuple[Floats, Flags]:
    value, flags = _linear(readings)
    for quantity, covariate in readings.covariates.items():
        value = value + readings.parameter(f"slope_{quantity}") * covariate
    for name, column in {"value": readings.value, **readings.covariates}.items():
        low = readings.parameter(f"min_{name}", -np.inf)
        high = readings.parameter(f"max_{name}", np.inf)
        flags[(column < low) | (column > high)] = Flag.SUSPECT
    return value, flags


def _barkjohn(readings: _Readings) -> tuple[Floats, Flags]:
    return barkjohn(readings.value, readings.covariates[HUMIDITY]), _good(readings)


def _kappa_koehler(readings: _Readings) -> tuple[Floats, Flags]:
    kappa = readings.parameter("kappa")
    return kappa_koehler(readings.value, readings.covariates[HUMIDITY], kappa)


def _drift(readings: _Readings) -> tuple[Floats, Flags]:
    zero = readings.parameter("zero_start"), readings.parameter("zero_end")
    gain = readings.parameter("gain_start", 1.0), readings.parameter("gain_end", 1.0)
    return baseline_drift(readings.value, readings.share, zero=zero, gain=gain), _good(readings)


def _calibrator(readings: _Readings) -> tuple[Floats, Flags]:
    shown = readings.parameter("reading_start"), readings.parameter("reading_end")
    return calibrator_check(readings.value, readings.share, readings=shown)


METHODS: Final[Mapping[str, Callable[[_Readings], tuple[Floats, Flags]]]] = {
    "linear": _linear,
    "multi_linear": _multi_linear,
    "barkjohn": _barkjohn,
    "kappa_koehler": _kappa_koehler,
    "drift": _drift,
    "calibrator": _calibrator,
}


def covariates_of(row: Row) -> tuple[str, ...]:
    """Quantities that a row reads besides its own.

    Examples
    --------
    >>> covariates_of(Row("s", "barkjohn", {}, 0, None))
    ('relative_humidity',)
    >>> covariates_of(Row("s", "linear", {"offset": 0, "slope": 1}, 0, None))
    ()
    """
    if row.method == "multi_linear":
        names = (
            name.removeprefix("slope_") for name in row.parameters if name.startswith("slope_")
        )
        return tuple(sorted(names))
    return (HUMIDITY,) if row.method in {"barkjohn", "kappa_koehler"} else ()


def reach_s(rows: Sequence[Row]) -> tuple[int, int]:
    """Seconds before and after a value that its calibration may depend on."""
    return (COVARIATE_LAG_S if any(covariates_of(row) for row in rows) else 0), 0


def apply(
    panel: pd.DataFrame, rows: Sequence[Row], covariates: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Calibrated values of a panel.

    Parameters
    ----------
    panel : DataFrame
        Values as measured, one quantity per series.
    rows : sequence of Row
        Calibrations; at most one holds for a series at a time.
    covariates : DataFrame, optional
        Panel with the column `quantity`: what the devices measured besides, under the series ids of
        `panel`. Each reading takes the latest value of the past 15 minutes.

    Returns
    -------
    DataFrame
        Rows of the panel: `series`, `value`; `calibration`, the position in `rows`, -1 = none;
        `flag` (int8): 1 calibrated, 3 outside the range of the method, 4 not to be used (the value
        is then the one measured, where a covariate is missing), 2 not calibrated, 9 missing.

    Raises
    ------
    DataError
        On an unknown method, a missing parameter, or two rows that hold at the same time.

    Examples
    --------
    >>> from transforms.frames import to_panel
    >>> panel = to_panel([0, 10, 20], "s", [1.0, 2.0, float("nan")])
    >>> row = Row("s", "linear", {"offset": 5.0, "slope": 2.0}, 10, None)
    >>> apply(panel, [row])[["value", "calibration", "flag"]].values.tolist()
    [[1.0, -1.0, 2.0], [9.0, 0.0, 1.0], [nan, 0.0, 9.0]]
    """
    require_panel(panel)
    value = panel["value"].to_numpy(dtype=np.float64, copy=True)
    place = np.full(len(panel), -1, dtype=np.int64)
    flags = np.full(len(panel), Flag.UNKNOWN, dtype=np.int8)
    times, needed = time_ns(panel), {name for row in rows for name in covariates_of(row)}
    besides = {name: latest(panel, covariates, name, COVARIATE_LAG_S) for name in sorted(needed)}
    for number, (row, where) in enumerate(zip(rows, _slices(panel, rows), strict=True)):
        _require_free(place[where], row, rows)
        place[where] = number
        found = {name: besides[name][where] for name in covariates_of(row)}
        value[where], flags[where] = _calibrated(value[where], times[where], row, found)
    flags[np.isnan(panel["value"].to_numpy())] = Flag.MISSING
    return pd.DataFrame(
        {"series": panel["series"], "value": value, "calibration": place, "flag": flags},
        index=panel.index,
        copy=False,  # nobody else has these columns
    )


def _slices(panel: pd.DataFrame, rows: Sequence[Row]) -> list[slice]:
    """Rows of the panel that each calibration holds for; a series' times are one run of it."""
    names = sorted({*names_in(panel), *(row.series for row in rows)})
    code, times = series_codes(panel, names), time_ns(panel)
    found = []
    for row in rows:
        first, last = np.searchsorted(code, names.index(row.series) + np.array([0, 1]))
        end = np.iinfo(np.int64).max if row.to_ns is None else row.to_ns
        inside = first + np.searchsorted(times[first:last], (row.from_ns, end))
        found.append(slice(*inside))
    return found


def _require_free(place: Ints, row: Row, rows: Sequence[Row]) -> None:
    if row.method not in METHODS:
        raise DataError(
            f"unknown calibration method {row.method!r} of {row.series!r}",
            hint=f"one of {', '.join(METHODS)}",
        )
    taken = place[place >= 0]
    if len(taken):
        raise DataError(
            f"two calibrations of {row.series!r} hold at the same time "
            f"({rows[taken[0]].method} and {row.method})",
            hint="end one where the other begins",
        )


def _calibrated(
    measured: Floats, times: Ints, row: Row, covariates: Mapping[str, Floats]
) -> tuple[Floats, Flags]:
    value, flags = METHODS[row.method](_Readings(row, measured, times, covariates))
    absent = np.zeros(len(measured), dtype=bool)
    for column in covariates.values():
        absent |= np.isnan(column)
    # A value that cannot be corrected is not passed off as one that was.
    return np.where(absent, measured, value), np.where(absent, Flag.FAIL, flags).astype(np.int8)
