"""The loader on real files: what is stored, what is counted, what waits."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from loader_kit import START_NS, START_S, Bench, Killed, senml, uplink
from structlog.testing import capture_logs

from ingest.lanes import Lane
from ingest.loader import Limits
from ingest.resolve import Plan, Resolver
from livinglab.errors import StoreError
from livinglab.model import Message, Reading
from livinglab.store.base import Store
from livinglab.timeline import HOUR_NS, SECOND_NS


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A loader on an embedded store."""
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_step_stores_values_in_canonical_units(store: Store, tmp_path: Path) -> None:
    bench = Bench(tmp_path, store)
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10, "air_temperature": 0}))
    assert bench.load() == 1
    factor = bench.registry.models["toucan-senml"].keys["no2"].factor
    assert bench.values() == {
        ("utr-aq-01", "0", "no2", START_NS): 10 * factor,
        ("utr-aq-01", "0", "air_temperature", START_NS): 0.0,
    }
    assert bench.ledger.messages["stored"] == 1
    assert bench.ledger.readings == {"stored": 2, "repeated": 0, "corrected": 0}
    bench.close()


def test_step_renews_the_arrival_version_at_every_write(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    first = bench.arrivals()
    assert set(first) == {("utr-aq-01", START_NS)}
    bench.feed(senml("utr-aq-01", START_S + 60, {"no2": 11}))
    bench.load()
    assert set(bench.arrivals()) == set(first)
    assert bench.arrivals() != first
    assert all(0 <= version < 1 << 63 for version in bench.arrivals().values())


def test_step_leaves_the_arrival_version_when_nothing_changes(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    first = bench.arrivals()
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    assert bench.arrivals() == first
    assert bench.ledger.messages["duplicate"] == 1


def test_step_notes_position_and_registry_in_ops(bench: Bench) -> None:
    seq = bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    position = bench.loader.records.positions()["l1"]
    assert (position.journal, position.seq) == (bench.journal.id, seq)
    assert position.registry == bench.registry.version
    assert bench.loader.records.registry(bench.registry.version) == bench.registry.canonical


def test_step_order_of_effects(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    assert bench.fuse.effects == [
        "ops/registry", "intend", "raw", "ops/arrival", "ops/position", "commit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Message("elsewhere/senml/x", b"[]", 0), "not_claimed"),
        (Message("lombok/senml/utr-aq-01", b"online", 0), "syntax"),
        (Message("lombok/senml/utr-aq-01", b"x" * 300_000, 0), "too_large"),
        (senml("utr-aq-01", START_S - 400 * 86_400, {"no2": 1}), "clock"),
        (senml("utr-aq-01", START_S + 400 * 86_400, {"no2": 1}), "clock"),
        (senml("ein-nm-01", START_S, {"sound_level_laeq": 50}), "wrong_lab"),
    ],
)
def test_step_makes_a_dead_letter(bench: Bench, message: Message, reason: str) -> None:
    bench.feed(message)
    bench.load()
    assert bench.ledger.messages["dead"] == 1
    assert bench.ledger.is_balanced
    assert bench.values() == {}
    ((found, _, counted),) = bench.letters("dead")
    assert (found, counted) == (reason, True)


def test_step_quarantines_an_unknown_device_with_what_registering_needs(bench: Bench) -> None:
    bench.feed(senml("new-01", START_S, {"no2": 10, "o3": 5}))
    bench.feed(senml("new-01", START_S + 600, {"no2": 11, "o3": 6}))
    bench.load()
    assert bench.ledger.messages["quarantined"] == 2
    assert bench.ledger.readings_produced == 0
    (waiting,) = bench.loader.state.letters.waiting()
    assert (waiting.device, waiting.lab, waiting.decoder) == ("new-01", "lombok", "senml_json")
    assert (waiting.first_ns, waiting.last_ns) == (START_NS, START_NS + 600 * SECOND_NS)
    assert [(one.key, one.unit) for one in waiting.sample] == [("no2", "ppb"), ("o3", "ppb")]
    assert waiting.topics == ("lombok/senml/new-01",)


def test_step_quarantines_readings_between_two_rows(bench: Bench) -> None:
    bench.tree.replace(
        "labs/lombok/devices.csv",
        "kanaalstraat,600,2025-06-01,,",
        "kanaalstraat,600,2025-06-01,2026-01-01,",
    )
    bench.registry = bench.tree.load()
    bench.feed(
        senml("utr-aq-01", START_S - 7_200, {"no2": 1}), senml("utr-aq-01", START_S, {"no2": 2})
    )
    bench.load()
    assert bench.letters("quarantine") == [("outside_validity", "utr-aq-01", True)]
    assert bench.ledger.messages["stored"] == 1


def test_step_counts_a_join_as_without_readings(bench: Bench) -> None:
    join = b'{"end_device_ids": {"device_id": "utr-gw-01"}, "join_accept": {}}'
    bench.feed(Message("v3/lombok@livinglab/devices/utr-gw-01/join", join, 0))
    bench.load()
    assert bench.ledger.messages["without readings"] == 1


def test_step_stores_zero_and_rejects_a_sentinel(bench: Bench) -> None:
    bench.feed(uplink("utr-gw-01", "2026-01-01T00:00:00Z", 1, 0.0))
    bench.feed(uplink("utr-gw-01", "2026-01-01T01:00:00Z", 2, -999))
    bench.load()
    assert bench.values() == {("utr-gw-01", "0", "water_level", START_NS): 0.0}
    assert bench.ledger.readings["rejected: sentinel"] == 1
    assert bench.ledger.messages["without readings"] == 1


def test_step_knows_a_repeat_by_frame_counter_and_session(bench: Bench) -> None:
    bench.feed(uplink("utr-gw-01", "2026-01-01T00:00:00Z", 7, 1.0))
    bench.feed(uplink("utr-gw-01", "2026-01-01T00:00:09Z", 7, 1.0))  # confirmed uplink, sent again
    bench.feed(uplink("utr-gw-01", "2026-01-01T01:00:00Z", 7, 1.0, session="BB=="))  # joined again
    bench.load()
    assert bench.ledger.messages["duplicate"] == 1
    assert bench.ledger.messages["stored"] == 2
    assert len(bench.values()) == 2


def test_step_knows_a_redelivery_by_packet_id_also_after_a_restart(bench: Bench) -> None:
    message = senml("utr-aq-01", None, {"no2": 10})._replace(packet_id=77, qos=1)
    bench.feed(message)
    bench.load()
    bench.crash()
    bench.feed(message._replace(dup=True))
    bench.load()
    assert bench.ledger.messages["duplicate"] == 1
    assert len(bench.values()) == 1  # a second receipt time would have been a second value


def test_step_keeps_a_message_that_only_looks_like_a_redelivery(bench: Bench) -> None:
    message = senml("utr-aq-01", None, {"no2": 10})._replace(packet_id=77, qos=1)
    bench.feed(
        message, senml("utr-aq-01", None, {"no2": 11})._replace(packet_id=77, qos=1, dup=True)
    )
    bench.load()
    assert bench.ledger.messages["stored"] == 2


def test_step_ignores_a_retained_message_without_own_time(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", None, {"no2": 10})._replace(retain=True))
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10})._replace(retain=True))
    bench.load()
    assert bench.ledger.readings["rejected: retained"] == 1
    assert list(bench.values()) == [("utr-aq-01", "0", "no2", START_NS)]


