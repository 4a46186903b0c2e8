"""The provisioned dashboards ask what the schema can answer, with the researchers' token."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from store.sample import T0, clean

from livinglab.model import Point, SeriesKey
from livinglab.store.base import SCHEMA

GRAFANA = Path(__file__).parents[1] / "config" / "grafana"
SOURCES = yaml.safe_load((GRAFANA / "provisioning/datasources/influxdb.yaml").read_text())
BUCKET = {each["uid"]: each["jsonData"]["dbName"] for each in SOURCES["datasources"]}
BOARDS = {path.stem: json.loads(path.read_text()) for path in GRAFANA.glob("dashboards/*.json")}
VALUES = {
    "$lab": "lombok",
    "$theme": "air",
    "$quantity": "no2",
    "$device": ".*",
    "$indicator": "no2_hour",
    "$area": ".*",
    "$timeFilter": f"time >= {T0} AND time < {T0 + 86_400_000_000_000}",
    "$__interval": "1h",
}
PANELS = [
    pytest.param(panel["datasource"]["uid"], target["query"], id=f"{name}: {panel['title']}")
    for name, board in sorted(BOARDS.items())
    for panel in board["panels"]
    for target in panel["targets"]
]
VARIABLES = [
    pytest.param(variable["datasource"]["uid"], variable["query"], id=f"{name}: {variable['name']}")
    for name, board in sorted(BOARDS.items())
    for variable in board["templating"]["list"]
]


def filled_in(query: str) -> str:
    for name, value in VALUES.items():
        query = query.replace(name, value)
    assert "$" not in re.sub(r"\$/", "/", query), query
    return query


@pytest.fixture
def ask(influx_store, influx_server):
    """Ask as Grafana does, with the researchers' token."""
    point = {"value": 21.5, "coverage": 0.9, "n": 54, "status": "valid"}
    series = SeriesKey("air", ("lombok", "kanaalstraat", "no2_hour", "1h"))
    missing = {"coverage": 0.1, "n": 3, "status": "insufficient"}
    hour = 3_600_000_000_000
    influx_store.write("indicators", [Point(series, T0, point), Point(series, T0 + hour, missing)])
    influx_store.write("clean", [clean("d1", 0, 20.0), clean("d1", 1, 90.0, 4)])
    token = influx_store.create_tokens(["researcher"])["researcher"]
    prefix = influx_store.url.partition("prefix=")[2]

    def query(source: str, text: str) -> list[dict[str, Any]]:
        answer = urllib3.request(
            "POST",
            f"{influx_server.url}/query",
            fields={"db": prefix + BUCKET[source], "q": text, "epoch": "ms"},
            headers={"Authorization": f"Token {token}", "Accept": "application/json"},
        ).json()
        (result,) = answer["results"]
        assert "error" not in result, result
        return result.get("series", [])

    return query


@pytest.mark.parametrize(("source", "query"), PANELS)
def test_panel_gets_an_answer(ask, source: str, query: str) -> None:
    series = ask(source, filled_in(query))
    assert len(series) == 1
    assert len(series[0]["values"]) >= 1


@pytest.mark.parametrize(("source", "query"), VARIABLES)
def test_variable_gets_its_choices(ask, source: str, query: str) -> None:
    (series,) = ask(source, filled_in(query))
    assert [row[-1] for row in series["values"]]


def test_boards_are_complete() -> None:
    assert sorted(BOARDS) == ["indicators", "readings"]
    assert len({board["uid"] for board in BOARDS.values()}) == 2
    for board in BOARDS.values():
        used = {panel["datasource"]["uid"] for panel in board["panels"]}
        assert used <= BUCKET.keys()
        assert all(panel["description"] for panel in board["panels"])
        assert board["timezone"] == "Europe/Amsterdam"


def test_sources_read_buckets_of_the_schema_with_a_token_from_a_file() -> None:
    assert set(BUCKET.values()) <= SCHEMA.keys()
    for source in SOURCES["datasources"]:
        secret = source["secureJsonData"]["httpHeaderValue1"]
        assert secret == "Token $__file{/run/tokens/researcher/token}"
