"""The `livinglab` command: commands parse, call one function, print.

Each module below registers its commands; an error of the product is printed as what, where and what
to do, never as a traceback.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
from collections.abc import Sequence
from typing import Final

import typer
from rich.console import Console

from livinglab import __version__
from livinglab.errors import LivingLabError

MODULES: Final = (
    "registry_commands",
    "decode_commands",
    "ingest_commands",
    "loader_commands",
    "pipeline_commands",
    "experiment_commands",
    "quality_commands",
    "calibration_commands",
    "access_commands",
    "store_commands",
)

# A pipe has no width: wide enough for tables, so that nothing is cut in a file.
console = Console(width=None if sys.stdout.isatty() else 150)
error_console = Console(stderr=True, soft_wrap=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(__version__)
        raise typer.Exit


def build_app() -> typer.Typer:
    """The command tree, with every module's commands registered."""
    app = typer.Typer(
        name="livinglab",
        help="Living-lab data pipeline: sensors of up to four neighbourhoods in, numbers out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )

    @app.callback()
    def _root(
        version: bool = typer.Option(
            False, "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        """Living-lab data pipeline."""

    for name in MODULES:
        importlib.import_module(f"livinglab.cli.{name}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (an error that was explained) or 2 (usage)."""
    try:
        build_app()(arguments, standalone_mode=True)
    except LivingLabError as error:
        error_console.print(f"error: {error}", style="red", markup=False, highlight=False)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (OSError, sqlite3.Error) as error:
        # What no command expected: a full or read-only disk, a file that is another user's.
        told = f"error: {error}\n  -> look at the disk, the file and its permissions"
        error_console.print(told, style="red", markup=False, highlight=False)
        return 1
    return 0
