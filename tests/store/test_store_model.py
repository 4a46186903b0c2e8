"""Any sequence of calls leaves each store as it leaves a dict."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from store.sample import ALL

from livinglab.model import Point, SeriesKey
from livinglab.store import Replaced, Store
from livinglab.store.sqlite import SqliteStore

DEVICES = st.sampled_from(["a", "b c", "é,=x"])
TIMES = st.integers(0, 8) | st.integers(0, 8).map(lambda n: n * 10**18)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "value": st.floats(allow_infinity=False, width=32),
        "flag": st.integers(0, 9),
        "tests": st.sampled_from(["", "1", "12"]),
    },
)
Model = dict[tuple[str, int], dict[str, Any]]


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in fields.items() if not (isinstance(v, float) and math.isnan(v))}


def series(device: str) -> SeriesKey:
    return SeriesKey("air", ("lombok", device, "0", "no2"))


def points(rows: list[tuple[str, int, dict[str, Any]]]) -> list[Point]:
    return [Point(series(device), time, fields) for device, time, fields in rows]


ROWS = st.lists(st.tuples(DEVICES, TIMES, FIELDS), max_size=6)


class Calls(RuleBasedStateMachine):
    store: Store

    @initialize()
    def empty(self) -> None:
        self.store.delete("clean", "air", *ALL)
        self.model: Model = {}

    @rule(rows=ROWS)
    def write(self, rows) -> None:
        rejected = self.store.write("clean", points(rows))
        assert len(rejected) == sum(not plain(fields) for *_, fields in rows)
        for device, time, fields in rows:
            if plain(fields):
                self.model.setdefault((device, time), {}).update(plain(fields))

    @rule(device=st.none() | DEVICES, start=TIMES, end=TIMES)
    def delete(self, device, start, end) -> None:
        start, end = sorted((start, end))
        self.store.delete("clean", "air", start, end, {"device": device} if device else None)
        for key in list(self.model):
            if device in (None, key[0]) and start <= key[1] < end:
                del self.model[key]

    @rule(devices=st.sets(DEVICES), start=TIMES, end=TIMES, rows=ROWS)
    def replace(self, devices, start, end, rows) -> None:
        start, end = sorted((start, end))
        new = {
            (device, time): plain(fields)
            for device, time, fields in rows
            if device in devices and start <= time < end and plain(fields)
        }
        old = {
            key: fields
            for key, fields in self.model.items()
            if key[0] in devices and start <= key[1] < end
        }
        given = points([(device, time, fields) for (device, time), fields in new.items()])
        done = self.store.replace("clean", "air", start, end, {"device": list(devices)}, given)
        same = sum(old.get(key) == fields for key, fields in new.items())
        assert done == Replaced(len(new) - same, len(old.keys() - new.keys()), same)
        self.model = {key: v for key, v in self.model.items() if key not in old} | new

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "model"):
            return
        expected = [
            Point(series(device), time, self.model[device, time])
            for device, time in sorted(self.model)
        ]
        assert list(self.store.points("clean", "air", *ALL)) == expected
        frame = self.store.frame("clean", "air", *ALL)
        assert list(zip(frame["device"], frame.index.asi8, strict=True)) == sorted(self.model)

    @rule()
    def newest(self) -> None:
        last = {device: max(t for d, t in self.model if d == device) for device, _ in self.model}
        expected = [
            Point(series(device), last[device], self.model[device, last[device]])
            for device in sorted(last)
        ]
        assert self.store.latest("clean", "air") == expected
        assert self.store.series("clean", "air") == [point.series for point in expected]


def test_any_sequence_of_calls_equals_a_dict(store: Store) -> None:
    class OnThisStore(Calls):
        pass

    OnThisStore.store = store
    # Shrinking asks the server a hundred thousand times; the embedded store shrinks the same fault.
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    phases += [Phase.shrink] if isinstance(store, SqliteStore) else []
    run_state_machine_as_test(
        OnThisStore,
        settings=settings(
            max_examples=40,
            stateful_step_count=20,
            phases=phases,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
