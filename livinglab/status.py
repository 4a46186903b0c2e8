"""What is silent, wrong or unknown: the state of the fleet and of the service, at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import urllib3

from ingest.ledger import Ledger, read_ledger
from ingest.letters import Kind
from ingest.state import State, state_path
from livinglab.errors import LivingLabError, StoreError
from livinglab.project import Project
from livinglab.registry import Device
from livinglab.timeline import SECOND_NS

#: A device is late after so many nominal steps without a reading, and silent after so many.
LATE_STEPS: Final = 3
SILENT_STEPS: Final = 10


class Health(StrEnum):
    """How a device is doing, by the age of its newest reading."""

    OK = "ok"
    LATE = "late"
    SILENT = "silent"
    NEVER = "never heard"


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device of the registry: newest reading in UTC ns (None = never), age in s."""

    device: Device
    newest_ns: int | None
    age_s: float | None
    health: Health
    rejected: int  # readings that were refused, each with a reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """Messages that did not become points: by lab, device and reason."""

    kind: str  # "dead" | "quarantine"
    lab: str
    device: str
    reason: str
    count: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Everything `livinglab status` shows."""

    service: str  # in words: running, not running, or why not ready
    is_ready: bool
    store: str  # "" = reachable
    devices: tuple[DeviceStatus, ...]
    troubles: tuple[Trouble, ...]
    ledger: Ledger
    now_ns: int

    @property
    def is_well(self) -> bool:
        """Whether nothing asks for a person."""
        quiet = all(device.health is Health.OK for device in self.devices)
        return self.is_ready and not self.store and quiet and not self.troubles


def fleet_status(project: Project, lab: str = "") -> FleetStatus:
    """Look at the service, the store and each device that is valid now.

    Parameters
    ----------
    lab : str
        One lab only; "" = all.

    Raises
    ------
    LivingLabError
        If the lab does not exist.
    """
    registry = project.registry
    if lab and lab not in registry.labs:
        known = ", ".join(registry.labs)
        raise LivingLabError(f"there is no lab {lab!r}", hint=f"known: {known}")
    now_ns = registry.settings.now_ns
    rows = [row for row in registry.devices if row.covers(now_ns) and lab in {"", row.lab}]
    ledger = read_ledger(project.state_dir)
    newest, store = _newest(project, rows)
    service, is_ready = _service(project.state_dir)
    return FleetStatus(
        service,
        is_ready,
        store,
        tuple(_device(row, newest.get(row.id), now_ns, ledger) for row in rows),
        tuple(trouble for trouble in _troubles(project.state_dir) if lab in {"", trouble.lab}),
        ledger,
        now_ns,
    )


def _newest(project: Project, rows: list[Device]) -> tuple[dict[str, int], str]:
    """Time of the newest reading per device, and what is wrong with the store."""
    found: dict[str, int] = {}
    themes = sorted({quantity.theme for quantity in project.registry.quantities.values()})
    devices = sorted({row.id for row in rows})
    try:
        for theme in themes if devices else ():
            for point in project.store.latest("raw", theme, {"device": devices}):
                device = point.series.tags[0]
                found[device] = max(point.time_ns, found.get(device, 0))
    except StoreError as error:
        return found, error.message
    return found, ""


def _device(row: Device, newest_ns: int | None, now_ns: int, ledger: Ledger) -> DeviceStatus:
    ends = ledger.devices.get(row.id, {})
    rejected = sum(count for end, count in ends.items() if end.startswith("rejected"))
    if newest_ns is None:
        return DeviceStatus(row, None, None, Health.NEVER, rejected)
    age_s = max(0.0, (now_ns - newest_ns) / SECOND_NS)
    steps = age_s / row.step_s
    health = Health.OK if steps <= LATE_STEPS else Health.LATE
    return DeviceStatus(
        row, newest_ns, age_s, Health.SILENT if steps > SILENT_STEPS else health, rejected
    )


def _troubles(state_dir: Path) -> Iterator[Trouble]:
    path = state_path(state_dir)
    if not path.exists():
        return
    state = State(path)
    try:
        for kind in Kind:
            for lab, device, reason, count, _, last_ns in state.letters.tally(kind):
                yield Trouble(str(kind), lab, device, reason, count, last_ns)
    finally:
        state.close()


def _service(state_dir: Path) -> tuple[str, bool]:
    """Ask the ingest service itself, at the address that it left in its state folder."""
    path = state_dir / "ingest.json"
    try:
        left: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        answer = urllib3.request("GET", f"{left['http']}/readyz", timeout=3, retries=False)
    except FileNotFoundError:
        return "not running: it has not been started with this state folder", False
    except (OSError, ValueError, KeyError, urllib3.exceptions.HTTPError):
        return "not running: start it with `livinglab ingest`", False
    said = answer.data.decode("utf-8", "replace").strip()
    return ("running", True) if answer.status == 200 else (f"not ready: {said}", False)
