"""Killed between any two effects, however often, the loader ends where one clean pass ends."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loader_kit import (
    START_S,
    Bench,
    Killed,
    Reference,
    assert_ledger_is_exact,
    demo_registry,
    factors,
    senml,
)

from ingest.loader import Limits

QUANTITIES = ("no2", "o3", "pm2_5", "air_temperature")
VALUE = st.sampled_from([1.0, 2.0, 3.0])
#: Steps behind the time that is due: mostly none, often enough for repeats and late values.
BEHIND = st.one_of(st.just(0), st.just(0), st.integers(0, 30))
#: Mostly one shape, which then goes the short way; few values, so that equal ones are the rule.
VALUES = st.one_of(
    st.fixed_dictionaries({"no2": VALUE, "air_temperature": VALUE}),
    st.dictionaries(st.sampled_from(QUANTITIES), VALUE, min_size=1, max_size=3),
)


@dataclass(frozen=True)
class Sent:
    """One message: what it says, and whether the broker delivers it a second time."""

    behind: int
    values: dict[str, float]
    again: bool

    def time_s(self, number: int) -> int:
        return START_S + 600 * max(number - self.behind, 0)


SENT = st.builds(Sent, BEHIND, VALUES, st.sampled_from([False, False, True]))
BATCHES = st.lists(st.lists(SENT, min_size=1, max_size=6), min_size=1, max_size=8)
#: Effects until the next kill; each life of the process has its own.
LIVES = st.lists(st.integers(0, 14), max_size=12)
SMALL = Limits(points_per_write=3, messages_per_group=7)


def feed(bench: Bench, batch: list[Sent], reference: Reference) -> None:
    messages = []
    for sent in batch:
        time_s = sent.time_s(bench.packet_id)
        message = bench.stamped(senml("utr-aq-01", time_s, sent.values))
        messages.append(message)
        reference.take("utr-aq-01", time_s, sent.values)
        if sent.again:
            messages.append(bench.stamped(message._replace(dup=True)))
            reference.take("utr-aq-01", time_s, sent.values, repeat=True)
    bench.journal.append(messages)


def live(bench: Bench, effects: int) -> None:
    """One life of the process, that many effects long."""
    bench.fuse.left = effects
    try:
        bench.load()
    except Killed:
        bench.crash()
    bench.fuse.left = None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(batches=BATCHES, lives=LIVES)
def test_load_is_exact_however_often_it_is_killed(
    batches: list[list[Sent]], lives: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), limits=SMALL, registry=demo_registry())
        with closing(bench):
            reference = Reference(factors(bench.registry, "toucan-senml"))
            for number, batch in enumerate(batches):
                feed(bench, batch, reference)
                if number < len(lives):
                    live(bench, lives[number])
            for effects in lives[len(batches) :]:
                live(bench, effects)
            bench.load()
            bench.crash()
            bench.load()
            assert_ledger_is_exact(bench, reference)
