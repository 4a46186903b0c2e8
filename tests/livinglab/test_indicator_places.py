"""Which areas have a row of an indicator: those with a device that can give it, silent or not."""

from __future__ import annotations

from pathlib import Path

from livinglab.config import load_registry
from livinglab.pipeline import reconcile
from livinglab.project import Project
from livinglab.timeline import DAY_NS, parse_instant

START = parse_instant("2025-08-29", "Europe/Amsterdam")


def test_areas_have_rows_of_what_their_devices_can_give(tmp_path: Path) -> None:
    project = Project(load_registry(Path(__file__).parents[2] / "config"), state_dir=tmp_path)
    project.store.prepare()
    end = START + DAY_NS
    reconcile(project, labs=["stratumseind"], start_ns=START, end_ns=end, now_ns=end)
    found: dict[str, set[str]] = {}
    for theme in ("air", "noise", "mobility", "water", "weather"):
        for key in project.store.series("indicators", theme, {"lab": "stratumseind"}):
            found.setdefault(key.tags[1], set()).add(key.tags[2])
    project.close()
    street, brook = found["stratumseind"], found["dommel"]
    assert {"no2_hourly_mean", "laeq_hour", "l90_hour", "lden"} <= street
    assert not street & {"noise_events_65", "intermittency_ratio"}, "need levels of 1 s"
    assert not street & {"lki_calc", "bike_daily_count", "v85"}
    assert {"rain_day", "rain_max_60min", "temperature_night_min", "flow_daily"} <= brook
    assert not brook & {"rain_max_5min", "flow_hourly"}, "need shorter steps than the devices have"
    assert not brook & {"wind_direction_hourly", "ec25_hourly", "no2_hourly_mean"}
