"""What an export leaves out, and why: values expected, received, by flag and exported, per series.

A gap in a file can be a sensor that was silent, a value that a test refused, or a choice of the
reader; without these counts nobody can tell.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from livinglab.flags import Flag
from livinglab.question import Request
from livinglab.registry import Registry
from livinglab.timeline import SECOND_NS

if TYPE_CHECKING:
    import pandas as pd

MEANINGS: Final = {
    "expected": "intervals of the nominal step in the window, while the device was registered and"
    " up to the export",
    "received": "intervals with a value",
    "missing": "expected intervals that have no value",
    "by_flag": "received values by quality flag",
    "intervals": "intervals that the pipeline has computed",
    "with_value": "intervals with a value",
    "by_status": "intervals by status",
    "exported": "rows in the data file",
}


def expected_values(registry: Registry, request: Request, now_ns: int) -> Counter[tuple[str, str]]:
    """How many values the registry leads one to expect, per device and channel.

    Counts the intervals of each row's nominal step that begin in the window, while the row is
    valid, before `now_ns` (UTC ns).
    """
    expected: Counter[tuple[str, str]] = Counter()
    for row in request.devices(registry):
        until = request.end_ns if row.to_ns is None else min(row.to_ns, request.end_ns)
        first, last = max(row.from_ns, request.start_ns), min(until, now_ns)
        step_ns = row.step_s * SECOND_NS
        count = max(0, -(-last // step_ns) + first // -step_ns)
        model = registry.models[row.model]
        sent = {request.name, model.derives.get(request.name)}
        for channel in {key.channel for key in model.keys.values() if key.quantity in sent}:
            expected[row.id, channel] += count
    return expected


class Account:
    """Counts what passes by; `rows` is the account of all of it."""

    def __init__(self, registry: Registry, request: Request, now_ns: int) -> None:
        self._request = request
        self._is_indicator = request.level == "indicators"
        self._series = ("area",) if self._is_indicator else ("device", "channel")
        self._expected = None if self._is_indicator else expected_values(registry, request, now_ns)
        self._found: Counter[tuple[str, ...]] = Counter()
        self._with_value: Counter[tuple[str, ...]] = Counter()
        self._exported: Counter[tuple[str, ...]] = Counter()
        self._classes: dict[tuple[str, ...], Counter[str]] = {}

    def add(self, found: pd.DataFrame, exported: pd.DataFrame) -> None:
        """Count a piece: everything the store has, and what of it goes into the file."""
        for counter, frame in (
            (self._found, found),
            (self._with_value, found[found["value"].notna()]),
            (self._exported, exported),
        ):
            counter.update(self._sizes(frame))
        if self._request.level != "raw":
            by = "status" if self._is_indicator else "flag"
            for (*series, kind), count in self._sizes(found, by).items():
                self._classes.setdefault(tuple(series), Counter())[_name(kind)] += count

    def rows(self) -> list[dict[str, Any]]:
        """One row per series, in order of their names; see `MEANINGS`."""
        names = sorted({*self._found, *(self._expected or ())})
        return [dict(zip(self._series, name, strict=True)) | self._counts(name) for name in names]

    def _counts(self, name: tuple[str, ...]) -> dict[str, Any]:
        classes = dict(sorted(self._classes.get(name, Counter()).items()))
        exported = self._exported[name]
        if self._expected is None:
            counts = {"intervals": self._found[name], "with_value": self._with_value[name]}
            return {**counts, "by_status": classes, "exported": exported}
        device, channel = name
        expected, received = self._expected[device, channel], self._with_value[name]
        counts = {"expected": expected, "received": received}
        counts["missing"] = max(0, expected - received)
        flags = {} if self._request.level == "raw" else {"by_flag": classes}
        return {**counts, **flags, "exported": exported}

    def _sizes(self, frame: pd.DataFrame, by: str = "") -> dict[tuple[Any, ...], int]:
        columns = [*self._series, *([by] if by else [])]
        sizes = frame.groupby(columns, sort=False).size()
        return {
            name if isinstance(name, tuple) else (name,): int(count)
            for name, count in sizes.items()
        }


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else Flag(int(kind)).name.lower()
