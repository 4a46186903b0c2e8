"""The short way of known shapes: the same points, outcomes and counts as the long way."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from loader_kit import RECEIVED_NS, START_S, demo_registry

from ingest.dedup import Identities
from ingest.intake import Intake
from ingest.journal_files import Batch
from ingest.lanes import _raw_bounds
from ingest.series import SeriesMemory
from livinglab.model import Message

NUMBERS = (5, 12.25, 0.1, 0.0, -0.0, 21, -999, 1e5, -500.0, 1e70, 40.5)


def intake(*, short: bool) -> Intake:
    made = Intake(demo_registry(), SeriesMemory({}, lambda *_: []), Identities(), journal="j")
    if not short:
        made._may_be_short = lambda: False  # type: ignore[method-assign]  # the long way only
    return made


def pack(values: list[float], at: int, unit: str, names: list[str]) -> str:
    records: list[dict[str, Any]] = [
        {"n": name, "u": unit, "v": value} for name, value in zip(names, values, strict=False)
    ]
    records[0] |= {"bn": "urn:dev:utr-aq-01:", "bt": START_S + at}
    return json.dumps(records)


def plain(values: list[float], at: int, device: str, names: list[str]) -> str:
    stamp = f"2026-01-01T00:{at // 60:02}:{at % 60:02}Z"
    keys = dict(zip(names, values, strict=False))
    return json.dumps({"device": device, "ts": stamp, "values": keys})


TIMES = st.integers(0, 12) | st.integers(0, 3_599)
VALUES = st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2)
NAMES = st.sampled_from((["no2", "o3"], ["o3", "no2"], ["no2", "relative_humidity"], ["no2", "x"]))
PACKS = st.builds(pack, VALUES, TIMES, st.sampled_from(("ppb", "ppb", "ug/m3")), NAMES)
PLAIN = st.builds(plain, VALUES, TIMES, st.sampled_from(("utr-ref-01", "UTR-REF-01", "no")), NAMES)
MESSAGES = st.lists(
    st.tuples(st.just("lombok/senml/utr-aq-01"), PACKS)
    | st.tuples(st.just("lombok/json/utr-ref-01"), PLAIN),
    max_size=40,
)


def outcome(made: Intake, sent: list[tuple[str, str]], cut: int, redelivered: int) -> Any:
    """Everything that comes out, in two batches with the points taken between them."""
    messages = [
        Message(topic, text.encode(), RECEIVED_NS + at, at + 1, 1, at == redelivered)
        for at, (topic, text) in enumerate(sent)
    ]
    points = []
    for seq, some in enumerate((messages[:cut], messages[cut:]), 1):
        made.take(Batch(seq, some))
        points += [
            (point.series, point.time_ns, dict(point.fields)) for point in made.memory.points
        ]
        made.memory.take()
        if seq % 2:
            made.memory.settle()
    stored: dict[Any, dict[str, str]] = {}
    for series, time_ns, fields in points:
        texts = {name: repr(value) for name, value in fields.items()}
        stored.setdefault((series, time_ns), {}).update(texts)
    commit = made.commit(None)
    return stored, commit.outcomes, commit.counts, commit.newest, commit.letters, made.memory.hours


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.integers(0, 40), st.integers(0, 80))
def test_lanes_give_what_the_long_way_gives(
    sent: list[tuple[str, str]], cut: int, redelivered: int
) -> None:
    short, long = intake(short=True), intake(short=False)
    assert outcome(short, sent, cut, redelivered) == outcome(long, sent, cut, redelivered)


def test_lanes_take_a_shape_that_was_met_before() -> None:
    made = intake(short=True)
    sent = [("lombok/senml/utr-aq-01", pack([5, 6.5], at, "ppb", ["no2", "o3"])) for at in range(9)]
    sent += [
        ("lombok/json/utr-ref-01", plain([5, 6.5], at, "utr-ref-01", ["no2", "o3"]))
        for at in range(9)
    ]
    calls: list[str] = []
    read = made.readers.read
    made.readers.read = lambda message: calls.append(message.topic) or read(message)  # type: ignore[method-assign, func-returns-value]  # counts
    outcome(made, sent, 40, 99)
    assert sorted(calls) == ["lombok/json/utr-ref-01", "lombok/senml/utr-aq-01"]


@given(
    st.floats(0.001, 1_000),
    st.floats(-1_000, 1_000),
    st.floats(-1_000, 0),
    st.floats(1, 1_000),
)
def test_raw_bounds_are_inside_the_range(
    gain: float, offset: float, low: float, high: float
) -> None:
    try:
        least, most = _raw_bounds(gain, offset, low, high)
    except ValueError:
        return
    assert low <= least * gain + offset
    assert most * gain + offset <= high
