"""Run records in `ops`: what is known about each window, and the claims of a run.

One record per window. `claim` is the run that began last, `run` the run that finished last: a
window is finished only while they are equal. A writer on another machine that claims in the
meantime makes them differ, so whatever it leaves behind is computed again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from livinglab.errors import OvertakenError, PipelineError
from livinglab.model import Fields, Point, SeriesKey
from livinglab.pipeline.windows import EXPERIMENT, LONGEST, SPANS, Target, Window, span_of
from livinglab.store.base import Store
from livinglab.timeline import to_text
from transforms.frames import time_ns

_BUCKET: Final = "ops"
_MEASUREMENT: Final = "window"
_FIELDS: Final = ("claim", "run", "inputs", "output")

#: Before the first and after the last record there can be [ns since 1970].
ALWAYS: Final = Window(-(2**62), 2**62)

#: Before the id of a run that was overtaken after it had begun to write.
OVERTAKEN: Final = "overtaken:"


class Record(NamedTuple):
    """What `ops` says about one window; texts are empty where nothing was written."""

    step: str
    start_ns: int
    claim: str
    run: str
    inputs: str
    output: str

    @property
    def is_finished(self) -> bool:
        """Whether the last run that began also finished."""
        return bool(self.run) and self.claim == self.run

    @property
    def span(self) -> Window:
        """Time that the window covers at most; an experiment's is not bounded here."""
        length = SPANS.get(self.step)
        return ALWAYS if length is None else Window(self.start_ns, self.start_ns + length)


class Result(NamedTuple):
    """What a run found out about one window: the rest of its record."""

    window: Window
    inputs: str
    output: str
    info: Mapping[str, Any]


def read_records(store: Store, target: Target, start_ns: int, end_ns: int) -> list[Record]:
    """Records of a target, of any step, whose windows overlap [start, end), in order of time."""
    if target.level == EXPERIMENT:  # one window as long as the experiment
        start_ns, end_ns = ALWAYS
    earliest = max(start_ns - LONGEST.get(target.level, 0), ALWAYS.start_ns)
    frame = store.frame(_BUCKET, _MEASUREMENT, earliest, end_ns, _tags(target), _FIELDS)
    columns = [_texts(frame[name]) for name in ("step", *_FIELDS)]
    starts = time_ns(frame).tolist()
    records = [
        Record(step, start, *texts) for start, step, *texts in zip(starts, *columns, strict=True)
    ]
    inside = [record for record in records if record.span.end_ns > start_ns]
    return sorted(inside, key=lambda record: (record.start_ns, record.step))


def read_info(store: Store, target: Target, step: str, window: Window) -> dict[int, dict[str, Any]]:
    """Provenance of the windows that start in `window`, by their start."""
    tags = {**_tags(target), "step": step}
    points = store.points(_BUCKET, _MEASUREMENT, window.start_ns, window.end_ns, tags)
    return {
        point.time_ns: json.loads(str(point.fields["info"]))
        for point in points
        if "info" in point.fields
    }


def recorded_targets(store: Store) -> set[Target]:
    """Targets that have records, also those that configuration does not name any more."""
    return {Target(*key.tags[:3]) for key in store.series(_BUCKET, _MEASUREMENT)}


class Claims:
    """The claims of one run on windows of one target and step.

    Parameters
    ----------
    windows : sequence of Window
        Windows that the run will write, in order of time.
    grid : collection of int
        Starts of all windows that the target has, in the range of `windows` and the one before.
    run : str
        Id of the run, never used before.
    """

    def __init__(
        self,
        store: Store,
        target: Target,
        step: str,
        windows: Sequence[Window],
        grid: Collection[int],
        run: str,
    ) -> None:
        self.run = run
        self._store = store
        self._target = target
        self._step = step
        self._starts = [window.start_ns for window in windows]
        self._span = span_of(windows) if step in SPANS else ALWAYS
        self._grid = grid
        self._run_before: dict[int, str] = {}
        self._checks = 0

    def take(self) -> None:
        """Write the claims, own windows first.

        Records of another step or grid in the same range (left by other settings, or written at
        this moment by a run that has them) describe output that is about to be replaced, so they
        are claimed too: of two such runs at least one sees the other.
        """
        self._write(self._step, {start: {"claim": self.run} for start in self._starts})
        records = read_records(self._store, self._target, *self._span)
        for record in records:
            if not self._is_on_grid(record):
                self._write(record.step, {record.start_ns: {"claim": self.run}})
        self._run_before = {
            record.start_ns: record.run for record in records if self._is_on_grid(record)
        }

    def require(self) -> None:
        """Raise OvertakenError when another run has claimed or marked one of the windows."""
        self._checks += 1
        found = {
            record.start_ns: record
            for record in read_records(self._store, self._target, *self._span)
            if self._is_on_grid(record)
        }
        for start in self._starts:
            record = found.get(start)
            if record is None or record.claim != self.run or self._is_marked(record):
                other = "" if record is None else record.claim
                raise OvertakenError(
                    f"run {self.run} of {self._target} was overtaken by run {other or 'unknown'} "
                    f"at {to_text(start)}",
                    hint="nothing to do: the window stays stale and is computed again",
                )

    def finish(self, results: Sequence[Result]) -> None:
        """Write the rest of the records, if the claims still stand."""
        self.require()
        self._write(
            self._step,
            {
                result.window.start_ns: {
                    "run": self.run,
                    "inputs": result.inputs,
                    "output": result.output,
                    "info": json.dumps(result.info, ensure_ascii=False, separators=(",", ":")),
                }
                for result in results
            },
        )

    def mark_overtaken(self) -> None:
        """Make the windows stale after this run has stopped amid its writes.

        The other run may have finished in between and believe in an output that this run has
        written over. A mark in `run`, equal to no claim, has the window computed again.
        """
        if self._checks > 1:  # the first check precedes the first write
            mark = f"{OVERTAKEN}{self.run}"
            self._write(self._step, {start: {"run": mark} for start in self._starts})

    def _is_on_grid(self, record: Record) -> bool:
        return record.step == self._step and record.start_ns in self._grid

    def _is_marked(self, record: Record) -> bool:
        return record.run not in {self._run_before.get(record.start_ns, ""), self.run}

    def _write(self, step: str, fields: Mapping[int, Fields]) -> None:
        tags = (self._target.level, self._target.lab, self._target.theme, step)
        series = SeriesKey(_MEASUREMENT, tags)
        points = [Point(series, start, values) for start, values in fields.items()]
        rejected = self._store.write(_BUCKET, points)
        if rejected:
            raise PipelineError(
                f"the store refused a run record of {self._target}: {rejected[0].reason}",
                hint="the bucket `ops` must hold what this version writes",
            )


def _texts(column: Any) -> list[str]:
    return [value if isinstance(value, str) else "" for value in column]


def _tags(target: Target) -> dict[str, str]:
    return {"level": target.level, "lab": target.lab, "theme": target.theme}
