"""Addresses: what they may say, and that they never hold a secret."""

from __future__ import annotations

import subprocess
import sys
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


WITHOUT_ANALYSIS = """
import sys
from pathlib import Path
for name in ("pandas", "numpy", "pyarrow", "influxdb_client", "airflow", "paho"):
    sys.modules[name] = None  # importing it fails
from livinglab.model import Point, SeriesKey
from livinglab.store import open_store
store = open_store(sys.argv[1], token=sys.argv[2], state_dir=Path(sys.argv[3]))
store.prepare()
series = SeriesKey("air", ("d1", "0"))
assert store.write("raw", [Point(series, n, {"no2": 1.0 + n}) for n in range(5)]) == []
store.replace("raw", "air", 0, 5, {"device": "d1"}, list(store.points("raw", "air", 0, 3)))
store.delete("raw", "air", 0, 1, {"device": "d1"})
assert store.series("raw", "air") == [series]
assert store.latest("raw", "air") == [Point(series, 2, {"no2": 3.0})]
store.probe()
store.close()
"""


@pytest.mark.parametrize("kind", ["sqlite", "influx"])
def test_store_writes_and_reads_points_without_pandas(kind: str, request, tmp_path: Path) -> None:
    """The ingest service is installed without the analysis extra."""
    url, token = "sqlite:///store", ""
    if kind == "influx":
        url = request.getfixturevalue("influx_store").url
        token = request.getfixturevalue("influx_server").token
    command = [sys.executable, "-c", WITHOUT_ANALYSIS, url, token, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
