"""One question for data, checked against the registry: who, what, when, which level and flags."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from livinglab.errors import DataError
from livinglab.flags import Flag
from livinglab.registry import Device, Indicator, Quantity, Registry
from livinglab.regular import require_interval
from livinglab.timeline import parse_window

LEVELS: Final = ("raw", "clean", "indicators")

#: Names for sets of flags; a collection of flag numbers is accepted as well.
FLAG_SETS: Final[dict[str, frozenset[int]]] = {
    "good": frozenset({1}),
    "usable": frozenset({1, 2}),
    "all": frozenset(int(flag) for flag in Flag),
}

ColumnType = Literal["str", "float64", "int64"]

#: Columns of an answer, without the index, and their types.
COLUMNS: Final[dict[str, dict[str, ColumnType]]] = {
    "raw": {"device": "str", "channel": "str", "value": "float64"},
    "clean": {
        "device": "str",
        "channel": "str",
        "value": "float64",
        "flag": "int64",
        "tests": "str",
    },
    "indicators": {
        "area": "str",
        "period": "str",
        "value": "float64",
        "coverage": "float64",
        "n": "int64",
        "status": "str",
    },
}

#: Columns of an answer at regular intervals, of raw or clean.
REGULAR_COLUMNS: Final[dict[str, ColumnType]] = {
    "device": "str",
    "channel": "str",
    "value": "float64",
    "coverage": "float64",
    "n": "int64",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One question for data: who, what, when, from which level, with which flags.

    `start_ns`, `end_ns`: half-open window in UTC ns. `every`: length of regular intervals, "" for
    the readings themselves.
    """

    lab: str
    name: str  # quantity (raw, clean) or indicator id
    start_ns: int
    end_ns: int
    level: str
    flags: frozenset[int]
    every: str = ""

    @property
    def columns(self) -> dict[str, ColumnType]:
        """Columns of the answer and their types."""
        return REGULAR_COLUMNS if self.every else COLUMNS[self.level]

    def named(self, registry: Registry) -> Quantity | Indicator:
        """The registry's row of what is asked for."""
        rows = registry.indicators if self.level == "indicators" else registry.quantities
        return rows[self.name]

    def devices(self, registry: Registry) -> tuple[Device, ...]:
        """Registry rows of the devices whose model measures the quantity in the window."""
        named = self.named(registry)
        wanted = named.quantities if isinstance(named, Indicator) else (named.name,)
        return tuple(
            row
            for row in registry.devices_in(self.lab, self.start_ns, self.end_ns)
            if registry.models[row.model].quantities().intersection(wanted)
        )

    def covered_by(self, row: Device) -> bool:
        """Whether a registry row is valid all through the window."""
        is_open = row.to_ns is None or row.to_ns >= self.end_ns
        return row.from_ns <= self.start_ns and is_open


def check_request(
    registry: Registry,
    lab: str,
    quantity: str,
    start: str | date,
    end: str | date,
    *,
    level: str = "clean",
    flags: str | Collection[int] = "good",
    every: str = "",
) -> Request:
    """Check a question against the registry; parameters and errors as of `LivingLab.read`."""
    _require_known("lab", lab, registry.labs)
    _require_known("level", level, LEVELS)
    _require_named(quantity, level, registry.quantities, registry.indicators)
    window = _window(start, end, registry.labs[lab].timezone)
    if every and level == "indicators":
        raise DataError("indicators have intervals of their own", hint="read them without `every`")
    if every:
        require_interval(every, registry.quantities[quantity])
    return Request(lab, quantity, *window, level, _flag_set(flags), every)


def _window(start: str | date, end: str | date, zone: str) -> tuple[int, int]:
    texts = [each if isinstance(each, str) else each.isoformat() for each in (start, end)]
    return parse_window(texts[0], texts[1], zone)


def _require_known(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise DataError(f"there is no {kind} {name!r}", hint=f"known: {', '.join(sorted(known))}")


def _require_named(
    name: str, level: str, quantities: Collection[str], indicators: Collection[str]
) -> None:
    is_indicator = level == "indicators"
    if not is_indicator and name not in quantities and name in indicators:
        message = f"{name!r} is an indicator, not a quantity"
        raise DataError(message, hint='read it at level "indicators"')
    kind, known = ("indicator", indicators) if is_indicator else ("quantity", quantities)
    _require_known(kind, name, known)


def _flag_set(flags: str | Collection[int]) -> frozenset[int]:
    if isinstance(flags, str):
        _require_known("set of flags", flags, FLAG_SETS)
        return FLAG_SETS[flags]
    wanted = frozenset(int(flag) for flag in flags)
    unknown = sorted(wanted - FLAG_SETS["all"])
    if unknown or not wanted:
        said = f"there is no flag {', '.join(map(str, unknown))}" if unknown else "no flag is named"
        raise DataError(said, hint=f"flags are 1, 2, 3, 4 and 9, or one of {', '.join(FLAG_SETS)}")
    return wanted
