"""Calibrations fitted beside a reference: figures of a co-location study, command, proposed row."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from config_tree import DEMO
from typer.testing import CliRunner, Result

from livinglab import pipeline
from livinglab.calibration_report import RAW, Pairs, calibrate
from livinglab.cli import build_app
from livinglab.errors import DataError
from livinglab.project import Project
from livinglab.report.calibration_page import write_page
from livinglab.timeline import HOUR_NS, parse_instant
from transforms.air import hourly_mean
from transforms.frames import to_panel

SHARED = Path(__file__).parents[2].parent / "shared"
FROM, TO = "2025-08-29", "2025-09-05"


def rtp(unit: str, quantity: str) -> Pairs:
    """Hours of a low-cost sensor beside a reference station, 2019; clocks: sensor UTC-05:00."""
    path = SHARED / f"data/air/rtp_toucan_{unit}_1min_20190801_15.csv"
    table = pd.read_csv(path, skiprows=6)
    time = pd.to_datetime(table["Time"], format="%m/%d/%Y %H:%M").dt.tz_localize("Etc/GMT+5")
    names = {"pm2_5": "PM2.5 (µg/m³)", "o3": "O3 (ppb)", "relative_humidity": "RH (%)"}
    start, end = (parse_instant(f"2019-08-{day}T05:00:00Z") for day in ("01", "16"))
    columns = {}
    for key, name in ((RAW, names[quantity]), ("relative_humidity", "RH (%)")):
        panel = to_panel(time, "s", table[name].to_numpy(dtype=np.float64))
        hours = {"start": pd.Timestamp(start, tz="UTC"), "end": pd.Timestamp(end, tz="UTC")}
        columns[key] = hourly_mean(panel.dropna(), **hours, zone="UTC", steps={"s": 60})["value"]
    reference = pd.read_csv(SHARED / "data/air/rtp_reference_hourly_20190801_15.csv")
    part = reference[reference["Param"] == {"pm2_5": "PM2.5-88101", "o3": "O3"}[quantity]]
    stamps = pd.to_datetime(part["Date (UTC)"] + " " + part["Time (UTC)"], format="%m/%d/%Y %H:%M")
    values = pd.to_numeric(part["Value"], errors="coerce").where(part["QC Code"] == 0)
    valid = pd.Series(values.to_numpy(), index=pd.DatetimeIndex(stamps, tz="UTC"))
    frame = pd.DataFrame(columns)
    frame["reference"] = valid.reindex(frame.index)
    return Pairs(unit, quantity, "ug/m3", frame, start, end, "Burdens Creek")


@pytest.mark.parametrize("unit", ["rt01", "rt02"])
def test_calibrate_matches_the_oracle_on_unseen_hours(unit: str) -> None:
    """oracles/air/rtp_agreement.json, pm25_calibration; tolerance 1e-5 relative (its README)."""
    oracle = json.loads((SHARED / "oracles/air/rtp_agreement.json").read_text())
    expected = oracle[unit]["pm25_calibration"]
    report = calibrate(rtp(unit, "pm2_5"), ["relative_humidity"])
    assert report.split_ns == parse_instant(expected["train_before"].replace(" ", "T"))
    assert (report.fit.n, report.after.n) == (expected["n"], expected["test_n"])
    coefficients = expected["coef"]
    got = (report.fit.offset, *report.fit.coefficients.values(), report.fit.r2, report.fit.rmse)
    wanted = (
        *(coefficients[name] for name in ("const", "pm25", "rh")),
        expected["r2"],
        expected["rmse"],
    )
    # the oracle prints six decimals, which is 4e-5 of the smallest coefficient
    assert got == pytest.approx(wanted, rel=1e-5, abs=6e-7)
    assert report.before.rmse == pytest.approx(expected["test_rmse_raw"], rel=1e-5)
    assert report.after.rmse == pytest.approx(expected["test_rmse_calibrated"], rel=1e-5)


def test_calibrate_states_uncertainty_for_fine_dust_alone() -> None:
    fine = calibrate(rtp("rt01", "pm2_5"))
    assert fine.has_uncertainty
    assert f"U {100 * fine.after.expanded_uncertainty:.0f} %" in fine.evidence
    assert not calibrate(rtp("rt01", "o3")).has_uncertainty


def made(slope: float, noise: float, days: int = 20) -> Pairs:
    rng = np.random.default_rng(3)
    start = parse_instant("2025-03-01T00:00:00Z")
    hours = np.arange(24 * days)
    reference = 40 + 20 * np.sin(hours / 17)
    raw = slope * reference + 3 + rng.normal(0, noise, len(hours))
    index = pd.DatetimeIndex(start + hours * HOUR_NS, tz="UTC")
    frame = pd.DataFrame({RAW: raw, "reference": reference}, index=index)
    return Pairs("s", "o3", "ug/m3", frame, start, start + len(hours) * HOUR_NS, "r")


def test_calibrate_recovers_what_was_put_in() -> None:
    report = calibrate(made(2.0, 0.0))
    assert report.parameters == pytest.approx({"slope": 0.5, "offset": -1.5})
    assert report.after.rmse == pytest.approx(0.0, abs=1e-9)
    assert report.cautions == ()
    assert report.cells("2025-04-01")["parameters"] == "slope=0.5 offset=-1.5"


def test_calibrate_warns_of_what_speaks_against_it() -> None:
    assert any("falls where" in told for told in calibrate(made(-1.0, 0.1)).cautions)
    told = calibrate(made(0.05, 30.0, days=5)).cautions
    assert any("5.0 days" in text for text in told)
    assert any("follows the reference too little" in text for text in told)


def test_calibrate_without_a_later_part_is_refused() -> None:
    pairs = made(1.0, 1.0)
    with pytest.raises(DataError, match=r"480 hours of o3 in common .* and 0 after") as caught:
        calibrate(pairs, split_ns=pairs.end_ns)
    assert "livinglab quality" in str(caught.value.hint)


def test_write_page_has_charts_and_no_outside_address(tmp_path: Path) -> None:
    report = calibrate(made(2.0, 1.0))
    write_page(report, "s,o3,linear,<row>", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "s,o3,linear,&lt;row&gt;" in text
    loaded = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)[^\"')\s]+", text)
    assert [address for address in loaded if "http" in address and "w3.org" not in address] == []


Command = Callable[..., Result]


@pytest.fixture
def command(demo_copy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line on a copy of the demo's store and configuration."""
    folder = tmp_path / "config"
    shutil.copytree(DEMO, folder)
    now = str(demo_copy.registry.settings.now)
    for name, value in (("CONFIG", folder), ("STATE_DIR", demo_copy.state_dir), ("NOW", now)):
        monkeypatch.setenv(f"LIVINGLAB_{name}", str(value))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build_app(), [*arguments], catch_exceptions=True)

    return run


