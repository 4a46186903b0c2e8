"""Addresses: what they may say, and that they never hold a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from livinglab.errors import ConfigError
from livinglab.store import open_store
from livinglab.store.influx import InfluxStore
from livinglab.store.sqlite import SqliteStore


def test_open_store_relative_folder_is_in_the_state_folder(tmp_path: Path) -> None:
    store = open_store("sqlite:///store/here", state_dir=tmp_path)
    assert isinstance(store, SqliteStore)
    assert store.folder == tmp_path / "store" / "here"


def test_open_store_absolute_folder_stays_so(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store", state_dir=Path("/elsewhere"))
    assert isinstance(store, SqliteStore)
    assert store.folder == tmp_path / "store"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("influxdb://db?org=o", "http://db:8086"),
        ("influxdb://db:9999?org=o&tls=1", "https://db:9999"),
        ("influxdb://[::1]:8086?org=o&tls=0", "http://[::1]:8086"),
    ],
)
def test_open_store_influxdb_address(url: str, base: str) -> None:
    store = open_store(url, token="t")
    assert isinstance(store, InfluxStore)
    assert store._http.base == base


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://db", 'starts with "influxdb://" or "sqlite:///"'),
        ("influxdb://db:8086", "a host, a port"),
        ("influxdb:///?org=o", "a host, a port"),
        ("sqlite://store", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("influxdb://db?org=o&prefx=a", "unknown option prefx; known: ca, org, prefix, tls"),
        ("influxdb://db?org=o&prefix=a/b", "a prefix of letters"),
        ("influxdb://user:s3cret@db?org=o", "no credentials in the address"),
        ("influxdb://db?org=o&token=s3cret", "unknown option token"),
        ("influxdb://db:port?org=o", "a host, a port"),
    ],
)
def test_open_store_wrong_address_says_what_is_expected(url: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert expected in str(caught.value)
    assert "influxdb://host:8086?org=livinglab" in caught.value.hint
    assert "s3cret" not in str(caught.value)
