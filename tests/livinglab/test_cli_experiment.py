"""`livinglab experiment list | show | report` on the store of the demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from livinglab.cli import build_app, experiment_commands, main
from livinglab.project import Project

NAME = "bicycles-placebo"


@pytest.fixture
def demo(demo_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The environment of an installation whose store is the demo's."""
    settings = demo_project.registry.settings
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(demo_project.state_dir))
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(demo_project.config_dir))
    monkeypatch.setenv("LIVINGLAB_NOW", settings.now)
    return demo_project


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["experiment", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["experiment", *arguments]) == 1
    return capsys.readouterr().err


def test_list_shows_what_results_may_claim(demo: Project) -> None:
    told = run("list")
    for words in ("lombok", NAME, "did", "bike_daily_count", "placebo: no effect shown", "fresh"):
        assert words in told
    assert NAME not in run("list", "--lab", "stratumseind")


def test_list_in_a_narrow_terminal_cuts_no_name(
    demo: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_commands, "console", Console(width=50))
    told = run("list")
    assert f"lombok {NAME}" in told
    assert "  result: placebo: no effect shown (MDE" in told
    assert "…" not in told


def test_show_tells_it_in_words_and_figures(demo: Project) -> None:
    told = run("show", "lombok", NAME)
    for words in ("PLACEBO", "Bicycles per day", "95 % interval", "check pre-trend", "registry"):
        assert words in told


def test_show_as_json_is_the_record_with_its_provenance(demo: Project) -> None:
    record = json.loads(run("show", "lombok", NAME, "--json"))
    assert record["placebo"] is True
    assert record["provenance"]["registry"] == demo.registry.version
    assert record["provenance"]["state"] == "fresh"
    assert {"code", "computed"} <= set(record["provenance"])


def test_show_as_json_has_every_field_that_defends_the_number(demo: Project) -> None:
    """What a result record must hold: ids, sites, phases, days, means, model, errors, verdict."""
    record = json.loads(run("show", "lombok", NAME, "--json"))
    for key in (
        "experiment", "indicator", "unit", "treated", "control", "before", "after", "excluded",
        "mean", "estimator", "formula", "covariates", "estimate", "alpha", "p_adjusted", "family",
        "percent", "g", "mde", "mde_attained", "r", "pre_trend", "placebo_in_time", "sensitivity",
        "calibrations", "data", "design", "transform", "verdict", "reasons",
    ):  # fmt: skip
        assert key in record, key
    assert {"se", "df", "lags", "low", "high", "p"} <= set(record["estimate"])
    assert {(row["side"], row["phase"]) for row in record["excluded"]} == {
        (side, phase) for side in ("treated", "control") for phase in ("before", "after")
    }


def test_show_before_the_date_of_the_design_concludes_nothing(
    demo: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVINGLAB_NOW", "2025-09-04T10:00:00Z")
    assert "INTERIM: nothing is to be concluded before 2025-09-05." in run("show", "lombok", NAME)
    assert "interim: no verdict" in run("list")
    record = json.loads(run("show", "lombok", NAME, "--json"))
    assert (record["verdict"], record["p_adjusted"], record["estimate"]["p"]) == (
        "interim", None, None,
    )  # fmt: skip


def test_report_writes_both_files(demo: Project, tmp_path: Path) -> None:
    told = run("report", "lombok", NAME, "--out", str(tmp_path / "there"))
    for ending in (".html", ".md"):
        path = tmp_path / "there" / f"{NAME}{ending}"
        assert str(path) in told
        assert path.stat().st_size > 10_000


@pytest.mark.parametrize("command", ["show", "report"])
def test_unknown_names_are_explained(
    demo: Project, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    told = fails(capsys, command, "lombok", "bicycles")
    assert "has no experiment 'bicycles'" in told
    assert NAME in told
    assert "no lab 'utrecht'" in fails(capsys, command, "utrecht", NAME)


def test_list_of_an_unknown_lab_is_explained(
    demo: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no lab 'utrecht'" in fails(capsys, "list", "--lab", "utrecht")


def test_store_without_results_is_explained(
    demo: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(tmp_path))
    Project.open().store.prepare()
    assert "none yet" in run("list")
    assert "has no result yet" in fails(capsys, "show", "lombok", NAME)