def test_calibrate_command_proposes_a_row_and_writes_nothing(
    command: Command, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    before = (tmp_path / "config/labs/lombok/calibrations.csv").read_bytes()
    result = command(
        "calibrate", "utr-aq-01", "o3", "--reference", "utr-ref-01",
        "--from", FROM, "--to", TO, "--report", str(page),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "utr-aq-01,o3,linear,slope=1." in result.output
    assert "97 h beside utr-ref-01 (2025-08-29 to 2025-09-05); 48 unseen h after" in result.output
    assert "caution: 7.0 days side by side" in result.output
    assert page.exists()
    assert (tmp_path / "config/labs/lombok/calibrations.csv").read_bytes() == before


def test_calibrate_command_with_a_file_equals_that_with_the_device(
    command: Command, demo_project: Project, tmp_path: Path
) -> None:
    tags = {"device": "utr-ref-01", "quantity": "o3"}
    frame = demo_project.store.frame("clean", "air", 0, 2**62, tags, ["value", "flag"])
    table = pd.DataFrame(
        {"Time": frame.index.strftime("%Y-%m-%dT%H:%M:%SZ"), "O3": frame["value"] / 1.995343}
    )
    table.to_csv(tmp_path / "reference.csv", index=False)
    common = ("calibrate", "utr-aq-01", "o3", "--from", FROM, "--to", TO, "--reference")
    with_file = command(*common, str(tmp_path / "reference.csv"), "--unit", "ppb").output
    with_device = command(*common, "utr-ref-01").output
    row = next(line for line in with_device.splitlines() if line.startswith("utr-aq-01,o3"))
    assert row.replace("utr-ref-01", "reference.csv") in with_file


def test_calibrate_command_applies_the_row_and_its_windows_are_stale(
    command: Command, tmp_path: Path
) -> None:
    arguments = (
        "calibrate", "utr-aq-01", "pm2_5", "--reference", "utr-ref-01", "--from", FROM, "--to", TO,
        "--method", "multi_linear", "--covariates", "relative_humidity", "--apply",
        "--valid-from", "2025-09-03T00:00:00Z", "--valid-to", "2025-09-05T00:00:00Z",
    )  # fmt: skip
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    assert "added to calibrations.csv of lombok" in result.output
    project = Project.open()
    stale = pipeline.stale(project, levels=["clean"])
    assert len(stale) == 2
    (reason,) = {verdict.reason for verdict in stale}
    assert reason.startswith("configuration changed: ")
    assert "calibration of utr-aq-01 pm2_5 added" in reason
    project.close()
    again = command(*arguments)
    assert again.exit_code == 1
    assert "overlaps row 3 of utr-aq-01 pm2_5" in str(again.exception)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"device": "utr-aq-02"}, "no device 'utr-aq-02' in the registry; did you mean"),
        ({"quantity": "o4"}, "utr-aq-01 does not measure 'o4'"),
        ({"--reference": "utr-bike-01"}, "utr-bike-01 does not measure 'o3'"),
        ({"--reference": "nowhere.csv"}, "nowhere.csv: cannot read it"),
        ({"--reference": "utr-aq-01"}, "utr-aq-01 cannot be its own reference"),
        ({"--from": "2025-08-01", "--to": "2025-08-04"}, "was nowhere in this period"),
        ({"--valid-from": "soon"}, "'soon' is no time"),
        ({"--valid-to": FROM}, "[2025-09-05, 2025-08-29) is empty"),
        ({"--method": "multi_linear"}, "covariates and method multi_linear go together"),
        ({"--covariates": "air_temperature"}, "covariates and method multi_linear go together"),
    ],
)
def test_calibrate_command_tells_what_is_wrong(
    command: Command, changes: dict[str, str], told: str
) -> None:
    given = {
        "device": "utr-aq-01",
        "quantity": "o3",
        "--reference": "utr-ref-01",
        "--from": FROM,
        "--to": TO,
    }
    given |= changes
    options = [part for name, value in given.items() if name[0] == "-" for part in (name, value)]
    result = command("calibrate", given["device"], given["quantity"], *options)
    assert result.exit_code == 1
    assert told in str(result.exception)


