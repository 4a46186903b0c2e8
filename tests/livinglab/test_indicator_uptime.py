"""A camera counter's hour with little uptime is void in the indicator, not in raw."""

from __future__ import annotations

import json
from pathlib import Path

from loaded_store import load_messages

from livinglab.config import load_registry
from livinglab.demo.messages import DemoMessage
from livinglab.pipeline import reconcile
from livinglab.project import Project
from livinglab.timeline import HOUR_NS, parse_instant, to_text

START = parse_instant("2025-09-01T08:00:00Z")


def message(hour: int, uptime: float) -> DemoMessage:
    time_ns = START + hour * HOUR_NS
    record = {
        "segment_id": 9000000001,
        "date": to_text(time_ns).replace("Z", ".000Z"),
        "uptime": uptime,
        "bike": 12.0,
        "pedestrian": 4.0,
    }
    body = json.dumps({"status_code": 200, "report": [record]}).encode()
    return DemoMessage(time_ns, "buiksloterham/telraam/ams-tr-01", body, "reading")


def test_hour_below_half_uptime_is_void(tmp_path: Path) -> None:
    registry = load_registry(Path(__file__).parents[2] / "config")
    project = Project(registry, state_dir=tmp_path)
    load_messages(project, [message(0, 0.8), message(1, 0.4), message(2, 0.5)])
    window = (START, START + 3 * HOUR_NS)
    reconcile(project, labs=["buiksloterham"], now_ns=parse_instant("2025-09-02T06:00:00Z"))
    tags = {"indicator": "bike_hourly_count"}
    frame = project.store.frame("indicators", "mobility", *window, tags)
    assert frame["status"].tolist() == ["valid", "insufficient", "valid"]
    assert frame["value"].tolist()[::2] == [12.0, 12.0]
    raw = project.store.frame("raw", "mobility", *window, {"device": "ams-tr-01"}, ["count_bike"])
    assert raw["count_bike"].tolist() == [12.0, 12.0, 12.0]
    project.close()
