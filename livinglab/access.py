"""What researchers import: `livinglab.open()` and reading series with everything that defends them.

Rows come by time, then device and channel (at level "indicators": area and period), on every store,
level and way of reading: the chunks of `iterate`, one after the other, are the frame of `read`.

Examples
--------
>>> import livinglab                                                        # doctest: +SKIP
>>> with livinglab.open() as lab:                                           # doctest: +SKIP
...     no2 = lab.read("lombok", "no2", "2025-08-29", "2025-09-05")
>>> no2.attrs["unit"]                                                       # doctest: +SKIP
'ug/m3'
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from livinglab.errors import DataError
from livinglab.project import Project
from livinglab.provenance import attributes
from livinglab.question import COLUMNS, Request, check_request
from livinglab.regular import aggregated, whole_intervals
from livinglab.store.base import SCHEMA

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd


def open_lab(config_dir: Path | str | None = None) -> LivingLab:
    """Open the configured store for reading; `livinglab.open` is this function.

    Parameters
    ----------
    config_dir : path, optional
        Folder of the configuration; else the environment's LIVINGLAB_CONFIG, else ./config.

    Raises
    ------
    ConfigError
        If the configuration has problems (all of them are in the message).
    """
    return LivingLab(Project.open(Path(config_dir) if config_dir is not None else None))


class LivingLab:
    """A store and its registry, for reading; `close` it, or use it in a `with` statement."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the store's connections; a later call opens new ones."""
        self.project.close()

    def read(
        self,
        lab: str,
        quantity: str,
        start: str | date,
        end: str | date,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
        every: str = "",
    ) -> pd.DataFrame:
        """Read one quantity (or indicator) of one lab.

        Parameters
        ----------
        lab : str
            Lab id, for instance "lombok".
        quantity : str
            Name of the quantity; at level "indicators" the indicator's id.
        start, end : str or date
            Window [start, end): RFC 3339 instants, or civil dates and times at the lab.
        level : {"clean", "raw", "indicators"}
            raw: as received, in canonical units, without flags; of the devices that belong to the
            lab, each from its first to its last day there. clean: calibrated, with flags.
        flags : {"good", "usable", "all"} or collection of int
            Which aggregate flags of `clean` come back. good: 1; usable: 1 and 2 (2 = no test could
            run); all: every value that was received. Other levels have no flags to choose from.
        every : str
            Length of regular intervals: "10min" (minutes that divide an hour), "1h", or "1d" (civil
            days of the lab, 23 to 25 h); "" for the readings themselves. Readings are combined by
            the quantity's rule: mean, energy mean of levels, sum, mean direction.

        Returns
        -------
        DataFrame
            Index `time`: UTC, ns, start of the interval that the value covers. Columns at raw:
            device, channel (str), value (float64); at clean also flag (int64) and tests (one digit
            per test in the order of `attrs["tests"]`); at indicators: area, period (str), value,
            coverage (0..1, float64), n (int64), status (str). With `every`: device, channel,
            value, coverage (share of the interval that has readings), n; value is NaN below a
            coverage of 75 %, and intervals without a reading have no row. Rows by time, then device
            and channel (area and period). Missing values are absent or NaN, never 0. `attrs` is
            plain JSON: unit, meaning of flags, licence, calibrations and manual flags that held,
            provenance.

        Raises
        ------
        DataError
            If lab, quantity, level or flags are unknown (the message lists what exists), the window
            is no window, or `every` no interval to read this at.
        StoreError
            If the store cannot be read.
        """
        request = self.request(lab, quantity, start, end, level=level, flags=flags, every=every)
        frame = self.combined(request, self._selected(request, request.start_ns, request.end_ns))
        frame.attrs = dict(self.attributes(request).items())
        return frame

    def iterate(
        self,
        lab: str,
        quantity: str,
        start: str | date,
        end: str | date,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
        every: str = "",
        chunk_days: int = 7,
    ) -> Iterator[pd.DataFrame]:
        """`read` in chunks of `chunk_days`, in memory bounded by two chunks.

        Chunks without rows are left out; each has the `attrs` of the whole.
        """
        request = self.request(lab, quantity, start, end, level=level, flags=flags, every=every)
        return self.frames(request, chunk_days=chunk_days)

    def frames(self, request: Request, *, chunk_days: int = 7) -> Iterator[pd.DataFrame]:
        """Answer a checked request in chunks; `iterate` is this with the question in words.

        Raises
        ------
        DataError
            If `chunk_days` is not positive.
        """
        return self._chunks(request, self.readings(request, chunk_days=chunk_days))

    def readings(self, request: Request, *, chunk_days: int = 7) -> Iterator[pd.DataFrame]:
        """What `frames` answers with, before it is combined to regular intervals.

        No interval is in two pieces.

        Raises
        ------
        DataError
            If `chunk_days` is not positive.
        """
        if chunk_days < 1:
            raise DataError(f"chunks of {chunk_days} days are none", hint="one day or more")
        found = self._pieces(request, chunk_days * 86_400)
        return (
            whole_intervals(found, request.every, self._zone(request)) if request.every else found
        )

    def combined(self, request: Request, readings: pd.DataFrame) -> pd.DataFrame:
        """Readings as the request wants them: as they are, or at regular intervals."""
        if not request.every:
            return readings
        there = readings[readings["value"].notna()]
        quantity = self.project.registry.quantities[request.name]
        steps = self._steps(request, there)
        return aggregated(there, quantity, request.every, self._zone(request), steps)

    def empty(self, request: Request) -> pd.DataFrame:
        """The answer without rows: columns and types only."""
        return self.combined(request, self._selected(request, request.start_ns, request.start_ns))

    def request(
        self,
        lab: str,
        quantity: str,
        start: str | date,
        end: str | date,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
        every: str = "",
    ) -> Request:
        """Check a question against the registry; see `read` for the parameters and errors."""
        registry = self.project.registry
        return check_request(
            registry, lab, quantity, start, end, level=level, flags=flags, every=every
        )

    def attributes(self, request: Request) -> dict[str, Any]:
        """Unit, flags, licence and provenance of an answer: plain JSON."""
        return attributes(self.project, request)

    def _chunks(self, request: Request, readings: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        said = self.attributes(request)
        for found in readings:
            frame = self.combined(request, found)
            if len(frame):
                frame.attrs = dict(said.items())
                yield frame

    def _pieces(self, request: Request, chunk_s: int) -> Iterator[pd.DataFrame]:
        bucket, theme, tags, fields = self._place(request)
        window = (request.start_ns, request.end_ns)
        for found in self.project.store.frames(bucket, theme, *window, tags, fields, chunk_s):
            frame = self._answer(request, found)
            if len(frame):
                yield frame

    def _zone(self, request: Request) -> str:
        return self.project.registry.labs[request.lab].timezone

    def _steps(self, request: Request, readings: pd.DataFrame) -> pd.Series[int]:
        """Time that each reading stands for [s]: the nominal step of its device then."""
        import numpy as np  # noqa: PLC0415 - only who reads needs them
        import pandas as pd  # noqa: PLC0415

        from livinglab.pipeline.places import placed  # noqa: PLC0415

        rows = request.devices(self.project.registry)
        times = readings.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
        place = placed(pd.DataFrame({"device": readings["device"].to_numpy(), "ns": times}), rows)
        # What no row of the registry covers any more stands for nothing.
        return pd.Series(np.asarray([*(row.step_s for row in rows), 0], dtype=np.int64)[place])

    def _selected(self, request: Request, start_ns: int, end_ns: int) -> pd.DataFrame:
        bucket, theme, tags, fields = self._place(request)
        found = self.project.store.frame(bucket, theme, start_ns, end_ns, tags, fields)
        return self._answer(request, found)

    def _place(self, request: Request) -> tuple[str, str, dict[str, Any], list[str]]:
        """Where the store has what is asked for: bucket, measurement, tags, fields."""
        tags: dict[str, Any]
        theme = request.named(self.project.registry).theme
        if request.level == "raw":
            tags = {"device": sorted({row.id for row in request.devices(self.project.registry)})}
            return "raw", theme, tags, [request.name]
        kind = "quantity" if request.level == "clean" else "indicator"
        fields = [name for name in COLUMNS[request.level] if name not in SCHEMA[request.level].tags]
        return request.level, theme, {"lab": request.lab, kind: request.name}, fields

    def _answer(self, request: Request, found: pd.DataFrame) -> pd.DataFrame:
        """What of the store's frame (by tags, then time) is asked for, by time, then tags."""
        if request.level == "raw":
            found = found[self._is_of_lab(request, found)].rename(columns={request.name: "value"})
        elif request.level == "clean":
            found = found[found["flag"].isin(request.flags)]
        return found[list(COLUMNS[request.level])].sort_index(kind="stable")

    def _is_of_lab(self, request: Request, found: pd.DataFrame) -> Any:
        """For each raw row, whether its device belonged to the lab at that time."""
        rows = request.devices(self.project.registry)
        always = [row.id for row in rows if request.covered_by(row)]
        device = found["device"]
        inside = device.isin(always).to_numpy()
        times = found.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
        for row in (row for row in rows if not request.covered_by(row)):
            until = request.end_ns if row.to_ns is None else row.to_ns
            here = (row.from_ns <= times) & (times < until)
            inside = inside | ((device == row.id).to_numpy() & here)
        return inside