def test_calibrate_command_refuses_a_reference_that_hangs(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "hangs.csv"
    hours = pd.date_range(FROM, TO, freq="h", tz="UTC", inclusive="left")
    lines = [f"{hour:%Y-%m-%dT%H:%M:%SZ},40" for hour in hours]
    path.write_text("\n".join(["time,value", *lines]))
    result = command("calibrate", "utr-aq-01", "o3", "--reference", str(path),
                     "--from", FROM, "--to", TO)  # fmt: skip
    assert result.exit_code == 1
    assert "does not vary: reference (40 all the time)" in str(result.exception)


def test_calibrate_command_says_when_another_calibration_still_holds(command: Command) -> None:
    result = command("calibrate", "utr-aq-01", "o3", "--reference", "utr-ref-01",
                     "--from", FROM, "--to", TO)  # fmt: skip
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "caution: the row would be refused" in told
    assert "overlaps row 2 of utr-aq-01 o3: give that one a valid_to first" in told


def test_quality_command_shows_tests_and_why_not(command: Command) -> None:
    result = command("quality", "lombok", "--from", FROM, "--to", TO, "--theme", "air")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "3 other devices of kanaalstraat needed, 1 there" in told
    assert "manual 0+144" in told
    shown = json.loads(command("quality", "lombok", "--json").output)
    rows = {(row["device"], row["quantity"]): row for row in shown["rows"]}
    assert rows["utr-aq-01", "no2"]["values"] == 1008
    assert sum(rows["utr-aq-01", "no2"]["flags"].values()) == 1008
