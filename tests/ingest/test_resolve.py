"""Readings to values: units, ranges, sentinels, rows, clocks, events; short way and long way."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loader_kit import RECEIVED_NS, START_NS, demo_registry, with_devices

from ingest.resolve import MILLISECOND_NS, REPEATED, WROTE, Resolver, event_time
from ingest.series import SeriesMemory
from livinglab.errors import Reason
from livinglab.model import Message, Reading
from livinglab.registry import Device, ModelKey, Registry
from livinglab.timeline import DAY_NS, SECOND_NS
from livinglab.units import conversion

MESSAGE = Message("lombok/senml/d", b"payload", RECEIVED_NS, 1, 1)
PLAIN = ModelKey("k", "no2", "ppb", "0", 1.0, 2.0, 0.0, frozenset(), -math.inf, math.inf)


def row(**changes: object) -> Device:
    """A row of the device `d`."""
    device = demo_registry().history["utr-aq-01"][0]
    return dataclasses.replace(device, **{"id": "d", "model": "m", **changes})


def registry(*keys: ModelKey, rows: tuple[Device, ...] = ()) -> Registry:
    """The device `d` of a model with these keys."""
    base = with_devices(demo_registry(), *(rows or (row(),)))
    model = dataclasses.replace(
        base.models["toucan-senml"], name="m", keys={key.key: key for key in keys or (PLAIN,)}
    )
    return dataclasses.replace(base, models={**base.models, "m": model})


def resolver_of(*keys: ModelKey, rows: tuple[Device, ...] = (), **options: object) -> Resolver:
    memory = SeriesMemory({}, lambda *_: [])
    return Resolver(registry(*keys, rows=rows), memory, **options)  # type: ignore[arg-type]  # as given


def reading(
    value: float = 1.0,
    time_ns: int | None = START_NS,
    key: str = "k",
    unit: str | None = None,
    channel: str = "0",
) -> Reading:
    return Reading(key, "", value, unit, time_ns, channel)


def resolve(
    resolver: Resolver, *readings: Reading, lab: str = "lombok", message: Message = MESSAGE
) -> dict[tuple[str, int], float]:
    """What is to be written after these readings of one message."""
    plan = resolver.plan("d")
    assert plan is not None
    resolver.resolve(plan, readings, lab, message)
    return written(resolver)


def written(resolver: Resolver) -> dict[tuple[str, int], float]:
    return {
        (field, point.time_ns): float(value)
        for point in resolver.memory.points
        for field, value in point.fields.items()
    }


def rejected(resolver: Resolver) -> dict[str, int]:
    """Reason -> count."""
    counts = resolver.counts()
    return {name[2]: count for name, count in counts.items() if name[0] == "reading:rejected"}


def test_resolve_scales_then_converts() -> None:
    key = dataclasses.replace(PLAIN, scale=0.1, factor=3.0, offset=-5.0)
    assert resolve(resolver_of(key), reading(7)) == {("no2", START_NS): 7 * 0.1 * 3.0 - 5.0}


def test_resolve_takes_the_unit_of_the_payload_before_that_of_the_model() -> None:
    factor, _ = conversion("mg/m3", "ug/m3", None)
    assert resolve(resolver_of(), reading(2, unit="mg/m3")) == {("no2", START_NS): 2 * factor}


@pytest.mark.parametrize(
    ("change", "of_reading", "reason"),
    [
        ({}, {"key": "other"}, Reason.UNMAPPED),
        ({}, {"channel": "2"}, Reason.UNMAPPED),
        ({}, {"unit": "Cel"}, Reason.UNIT),
        ({}, {"unit": "furlongs per fortnight"}, Reason.UNIT),
        ({"sentinels": frozenset({-999.0})}, {"value": -999}, Reason.SENTINEL),
        ({"maximum": 10.0}, {"value": 5.1}, Reason.IMPLAUSIBLE),
        ({"minimum": 0.0}, {"value": -0.1}, Reason.IMPLAUSIBLE),
        ({}, {"value": math.nan}, Reason.IMPLAUSIBLE),
        ({}, {"value": math.inf}, Reason.IMPLAUSIBLE),
        ({"factor": 1e300}, {"value": 1e300}, Reason.IMPLAUSIBLE),
        ({}, {"time_ns": START_NS - 900 * DAY_NS}, Reason.CLOCK),
        ({}, {"time_ns": 0}, Reason.CLOCK),
        ({}, {"time_ns": RECEIVED_NS + 301 * SECOND_NS}, Reason.CLOCK),
    ],
)
def test_resolve_rejects_one_value_with_its_reason(
    change: dict[str, object], of_reading: dict[str, object], reason: Reason
) -> None:
    resolver = resolver_of(dataclasses.replace(PLAIN, **change))
    good = reading(4, START_NS + 60 * SECOND_NS)
    assert resolve(resolver, reading(**of_reading), good) == {  # type: ignore[arg-type]  # as given
        ("no2", good.time_ns or 0): 8.0 if "factor" not in change else 4e300
    }
    assert rejected(resolver) == {str(reason): 1}


def test_resolve_keeps_values_on_the_bounds_and_zero() -> None:
    key = dataclasses.replace(PLAIN, minimum=0.0, maximum=10.0)
    later = START_NS + SECOND_NS
    values = resolve(resolver_of(key), reading(0.0), reading(5.0, later))
    assert values == {("no2", START_NS): 0.0, ("no2", later): 10.0}


def test_resolve_takes_the_channel_of_the_model() -> None:
    resolver = resolver_of(dataclasses.replace(PLAIN, channel="west"))
    resolve(resolver, reading(channel="west"), reading(2, START_NS + 1, channel="0"))
    assert {point.series.tags for point in resolver.memory.points} == {("d", "west")}


def test_resolve_uses_receipt_where_no_time_is_stated() -> None:
    assert resolve(resolver_of(), reading(time_ns=None)) == {("no2", RECEIVED_NS): 2.0}


def test_resolve_does_not_observe_a_retained_message_without_time() -> None:
    resolver = resolver_of()
    retained = MESSAGE._replace(retain=True)
    assert resolve(resolver, reading(time_ns=None), message=retained) == {}
    assert rejected(resolver) == {"retained": 1}
    assert resolve(resolver, reading(), message=retained) == {("no2", START_NS): 2.0}


def test_resolve_takes_the_row_of_the_time() -> None:
    other = dataclasses.replace(PLAIN, quantity="o3")
    rows = (
        row(from_ns=START_NS, to_ns=START_NS + DAY_NS),
        row(from_ns=START_NS + 2 * DAY_NS, model="n"),
    )
    base = registry(rows=rows)
    model = dataclasses.replace(base.models["m"], name="n", keys={"k": other})
    base = dataclasses.replace(base, models={**base.models, "n": model})
    resolver = Resolver(base, SeriesMemory({}, lambda *_: []))
    times = [START_NS, START_NS + DAY_NS, START_NS + 2 * DAY_NS, START_NS - 1, START_NS + 1]
    values = resolve(resolver, *(reading(time_ns=time_ns) for time_ns in times))
    assert set(values) == {
        ("no2", START_NS), ("o3", START_NS + 2 * DAY_NS), ("no2", START_NS + 1),
    }  # fmt: skip
    assert resolver.letters == {(Reason.OUTSIDE_VALIDITY, "d"): [1], (Reason.CLOCK, "d"): [3]}
    assert rejected(resolver) == {"clock": 1}  # what waits is not rejected


def test_resolve_refuses_a_topic_of_another_lab() -> None:
    resolver = resolver_of()
    assert resolve(resolver, reading(), lab="stratumseind") == {}
    assert resolver.letters == {(Reason.WRONG_LAB, "d"): [0]}


def test_plan_reads_ids_in_any_case_unless_two_devices_differ_by_case() -> None:
    base = with_devices(registry(), row(), row(id="AbC"), row(id="x"), row(id="X"))
    resolver = Resolver(base, SeriesMemory({}, lambda *_: []))
    assert resolver.plan("ABC") is resolver.plan("AbC") is not None
    assert resolver.plan("x") is not resolver.plan("X")
    assert resolver.plan("unknown") is None


def test_resolve_keeps_events_of_one_time_apart_and_copies_together() -> None:
    base = registry(dataclasses.replace(PLAIN, quantity="vehicle_speed", factor=1.0))
    resolver = Resolver(base, SeriesMemory({}, lambda *_: []))
    values = resolve(resolver, reading(30), reading(50))
    assert len(values) == 2
    assert resolve(resolver, reading(50), message=MESSAGE._replace(payload=b"other")).keys() > (
        values.keys()
    )
    assert len(resolve(resolver, reading(30), reading(50))) == 3
    assert all(time_ns // MILLISECOND_NS == START_NS // MILLISECOND_NS for _, time_ns in values)


def test_event_time_spreads_over_the_millisecond() -> None:
    times = {event_time(START_NS, MESSAGE._replace(payload=b"%d" % n), 0) for n in range(1_000)}
    assert len(times) > 990
    assert max(times) - min(times) < MILLISECOND_NS


def test_counts_bound_the_keys_that_a_payload_invents() -> None:
    resolver = resolver_of()
    for number in range(5_000):
        resolve(resolver, reading(key=f"invented {number}"))
    counts = resolver.counts()
    keys = {name[3] for name in counts if name[0] == "reading:rejected"}
    assert len(keys) <= 65
    assert sum(count for name, count in counts.items() if name[0] == "reading:rejected") == 5_000
    mapping = next(iter(resolver.plans.values())).row.mapping
    assert len(mapping.targets) <= 1_024


READINGS = st.lists(
    st.builds(
        reading,
        st.sampled_from([0.0, 1.0, 1.0, 2.0, -999.0, 1e9, math.nan]),
        st.one_of(
            st.none(),
            st.sampled_from([0, 60, 120, 3_600]).map(lambda s: START_NS + s * SECOND_NS),
            st.just(RECEIVED_NS + DAY_NS),
        ),
        st.sampled_from(["k", "k", "l", "speed", "other"]),
        st.sampled_from([None, None, "ug/m3", "Cel"]),
        st.sampled_from(["0", "0", "1"]),
    ),
    max_size=6,
)
KEYS = (
    dataclasses.replace(PLAIN, sentinels=frozenset({-999.0}), maximum=1e6),
    dataclasses.replace(PLAIN, key="l", quantity="o3", scale=0.5, factor=1.0, channel="1"),
    dataclasses.replace(PLAIN, key="speed", quantity="vehicle_speed", factor=1.0),
)


@given(messages=st.lists(READINGS, max_size=8))
def test_resolve_the_short_way_equals_the_long_one(messages: list[list[Reading]]) -> None:
    short, long = resolver_of(*KEYS), resolver_of(*KEYS, period=(-(1 << 62), 1 << 62))
    for number, readings in enumerate(messages):
        message = MESSAGE._replace(payload=b"%d" % (number % 3), received_ns=RECEIVED_NS + number)
        flags = [
            resolver.resolve(plan, readings, "lombok", message)
            for resolver in (short, long)
            if (plan := resolver.plan("d")) is not None
        ]
        assert flags[0] == flags[1]
        assert short.letters == long.letters
    assert written(short) == written(long)
    assert short.memory.hours == long.memory.hours
    assert short.counts() == long.counts()


@given(messages=st.lists(READINGS, max_size=8))
def test_resolve_accounts_for_every_reading(messages: list[list[Reading]]) -> None:
    resolver = resolver_of(*KEYS)
    for readings in messages:
        resolve(resolver, *readings)
    counts = resolver.counts()
    ends = sum(count for name, count in counts.items() if name[0].startswith("reading:"))
    assert ends == counts.get(("produced", "d", "", ""), 0) == sum(map(len, messages))
    assert counts.get(("reading:stored", "d", "", ""), 0) == len(written(resolver))


def test_resolve_says_what_it_did() -> None:
    resolver = resolver_of()
    plan = resolver.plan("d")
    assert plan is not None
    assert resolver.resolve(plan, [reading(1)], "lombok", MESSAGE) == WROTE
    assert resolver.resolve(plan, [reading(1)], "lombok", MESSAGE) == REPEATED
    assert resolver.resolve(plan, [reading(2), reading(2)], "lombok", MESSAGE) == WROTE | REPEATED
    assert resolver.resolve(plan, [reading(key="?")], "lombok", MESSAGE) == 0
