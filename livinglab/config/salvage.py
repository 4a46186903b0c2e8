"""What is right in a piece with mistakes, so that one mistake does not hide the next.

A row with an unreadable date still has a model that may be misspelt: the date is replaced by a
stand-in, the row is checked further, and whatever would be said about the stand-in is not said.
Nothing of such a tree is ever used.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from livinglab.config.findings import Context, Findings, Loc, Place, SpecT, validated
from livinglab.errors import Problem

_PERIOD: Final[frozenset[Loc]] = frozenset({("valid_from",), ("valid_to",)})


@dataclass(frozen=True, slots=True)
class PartialPlace:
    """The place of a salvaged piece: silent about `unsure` keys, whose mistakes are noted."""

    place: Place
    unsure: tuple[Loc, ...]

    def problem(self, loc: Loc, expected: str) -> Problem | None:
        """The problem at `loc`; None where a noted mistake may be its cause."""
        if any(loc[: len(bad)] == bad or bad[: len(loc)] == loc for bad in self.unsure):
            return None
        return self.place.problem(loc, expected)


def parse_in_part(
    findings: Findings,
    spec: type[SpecT],
    raw: object,
    place: Place,
    stand_ins: Mapping[str, object],
    context: Context | None = None,
) -> tuple[SpecT | None, Place]:
    """Validate one piece; with mistakes, which are noted, what is right in it.

    Parameters
    ----------
    findings : Findings
        Takes the mistakes.
    spec, raw, place, context
        As for `Findings.parse`.
    stand_ins : mapping of str to object
        Values for keys that are wrong or missing; a period is replaced as a whole.

    Returns
    -------
    (piece or None, Place)
        None where too little is left; the place to note further problems at.
    """
    piece = validated(spec, raw, context)
    if isinstance(piece, spec):
        return piece, place
    mistakes = piece if isinstance(piece, list) else []
    for loc, expected in mistakes:
        findings.add(place, loc, expected)
    if not isinstance(raw, Mapping):
        return None, place
    unsure: set[Loc] = set()
    for _ in range(2):  # the second time, what holds the mistake goes as well
        unsure |= {_cut(loc) for loc, _ in mistakes} | {_cut(loc[:-1]) for loc in unsure}
        if any(loc in unsure for loc in _PERIOD):
            unsure |= _PERIOD
        piece = validated(spec, _without(raw, unsure, stand_ins), context)
        if isinstance(piece, spec):
            return piece, PartialPlace(place, tuple(unsure))
        mistakes = piece if isinstance(piece, list) else []
    return None, place


def _cut(loc: Loc) -> Loc:
    """The path as far as mappings go; a piece without a path is wrong in its period, if in any."""
    names = tuple(takewhile(lambda part: isinstance(part, str), loc))
    return names or ("valid_from",)


def _without(
    raw: Mapping[str, Any], unsure: Collection[Loc], stand_ins: Mapping[str, object]
) -> dict[str, Any]:
    rest: dict[str, Any] = copy.deepcopy(dict(raw))
    for loc in unsure:
        node: Any = rest
        for part in loc[:-1]:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(loc[-1], None)
    gone = {key: value for key, value in stand_ins.items() if key not in rest}
    return rest | {key: value for key, value in gone.items() if (key,) in unsure}
