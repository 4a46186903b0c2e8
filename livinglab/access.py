"""What researchers import: `livinglab.open()` and reading series with everything that defends them.

Examples
--------
>>> import livinglab                                                        # doctest: +SKIP
>>> lab = livinglab.open()                                                  # doctest: +SKIP
>>> no2 = lab.read("lombok", "no2", "2025-08-29", "2025-09-05")             # doctest: +SKIP
>>> no2.attrs["unit"]                                                       # doctest: +SKIP
'ug/m3'
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from livinglab import __version__
from livinglab.errors import DataError
from livinglab.flags import Flag
from livinglab.project import Project
from livinglab.registry import Device, Lab
from livinglab.timeline import DAY_NS, parse_window, to_text

if TYPE_CHECKING:
    import pandas as pd

LEVELS: Final = ("raw", "clean", "indicators")

#: Names for sets of flags; a collection of flag numbers is accepted as well.
FLAG_SETS: Final[dict[str, frozenset[int]]] = {
    "good": frozenset({Flag.GOOD}),
    "usable": frozenset({Flag.GOOD, Flag.UNKNOWN}),
    "all": frozenset(Flag),
}

_COLUMNS: Final = {
    "raw": ("device", "channel", "value"),
    "clean": ("device", "channel", "value", "flag", "tests"),
    "indicators": ("area", "period", "value", "coverage", "n", "status"),
}


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


@dataclass(frozen=True, slots=True)
class Request:
    """One question for data: who, what, when, from which level, with which flags.

    `start_ns`, `end_ns`: half-open window in UTC ns.
    """

    lab: str
    name: str  # quantity (raw, clean) or indicator id
    start_ns: int
    end_ns: int
    level: str
    flags: frozenset[int]


class LivingLab:
    """A store and its registry, for reading."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def read(
        self,
        lab: str,
        quantity: str,
        start: str,
        end: str,
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
        start, end : str
            Window [start, end): RFC 3339 instants, or civil dates at the lab.
        level : {"clean", "raw", "indicators"}
            raw: as received, in canonical units, without flags. clean: calibrated, with flags.
        flags : {"good", "usable", "all"} or collection of int
            Which aggregate flags of `clean` come back. good: 1; usable: 1 and 2 (2 = no test could
            run); all: every value that was received.

        Returns
        -------
        DataFrame
            Index `time`: UTC, ns, start of the interval that the value covers. Columns at raw:
            device, channel, value; at clean also flag and tests (one digit per test in the order of
            `attrs["tests"]`); at indicators: area, period, value, coverage (0..1), n, status.
            Missing values are absent or NaN, never 0. `attrs` holds unit, licence, provenance.

        Raises
        ------
        DataError
            If lab, quantity, level or flags are unknown; the message lists what exists.
        """
        import pandas as pd  # noqa: PLC0415 - researchers' import stays light until they read

        request = self.request(lab, quantity, start, end, level=level, flags=flags)
        parts = list(self._frames(request, chunk_s=max(1, _seconds(request))))
        frame = pd.concat(parts) if parts else self.empty(request)
        frame.attrs = self.attributes(request)
        return frame

    def iterate(
        self,
        lab: str,
        quantity: str,
        start: str,
        end: str,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
        chunk_days: int = 7,
    ) -> Iterator[pd.DataFrame]:
        """`read` in chunks of `chunk_days`, in order of time, in memory bounded by the chunk."""
        request = self.request(lab, quantity, start, end, level=level, flags=flags)
        yield from self.frames(request, chunk_days=chunk_days)

    def frames(self, request: Request, *, chunk_days: int = 7) -> Iterator[pd.DataFrame]:
        """Answer a checked request in chunks; `iterate` is this with the question in words."""
        for frame in self._frames(request, chunk_s=chunk_days * 86_400):
            frame.attrs = self.attributes(request)
            yield frame

    def columns(self, request: Request) -> tuple[str, ...]:
        """Names of the columns of an answer, without the index."""
        return _COLUMNS[request.level]

    def request(
        self,
        lab: str,
        quantity: str,
        start: str,
        end: str,
        *,
        level: str = "clean",
        flags: str | Collection[int] = "good",
    ) -> Request:
        """Check a question against the registry; see `read` for the parameters."""
        registry = self.project.registry
        _require_known("lab", lab, registry.labs)
        _require_known("level", level, LEVELS)
        known = registry.indicators if level == "indicators" else registry.quantities
        _require_known("indicator" if level == "indicators" else "quantity", quantity, known)
        zone = registry.labs[lab].timezone
        start_ns, end_ns = parse_window(start, end, zone)
        return Request(lab, quantity, start_ns, end_ns, level, _flag_set(flags))

    def devices(self, request: Request) -> tuple[Device, ...]:
        """Registry rows of the devices whose model measures the quantity in the window."""
        registry = self.project.registry
        rows = registry.devices_in(request.lab, request.start_ns, request.end_ns)
        if request.level == "indicators":
            wanted = set(registry.indicators[request.name].quantities)
        else:
            wanted = {request.name}
        return tuple(
            row
            for row in rows
            if any(key.quantity in wanted for key in registry.models[row.model].keys.values())
        )

    def attributes(self, request: Request) -> dict[str, Any]:
        """Unit, flags, licence and provenance of an answer, JSON-serialisable."""
        registry = self.project.registry
        lab: Lab = registry.labs[request.lab]
        named = (
            registry.indicators[request.name]
            if request.level == "indicators"
            else registry.quantities[request.name]
        )
        from livinglab.flags import TESTS  # noqa: PLC0415

        return {
            "lab": request.lab,
            "quantity": request.name,
            "unit": named.unit,
            "label": named.label_en,
            "level": request.level,
            "start": to_text(request.start_ns),
            "end": to_text(request.end_ns),
            "time": "UTC, start of the interval that the value covers; windows are half-open",
            "flags": sorted(request.flags),
            "flag_meanings": {str(int(flag)): flag.name.lower() for flag in Flag},
            "tests": list(TESTS),
            "licence": lab.licence,
            "attribution": lab.attribution,
            "note": lab.data_note,
            "registry_version": registry.version,
            "code_version": __version__,
        }

    def _frames(self, request: Request, chunk_s: int) -> Iterator[pd.DataFrame]:
        if request.level == "raw":
            yield from self._raw(request, chunk_s)
            return
        registry, store = self.project.registry, self.project.store
        if request.level == "clean":
            theme = registry.quantities[request.name].theme
            tags = {"lab": request.lab, "quantity": request.name}
        else:
            theme = registry.indicators[request.name].theme
            tags = {"lab": request.lab, "indicator": request.name}
        columns = _COLUMNS[request.level]
        bucket = request.level
        fields = [name for name in columns if name not in {"device", "channel", "area", "period"}]
        window = (request.start_ns, request.end_ns)
        for frame in store.frames(bucket, theme, *window, tags, fields, chunk_s):
            kept = frame[frame["flag"].isin(request.flags)] if request.level == "clean" else frame
            yield kept[list(columns)]

    def _raw(self, request: Request, chunk_s: int) -> Iterator[pd.DataFrame]:
        """Raw values of the devices that belong to the lab, each clipped to its registry row."""
        import pandas as pd  # noqa: PLC0415

        theme = self.project.registry.quantities[request.name].theme
        rows = self.devices(request)
        if not rows:
            return
        window = (request.start_ns, request.end_ns)
        tags = {"device": sorted({row.id for row in rows})}
        store = self.project.store
        for frame in store.frames("raw", theme, *window, tags, [request.name], chunk_s):
            times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
            member = pd.Series(data=False, index=range(len(frame))).to_numpy()
            for row in rows:
                inside = (times >= row.from_ns) & (times < (row.to_ns or request.end_ns))
                member |= (frame["device"] == row.id).to_numpy() & inside
            part = frame[member].rename(columns={request.name: "value"})
            yield part[list(_COLUMNS["raw"])]

    def empty(self, request: Request) -> pd.DataFrame:
        """Build the answer without rows."""
        import pandas as pd  # noqa: PLC0415

        index = pd.DatetimeIndex([], tz="UTC", name="time").as_unit("ns")
        return pd.DataFrame(columns=list(_COLUMNS[request.level]), index=index)


def _seconds(request: Request) -> int:
    return -(-(request.end_ns - request.start_ns) * 86_400 // DAY_NS)


def _require_known(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise DataError(f"there is no {kind} {name!r}", hint=f"known: {', '.join(sorted(known))}")


def _flag_set(flags: str | Collection[int]) -> frozenset[int]:
    if isinstance(flags, str):
        _require_known("set of flags", flags, FLAG_SETS)
        return FLAG_SETS[flags]
    unknown = set(flags) - {int(flag) for flag in Flag}
    if unknown:
        raise DataError(f"there is no flag {sorted(unknown)}", hint="flags are 1, 2, 3, 4 and 9")
    return frozenset(flags)
