"""Whether an experiment says anything about effects that are large enough to matter."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan


@dataclass(frozen=True, slots=True)
class Relevance:
    """A smallest effect that would matter, against what was and what could have been found.

    Parameters
    ----------
    effect : float
        The smallest effect that would matter, in either direction, in the unit of the outcome.
    visible : bool
        Whether the experiment could have seen it: in four of five cases or more.
    interval : {"excluded", "possible", "beyond", "unknown"}
        Whether the interval excludes effects of that size, contains some of them, or holds no
        smaller one; "unknown" where there is no interval.
    """

    effect: float
    visible: bool
    interval: str


def relevance_of(effect: float, low: float, high: float, detectable: float) -> Relevance:
    """Judge an interval and a detectable effect by the smallest effect that would matter.

    All in the unit of the outcome, `effect` > 0.

    References
    ----------
    .. [1] Schuirmann, D. J. (1987), A comparison of the two one-sided tests procedure and the power
       approach for assessing the equivalence of average bioavailability, J. Pharmacokinetics and
       Biopharmaceutics 15, 657-680, doi:10.1007/BF01068419 (equivalence by the interval, not by
       the power).

    Examples
    --------
    >>> relevance_of(2.0, -1.0, 1.5, 1.8)
    Relevance(effect=2.0, visible=True, interval='excluded')
    >>> relevance_of(2.0, -1.0, 2.0, 2.5)
    Relevance(effect=2.0, visible=False, interval='possible')
    >>> relevance_of(2.0, -5.0, -2.0, 1.5).interval
    'beyond'
    """
    if isnan(low) or isnan(high):
        found = "unknown"
    elif -effect < low and high < effect:
        found = "excluded"
    else:
        found = "beyond" if low >= effect or high <= -effect else "possible"
    return Relevance(effect, detectable <= effect, found)
