"""Exports: read back field by field, whole or not at all, bounded in memory."""

from __future__ import annotations

import csv
import gc
import hashlib
import json
import math
import re
import resource
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_lab
from pandas.testing import assert_frame_equal

from livinglab.access import LivingLab
from livinglab.account import Account, expected_values
from livinglab.errors import DataError, StoreUnavailableError
from livinglab.export import Exported, _guarded, export
from livinglab.model import Point, SeriesKey
from livinglab.positions import published_position
from livinglab.project import Project
from livinglab.question import check_request
from livinglab.timeline import HOUR_NS, MINUTE_NS, parse_instant, to_text

WEEK = ("2025-08-29", "2025-09-05")
CASES = [
    ("lombok", "no2", "clean", "good", ""),
    ("lombok", "no2", "clean", "all", ""),
    ("lombok", "no2", "clean", "usable", "1h"),
    ("internationale-zone", "count_bike", "raw", "good", ""),
    ("internationale-zone", "count_bike", "raw", "good", "1d"),
    ("lombok", "lden", "indicators", "good", ""),
    ("stratumseind", "lden", "indicators", "good", ""),
    ("lombok", "sound_level_laeq", "clean", "good", ""),  # nothing there
    ("lombok", "sound_level_laeq", "clean", "good", "1h"),
]

#: How the declared types of the data package are read from the text of a CSV cell.
CASTS: dict[str, Any] = {
    "datetime": pd.Timestamp,
    "string": str,
    "number": lambda text: math.nan if text == "" else float(text),
    "integer": int,
}


def exported(project: Project, case: Any, folder: Path, fmt: str) -> tuple[Any, Exported]:
    lab = LivingLab(project)
    name, quantity, level, flags, every = case
    options = {"level": level, "flags": flags, "every": every}
    request = lab.request(name, quantity, *WEEK, **options)
    expected = lab.read(name, quantity, *WEEK, **options)
    return expected, export(lab, request, folder, fmt=fmt, chunk_days=2)


def described(done: Exported) -> tuple[dict[str, Any], dict[str, Any]]:
    package = json.loads(done.metadata.read_text(encoding="utf-8"))
    [resource_] = package["resources"]
    return package, resource_


@pytest.mark.parametrize("case", CASES)
def test_export_as_csv_read_back_by_its_package_equals_read(
    demo_project: Project, tmp_path: Path, case: Any
) -> None:
    expected, done = exported(demo_project, case, tmp_path, "csv")
    package, described_ = described(done)
    path = tmp_path / described_["path"]
    with path.open(encoding=described_["encoding"], newline="") as file:
        head, *rows = csv.reader(file)
    fields = described_["schema"]["fields"]
    assert head == [field["name"] for field in fields]
    cells = [
        [CASTS[field["type"]](cell) for field, cell in zip(fields, row, strict=True)]
        for row in rows
    ]
    assert len(rows) == done.rows == package["livinglab"]["rows"] == len(expected)
    if rows:
        found = pd.DataFrame(cells, columns=head).set_index("time")
        found.index = found.index.as_unit("ns")
        assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("case", CASES)
def test_export_as_parquet_read_back_equals_read(
    demo_project: Project, tmp_path: Path, case: Any
) -> None:
    expected, done = exported(demo_project, case, tmp_path, "parquet")
    found = pq.read_table(done.data).to_pandas().set_index("time")
    assert_frame_equal(found, expected, check_exact=True)
    assert done.rows == len(expected)


@pytest.mark.parametrize("case", [CASES[0], CASES[2]])  # readings, and regular intervals
@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_export_package_keeps_the_rules_of_the_standard(
    demo_project: Project, tmp_path: Path, fmt: str, case: Any
) -> None:
    _, done = exported(demo_project, case, tmp_path, fmt)
    package, described_ = described(done)
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert re.fullmatch(r"[a-z0-9._-]+", package["name"])
    for licence in package["licenses"]:
        assert re.fullmatch(r"[-a-zA-Z0-9._]+", licence["name"])
    assert described_["type"] == "table"
    assert described_["name"]
    # Relative, without a leading dot or slash, no way up.
    assert re.fullmatch(r"(?=[^./~])(?!.*\.\.)[^\\:]+", described_["path"])
    algorithm, _, digest = described_["hash"].partition(":")
    data = (tmp_path / described_["path"]).read_bytes()
    assert hashlib.new(algorithm, data).hexdigest() == digest == done.sha256
    assert described_["format"] == fmt
    assert described_.get("bytes", len(data)) == len(data)
    assert {field["type"] for field in described_["schema"]["fields"]} <= set(CASTS)
    assert all(field["description"] for field in described_["schema"]["fields"])
    names = [field["name"] for field in described_["schema"]["fields"]]
    assert set(described_["schema"]["primaryKey"]) <= set(names)
    assert described_["schema"]["missingValues"] == [""]


