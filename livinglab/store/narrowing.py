"""Find the points of a batch that InfluxDB refuses.

Measured on InfluxDB 2.9.1: 400 (a line cannot be parsed) means that nothing of the body is stored;
422 (type conflict, field too long, beyond retention) that all but the bad points are, and it says
how many were dropped. Repeating a line is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from livinglab.model import Point

_DROPPED: Final = re.compile(r"dropped=(\d+)\s*$")
_FIELD: Final = re.compile(r'input field "([^"]+)" on measurement "([^"]+)"')


class Refusal(NamedTuple):
    """Why the server refused a body, as it said it."""

    status: int
    message: str

    @property
    def dropped(self) -> int | None:
        """How many points a 422 dropped, where it says so."""
        found = _DROPPED.search(self.message) if self.status == 422 else None
        return int(found[1]) if found else None

    def names(self, point: Point) -> bool:
        """Whether the point has the field that the message names."""
        found = _FIELD.search(self.message)
        return bool(found and found[2] == point.series.measurement and found[1] in point.fields)


Send = Callable[[Sequence[int]], Refusal | None]


def narrow(
    send: Send, points: Sequence[Point], members: Sequence[int], refusal: Refusal
) -> dict[int, str]:
    """The refused ones among `members` (positions in `points`), each with the server's reason.

    Parameters
    ----------
    send : callable
        Writes the points at some positions; None when all are stored.
    refusal : Refusal
        What the server said to `members`.
    """
    if len(members) == 1 or refusal.dropped == len(members):
        return dict.fromkeys(members, refusal.message)
    named = {each for each in members if refusal.names(points[each])}
    if 0 < len(named) < len(members):
        parts = [[each for each in members if each not in named], sorted(named)]
    else:
        middle = len(members) // 2
        parts = [list(members[:middle]), list(members[middle:])]
    bad: dict[int, str] = {}
    for part in parts:
        again = send(part)
        if again is not None:
            bad |= narrow(send, points, part, again)
    return bad
