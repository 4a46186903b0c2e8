"""`livinglab decode`, its line protocol, and `livinglab explain-payload`."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.decoders import DECODERS
from ingest.explain import explain
from ingest.jsonl import answer_line, device_level, format_of, serve
from livinglab.cli import main
from livinglab.config import load_registry
from livinglab.errors import LivingLabError
from livinglab.model import Message
from livinglab.timeline import parse_instant

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
COMMAND = "from livinglab.cli import main; raise SystemExit(main(['decode', '--jsonl']))"
RECEIVED = "2025-08-29T10:05:00Z"
PACK = (
    b'[{"bn":"urn:dev:utr-aq-01:","bt":1756461600,"n":"no2","u":"ppb","v":10},'
    b'{"n":"air_temperature","u":"Cel","v":95},{"n":"foo","v":1}]'
)


def run(*arguments: str) -> int:
    """Exit code of the command line."""
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def request(payload: bytes, **more: Any) -> dict[str, Any]:
    line = {
        "n": 7,
        "topic": "lombok/senml/utr-aq-01",
        "payload_base64": base64.b64encode(payload).decode(),
        "qos": 0,
        "retain": False,
        "received_at": RECEIVED,
        "timezone": None,
        "format": "senml_json",
    } | more
    return answer_line(json.dumps(line).encode())


def test_answer_line_with_readings() -> None:
    answer = request(PACK)
    assert answer["n"] == 7
    assert answer["readings"] == [
        {
            "device": "utr-aq-01",
            "quantity": "no2",
            "value": 10.0,
            "unit": "ppb",
            "raw": "no2",
            "time": "2025-08-29T10:00:00Z",
        },
        {
            "device": "utr-aq-01",
            "quantity": "air_temperature",
            "value": 95.0,
            "unit": "Cel",
            "raw": "air_temperature",
            "time": "2025-08-29T10:00:00Z",
            "quality": "bad",
        },
    ]


def test_answer_line_with_errors() -> None:
    assert request(b"{")["error"].startswith("syntax: ")
    assert request(b"[]", format=None)["error"].startswith("not_claimed: ")
    assert request(b"[]", format="morse")["error"].startswith("not_claimed: ")
    assert "readings" not in request(b"{")
    ahead = b'[{"n":"urn:dev:a:temp","u":"Cel","t":1999999999,"v":1}]'
    assert request(ahead)["error"].startswith("clock: ")


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b"\xff", b"{}", b'{"topic":"a","payload_base64":"%","received_at":"x"}']
)
def test_answer_line_to_a_request_that_is_none(line: bytes) -> None:
    assert "request" in answer_line(line)["error"]


def test_answer_line_takes_the_device_from_the_topic_at_last() -> None:
    answer = request(b'[{"n":"temperature","u":"Cel","v":1}]', topic="sensors/yard/senml")
    assert answer["readings"][0]["device"] == "yard"


def test_answer_line_with_a_map() -> None:
    entry = {
        "device": "wer",
        "time": "wann",
        "values": [
            {"key": "was/[k=2]/v", "quantity": "pm10", "unit": "ug/m3"},
            {"key": "feuchte", "quantity": "relative_humidity", "unit": "%", "decimal": ","},
            {"key": "missing", "quantity": "co2", "unit": "ppm"},
        ],
        "quality": {"key": "ok", "good": [0]},
    }
    body = {"wer": "x", "wann": 1756461600, "was": [{"k": 2, "v": 5}], "feuchte": "41,5", "ok": 0}
    answer = request(json.dumps(body).encode(), format="plain_json", map=entry)
    assert [(row["quantity"], row["value"]) for row in answer["readings"]] == [
        ("pm10", 5.0),
        ("relative_humidity", 41.5),
    ]
    bad = json.dumps(body | {"ok": 3}).encode()
    assert request(bad, format="plain_json", map=entry)["readings"] == []


def test_answer_line_names_a_lorawan_device_by_its_eui() -> None:
    ids = {"device_id": "tuin", "dev_eui": "70B3D57ED0000001"}
    uplink = {"received_at": "2025-08-29T10:00:00Z", "decoded_payload": {"co2": 500}}
    body = {"end_device_ids": ids, "uplink_message": uplink}
    more: dict[str, Any] = {"format": "tts_v3", "topic": "v3/a@b/devices/tuin/up"}
    (row,) = request(json.dumps(body).encode(), **more)["readings"]
    assert row["device"] == "70B3D57ED0000001"
    del ids["dev_eui"]
    (row,) = request(json.dumps(body).encode(), **more)["readings"]
    assert row["device"] == "tuin"


def test_answer_line_keeps_the_wall_time_of_an_unknown_zone() -> None:
    body = b'{"device":"a","time":"2025-08-29 12:00:00","co2":500}'
    (row,) = request(body, format="plain_json")["readings"]
    assert row["time_local"] == "2025-08-29T12:00:00"
    assert "time" not in row
    (row,) = request(body, format="plain_json", timezone="Europe/Amsterdam")["readings"]
    assert row["time"] == "2025-08-29T10:00:00Z"


def test_serve_answers_every_line_in_order() -> None:
    lines = [b'{"n": 1}\n', b"\n", b"nonsense\n", b'{"n": 2}\n']
    answers = [json.loads(answer) for answer in serve(lines)]
    assert [answer.get("n") for answer in answers] == [1, None, 2]


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("v3/a@b/devices/c/up", "tts_v3"),
        ("sensors/lab/senml", "senml_json"),
        ("telraam/1/hourly", "telraam"),
        ("x", None),
    ],
)
def test_format_of_usual_topics(topic: str, name: str | None) -> None:
    assert format_of(topic) == name


def test_device_level_passes_over_kinds_of_messages() -> None:
    assert [device_level(topic) for topic in ("sensors/lab/senml", "a/b", "x/pin1")] == [1, 1, 0]


def test_finished_formats_score_without_failure(SHARED: Path) -> None:  # noqa: N803  # the name that conftest gives it
    finished = ",".join([*sorted(DECODERS), "malformed"])
    command = [sys.executable, str(SHARED / "payloads" / "score.py"), "--format", finished]
    command += ["--command", f'{sys.executable} -c "{COMMAND}"', "--min", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_finished_formats_score_with_a_zone(SHARED: Path) -> None:  # noqa: N803  # the name that conftest gives it
    finished = ",".join(sorted(DECODERS))
    command = [sys.executable, str(SHARED / "payloads" / "score.py"), "--format", finished]
    command += ["--command", f'{sys.executable} -c "{COMMAND}"', "--min", "1"]
    command += ["--timezone", "Europe/Amsterdam"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_decode_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pack.json"
    file.write_bytes(PACK)
    assert run(*["decode", str(file), "--topic", "sensors/a/senml"]) == 0
    out = capsys.readouterr().out
    assert "no2" in out
    assert "10" in out


def test_decode_reads_a_frame_by_its_codec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "uplink.json"
    ids = {"device_id": "n-1"}
    file.write_text(json.dumps({"end_device_ids": ids, "uplink_message": {"frm_payload": "AQBu"}}))
    assert run("decode", str(file), "--format", "tts_v3", "--codec", "elsys-tlv") == 0
    assert "temperature" in capsys.readouterr().out


def test_decode_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pack.json"
    file.write_bytes(b"{")
    assert run(*["decode", str(file), "--format", "senml_json"]) == 1
    assert "not JSON" in capsys.readouterr().err
    assert run(*["decode", str(tmp_path / "none.json")]) == 1
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--topic", "a/b"], "names no format"),
        (["--format", "morse"], "no decoder 'morse'"),
        (["--format", "senml_json", "--timezone", "Mars/Olympus"], "unknown time zone"),
        (["--format", "tts_v3", "--codec", "morse"], "no codec 'morse'"),
    ],
)
def test_decode_says_what_to_name(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pack.json"
    file.write_bytes(PACK)
    assert run("decode", str(file), *arguments) == 1
    err = capsys.readouterr().err
    assert told in err
    assert "->" in err


@pytest.mark.parametrize("topic", ["", "lombok/+/x", "lombok/#"])
def test_explain_payload_of_a_topic_that_no_message_has(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain-payload", "--topic", topic, "--config", str(CONFIG)) == 1
    assert "no message can have the topic" in capsys.readouterr().err


def test_explain_payload_of_a_known_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pack.json"
    file.write_bytes(PACK)
    topic = "lombok/senml/utr-aq-01"
    arguments = ["explain-payload", str(file), "--topic", topic, "--config", str(CONFIG)]
    assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert "lombok/senml/+ of lombok" in out
    assert "partly stored: 1 of 3 readings; the others: implausible, unmapped" in out


def explained(topic: str, payload: bytes, **more: Any) -> Any:
    message = Message(topic, payload, parse_instant(RECEIVED), **more)
    return explain(load_registry(CONFIG), message)


def test_explain_gives_the_canonical_value() -> None:
    found = explained("lombok/senml/utr-aq-01", PACK)
    (stored,) = [key for key in found.keys if key.reason is None]
    assert (stored.quantity, stored.canonical_unit, stored.channel) == ("no2", "ug/m3", "0")
    assert stored.canonical == pytest.approx(10 * 46.0055 / 24.055, rel=1e-3)  # at 20 degC
    assert stored.clock == "device or network"
    assert found.outcome == "partly stored"


def test_explain_says_what_to_do_about_each_reason() -> None:
    found = explained("lombok/senml/utr-aq-01", PACK)
    assert [line.split(":")[0] for line in found.advice] == [
        "air_temperature lies outside the range in config/models/toucan-senml.yaml",
        "config/models/toucan-senml.yaml does not list foo",
    ]
    old = b'[{"bn":"urn:dev:utr-aq-01:","bt":1256461600,"n":"no2","u":"ppb","v":10}]'
    (line,) = explained("lombok/senml/utr-aq-01", old).advice
    assert "valid_from" in line


def test_explain_names_the_command_that_registers_a_device() -> None:
    pack = b'[{"bn":"urn:dev:utr-aq-77:","bt":1756461600,"n":"no2","u":"ppb","v":10}]'
    found = explained("lombok/senml/utr-aq-77", pack)
    assert found.outcome == "quarantine"
    (line,) = found.register
    assert line.startswith(
        "livinglab device add utr-aq-77 --lab lombok --model toucan-senml --area AREA "
        "--from 2025-08-29 "
    )
    assert found.keys[0].guess == "no2"


def test_explain_of_messages_that_end_as_dead_letters() -> None:
    assert explained("nobody/has/this", b"{}").why.startswith("not_claimed")
    found = explained("lombok/senml/utr-aq-01", b"[{]")
    assert (found.outcome, found.decoder) == ("dead letter", "senml_json")
    assert found.why.startswith("syntax")
    old = b'[{"bn":"urn:dev:utr-aq-01:","bt":1256461600,"n":"no2","u":"ppb","v":10}]'
    assert explained("lombok/senml/utr-aq-01", old).why == "clock"


def test_explain_of_a_message_without_readings() -> None:
    body = b'{"end_device_ids":{"device_id":"ams-gw-01"},"join_accept":{}}'
    found = explained("v3/buiksloterham@livinglab/devices/ams-gw-01/join", body)
    assert found.outcome in ("no readings", "dead letter")


def test_explain_warns_of_a_retained_message() -> None:
    found = explained("lombok/senml/utr-aq-01", PACK, retain=True)
    assert any("retained" in warning for warning in found.warnings)


def test_explain_with_another_decoder() -> None:
    message = Message("nobody/has/this", PACK, parse_instant(RECEIVED))
    found = explain(load_registry(CONFIG), message, "senml_json")
    assert found.decoder == "senml_json"
    assert found.keys
    with pytest.raises(LivingLabError, match="no decoder 'morse'"):
        explain(load_registry(CONFIG), message, "morse")
