"""Everything that a user can name is documented: commands, options, settings, vocabulary, errors.

Each test walks the real thing (command tree, settings, tables, classes) and lists all that lacks a
word, so that a part that is added cannot stay undocumented.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import ingest
import livinglab
from livinglab import errors
from livinglab.cli import build_app
from livinglab.config import Settings, load_registry
from livinglab.flags import Flag
from livinglab.provenance import FLAG_MEANINGS
from livinglab.question import COLUMNS, REGULAR_COLUMNS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIG = ROOT / "config"
#: What Typer adds by itself.
OWN_OPTIONS = {"help"}


def commands() -> dict[str, Any]:
    """All commands by their full names, groups left out."""
    return dict(_walk(typer.main.get_command(build_app()), "livinglab"))


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for child, part in sorted(command.commands.items()):
            yield from _walk(part, f"{name} {child}")
    else:
        yield name, command


def groups() -> dict[str, Any]:
    root: Any = typer.main.get_command(build_app())
    return {name: part for name, part in root.commands.items() if hasattr(part, "commands")}


def has_words(text: str | None) -> bool:
    """Whether a text says something: more than one word."""
    return len((text or "").split()) > 1


def test_every_command_has_help() -> None:
    assert [name for name, command in commands().items() if not has_words(command.help)] == []
    assert [name for name, group in groups().items() if not has_words(group.help)] == []


def test_every_option_and_argument_has_help() -> None:
    lacking = [
        f"{name} {parameter.name}"
        for name, command in commands().items()
        for parameter in command.params
        if parameter.name not in OWN_OPTIONS and not has_words(getattr(parameter, "help", ""))
    ]
    assert not lacking, "\n".join(lacking)


def test_every_command_stands_in_readme() -> None:
    known = set(re.findall(r"livinglab(?: [a-z][a-z-]*)+", README))
    lacking = [
        name
        for name in commands()
        if not any(f"{found} ".startswith(f"{name} ") for found in known)
    ]
    assert not lacking, "\n".join(lacking)


def test_readme_names_no_command_that_is_none() -> None:
    names = set(commands()) | {f"livinglab {name}" for name in groups()}
    named = set(re.findall(r"`(livinglab(?: [a-z][a-z-]*)+)", README))
    named |= set(re.findall(r"^\s*(livinglab(?: [a-z][a-z-]*)+)", README, flags=re.MULTILINE))
    unknown = [
        text
        for text in sorted(named)
        if not any(f"{text} ".startswith(f"{name} ") for name in names)
    ]
    assert not unknown, "\n".join(unknown)


def test_sentences_that_name_a_command_name_one_that_exists() -> None:
    """Hints tell what to type next."""
    names = {*commands(), *(f"livinglab {name}" for name in groups())}
    quoted = re.compile(r"[`\"](livinglab(?: [a-z][a-z-]*)+)")
    wrong = [
        f"{path.relative_to(ROOT)}: {text}"
        for package in ("livinglab", "ingest")
        for path in sorted((ROOT / package).rglob("*.py"))
        for text in quoted.findall(path.read_text(encoding="utf-8"))
        if not any(f"{text} ".startswith(f"{name} ") for name in names)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_setting_stands_in_the_settings_file_with_a_comment_above_it() -> None:
    lines = (CONFIG / "livinglab.yaml").read_text(encoding="utf-8").splitlines()
    lacking = []
    for key in Settings.model_fields:
        at = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), None)
        if at is None or not _is_explained(lines, at):
            lacking.append(key)
    assert not lacking, "\n".join(lacking)


def _is_explained(lines: list[str], at: int) -> bool:
    """Whether a comment stands right above a key, or above the block of keys that it is in."""
    while at > 0 and re.match(r"[a-z_]+:", lines[at - 1]):
        at -= 1
    return at > 0 and has_words(lines[at - 1].removeprefix("#")) and lines[at - 1].startswith("#")


def test_every_setting_stands_in_the_table_of_readme() -> None:
    cells = re.findall(r"^\| (`[^|]*) \|", README, flags=re.MULTILINE)
    named = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
    assert [key for key in Settings.model_fields if key not in named] == []


def test_secrets_stand_in_readme() -> None:
    for name in ("STORE_TOKEN", "BROKER_PASSWORD"):
        assert f"LIVINGLAB_{name}`" in README
        assert f"LIVINGLAB_{name}_FILE`" in README


def table(name: str) -> dict[str, dict[str, Any]]:
    found = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_every_quantity_has_unit_labels_and_description() -> None:
    lacking = []
    for name, row in table("quantities.yaml").items():
        label = row.get("label", {})
        if (
            "unit" not in row
            or not label.get("en")
            or not label.get("nl")
            or not row.get("description", "").strip()
        ):
            lacking.append(name)
    assert not lacking, "\n".join(lacking)


def test_every_indicator_has_labels_definition_and_source() -> None:
    lacking = []
    for name, row in table("indicators.yaml").items():
        label = row.get("label", {})
        texts = (row.get("definition"), row.get("source"))
        if not label.get("en") or not label.get("nl") or not all(map(has_words, texts)):
            lacking.append(name)
    assert not lacking, "\n".join(lacking)


def test_every_limit_has_a_source() -> None:
    lacking = [
        f"{name}: {limit.get('scheme')}"
        for name, row in table("indicators.yaml").items()
        for limit in row.get("limits", ())
        if not limit.get("scheme") or not has_words(limit.get("source"))
    ]
    assert not lacking, "\n".join(lacking)


def test_every_function_of_an_indicator_cites_what_it_rests_on() -> None:
    """In its own docstring, or in that of its module, which speaks for all of its functions."""
    registry = load_registry(CONFIG)
    lacking = []
    for name in sorted({row.function for row in registry.indicators.values()}):
        home, _, function = name.partition(":")
        module = importlib.import_module(f"transforms.{home}")
        if not (_cites(getattr(module, function)) or _cites(module)):
            lacking.append(name)
    assert not lacking, "\n".join(lacking)


def _cites(thing: object) -> bool:
    text = inspect.getdoc(thing) or ""
    return re.search(r"^References\n-+$\n.*\S", text, flags=re.MULTILINE) is not None


def test_every_device_model_has_a_source() -> None:
    registry = load_registry(CONFIG)
    assert [name for name, row in registry.models.items() if not has_words(row.source)] == []


def error_classes() -> list[type[errors.LivingLabError]]:
    found: list[type[errors.LivingLabError]] = []
    waiting = [errors.LivingLabError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith(("livinglab", "ingest"))]


def test_every_error_is_explained() -> None:
    modules()  # every error class exists once its module is loaded
    lacking = [kind.__name__ for kind in error_classes() if not _first_line(kind)]
    assert not lacking, "\n".join(lacking)


def test_every_error_of_the_tree_stands_in_its_drawing() -> None:
    kinds = [kind for kind in error_classes() if kind.__module__ == "livinglab.errors"]
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in kinds if f" {kind.__name__}" not in drawn] == []
    drawn_names = re.findall(r"\b([A-Z]\w+Error)\b", drawn)
    assert [name for name in drawn_names if not hasattr(errors, name)] == []


def _first_line(thing: object) -> bool:
    own = getattr(thing, "__doc__", None)
    return has_words((own or "").strip().partition("\n")[0])


def test_every_reason_is_explained_where_it_is_defined() -> None:
    source = inspect.getsource(errors.Reason)
    lacking = [
        reason.name
        for reason in errors.Reason
        if not re.search(rf'^    {reason.name} = "{reason.value}"  # \S+ \S+', source, re.MULTILINE)
    ]
    assert not lacking, "\n".join(lacking)


def test_every_flag_is_explained() -> None:
    assert set(FLAG_MEANINGS) == set(Flag)
    assert all(map(has_words, FLAG_MEANINGS.values()))


def test_every_column_of_an_answer_stands_in_the_docstring_of_read() -> None:
    text = inspect.getdoc(livinglab.access.LivingLab.read) or ""
    returns = text.partition("Returns")[2]
    columns = {name for columns in (*COLUMNS.values(), REGULAR_COLUMNS) for name in columns}
    assert [name for name in sorted(columns) if not re.search(rf"\b{name}\b", returns)] == []


def modules() -> list[str]:
    """All modules of the product but those that start a program or need Airflow."""
    found = []
    for package in (livinglab, ingest):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
                found.append(module.name)
    return found


def test_every_public_function_and_class_has_a_docstring() -> None:
    lacking = []
    for package in ("livinglab", "ingest", "transforms"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            lacking += [
                f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                for node in tree.body
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ]
    assert not lacking, "\n".join(lacking)


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
