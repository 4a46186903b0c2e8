"""Commands about what the loader did: ledger, dead letters, quarantine, adopting, loading again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from livinglab.cli import console
from livinglab.cli.ingest_commands import instant_of
from livinglab.cli.loader_tables import (
    print_device,
    print_device_in_quarantine,
    print_ledger,
    print_letter,
    print_letters,
    print_replayed,
    print_tally,
    print_waiting,
)
from livinglab.cli.registry_commands import device_group
from livinglab.errors import LivingLabError

if TYPE_CHECKING:
    from ingest.letters import Waiting

_CONFIG: Final = typer.Option(
    None, help="Configuration folder; else LIVINGLAB_CONFIG, else ./config."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(ledger)
    app.command()(reingest)
    device_group(app).command("adopt")(adopt)
    dead = typer.Typer(help="Messages that cannot become readings.", no_args_is_help=True)
    dead.command("list")(dead_list)
    dead.command("show")(dead_show)
    dead.command("replay")(dead_replay)
    app.add_typer(dead, name="dead")
    quarantine = typer.Typer(
        help="Messages that wait for a device to be registered.", no_args_is_help=True
    )
    quarantine.command("list")(quarantine_list)
    quarantine.command("show")(quarantine_show)
    quarantine.command("replay")(quarantine_replay)
    app.add_typer(quarantine, name="quarantine")


def ledger(
    device: str = typer.Option("", help="Only the readings of this device, key by key."),
    config: Path | None = _CONFIG,
) -> None:
    """Show where every message and every reading ended; both sums are exact."""
    from ingest.ledger import ledger_of
    from ingest.orders import open_state
    from livinglab.config import config_dir

    with open_state(config_dir(config)) as state:
        counts = state.counts()
    if device:
        print_device(device, counts)
        return
    print_ledger(ledger_of(counts))


def reingest(
    device: str = typer.Argument(help="Device id."),
    start: str = typer.Option(..., "--from", help="First time of the data: date or RFC 3339."),
    end: str = typer.Option(..., "--to", help="End, not included."),
    together: bool = typer.Option(
        False, help="Other loaders brought data of it, too, and will replay theirs."
    ),
    replay_only: bool = typer.Option(
        False, help="Another loader has deleted the period; load only this one's journal again."
    ),
    config: Path | None = _CONFIG,
) -> None:
    """Delete a period of a device and load it again from the journal, by today's models."""
    from ingest.orders import order
    from livinglab.config import config_dir, load_settings

    directory = config_dir(config)
    zone = load_settings(directory).timezone
    start_ns, end_ns = instant_of(start, zone, "--from"), instant_of(end, zone, "--to")
    if end_ns <= start_ns:
        raise typer.BadParameter("must be after --from", param_hint="--to")
    arguments = {
        "device": device,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "together": together,
        "replay_only": replay_only,
    }
    result = order(directory, "reingest", arguments).result
    console.print(
        f"{device}: {result['withdrawn']} values deleted, {result['messages']} messages read again,"
        f" {result['stored']} values stored; the pipeline sees the period as changed",
        style="green",
    )