def test_export_package_explains_units_flags_licence_and_provenance(
    demo_project: Project, tmp_path: Path
) -> None:
    _, done = exported(demo_project, CASES[0], tmp_path, "csv")
    package, described_ = described(done)
    said = package["livinglab"]
    [value] = [field for field in described_["schema"]["fields"] if field["name"] == "value"]
    assert value["unit"] == said["unit"] == "ug/m3"
    assert said["flag_meanings"]["4"].startswith("fail")
    assert package["licenses"] == [{"name": "CC-BY-4.0", "title": "CC-BY-4.0"}]
    assert "nothing of it was measured in Lombok" in package["description"]
    assert said["registry_version"] == demo_project.registry.version
    assert "Gemeente" not in done.metadata.read_text(encoding="utf-8")  # owners are not published


def test_export_account_explains_what_is_missing(demo_project: Project, tmp_path: Path) -> None:
    expected, done = exported(demo_project, CASES[0], tmp_path, "csv")
    [sensor, reference] = described(done)[0]["livinglab"]["account"]
    assert (sensor["device"], sensor["expected"]) == ("utr-aq-01", 7 * 144)
    assert (reference["device"], reference["expected"]) == ("utr-ref-01", 7 * 24)
    for row in (sensor, reference):
        assert row["received"] == sum(row["by_flag"].values())
        assert row["missing"] == row["expected"] - row["received"]
        assert row["exported"] == row["by_flag"]["good"]
        assert row["exported"] == (expected["device"] == row["device"]).sum()
    assert reference["missing"] > 0


def test_export_of_indicators_accounts_for_their_status(
    demo_project: Project, tmp_path: Path
) -> None:
    expected, done = exported(demo_project, CASES[6], tmp_path, "csv")
    [area] = described(done)[0]["livinglab"]["account"]
    assert area["intervals"] == area["exported"] == len(expected) == 7
    assert area["with_value"] == expected["value"].notna().sum()
    assert area["by_status"] == expected["status"].value_counts().sort_index().to_dict()


def test_export_of_a_silent_device_says_what_was_expected(
    demo_project: Project, tmp_path: Path
) -> None:
    lab = LivingLab(demo_project)
    request = lab.request("lombok", "no2", "2025-08-25", "2025-08-26", level="raw")
    done = export(lab, request, tmp_path)
    assert done.rows == 0
    assert done.data.read_text(encoding="utf-8") == "time,device,channel,value\n"
    [sensor, _] = described(done)[0]["livinglab"]["account"]
    assert (sensor["expected"], sensor["received"], sensor["missing"]) == (144, 0, 144)


def test_expected_values_end_with_the_device_and_with_the_present() -> None:
    moved = small_lab.START + 10 * HOUR_NS
    registry = small_lab.registry_of([small_lab.device("ref-1", to_ns=moved)])
    window = (to_text(small_lab.START - HOUR_NS), to_text(small_lab.END))
    request = check_request(registry, small_lab.LAB, "o3", *window)
    assert expected_values(registry, request, small_lab.END) == {("ref-1", "0"): 10}
    now_ns = small_lab.START + 3 * HOUR_NS + MINUTE_NS
    assert expected_values(registry, request, now_ns) == {("ref-1", "0"): 4}
    assert expected_values(registry, request, small_lab.START - HOUR_NS) == {("ref-1", "0"): 0}
    assert Account(registry, request, now_ns).rows() == [
        {
            "device": "ref-1",
            "channel": "0",
            "expected": 4,
            "received": 0,
            "missing": 4,
            "by_flag": {},
            "exported": 0,
        }
    ]


