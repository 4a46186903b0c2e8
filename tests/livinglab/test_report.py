"""The report, in a real browser: everything is there, nothing is asked of anybody, nothing runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import small_lab
from services.browser import Browser, provide_browser
from services.process import ServiceMissingError

from livinglab.errors import DataError
from livinglab.model import Point, SeriesKey
from livinglab.project import Project
from livinglab.registry import Area, Limit
from livinglab.report import lab_section, write_report
from livinglab.report.experiments import stored_sections
from livinglab.report.indicator_charts import Scene, charts_of, sparse_of
from livinglab.report.page import format_value
from livinglab.timeline import HOUR_NS, parse_window

WEEK = parse_window("2025-08-29", "2025-09-05", small_lab.ZONE)
TABLES = [
    {"title": "Ledger of messages", "text": "exact", "head": ("", "count"), "body": [("a", "1")]}
]
HOSTILE = (
    "<script>document.title='owned'</script><img src=http://probe.invalid/x>\"'$x_{$ \x07&amp;"
)


@pytest.fixture(scope="session")
def browser(say: Callable[[str], None]) -> Browser:
    try:
        return provide_browser(say)
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="module")
def report(demo_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demo week."""
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    write(demo_project, path)
    return path


def write(project: Project, path: Path) -> None:
    experiments = [section for section, _ in stored_sections(project)]
    write_report(project, path, *WEEK, title="Living lab", experiments=experiments, tables=TABLES)