def test_step_counts_corrections_and_repeats_of_an_equal_key(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"pm2_5": 10, "air_temperature": 1}))
    bench.load()
    bench.crash()
    bench.feed(senml("utr-aq-01", START_S, {"pm2_5": 12, "air_temperature": 1}))
    bench.load()
    assert bench.ledger.readings == {"stored": 2, "repeated": 1, "corrected": 1}
    assert bench.values()["utr-aq-01", "0", "pm2_5", START_NS] == 12
    assert bench.ledger.messages["stored"] == 2


def test_step_keeps_both_events_of_one_time(bench: Bench) -> None:
    row = "utr-radar-01,speed-radar,135360,456102,,,,kanaalstraat,60,2025-06-01,,Lombok,public"
    bench.tree.append("labs/lombok/devices.csv", row)
    bench.registry = bench.tree.load()
    body = b'{"device": "utr-radar-01", "ts": "2026-01-01T00:00:00Z", "values": {"speed": %d}}'
    topic = "lombok/json/utr-radar-01"
    bench.feed(*(Message(topic, body % speed, 0) for speed in (31, 48)))
    bench.feed(Message(topic, body % 48, 0))  # the same message, published twice
    bench.load()
    times = sorted(time_ns for *_, time_ns in bench.values())
    assert len(times) == 2
    assert all(time_ns // 1_000_000 == START_NS // 1_000_000 for time_ns in times)
    assert bench.ledger.messages == {
        "stored": 2, "duplicate": 1, "without readings": 0, "quarantined": 0, "dead": 0,
    }  # fmt: skip


def test_step_stores_a_part_and_keeps_the_other_as_a_letter(bench: Bench) -> None:
    pack = senml("utr-aq-01", START_S, {"no2": 1})
    records = pack.payload[:-1] + b', {"n": "o3", "u": "ppb", "v": 2, "t": 86400000}]'
    bench.feed(pack._replace(payload=records))
    bench.load()
    assert bench.ledger.messages["stored"] == 1
    assert bench.ledger.messages["dead"] == 0
    assert bench.letters("dead") == [("clock", "utr-aq-01", False)]
    assert bench.ledger.readings["rejected: clock"] == 1


def test_use_registry_swaps_between_groups_and_stores_the_snapshot(bench: Bench) -> None:
    bench.feed(senml("utr-new-01", START_S, {"no2": 1}))
    bench.load()
    bench.tree.append(
        "labs/lombok/devices.csv",
        "utr-new-01,toucan-senml,135339,456088,,,5.5,kanaalstraat,600,2025-06-01,,Lab,public",
    )
    registry = bench.tree.load()
    bench.loader.use_registry(registry)
    bench.feed(senml("utr-new-01", START_S + 600, {"no2": 2}))
    bench.load()
    assert bench.loader.registry.version == registry.version
    assert bench.ledger.messages["quarantined"] == 1
    assert bench.ledger.messages["stored"] == 1
    assert bench.loader.records.registry(registry.version) == registry.canonical


def test_step_loads_groups_no_larger_than_the_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=Limits(messages_per_group=10))
    for number in range(10):
        bench.feed(
            *(senml("utr-aq-01", START_S + 60 * (number * 5 + i), {"no2": 1}) for i in range(5))
        )
    assert [bench.loader.step() for _ in range(6)] == [10, 10, 10, 10, 10, 0]
    bench.close()


