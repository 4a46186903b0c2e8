"""`livinglab store` sets up a real InfluxDB as an installation does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from store.sample import air, clean, everything

from livinglab.cli import main
from livinglab.errors import StoreAuthError, StoreError
from livinglab.store import open_store
from livinglab.store.token_files import write_tokens

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def configured(influx_store, influx_server, tmp_path: Path, monkeypatch) -> Path:
    """The shipped configuration, pointed at the test's server with an administrator's token."""
    shutil.copytree(CONFIG, tmp_path / "config")
    secret = tmp_path / "admin-token"
    secret.write_text(f"{influx_server.token}\n")
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LIVINGLAB_STORE", influx_store.url)
    monkeypatch.setenv("LIVINGLAB_STORE_TOKEN_FILE", str(secret))
    return tmp_path


def run(*arguments: str) -> int:
    """The command's exit code, also where it ends by SystemExit."""
    try:
        return main(list(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)


def test_prepare_makes_the_buckets_of_an_empty_server(configured, influx_store, capsys) -> None:
    influx_store.remove_buckets()
    assert run("store", "prepare") == 0
    assert "ready: influxdb://" in capsys.readouterr().out
    influx_store.probe()


def test_tokens_are_written_once_and_only_for_their_owner(configured, influx_store) -> None:
    folder = configured / "tokens"
    assert run("store", "tokens", str(folder)) == 0
    files = sorted(folder.glob("*/token"))
    assert [path.parent.name for path in files] == ["airflow", "ingest", "researcher"]
    assert {path.stat().st_mode & 0o007 for path in files} == {0}
    before = [path.read_text() for path in files]
    assert run("store", "tokens", str(folder)) == 0
    assert [path.read_text() for path in files] == before
    ingest = open_store(influx_store.url, token=files[1].read_text())
    assert ingest.write("raw", [air("d1", 0, no2=1.0)]) == []
    with pytest.raises(StoreAuthError):
        ingest.write("clean", [clean("d1", 0, 1.0)])
    researcher = open_store(influx_store.url, token=files[2].read_text())
    assert everything(researcher, "clean") == []


def test_tokens_renewed_are_others(configured, influx_store) -> None:
    first = write_tokens(influx_store, configured / "tokens")
    before = {role: path.read_text() for role, path in first.items()}
    again = write_tokens(influx_store, configured / "tokens", renew=True)
    assert again.keys() == before.keys()
    assert all(path.read_text() != before[role] for role, path in again.items())


def test_tokens_of_the_embedded_store_are_refused(sqlite_store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has no tokens"):
        write_tokens(sqlite_store, tmp_path)


def test_prepare_without_permission_says_so(configured, influx_store, monkeypatch, capsys) -> None:
    token = influx_store.create_tokens(["researcher"])["researcher"]
    (configured / "admin-token").write_text(token)
    assert run("store", "prepare") == 1
    shown = capsys.readouterr().err
    assert "may not manage" in shown
    assert token not in shown