def test_published_position_of_a_citizen_is_the_cell_and_says_how_coarse() -> None:
    row = small_lab.device("ref-1", x_rd=135_339.0, y_rd=456_088.0, position_accuracy_m=5.0)
    plain = published_position(row)
    assert (plain.x_rd, plain.y_rd, plain.accuracy_m) == (135_339.0, 456_088.0, 5.0)
    home = replace(row, privacy="citizen")
    hidden = published_position(home)
    assert (hidden.x_rd, hidden.y_rd) == (135_350.0, 456_050.0)
    assert hidden == published_position(replace(home, x_rd=135_301.0, y_rd=456_001.0))
    assert hidden.accuracy_m == 76  # half the diagonal of 100 m, and the accuracy of the position
    assert math.hypot(hidden.x_rd - row.x_rd, hidden.y_rd - row.y_rd) < hidden.accuracy_m
    assert (hidden.lon, hidden.lat) != (row.lon, row.lat)


def test_export_never_names_the_home_of_a_citizen(demo_project: Project, tmp_path: Path) -> None:
    lab = LivingLab(demo_project)
    done = export(lab, lab.request("internationale-zone", "pm2_5", *WEEK), tmp_path)
    [device] = described(done)[0]["livinglab"]["devices"]
    [row] = [row for row in demo_project.registry.devices if row.id == device["id"]]
    assert row.privacy == "citizen"
    assert device["is_coarsened"]
    for name in ("lon", "lat", "x_rd", "y_rd"):
        assert device[name] != getattr(row, name)
    text = done.metadata.read_text(encoding="utf-8")
    assert all(f"{getattr(row, name):.4f}" not in text for name in ("lon", "lat"))
    assert "Resident" not in text


def test_export_writes_no_formula_into_csv(sqlite_store: Any, tmp_path: Path) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", 'a"b', "a,b", "=", "plain", "'x"]
    start = small_lab.START
    refused = sqlite_store.write(
        "clean",
        [
            Point(
                SeriesKey("air", (small_lab.LAB, text, "0", "o3")),
                start,
                {"value": -1.5, "flag": 1, "tests": "1"},
            )
            for text in hostile
        ],
    )
    assert not refused
    lab = LivingLab(small_lab.project_of(tmp_path, small_lab.registry_of(), sqlite_store))
    request = lab.request(small_lab.LAB, "o3", to_text(start), to_text(start + HOUR_NS))
    done = export(lab, request, tmp_path / "out")
    with done.data.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    found = [row[1] for row in rows]
    assert not any(cell[:1] in set("=+-@\t\r") for cell in found)
    assert sorted(found) == sorted(f"'{text}" if text[0] in "=+-@" else text for text in hostile)
    assert {row[3] for row in rows} == {"-1.5"}  # numbers stay numbers
    [field] = [
        field for field in described(done)[1]["schema"]["fields"] if field["name"] == "device"
    ]
    assert "has ' before it" in field["description"]
    plain = export(lab, request, tmp_path / "out", fmt="parquet")
    assert sorted(pq.read_table(plain.data)["device"].to_pylist()) == sorted(hostile)


def test_guarded_leaves_harmless_texts_alone() -> None:
    column = pd.Series(["\tx", "\rx", "x\t=", "", None], dtype="str")
    assert _guarded(column).tolist()[:4] == ["'\tx", "'\rx", "x\t=", ""]


def test_export_keeps_times_to_the_nanosecond(sqlite_store: Any, tmp_path: Path) -> None:
    start = small_lab.START
    times = [start, start + 1, start + 500_000_000, start + MINUTE_NS]
    key = SeriesKey("air", ("ref-1", "0"))
    sqlite_store.write("raw", [Point(key, at, {"o3": 1.0}) for at in times])
    lab = LivingLab(small_lab.project_of(tmp_path, small_lab.registry_of(), sqlite_store))
    window = (to_text(start), to_text(start + HOUR_NS))
    done = export(lab, lab.request(small_lab.LAB, "o3", *window, level="raw"), tmp_path)
    texts = [line.split(",")[0] for line in done.data.read_text().splitlines()[1:]]
    assert [pd.Timestamp(text).value for text in texts] == times
    assert texts[0] == to_text(start)
    assert all(datetime.fromisoformat(text) for text in texts)


