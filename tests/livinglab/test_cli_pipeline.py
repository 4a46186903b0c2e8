"""The commands run, stale, reconcile and explain, on a copy of the repository's configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from small_lab import CONFIG, announce, arrive
from typer.testing import CliRunner

from livinglab.cli import build_app, main
from livinglab.errors import LivingLabError
from livinglab.model import Point, SeriesKey
from livinglab.project import Project
from livinglab.store.base import Store
from livinglab.timeline import MINUTE_NS, parse_instant

ZONE = "Europe/Amsterdam"
FROM = parse_instant("2025-08-30", ZONE)
NOW = parse_instant("2025-09-02", ZONE)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configuration in a folder of its own, with readings of one air sensor over three days."""
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    monkeypatch.setenv("LIVINGLAB_NOW", "2025-09-01T22:00:00Z")
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(folder))
    monkeypatch.delenv("LIVINGLAB_STORE", raising=False)
    store = store_of(folder)
    store.prepare()
    arrive(store, air(FROM, NOW))
    return folder


def store_of(folder: Path) -> Store:
    return Project.open(folder).store


def air(start_ns: int, end_ns: int) -> list[Point]:
    series = SeriesKey("air", ("utr-aq-01", "0"))
    return [
        Point(series, at, {"no2": 20.0 + at // (10 * MINUTE_NS) % 7, "o3": 50.0 + at % 11})
        for at in range(start_ns, end_ns, 10 * MINUTE_NS)
    ]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), list(arguments), catch_exceptions=False)


