"""indicators -> experiments: one window per experiment, one record, computed from daily values.

The record holds nothing that could differ between two computations from the same inputs; which
registry and code computed it is in the provenance of its window.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from livinglab.model import Point, SeriesKey
from livinglab.pipeline.digests import Inputs, digest, digest_of
from livinglab.pipeline.indicators import definition
from livinglab.pipeline.instruments import changed_instruments
from livinglab.pipeline.recipe import Output, Place, Recipe
from livinglab.pipeline.records import ALWAYS, read_info
from livinglab.pipeline.upstream import Upstream
from livinglab.pipeline.windows import INDICATORS, Target, Window
from livinglab.registry import Calibration, Device, Experiment, Indicator
from livinglab.store.base import Store
from livinglab.timeline import parse_instant, to_text

if TYPE_CHECKING:
    from transforms.experiment import Check, Design, Result

#: Raise it when the same inputs give another output: every experiment is then evaluated again.
VERSION: Final = "evaluation-9"


class ExperimentView:
    """Inputs of an experiment: outputs of the indicator days of each theme, and its design."""

    def __init__(self, store: Store, recipe: Experiments, span: Window) -> None:
        self._recipe = recipe
        self._upstream: dict[str, Upstream] = {}
        for theme in recipe.themes:
            target = Target(INDICATORS, recipe.target.lab, theme)
            self._upstream[theme] = Upstream(store, target, recipe.scope, span)

    def inputs(self, window: Window) -> Inputs:
        """Inputs of the experiment, as they were when the view was made."""
        part = self._recipe.of(window)
        parts = (f"{name}={days.digest(window)}" for name, days in self._upstream.items())
        return Inputs("", digest(parts), part.digest, VERSION)

    def open_upstream(self, window: Window) -> Window | None:
        """First day that is read and not finished."""
        found = [days.unfinished(window) for days in self._upstream.values()]
        return min((day for day in found if day is not None), default=None)

    def marks(self, window: Window) -> Mapping[str, Any]:
        """Short digests of the days that are read, those of several themes joined."""
        read = [days.outputs(window) for days in self._upstream.values()]
        starts = sorted({start for outputs in read for start in outputs}, key=int)
        return {"upstream": {at: "+".join(each.get(at, "") for each in read) for at in starts}}


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

    @property
    def themes(self) -> list[str]:
        """Themes of the outcomes and covariates, in order."""
        design = self.experiment
        names = {*design.outcomes, *(row.indicator for row in design.covariates)}
        return sorted({self.scope.registry.indicators[name].theme.value for name in names})

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
        """The design and the definitions of what it reads; labels and contacts do not matter.

        The hypothesis moves no number, but one that is written after the result must show.
        """
        del rows, window, reach
        design = self.experiment
        covariates = [[row.indicator, row.area] for row in design.covariates]
        yield "hypothesis", design.hypothesis
        yield "treated areas", list(design.treated)
        yield "control areas", list(design.control)
        yield "phases", [*design.before, *design.after]
        yield (
            "method",
            [design.method, design.alpha, design.min_coverage, design.placebo, design.lags],
        )
        yield "adjustment", [design.weekdays, design.yearly_cycle, covariates]
        named = [list(design.outcomes), list(design.declared)]
        yield "outcomes", [*named, design.expected, design.relevant]
        for name in sorted({*design.outcomes, *(row.indicator for row in design.covariates)}):
            row = self.scope.registry.indicators[name]
            yield f"indicator {name}", [*definition(row), row.unit]
        for name in design.outcomes:
            yield f"instruments of {name}", self._changed(name)
            yield f"calibrations of {name}", self._calibrations(name)
        yield "time zone", self.scope.zone(self.target.lab)

    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read the daily values of both sides and evaluate the contrast."""
        return {window: self._evaluated(store, window) for window in windows}

    def _evaluated(self, store: Store, window: Window) -> Output:
        design = self.experiment
        covariates = self._covariates(store, window)
        found: dict[str, dict[str, Any]] = {}
        results: dict[str, Result] = {}
        for name in design.outcomes:
            sides = self._sides(store, window, name)
            results[name] = self._result(name, sides, covariates)
            found[name] = {
                "indicator": name,
                "role": design.role(name),
                "unit": self.scope.registry.indicators[name].unit,
                "data": data_digest([*sides.values(), *_columns(covariates)]),
                "calibrations": self._calibrations(name),
            }
        for name, part in _with_family(design, results).items():
            found[name] |= part
            if found[name]["unit"].startswith("dB"):
                found[name]["energy_percent"] = energy_percent(results[name].effect)
        record = {
            "experiment": design.id,
            "treated": list(design.treated),
            "control": list(design.control),
            "adjusted_for": [f"{row.indicator} of {row.area}" for row in design.covariates],
            "family": list(design.declared),
            "design": self.of(window).digest,
            "transform": VERSION,
            **found[design.indicator],
            "others": [found[name] for name in design.outcomes[1:]],
        }
        text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        series = SeriesKey("experiment", (self.target.lab, design.id))
        history = self._history(store, str(record["headline"]))
        return Output([Point(series, 0, {"result": text})], {"designs": history})

    def _history(self, store: Store, headline: str) -> list[dict[str, str]]:
        """Designs under which a result was seen, oldest first, each with its last headline.

        Kept with the provenance, not in the record: which designs came before depends on when the
        result was computed, and the record must not.
        """
        info = read_info(store, self.target, self.scope.step(self.target), ALWAYS)
        seen: list[dict[str, str]] = list(info[max(info)].get("designs", ())) if info else []
        now = design_digest(self.experiment)
        if seen and seen[-1]["design"] == now:
            seen.pop()
        return [*seen, {"design": now, "headline": headline}]

    def _sides(self, store: Store, window: Window, name: str) -> dict[str, pd.Series[float]]:
        """Daily values by side, and of each control area, on civil dates."""
        design, indicator = self.experiment, self.scope.registry.indicators[name]
        areas = sorted({*design.treated, *design.control})
        frame = self._days(store, window, indicator, areas)
        groups = {"treated": design.treated, "control": design.control}
        groups |= {f"control {area}": (area,) for area in design.control}
        zone = day_zone(indicator, self.scope.zone(self.target.lab))
        return {
            side: on_dates(daily_mean(frame, group), zone)
            for side, group in groups.items()
            if group
        }

    def _covariates(self, store: Store, window: Window) -> pd.DataFrame | None:
        """A column per covariate on civil dates; None where there are none."""
        columns = {}
        for row in self.experiment.covariates:
            indicator = self.scope.registry.indicators[row.indicator]
            values = daily_mean(self._days(store, window, indicator, [row.area]), [row.area])
            zone = day_zone(indicator, self.scope.zone(self.target.lab))
            columns[f"{row.indicator} of {row.area}"] = on_dates(values, zone)
        return pd.DataFrame(columns) if columns else None

    def _days(
        self, store: Store, window: Window, indicator: Indicator, areas: Sequence[str]
    ) -> pd.DataFrame:
        tags = {"lab": self.target.lab, "indicator": indicator.id, "area": list(areas)}
        return store.frame("indicators", indicator.theme, *window, tags, ["value", "coverage"])

    def _result(
        self, name: str, sides: Mapping[str, pd.Series[float]], covariates: pd.DataFrame | None
    ) -> Result:
        # statsmodels takes a second to load
        from transforms.experiment import evaluate  # noqa: PLC0415

        controls = {
            side.removeprefix("control "): values
            for side, values in sides.items()
            if side.startswith("control ")
        }
        return evaluate(
            sides["treated"],
            sides.get("control"),
            design=design_of(self.experiment, name),
            covariates=covariates,
            controls=controls,
            instruments=self._instruments(name),
        )

    def _instruments(self, name: str) -> Check:
        from transforms.experiment import Check  # noqa: PLC0415

        changed = self._changed(name)
        text = "The same sensors with the same calibrations measured in both phases."
        return Check("instruments", passed=not changed, consequence=changed or text)

    def _changed(self, name: str) -> str:
        """What about the sensors changed, in words; "" for nothing."""
        design = self.experiment
        areas = (*design.treated, *design.control)
        quantities = self.scope.registry.indicators[name].quantities
        return changed_instruments(self.scope, self.target.lab, areas, quantities, self._phases())

    def _phases(self) -> list[Window]:
        design, zone = self.experiment, self.scope.zone(self.target.lab)
        return [
            Window(*(parse_instant(day, zone) for day in phase))
            for phase in (design.before, design.after)
        ]

    def _calibrations(self, name: str) -> list[dict[str, Any]]:
        """Calibrations in force during the phases, of all sensors that the outcome rests on."""
        design, registry = self.experiment, self.scope.registry
        areas, quantities = {*design.treated, *design.control}, registry.indicators[name].quantities
        devices = {
            row.id for row in registry.devices if row.lab == design.lab and row.area in areas
        }
        return [
            {
                "device": row.device,
                "quantity": row.quantity,
                "method": row.method,
                "parameters": dict(sorted(row.parameters.items())),
                "from": to_text(row.from_ns),
                "to": None if row.to_ns is None else to_text(row.to_ns),
            }
            for row in sorted(
                registry.calibrations, key=lambda row: (row.device, row.quantity, row.from_ns)
            )
            if row.device in devices
            and row.quantity in quantities
            and any(_overlaps(row, phase) for phase in self._phases())
        ]


