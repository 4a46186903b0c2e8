"""Files that tell others about the service, the watch over the folder, the pages of HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3
from structlog.testing import CapturingLogger

from ingest import house as house_module
from ingest.client import Broker
from ingest.house import House, read_subscriptions
from ingest.http import HttpServer, json_answer, text_answer
from ingest.subscriber import Subscriber
from ingest.watch import ConfigWatch
from livinglab.errors import ConfigError

BROKER = Broker(host="127.0.0.1", port=1, client_id="test")


@pytest.fixture
def subscriber() -> Subscriber:
    return Subscriber(BROKER, ["lombok/#"])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that the house sees."""
    begin_s = house_module.time.time()

    def _move(seconds: float) -> None:
        monkeypatch.setattr(house_module.time, "time", lambda: begin_s + seconds)

    return _move


def test_house_says_where_the_service_is_while_it_runs(
    tmp_path: Path, subscriber: Subscriber
) -> None:
    house = House(tmp_path, subscriber, "http://127.0.0.1:9", "abc")
    status = json.loads((tmp_path / "ingest.json").read_text())
    assert (status["pid"], status["http"], status["journal"]) == (
        os.getpid(),
        "http://127.0.0.1:9",
        "abc",
    )
    house.close()
    assert not (tmp_path / "ingest.json").exists()


def test_read_subscriptions_gives_those_of_the_same_session_only(
    tmp_path: Path, subscriber: Subscriber
) -> None:
    assert read_subscriptions(tmp_path, BROKER) == set()
    House(tmp_path, subscriber, "", "").look()
    assert read_subscriptions(tmp_path, BROKER) == {"lombok/#"}
    other = Broker(host="127.0.0.1", port=1, client_id="other")
    assert read_subscriptions(tmp_path, other) == set()
    (tmp_path / "subscriptions.json").write_text("[]")
    assert read_subscriptions(tmp_path, BROKER) == set()


def test_look_notices_silence_once_and_its_end(
    tmp_path: Path,
    subscriber: Subscriber,
    later: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Subscriber, "connected", property(lambda _: True))
    house = House(tmp_path, subscriber, "", "")
    told = CapturingLogger()
    monkeypatch.setattr(house, "_log", told)
    later(599)
    house.look()
    assert house.notes() == []
    later(720)
    house.look()
    house.look()
    assert "no message for 12 minutes" in house.notes()[0]
    subscriber.last_message_ns = int(house_module.time.time() * 1e9)
    house.look()
    assert house.notes() == []
    assert [call.args[0] for call in told.calls] == ["silence", "silence_ended"]


def test_house_survives_a_folder_that_refuses(tmp_path: Path, subscriber: Subscriber) -> None:
    house = House(tmp_path, subscriber, "", "")
    (tmp_path / "subscriptions.json.part").mkdir()
    house.look()
    assert read_subscriptions(tmp_path, BROKER) == set()


def test_watch_waits_until_an_edit_is_over(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    devices = tmp_path / "labs" / "devices.csv"
    devices.write_text("a")
    watch = ConfigWatch(tmp_path)
    assert not watch.has_changed()
    devices.write_text("ab")
    assert not watch.has_changed()
    devices.write_text("abc")
    assert not watch.has_changed()
    assert watch.has_changed()
    assert not watch.has_changed()
    devices.unlink()
    assert not watch.has_changed()
    assert watch.has_changed()


def test_watch_ignores_files_that_are_no_configuration(tmp_path: Path) -> None:
    watch = ConfigWatch(tmp_path)
    (tmp_path / "devices.csv~").write_text("a")
    (tmp_path / ".devices.csv.swp").write_text("a")
    assert not watch.has_changed()
    assert not watch.has_changed()


def test_http_server_gives_pages_and_says_what_fails() -> None:
    def fail() -> tuple[int, str, bytes]:
        raise OSError(28, "No space left on device")

    pages = {"/a": lambda: text_answer(200, "ä"), "/j": lambda: json_answer(503, {"k": "ä"})}
    server = HttpServer("127.0.0.1", 0, {**pages, "/fail": fail})
    try:
        plain = urllib3.request("GET", f"{server.url}/a?x=1")
        assert (plain.status, plain.data.decode()) == (200, "ä")
        content = urllib3.request("GET", f"{server.url}/j", retries=False)
        assert (content.status, content.json()) == (503, {"k": "ä"})
        failed = urllib3.request("GET", f"{server.url}/fail", retries=False)
        assert failed.status == 500
        assert "No space left" in failed.data.decode()
        missing = urllib3.request("GET", f"{server.url}/b")
        assert missing.status == 404
        assert "/a, /j, /fail" in missing.data.decode()
    finally:
        server.close()


def test_http_server_refuses_an_address_that_is_not_here() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:0"):
        HttpServer("192.0.2.1", 0, {})
