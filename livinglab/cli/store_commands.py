"""Commands about the store: what its administrator does once."""

from __future__ import annotations

from pathlib import Path

import typer

from livinglab.cli import console


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    store = typer.Typer(help="Set up the store, once per installation.", no_args_is_help=True)
    store.command("prepare")(prepare)
    store.command("tokens")(tokens)
    app.add_typer(store, name="store")


def prepare(
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Create the buckets or files that are missing (InfluxDB: with an administrator's token)."""
    from livinglab.project import Project

    store = Project.open(config).store
    store.prepare()
    store.probe()
    console.print(f"ready: {store.url}", highlight=False, soft_wrap=True)


def tokens(
    folder: Path = typer.Argument(help="Where to write <role>/token."),
    renew: bool = typer.Option(False, help="Make new ones also where there is one."),
    config: Path | None = typer.Option(None, help="Configuration folder."),
) -> None:
    """Make least-privilege tokens of InfluxDB for ingest, airflow and researcher, as files."""
    from livinglab.project import Project
    from livinglab.store.token_files import write_tokens

    store = Project.open(config).store
    for role, path in write_tokens(store, folder, renew=renew).items():
        console.print(f"{role}: {path}", highlight=False, soft_wrap=True)
