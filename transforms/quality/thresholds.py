"""What the tests compare with: thresholds of one series, as configuration gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from livinglab.errors import DataError

#: Readings more than this many nominal steps apart are no neighbours, unless configured.
GAP_STEPS: Final = 3

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Thresholds of one series; None = the test is not configured and its flag is 2.

    Parameters
    ----------
    step_s : int
        Nominal interval between readings [s], from the registry: never estimated from a frame.
    max_gap_s : int, optional
        Readings farther apart than this [s] are not neighbours: what lies across a gap counts as
        missing. Default: 3 steps.
    gross_fail, gross_suspect : (float, float), optional
        Spans [unit of the quantity], limits inclusive; suspect lies inside fail.
    spike_suspect, spike_fail : float, optional
        Distance from the mean of both neighbours [unit].
    rate_per_s : float, optional
        Change per second [unit/s].
    flat_tolerance : float, optional
        A range below this [unit] counts as flat.
    flat_suspect_s, flat_fail_s : int, optional
        How long a series may be flat [s].

    Raises
    ------
    DataError
        On thresholds that contradict each other.

    Examples
    --------
    >>> Thresholds(step_s=60, gross_fail=(0, 100)).gap_s
    180
    >>> Thresholds(step_s=60, gross_fail=(0, 100), gross_suspect=(-1, 50))
    Traceback (most recent call last):
    ...
    livinglab.errors.DataError: gross_suspect (-1, 50) is not inside gross_fail (0, 100)
    """

    step_s: int
    max_gap_s: int | None = None
    gross_fail: Span | None = None
    gross_suspect: Span | None = None
    spike_suspect: float | None = None
    spike_fail: float | None = None
    rate_per_s: float | None = None
    flat_tolerance: float | None = None
    flat_suspect_s: int | None = None
    flat_fail_s: int | None = None

    def __post_init__(self) -> None:
        if self.step_s <= 0:
            raise DataError(f"step_s {self.step_s} is not positive")
        _require_positive("max_gap_s", self.max_gap_s)
        _require_spans(self.gross_suspect, self.gross_fail)
        _require_ascending("spike", self.spike_suspect, self.spike_fail)
        _require_ascending("flat", self.flat_suspect_s, self.flat_fail_s)
        for seconds in (self.flat_suspect_s, self.flat_fail_s):
            if seconds is not None and seconds < self.step_s:
                raise DataError(
                    f"flat after {seconds} s is shorter than one step ({self.step_s} s)"
                )
            if seconds is not None and self.flat_tolerance is None:
                raise DataError("flat line without flat_tolerance")

    @property
    def gap_s(self) -> int:
        """Largest distance of neighbours [s]."""
        return GAP_STEPS * self.step_s if self.max_gap_s is None else self.max_gap_s


def _require_positive(name: str, value: float | None) -> None:
    if value is not None and value <= 0:
        raise DataError(f"{name} {value} is not positive")


def _require_ascending(name: str, suspect: float | None, fail: float | None) -> None:
    if suspect is not None and fail is not None and suspect > fail:
        raise DataError(f"{name}: suspect {suspect} is beyond fail {fail}")


def _require_spans(suspect: Span | None, fail: Span | None) -> None:
    for name, span in (("gross_suspect", suspect), ("gross_fail", fail)):
        if span is not None and not span[0] <= span[1]:
            raise DataError(f"{name} {span} is not (least, greatest)")
    if suspect is not None and fail is not None and (suspect[0] < fail[0] or suspect[1] > fail[1]):
        raise DataError(f"gross_suspect {suspect} is not inside gross_fail {fail}")