def told(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def lines(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--json").output.splitlines()]


AIR = ("--lab", "lombok", "--theme", "air")


def test_stale_lists_what_was_never_computed(tree: Path) -> None:
    text = told("stale", *AIR)
    assert "never computed" in text
    assert "livinglab reconcile" in text
    levels = {row["level"] for row in lines("stale", *AIR)}
    assert levels == {"clean", "indicators", "years"}


def test_reconcile_then_nothing_is_stale(tree: Path) -> None:
    assert "never computed" in told("reconcile", *AIR, "--dry-run")
    text = told("reconcile", *AIR)
    assert "clean lombok air" in text
    assert "indicators lombok air" in text
    assert told("stale", *AIR) == "Nothing is stale."
    assert told("reconcile", *AIR) == "Nothing was stale."


def test_stale_names_the_late_hour_and_the_changed_row(tree: Path) -> None:
    told("reconcile", *AIR)
    announce(store_of(tree), air(FROM, FROM + 1))
    assert {row["reason"] for row in lines("stale", *AIR)} == {
        "late data: utr-aq-01 2025-08-29T22Z"
    }
    told("reconcile", *AIR)
    calibrations = tree / "labs" / "lombok" / "calibrations.csv"
    with calibrations.open("a", encoding="utf-8") as file:
        file.write("utr-aq-01,no2,linear,slope=1.2 offset=1,2025-09-01,,test\n")
    (first, *_) = lines("stale", *AIR)
    assert first["reason"] == "configuration changed: calibration of utr-aq-01 no2 added"
    assert first["start"] == "2025-08-31T00:00:00Z"  # the UTC day in which 1 September begins


def test_run_computes_one_level(tree: Path) -> None:
    assert "clean lombok air" in told("run", "clean", "lombok", "--theme", "air")
    assert {row["level"] for row in lines("stale", *AIR)} == {"indicators", "years"}
    text = told("run", "indicators", "lombok", "--theme", "air")
    assert "indicators lombok air" in text
    assert {row["level"] for row in lines("stale", *AIR)} == {"years"}
    assert "years lombok air" in told("run", "years", "lombok", "--theme", "air")
    assert told("stale", *AIR) == "Nothing is stale."
    again = told("run", "clean", "lombok", "--theme", "air", "--from", "2025-08-30", "--force")
    assert "forced" in again


def test_run_experiment_of_an_unknown_name_says_which_there_are(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "experiment", "lombok", "bicycle"]) == 1
    said = capsys.readouterr().err
    assert "has no experiment 'bicycle'" in said
    assert "bicycles-placebo" in said
    assert "Traceback" not in said


def test_explain_tells_where_a_number_comes_from(tree: Path) -> None:
    told("reconcile", *AIR)
    text = told("explain", "lombok", "no2_daily_mean", "kanaalstraat", "2025-08-30")
    assert "NO2 per day in kanaalstraat (lombok)" in text
    assert "2025-08-29T23:00:00Z, 2025-08-30T23:00:00Z" in text  # the legal day of the 30th
    assert "the window is fresh" in text
    assert "utr-aq-01 (toucan-senml" in text
    assert "utr-ref-01 (reference-monitor" in text
    assert "0 readings arrived, 0 used" in text
    assert "limit WHO 2021: 25 ug/m3" in text
    assert "because never computed" in text


def test_explain_tells_of_calibrations_flags_and_tests(tree: Path) -> None:
    flags = tree / "labs" / "lombok" / "flags.csv"
    with flags.open("a", encoding="utf-8") as file:
        file.write("utr-aq-01,o3,4,2025-08-31T10:00,2025-08-31T11:00,sensor covered,Ann\n")
    arrive(store_of(tree), [Point(SeriesKey("air", ("utr-aq-01", "0")), FROM, {"o3": 900.0})])
    told("reconcile", *AIR)
    output = run(
        "explain", "lombok", "o3_daily_mean", "kanaalstraat", "2025-08-31", "--json"
    ).output
    found = json.loads(output)
    (sensor,) = (row for row in found["series"] if row["device"] == "utr-aq-01")
    assert sensor["raw"] == 144
    assert sensor["excluded"]["fail"] == 6
    assert sensor["tests"]["manual"] == 6
    assert "sensor covered (Ann)" in sensor["manual"][0]
    assert "158 h beside a reference monitor" in sensor["calibrations"][0]
    assert found["windows"][0]["level"] == "indicators"
    assert {row["level"] for row in found["windows"][1:]} == {"clean"}
    first = told("explain", "lombok", "o3_hourly_mean", "kanaalstraat", "2025-08-30T00:30")
    assert "by the test gross_range" in first


def test_explain_of_a_stale_window_says_so(tree: Path) -> None:
    told("reconcile", *AIR)
    announce(store_of(tree), air(FROM, FROM + 1))
    text = told("explain", "lombok", "no2_hourly_mean", "kanaalstraat", "2025-08-30T00:30")
    assert "stale (late data: utr-aq-01 2025-08-29T22Z)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nolab", "no2_daily_mean", "kanaalstraat", "2025-08-30"), "no lab 'nolab'"),
        (("lombok", "no2", "kanaalstraat", "2025-08-30"), "no indicator 'no2'"),
        (("lombok", "no2_daily_mean", "nowhere", "2025-08-30"), "has no row at"),
        (("lombok", "no2_daily_mean", "kanaalstraat", "yesterday"), "is no time"),
    ],
)
def test_explain_of_what_is_not_there(
    tree: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert main(["explain", *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "->" in said


@pytest.mark.parametrize("command", ["stale", "reconcile"])
@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--lab", "lombock", "no lab 'lombock'"),
        ("--theme", "sound", "no theme or experiment 'sound'"),
        ("--from", "2025-10-26T02:30", "it occurs twice"),
    ],
)
def test_name_that_selects_nothing_is_an_error(
    tree: Path, command: str, option: str, name: str, said: str
) -> None:
    del tree
    with pytest.raises(LivingLabError, match=said) as caught:
        run(command, option, name)
    assert caught.value.hint


def test_stale_of_an_unknown_level_lists_the_levels(tree: Path) -> None:
    del tree
    with pytest.raises(LivingLabError, match="no level 'cleen'") as caught:
        run("stale", "--level", "cleen")
    assert "clean, indicators, years, experiment" in caught.value.hint
