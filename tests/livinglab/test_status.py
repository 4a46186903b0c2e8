"""What status shows, with the service running, stopped and killed, and with each stage away."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_lab
from rich.console import Console
from services.influx_server import InfluxServer
from services.ingest_service import IngestService, wait_for
from services.mosquitto import Mosquitto
from services.process import free_port
from typer.testing import CliRunner

from ingest.journal import Journal
from ingest.journal_files import journal_path
from ingest.ledger import Ledger
from ingest.letters import Letter
from ingest.publish import publish_all
from ingest.state import Commit, State, state_path
from livinglab.attention import attention
from livinglab.cli import build_app
from livinglab.errors import DataError, Reason
from livinglab.model import Message
from livinglab.project import Project
from livinglab.status import DeviceStatus, FleetStatus, Health, fleet_status
from livinglab.status_sources import Service, Trouble
from livinglab.status_text import print_status
from livinglab.store.base import Store
from livinglab.timeline import HOUR_NS, MINUTE_NS, SECOND_NS, to_text

NOW = small_lab.END
RUNNING = Service(is_running=True, is_ready=True)
EVEN = Ledger({"stored": 3}, 3, {"stored": 5}, 5)


def status_of(**changes: Any) -> FleetStatus:
    """A fleet where all is well, but for the changes."""
    well = FleetStatus(
        service=RUNNING,
        store="",
        loader="",
        backlog=0,
        backlog_since_ns=0,
        devices=(heard("bike-1", Health.OK),),
        troubles=(),
        ledger=EVEN,
        now_ns=NOW,
    )
    return replace(well, **changes)


def heard(name: str, health: Health) -> DeviceStatus:
    row = small_lab.device("bike-1", id=name)
    newest = None if health is Health.NEVER else NOW - HOUR_NS
    return DeviceStatus(row, newest, None if newest is None else 3600.0, health, {})


def said(**changes: Any) -> list[tuple[str, str]]:
    return [(need.what, need.command) for need in attention(status_of(**changes))]


def shown(status: FleetStatus) -> str:
    text = io.StringIO()
    print_status(Console(file=text, width=150), status)
    return text.getvalue()


def test_attention_is_empty_when_all_is_well() -> None:
    assert said() == []
    assert "all is well" in shown(status_of())


def test_attention_says_why_nothing_flows() -> None:
    [(what, command)] = said(service=Service(False, False, ("it is stopped",)))
    assert what == "the ingest service is not running: it is stopped"
    assert command == "livinglab ingest"
    [(what, _)] = said(service=Service(True, False, ("no broker", "no store")))
    assert what.endswith("not ready: no broker; no store")
    [(what, _)] = said(service=Service(True, True, (), ("no message for 12 minutes",)))
    assert what == "no message for 12 minutes"
    assert said(store="no such host") == [("the store cannot be read: no such host", "")]
    assert said(loader="disk I/O error") == [("disk I/O error", "")]


def test_attention_names_a_backlog_that_is_not_worked_off() -> None:
    old = {"backlog": 7, "backlog_since_ns": NOW - 3 * MINUTE_NS}
    [(what, command)] = said(**old)
    assert what.startswith("7 messages in the journal since")
    assert command == "livinglab journal show"
    assert said(backlog=7, backlog_since_ns=NOW - SECOND_NS) == []
    stopped = Service(True, False, ("stopping",))
    assert len(said(service=stopped, backlog=7, backlog_since_ns=NOW - SECOND_NS)) == 2


def test_attention_lists_devices_and_names_a_command() -> None:
    devices = tuple(heard(f"d{number}", Health.SILENT) for number in range(7))
    never = heard("new", Health.NEVER)
    late = heard("slow", Health.LATE)
    assert said(devices=(*devices, never, late)) == [
        ("1 device never heard: new", "livinglab device show new"),
        ("7 devices silent: d0, d1, d2, d3, d4 and 2 more", "livinglab device show d0"),
    ]


def test_attention_names_a_device_whose_values_cannot_be() -> None:
    """A key that nobody asked for is no fault, nor are a few odd values among many."""
    broken = replace(
        heard("broken", Health.OK), rejected={"implausible": 4, "unit": 2}, produced=12
    )
    talkative = replace(heard("talkative", Health.OK), rejected={"unmapped": 90}, produced=100)
    fine = replace(heard("fine", Health.OK), rejected={"implausible": 5}, produced=12)
    told = "1 device of whose readings half or more cannot be: broken (implausible 4, unit 2)"
    assert said(devices=(broken, talkative, fine)) == [(told, "livinglab ledger --device broken")]


def test_attention_counts_letters_that_are_new() -> None:
    def trouble(kind: str, age_ns: int, count: int, reason: str = "syntax") -> Trouble:
        return Trouble(kind, "lombok", "d1", reason, count, NOW - age_ns, NOW - age_ns)

    old = trouble("dead", 25 * HOUR_NS, 40)
    assert said(troubles=(old,)) == []
    assert "40" in shown(status_of(troubles=(old,)))
    troubles = (
        old,
        trouble("dead", HOUR_NS, 2),
        trouble("dead", HOUR_NS, 1, "clock"),
        trouble("quarantine", 1000 * HOUR_NS, 1, "unknown_device"),
    )
    assert said(troubles=troubles) == [
        ("1 message in quarantine, of d1", "livinglab quarantine list"),
        ("3 dead letters, of d1 (syntax 2, clock 1)", "livinglab dead list"),
    ]


def test_attention_when_a_ledger_does_not_balance() -> None:
    broken = replace(EVEN, messages_total=4)
    [(what, _)] = said(ledger=broken)
    assert "does not balance" in what
    assert "messages: 4 = 3 stored DOES NOT BALANCE" in shown(status_of(ledger=broken))
    [(what, _)] = said(ledger=replace(EVEN, unreadable=2))
    assert what.startswith("2 messages in damaged parts")


def test_print_status_shows_hostile_names_as_text() -> None:
    evil = "[/red]\x1b[2J\u202e[bold]x"
    trouble = Trouble("quarantine", evil, evil, "unknown_device", 1, NOW, NOW)
    service = Service(False, False, (evil,))
    text = shown(status_of(troubles=(trouble,), service=service, store=evil))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[/red]" in text
    assert "[bold]x" in text


@pytest.mark.parametrize(
    ("step_s", "age_s", "health"),
    [
        (60, 1_700, Health.OK),  # packs of ten and a slow network are no fault
        (60, 1_900, Health.LATE),
        (60, 7_300, Health.SILENT),
        (3_600, 3 * 3_600, Health.OK),
        (3_600, 3 * 3_600 + 1, Health.LATE),
        (3_600, 10 * 3_600 + 1, Health.SILENT),
        (3_600, None, Health.NEVER),
    ],
)
def test_fleet_status_of_a_device_by_the_age_of_its_newest_reading(
    store: Store, tmp_path: Path, step_s: int, age_s: int | None, health: Health
) -> None:
    registry = small_lab.registry_of(
        [small_lab.device("bike-1", step_s=step_s), small_lab.device("bike-2", to_ns=NOW)],
    )
    if age_s is not None:
        at = NOW - age_s * SECOND_NS
        store.write("raw", [small_lab.reading("bike-1", at - HOUR_NS, 1.0)])
        store.write("raw", [small_lab.reading("bike-1", at, 1.0)])
    project = project_at(NOW, tmp_path, registry, store)
    [device] = fleet_status(project).devices  # a row that has ended is not expected to send
    assert (device.device.id, device.health) == ("bike-1", health)
    assert device.age_s == age_s


def project_at(now_ns: int, folder: Path, registry: Any, store: Store | None = None) -> Project:
    settings = registry.settings.model_copy(update={"now": to_text(now_ns), "state_dir": folder})
    return Project(replace(registry, settings=settings), store=store, state_dir=folder)


def test_fleet_status_of_an_unknown_lab_lists_the_known(tmp_path: Path) -> None:
    project = project_at(NOW, tmp_path, small_lab.registry_of())
    with pytest.raises(DataError, match="known: lombok"):
        fleet_status(project, "nowhere")


def test_fleet_status_without_store_and_state(tmp_path: Path) -> None:
    status = fleet_status(project_at(NOW, tmp_path, small_lab.registry_of()))
    assert "never started" in status.service.why[0]
    assert status.store
    assert {device.health for device in status.devices} == {Health.NEVER}
    assert (status.backlog, status.troubles, status.ledger.messages_total) == (0, (), 0)
    assert not (tmp_path / "loader.sqlite").exists()  # looking creates nothing


def test_fleet_status_with_a_broken_state_file_says_so(tmp_path: Path) -> None:
    state_path(tmp_path).write_bytes(b"this is not a database" * 100)
    status = fleet_status(project_at(NOW, tmp_path, small_lab.registry_of()))
    assert "loader.sqlite" in status.loader
    assert any("loader.sqlite" in need.what for need in attention(status))


def test_fleet_status_counts_what_waits_in_the_journal(tmp_path: Path) -> None:
    journal = Journal(journal_path(tmp_path))
    state = State(state_path(tmp_path))
    try:
        messages = [Message("t", b"{}", NOW + number, number + 1, 1) for number in range(5)]
        journal.append(messages[:2])
        journal.append(messages[2:])
        status = fleet_status(project_at(NOW, tmp_path, small_lab.registry_of()))
    finally:
        state.close()
        journal.close()
    assert (status.backlog, status.backlog_since_ns) == (5, NOW)


def test_fleet_status_shows_letters_of_one_lab_and_those_of_none(tmp_path: Path) -> None:
    state = State(state_path(tmp_path))
    message = Message("t", b"{}", NOW, 1, 1)
    letters = [
        Letter("j", number, 0, message, reason, device=device, lab=lab)
        for number, (reason, device, lab) in enumerate(
            [
                (Reason.NOT_CLAIMED, "", ""),
                (Reason.UNKNOWN_DEVICE, "x", small_lab.LAB),
                (Reason.UNKNOWN_DEVICE, "y", "elsewhere"),
            ]
        )
    ]
    state.commit(Commit(letters=letters))
    state.close()
    project = project_at(NOW, tmp_path, small_lab.registry_of())
    assert len(fleet_status(project).troubles) == 3
    found = fleet_status(project, small_lab.LAB).troubles
    assert {(trouble.kind, trouble.device) for trouble in found} == {
        ("dead", ""),
        ("quarantine", "x"),
    }


def cli(environment: dict[str, str], *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(build_app(), ["status", *options], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, re.sub(r"\s+", " ", result.output)


def test_status_of_the_demo_week_while_nothing_runs(demo_copy: Project) -> None:
    environment = {
        "LIVINGLAB_CONFIG": str(small_lab.CONFIG),
        "LIVINGLAB_STATE_DIR": str(demo_copy.state_dir),
        "LIVINGLAB_NOW": demo_copy.registry.settings.now,
    }
    code, text = cli(environment)
    assert code == 0
    assert "the ingest service is not running" in text
    assert "10 messages in quarantine, of ein-ref-99 -> livinglab quarantine list" in text
    assert "15 dead letters" in text
    assert "livinglab dead list" in text
    assert "messages: 9567 = 9507 stored + 20 duplicate + 15 without readings" in text
    assert "utr-aq-01" in text
    code, one = cli(environment, "--lab", "lombok", "--check")
    assert code == 1
    assert "utr-aq-01" in one
    assert "ams-aq-01" not in one
    assert "ein-ref-99" not in one


@pytest.fixture(params=["sqlite", "influx"])
def service(
    request: pytest.FixtureRequest, mosquitto: Mosquitto, tmp_path: Path
) -> Iterator[IngestService]:
    """The real service on each kind of store, not started yet."""
    settings = {"CLIENT_ID": f"status-{request.param}-{os.getpid()}"}
    if request.param == "influx":
        store = request.getfixturevalue("influx_store")
        server: InfluxServer = request.getfixturevalue("influx_server")
        settings |= {"STORE": store.url, "STORE_TOKEN": server.token}
    service = IngestService(tmp_path, mosquitto.url, **settings)
    yield service
    service.stop()


def messages_of_lombok(now_ns: int) -> list[tuple[str, bytes]]:
    """A message of each of the lab's devices, measured just now."""
    at, stamp = now_ns // SECOND_NS, to_text(now_ns // SECOND_NS * SECOND_NS)
    bikes = [
        (
            f"lombok/senml/{name}",
            json.dumps(
                [{"bn": f"urn:dev:{name}:", "bt": at, "n": key, "u": unit, "v": 12}]
            ).encode(),
        )
        for name, key, unit in (
            ("utr-bike-01", "count_bike", "1"),
            ("utr-bike-02", "count_bike", "1"),
            ("utr-aq-01", "no2", "ppb"),
        )
    ]
    reference = {"device": "utr-ref-01", "ts": stamp, "values": {"no2": 11.0}}
    uplink = {
        "end_device_ids": {"device_id": "utr-gw-01", "dev_eui": "0011223344556677"},
        "received_at": stamp,
        "uplink_message": {
            "session_key_id": "AYkBAAAAAAAAAAAAAAAAAA==",
            "f_port": 2,
            "f_cnt": 7,
            "decoded_payload": {"water_level": 1.5},
            "received_at": stamp,
        },
    }
    return [
        *bikes,
        ("lombok/json/utr-ref-01", json.dumps(reference).encode()),
        ("v3/lombok@livinglab/devices/utr-gw-01/up", json.dumps(uplink).encode()),
    ]


