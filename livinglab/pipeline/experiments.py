"""indicators -> experiments: one window per experiment, one result, computed from daily values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from livinglab.model import Point, SeriesKey
from livinglab.pipeline.digests import Inputs
from livinglab.pipeline.indicators import definition
from livinglab.pipeline.recipe import Output, Place, Recipe
from livinglab.pipeline.upstream import Upstream
from livinglab.pipeline.windows import INDICATORS, Target, Window
from livinglab.registry import Device, Experiment, Indicator
from livinglab.store.base import Store

#: Raise it when the same inputs give another output: every experiment is then evaluated again.
VERSION: Final = "evaluation-2"


class ExperimentView:
    """Inputs of an experiment: outputs of the indicator days, and its design."""

    def __init__(self, store: Store, recipe: Experiments, span: Window) -> None:
        theme = recipe.indicator.theme.value
        target = Target(INDICATORS, recipe.target.lab, theme)
        self._recipe = recipe
        self._upstream = Upstream(store, target, recipe.scope.step(target), span)

    def inputs(self, window: Window) -> Inputs:
        """Inputs of the experiment, as they were when the view was made."""
        part = self._recipe.of(window)
        return Inputs("", self._upstream.digest(window), part.digest, VERSION)

    def open_upstream(self, window: Window) -> Window | None:
        """First day that is read and not finished."""
        return self._upstream.unfinished(window)

    def marks(self, window: Window) -> Mapping[str, Any]:
        """Short digests of the days that are read."""
        return {"upstream": self._upstream.outputs(window)}


class Experiments(Recipe):
    """The window of one experiment."""

    @property
    def experiment(self) -> Experiment:
        """The design, as the registry has it."""
        return self.scope.registry.labs[self.target.lab].experiments[self.target.theme]

    @property
    def indicator(self) -> Indicator:
        """The primary outcome."""
        return self.scope.registry.indicators[self.experiment.indicator]

    def view(self, store: Store, span: Window) -> ExperimentView:
        """Read the records of the indicator days from the first to the last day."""
        return ExperimentView(store, self, span)

    def place(self, span: Window) -> Place:
        """The one result of the experiment, at time 0."""
        del span
        tags = {"lab": self.target.lab, "experiment": self.target.theme}
        return Place("ops", "experiment", tags, Window(0, 1))

    def bounds(self) -> Iterator[int]:
        """Nothing about an experiment has a validity period."""
        return iter(())

    def widest(self) -> tuple[int, int]:
        """No margin: the days are the window."""
        return 0, 0

    def margin(self, rows: tuple[Device, ...], window: Window) -> tuple[int, int]:
        """No margin: the days are the window."""
        del rows, window
        return 0, 0

    def content(
        self, rows: tuple[Device, ...], window: Window, reach: Window
    ) -> Iterator[tuple[str, Any]]:
        """The design and the definition of its outcome; labels and contacts do not matter."""
        del rows, window, reach
        design = self.experiment
        yield "treated areas", list(design.treated)
        yield "control areas", list(design.control)
        yield "phases", [*design.before, *design.after]
        yield "method", [design.method, design.alpha, design.min_coverage, design.placebo]
        yield f"indicator {self.indicator.id}", definition(self.indicator)
        yield "time zone", self.scope.zone(self.target.lab)

    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read the daily values of both sides and evaluate the contrast."""
        return {window: self._evaluated(store, window) for window in windows}

    def _evaluated(self, store: Store, window: Window) -> Output:
        design, indicator = self.experiment, self.indicator
        tags = {
            "lab": self.target.lab,
            "indicator": indicator.id,
            "area": sorted({*design.treated, *design.control}),
        }
        frame = store.frame("indicators", indicator.theme, *window, tags, ["value", "coverage"])
        from transforms.experiment import did  # noqa: PLC0415 - statsmodels takes a second to load

        result = did(
            daily_mean(frame, design.treated),
            daily_mean(frame, design.control),
            before=_dates(design.before),
            after=_dates(design.after),
            alpha=design.alpha,
            min_coverage=design.min_coverage,
            zone=day_zone(indicator, self.scope.zone(self.target.lab)),
            placebo=design.placebo,
        )
        record = {
            "experiment": design.id,
            "indicator": indicator.id,
            "unit": indicator.unit,
            "treated": list(design.treated),
            "control": list(design.control),
            **result.to_dict(),
        }
        text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        series = SeriesKey("experiment", (self.target.lab, design.id))
        return Output([Point(series, 0, {"result": text})], {"headline": result.headline})


def daily_mean(frame: pd.DataFrame, areas: Sequence[str]) -> pd.Series[float]:
    """Mean over some areas per day, NaN on days on which one of them has no value.

    A mean over whichever areas happen to have a value moves without any change in a street.
    """
    rows = frame[frame["area"].isin(list(areas))]
    table = rows.pivot_table(index="time", columns="area", values="value", aggfunc="first")
    table = table.reindex(columns=sorted(set(areas)))
    values = table.to_numpy(dtype=np.float64)
    # Added one after the other, so that the sum does not depend on how numpy splits an axis.
    total = sum((values[:, column] for column in range(values.shape[1])), np.zeros(len(table)))
    return pd.Series(total / max(values.shape[1], 1), index=table.index, dtype="float64")


def day_zone(indicator: Indicator, zone: str) -> str:
    """Zone in which the stamps of a daily indicator are midnights."""
    return "Etc/GMT-1" if indicator.period == "day_utc1" else zone


def _dates(phase: tuple[str, str]) -> tuple[date, date]:
    return date.fromisoformat(phase[0]), date.fromisoformat(phase[1])
