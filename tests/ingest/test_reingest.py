"""reingest: a period of a device is loaded again from the journal, exactly, through any crash."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from config_tree import ConfigTree
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loader_kit import START_NS, START_S, Bench, Killed, demo_registry, senml, uplink

from ingest.jobs import Job
from livinglab.model import Point, SeriesKey
from livinglab.registry import Registry
from livinglab.timeline import HOUR_NS, SECOND_NS

DEVICE = "utr-aq-01"
FROM_S, TO_S = START_S, START_S + 2 * 3_600


@cache
def corrected_registry() -> Registry:
    """The demo's registry after it was found that these sensors send PM2.5 in mg/m3."""
    with tempfile.TemporaryDirectory() as folder:
        tree = ConfigTree(Path(folder))
        unit = "pm2_5: {quantity: pm2_5, unit: ug/m3, minimum: 0, maximum: 10000}"
        tree.replace("models/toucan-senml.yaml", unit, unit.replace("}", ", scale: 10}"))
        return tree.load()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A loader on an embedded store."""
    bench = Bench(tmp_path, registry=demo_registry())
    yield bench
    bench.close()


def ask(bench: Bench, **arguments: Any) -> Job:
    """Ask for a reingest of the device's two hours."""
    span = {"device": DEVICE, "start_ns": FROM_S * SECOND_NS, "end_ns": TO_S * SECOND_NS}
    return bench.loader.jobs.add("reingest", {**span, **arguments})


def run(bench: Bench, **arguments: Any) -> Job:
    job = ask(bench, **arguments)
    bench.load()
    bench.loader.step()
    done = bench.loader.jobs.get(job.id)
    assert done is not None
    return done


def require_exact(bench: Bench) -> None:
    ledger = bench.ledger
    assert ledger.is_balanced
    assert len(bench.values()) == ledger.readings["stored"] - ledger.withdrawn
    for kind, end in (("dead", "dead"), ("quarantine", "quarantined")):
        assert bench.loader.state.letters.messages(kind) == ledger.messages[end]  # type: ignore[arg-type]  # its text


def test_reingest_applies_the_new_mapping_to_the_period_only(bench: Bench) -> None:
    for time_s in (FROM_S - 60, FROM_S, TO_S - 60, TO_S):
        bench.feed(
            senml(DEVICE, time_s, {"pm2_5": 5}), senml("utr-bike-01", time_s, {"count_bike": 3})
        )
    bench.load()
    before = bench.arrivals()
    bench.registry = corrected_registry()
    bench.loader.use_registry(bench.registry)
    job = run(bench)
    assert (job.state, dict(job.result)) == ("done", {"messages": 2, "withdrawn": 2, "stored": 2})
    values = {
        key[3] // SECOND_NS: value for key, value in bench.values().items() if key[0] == DEVICE
    }
    assert values == {FROM_S - 60: 5, FROM_S: 50, TO_S - 60: 50, TO_S: 5}
    assert len(bench.values()) == 8
    require_exact(bench)
    renewed = {place for place, version in bench.arrivals().items() if before.get(place) != version}
    assert renewed == {(DEVICE, START_NS), (DEVICE, START_NS + HOUR_NS)}


def test_reingest_renews_hours_whose_data_are_gone(bench: Bench) -> None:
    series = SeriesKey("air", (DEVICE, "0"))
    bench.feed(senml(DEVICE, TO_S, {"no2": 1}))
    bench.load()
    bench.real.write("raw", [Point(series, START_NS, {"no2": 4.0})])  # nobody knows where from
    run(bench)
    assert (DEVICE, START_NS) in bench.arrivals()
    assert {key[3] for key in bench.values()} == {TO_S * SECOND_NS}


def test_reingest_keeps_corrections_in_journal_order_and_repeats_out(bench: Bench) -> None:
    first = senml(DEVICE, START_S, {"pm2_5": 1})._replace(packet_id=9, qos=1)
    bench.feed(first, senml(DEVICE, START_S, {"pm2_5": 2}))
    bench.feed(first._replace(dup=True))
    bench.load()
    expected = bench.values()
    run(bench)
    assert bench.values() == expected
    require_exact(bench)


def test_reingest_loads_again_only_what_is_no_repeat_by_its_identity(bench: Bench) -> None:
    for hour in (0, 1):
        bench.feed(uplink("utr-gw-01", f"2026-01-01T0{hour}:00:00Z", 7, 1.0))
    bench.load()
    run(bench, device="utr-gw-01")
    assert len(bench.values()) == 1
    require_exact(bench)