def test_status_follows_the_service_from_silence_to_death(
    service: IngestService, mosquitto: Mosquitto
) -> None:
    environment = {**service.environment, "LIVINGLAB_NOW": ""}
    service.start()
    code, text = cli(environment, "--lab", "lombok", "--check")
    assert code == 1
    assert "5 devices never heard" in text
    publish_all(mosquitto.url, messages_of_lombok(time.time_ns()))
    wait_for(lambda: service.metric("messages_by_end_total", end="stored") >= 5, service.tail)
    code, text = cli(environment, "--lab", "lombok", "--check")
    assert (code, "all is well" in text) == (0, True), text
    assert "messages: 5 = 5 stored" in text
    unknown = {"device": "utr-new-07", "ts": to_text(time.time_ns()), "values": {"no2": 1}}
    publish_all(mosquitto.url, [("lombok/json/utr-new-07", json.dumps(unknown).encode())])
    wait_for(lambda: "utr-new-07" in cli(environment)[1], service.tail)
    code, text = cli(environment, "--lab", "lombok", "--check")
    assert code == 1
    assert "1 message in quarantine, of utr-new-07 -> livinglab quarantine list" in text
    service.kill()
    code, text = cli(environment, "--lab", "lombok")
    assert code == 0
    assert f"it ended without a farewell; it was process {service.pid}" in text
    assert "messages: 6 = 5 stored + 1 quarantined" in text


