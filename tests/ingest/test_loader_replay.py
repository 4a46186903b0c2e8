"""Replay: what waits or is dead moves to where it ends now, and both ledgers stay exact."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loader_kit import START_NS, START_S, Bench, Killed, senml
from small_registry import with_new_device

from ingest import replay
from ingest.jobs import Job
from ingest.ledger import Ledger
from livinglab.model import Message

NEW = "utr-new-01,toucan-senml,135339,456088,,,5.5,kanaalstraat,600,2025-06-01,,Lombok,public"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A loader on an embedded store."""
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def adopt(bench: Bench) -> None:
    """Register utr-new-01 and load by the new registry from now on."""
    bench.tree.append("labs/lombok/devices.csv", NEW)
    bench.registry = bench.tree.load()
    bench.loader.use_registry(bench.registry)


def run(bench: Bench, kind: str, **arguments: Any) -> Job:
    """Ask for a replay and load until it is done."""
    job = bench.loader.jobs.add("replay", {"kind": kind, **arguments})
    bench.load()
    bench.loader.step()
    done = bench.loader.jobs.get(job.id)
    assert done is not None
    return done


def held(bench: Bench, kind: str) -> int:
    """Letters of messages that count, which the ledger must show."""
    return bench.loader.state.letters.messages(kind)  # type: ignore[arg-type]  # its text


def require_exact(bench: Bench) -> Ledger:
    ledger = bench.ledger
    assert ledger.is_balanced
    assert held(bench, "dead") == ledger.messages["dead"]
    assert held(bench, "quarantine") == ledger.messages["quarantined"]
    assert len(bench.values()) == ledger.readings["stored"]
    return ledger


def test_replay_moves_the_messages_of_an_adopted_device(bench: Bench) -> None:
    for number in range(5):
        bench.feed(senml("utr-new-01", START_S + 600 * number, {"no2": number, "pm2_5": 1}))
    bench.feed(senml("utr-other", START_S, {"no2": 1}))
    bench.load()
    adopt(bench)
    job = run(bench, "quarantine", device="utr-new-01", adopted="utr-new-01")
    assert (job.state, job.result["replayed"]) == ("done", 5)
    ledger = require_exact(bench)
    assert (ledger.messages["stored"], ledger.messages["quarantined"]) == (5, 1)
    assert ledger.readings["stored"] == 10
    assert {hour for _, hour in bench.arrivals()} == {START_NS}
    assert bench.loader.state.outcome(bench.journal.id, 1) == b"S"


def test_replay_waits_for_the_registry_that_knows_the_device(bench: Bench) -> None:
    bench.feed(senml("utr-new-01", START_S, {"no2": 1}))
    bench.load()
    job = run(bench, "quarantine", device="utr-new-01", adopted="utr-new-01")
    assert job.state == "queued"
    adopt(bench)
    bench.loader.step()
    assert bench.loader.jobs.get(job.id).state == "done"  # type: ignore[union-attr]  # it exists
    assert require_exact(bench).messages["stored"] == 1


def test_replay_of_a_device_that_is_still_unknown_changes_nothing(bench: Bench) -> None:
    bench.feed(senml("utr-new-01", START_S, {"no2": 1}))
    bench.load()
    before = bench.loader.state.letters.find("quarantine")  # type: ignore[arg-type]  # its text
    job = run(bench, "quarantine")
    assert job.result["ends"] == {"unchanged": 1}
    assert bench.loader.state.letters.find("quarantine") == before  # type: ignore[arg-type]  # same
    require_exact(bench)


def test_replay_does_not_overwrite_what_came_later(bench: Bench) -> None:
    bench.feed(senml("utr-new-01", START_S, {"no2": 1, "pm2_5": 1}))
    bench.load()
    adopt(bench)
    bench.feed(senml("utr-new-01", START_S, {"no2": 2}))
    bench.load()
    run(bench, "quarantine", device="utr-new-01")
    factor = bench.registry.models["toucan-senml"].keys["no2"].factor
    assert bench.values()["utr-new-01", "0", "no2", START_NS] == 2 * factor
    ledger = require_exact(bench)
    assert ledger.readings == {"stored": 2, "repeated": 0, "corrected": 1}


def test_replay_applies_corrections_among_the_replayed_in_order(bench: Bench) -> None:
    for value in (1, 2, 3):
        bench.feed(senml("utr-new-01", START_S, {"pm2_5": value}))
    bench.load()
    adopt(bench)
    run(bench, "quarantine")
    assert bench.values()["utr-new-01", "0", "pm2_5", START_NS] == 3
    assert require_exact(bench).readings == {"stored": 1, "repeated": 0, "corrected": 2}


