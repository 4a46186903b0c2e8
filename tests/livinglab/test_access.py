"""Reading series: the same answer from both stores, on all levels, whole and in chunks."""

from __future__ import annotations

import json
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_lab
from pandas.testing import assert_frame_equal

import livinglab
from livinglab.access import LivingLab
from livinglab.errors import ConfigError, DataError
from livinglab.model import Point, SeriesKey
from livinglab.project import Project
from livinglab.question import COLUMNS, REGULAR_COLUMNS, check_request
from livinglab.store import open_store
from livinglab.store.base import Store
from livinglab.store.influx import InfluxStore
from livinglab.timeline import HOUR_NS, parse_instant, to_text

LAB, START, END = small_lab.LAB, small_lab.START, small_lab.END
WINDOW = (to_text(START), to_text(END))
OTHER = "buiksloterham"
LEVELS = {"raw": "o3", "clean": "o3", "indicators": "o3_hourly_mean"}
MOVED = parse_instant("2025-10-25", small_lab.ZONE)


def clean_points(
    device: str, channel: str = "0", first: int = START, hours: int = 145
) -> list[Point]:
    """Hourly values whose flags go round; the six days of the small lab have 145 hours."""
    key = SeriesKey("air", (LAB, device, channel, "o3"))
    flags = (1, 1, 3, 2, 4, 1)
    return [
        Point(
            key,
            at,
            {"value": float(number), "flag": flags[number % len(flags)], "tests": "22122112222"},
        )
        for number, at in enumerate(range(first, first + hours * HOUR_NS, HOUR_NS))
    ]


def indicator_points(area: str) -> list[Point]:
    key = SeriesKey("air", (LAB, area, "o3_hourly_mean", "hour"))
    points = []
    for number, at in enumerate(range(START, END, HOUR_NS)):
        fields: dict[str, Any] = {"coverage": 1.0, "n": 1, "status": "valid", "value": 0.5 * number}
        if number % 5 == 0:
            fields |= {"coverage": 0.0, "n": 0, "status": "insufficient"}
            del fields["value"]
        points.append(Point(key, at, fields))
    return points


def registry() -> Any:
    """The small lab; one air device moved to another lab, another joined on the third day."""
    base = small_lab.base_registry()
    rows = [
        small_lab.device("ref-1", to_ns=MOVED),
        small_lab.device("ref-1", lab=OTHER, from_ns=MOVED, area="papaverweg"),
        small_lab.device("ref-1", id="ref-2"),
        small_lab.device("ref-1", id="ref-3", from_ns=MOVED),
    ]
    labs = {name: base.labs[name] for name in (LAB, OTHER)}
    return small_lab.registry_of(rows, labs=labs, indicators=base.indicators)


def run_records() -> list[Point]:
    """Two runs computed days of the window, a third one the day after it."""
    key = SeriesKey("window", ("clean", LAB, "air", "day"))
    days = (START, START + 24 * HOUR_NS, END + 24 * HOUR_NS)
    infos = [json.dumps({"registry": version, "code": "0.1.0"}) for version in ("bb", "aa", "cc")]
    return [Point(key, at, {"info": info}) for at, info in zip(days, infos, strict=True)]


