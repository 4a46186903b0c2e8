"""Recipes: what a target's windows are computed from, by what configuration, into what place.

A recipe's *slice* is the configuration that can matter to one window, rows resolved and clipped to
it. Clipping is what keeps a `valid_to` that is set today from changing anything earlier: a bound
outside the window's reach is not part of its slice. Away from every bound two windows have the same
slice, which is therefore made once per stretch between bounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from livinglab.model import Point
from livinglab.pipeline.digests import Inputs, digest_of
from livinglab.pipeline.scope import OPEN, Scope
from livinglab.pipeline.windows import Target, Window
from livinglab.registry import Calibration, Device, ManualFlag
from livinglab.store.base import Store, Tags


@dataclass(frozen=True, slots=True)
class Slice:
    """What configuration says about one window.

    Parameters
    ----------
    rows : tuple of Device
        Device rows whose readings the window holds, by id and time.
    before_ns, after_ns : int
        How far around the window data are read [ns].
    content : mapping
        Everything that can matter, by a name a person understands.
    digest : str
        Digest of `content`.
    companions : tuple of str
        Ids of other devices that are read: a barometer, for instance.
    """

    rows: tuple[Device, ...]
    before_ns: int
    after_ns: int
    content: Mapping[str, Any]
    digest: str
    companions: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """Ids of the devices that are read, in order."""
        return tuple(dict.fromkeys((*(row.id for row in self.rows), *self.companions)))

    def reach(self, window: Window) -> Window:
        """The window with its margins."""
        return Window(window.start_ns - self.before_ns, window.end_ns + self.after_ns)


@dataclass(slots=True)
class Output:
    """What came out of one window: points, and what provenance should remember.

    `info["tests"]`, where it is there, has the number of values by "device|quantity|test|flag".
    """

    points: list[Point] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target's output of some windows lies in the store."""

    bucket: str
    measurement: str
    tags: Tags
    span: Window


class View(Protocol):
    """What the inputs of a target's windows are at one moment."""

    def inputs(self, window: Window) -> Inputs:
        """Inputs of a window, as they were when the view was made."""
        ...

    def open_upstream(self, window: Window) -> Window | None:
        """A window that this one reads and that a run has begun but not finished."""
        ...

    def marks(self, window: Window) -> Mapping[str, Any]:
        """What is needed later to tell which input has changed."""
        ...


class Recipe(ABC):
    """How the windows of one target are computed with one registry.

    Attributes
    ----------
    has_upstream : bool
        Whether it reads the output of other windows, which may change while it computes.
    """

    has_upstream: bool = True

    def __init__(self, scope: Scope, target: Target) -> None:
        self.scope = scope
        self.target = target
        self._bounds = sorted({bound for bound in self.bounds() if abs(bound) < OPEN})
        self._known: dict[tuple[int, int, int], Slice] = {}
        self._margin = self.widest()

    def of(self, window: Window) -> Slice:
        """Slice of a window."""
        before, after = self._margin
        place = bisect_right(self._bounds, window.start_ns - before)
        is_plain = place == len(self._bounds) or self._bounds[place] >= window.end_ns + after
        if not is_plain:
            return self._make(window)
        key = (place, *self.variant(window))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(window)
        return found

    def _make(self, window: Window) -> Slice:
        rows = tuple(
            row
            for row in self.scope.rows(self.target.lab, self.target.theme)
            if row.from_ns < window.end_ns and (row.to_ns is None or row.to_ns > window.start_ns)
        )
        before, after = self.margin(rows, window)
        reach = Window(window.start_ns - before, window.end_ns + after)
        content: dict[str, Any] = {}
        for name, value in self.content(rows, window, reach):
            # Several rows may say something about one thing, in order of time.
            content.setdefault(name, []).append(value)
        companions = self.companions(rows, reach)
        return Slice(rows, before, after, content, digest_of(content), companions)

    @abstractmethod
    def view(self, store: Store, span: Window) -> View:
        """Read what the inputs of all windows in `span` are now."""

    @abstractmethod
    def compute(self, store: Store, windows: Sequence[Window]) -> dict[Window, Output]:
        """Read the data of contiguous windows and compute their outputs; writes nothing."""

    @abstractmethod
    def place(self, span: Window) -> Place:
        """Where the output of windows in `span` lies."""

    @abstractmethod
    def bounds(self) -> Iterable[int]:
        """Every instant at which the slice of a target can change."""

    @abstractmethod
    def widest(self) -> tuple[int, int]:
        """Largest margins before and after any window [ns]."""

    @abstractmethod
    def margin(self, rows: tuple[Device, ...], window: Window) -> tuple[int, int]:
        """Margins before and after this window [ns]."""

    @abstractmethod
    def content(
        self, rows: tuple[Device, ...], window: Window, reach: Window
    ) -> Iterable[tuple[str, Any]]:
        """Named parts of the slice, as JSON-like data without anything that cannot matter."""

    def companions(self, rows: tuple[Device, ...], reach: Window) -> tuple[str, ...]:
        """Ids of devices that are read besides those whose readings the window holds."""
        del rows, reach
        return ()

    def variant(self, window: Window) -> tuple[int, int]:
        """What else tells windows between the same bounds apart."""
        del window
        return 0, 0


def edges(periods: Iterable[Device | Calibration | ManualFlag]) -> Iterator[int]:
    """Start and end of every period, in order; `OPEN` where one has no end."""
    for row in periods:
        yield row.from_ns
        yield OPEN if row.to_ns is None else row.to_ns


def clipped(from_ns: int, to_ns: int | None, to: Window) -> tuple[int | None, int | None]:
    """Bounds of a period as far as they lie inside `to`, None where they do not.

    Examples
    --------
    >>> clipped(5, 90, Window(0, 10)), clipped(-5, None, Window(0, 10))
    ((5, None), (None, None))
    """
    return (
        from_ns if from_ns > to.start_ns else None,
        to_ns if to_ns is not None and to_ns < to.end_ns else None,
    )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the parts in which two slices differ, with what happened to each.

    Examples
    --------
    >>> differences({"zone": 1, "flag x": 2}, {"zone": 3, "row y": 4})
    ['flag x removed', 'row y added', 'zone changed']
    """
    names = sorted({*before, *now})
    verbs = {
        name: "added" if name not in before else "removed" if name not in now else "changed"
        for name in names
        if before.get(name) != now.get(name)
    }
    return [f"{name} {verb}" for name, verb in verbs.items()]
