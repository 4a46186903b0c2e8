"""Commands about the configuration: check, device list, device show, device add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import typer
from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Table

from livinglab.cli import console
from livinglab.errors import LivingLabError
from livinglab.registry import Device, ModelKey, Registry
from livinglab.timeline import to_datetime

_CONFIG = typer.Option(None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(check)
    devices = device_group(app)
    devices.command("list")(list_devices)
    devices.command("show")(show_device)
    devices.command("add")(add)


def device_group(app: typer.Typer) -> typer.Typer:
    """The group `livinglab device` of an app, which several modules put commands into."""
    for group in app.registered_groups:
        if group.name == "device" and group.typer_instance is not None:
            return group.typer_instance
    devices = typer.Typer(no_args_is_help=True, help="Devices of the registry.")
    app.add_typer(devices, name="device")
    return devices


def check(config: Path | None = _CONFIG) -> None:
    """Check the whole configuration without network; exit code 1 with every problem found."""
    registry = _load(config)
    table = _table("lab", "municipality", "areas", "devices", "models", "quantities", "experiments")
    for lab in registry.labs.values():
        rows = [row for row in registry.devices if row.lab == lab.id]
        models = {row.model for row in rows}
        quantities = {key.quantity for name in models for key in _keys(registry, name)}
        counts = (lab.areas, {row.id for row in rows}, models, quantities, lab.experiments)
        table.add_row(lab.id, lab.municipality, *(str(len(items)) for items in counts))
    _print(table)
    known = {
        "models": registry.models,
        "quantities": registry.quantities,
        "indicators": registry.indicators,
        "calibrations": registry.calibrations,
        "manual flags": registry.flags,
    }
    console.print(", ".join(f"{len(items)} {name}" for name, items in known.items()))
    console.print(f"no problems; registry version {registry.version}", style="green")


def list_devices(
    lab: str = typer.Option("", help="One lab only."), config: Path | None = _CONFIG
) -> None:
    """List the devices, one line per device: its newest row and how many rows it has."""
    registry = _load(config)
    _require_lab(registry, lab)
    counts = Counter(row.id for row in registry.devices)
    table = _table("device", "lab", "area", "model", "step s", "from", "to", "rows")
    for rows in registry.history.values():
        row = rows[-1]
        if lab in {"", row.lab}:
            zone = registry.labs[row.lab].timezone
            period = (_day(row.from_ns, zone), _day(row.to_ns, zone), str(counts[row.id]))
            table.add_row(row.id, row.lab, row.area, row.model, str(row.step_s), *period)
    _print(table)


def show_device(
    device: str = typer.Argument(help="Device id."), config: Path | None = _CONFIG
) -> None:
    """Show a device: its places over time, what it measures, calibrations and manual flags."""
    registry = _load(config)
    rows = registry.history.get(device)
    if rows is None:
        raise _unknown("device", device, registry.history)
    console.print(f"{device} ({registry.models[rows[-1].model].label})", style="bold")
    zone = registry.labs[rows[-1].lab].timezone
    _print(_places(registry, rows))
    _print(_mapping(registry, rows[-1].model))
    for row in registry.calibrations:
        if row.device == device:
            told = ", ".join(f"{name} {value:g}" for name, value in row.parameters.items())
            since = f"{row.quantity} from {_day(row.from_ns, zone)}"
            line = f"calibration of {since}: {told} ({row.evidence})"
            console.print(line, highlight=False, soft_wrap=True)
    for flag in registry.flags:
        if flag.device == device:
            period = f"{_day(flag.from_ns, zone)} to {_day(flag.to_ns, zone)}"
            line = f"flag {flag.flag} on {flag.quantity}, {period}: {flag.reason} ({flag.author})"
            console.print(line, highlight=False, soft_wrap=True)


def add(
    device: str = typer.Argument(help="Device id, unique over all labs."),
    lab: str = typer.Option(..., help="Lab id."),
    model: str = typer.Option(..., help="Device model, a file of config/models."),
    area: str = typer.Option(..., help="Area of the lab."),
    valid_from: str = typer.Option(..., "--from", help="First civil date or RFC 3339 instant."),
    valid_to: str = typer.Option("", "--to", help="End (not included)."),
    x: str = typer.Option("", help="RD New x, m."),
    y: str = typer.Option("", help="RD New y, m."),
    lon: str = typer.Option("", help="Longitude, degrees; instead of --x."),
    lat: str = typer.Option("", help="Latitude, degrees; instead of --y."),
    height: str = typer.Option("", help="Height of the sensor or of its zero, m NAP."),
    step_s: str = typer.Option("", "--step", help="Interval between readings, s."),
    owner: str = typer.Option("", help="Who owns it."),
    privacy: str = typer.Option("public", help="public, or citizen: published coarsely."),
    config: Path | None = _CONFIG,
) -> None:
    """Add a device to devices.csv of its lab, if the configuration stays right with it."""
    from livinglab.config import config_dir
    from livinglab.config.add_device import add_device

    cells = {
        "id": device,
        "model": model,
        "x_rd": x,
        "y_rd": y,
        "lon": lon,
        "lat": lat,
        "height_m_nap": height,
        "area": area,
        "step_s": step_s,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "owner": owner,
        "privacy": privacy,
    }
    registry = add_device(config_dir(config), lab, cells)
    console.print(f"added {device} to {lab}; registry version {registry.version}", style="green")


def _load(config: Path | None) -> Registry:
    from livinglab.config import config_dir, load_registry

    return load_registry(config_dir(config))


def _keys(registry: Registry, model: str) -> Iterable[ModelKey]:
    return registry.models[model].keys.values()


def _require_lab(registry: Registry, lab: str) -> None:
    if lab and lab not in registry.labs:
        raise _unknown("lab", lab, registry.labs)


def _unknown(kind: str, name: str, known: Collection[str]) -> LivingLabError:
    from livinglab.config.findings import nearest

    return LivingLabError(f"no {kind} {name!r} in the registry{nearest(name, known)}")


def _table(*headings: str) -> Table:
    return Table(*headings, box=SIMPLE_HEAD, pad_edge=False)


def _print(table: Table) -> None:
    """Print a table whole: names are for copying, so nothing is cut off in a narrow terminal."""
    wide = console.options.update(width=1_000)
    width = Measurement.get(console, wide, table).maximum
    console.print(table, width=max(width, 20), crop=False, no_wrap=True, highlight=False)


def _day(time_ns: int | None, zone: str) -> str:
    """A civil date at the lab where the time is a midnight there, else the local time."""
    if time_ns is None:
        return ""
    local = to_datetime(time_ns).astimezone(ZoneInfo(zone))
    return (local.date() if local.time() == time() else local).isoformat()


def _places(registry: Registry, rows: tuple[Device, ...]) -> Table:
    table = _table("from", "to", "lab", "area", "model", "RD x, y m", "lon, lat", "NAP m", "owner")
    for row in rows:
        zone = registry.labs[row.lab].timezone
        table.add_row(
            _day(row.from_ns, zone),
            _day(row.to_ns, zone),
            row.lab,
            row.area,
            row.model,
            f"{row.x_rd:.0f}, {row.y_rd:.0f}",
            f"{row.lon:.5f}, {row.lat:.5f}",
            "" if row.height_m_nap is None else f"{row.height_m_nap:g}",
            f"{row.owner} ({row.privacy})",
        )
    return table


def _mapping(registry: Registry, model: str) -> Table:
    table = _table("payload key", "unit", "quantity", "stored in", "channel")
    for key in registry.models[model].keys.values():
        unit = registry.quantities[key.quantity].unit
        table.add_row(key.key, key.unit, key.quantity, unit, key.channel)
    return table