def adopt(
    device: str = typer.Argument(help="Device id, as `livinglab quarantine list` shows it."),
    model: str = typer.Option("", help="Device model, a file of config/models."),
    area: str = typer.Option("", help="Area of the lab."),
    valid_from: str = typer.Option(
        "", "--from", help="First date; else that of its first message."
    ),
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
    """Register a device of the quarantine in its lab, and load the messages that waited for it."""
    from ingest import orders
    from livinglab.config import config_dir

    directory = config_dir(config)
    waiting = _waiting(directory, device)
    _require(directory, waiting, {"--model": model, "--area": area})
    cells = {
        "model": model,
        "area": area,
        "valid_from": valid_from or _first_date(directory, waiting),
        "x_rd": x,
        "y_rd": y,
        "lon": lon,
        "lat": lat,
        "height_m_nap": height,
        "step_s": step_s,
        "owner": owner,
        "privacy": privacy,
    }
    adopted = orders.adopt(directory, waiting, cells)
    console.print(
        f"registered {device} in {waiting.lab}; registry version {adopted.registry}", style="green"
    )
    print_replayed(adopted.job.result)


def dead_list(
    device: str | None = typer.Option(None, help="Only letters of this device."),
    reason: str | None = typer.Option(None, help="Only letters with this reason."),
    limit: int = typer.Option(20, min=1, help="Show at most so many letters."),
    config: Path | None = _CONFIG,
) -> None:
    """Show what is dead: counts per device and reason, or the letters of a selection."""
    from ingest.letters import Kind
    from ingest.orders import open_state
    from livinglab.config import config_dir

    with open_state(config_dir(config)) as state:
        if device is None and reason is None:
            print_tally(state.letters.tally(Kind.DEAD))
            return
        found = state.letters.find(Kind.DEAD, device=device, reason=reason, limit=limit)
    print_letters(found)


def dead_show(
    number: int = typer.Argument(help="Number of the letter, as `dead list` shows it."),
    payload: bool = typer.Option(False, "--payload", help="Print only the payload, as it came."),
    config: Path | None = _CONFIG,
) -> None:
    """Show one letter whole: the message, where it is in the journal, why it is here."""
    from ingest.orders import open_state
    from livinglab.config import config_dir

    with open_state(config_dir(config)) as state:
        letter = state.letters.get(number)
    if letter is None:
        raise LivingLabError(f"there is no letter {number}", hint="see `livinglab dead list`")
    if payload:
        sys.stdout.buffer.write(letter.message.payload)
        return
    print_letter(letter)


def dead_replay(
    numbers: list[int] | None = typer.Argument(None, help="Numbers of letters; else a selection."),
    device: str | None = typer.Option(None, help="Letters of this device."),
    reason: str | None = typer.Option(None, help="Letters with this reason."),
    everything: bool = typer.Option(False, "--all", help="All dead letters."),
    config: Path | None = _CONFIG,
) -> None:
    """Try dead letters again, after a route, a model or a row of the registry was put right."""
    from ingest.letters import Kind
    from ingest.orders import replay
    from livinglab.config import config_dir

    if not (numbers or device or reason or everything):
        raise typer.BadParameter("give numbers, --device, --reason or --all")
    chosen = tuple(numbers or ())
    job = replay(config_dir(config), Kind.DEAD, device=device, reason=reason, ids=chosen)
    print_replayed(job.result)


def quarantine_list(config: Path | None = _CONFIG) -> None:
    """Show which devices wait to be registered."""
    from ingest.orders import open_state
    from livinglab.config import config_dir

    with open_state(config_dir(config)) as state:
        found = state.letters.waiting()
    print_waiting(found)


def quarantine_show(
    device: str = typer.Argument(help="Device id."), config: Path | None = _CONFIG
) -> None:
    """Show everything that is needed to register a device."""
    from livinglab.config import config_dir

    directory = config_dir(config)
    print_device_in_quarantine(directory, _waiting(directory, device))


def quarantine_replay(
    device: str | None = typer.Argument(None, help="Device id; else all devices."),
    config: Path | None = _CONFIG,
) -> None:
    """Load what waits, as far as the registry knows its devices and times now."""
    from ingest.letters import Kind
    from ingest.orders import replay
    from livinglab.config import config_dir

    print_replayed(replay(config_dir(config), Kind.QUARANTINE, device=device).result)


def _waiting(directory: Path, device: str) -> Waiting:
    from ingest.orders import open_state

    with open_state(directory) as state:
        found = state.letters.waiting(device)
    if not found:
        raise LivingLabError(
            f"no message of a device {device!r} is in quarantine",
            hint="`livinglab quarantine list` names the devices that wait",
        )
    return min(found, key=lambda one: one.first_ns)


def _first_date(directory: Path, waiting: Waiting) -> str:
    """Civil date at the lab of the first message."""
    from livinglab.config import load_registry
    from livinglab.timeline import civil_date

    lab = load_registry(directory).labs.get(waiting.lab)
    return civil_date(waiting.first_ns, lab.timezone if lab else "UTC").isoformat()


def _require(directory: Path, waiting: Waiting, given: Mapping[str, str]) -> None:
    """The columns that nobody can guess; the message says what there is to choose from."""
    from ingest.orders import fitting_models
    from livinglab.config import load_registry

    missing = [option for option, value in given.items() if not value]
    if not missing:
        return
    registry = load_registry(directory)
    fits = [f"{name} ({count} of its keys)" for name, count in fitting_models(registry, waiting)]
    lab = registry.labs.get(waiting.lab)
    areas = ", ".join(lab.areas) if lab else "none"
    raise LivingLabError(
        f"to register {waiting.device} in {waiting.lab}, {' and '.join(missing)} must be given",
        hint=f"models for {waiting.decoder}: {', '.join(fits) or 'none'}; areas: {areas}",
    )
