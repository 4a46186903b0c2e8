"""What the tests compare with: thresholds of one series, as configuration gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from livinglab.errors import DataError

#: Readings more than this many nominal steps apart are no neighbours, unless configured.
GAP_STEPS: Final = 3
#: What a device measured besides is not older than this [s].
STATE_LAG_S: Final = 3600
#: Two quantities of one device belong together when they are not farther apart than this [s].
AT_ONCE_S: Final = 60

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Spans that hold in some months and hours of the day, both UTC (close to solar time here).

    Parameters
    ----------
    suspect : (float, float)
        Outside: 3; limits inclusive [unit of the quantity].
    fail : (float, float), optional
        Outside: 4.
    months : (int, int)
        First and last month, 1 to 12; (11, 2) is November to February.
    hours : (int, int)
        From (inclusive) and to (exclusive), 0 to 24; (22, 4) is the night.
    """

    suspect: Span
    fail: Span | None = None
    months: tuple[int, int] = (1, 12)
    hours: tuple[int, int] = (0, 24)

    def __post_init__(self) -> None:
        _require_spans(self.suspect, self.fail)
        if not all(1 <= month <= 12 for month in self.months):
            raise DataError(f"months {self.months} are not within 1 to 12")
        if not all(0 <= hour <= 24 for hour in self.hours) or self.hours[0] == self.hours[1]:
            raise DataError(f"hours {self.hours} are not two different hours within 0 to 24")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLimit:
    """What the device measures besides must lie in a span, or its values are suspect.

    Parameters
    ----------
    quantity : str
        E.g. battery_voltage, relative_humidity.
    low, high : float
        Limits, inclusive [unit of that quantity].
    """

    quantity: str
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A quantity that cannot exceed another one of the same device: PM2.5 is a part of PM10.

    Parameters
    ----------
    quantity : str
        The other one, measured at the same time.
    factor, offset : float
        A value above factor * other + offset is suspect [offset: unit of the quantity].
    """

    quantity: str
    factor: float = 1.0
    offset: float = 0.0


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
    climatology : tuple of Season
        Spans by month and hour; where several cover a time the later one counts.
    attenuated_period_s : int, optional
        Whole hours over which the standard deviation is taken [s].
    attenuated_suspect, attenuated_fail : float, optional
        A standard deviation below this [unit] is too quiet.
    neighbour_group : str, optional
        Series of equal group are compared with each other: one quantity, within about 1 km.
    neighbour_distance, neighbour_share : float, optional
        An hour farther from the median of the others than the larger of `neighbour_distance`
        [unit] and `neighbour_share` times that median is suspect.
    neighbour_bias : float
        Known distance of this site from its neighbours [unit], taken off before.
    neighbour_least : int
        Least number of neighbours with a value.
    neighbour_site : str, optional
        Series of one site are one neighbour together, by their mean. Default: each by itself.
    timing_least_s : float, optional
        Readings closer than this to the one before [s] come from a clock that was set back or from
        a repeat under another time.
    warm_up_s : int, optional
        Values are suspect for so long after power-up [s].
    warm_up_gap_s : int, optional
        A silence longer than this is a power-up [s]. Default: `gap_s`.
    state_limits : tuple of StateLimit
        Limits of what the device measures besides.
    zero_suspect_s, zero_fail_s : int, optional
        Counts that stay 0 for longer than this [s] are suspect, within the hours of `zero_hours`
        alone, or fail, at any hour.
    zero_hours : (int, int)
        From (inclusive) and to (exclusive), UTC: when somebody always passes.
    ceiling : Ceiling, optional
        What the value cannot exceed.

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
    climatology: tuple[Season, ...] = ()
    attenuated_period_s: int | None = None
    attenuated_suspect: float | None = None
    attenuated_fail: float | None = None
    neighbour_group: str | None = None
    neighbour_distance: float | None = None
    neighbour_share: float = 0.0
    neighbour_bias: float = 0.0
    neighbour_least: int = 3
    neighbour_site: str | None = None
    timing_least_s: float | None = None
    warm_up_s: int | None = None
    warm_up_gap_s: int | None = None
    state_limits: tuple[StateLimit, ...] = ()
    zero_suspect_s: int | None = None
    zero_fail_s: int | None = None
    zero_hours: tuple[int, int] = (5, 19)
    ceiling: Ceiling | None = None

    def __post_init__(self) -> None:
        if self.step_s <= 0:
            raise DataError(f"step_s {self.step_s} is not positive")
        for name in ("max_gap_s", "timing_least_s", "warm_up_s", "warm_up_gap_s"):
            _require_positive(name, getattr(self, name))
        self._require_zeros()
        self._require_attenuated()
        self._require_neighbours()
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

    def _require_zeros(self) -> None:
        for name in ("zero_suspect_s", "zero_fail_s"):
            _require_positive(name, getattr(self, name))
        first, last = self.zero_hours
        if not 0 <= first < last <= 24:
            raise DataError(f"zero_hours {self.zero_hours} are not two ascending hours of a day")

    def _require_attenuated(self) -> None:
        # Too quiet is the smaller number: fail lies below suspect.
        _require_ascending("attenuated", self.attenuated_fail, self.attenuated_suspect)
        period = self.attenuated_period_s
        if period is not None and (period <= 0 or period % 3600):
            raise DataError(f"attenuated_period_s {period} is not a number of whole hours")
        limits = (self.attenuated_suspect, self.attenuated_fail)
        if period is None and limits != (None, None):
            raise DataError("attenuated signal without attenuated_period_s")

    def _require_neighbours(self) -> None:
        if self.neighbour_group is not None and not (
            self.neighbour_distance or self.neighbour_share
        ):
            raise DataError("neighbour_group without neighbour_distance or neighbour_share")
        if self.neighbour_least < 2:
            raise DataError("neighbour_least under 2: one neighbour cannot tell who is wrong")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Thresholds:
        """Thresholds from plain values: seasons, limits and ceiling as mappings.

        Parameters
        ----------
        values : mapping
            Parameters by name; `climatology` a list of mappings, `state_limits` a mapping of
            quantity to (least, greatest), `ceiling` a mapping.

        Examples
        --------
        >>> row = Thresholds.of({"step_s": 60, "state_limits": {"battery_voltage": (3.1, 5)}})
        >>> row.state_limits
        (StateLimit(quantity='battery_voltage', low=3.1, high=5),)
        """
        rest = dict(values)
        seasons = [
            Season(**{name: _paired(item) for name, item in row.items()})
            for row in rest.pop("climatology", None) or ()
        ]
        limits = [
            StateLimit(quantity=name, low=low, high=high)
            for name, (low, high) in (rest.pop("state_limits", None) or {}).items()
        ]
        ceiling = rest.pop("ceiling", None)
        if rest.get("zero_hours") is not None:
            rest["zero_hours"] = _paired(rest["zero_hours"])
        return cls(
            **rest,
            climatology=tuple(seasons),
            state_limits=tuple(limits),
            ceiling=None if ceiling is None else Ceiling(**ceiling),
        )

    @property
    def power_up_gap_s(self) -> int:
        """A silence longer than this is a power-up [s]."""
        return self.gap_s if self.warm_up_gap_s is None else self.warm_up_gap_s

    @property
    def gap_s(self) -> int:
        """Largest distance of neighbours [s]."""
        return GAP_STEPS * self.step_s if self.max_gap_s is None else self.max_gap_s


def _paired(item: Any) -> Any:
    return None if item is None else (item[0], item[1])


def _require_positive(name: str, value: float | None) -> None:
    if value is not None and value <= 0:
        raise DataError(f"{name} {value} is not positive")


def _require_ascending(name: str, suspect: float | None, fail: float | None) -> None:
    if suspect is not None and fail is not None and suspect > fail:
        raise DataError(f"{name}: thresholds {suspect} and {fail} are in the wrong order")


def _require_spans(suspect: Span | None, fail: Span | None) -> None:
    for name, span in (("gross_suspect", suspect), ("gross_fail", fail)):
        if span is not None and not span[0] <= span[1]:
            raise DataError(f"{name} {span} is not (least, greatest)")
    if suspect is not None and fail is not None and (suspect[0] < fail[0] or suspect[1] > fail[1]):
        raise DataError(f"gross_suspect {suspect} is not inside gross_fail {fail}")