class Page(HTMLParser):
    """What a document holds: ids, targets of links, number of tags, addresses, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: dict[str, int] = {}
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_report_in_a_browser_has_every_table_chart_and_anchor(
    report: Path, browser: Browser, demo_project: Project
) -> None:
    page = Page(browser.dom(report))
    text = " ".join(page.text)
    sections = [lab_section(demo_project, lab, *WEEK) for lab in demo_project.registry.labs]
    for section in sections:
        assert section.lab.id in page.ids
        assert section.lab.data_note in text
        assert all(row.indicator.label_en in text for row in section.rows)
    written = Page(report.read_text(encoding="utf-8"))
    for tag in ("svg", "table", "tr", "figure", "section"):
        assert page.tags[tag] == written.tags[tag], tag
    assert page.tags["svg"] > 20
    assert page.tags["tr"] > sum(len(section.rows) for section in sections)
    assert {"#experiments", "#table-1", "#lombok"} <= set(page.links)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))  # also within all drawings together
    assert "Placebo: nobody intervened" in text
    assert "7 civil days of Europe/Amsterdam" in text


def test_report_names_no_address_and_allows_none(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<>)]+", re.sub(r"doi:\S+", "", text))) <= names
    assert "default-src 'none'" in text
    page = Page(text)
    assert "script" not in page.tags
    assert not {"link", "iframe", "object", "embed", "form"} & set(page.tags)
    for name, value in page.attributes:
        if name in {"src", "href", "xlink:href"}:
            assert value.startswith("#"), (name, value)


def test_report_in_a_browser_asks_nobody(report: Path, browser: Browser, tmp_path: Path) -> None:
    blank, probe = tmp_path / "blank.html", tmp_path / "probe.html"
    blank.write_text("<p>nothing</p>")
    probe.write_text("<img src='http://probe.invalid/x.png'>")
    own = browser.asked(blank)
    assert "probe.invalid" in browser.asked(probe)  # so a request would be seen
    assert browser.asked(report) - own == set()


def test_report_in_a_browser_shows_ink_all_the_way_down(
    report: Path, browser: Browser, tmp_path: Path
) -> None:
    image = pixels(browser.screenshot(report, tmp_path / "page.png", 1100, 6000))
    assert image.shape == (6000, 1100, 3)
    inked = (image < 0.5).any(axis=(1, 2))
    for start in range(0, 6000, 500):
        assert inked[start : start + 500].sum() > 50, f"nothing to see from {start} on"
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    assert (abs(image - blue) < 0.01).all(axis=2).sum() > 500  # lines of charts
    assert (image[:, 1085:] == 1).all()  # nothing runs over the edge


def test_report_on_a_narrow_screen_stays_within_it(
    report: Path, browser: Browser, tmp_path: Path
) -> None:
    image = pixels(browser.screenshot(report, tmp_path / "narrow.png", 560, 3000))
    assert (image < 0.5).any()
    assert (image[:, 552:] == 1).all()


def pixels(path: Path) -> Any:
    """Rows, columns and RGB (0 to 1) of an image."""
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


def test_report_of_the_same_data_has_the_same_bytes(
    report: Path, demo_project: Project, tmp_path: Path
) -> None:
    again = tmp_path / "again.html"
    write(demo_project, again)
    assert again.read_bytes() == report.read_bytes()


def hostile_project(project: Project) -> Project:
    """The demo project in which every text that people choose is an attack."""
    registry = project.registry
    lab = registry.labs["lombok"]
    areas = {name: Area(name, HOSTILE, ()) for name in lab.areas}
    lab = replace(
        lab,
        name=HOSTILE,
        municipality=HOSTILE,
        data_note=HOSTILE,
        licence=HOSTILE,
        attribution=HOSTILE,
        areas=MappingProxyType(areas),
        experiments={
            name: replace(row, label=HOSTILE, hypothesis=HOSTILE, what=HOSTILE, where=HOSTILE)
            for name, row in lab.experiments.items()
        },
    )
    limit = Limit(HOSTILE, 1.0, None, HOSTILE)
    indicators = {
        name: replace(row, label_en=f"_{HOSTILE}", definition=HOSTILE, limits=(limit,))
        for name, row in registry.indicators.items()
    }
    registry = replace(registry, labs={"lombok": lab}, indicators=indicators)
    return Project(registry, store=project.store, state_dir=project.state_dir)


def test_report_shows_hostile_texts_as_text(
    demo_project: Project, browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.html"
    project = hostile_project(demo_project)
    table = {"title": HOSTILE, "text": HOSTILE, "head": (HOSTILE,), "body": [(HOSTILE,)]}
    write_report(
        project,
        path,
        *WEEK,
        title=HOSTILE,
        experiments=[section for section, _ in stored_sections(project)],
        tables=[table],
    )
    page = Page(browser.dom(path))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.tags["svg"] > 5
    assert "owned" not in page.text  # as a title of its own
    assert any("<script>document.title" in text for text in page.text)
    blank = tmp_path / "blank.html"
    blank.write_text("<p>nothing</p>")
    assert "probe.invalid" not in browser.asked(path) - browser.asked(blank)


def test_report_of_a_period_without_data_says_so(
    sqlite_store: Any, tmp_path: Path, browser: Browser
) -> None:
    project = small_lab.project_of(tmp_path, small_lab.registry_of(), sqlite_store)
    path = tmp_path / "empty.html"
    start = small_lab.START + HOUR_NS
    write_report(project, path, start, start + 3 * HOUR_NS, title="Nothing")
    text = browser.dom(path)
    assert "Nothing has been computed for this period." in text
    assert "2025-10-22T23:00:00Z to 2025-10-23T02:00:00Z (end not included)" in text


def test_write_report_where_it_cannot_be_written(sqlite_store: Any, tmp_path: Path) -> None:
    project = small_lab.project_of(tmp_path, small_lab.registry_of(), sqlite_store)
    (tmp_path / "file").write_text("here")
    with pytest.raises(DataError, match="cannot write"):
        write_report(project, tmp_path / "file" / "report.html", *WEEK, title="x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3.14159, "3.14"),
        (99.96, "100"),
        (1532.0, "1532"),
        (-3.746, "-3.75"),
    ],
)
def test_format_value(value: float, text: str) -> None:
    assert format_value(value) == text


def section_of(store: Any, folder: Path, values: dict[int, float | None]) -> Any:
    """A lab whose daily bicycles are `values` by day since START."""
    key = SeriesKey("mobility", (small_lab.LAB, "north", "bike_daily_count", "day"))
    points = []
    for day, value in values.items():
        fields: dict[str, Any] = {"coverage": 1.0, "n": 24, "status": "valid"}
        if value is not None:
            fields["value"] = value
        points.append(Point(key, small_lab.START + day * 24 * HOUR_NS, fields))
    store.write("indicators", points)
    project = small_lab.project_of(folder, small_lab.registry_of(), store)
    return lab_section(project, small_lab.LAB, small_lab.START, small_lab.END)


def test_lab_section_takes_the_newest_value_that_is_there(
    sqlite_store: Any, tmp_path: Path
) -> None:
    section = section_of(sqlite_store, tmp_path, {0: 5.0, 1: 7.0, 2: None})
    [row] = section.rows
    assert (row.value, row.when, row.n_values) == (7.0, "2025-10-24", 2)


def test_lab_section_without_any_value_is_a_row(sqlite_store: Any, tmp_path: Path) -> None:
    [row] = section_of(sqlite_store, tmp_path, {0: None, 1: None}).rows
    assert format_value(row.value) == "–"
    assert (row.n_values, row.against) == (0, "")


def test_comparison_with_limits_is_strict_and_names_the_year(
    sqlite_store: Any, tmp_path: Path
) -> None:
    registry = small_lab.registry_of()
    limits = (
        Limit("A", 7.0, None, "x"),
        Limit("B", 6.9, 3, "x", valid_from="2030-01-01"),
    )
    row = replace(registry.indicators["bike_daily_count"], limits=limits)
    section_of(sqlite_store, tmp_path, {0: 7.0})
    project = small_lab.project_of(
        tmp_path, replace(registry, indicators={row.id: row}), sqlite_store
    )
    [found] = lab_section(project, small_lab.LAB, small_lab.START, small_lab.END).rows
    assert found.against == "within 7 A; above 6.9 B (3 a year allowed, from 2030-01-01)"
    assert [said.is_above for said in found.comparisons] == [False, True]


def frame_of(values: dict[int, float], area: str = "north") -> pd.DataFrame:
    index = pd.DatetimeIndex(
        [small_lab.START + hour * HOUR_NS for hour in values], tz="UTC", name="time"
    )
    return pd.DataFrame({"area": area, "value": list(values.values())}, index=index)


def drawn(frames: dict[str, pd.DataFrame], *names: str) -> list[Any]:
    indicators = [small_lab.base_registry().indicators[name] for name in names]
    scene = Scene(small_lab.START, small_lab.END, small_lab.ZONE, {"north": "North"})
    return [chart for family in charts_of(indicators, frames, scene) for chart in family]


def test_charts_of_leave_out_what_has_no_two_values() -> None:
    nan = float("nan")
    frames = {"no2_hourly_mean": frame_of({0: 1.0, 1: nan}), "no2_daily_mean": frame_of({})}
    assert drawn(frames, "no2_hourly_mean", "no2_daily_mean") == []


def test_sparse_of_names_what_has_too_few_values_for_a_chart() -> None:
    nan = float("nan")
    few = frame_of({hour: 1.0 if hour < 3 else nan for hour in range(20)})
    many = frame_of(dict.fromkeys(range(20), 1.0))
    rows = small_lab.base_registry().indicators
    indicators = [rows[name] for name in ("no2_hourly_mean", "no2_daily_mean", "o3_hourly_mean")]
    frames = {"no2_hourly_mean": few, "o3_hourly_mean": many}
    assert sparse_of(indicators, frames) == ["NO2 per hour (3 of 20)"]
    assert sparse_of(indicators, {**frames, "no2_daily_mean": many}) == []
    assert sparse_of(indicators, {"no2_hourly_mean": frame_of({0: nan, 1: nan})}) == []


def test_chart_leaves_out_areas_without_values() -> None:
    nan = float("nan")
    both = pd.concat([frame_of({0: 1.0, 1: 2.0}), frame_of({0: nan, 1: nan}, "south")])
    [chart] = drawn({"no2_hourly_mean": both}, "no2_hourly_mean")
    assert "south" not in chart.svg


def test_chart_has_unit_zone_limits_and_gaps() -> None:
    nan = float("nan")
    hours = {hour: 150.0 + hour for hour in range(30)} | {30: nan, 31: nan, 32: 170.0}
    [chart] = drawn({"no2_hourly_mean": frame_of(hours)}, "no2_hourly_mean")
    root = ET.fromstring(chart.svg)
    texts = [
        "".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert "NO2 per hour, North" in texts
    assert "µg/m³" in texts
    assert any(text.startswith("200: 2008/50/EC, 2024/2881, WHO 2021") for text in texts)
    assert {"Thu", "23 Oct"} <= {part for text in texts for part in text.split("\n")}
    assert "2 of 33 intervals have no value" in chart.caption
    assert root.get("aria-label") == "NO2 per hour, North"
    paths = [each.get("d", "") for each in root.iter("{http://www.w3.org/2000/svg}path")]
    steps = max(paths, key=len)
    assert steps.count("M") == 2  # one line for each side of the gap


def test_chart_of_rows_that_are_absent_does_not_bridge_them() -> None:
    [chart] = drawn({"no2_hourly_mean": frame_of({0: 1.0, 1: 2.0, 9: 3.0})}, "no2_hourly_mean")
    assert max(re.findall(r'd="([^"]+)"', chart.svg), key=len).count("M") == 2


def test_charts_put_hours_beside_the_days_with_limits() -> None:
    frames = {
        "o3_hourly_mean": frame_of(dict.fromkeys(range(48), 50.0)),
        "o3_daily_mean": frame_of({0: 50.0, 24: 51.0}),
        "o3_max_daily_8h_mean": frame_of({0: 90.0, 24: 91.0}),
    }
    names = [name for name in small_lab.base_registry().indicators if name in frames]
    wide, narrow = drawn(frames, *names)
    assert (wide.is_wide, narrow.is_wide) == (True, False)
    assert "8-hour" in narrow.caption