def test_reingest_moves_messages_in_the_ledger(bench: Bench) -> None:
    bench.feed(senml(DEVICE, START_S, {"pm10": 5}), senml("new-01", START_S, {"pm10": 5}))
    bench.load()
    assert bench.ledger.messages["without readings"] == 1
    unit = "pm2_5: {quantity: pm2_5, unit: ug/m3, minimum: 0, maximum: 10000}"
    added = f"{unit}\n  {unit.replace('pm2_5', 'pm10')}"
    bench.tree.replace("models/toucan-senml.yaml", unit, added)
    bench.registry = bench.tree.load()
    bench.loader.use_registry(bench.registry)
    run(bench)
    messages = bench.ledger.messages
    assert (messages["stored"], messages["without readings"], messages["quarantined"]) == (1, 0, 1)
    require_exact(bench)


def test_reingest_knows_late_and_repeated_values_afterwards(bench: Bench) -> None:
    for step in range(12):
        bench.feed(senml(DEVICE, START_S + 600 * step, {"pm2_5": step}))
    bench.load()
    run(bench)
    bench.feed(
        senml(DEVICE, START_S + 600, {"pm2_5": 1}), senml(DEVICE, START_S + 60, {"pm2_5": 1})
    )
    bench.load()
    assert bench.ledger.readings["repeated"] == 1
    require_exact(bench)


def test_reingest_refuses_what_the_journal_does_not_cover(tmp_path: Path) -> None:
    bench = Bench(tmp_path, registry=demo_registry())
    bench.feed(senml(DEVICE, START_S, {"no2": 1}))
    bench.load()
    bench.journal.close()
    for path in (tmp_path / "journal").iterdir():
        path.unlink()
    bench.crash()
    bench.reopen_journal()
    bench.feed(senml(DEVICE, START_S + 60, {"no2": 1}))
    bench.load()
    job = run(bench)
    assert job.state == "failed"
    assert "covers what arrived since" in job.result["error"]
    assert len(bench.values()) == 2
    bench.close()


def test_reingest_refuses_an_unknown_device(bench: Bench) -> None:
    job = run(bench, device="nobody")
    assert job.state == "failed"
    assert "not in the registry" in job.result["error"]


def test_reingest_refuses_to_lose_what_another_loader_brought(bench: Bench) -> None:
    bench.feed(senml(DEVICE, START_S, {"no2": 1}))
    bench.load()
    other = [Point(SeriesKey("arrival", (DEVICE, "l2")), START_NS, {"v": 5})]
    bench.real.write("ops", other)
    job = run(bench)
    assert job.state == "failed"
    assert "l2 brought data" in job.result["error"]
    assert "--replay-only" in job.result["hint"]
    assert run(bench, together=True).state == "done"
    assert run(bench, replay_only=True).state == "done"
    fields = {"journal": "x", "seq": 1, "registry": "old"}
    bench.real.write("ops", [Point(SeriesKey("position", ("l2",)), 0, fields)])
    late = run(bench, together=True)
    assert "l2 still uses registry old" in late.result["error"]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([DEVICE, DEVICE, "utr-bike-01", "unknown"]),
        st.integers(-2, 14).map(lambda step: START_S + 600 * step),
        st.sampled_from([1.0, 2.0, -999.0]),
    ),
    min_size=1,
    max_size=15,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(messages=MESSAGES, lives=st.lists(st.integers(0, 14), max_size=6))
def test_reingest_equals_a_first_load_however_often_it_is_killed(
    messages: list[tuple[str, int, float]], lives: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        again = Bench(Path(one), registry=demo_registry())
        fresh = Bench(Path(two), registry=corrected_registry())
        with closing(again), closing(fresh):
            for device, time_s, value in messages:
                quantity = "count_bike" if device == "utr-bike-01" else "pm2_5"
                message = senml(device, time_s, {quantity: value, "air_temperature": 1.0})
                again.feed(message)
                fresh.feed(message)
            again.load()
            again.crash()
            again.registry = corrected_registry()
            ask(again)
            for effects in lives:
                again.fuse.left = effects
                try:
                    again.load()
                    again.loader.step()
                except Killed:
                    again.crash()
                again.fuse.left = None
            again.load()
            again.loader.step()
            fresh.load()
            inside = range(FROM_S * SECOND_NS, TO_S * SECOND_NS)
            assert [value for key, value in sorted(again.values().items()) if key[3] in inside] == [
                value for key, value in sorted(fresh.values().items()) if key[3] in inside
            ]
            assert again.values().keys() == fresh.values().keys()
            require_exact(again)
