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
from livinglab.model import Message

DEVICES = ("utr-aq-01", "ams-aq-01")
#: Few times and values, so that equal keys, repeats and late values are the rule.
TIMES = st.integers(0, 30).map(lambda step: START_S + 600 * step)
VALUES = st.dictionaries(
    st.sampled_from(["no2", "o3", "pm2_5", "air_temperature"]),
    st.sampled_from([1.0, 2.0, 3.0]),
    min_size=1,
    max_size=3,
)


@dataclass(frozen=True)
class Sent:
    """One message: what it says, and whether the broker delivers it a second time."""

    time_s: int
    values: dict[str, float]
    again: bool

    def message(self) -> Message:
        return senml("utr-aq-01", self.time_s, self.values)


SENT = st.builds(Sent, TIMES, VALUES, st.booleans())
BATCHES = st.lists(st.lists(SENT, min_size=1, max_size=6), min_size=1, max_size=8)
#: Effects until the next kill; each life of the process has its own.
LIVES = st.lists(st.integers(0, 14), max_size=12)
SMALL = Limits(points_per_write=3, messages_per_group=7)


def feed(bench: Bench, batch: list[Sent], reference: Reference) -> None:
    messages = []
    for sent in batch:
        message = bench.stamped(sent.message())
        messages.append(message)
        reference.take("utr-aq-01", sent.time_s, sent.values)
        if sent.again:
            messages.append(bench.stamped(message._replace(dup=True)))
            reference.take("utr-aq-01", sent.time_s, sent.values, repeat=True)
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