def test_replay_turns_a_quarantined_message_into_a_dead_one(bench: Bench) -> None:
    bench.feed(senml("utr-new-01", START_S - 400 * 86_400, {"no2": 1}))
    bench.load()
    adopt(bench)
    run(bench, "quarantine")
    ledger = require_exact(bench)
    assert (ledger.messages["dead"], ledger.messages["quarantined"]) == (1, 0)
    assert bench.letters("dead") == [("clock", "utr-new-01", True)]


def test_replay_of_dead_letters_after_the_clock_was_forgiven(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S - 400 * 86_400, {"no2": 1, "o3": 1}))
    bench.feed(senml("utr-aq-01", START_S - 800 * 86_400, {"no2": 1}))
    bench.load()
    assert require_exact(bench).readings["rejected: clock"] == 3
    bench.tree.replace(
        "labs/lombok/devices.csv", "kanaalstraat,600,2025-06-01", "kanaalstraat,600,2024-06-01"
    )
    bench.registry = bench.tree.load()
    bench.loader.use_registry(bench.registry)
    job = run(bench, "dead", reason="clock")
    assert job.result["ends"] == {"stored": 1, "unchanged": 1}
    ledger = require_exact(bench)
    assert ledger.readings["rejected: clock"] == 1
    assert ledger.readings["stored"] == 2


def test_replay_of_dead_letters_after_a_route_was_added(bench: Bench) -> None:
    message = senml("utr-aq-01", START_S, {"no2": 1})._replace(topic="lombok/old/utr-aq-01")
    bench.feed(message)
    bench.load()
    assert bench.letters("dead") == [("not_claimed", "", True)]
    lab = "labs/lombok/lab.yaml"
    bench.tree.replace(
        lab,
        "routes:\n",
        "routes:\n  - {topic: lombok/old/+, decoder: senml_json, device: payload}\n",
    )
    bench.registry = bench.tree.load()
    bench.loader.use_registry(bench.registry)
    run(bench, "dead")
    assert require_exact(bench).messages["stored"] == 1


def test_replay_of_chosen_numbers_leaves_the_others(bench: Bench) -> None:
    for number in range(4):
        bench.feed(senml("utr-new-01", START_S + number, {"no2": 1}))
    bench.load()
    adopt(bench)
    ids = [one.id for one in bench.loader.state.letters.find("quarantine")]  # type: ignore[arg-type]  # its text
    run(bench, "quarantine", ids=[ids[1], ids[3]])
    assert require_exact(bench).messages["quarantined"] == 2


def test_replay_of_a_part_leaves_the_message_stored(bench: Bench) -> None:
    known, new = (senml(name, START_S, {"no2": 1}) for name in ("utr-aq-01", "utr-new-01"))
    payload = known.payload[:-1] + b"," + new.payload[1:]
    bench.feed(known._replace(payload=payload))
    bench.load()
    assert bench.letters("quarantine") == [("unknown_device", "utr-new-01", False)]
    assert require_exact(bench).messages["stored"] == 1
    adopt(bench)
    run(bench, "quarantine")
    assert require_exact(bench).messages["stored"] == 1
    assert len(bench.values()) == 2
    assert bench.letters("quarantine") == []


KINDS = st.lists(
    st.tuples(
        st.sampled_from(["utr-new-01", "utr-aq-01", "utr-no-01", "both"]),
        st.sampled_from([0, 600, 600, 1_200, -400 * 86_400]),
        st.sampled_from([1.0, 2.0]),
    ),
    min_size=1,
    max_size=12,
)


def message_of(device: str, offset_s: int, value: float) -> Message:
    if device != "both":
        return senml(device, START_S + offset_s, {"no2": value})
    one = senml("utr-new-01", START_S + offset_s, {"no2": value})
    other = senml("utr-no-01", START_S + offset_s, {"no2": value})
    return one._replace(payload=one.payload[:-1] + b"," + other.payload[1:])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(messages=KINDS, lives=st.lists(st.integers(0, 9), max_size=6), chunk=st.integers(1, 5))
def test_replay_is_exact_however_often_it_is_killed(
    messages: list[tuple[str, int, float]], lives: list[int], chunk: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "CHUNK", chunk)
        bench = Bench(Path(folder), registry=with_new_device(None))
        with closing(bench):
            for one in messages:
                bench.feed(message_of(*one))
            bench.load()
            bench.registry = with_new_device("utr-new-01")
            bench.crash()
            job = bench.loader.jobs.add("replay", {"kind": "quarantine"})
            for effects in lives:
                bench.fuse.left = effects
                try:
                    bench.load()
                    bench.loader.step()
                except Killed:
                    bench.crash()
                bench.fuse.left = None
            bench.load()
            bench.loader.step()
            assert bench.loader.jobs.get(job.id).state == "done"  # type: ignore[union-attr]  # it exists
            ledger = require_exact(bench)
            waiting = sum(device == "utr-no-01" for device, _, _ in messages)
            assert ledger.messages["quarantined"] >= waiting
