"""Checks of thresholds as they come out for a device: contradictions, reach, what it measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from livinglab.config.catalogue import inside
from livinglab.config.findings import Loc
from livinglab.config.tree import TreeReader
from livinglab.registry import Device, Registry, quality_for

#: A test that looks back farther than this needs windows of a day.
REACH_OF_HOURS_S: Final = 3 * 3600
_HOUR_S: Final = 3600

#: Pairs of thresholds of which the first must not exceed the second.
_ASCENDING: Final = (
    ("spike_suspect", "spike_fail"),
    ("flat_suspect_s", "flat_fail_s"),
    ("attenuated_fail", "attenuated_suspect"),
)
#: A threshold that means nothing without another one.
_NEEDS: Final = {
    "flat_suspect_s": "flat_tolerance",
    "flat_fail_s": "flat_tolerance",
    "attenuated_suspect": "attenuated_period_s",
    "attenuated_fail": "attenuated_period_s",
}


def check_thresholds(
    registry: Registry, device: Device, quantity: str, theme: str, reader: TreeReader
) -> None:
    """Note what is wrong between the merged thresholds of one quantity of one device."""
    merged = quality_for(registry, quantity, device)
    place, loc = reader.place("quality", theme), _loc_of(registry, device, quantity)
    of = f"{quantity} of {device.id}"
    for told in (*contradictions(merged), *_unmeasured(registry, device, merged)):
        reader.findings.add(place, loc, f"{told} ({of})")
    reach = max(merged["max_gap_s"], reach_of(merged))
    hours = registry.quality["themes"][theme]["window_h"]
    if hours == 1 and reach > REACH_OF_HOURS_S:
        told = f"expected 24: a test of {of} looks back {reach} s, more than {REACH_OF_HOURS_S} s"
        reader.findings.add(place, ("window_h",), told)
    if merged["max_gap_s"] < device.step_s:
        told = f"{merged['max_gap_s']} s is less than one step ({device.step_s} s) of {device.id}"
        reader.findings.add(place, ("max_gap_s",), told)


def _loc_of(registry: Registry, device: Device, quantity: str) -> Loc:
    """The most particular place that says something about a quantity of a device."""
    for level, name in (("devices", device.id), ("models", device.model)):
        if quantity in registry.quality[level].get(name, {}):
            return (level, name, quantity)
    return ("quantities", quantity)


def reach_of(merged: Mapping[str, Any]) -> int:
    """Seconds that any test looks back; the same as `transforms.quality.reach_s`, without pandas.

    Examples
    --------
    >>> reach_of({"step_s": 60, "max_gap_s": 180, "flat_tolerance": 0.1, "flat_fail_s": 1800})
    1860
    """

    def of(*names: str) -> float:
        return max(merged.get(name) or 0 for name in names)

    gap, step = merged["max_gap_s"], merged["step_s"]
    looks = [
        of("timing_least_s"),
        gap if of("spike_suspect", "spike_fail", "rate_per_s") else 0,
        of("flat_suspect_s", "flat_fail_s") + step if of("flat_suspect_s", "flat_fail_s") else 0,
        of("attenuated_period_s"),
        of("warm_up_s") + (merged.get("warm_up_gap_s") or gap) if of("warm_up_s") else 0,
        _HOUR_S if merged.get("state_limits") else 0,
        of("zero_suspect_s", "zero_fail_s") + gap if of("zero_suspect_s", "zero_fail_s") else 0,
        60 if merged.get("ceiling") else 0,
    ]
    hour = _HOUR_S if merged.get("neighbour_group") else 0
    return int(-(-max(looks) // 1)) + hour


def contradictions(merged: Mapping[str, Any]) -> list[str]:
    """What is wrong between merged thresholds of one quantity of one device.

    Examples
    --------
    >>> contradictions({"spike_suspect": 5.0, "spike_fail": 2.0})
    ['spike_suspect 5.0 is beyond spike_fail 2.0']
    """
    told = [
        f"{suspect} {merged[suspect]} is beyond {fail} {merged[fail]}"
        for suspect, fail in _ASCENDING
        if None not in (merged.get(suspect), merged.get(fail)) and merged[suspect] > merged[fail]
    ]
    spans = [("gross", merged.get("gross_suspect"), merged.get("gross_fail"))]
    spans += [
        (f"climatology[{number}]", season.get("suspect"), season.get("fail"))
        for number, season in enumerate(merged.get("climatology", ()))
    ]
    for name, inner, outer in spans:
        if inner is not None and outer is not None and not inside(inner, outer):
            joint = "_" if name == "gross" else "."
            told.append(f"{name}{joint}suspect {inner} is not inside {name}{joint}fail {outer}")
    lacking = [
        f"{name} without {needed}"
        for name, needed in _NEEDS.items()
        if merged.get(name) is not None and merged.get(needed) is None
    ]
    step_s = merged.get("step_s", 0)
    flat = {name: merged.get(name) for name in ("flat_suspect_s", "flat_fail_s")}
    short = [f"{name} {value}" for name, value in flat.items() if value and value < step_s]
    return told + lacking + [f"{name} is shorter than one step ({step_s} s)" for name in short]


def _unmeasured(registry: Registry, device: Device, merged: Mapping[str, Any]) -> list[str]:
    """What a test of the device compares with, and the device cannot send."""
    sent = {key.quantity for key in registry.models[device.model].keys.values()}
    needed = [*merged.get("state_limits", {})]
    needed += [merged["ceiling"]["quantity"]] if "ceiling" in merged else []
    return [f"{device.model} does not measure {name}" for name in needed if name not in sent]
