"""Which lab and which decoder a topic belongs to, by MQTT topic filters.

References
----------
.. [1] MQTT 3.1.1, sections 4.7.1 (wildcards) and 4.7.2 (topics beginning with $); shared
   subscriptions `$share/<group>/<filter>` as in MQTT 5.0, section 4.8.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from livinglab.registry import Registry, Route

CACHE_LIMIT: Final = 65_536  # topics whose answer is remembered; a flood of topics only empties it


def filter_of(subscription: str) -> str:
    """The topic filter of a subscription: without `$share/<group>/`.

    Examples
    --------
    >>> filter_of("$share/ingest/lombok/#"), filter_of("lombok/#")
    ('lombok/#', 'lombok/#')
    """
    if subscription.startswith("$share/"):
        return subscription.split("/", 2)[2] if subscription.count("/") >= 2 else ""
    return subscription


def is_match(levels: Sequence[str], topic: str) -> bool:
    """Whether a filter, split into levels, has the topic.

    Examples
    --------
    >>> is_match(["lombok", "#"], "lombok"), is_match(["+", "x"], "$SYS/x")
    (True, False)
    >>> is_match(["a", "+"], "a/")
    True
    """
    parts = topic.split("/")
    if levels[0] in {"+", "#"} and topic.startswith("$"):
        return False
    for position, level in enumerate(levels):
        if level == "#":
            return True
        if position >= len(parts) or (level != "+" and level != parts[position]):
            return False
    return len(levels) == len(parts)


@dataclass(frozen=True, slots=True)
class _Rule:
    levels: tuple[str, ...]
    lab: str
    route: Route

    @property
    def rank(self) -> tuple[tuple[int, ...], str]:
        """Sorts exact levels before `+` before `#`: the narrowest filter wins."""
        widths = tuple({"+": 1, "#": 2}.get(level, 0) for level in self.levels)
        return widths, "/".join(self.levels)


class Router:
    """Topic -> (lab, route), cached per topic.

    Where several filters have a topic, the one that is narrower at the first level where they
    differ wins.

    Parameters
    ----------
    registry : Registry
        Its labs' routes are what can be claimed.
    """

    def __init__(self, registry: Registry) -> None:
        rules = [
            _Rule(tuple(filter_of(route.topic).split("/")), lab.id, route)
            for lab in registry.labs.values()
            for route in lab.routes
        ]
        self._rules = sorted(rules, key=lambda rule: rule.rank)
        self._cache: dict[str, tuple[str, Route] | None] = {}

    def claim(self, topic: str) -> tuple[str, Route] | None:
        """The lab and route that have the topic, None where none has."""
        if topic in self._cache:
            return self._cache[topic]
        found = next(
            ((rule.lab, rule.route) for rule in self._rules if is_match(rule.levels, topic)), None
        )
        if len(self._cache) >= CACHE_LIMIT:
            self._cache.clear()
        self._cache[topic] = found
        return found

    def filters(self) -> list[str]:
        """The topic filters of all labs, without repeats: what the recorder subscribes to."""
        return sorted({"/".join(rule.levels) for rule in self._rules})