def test_export_names_files_by_civil_dates_and_by_instants(
    demo_project: Project, tmp_path: Path
) -> None:
    lab = LivingLab(demo_project)
    days = export(lab, lab.request("lombok", "no2", *WEEK), tmp_path)
    assert days.data.name == "lombok_no2_clean_2025-08-29_2025-09-05.csv"
    assert days.metadata.name == "lombok_no2_clean_2025-08-29_2025-09-05.csv.datapackage.json"
    hours = lab.request("lombok", "no2", "2025-08-29T12:00:00Z", "2025-08-30T12:00:00Z")
    name = "lombok_no2_clean_2025-08-29T120000Z_2025-08-30T120000Z.parquet"
    assert export(lab, hours, tmp_path, fmt="parquet").data.name == name


def test_export_again_gives_the_same_bytes(demo_project: Project, tmp_path: Path) -> None:
    files = []
    for folder in ("one", "two"):
        for fmt in ("csv", "parquet"):
            _, done = exported(demo_project, CASES[0], tmp_path / folder, fmt)
            files.append((done.data.read_bytes(), done.metadata.read_bytes()))
    assert files[:2] == files[2:]


class BreakingStore:
    """A store whose connection breaks after the second chunk."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def frames(self, *arguments: Any, **named: Any) -> Any:
        for number, frame in enumerate(self._store.frames(*arguments, **named)):
            if number == 2:
                raise StoreUnavailableError("the store went away")
            yield frame


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_export_that_breaks_off_leaves_what_was_there(
    demo_project: Project, tmp_path: Path, fmt: str
) -> None:
    _, done = exported(demo_project, CASES[0], tmp_path, fmt)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {done.data.name, done.metadata.name}
    project = Project(demo_project.registry, store=BreakingStore(demo_project.store))  # type: ignore[arg-type]  # what is read of a store
    with pytest.raises(StoreUnavailableError):
        exported(project, CASES[0], tmp_path, fmt)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(StoreUnavailableError):
        exported(project, CASES[0], tmp_path / "new", fmt)
    assert list((tmp_path / "new").iterdir()) == []


def test_export_into_something_that_is_no_folder(demo_project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(DataError, match="cannot write") as error:
        exported(demo_project, CASES[0], tmp_path / "file", "csv")
    assert "Not a directory" in str(error.value) or "exists" in str(error.value)
    assert (tmp_path / "file").read_text() == "here"


def test_export_of_an_unknown_format_lists_the_known(demo_project: Project, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="known: csv, parquet"):
        exported(demo_project, CASES[0], tmp_path, "xlsx")


def limited(project: Project, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`livinglab export` in a process whose files cannot grow beyond 64 kB: a full disk."""
    command = [sys.executable, "-m", "livinglab", "export", "stratumseind", "sound_level_laeq"]
    environment = {
        "LIVINGLAB_CONFIG": str(small_lab.CONFIG),
        "LIVINGLAB_STATE_DIR": str(project.state_dir),
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",  # or half a file would be left in a cache
    }

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))

    return subprocess.run(
        [*command, "--from", WEEK[0], "--to", WEEK[1], "--out", str(folder), *options],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=limit,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_export_onto_a_full_disk_says_so_and_leaves_nothing(
    demo_copy: Project, tmp_path: Path, fmt: str
) -> None:
    folder = tmp_path / "out"
    ended = limited(demo_copy, folder, "--format", fmt, "--flags", "all")
    assert ended.returncode == 1
    assert "cannot write" in ended.stderr
    assert "--out" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(folder.iterdir()) == []


def test_export_memory_does_not_grow_with_the_window(sqlite_store: Any, tmp_path: Path) -> None:
    start = parse_instant("2024-01-01", small_lab.ZONE)
    key = SeriesKey("air", ("ref-1", "0"))
    days = 120
    points = [
        Point(key, start + number * MINUTE_NS, {"o3": number / 7})
        for number in range(days * 24 * 60)
    ]
    sqlite_store.write("raw", points)
    del points
    rows = [small_lab.device("ref-1", from_ns=start)]
    lab = LivingLab(small_lab.project_of(tmp_path, small_lab.registry_of(rows), sqlite_store))

    def peak_mb(count: int) -> float:
        until = start + count * 24 * HOUR_NS
        request = lab.request(small_lab.LAB, "o3", to_text(start), to_text(until), level="raw")
        gc.collect()
        tracemalloc.start()
        done = export(lab, request, tmp_path / "out", chunk_days=3)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert done.rows == count * 24 * 60
        return peak / 1e6

    short = peak_mb(12)
    assert peak_mb(days) < 1.3 * short + 1
