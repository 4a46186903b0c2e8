"""What `explain` finds out about a number: its windows, the readings behind it, its limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from livinglab.pipeline.windows import Window
from livinglab.registry import Indicator, Limit
from livinglab.timeline import to_text
from transforms.frames import VALID


@dataclass(frozen=True, slots=True)
class WindowPart:
    """A window behind a number.

    Parameters
    ----------
    run, code, registry, reason, computed : str
        Run that computed it, version of the code and of the registry, why, and when.
    state : str
        "fresh", or why it is stale.
    """

    level: str
    window: Window
    run: str
    code: str
    registry: str
    reason: str
    computed: str
    state: str


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """What one series of a device contributed.

    Parameters
    ----------
    raw : int
        Readings that arrived in the time the indicator reads.
    used : int
        Of these, readings whose flag the indicator accepts.
    excluded : dict of str to int
        Readings left out, per flag.
    tests : dict of str to int
        Readings left out, per test that objected; one reading may fail several.
    calibrations, manual : tuple of str
        Calibrations applied and manual flags set, in words.
    """

    device: str
    channel: str
    quantity: str
    model: str
    place: str
    raw: int
    used: int
    excluded: dict[str, int] = field(default_factory=dict)
    tests: dict[str, int] = field(default_factory=dict)
    calibrations: tuple[str, ...] = ()
    manual: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a number comes from.

    Parameters
    ----------
    interval : Window
        What the value is about [start, end).
    reads : Window
        Time whose readings it depends on.
    value : float or None
        None where there is not enough data.
    coverage, n, status
        As stored with the value.
    windows : tuple of WindowPart
        The indicator's window first, then the clean windows it reads, in order of time.
    series : tuple of SeriesPart
        Devices of the area that measure what the indicator reads.
    """

    lab: str
    area: str
    indicator: Indicator
    interval: Window
    reads: Window
    value: float | None
    coverage: float
    n: int
    status: str
    windows: tuple[WindowPart, ...]
    series: tuple[SeriesPart, ...]

    @property
    def sentence(self) -> str:
        """The number and where it comes from, in one sentence."""
        unit = self.indicator.unit
        value = "no value" if self.value is None else f"{self.value:.4g} {unit}"
        raw, used = (sum(getattr(row, name) for row in self.series) for name in ("raw", "used"))
        devices = len({row.device for row in self.series})
        noun = "device" if devices == 1 else "devices"
        state = self.windows[0].state
        return (
            f"{self.indicator.label_en} in {self.area} ({self.lab}) for "
            f"[{to_text(self.interval.start_ns)}, {to_text(self.interval.end_ns)}) is {value} "
            f"({self.status}, coverage {self.coverage:.0%}), from {used} of {raw} readings of "
            f"{devices} {noun}; the window is {state}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON, times as RFC 3339 text."""
        return {
            "lab": self.lab,
            "area": self.area,
            "indicator": self.indicator.id,
            "definition": self.indicator.definition,
            "source": self.indicator.source,
            "interval": _texts(self.interval),
            "reads": _texts(self.reads),
            "value": self.value,
            "unit": self.indicator.unit,
            "coverage": self.coverage,
            "n": self.n,
            "status": self.status,
            "limits": [{**asdict(limit), "is_above": above} for limit, above in self.limits],
            "series": [asdict(part) for part in self.series],
            "windows": [{**asdict(row), "window": _texts(row.window)} for row in self.windows],
        }

    @property
    def limits(self) -> tuple[tuple[Limit, bool | None], ...]:
        """Values to compare with, and whether the value is above.

        None without a value, and for a year with too few values: it is never compared.
        """
        is_part = bool(self.indicator.of) and self.status != VALID
        value = None if is_part else self.value
        return tuple(
            (limit, None if value is None else value > limit.value)
            for limit in self.indicator.limits
        )


def _texts(window: Window) -> list[str]:
    return [to_text(window.start_ns), to_text(window.end_ns)]
