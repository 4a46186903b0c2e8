"""indicators -> indicators of the year: annual means, exceedances, Lden, AADT, groundwater levels.

One window is a civil year of the lab; a row belongs to the window in which its own year starts,
half a day sooner or later, since that of fixed UTC+1 begins at another instant in other zones. It
is computed from the values of hours or days of the areas, not from readings, so years of minutes
are never read at once. The year that runs is computed every day: its status says how much is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.pipeline.indicators import add_rows, declared_margins, function_of, versions
from livinglab.pipeline.recipe import Output, Place, Recipe, edges
from livinglab.pipeline.upstream import UpstreamView
from livinglab.pipeline.windows import INDICATORS, Target, Window, span_of
from livinglab.registry import Device, Indicator
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS
from transforms.frames import INDICATIVE, INSUFFICIENT, VALID, time_ns, to_panel
from transforms.intervals import years

#: Raise it when the same inputs give another output: every window is then computed again.
VERSION: Final = "years-1"

#: Periods of the indicators of the year.
PERIODS: Final = ("year", "year_utc1", "hydrological_year")

#: Nominal step of the values that a year is made of, by their period [s].
STEPS: Final = {"hour": 3_600, "day": 86_400, "day_utc1": 86_400}


class Years(Recipe):
    """Windows of the indicators of the year of one lab and theme."""

    @property
    def version(self) -> str:
        """Declared versions of the indicators' functions."""
        return versions(VERSION, self.scope.yearly(self.target.theme))

    def view(self, store: Store, span: Window) -> UpstreamView:
        """Read the records of the days that windows in `span` read."""
        reads = Target(INDICATORS, self.target.lab, self.target.theme)
        return UpstreamView(store, self, reads, span, self.version)

    def place(self, span: Window) -> Place:
        """The lab's indicators of the theme, of years."""
        tags = {"lab": self.target.lab, "period": PERIODS}
        return Place("indicators", self.target.theme, tags, starts_of(span))

    def bounds(self) -> Iterator[int]:
        """Start and end of every device row."""
        return edges(self.scope.rows(self.target.lab, self.target.theme))

    def widest(self) -> tuple[int, int]:
        """Largest margins that an indicator declares; a year of its own may end a year later."""
        before, after = declared_margins(self.scope.yearly(self.target.theme))
        return before, after + 366 * DAY_NS

    def margin(self, rows: tuple[Device, ...], window: Window) -> tuple[int, int]:
        """Margins of the indicators that are expected, and the rest of the years that begin."""
        found = (row for row in self.scope.yearly(self.target.theme) if self._expected(row, rows))
        before, after = declared_margins(found)
        return before, after + self._rest(window)

    def variant(self, window: Window) -> tuple[int, int]:
        """Windows whose years go on for another time have different slices."""
        return 0, self._rest(window)

    def content(
        self, rows: tuple[Device, ...], window: Window, reach: Window
    ) -> Iterator[tuple[str, Any]]:
        """Zone, and of each indicator its definition and the areas it is expected of."""
        del window, reach
        yield "time zone", self.scope.zone(self.target.lab)
        for indicator in self.scope.yearly(self.target.theme):
            steps = self._expected(indicator, rows)
            if steps:
                yield f"indicator {indicator.id}", [yearly_definition(indicator), steps]

    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read the values of hours and days with margins and compute every indicator."""
        outputs = {window: Output(info={"indicators": {}}) for window in windows}
        values = self._read(store, windows)
        for window in windows:
            rows, begin = self.of(window).rows, starts_of(window)
            for indicator in self.scope.yearly(self.target.theme):
                steps = self._expected(indicator, rows)
                if steps:
                    frame = self._evaluated(indicator, values, begin, steps)
                    output = {begin: outputs[window]}
                    add_rows(output, indicator, self.target.lab, [begin], frame)
        return outputs

    def _read(self, store: Store, windows: Sequence[Window]) -> pd.DataFrame:
        """Values of the indicators that are read; columns `indicator`, `area`, `value`, `status`.

        Without rows that have no value: they are missing, not zero.
        """
        reaches = [self.of(window).reach(window) for window in windows]
        reach = span_of(reaches)
        names = sorted({name for row in self.scope.yearly(self.target.theme) for name in row.of})
        tags = {"lab": self.target.lab, "indicator": names}
        frame = store.frame("indicators", self.target.theme, *reach, tags, ["value", "status"])
        return frame.assign(ns=time_ns(frame)).reset_index(drop=True).dropna(subset=["value"])

    def _evaluated(
        self,
        indicator: Indicator,
        values: pd.DataFrame,
        begin: Window,
        steps: Mapping[str, int],
    ) -> pd.DataFrame:
        """Values of an indicator per area and year that starts in `begin`.

        "valid" means that the coverage rule holds with valid values alone: a value that only some
        devices of an area gave enters, and makes the year indicative where it needs it.
        """
        mine = values[values["indicator"].isin(indicator.of) & values["area"].isin(list(steps))]
        found = self._called(indicator, mine, begin, steps)
        is_valid = mine["status"] == VALID
        if is_valid.all():
            return found
        strict = self._called(indicator, mine[is_valid], begin, steps)
        weaker = np.where(found["value"].notna(), INDICATIVE, INSUFFICIENT)
        status = np.where(strict["status"] == VALID, found["status"], weaker)
        return found.assign(status=pd.Series(status, dtype="str").array)

    def _called(
        self,
        indicator: Indicator,
        values: pd.DataFrame,
        begin: Window,
        steps: Mapping[str, int],
    ) -> pd.DataFrame:
        panel = to_panel(
            values["ns"].to_numpy(dtype=np.int64),
            values["area"].to_numpy(),
            values["value"].to_numpy(dtype=np.float64),
            values["indicator"].to_numpy() if len(indicator.of) > 1 else None,
        )
        frame = function_of(indicator.function)(
            panel,
            start=pd.Timestamp(begin.start_ns, tz="UTC"),
            end=pd.Timestamp(begin.end_ns, tz="UTC"),
            zone=self.scope.zone(self.target.lab),
            steps=dict(steps),
            coverage=indicator.coverage,
            **indicator.parameters,
        )
        return frame.rename(columns={"series": "area"})

    def _expected(self, indicator: Indicator, rows: Iterable[Device]) -> dict[str, int]:
        """Areas that an indicator is expected of, with the step of the values it reads [s]."""
        base = self.scope.registry.indicators[indicator.of[0]]
        series = self.scope.expected(base, rows)
        areas = dict.fromkeys(name.partition("|")[0] for name in series)
        return dict.fromkeys(sorted(areas), STEPS[base.period])

    def _rest(self, window: Window) -> int:
        """Time from the end of a window to the end of the last year that begins in it [ns]."""
        zone = self.scope.zone(self.target.lab)
        start, end = (pd.Timestamp(edge, tz="UTC") for edge in starts_of(window))
        periods = {row.period for row in self.scope.yearly(self.target.theme)}
        ends = (years(start, end, zone, period).span_ns[1] for period in periods)
        return max((last - window.end_ns for last in ends if last), default=0)


def starts_of(window: Window) -> Window:
    """Time in which the years of a window start."""
    return Window(window.start_ns - DAY_NS // 2, window.end_ns - DAY_NS // 2)


def yearly_definition(indicator: Indicator) -> list[Any]:
    """Everything about an indicator of the year that its values depend on."""
    return [
        indicator.function,
        list(indicator.of),
        dict(indicator.parameters),
        indicator.period,
        indicator.coverage,
        indicator.before_h,
        indicator.after_h,
    ]
