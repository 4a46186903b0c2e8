"""clean -> indicators: every indicator of a theme, per area, for civil days of the lab.

The functions are named by configuration and live below `transforms`; they get all series of an
indicator and all days of a chunk at once. Which series are expected on a day comes from the
registry, so a device that is silent has rows too, with the status "insufficient".
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.errors import ConfigError, DataError, Problem
from livinglab.model import Point, SeriesKey
from livinglab.pipeline.places import placed
from livinglab.pipeline.recipe import Output, Place, Recipe, clipped, edges
from livinglab.pipeline.scope import OPEN
from livinglab.pipeline.upstream import UpstreamView
from livinglab.pipeline.windows import CLEAN, Target, Window, span_of
from livinglab.registry import Device, Indicator
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS, HOUR_NS
from transforms.aggregate import combine
from transforms.frames import time_ns, to_panel

#: Raise it when the same inputs give another output: every window is then computed again.
VERSION: Final = "indicators-1"

#: Periods of the indicators that are computed from clean values.
PERIODS: Final = ("hour", "day", "day_utc1")

IndicatorFunction = Callable[..., pd.DataFrame]


class Indicators(Recipe):
    """Indicator windows of one lab and theme."""

    @property
    def version(self) -> str:
        """Declared versions of the indicators' functions."""
        return versions(VERSION, self.scope.indicators(self.target.theme))

    def view(self, store: Store, span: Window) -> UpstreamView:
        """Read the records of the clean windows that windows in `span` read."""
        reads = Target(CLEAN, self.target.lab, self.target.theme)
        return UpstreamView(store, self, reads, span, self.version)

    def place(self, span: Window) -> Place:
        """The lab's indicators of the theme, of hours and days."""
        tags = {"lab": self.target.lab, "period": PERIODS}
        return Place("indicators", self.target.theme, tags, span)

    def bounds(self) -> Iterator[int]:
        """Start and end of every device row."""
        return edges(self.scope.rows(self.target.lab, self.target.theme))

    def widest(self) -> tuple[int, int]:
        """Largest margins that an indicator of the theme declares; a legal day may end later."""
        before, after = declared_margins(self.scope.indicators(self.target.theme))
        return before, after + DAY_NS

    def margin(self, rows: tuple[Device, ...], window: Window) -> tuple[int, int]:
        """Margins declared, and the rest of the legal day (fixed UTC+1) that begins last."""
        found = self._measured(rows)
        before, after = declared_margins(found)
        has_legal_days = any(row.period == "day_utc1" for row in found)
        return before, after + (_rest_of_legal_day(window) if has_legal_days else 0)

    def variant(self, window: Window) -> tuple[int, int]:
        """Windows after which the legal day goes on for another time have different slices."""
        return 0, _rest_of_legal_day(window)

    def _measured(self, rows: Iterable[Device]) -> list[Indicator]:
        """Indicators of the theme that some devices have; what nobody measures cannot matter."""
        devices = tuple(rows)
        found = self.scope.indicators(self.target.theme)
        return [row for row in found if self.scope.expected(row, devices)]

    def content(
        self, rows: tuple[Device, ...], window: Window, reach: Window
    ) -> Iterator[tuple[str, Any]]:
        """Zone, places of the devices, and the definitions of the indicators that they have."""
        del window
        yield "time zone", self.scope.zone(self.target.lab)
        devices = {row.id for row in rows}
        for row in self.scope.rows(self.target.lab, self.target.theme):
            # Where a device was before or after says whether the readings there are of this area.
            is_near = row.from_ns < reach.end_ns and (row.to_ns or OPEN) > reach.start_ns
            if row.id in devices and is_near and row not in rows:
                yield f"device {row.id}", [row.area]
        for row in rows:
            measured = self.scope.measured(row.model, self.target.theme)
            bounds = clipped(row.from_ns, row.to_ns, reach)
            yield f"device {row.id}", [row.area, row.step_s, measured, *bounds]
        for indicator in self._measured(rows):
            yield f"indicator {indicator.id}", definition(indicator)

    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read clean with margins and compute every indicator of the theme."""
        outputs = {window: Output(info={"indicators": {}}) for window in windows}
        readings = self._read(store, windows)
        for indicator in self.scope.indicators(self.target.theme):
            panel = panel_of(readings, indicator)
            for days, steps in self._stretches(indicator, windows):
                frame = evaluated(indicator, panel, days, self.scope.zone(self.target.lab), steps)
                add_rows(outputs, indicator, self.target.lab, days, frame)
        return outputs

    def _read(self, store: Store, windows: Sequence[Window]) -> pd.DataFrame:
        """Clean readings of the devices at their places within reach of the windows.

        Columns `ns`, `quantity`, `value`, `flag`, and `series` ("area|device|channel").
        """
        theme, lab = self.target.theme, self.target.lab
        reaches = [self.of(window).reach(window) for window in windows]
        start, end = min(row.start_ns for row in reaches), max(row.end_ns for row in reaches)
        frame = store.frame("clean", theme, start, end, {"lab": lab}, ["value", "flag"])
        rows = self.scope.rows(lab, theme)
        long = frame.assign(ns=time_ns(frame)).reset_index(drop=True)
        place = placed(long, rows)
        long, place = long[place >= 0], place[place >= 0]
        areas = np.asarray([row.area for row in rows], dtype=object)[place]
        return long.assign(series=areas + "|" + long["device"] + "|" + long["channel"])

    def _stretches(
        self, indicator: Indicator, windows: Sequence[Window]
    ) -> Iterator[tuple[list[Window], dict[str, int]]]:
        """Runs of days with the same expected series and steps, without days that expect none."""
        days: list[Window] = []
        steps: dict[str, int] = {}
        for window in windows:
            expected = self.scope.expected(indicator, self.of(window).rows)
            if days and expected != steps:
                yield days, steps
                days = []
            steps = expected
            if expected:
                days.append(window)
        if days:
            yield days, steps


def add_rows(
    outputs: Mapping[Window, Output],
    indicator: Indicator,
    lab: str,
    windows: Sequence[Window],
    frame: pd.DataFrame,
) -> None:
    """Add the rows of an indicator to the outputs of the windows that they start in.

    Parameters
    ----------
    windows : sequence of Window
        The contiguous windows that the function was asked for.
    frame : DataFrame
        As `transforms.aggregate.combine` returns it.

    Raises
    ------
    DataError
        If a row lies outside the windows.
    """
    starts = [window.start_ns for window in windows]
    ns = time_ns(frame)
    which = np.searchsorted(starts, ns, side="right") - 1
    if len(ns) and (which.min() < 0 or ns.max() >= windows[-1].end_ns):
        raise DataError(
            f"indicator {indicator.id} has rows outside the time it was asked for",
            hint=f"transforms.{indicator.function} must return intervals in [start, end)",
        )
    series = {
        area: SeriesKey(indicator.theme.value, (lab, area, indicator.id, indicator.period))
        for area in frame["area"].unique()
    }
    names = ("area", "value", "coverage", "n", "status")
    columns = [frame[name].tolist() for name in names]
    for place, at, area, value, coverage, n, status in zip(
        which.tolist(), ns.tolist(), *columns, strict=True
    ):
        fields = {"coverage": coverage, "n": n, "status": status}
        if value == value:  # noqa: PLR0124 - NaN is no value, and a store cannot hold it
            fields["value"] = value
        output = outputs[windows[place]]
        output.points.append(Point(series[area], at, fields))
        counts = output.info["indicators"].setdefault(indicator.id, {})
        counts[status] = counts.get(status, 0) + 1


def declared_margins(rows: Iterable[Indicator]) -> tuple[int, int]:
    """Largest margins before and after that some indicators declare [ns]."""
    margins = [(row.before_h, row.after_h) for row in rows]
    before = max((before for before, _ in margins), default=0)
    after = max((after for _, after in margins), default=0)
    return before * HOUR_NS, after * HOUR_NS


def _rest_of_legal_day(window: Window) -> int:
    """How long the day of fixed UTC+1 goes on that begins last in a civil day [ns]."""
    return (-window.end_ns - HOUR_NS) % DAY_NS


def definition(indicator: Indicator) -> list[Any]:
    """Everything about an indicator that its values depend on."""
    return [
        indicator.function,
        list(indicator.quantities),
        dict(indicator.parameters),
        indicator.period,
        indicator.coverage,
        indicator.area_rule,
        sorted(indicator.flags),
        indicator.before_h,
        indicator.after_h,
        list(indicator.needs),
        indicator.step_divides_s,
    ]


def panel_of(readings: pd.DataFrame, indicator: Indicator) -> pd.DataFrame:
    """Readings that enter an indicator, as a panel."""
    is_in = readings["quantity"].isin(indicator.quantities) & readings["flag"].isin(indicator.flags)
    rows = readings[is_in]
    several = len(indicator.quantities) > 1
    return to_panel(
        rows["ns"].to_numpy(dtype=np.int64),
        rows["series"].to_numpy(),
        rows["value"].to_numpy(dtype=np.float64),
        rows["quantity"].to_numpy() if several else None,
    )


def evaluated(
    indicator: Indicator,
    panel: pd.DataFrame,
    days: Sequence[Window],
    zone: str,
    steps: Mapping[str, int],
) -> pd.DataFrame:
    """Values of an indicator per area and interval, as `transforms.aggregate.combine` returns."""
    start, end = span_of(days)
    frame = function_of(indicator.function)(
        panel[panel["series"].isin(list(steps))],
        start=pd.Timestamp(start, tz="UTC"),
        end=pd.Timestamp(end, tz="UTC"),
        zone=zone,
        steps=dict(steps),
        coverage=indicator.coverage,
        **indicator.parameters,
    )
    return combine(frame, {name: name.partition("|")[0] for name in steps}, indicator.area_rule)


@cache
def function_of(name: str) -> IndicatorFunction:
    """The function that configuration names "module:function", below `transforms`.

    Raises
    ------
    ConfigError
        If there is no such function.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(f"transforms.{module}"), function)
    except (ImportError, AttributeError) as error:
        problem = Problem("indicators.yaml", "", name, f"a function below transforms ({error})")
        raise ConfigError([problem], hint='write it as "module:function"') from error
    return found  # type: ignore[no-any-return]  # named by configuration, checked by its result


def versions(own: str, rows: Iterable[Indicator]) -> str:
    """Declared versions of a recipe and of the modules of its indicators' functions."""
    modules = sorted({row.function.partition(":")[0] for row in rows})
    return ",".join((own, *(f"{name}-{module_version(name)}" for name in modules)))


@cache
def module_version(name: str) -> str:
    """Declared version of the module of an indicator's function."""
    return str(getattr(importlib.import_module(f"transforms.{name}"), "VERSION", "1"))