@pytest.fixture(scope="module", params=["sqlite", "influx"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Each kind of store with devices on all three levels, written in no particular order."""
    if request.param == "sqlite":
        store = open_store("sqlite:///store", state_dir=tmp_path_factory.mktemp("access"))
    else:
        server = request.getfixturevalue("influx_server")
        url = f"{server.store_url}&prefix=access{uuid.uuid4().hex[:8]}-"
        store = open_store(url, token=server.token)
    store.prepare()
    raw = [
        Point(SeriesKey("air", (name, "0")), at, {"o3": number + at / HOUR_NS % 7})
        for number, name in enumerate(("ref-3", "ref-1", "ref-2"))
        for at in range(START, END, HOUR_NS)
    ]
    short_day = parse_instant("2026-03-28", small_lab.ZONE)
    store.write("raw", raw)
    clean = [*clean_points("ref-2"), *clean_points("ref-1", "1"), *clean_points("ref-1")]
    store.write("clean", [*clean, *clean_points("ref-2", first=short_day, hours=72)])
    store.write("indicators", [*indicator_points("south"), *indicator_points("north")])
    store.write("ops", run_records())
    yield store
    if isinstance(store, InfluxStore):
        store.remove_buckets()
    store.close()


@pytest.fixture
def lab(filled: Store, tmp_path: Path) -> LivingLab:
    """The small lab on each kind of store in turn; to be read only."""
    return LivingLab(small_lab.project_of(tmp_path, registry(), filled))


@pytest.mark.parametrize("level", LEVELS)
def test_read_gives_declared_columns_and_types(lab: LivingLab, level: str) -> None:
    frame = lab.read(LAB, LEVELS[level], *WINDOW, level=level)
    assert len(frame) > 100
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == COLUMNS[level]
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index.name == "time"


@pytest.mark.parametrize("level", LEVELS)
def test_read_sorts_by_time_then_series(lab: LivingLab, level: str) -> None:
    frame = lab.read(LAB, LEVELS[level], *WINDOW, level=level, flags="all").reset_index()
    keys = ["time", "area"] if level == "indicators" else ["time", "device", "channel"]
    assert frame.duplicated("time").any()
    assert not frame.duplicated(keys).any()
    assert_frame_equal(frame, frame.sort_values(keys, ignore_index=True))


@pytest.mark.parametrize("chunk_days", [1, 2, 30])
@pytest.mark.parametrize("level", LEVELS)
def test_iterate_in_chunks_equals_read(lab: LivingLab, level: str, chunk_days: int) -> None:
    whole = lab.read(LAB, LEVELS[level], *WINDOW, level=level)
    chunks = list(lab.iterate(LAB, LEVELS[level], *WINDOW, level=level, chunk_days=chunk_days))
    assert len(chunks) == {1: 7, 2: 4, 30: 1}[chunk_days]  # six civil days have 145 hours
    assert all(chunk.attrs == whole.attrs for chunk in chunks)
    assert_frame_equal(pd.concat(chunks), whole)


@pytest.mark.parametrize("every", ["30min", "1h", "1d"])
@pytest.mark.parametrize("level", ["raw", "clean"])
def test_iterate_at_regular_intervals_equals_read(lab: LivingLab, level: str, every: str) -> None:
    start, end = "2025-10-24T03:30", WINDOW[1]  # chunks begin amid a day
    whole = lab.read(LAB, "o3", start, end, level=level, every=every)
    options: dict[str, Any] = {"level": level, "every": every}
    chunks = list(lab.iterate(LAB, "o3", start, end, chunk_days=1, **options))
    assert len(chunks) > 1
    pd.testing.assert_frame_equal(pd.concat(chunks), whole)
    assert {name: str(kind) for name, kind in whole.dtypes.items()} == REGULAR_COLUMNS
    assert not whole.reset_index().duplicated(["time", "device", "channel"]).any()
    assert whole.attrs["every"] == every


@pytest.mark.parametrize("level", LEVELS)
def test_read_without_data_keeps_columns_and_types(lab: LivingLab, level: str) -> None:
    some = lab.read(LAB, LEVELS[level], *WINDOW, level=level)
    none = lab.read(LAB, LEVELS[level], "2001-01-01", "2001-01-02", level=level)
    assert len(none) == 0
    assert none.attrs["unit"] == "ug/m3"
    assert_frame_equal(none, some.iloc[:0])
    assert list(lab.iterate(LAB, LEVELS[level], "2001-01-01", "2001-01-02", level=level)) == []


def test_read_raw_of_a_lab_without_such_devices_is_empty(lab: LivingLab) -> None:
    frame = lab.read(LAB, "sound_level_laeq", *WINDOW, level="raw")
    assert list(frame.columns) == list(COLUMNS["raw"])
    assert len(frame) == 0


def test_read_raw_clips_a_moved_device_to_each_lab(lab: LivingLab) -> None:
    here = lab.read(LAB, "o3", *WINDOW, level="raw")
    there = lab.read(OTHER, "o3", *WINDOW, level="raw")
    moved = pd.Timestamp(MOVED, tz="UTC")
    assert here.loc[here["device"] == "ref-1"].index.max() == moved - pd.Timedelta("1h")
    assert set(there["device"]) == {"ref-1"}
    assert there.index.min() == moved
    assert there.index.max() == pd.Timestamp(END - HOUR_NS, tz="UTC")
    assert here.loc[here["device"] == "ref-2"].index.min() == pd.Timestamp(START, tz="UTC")
    assert here.loc[here["device"] == "ref-3"].index.min() == moved


def test_read_selects_flags_by_name_and_by_number(lab: LivingLab) -> None:
    def flags(wanted: Any) -> set[int]:
        return set(lab.read(LAB, "o3", *WINDOW, flags=wanted)["flag"])

    assert flags("good") == {1}
    assert flags("usable") == {1, 2}
    assert flags("all") == {1, 2, 3, 4}
    assert flags([3, np.int64(4)]) == {3, 4}
    assert lab.read(LAB, "o3", *WINDOW, flags="good").attrs["flags"] == [1]


def test_read_of_indicators_keeps_intervals_without_value(lab: LivingLab) -> None:
    frame = lab.read(LAB, "o3_hourly_mean", *WINDOW, level="indicators")
    empty = frame[frame["status"] == "insufficient"]
    assert len(empty) == 2 * 29
    assert empty["value"].isna().all()
    assert (empty["n"] == 0).all()


@pytest.mark.parametrize("level", LEVELS)
def test_attributes_are_json_and_defend_the_data(lab: LivingLab, level: str) -> None:
    said = lab.read(LAB, LEVELS[level], *WINDOW, level=level).attrs
    assert json.loads(json.dumps(said)) == said
    project_registry = lab.project.registry
    assert said["registry_version"] == project_registry.version
    assert said["code_version"] == livinglab.__version__
    row = project_registry.labs[LAB]
    assert (said["licence"], said["attribution"], said["note"]) == (
        row.licence,
        row.attribution,
        row.data_note,
    )
    assert (said["start"], said["end"], said["timezone"]) == (*WINDOW, small_lab.ZONE)
    assert said["unit"] == "ug/m3"
    if level == "raw":
        assert "flags" not in said
    else:
        assert set(said["flag_meanings"]) == {"1", "2", "3", "4", "9"}
    if level == "clean":
        assert said["tests"][:3] == ["timing", "missing", "gross_range"]


def test_attributes_name_what_computed_the_data(lab: LivingLab) -> None:
    said = lab.read(LAB, "o3", *WINDOW).attrs
    assert said["computed_with"] == [
        {"registry_version": "aa", "code_version": "0.1.0"},
        {"registry_version": "bb", "code_version": "0.1.0"},
    ]
    assert lab.read(LAB, "o3", *WINDOW, level="raw").attrs["computed_with"] is None


def test_read_with_a_token_of_a_researcher(influx_store: Any, tmp_path: Path) -> None:
    influx_store.write("clean", clean_points("ref-2"))
    token = influx_store.create_tokens(["researcher"])["researcher"]
    store = open_store(influx_store.url, token=token)
    lab = LivingLab(small_lab.project_of(tmp_path, registry(), store))
    with lab:
        frame = lab.read(LAB, "o3", *WINDOW)
    assert len(frame) == 73
    assert frame.attrs["computed_with"] is None  # run records are not for researchers


@pytest.mark.parametrize(
    ("question", "named"),
    [
        (("nowhere", "o3", *WINDOW), ("nowhere", LAB, OTHER)),
        ((LAB, "ozone", *WINDOW), ("ozone", "o3", "water_level")),
        ((LAB, "o3_hourly_mean", *WINDOW), ("is an indicator", 'level "indicators"')),
    ],
)
def test_read_of_unknown_names_lists_what_exists(
    sqlite_lab: LivingLab, question: Any, named: Any
) -> None:
    with pytest.raises(DataError) as error:
        sqlite_lab.read(*question)
    assert all(word in str(error.value) for word in named)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"level": "cooked"}, ("cooked", "clean, indicators, raw")),
        ({"flags": "nice"}, ("nice", "all, good, usable")),
        ({"flags": [1, 7]}, ("no flag 7", "1, 2, 3, 4 and 9")),
        ({"flags": []}, ("no flag is named",)),
        ({"level": "indicators"}, ("no indicator 'o3'", "o3_hourly_mean")),
    ],
)
def test_read_with_unknown_options_lists_what_exists(
    sqlite_lab: LivingLab, options: Any, named: Any
) -> None:
    with pytest.raises(DataError) as error:
        sqlite_lab.read(LAB, "o3", *WINDOW, **options)
    assert all(word in str(error.value) for word in named)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2025-10-24", "2025-10-24", "is empty"),
        ("2025-10-25", "2025-10-24", "is empty"),
        ("last week", "2025-10-24", "'last week' is no time"),
        ("2025-10-24", "2025-13-01", "'2025-13-01' is no time"),
        ("0001-01-01", "2025-10-24", "out of range"),
        ("2025-10-24", "9999-12-31T23:00:00-10:00", "out of range"),
    ],
)
def test_read_refuses_a_window_that_is_none(
    sqlite_lab: LivingLab, start: str, end: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        sqlite_lab.read(LAB, "o3", start, end)


def test_iterate_refuses_chunks_of_no_days_at_once(sqlite_lab: LivingLab) -> None:
    with pytest.raises(DataError, match="chunks of 0 days"):
        sqlite_lab.iterate(LAB, "o3", *WINDOW, chunk_days=0)


def test_read_of_civil_dates_follows_the_clock_of_the_lab(lab: LivingLab) -> None:
    def hours(start: Any, end: Any) -> int:
        frame = lab.read(LAB, "o3", start, end, level="raw")
        return int((frame["device"] == "ref-2").sum())

    assert hours("2025-10-25", "2025-10-26") == 24
    assert hours("2025-10-26", "2025-10-27") == 25  # summer time ends
    assert hours(date(2025, 10, 26), date(2025, 10, 27)) == 25
    assert hours(datetime(2025, 10, 26, tzinfo=UTC), "2025-10-26T02:00:00Z") == 2
    assert hours("2025-10-26T00:00", "2025-10-26T06:00") == 7


def test_read_of_a_short_day_has_23_hours(lab: LivingLab) -> None:
    frame = lab.read(LAB, "o3", "2026-03-29", "2026-03-30", flags="all")
    assert len(frame) == 23


class CountingStore:
    """A store that counts how many frames it has given are still held by someone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.alive = 0
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def frames(self, *arguments: Any, **named: Any) -> Iterator[pd.DataFrame]:
        for frame in self._store.frames(*arguments, **named):
            self.alive += 1
            self.most = max(self.most, self.alive)
            weakref.finalize(frame, self._drop)
            yield frame

    def _drop(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("level", LEVELS)
def test_iterate_holds_no_more_than_two_chunks(lab: LivingLab, level: str) -> None:
    store = CountingStore(lab.project.store)
    counted = LivingLab(replace_store(lab.project, store))
    chunks = counted.iterate(LAB, LEVELS[level], *WINDOW, level=level, chunk_days=1)
    rows = 0
    for chunk in chunks:
        rows += len(chunk)
    assert rows > 100
    assert store.most <= 2


def replace_store(project: Project, store: Any) -> Project:
    return Project(project.registry, store=store, state_dir=project.state_dir)


@pytest.fixture
def sqlite_lab(sqlite_store: Store, tmp_path: Path) -> LivingLab:
    """An empty store: questions are refused before it is asked."""
    return LivingLab(small_lab.project_of(tmp_path, registry(), sqlite_store))


def test_open_reads_the_configuration_that_is_named(
    demo_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(demo_project.state_dir))
    with livinglab.open(str(small_lab.CONFIG)) as lab:
        frame = lab.read("lombok", "no2", "2025-08-29", "2025-09-05", flags="all")
    assert set(frame["device"]) == {"utr-aq-01", "utr-ref-01"}
    assert frame.attrs["note"].startswith("Demo data")
    [computed] = frame.attrs["computed_with"]
    assert computed["registry_version"] == demo_project.registry.version


def test_open_without_configuration_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        livinglab.open(tmp_path / "none")


def test_read_of_clean_is_what_the_store_has(demo_project: Project) -> None:
    lab = LivingLab(demo_project)
    frame = lab.read("internationale-zone", "count_bike", "2025-08-30", "2025-08-31", flags="all")
    assert set(frame["channel"]) == {"west", "east"}
    start, end = (parse_instant(day, small_lab.ZONE) for day in ("2025-08-30", "2025-08-31"))
    tags = {"lab": "internationale-zone", "quantity": "count_bike"}
    stored = list(demo_project.store.points("clean", "mobility", start, end, tags))
    rows = {
        (row.Index.value, row.channel): (row.value, row.flag, row.tests)
        for row in frame.itertuples()
    }
    assert rows == {
        (point.time_ns, point.series.tags[2]): tuple(
            point.fields[name] for name in ("value", "flag", "tests")
        )
        for point in stored
    }


def test_devices_are_those_that_can_measure_the_quantity_in_the_window() -> None:
    rows = registry()
    request = check_request(rows, LAB, "o3", *WINDOW)
    assert [row.id for row in request.devices(rows)] == ["ref-1", "ref-2", "ref-3"]
    level = check_request(rows, LAB, "water_level", *WINDOW)
    assert level.devices(rows) == ()
    early = replace(request, start_ns=START - 2 * HOUR_NS, end_ns=START - HOUR_NS)
    assert early.devices(rows) == ()