def _overlaps(row: Calibration, phase: Window) -> bool:
    return row.from_ns < phase.end_ns and (row.to_ns is None or phase.start_ns < row.to_ns)


def design_digest(design: Experiment) -> str:
    """Digest of what a design fixes before data are seen, whatever is measured meanwhile.

    A key that is not given does not count: one that a later version knows changes no design.
    """
    free = ("label", "contact", "what", "where", "comparable", "placebo")
    given = {name: value for name, value in asdict(design).items() if value is not None}
    fixed = {name: value for name, value in given.items() if name not in free}
    return digest_of(fixed)


def design_of(experiment: Experiment, outcome: str) -> Design:
    """The design as the evaluation of an outcome takes it; series are on civil dates.

    What would matter is declared of the primary outcome alone.
    """
    from transforms.experiment import Design  # noqa: PLC0415

    return Design(
        method=experiment.method,
        before=_dates(experiment.before),
        after=_dates(experiment.after),
        weekdays=experiment.weekdays,
        yearly_cycle=experiment.yearly_cycle,
        alpha=experiment.alpha,
        min_coverage=experiment.min_coverage,
        lags=experiment.lags,
        relevant=experiment.relevant if outcome == experiment.indicator else None,
        placebo=experiment.placebo,
        expected=experiment.expected,
    )


