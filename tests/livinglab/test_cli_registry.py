from __future__ import annotations

import resource
import sqlite3
from typing import Any

import pytest
from config_tree import ConfigTree
from typer.testing import CliRunner

from livinglab.cli import build_app, main

DEVICES = "labs/stratumseind/devices.csv"
PLACE = ["--lab", "stratumseind", "--area", "stratumseind"]
NEW = ["ein-ref-99", *PLACE, "--model", "reference-monitor", "--from", "2025-06-01"]


@pytest.fixture
def tree(tmp_path):
    return ConfigTree(tmp_path)


def run(tree, *arguments):
    return CliRunner().invoke(build_app(), [*arguments, "--config", str(tree.root)])


def fails(tree, capsys, *arguments):
    assert main([*arguments, "--config", str(tree.root)]) == 1
    return capsys.readouterr().err


def test_check_prints_what_there_is(tree):
    result = run(tree, "check")
    assert result.exit_code == 0
    for word in ("lombok", "buiksloterham", "stratumseind", "internationale-zone", "Den Haag"):
        assert word in result.output
    assert tree.load().version in result.output


def test_check_prints_all_problems_and_fails(tree, capsys):
    tree.replace("quantities.yaml", "unit: NTU", "unit: florps")
    tree.append(DEVICES, "x,no-model,161600,383000,,,,nowhere,60,2025-06-01,,Me,public")
    told = fails(tree, capsys, "check")
    assert "error: 3 problems" in told
    for words in ("turbidity.unit", "row 6, model", "row 6, area"):
        assert words in told
    assert "Traceback" not in told


def test_device_list_shows_one_lab(tree):
    result = run(tree, "device", "list", "--lab", "stratumseind")
    assert result.exit_code == 0
    assert "ein-nm-01" in result.output
    assert "utr-aq-01" not in result.output
    assert "2025-06-01" in result.output


def test_device_list_of_an_unknown_lab_suggests_the_nearest(tree, capsys):
    assert "did you mean 'lombok'?" in fails(tree, capsys, "device", "list", "--lab", "lombock")


def test_device_show_tells_place_mapping_calibration_and_flags(tree):
    result = run(tree, "device", "show", "utr-aq-01")
    assert result.exit_code == 0
    for word in ("135339, 456088", "ppb", "ug/m3", "slope 1.0687", "warm-up"):
        assert word in result.output


def test_device_show_of_an_unknown_device_suggests_the_nearest(tree, capsys):
    assert "did you mean 'utr-aq-01'?" in fails(tree, capsys, "device", "show", "utr-aq-1")


def test_device_add_appends_a_row(tree):
    before = tree.path(DEVICES).read_bytes()
    result = run(tree, "device", "add", *NEW, "--x", "161600", "--y", "383000.5", "--owner", "A, B")
    assert result.exit_code == 0
    row = (
        b'ein-ref-99,reference-monitor,161600,383000.5,,,,stratumseind,,2025-06-01,,"A, B",public\n'
    )
    assert tree.path(DEVICES).read_bytes() == before + row
    (device,) = tree.load().history["ein-ref-99"]
    assert device.y_rd == 383000.5
    assert device.step_s == 3600  # of the model
    assert not list(tree.path("labs/stratumseind").glob(".devices*"))


def test_device_add_keeps_the_form_of_the_file(tree):
    rows = [line.split(",") for line in tree.text(DEVICES).splitlines()]
    text = "\r\n".join(";".join([*cells, "", ""]).replace("20.5", "20,5") for cells in rows)
    before = b"\xef\xbb\xbf" + text.encode()  # BOM, CRLF, semicolons, blank columns, no end of line
    tree.write(DEVICES, before)
    assert run(tree, "device", "add", *NEW, "--lon", "5.4815", "--lat", "51.4362").exit_code == 0
    row = b"ein-ref-99;reference-monitor;;;5,4815;51,4362;;stratumseind;;2025-06-01;;;public;;"
    assert tree.path(DEVICES).read_bytes() == before + b"\r\n" + row + b"\r\n"
    assert tree.load().history["ein-ref-99"][0].lon == 5.4815


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--x", "383000", "--y", "161600"], "look swapped"),
        ([], "expected either x_rd and y_rd, or lon and lat"),
        (["--x", "161600", "--y", "383000", "--area", "nowhere"], "unknown area of stratumseind"),
        (
            ["--x", "161600", "--y", "383000", "--model", "reference"],
            "did you mean 'reference-monitor'?",
        ),
        (
            ["--x", "161600", "--y", "383000", "--lab", "stratumseinde"],
            "did you mean 'stratumseind'?",
        ),
        (
            ["--x", "161600", "--y", "383000", "--from", "1-6-2025"],
            "expected a date like 2025-06-13",
        ),
        (["--x", "161600", "--y", "383000", "--to", "2025-01-01"], "is not after valid_from"),
        (["--x", "161600", "--y", "383000", "--privacy", "none"], "expected 'public' or 'citizen'"),
    ],
)
def test_device_add_refuses_what_check_refuses_and_leaves_the_file(tree, capsys, change, told):
    before = tree.path(DEVICES).read_bytes()
    assert told in fails(tree, capsys, "device", "add", *NEW, *change)
    assert tree.path(DEVICES).read_bytes() == before


def test_device_add_on_a_full_disk_leaves_the_file_and_nothing_else(tree, capsys):
    """The kernel refuses files longer than a limit, as a full disk would."""
    before = tree.path(DEVICES).read_bytes()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        said = fails(tree, capsys, "device", "add", *NEW, "--x", "161600", "--y", "383000")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert "cannot write it" in said
    assert "make room on that disk" in said
    assert tree.path(DEVICES).read_bytes() == before
    assert list(tree.path(DEVICES).parent.glob(".*")) == []


def test_device_add_of_a_device_of_another_lab_is_refused(tree, capsys):
    arguments = ["utr-aq-01", *NEW[1:], "--x", "161600", "--y", "383000"]
    assert "ids are unique over all labs" in fails(tree, capsys, "device", "add", *arguments)


def test_device_add_without_the_column_says_so(tree, capsys):
    rows = [line.split(",") for line in tree.text(DEVICES).splitlines()]
    tree.write(DEVICES, "\n".join(",".join([*cells[:4], *cells[6:]]) for cells in rows))
    told = fails(tree, capsys, "device", "add", *NEW, "--lon", "5.4815", "--lat", "51.4362")
    assert "lon: missing heading" in told


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device", "out.csv"), sqlite3.OperationalError("disk I/O error")],
)
def test_error_of_the_disk_is_told_without_a_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing() -> Any:
        raise error

    monkeypatch.setattr("livinglab.cli.build_app", failing)
    assert main(["check"]) == 1
    said = capsys.readouterr().err
    assert "look at the disk" in said
    assert "Traceback" not in said
