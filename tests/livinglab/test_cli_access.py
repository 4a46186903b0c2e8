"""The commands that hand out data: export, report, airflow-pools (status has a file of its own)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import small_lab

from livinglab.cli import main
from livinglab.project import Project

WEEK = ["--from", "2025-08-29", "--to", "2025-09-05"]


@pytest.fixture(autouse=True)
def _environment(demo_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(small_lab.CONFIG))
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(demo_project.state_dir))
    monkeypatch.setenv("LIVINGLAB_NOW", demo_project.registry.settings.now)


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def test_export_writes_both_files_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "with [brackets]"
    assert run("export", "lombok", "no2", *WEEK, "--out", str(folder)) == 0
    said = capsys.readouterr().out
    data, metadata = sorted(folder.iterdir())
    assert str(data) in said
    assert str(metadata) in said
    rows = len(data.read_text().splitlines()) - 1
    assert rows > 300
    assert f"{rows} rows" in said
    assert json.loads(metadata.read_text())["livinglab"]["rows"] == rows


def test_export_takes_level_flags_and_format(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    assert run("export", "lombok", "no2", *WEEK, "--flags", "all", "--format", "parquet", *out) == 0
    assert run("export", "lombok", "no2_daily_mean", *WEEK, "--level", "indicators", *out) == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".parquet", ".json"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "no2"], "known: buiksloterham, internationale-zone, lombok"),
        (["lombok", "ozone"], "there is no quantity 'ozone'"),
        (["lombok", "no2_daily_mean"], 'read it at level "indicators"'),
        (["lombok", "no2", "--format", "xlsx"], "known: csv, parquet"),
        (["lombok", "no2", "--flags", "1,2"], "known: all, good, usable"),
        (["lombok", "no2", "--out", "/dev/null/x"], "choose another folder: --out"),
    ],
)
def test_export_explains_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", *arguments, *WEEK) == 1
    assert said in capsys.readouterr().err


def test_export_without_window_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "lombok", "no2") == 2
    assert "--from" in capsys.readouterr().err


def test_report_writes_one_file_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "report.html"
    window = ["--from", "2025-08-29", "--to", "2025-08-30"]
    assert run("report", *window, "--out", str(path)) == 0
    assert str(path) in capsys.readouterr().out
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(path.parent.iterdir()) == [path]


def test_report_refuses_a_window_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", "--from", "2025-08-29", "--to", "2025-08-29") == 1
    assert "is empty" in capsys.readouterr().err


def test_airflow_pools_have_one_slot_per_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("airflow-pools") == 0
    pools = json.loads(capsys.readouterr().out)
    assert set(pools) == {
        f"lab_{lab}" for lab in ("lombok", "buiksloterham", "stratumseind", "internationale-zone")
    }
    assert {pool["slots"] for pool in pools.values()} == {1}


def test_export_at_regular_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path)]
    assert run("export", "lombok", "pm2_5", *WEEK, "--every", "1h", *out) == 0
    head = (tmp_path / "lombok_pm2_5_clean_1h_2025-08-29_2025-09-05.csv").read_text().split()[0]
    assert head == "time,device,channel,value,coverage,n"
    assert run("export", "lombok", "no2", *WEEK, "--every", "2h", *out) == 1
    assert "'2h' is no interval to read at" in capsys.readouterr().err


def test_export_of_nothing_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "lombok", "nox", *WEEK, "--out", str(tmp_path)) == 0
    assert "no device of lombok measures nox" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("start", "said"),
    [("2025-10-26T02:30", "it occurs twice"), ("2025-03-30T02:30", "it does not exist")],
)
def test_export_refuses_a_local_time_that_is_not_one_instant(
    start: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "lombok", "no2", "--from", start, "--to", "2025-11-01") == 1
    assert f"'{start}' is no time: {said}" in capsys.readouterr().err
