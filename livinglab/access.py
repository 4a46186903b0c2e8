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

        Returns
        -------
        DataFrame
            Index `time`: UTC, ns, start of the interval that the value covers. Columns at raw:
            device, channel (str), value (float64); at clean also flag (int64) and tests (one digit
            per test in the order of `attrs["tests"]`); at indicators: area, period (str), value,
            coverage (0..1, float64), n (int64), status (str). Rows by time, then device and channel
            (area and period). Missing values are absent or NaN, never 0. `attrs` is plain JSON:
            unit, meaning of flags, licence, provenance.

        Raises
        ------
        DataError
            If lab, quantity, level or flags are unknown (the message lists what exists), or the
            window is no window.
        StoreError
            If the store cannot be read.
        """
        request = self.request(lab, quantity, start, end, level=level, flags=flags)
        frame = self._selected(request, request.start_ns, request.end_ns)
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
        chunk_days: int = 7,
    ) -> Iterator[pd.DataFrame]:
        """`read` in chunks of `chunk_days`, in memory bounded by two chunks.

        Chunks without rows are left out; each has the `attrs` of the whole.
        """
        request = self.request(lab, quantity, start, end, level=level, flags=flags)
        return self.frames(request, chunk_days=chunk_days)

    def frames(self, request: Request, *, chunk_days: int = 7) -> Iterator[pd.DataFrame]:
        """Answer a checked request in chunks; `iterate` is this with the question in words.

        Raises
        ------
        DataError
            If `chunk_days` is not positive.
        """
        if chunk_days < 1:
            raise DataError(f"chunks of {chunk_days} days are none", hint="one day or more")
        return self._chunks(request, chunk_days * 86_400)

    def empty(self, request: Request) -> pd.DataFrame:
        """The answer without rows: columns and types only."""
        return self._selected(request, request.start_ns, request.start_ns)

    def request(
        self,
        lab: str,
        quantity: str,
        start: str | date,
        end: str | date,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
    ) -> Request:
        """Check a question against the registry; see `read` for the parameters and errors."""
        registry = self.project.registry
        return check_request(registry, lab, quantity, start, end, level=level, flags=flags)

    def attributes(self, request: Request) -> dict[str, Any]:
        """Unit, flags, licence and provenance of an answer: plain JSON."""
        return attributes(self.project, request)

    def _chunks(self, request: Request, chunk_s: int) -> Iterator[pd.DataFrame]:
        said = self.attributes(request)
        bucket, theme, tags, fields = self._place(request)
        window = (request.start_ns, request.end_ns)
        for found in self.project.store.frames(bucket, theme, *window, tags, fields, chunk_s):
            frame = self._answer(request, found)
            if len(frame):
                frame.attrs = dict(said.items())
                yield frame

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
