"""What only a server can do wrong: tokens, restarts, refusals; on a real InfluxDB."""

from __future__ import annotations

import logging
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from influxdb_client import Point as ClientPoint
from store.sample import ALL, T0, air, clean, everything

from livinglab.errors import (
    StoreAuthError,
    StoreConflictError,
    StoreMissingError,
    StoreUnavailableError,
)
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
from livinglab.store.influx import InfluxStore

SECRET = "s3cret-that-must-not-show"


def opened(store: InfluxStore, token: str) -> InfluxStore:
    """The same buckets with another token."""
    other = open_store(store.url, token=token)
    assert isinstance(other, InfluxStore)
    return other


@pytest.fixture
def tokens(influx_store: InfluxStore) -> dict[str, str]:
    return influx_store.create_tokens()


def write_line(influx_server, store: InfluxStore, bucket: str, line: str) -> None:
    """Write behind the store's back."""
    prefix = store.url.partition("prefix=")[2]
    request = urllib.request.Request(
        f"{influx_server.url}/api/v2/write?org={influx_server.org}&bucket={prefix}{bucket}",
        data=line.encode(),
        headers={"Authorization": f"Token {influx_server.token}"},
    )
    urllib.request.urlopen(request, timeout=10).close()


# Tokens


def every_call(store: InfluxStore) -> Iterator:
    yield lambda: store.write("raw", [air("d1", 0, no2=1.0)])
    yield lambda: list(store.points("raw", "air", *ALL))
    yield lambda: store.frame("raw", "air", *ALL)
    yield lambda: list(store.frames("raw", "air", *ALL, fields=["no2"]))
    yield lambda: store.replace("clean", "air", *ALL, {}, [clean("d1", 0, 1.0)])
    yield lambda: store.delete("raw", "air", *ALL)
    yield lambda: store.series("raw", "air")
    yield lambda: store.latest("raw", "air")
    yield store.probe


