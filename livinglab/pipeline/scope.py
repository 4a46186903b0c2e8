"""What a registry says about windows: which targets there are, whose rows they read, their grid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from livinglab.model import Theme
from livinglab.pipeline.windows import (
    CLEAN,
    EXPERIMENT,
    INDICATORS,
    YEARS,
    Target,
    Window,
    civil_windows,
    civil_year_windows,
    merged,
    utc_windows,
)
from livinglab.registry import Device, Experiment, Indicator, Registry, quality_for, window_h
from livinglab.timeline import DAY_NS, HOUR_NS, parse_instant
from transforms.quality import Thresholds

#: End of a validity period that is open.
OPEN: Final = 2**62


class Scope:
    """One registry, with the look-ups that the pipeline makes for every window.

    Parameters
    ----------
    registry : Registry
        The snapshot that everything is computed with; never half of another.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.rows = cache(self._rows)
        self.indicators = cache(self._indicators)
        self.yearly = cache(self._yearly)
        self.measured = cache(self._measured)
        self.channels = cache(self._channels)
        self.thresholds = cache(self._thresholds)

    def _measured(self, model: str, theme: str) -> tuple[tuple[str, str], ...]:
        """Quantity and channel of what devices of a model measure of a theme, in order."""
        row = self.registry.models[model]
        found = {(key.quantity, key.channel) for key in row.keys.values()}
        for name, source in row.derives.items():
            found |= {(name, channel) for quantity, channel in found if quantity == source}
        return tuple(sorted(pair for pair in found if self.is_of(pair[0], theme)))

    def _channels(self, model: str, theme: str, needs: tuple[str, ...]) -> tuple[str, ...]:
        """Channels on which devices of a model measure all of some quantities, in order."""
        measured = self.measured(model, theme)
        channels = sorted({channel for _, channel in measured})
        return tuple(
            channel for channel in channels if all((name, channel) in measured for name in needs)
        )

    def quantities(self, model: str, theme: str) -> tuple[str, ...]:
        """What devices of a model measure of a theme, in order."""
        return tuple(dict.fromkeys(name for name, _ in self.measured(model, theme)))

    def _thresholds(self, row: Device, quantity: str) -> Thresholds:
        """Thresholds of the quality tests for one quantity of one device row."""
        return Thresholds.of(quality_for(self.registry, quantity, row))

    def _rows(self, lab: str, theme: str) -> tuple[Device, ...]:
        """Rows of a lab's devices that measure a quantity of `theme`, by id and time."""
        of_lab = (row for row in self.registry.devices if row.lab == lab)
        rows = (row for row in of_lab if self.measured(row.model, theme))
        return tuple(sorted(rows, key=lambda row: (row.id, row.from_ns)))

    def _indicators(self, theme: str) -> tuple[Indicator, ...]:
        """Indicators of the hours and days of a theme, by id."""
        return tuple(row for row in self._of_theme(theme) if not row.of)

    def _yearly(self, theme: str) -> tuple[Indicator, ...]:
        """Indicators of the years of a theme, by id."""
        return tuple(row for row in self._of_theme(theme) if row.of)

    def _of_theme(self, theme: str) -> list[Indicator]:
        found = (row for row in self.registry.indicators.values() if row.theme == theme)
        return sorted(found, key=lambda row: row.id)

    def expected(self, indicator: Indicator, rows: Iterable[Device]) -> dict[str, int]:
        """Series that an indicator of hours or days is expected of: their steps [s].

        Series ("area|device|channel") that measure what it cannot do without, often enough.
        """
        return {
            f"{row.area}|{row.id}|{channel}": row.step_s
            for row in rows
            if indicator.step_divides_s % row.step_s == 0
            for channel in self.channels(row.model, indicator.theme.value, indicator.needs)
        }

    def is_of(self, quantity: str, theme: str) -> bool:
        """Whether a quantity is known and of `theme`."""
        row = self.registry.quantities.get(quantity)
        return row is not None and row.theme == theme

    def zone(self, lab: str) -> str:
        """Time zone whose civil days a lab's indicators use."""
        return self.registry.labs[lab].timezone

    def experiment(self, target: Target) -> Experiment | None:
        """The experiment that a target is about, None where it is not in the registry any more."""
        return self.registry.labs[target.lab].experiments.get(target.theme)

    def targets(self, level: str, lab: str) -> list[Target]:
        """Targets of a level that configuration gives a lab, in order."""
        if level == EXPERIMENT:
            themes = sorted(self.registry.labs[lab].experiments)
        else:
            themes = [theme.value for theme in Theme if self.rows(lab, theme.value)]
        if level in {INDICATORS, YEARS}:
            rows_of = self.indicators if level == INDICATORS else self.yearly
            themes = [theme for theme in themes if rows_of(theme)]
        return [Target(level, lab, theme) for theme in themes]

    def step(self, target: Target) -> str:
        """Name of the step of a target's windows, as the records have it."""
        if target.level == INDICATORS:
            return "day"
        if target.level == YEARS:
            return "year"
        if target.level == EXPERIMENT:
            return "experiment"
        return "24h" if window_h(self.registry, target.theme) == 24 else "1h"

    def grid(self, target: Target, start_ns: int, end_ns: int) -> list[Window]:
        """Windows of a target that overlap [start, end), expected or not."""
        if target.level == CLEAN:
            length = DAY_NS if self.step(target) == "24h" else HOUR_NS
            return utc_windows(start_ns, end_ns, length)
        if target.level == INDICATORS:
            return civil_windows(start_ns, end_ns, self.zone(target.lab))
        if target.level == YEARS:
            return civil_year_windows(start_ns, end_ns, self.zone(target.lab))
        experiment = self.experiment(target)
        if experiment is None:
            return []
        zone = self.zone(target.lab)
        window = Window(
            parse_instant(experiment.before[0], zone), parse_instant(experiment.after[1], zone)
        )
        return [window] if window.start_ns < end_ns and start_ns < window.end_ns else []

    def periods(self, target: Target) -> list[Window]:
        """Time in which a target has windows: while one of its devices is at its place."""
        if target.level == EXPERIMENT:
            return self.grid(target, -OPEN, OPEN)
        rows = self.rows(target.lab, target.theme)
        return merged(Window(row.from_ns, OPEN if row.to_ns is None else row.to_ns) for row in rows)
