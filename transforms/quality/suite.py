"""Which tests there are, in which order they run, and how far each of them looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from transforms.frames import Flags
from transforms.quality.checks import (
    flat_line,
    gross_range,
    missing,
    rate_of_change,
    spike,
    zero_run,
)
from transforms.quality.context import attenuated, climatology
from transforms.quality.device import consistency, device_state, timing
from transforms.quality.thresholds import AT_ONCE_S, STATE_LAG_S, Thresholds
from transforms.quality.track import Track

Reach = tuple[int, int]
HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Check:
    """One test: its name in livinglab.flags.TESTS, how it runs, how far it looks (s, both ways)."""

    name: str
    run: Callable[[Track], Flags]
    reach_s: Callable[[Thresholds], Reach]
    is_configured: Callable[[Thresholds], bool]


def _itself(_thresholds: Thresholds) -> Reach:
    return 0, 0


def _timing_reach(thresholds: Thresholds) -> Reach:
    return -int(-(thresholds.timing_least_s or 0) // 1), 0


def _spike_reach(thresholds: Thresholds) -> Reach:
    if thresholds.spike_suspect is None and thresholds.spike_fail is None:
        return 0, 0
    return thresholds.gap_s, thresholds.gap_s


def _rate_reach(thresholds: Thresholds) -> Reach:
    return (0 if thresholds.rate_per_s is None else thresholds.gap_s), 0


def _flat_reach(thresholds: Thresholds) -> Reach:
    longest = max(thresholds.flat_suspect_s or 0, thresholds.flat_fail_s or 0)
    return (longest + thresholds.step_s if longest else 0), 0


def _attenuated_reach(thresholds: Thresholds) -> Reach:
    period = thresholds.attenuated_period_s
    return (0, 0) if period is None else (period, HOUR_S)


def _state_reach(thresholds: Thresholds) -> Reach:
    power_up = thresholds.warm_up_s
    silence = 0 if power_up is None else power_up + thresholds.power_up_gap_s
    return max(silence, STATE_LAG_S if thresholds.state_limits else 0), 0


def _zero_reach(thresholds: Thresholds) -> Reach:
    longest = max(thresholds.zero_suspect_s or 0, thresholds.zero_fail_s or 0)
    return (longest + thresholds.gap_s if longest else 0), 0


def _ceiling_reach(thresholds: Thresholds) -> Reach:
    return (0 if thresholds.ceiling is None else AT_ONCE_S), 0


def _is_any(*names: str) -> Callable[[Thresholds], bool]:
    return lambda row: any(getattr(row, name) not in (None, ()) for name in names)


def _always(_thresholds: Thresholds) -> bool:
    return True


#: Tests of a series by itself, in the order in which they run and are listed.
CHECKS: Final = (
    Check("timing", timing, _timing_reach, _is_any("timing_least_s")),
    Check("missing", missing, _itself, _always),
    Check("gross_range", gross_range, _itself, _is_any("gross_fail", "gross_suspect")),
    Check("climatology", climatology, _itself, _is_any("climatology")),
    Check("spike", spike, _spike_reach, _is_any("spike_suspect", "spike_fail")),
    Check("rate_of_change", rate_of_change, _rate_reach, _is_any("rate_per_s")),
    Check("flat_line", flat_line, _flat_reach, _is_any("flat_suspect_s", "flat_fail_s")),
    Check(
        "attenuated",
        attenuated,
        _attenuated_reach,
        _is_any("attenuated_suspect", "attenuated_fail"),
    ),
    Check("device_state", device_state, _state_reach, _is_any("warm_up_s", "state_limits")),
    Check("zero_run", zero_run, _zero_reach, _is_any("zero_suspect_s", "zero_fail_s")),
    Check("consistency", consistency, _ceiling_reach, _is_any("ceiling")),
)


def configured(thresholds: Thresholds) -> frozenset[str]:
    """Names of the tests that a series has thresholds for.

    Examples
    --------
    >>> sorted(configured(Thresholds(step_s=60, gross_fail=(0, 1), rate_per_s=2)))
    ['gross_range', 'missing', 'rate_of_change']
    """
    names = {check.name for check in CHECKS if check.is_configured(thresholds)}
    return frozenset(names | ({"neighbour"} if thresholds.neighbour_group else set()))


def reach_s(thresholds: Thresholds) -> Reach:
    """Seconds before and after a value that its verdict may depend on.

    The neighbour test looks at the whole hour of other series, at values which the other tests have
    passed: their reach comes on top. Give a window the largest reach of all its series.

    Examples
    --------
    >>> reach_s(Thresholds(step_s=60, spike_suspect=5, flat_tolerance=0.1, flat_fail_s=1800))
    (1860, 180)
    >>> reach_s(Thresholds(step_s=60, gross_fail=(0, 1)))
    (0, 0)
    """
    reaches = [check.reach_s(thresholds) for check in CHECKS]
    hour = 0 if thresholds.neighbour_group is None else HOUR_S
    before, after = zip(*reaches, strict=True)
    return max(before) + hour, max(after) + hour