@pytest.mark.parametrize("token", [SECRET, "", f"{SECRET}\nX-Header: 1", f"{SECRET}é"])
def test_wrong_token_is_an_auth_error_that_does_not_show_it(influx_store, token, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(influx_store, token)
    for call in every_call(store):
        with pytest.raises(StoreAuthError) as caught:
            call()
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        shown = " ".join(f"{error} {error!r}" for error in chain)
        assert SECRET not in shown
        assert "LIVINGLAB_STORE_TOKEN" in caught.value.hint
    assert SECRET not in f"{store!r} {store.url} {store._http!r} {caplog.text}"


def test_token_with_a_newline_at_its_end_works(influx_store, influx_server) -> None:
    opened(influx_store, f"{influx_server.token}\n").probe()


def test_ingest_token_reads_and_writes_raw_and_ops_only(influx_store, tokens) -> None:
    store = opened(influx_store, tokens["ingest"])
    arrival = Point(SeriesKey("arrival", ("d1", "l1")), T0, {"v": 1})
    assert store.write("raw", [air("d1", 0, no2=1.0)]) == []
    assert store.write("ops", [arrival]) == []
    assert everything(store, "ops", "arrival") == [arrival]
    assert everything(store, "raw") == [air("d1", 0, no2=1.0)]  # a late value is compared
    store.delete("raw", "air", *ALL, {"device": "d1"})  # a device's range is loaded again
    store.probe()
    for call in (
        lambda: everything(store, "clean"),
        lambda: store.frame("clean", "air", *ALL),
        lambda: store.write("clean", [clean("d1", 0, 1.0)]),
        lambda: store.write("indicators", []) or store.delete("indicators", "air", *ALL),
        store.prepare,
        store.create_tokens,
    ):
        with pytest.raises((StoreAuthError, StoreMissingError)):
            call()


def test_airflow_token_reads_raw_and_writes_what_is_computed(influx_store, tokens) -> None:
    influx_store.write("raw", [air("d1", 0, no2=1.0)])
    store = opened(influx_store, tokens["airflow"])
    assert len(everything(store, "raw")) == 1
    assert store.replace("clean", "air", *ALL, {}, [clean("d1", 0, 1.0)]).written == 1
    assert store.replace("clean", "air", *ALL, {}, []).deleted == 1
    store.write("ops", [Point(SeriesKey("arrival", ("d1", "l1")), T0, {"v": 1})])
    store.probe()
    with pytest.raises(StoreAuthError, match="insufficient permissions"):
        store.write("raw", [air("d1", 0, no2=2.0)])
    with pytest.raises(StoreAuthError, match="insufficient permissions"):
        store.delete("raw", "air", *ALL)
    assert everything(influx_store, "raw") == [air("d1", 0, no2=1.0)]


def test_researcher_token_reads_clean_and_indicators_only(influx_store, tokens) -> None:
    influx_store.write("clean", [clean("d1", 0, 1.0)])
    influx_store.write("raw", [air("d1", 0, no2=1.0)])
    store = opened(influx_store, tokens["researcher"])
    assert len(store.frame("clean", "air", *ALL)) == 1
    assert store.frame("indicators", "air", *ALL).empty
    store.probe()
    for call in (
        lambda: store.write("clean", [clean("d1", 0, 2.0)]),
        lambda: store.delete("clean", "air", *ALL),
    ):
        with pytest.raises(StoreAuthError, match="insufficient permissions"):
            call()
    for bucket, measurement in (("raw", "air"), ("ops", "arrival")):
        with pytest.raises(StoreAuthError, match="may not read"):
            everything(store, bucket, measurement)


def test_missing_bucket_is_named(influx_server) -> None:
    store = open_store(f"{influx_server.store_url}&prefix=nobody-", token=influx_server.token)
    for call in every_call(store):
        with pytest.raises(StoreMissingError, match="nobody-"):
            call()
    with pytest.raises(StoreMissingError, match="raw, clean, indicators, ops"):
        store.create_tokens()


def test_missing_organisation_is_named(influx_server) -> None:
    store = open_store(influx_server.store_url + "x", token=influx_server.token)
    for call in (store.prepare, store.probe, lambda: store.write("raw", [air("d1", 0, no2=1.0)])):
        with pytest.raises(StoreMissingError, match="livinglab-testx"):
            call()


# Reachability


def test_unreachable_server_is_unavailable(free_port_number: int) -> None:
    store = open_store(f"influxdb://127.0.0.1:{free_port_number}?org=o", token=SECRET)
    for call in every_call(store):
        with pytest.raises(StoreUnavailableError, match="Connection refused") as caught:
            call()
        assert caught.value.transient
        assert "object at 0x" not in str(caught.value)


def test_server_stopped_and_started_in_between(influx_store, influx_server) -> None:
    influx_store.write("raw", [air("d1", 0, no2=1.0)])
    influx_server.stop()
    with pytest.raises(StoreUnavailableError):
        influx_store.write("raw", [air("d1", 1, no2=1.0)])
    influx_server.start()
    assert influx_store.write("raw", [air("d1", 2, no2=1.0)]) == []
    assert [point.time_ns for point in everything(influx_store)] == [
        air("d1", hour).time_ns for hour in (0, 2)
    ]


def test_server_restarted_behind_a_kept_connection_is_not_noticed(
    influx_store, influx_server
) -> None:
    influx_store.probe()
    influx_server.stop()
    influx_server.start()
    assert influx_store.write("raw", [air("d1", 0, no2=1.0)]) == []


def test_server_killed_keeps_what_it_confirmed(influx_store, influx_server) -> None:
    points = [air("d1", n / 3600, no2=float(n)) for n in range(500)]
    influx_store.write("raw", points)
    influx_store.delete("raw", "air", points[100].time_ns, points[200].time_ns)
    influx_store.write("raw", [points[150]])
    influx_server.kill()
    influx_server.start()
    assert everything(influx_store) == [*points[:100], points[150], *points[200:]]


def test_server_that_hangs_is_unavailable_after_the_time_out(
    influx_store, influx_server, monkeypatch
) -> None:
    monkeypatch.setattr("livinglab.store.influx_http.WRITE_S", 0.3)
    influx_server.pause()
    try:
        with pytest.raises(StoreUnavailableError, match="timed out"):
            influx_store.write("raw", [air("d1", 0, no2=1.0)])
    finally:
        influx_server.resume()


class Overloaded(BaseHTTPRequestHandler):
    """Answers as a proxy in front of a server does when that is too busy."""

    status, retry_after = 429, "7"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Retry-After", self.retry_after)
        self.end_headers()
        self.wfile.write(b"<html>busy</html>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "retry_after", "least", "most"),
    [
        (429, "7", 7, 7),
        (503, "0", 0, 0),
        (503, "soon", None, None),
        (504, "Wed, 21 Oct 2099 07:28:00 GMT", 1e9, 1e10),
    ],
)
def test_overload_says_when_to_come_back(status, retry_after, least, most) -> None:
    handler = type("Busy", (Overloaded,), {"status": status, "retry_after": retry_after})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = open_store(f"influxdb://127.0.0.1:{server.server_port}?org=o", token="t")
        with pytest.raises(StoreUnavailableError, match=f"answered {status}: <html>busy") as caught:
            store.write("raw", [air("d1", 0, no2=1.0)])
        store.close()
        server.shutdown()
    after = caught.value.retry_after_s
    assert after == least if least is None else least <= after <= most


# Refusals


def conflicting(n: int, **fields: object) -> Point:
    return Point(SeriesKey("air", (f"d{n % 7}", "0")), T0 + n, fields)


@pytest.mark.parametrize("place", [0, 2_500, 4_999])
def test_bad_point_is_isolated_from_a_batch_of_5000(influx_store, influx_server, place) -> None:
    write_line(influx_server, influx_store, "raw", f'air,device=x,channel=0 no2="text" {T0}')
    points = [conflicting(n, o3=float(n)) for n in range(5_000)]
    points[place] = conflicting(place, no2=1.0)
    (rejected,) = influx_store.write("raw", points)
    assert rejected.point is points[place]
    assert "already exists as type string" in rejected.reason
    stored = influx_store.frame("raw", "air", *ALL, fields=["o3"])
    assert sorted(stored.index.asi8) == [T0 + n for n in range(5_000) if n != place]


def test_many_bad_points_cost_few_requests(influx_store, influx_server, monkeypatch) -> None:
    write_line(influx_server, influx_store, "raw", f'air,device=x,channel=0 no2="text" {T0}')
    points = [conflicting(n, **({"no2": 1.0} if n % 2 else {"o3": float(n)})) for n in range(2_000)]
    sent = []
    send = influx_store._http.write
    monkeypatch.setattr(influx_store._http, "write", lambda *given: sent.append(1) or send(*given))
    rejected = influx_store.write("raw", points)
    assert [each.point for each in rejected] == points[1::2]
    assert len(sent) < 10
    assert len(influx_store.frame("raw", "air", *ALL, fields=["o3"])) == 1_000


def test_unparsable_line_does_not_cost_the_others(influx_store, monkeypatch) -> None:
    """A 400 stores nothing of its body; such a line can only come from a fault of our own."""
    points = [conflicting(n, no2=float(n)) for n in range(100)]
    writer = influx_store._writer._writers["raw"]
    lines = writer.lines(points)
    lines.text[37] = "air,device=d1,channel=0 no2=broken 1"
    monkeypatch.setattr(writer, "lines", lambda _: lines)
    (rejected,) = influx_store.write("raw", points)
    assert rejected.point is points[37]
    assert "unable to parse" in rejected.reason
    monkeypatch.undo()
    assert len(everything(influx_store)) == 99


def test_later_point_wins_also_when_a_batch_was_narrowed(influx_store, influx_server) -> None:
    write_line(influx_server, influx_store, "raw", f'air,device=x,channel=0 no2="text" {T0}')
    key = [conflicting(0, o3=1.0), conflicting(0, o3=2.0), conflicting(0, o3=3.0)]
    (rejected,) = influx_store.write("raw", [key[0], conflicting(9, no2=1.0), *key[1:]])
    assert rejected.point.fields == {"no2": 1.0}
    assert everything_o3(influx_store) == [3.0]


def everything_o3(store: InfluxStore) -> list[float]:
    return store.frame("raw", "air", *ALL, fields=["o3"])["o3"].tolist()


def test_reading_a_field_of_another_type_is_a_conflict(influx_store, influx_server) -> None:
    write_line(influx_server, influx_store, "raw", f'air,device=x,channel=0 no2="text" {T0}')
    for call in (lambda: everything(influx_store), lambda: influx_store.frame("raw", "air", *ALL)):
        with pytest.raises(StoreConflictError, match="raw/air: field 'no2' holds"):
            call()


def test_replace_with_a_conflicting_field_says_so(influx_store, influx_server) -> None:
    line = f'air,lab=l,device=x,channel=0,quantity=no2 value="text" {T0}'
    write_line(influx_server, influx_store, "clean", line)
    with pytest.raises(StoreConflictError, match="already exists as type string"):
        influx_store.replace("clean", "air", *ALL, {"device": "d1"}, [clean("d1", 0, 1.0)])


def test_delete_works_across_shards_and_on_disk(influx_store, influx_server) -> None:
    """Points years apart lie in shards of their own; a restart moves them from memory to files."""
    year = 365 * 86_400 * 1_000_000_000
    points = [Point(SeriesKey("air", ("d1", "0")), T0 - n * year, {"no2": 1.0}) for n in range(9)]
    influx_store.write("raw", points)
    influx_server.stop()
    influx_server.start()
    influx_store.delete("raw", "air", T0 - 6 * year, T0 - 2 * year, {"device": "d1"})
    kept = [point.time_ns for point in everything(influx_store)]
    assert kept == [T0 - n * year for n in (8, 7, 2, 1, 0)]


def test_store_in_a_thread_per_call(influx_store) -> None:
    failures: list[Exception] = []

    def work(who: int) -> None:
        try:
            for n in range(20):
                influx_store.write("raw", [air(f"d{who}", n, no2=1.0)])
                assert list(influx_store.points("raw", "air", *ALL, {"device": f"d{who}"}))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(everything(influx_store)) == 120


def test_write_takes_less_cpu_than_the_lines_of_the_client_library(influx_store) -> None:
    """A guard against a slip of an order of magnitude; the load of the machine weighs on both."""
    points = [
        Point(SeriesKey("air", (f"d{n % 50}", "0")), T0 + n, {"no2": n / 7, "o3": n / 3})
        for n in range(20_000)
    ]
    influx_store.write("raw", points[:10])
    began = time.process_time()
    assert influx_store.write("raw", points) == []
    ours = time.process_time() - began
    began = time.process_time()
    for point in points:
        row = ClientPoint(point.series.measurement).time(point.time_ns)
        for name, value in zip(("device", "channel"), point.series.tags, strict=True):
            row.tag(name, value)
        for name, value in point.fields.items():
            row.field(name, value)
        row.to_line_protocol()
    assert ours < time.process_time() - began
