"""What devices measured besides: humidity, battery, particles of another size, the air pressure.

Tests of the device's state and calibrations look at other quantities of the same device; a level
from an absolute pressure looks at the barometer of another one. All of it is read raw, at the same
place, within the margins of the window; values outside a quantity's fail span are not believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.pipeline.places import placed
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import Target, Window
from livinglab.registry import Calibration, Device
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS
from transforms import calibration
from transforms.frames import time_ns, to_index, to_panel
from transforms.water_physics import BAROMETER_GAP_S

PRESSURE: Final = "air_pressure"
BAROMETRIC: Final = "barometric"
#: How far a barometer's readings may lie from those of the logger [ns].
BAROMETER_NS: Final = BAROMETER_GAP_S * SECOND_NS


def row_of(found: Calibration, series: str) -> calibration.Row:
    """A calibration of the registry, as the transforms know it."""
    return calibration.Row(series, found.method, found.parameters, found.from_ns, found.to_ns)


def needed(
    scope: Scope, row: Device, quantity: str, calibrations: Collection[Calibration]
) -> tuple[str, ...]:
    """Other quantities of a device that tests and calibrations of one look at, in order."""
    thresholds = scope.thresholds(row, quantity)
    names = {limit.quantity for limit in thresholds.state_limits}
    if thresholds.ceiling is not None:
        names.add(thresholds.ceiling.quantity)
    for found in calibrations:
        if (found.device, found.quantity) == (row.id, quantity):
            names.update(calibration.covariates_of(row_of(found, quantity)))
    return tuple(sorted(names))


def sources(scope: Scope, row: Device, channel: str, name: str) -> list[str]:
    """Channels of a device that tell about a quantity: its own, else all, by name."""
    theme = scope.registry.quantities[name].theme.value
    channels = [other for found, other in scope.measured(row.model, theme) if found == name]
    return [channel] if channel in channels else channels


class Besides:
    """Readings of some devices in other quantities than the target's, read once.

    Parameters
    ----------
    names : collection of str
        Quantities; of any theme.
    reach : Window
        Stretch of time that any test or calibration looks at.
    """

    def __init__(
        self, store: Store, scope: Scope, target: Target, names: Collection[str], reach: Window
    ) -> None:
        self._scope = scope
        self._rows = scope.rows(target.lab, target.theme)
        self._parts = dict(self._read(store, names, reach))

    def _read(
        self, store: Store, names: Collection[str], reach: Window
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        devices = sorted({row.id for row in self._rows})
        for name in sorted(names):
            part = readings_of(store, self._scope, name, devices, reach)
            place = placed(part, self._rows)
            yield name, part.assign(place=place)[place >= 0]

    def panel(self, series: Mapping[str, tuple[int, str, Sequence[str]]]) -> pd.DataFrame | None:
        """Covariates under the ids of the series that need them; None where none does.

        Parameters
        ----------
        series : mapping of str to (int, str, sequence of str)
            Place, channel and needed quantities of each series.
        """
        parts = [
            self._of(place, channel, name).assign(series=key, quantity=name)
            for key, (place, channel, names) in series.items()
            for name in names
        ]
        if not parts:
            return None
        long = pd.concat(parts, ignore_index=True)
        columns = (long[name].to_numpy() for name in ("ns", "series", "value", "quantity"))
        return to_panel(*columns)

    def _of(self, place: int, channel: str, name: str) -> pd.DataFrame:
        part = self._parts[name]
        channels = sources(self._scope, self._rows[place], channel, name)
        here = part[(part["place"] == place) & part["channel"].isin(channels)]
        # Of two sensors that spoke at once the first by name is heard.
        ordered = here.sort_values(["ns", "channel"]).drop_duplicates("ns")
        return ordered[["ns", "value"]]


def readings_of(
    store: Store, scope: Scope, name: str, devices: Sequence[str], reach: Window
) -> pd.DataFrame:
    """Believable raw readings of one quantity: columns `ns`, `device`, `channel`, `value`."""
    quantity = scope.registry.quantities[name]
    frame = store.frame("raw", quantity.theme.value, *reach, {"device": list(devices)}, [name])
    value = frame[name].to_numpy(dtype=np.float64)
    low, high = quantity.fail
    part = pd.DataFrame(
        {
            "ns": time_ns(frame),
            "device": frame["device"].to_numpy(),
            "channel": frame["channel"].to_numpy(),
            "value": value,
        }
    )
    return part[(value >= low) & (value <= high)].reset_index(drop=True)


def read_barometers(
    store: Store, scope: Scope, devices: Collection[str], reach: Window
) -> dict[str, pd.Series]:
    """Air pressure of some devices by time [hPa], with half an hour on either side."""
    if not devices:
        return {}
    wide = Window(reach.start_ns - BAROMETER_NS, reach.end_ns + BAROMETER_NS)
    part = readings_of(store, scope, PRESSURE, sorted(devices), wide)
    ordered = part.sort_values(["device", "ns", "channel"]).drop_duplicates(["device", "ns"])
    none: Any = pd.Series(dtype=np.float64, index=to_index([]))
    found = {
        str(name): pd.Series(group["value"].to_numpy(), index=to_index(group["ns"].to_numpy()))
        for name, group in ordered.groupby("device")
    }
    return {name: found.get(name, none) for name in devices}
