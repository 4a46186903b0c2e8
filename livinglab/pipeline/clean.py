"""The clean level: raw -> flags, calibration, height; what it depends on and where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from livinglab.pipeline.arrivals import Arrivals
from livinglab.pipeline.besides import BAROMETER_NS, PRESSURE, needed, row_of, sources
from livinglab.pipeline.cleaning import FROM_ZERO, Rules, clean_rows, cut
from livinglab.pipeline.digests import Inputs
from livinglab.pipeline.recipe import Output, Place, Recipe, clipped, edges
from livinglab.pipeline.records import ALWAYS
from livinglab.pipeline.windows import Window, span_of
from livinglab.registry import Device
from livinglab.store.base import Store
from livinglab.timeline import SECOND_NS
from transforms import calibration, quality

#: Raise it when the same inputs give another output: every window is then computed again.
VERSION: Final = "clean-2"


class CleanView:
    """Inputs of clean windows: arrival versions and configuration."""

    def __init__(self, store: Store, recipe: Clean, span: Window) -> None:
        before, after = recipe.widest()
        rows = recipe.scope.rows(recipe.target.lab, recipe.target.theme)
        self._recipe = recipe
        self._arrivals = Arrivals(
            store,
            {row.id for row in rows} | set(recipe.companions(rows, ALWAYS)),
            span.start_ns - before,
            span.end_ns + after,
        )

    def inputs(self, window: Window) -> Inputs:
        """Inputs of a window, as they were when the view was made."""
        part = self._recipe.of(window)
        arrivals = self._arrivals.digest(part.devices, *part.reach(window))
        return Inputs(arrivals, "", part.digest, VERSION)

    def open_upstream(self, window: Window) -> Window | None:
        """Readings are written by nobody who claims: nothing is ever open."""
        del window
        return None

    def marks(self, window: Window) -> Mapping[str, Any]:
        """Marks of the hours that are read, per device."""
        part = self._recipe.of(window)
        return {"arrivals": self._arrivals.marks(part.devices, *part.reach(window))}


class Clean(Recipe):
    """Clean windows of one lab and theme."""

    has_upstream = False

    def view(self, store: Store, span: Window) -> CleanView:
        """Read the arrival versions of every device and hour that windows in `span` read."""
        return CleanView(store, self, span)

    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read raw with margins, flag, calibrate, and cut into windows."""
        reaches = [self.of(window).reach(window) for window in windows]
        reach = Window(min(row.start_ns for row in reaches), max(row.end_ns for row in reaches))
        kept = clean_rows(store, self.scope, self.target, span_of(windows), reach)
        return cut(kept, self.target, windows)

    def place(self, span: Window) -> Place:
        """The lab's rows of the theme."""
        return Place("clean", self.target.theme, {"lab": self.target.lab}, span)

    def bounds(self) -> Iterator[int]:
        """Start and end of every row that names a device of the target."""
        rows = self.scope.rows(self.target.lab, self.target.theme)
        ids = {row.id for row in rows}
        registry = self.scope.registry
        barometers = {row.barometer for row in registry.calibrations if row.device in ids}
        return edges(
            (
                *rows,
                *(row for row in registry.devices if row.id in barometers),
                *(row for row in registry.calibrations if row.device in ids),
                *(row for row in registry.flags if row.device in ids),
            )
        )

    def widest(self) -> tuple[int, int]:
        """Largest reach of a test on any device of the target."""
        return self.margin(self.scope.rows(self.target.lab, self.target.theme), ALWAYS)

    def margin(self, rows: tuple[Device, ...], window: Window) -> tuple[int, int]:
        """Largest reach of a test or calibration on the devices of the window."""
        reaches = [quality.reach_s(self.scope.thresholds(*key)) for key in self._measured(rows)]
        before = max((reach[0] for reach in reaches), default=0) * SECOND_NS
        after = max((reach[1] for reach in reaches), default=0) * SECOND_NS
        rules = Rules(self.scope, self.target.theme, {row.id for row in rows}, window)
        found = [row_of(row, row.quantity) for row in rules.calibrations]
        before = max(before, calibration.reach_s(found)[0] * SECOND_NS)
        if self._barometers(rows, Window(window.start_ns - before, window.end_ns + after)):
            # Tests look at levels, and each level at the barometer around it.
            before, after = before + BAROMETER_NS, after + BAROMETER_NS
        return before, after

    def companions(self, rows: tuple[Device, ...], reach: Window) -> tuple[str, ...]:
        """Barometers that levels of the devices are made with."""
        return tuple(sorted(self._barometers(rows, reach)))

    def _barometers(self, rows: Iterable[Device], reach: Window) -> set[str]:
        rules = Rules(self.scope, self.target.theme, {row.id for row in rows}, reach)
        return {row.barometer for row in rules.calibrations if row.barometer}

    def _measured(self, rows: Iterable[Device]) -> Iterator[tuple[Device, str]]:
        for row in rows:
            for quantity in self.scope.quantities(row.model, self.target.theme):
                yield row, quantity

    def content(
        self, rows: tuple[Device, ...], window: Window, reach: Window
    ) -> Iterator[tuple[str, Any]]:
        """Places and thresholds within reach, calibrations and manual flags of the window."""
        for row in rows:
            bounds = clipped(row.from_ns, row.to_ns, reach)
            yield f"device {row.id}", [*bounds, self._height(row)]
            for quantity in self.scope.quantities(row.model, self.target.theme):
                thresholds = asdict(self.scope.thresholds(row, quantity))
                yield f"thresholds of {row.id} {quantity}", thresholds
        ids = {row.id for row in rows}
        yield from self._calibrations(rows, ids, window, reach)
        rules = Rules(self.scope, self.target.theme, ids, window)
        for flag in rules.flags:
            bounds = clipped(flag.from_ns, flag.to_ns, window)
            yield f"manual flag of {flag.device} {flag.quantity}", [flag.flag, *bounds]

    def _calibrations(
        self, rows: tuple[Device, ...], ids: set[str], window: Window, reach: Window
    ) -> Iterator[tuple[str, Any]]:
        """Calibrations of the window, those of levels within reach, and what they look at.

        Tests see levels, so a calibration that makes them matters to the windows around it too.
        """
        models = self.scope.registry.models
        deriving = {row.id for row in rows if models[row.model].derives}
        wide = Rules(self.scope, self.target.theme, deriving, reach).calibrations
        narrow = Rules(self.scope, self.target.theme, ids - deriving, window).calibrations
        for span, found in ((reach, wide), (window, narrow)):
            for each in found:
                bounds = clipped(each.from_ns, each.to_ns, span)
                content = [each.method, dict(each.parameters), each.barometer, *bounds]
                yield f"calibration of {each.device} {each.quantity}", content
        for row in rows:
            for quantity, channel in self.scope.measured(row.model, self.target.theme):
                for name in needed(self.scope, row, quantity, [*wide, *narrow]):
                    told = [name, sources(self.scope, row, channel, name), *self._span_of(name)]
                    yield f"besides {row.id} {quantity}", told
        for row in rows:
            if models[row.model].derives:
                yield f"levels of {row.id}", dict(models[row.model].derives)
        for name in sorted({row.barometer for row in wide if row.barometer}):
            yield f"barometer {name}", self._span_of(PRESSURE)

    def _span_of(self, quantity: str) -> list[float]:
        """Beyond this span a reading is not believed."""
        return list(self.scope.registry.quantities[quantity].fail)

    def _height(self, row: Device) -> float | None:
        measured = self.scope.quantities(row.model, self.target.theme)
        return row.height_m_nap if FROM_ZERO.intersection(measured) else None
