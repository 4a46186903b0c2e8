"""What is silent, wrong or unknown: the state of the fleet and of the service, at one moment.

Data pass four stages: broker, journal, loader, store. Each is looked at by itself, so that status
works, and names the stage where data stop, whichever of them is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingest.ledger import Ledger, ledger_of
from livinglab.errors import DataError, LivingLabError, Reason
from livinglab.project import Project
from livinglab.registry import Device
from livinglab.status_sources import LoaderView, Service, Trouble, ask_service, look_at_loader
from livinglab.timeline import SECOND_NS

#: A device is late after so many nominal steps without a reading, and silent after so many.
LATE_STEPS: Final = 3
SILENT_STEPS: Final = 10
#: But not before these, in s: many devices send packs of values, and networks hold some back.
LATE_AT_LEAST_S: Final = 1_800
SILENT_AT_LEAST_S: Final = 7_200
#: Reasons that tell of a broken sensor or a wrong model, not of keys that nobody wants.
_SENSELESS: Final = (Reason.IMPLAUSIBLE, Reason.SENTINEL, Reason.UNIT)


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
    rejected: Mapping[str, int]  # readings that were refused, by reason
    produced: int = 0  # readings, whatever became of them

    @property
    def senseless(self) -> dict[str, int]:
        """Readings with values that cannot be, by reason, where they are half of all or more."""
        found = {str(name): self.rejected[name] for name in _SENSELESS if name in self.rejected}
        return found if found and 2 * sum(found.values()) >= self.produced else {}


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Everything `livinglab status` shows.

    Parameters
    ----------
    store : str
        Why the store cannot be read; "" = it can.
    loader : str
        Why the loader's state cannot be read; "" = it can.
    backlog : int
        Messages in the journal that are not loaded.
    backlog_since_ns : int
        When the first of them came; 0 = there is none.
    """

    service: Service
    store: str
    loader: str
    backlog: int
    backlog_since_ns: int
    devices: tuple[DeviceStatus, ...]
    troubles: tuple[Trouble, ...]
    ledger: Ledger
    now_ns: int


def fleet_status(project: Project, lab: str = "") -> FleetStatus:
    """Look at the service, the store and each device that is valid now.

    Parameters
    ----------
    lab : str
        Devices and letters of one lab only; "" = all.

    Raises
    ------
    DataError
        If the lab does not exist. Whatever else is wrong is part of the answer.
    """
    registry = project.registry
    if lab and lab not in registry.labs:
        raise DataError(f"there is no lab {lab!r}", hint=f"known: {', '.join(registry.labs)}")
    now_ns = registry.settings.now_ns
    rows = [row for row in registry.devices if row.covers(now_ns) and lab in {"", row.lab}]
    view = look_at_loader(project.state_dir)
    newest, store = _newest(project, rows, view.newest, now_ns)
    ledger = ledger_of(view.counts)
    return FleetStatus(
        service=ask_service(project.state_dir),
        store=store,
        loader=view.problem,
        backlog=view.backlog,
        backlog_since_ns=view.backlog_since_ns,
        devices=tuple(_device(row, newest.get(row.id), now_ns, ledger) for row in rows),
        troubles=_troubles(view, lab),
        ledger=ledger,
        now_ns=now_ns,
    )


def _troubles(view: LoaderView, lab: str) -> tuple[Trouble, ...]:
    """Letters of a lab, and those of which nobody knows the lab."""
    return tuple(trouble for trouble in view.troubles if not lab or trouble.lab in {"", lab})


def _newest(
    project: Project, rows: Sequence[Device], known: Mapping[str, int], now_ns: int
) -> tuple[dict[str, int], str]:
    """Time of the newest reading per device in UTC ns, and what is wrong with the store.

    The loader remembers it; the store is asked about devices that are not well by that alone,
    which another loader may have heard.
    """
    found = dict(known)
    unwell = sorted(
        {row.id for row in rows if _health(row, known.get(row.id), now_ns) is not Health.OK}
    )
    themes = sorted({quantity.theme for quantity in project.registry.quantities.values()})
    try:
        project.store.probe()
        for theme in themes if unwell else ():
            for point in project.store.latest("raw", theme, {"device": unwell}):
                device = point.series.tags[0]
                found[device] = max(point.time_ns, found.get(device, point.time_ns))
    except LivingLabError as error:
        return found, str(error)
    return found, ""


def _device(row: Device, newest_ns: int | None, now_ns: int, ledger: Ledger) -> DeviceStatus:
    ends = ledger.devices.get(row.id, {})
    rejected = {
        end.removeprefix("rejected: "): count
        for end, count in ends.items()
        if end.startswith("rejected") and count
    }
    age_s = None if newest_ns is None else max(0.0, (now_ns - newest_ns) / SECOND_NS)
    health, produced = _health(row, newest_ns, now_ns), sum(ends.values())
    return DeviceStatus(row, newest_ns, age_s, health, rejected, produced)


def _health(row: Device, newest_ns: int | None, now_ns: int) -> Health:
    if newest_ns is None:
        return Health.NEVER
    age_s = (now_ns - newest_ns) / SECOND_NS
    if age_s > max(SILENT_STEPS * row.step_s, SILENT_AT_LEAST_S):
        return Health.SILENT
    is_late = age_s > max(LATE_STEPS * row.step_s, LATE_AT_LEAST_S)
    return Health.LATE if is_late else Health.OK
