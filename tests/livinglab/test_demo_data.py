"""The recorded series of the demo are what their sources say and become the right messages."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from livinglab.demo.messages import Script, load_script
from livinglab.timeline import parse_instant

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(__file__).parents[2] / "livinglab" / "demo" / "data"


@pytest.fixture(scope="module")
def script() -> Script:
    return load_script()


def shipped(name: str) -> dict[datetime, dict[str, str]]:
    rows = csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines())
    return {datetime.fromisoformat(row.pop("time")): row for row in rows}


def recorded(path: str, skip: int = 0) -> list[list[str]]:
    lines = (SHARED / path).read_text(encoding="utf-8").splitlines()[skip:]
    return list(csv.reader(lines))


def test_low_cost_sensor_is_every_tenth_minute_of_its_source() -> None:
    source = {
        datetime.strptime(row[0], "%m/%d/%Y %H:%M"): row[1:6]
        for row in recorded("air/rtp_toucan_rt01_1min_20190801_15.csv", 7)
    }
    for time, row in shipped("rtp_rt01.csv").items():
        assert list(row.values()) == source[time]


def test_noise_minutes_are_the_source_moved_to_the_start_of_the_minute() -> None:
    source = recorded("noise/laeq_1min_20250321_27.csv", 1)
    ours = shipped("noise_laeq_1min.csv")
    assert len(ours) == len(source) == 10_080
    for stamp, level in source:
        row = ours[datetime.fromisoformat(stamp) - timedelta(seconds=30)]
        assert float(row["laeq_db_a"]) == pytest.approx(float(level), abs=0.00501)


def test_bicycle_hours_are_sums_of_four_quarters() -> None:
    sums: Counter[datetime] = Counter()
    name = "muenster_warendorfer_strasse_bicycle_15min_2019-06_2019-10_status4.csv"
    for row in recorded(f"mobility/{name}", 1):
        if row[3]:
            sums[datetime.fromisoformat(row[0]).replace(minute=0)] += int(row[3])
    ours = shipped("muenster_warendorfer_strasse_outbound.csv")
    assert len(ours) == 84 * 24
    assert all(int(row["bicycles"]) == sums[time] for time, row in ours.items())


def test_rain_starts_with_the_hour_and_a_trace_is_zero() -> None:
    source = {}
    for line in (SHARED / "water/knmi_uurgeg_260_2000H1.txt").read_text("latin1").splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if cells[0] == "260":
            start = datetime.strptime(cells[1], "%Y%m%d") + timedelta(hours=int(cells[2]) - 1)
            source[start] = max(0, int(cells[13])) / 10
    for time, row in shipped("knmi_260_may.csv").items():
        assert float(row["rain_mm"]) == source[time]


def test_script_is_the_same_at_every_call(script: Script) -> None:
    assert load_script() == script


def test_script_holds_sixty_faults_and_a_late_batch_of_forty(script: Script) -> None:
    roles = Counter(message.role for message in (*script.first, *script.late))
    assert roles["late"] == 40
    assert sum(roles[role] for role in ("repeat", "malformed", "unknown", "join")) == 60
    assert len(script.first) + len(script.late) > 9_000


def test_messages_are_re_dated_by_whole_weeks(script: Script) -> None:
    """The first bicycle hour of Friday 7 June 2019 stands on Friday 13 June 2025."""
    first = next(m for m in script.first if m.topic.endswith("utr-bike-01"))
    assert json.loads(first.payload)[0]["bt"] * 10**9 == parse_instant(
        "2025-06-13", "Europe/Amsterdam"
    )


def test_every_shipped_file_is_named_in_the_notice() -> None:
    notice = (DATA / "NOTICE.md").read_text(encoding="utf-8")
    for path in DATA.glob("*.csv"):
        assert f"`{path.name}`" in notice