def _with_family(design: Experiment, results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
    """Records of the outcomes, with p values adjusted for their number."""
    from transforms.experiment import adjusted_p, adjusted_verdict  # noqa: PLC0415

    # An outcome that could not be estimated counts as one that showed nothing.
    p = {name: 1.0 if isnan(result.p) else result.p for name, result in results.items()}
    adjusted = adjusted_p(p, declared=design.declared)
    found = {}
    for name, result in results.items():
        value, kind = adjusted[name]
        judged = adjusted_verdict(
            result, value, sum(label == kind for _, label in adjusted.values())
        )
        record = judged.to_dict() | {
            "p_adjusted": None if isnan(result.p) else float(f"{value:.12g}"),
            "adjustment": kind,
        }
        if name in design.exploratory:
            record["headline"] = f"exploratory: {record['headline']}"
        found[name] = record
    return found


def energy_percent(change_db: float) -> float | None:
    """Change of sound energy that a change of level means [%].

    Examples
    --------
    >>> energy_percent(-3.0), energy_percent(float("nan"))
    (-49.9, None)
    """
    energy = 100 * (10 ** (change_db / 10) - 1)
    return round(energy, 1) if isfinite(energy) else None


def data_digest(series: Sequence[pd.Series[float]]) -> str:
    """Digest of daily values: equal digests mean that two results rest on the same numbers."""
    return digest(
        f"{number}|{day:%Y-%m-%d}={value!r}"
        for number, values in enumerate(series)
        for day, value in zip(values.index, values.tolist(), strict=True)
    )


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


def on_dates(values: pd.Series[float], zone: str) -> pd.Series[float]:
    """Daily values on the civil dates that their stamps are the midnights of."""
    index = pd.DatetimeIndex(values.index)
    index = index.tz_localize("UTC") if index.tz is None else index
    return pd.Series(values.to_numpy(), index=index.tz_convert(zone).tz_localize(None))


def day_zone(indicator: Indicator, zone: str) -> str:
    """Zone in which the stamps of a daily indicator are midnights."""
    return "Etc/GMT-1" if indicator.period == "day_utc1" else zone


def _columns(table: pd.DataFrame | None) -> list[pd.Series[float]]:
    return [] if table is None else [table[name] for name in table.columns]


def _dates(phase: tuple[str, str]) -> tuple[date, date]:
    return date.fromisoformat(phase[0]), date.fromisoformat(phase[1])