def test_status_names_the_broker_that_is_away(tmp_path: Path) -> None:
    service = IngestService(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    service.start(until="listening")
    try:
        wait_for(lambda: "broker" in str(service.readiness()["why_not"]), service.tail)
        _, text = cli(service.environment)
    finally:
        service.stop()
    assert "is running, but not ready: " in text
    assert "broker" in text.partition("not ready: ")[2]


def test_status_names_the_store_that_is_away(tmp_path: Path) -> None:
    environment = {
        "LIVINGLAB_CONFIG": str(small_lab.CONFIG),
        "LIVINGLAB_STATE_DIR": str(tmp_path),
        "LIVINGLAB_STORE": f"influxdb://127.0.0.1:{free_port()}?org=labs",
        "LIVINGLAB_STORE_TOKEN": "secret-token",
    }
    code, text = cli(environment)
    assert code == 0
    assert "the store cannot be read: " in text
    assert "127.0.0.1" in text
    assert "secret-token" not in text
    assert cli(environment, "--check")[0] == 1


def test_status_of_something_else_at_the_address(
    tmp_path: Path, influx_server: InfluxServer
) -> None:
    (tmp_path / "ingest.json").write_text(json.dumps({"pid": 1, "http": influx_server.url}))
    status = fleet_status(project_at(NOW, tmp_path, small_lab.registry_of()))
    assert not status.service.is_running
    assert "not the ingest service" in status.service.why[0]