def test_step_asks_the_store_only_about_late_values(bench: Bench) -> None:
    for hour in range(20):
        bench.feed(senml("utr-aq-01", START_S + 3_600 * hour, {"no2": hour + 1}))
    bench.load()
    bench.crash()
    bench.feed(
        senml("utr-aq-01", START_S + 1_800, {"no2": 50}),  # late, new
        senml("utr-aq-01", START_S + 3_600, {"no2": 2}),  # late, as it was
        senml("utr-aq-01", START_S + 7_200, {"no2": 60}),  # late, another value
    )
    bench.load()
    assert bench.ledger.readings == {"stored": 21, "repeated": 1, "corrected": 1}
    touched = {hour for (_, hour), _ in bench.arrivals().items()}
    assert touched == {START_NS + HOUR_NS * hour for hour in range(20)}


def test_step_finishes_a_cut_off_group_under_the_registry_it_was_begun_with(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"o3": 10}))
    bench.fuse.left = 5  # registry, intent, points: these are stored, their versions are not
    with pytest.raises(Killed):
        bench.loader.step()
    bench.crash()
    assert len(bench.values()) == 1
    assert not bench.arrivals()
    for name in ("flags.csv", "calibrations.csv"):  # they speak of what is measured no more
        heading = bench.tree.text(f"labs/lombok/{name}").splitlines()[0]
        bench.tree.write(f"labs/lombok/{name}", heading + "\n")
    bench.tree.replace("models/toucan-senml.yaml", "o3: {quantity: o3", "o3: {quantity: so2")
    bench.registry = bench.tree.load()
    assert not bench.loader.trouble  # started again
    bench.feed(senml("utr-aq-01", START_S + 600, {"o3": 10}))
    bench.load()
    bench.feed(senml("utr-aq-01", START_S + 1_200, {"o3": 10}))
    bench.load()
    quantities = [quantity for _, _, quantity, _ in sorted(bench.values(), key=lambda key: key[3])]
    assert quantities[0] == "o3"
    assert quantities[-1] == "so2"
    assert bench.loader.registry.version == bench.registry.version
    assert ("utr-aq-01", START_NS) in bench.arrivals()
    assert bench.ledger.readings["stored"] == len(bench.values()) == 3


def test_step_refills_a_store_that_was_emptied(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for hour in range(30):
        bench.feed(senml("utr-aq-01", START_S + 3_600 * (29 - hour), {"no2": hour + 1}))
    bench.feed(senml("utr-aq-01", START_S, {"no2": 77}))
    bench.load()
    before, ledger = bench.values(), bench.ledger
    bench.crash()
    bench.empty_store()
    assert bench.values() == {}
    bench.load()
    assert bench.values() == before
    assert bench.ledger == ledger
    assert len(bench.arrivals()) == 30
    bench.close()


def test_step_waits_while_the_store_is_away_and_goes_on(bench: Bench) -> None:
    bench.feed(senml("utr-aq-01", START_S, {"no2": 10}))
    bench.load()
    bench.feed(senml("utr-aq-01", START_S + 600, {"no2": 11}))
    bench.store.write = _refuse
    assert bench.loader.step() == 0
    assert isinstance(bench.loader.trouble, StoreError)
    assert not bench.loader.is_ready
    del bench.store.write
    assert bench.load() == 1
    assert bench.loader.is_ready
    assert len(bench.values()) == 2


def _refuse(*_: object) -> None:
    raise StoreError("away")


def test_step_makes_dead_letters_of_however_many_messages_our_own_code_fails_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a fresh start of the group, none of them a level of Python's stack."""
    resolve = Resolver.resolve

    def failing(self: Resolver, plan: Plan, readings: Sequence[Reading], *rest: Any) -> int:
        if readings[0].value == 13:
            raise ZeroDivisionError
        return resolve(self, plan, readings, *rest)

    monkeypatch.setattr(Resolver, "resolve", failing)
    monkeypatch.setattr(Lane, "take", lambda *_: False)  # the short way does without it
    values = [1, *[13] * 150, 2]
    bench.feed(*(senml("utr-aq-01", START_S + 60 * at, {"no2": v}) for at, v in enumerate(values)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        with capture_logs() as told:  # rendering as many tracebacks would take a minute
            assert bench.load() == 152
    finally:
        sys.setrecursionlimit(limit)
    assert sum(one["event"] == "message failed" for one in told) == 150
    assert bench.ledger.messages["stored"] == 2
    assert bench.ledger.messages["dead"] == 150
    assert bench.ledger.is_balanced
    assert len(bench.values()) == 2
