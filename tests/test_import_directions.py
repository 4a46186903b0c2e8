"""The dependency directions of the packages, enforced by reading the imports of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("livinglab", "ingest", "transforms", "dags")

#: Core modules that stand below everything else.
CORE = {"errors", "flags", "geo", "model", "timeline", "units"}
CORE_LIBRARIES = {"numpy", "pandas", "pyproj", "pint"}

#: A library that belongs to one place only.
HOMES = {
    "airflow": ("dags/",),
    "paho": ("ingest/client.py",),
    "influxdb_client": ("livinglab/store/influx.py", "livinglab/store/influx_admin.py"),
}

#: What `transforms` must stay free of: no file, clock, log or configuration inside science.
NOT_IN_TRANSFORMS = {"os", "time", "logging", "pathlib", "sqlite3", "urllib3", "ingest", "requests"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (module, whether it is imported at the top) for every import that runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in top
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in top


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_is_imported_in_its_home_only(library: str) -> None:
    guests = {
        relative(path)
        for path in modules()
        for name, _ in imports(path)
        if name.split(".")[0] == library and not relative(path).startswith(HOMES[library])
    }
    assert guests == set()


def test_core_modules_stand_on_libraries_alone() -> None:
    allowed = set(sys.stdlib_module_names) | CORE_LIBRARIES
    for name in CORE:
        path = ROOT / "livinglab" / f"{name}.py"
        for module, _ in imports(path):
            root, *rest = module.split(".")
            ours = root == "livinglab" and rest and rest[0] in CORE
            assert ours or root in allowed, f"{relative(path)} imports {module}"


def test_transforms_know_no_configuration_store_or_clock() -> None:
    for path in sorted((ROOT / "transforms").rglob("*.py")):
        for module, _ in imports(path):
            root, *rest = module.split(".")
            assert root not in NOT_IN_TRANSFORMS, f"{relative(path)} imports {module}"
            if root == "livinglab" and rest:
                assert rest[0] in CORE, f"{relative(path)} imports {module}"


def test_nothing_imports_the_dags_and_ingest_serves_only_the_surface() -> None:
    surface = ("livinglab/cli/", "livinglab/demo/", "livinglab/access", "livinglab/status")
    for path in modules():
        place = relative(path)
        for module, _ in imports(path):
            root = module.split(".")[0]
            if place.startswith(("dags/", "ingest/")):
                continue
            assert root != "dags", f"{place} imports {module}"
            if root == "ingest":
                assert place.startswith(surface), f"{place} imports {module}"


def test_decoders_are_pure() -> None:
    for path in sorted((ROOT / "ingest" / "decoders").rglob("*.py")):
        for module, _ in imports(path):
            assert module.split(".")[0] not in {"os", "time", "logging", "sqlite3", "socket"}, (
                f"{relative(path)} imports {module}"
            )


def test_core_is_importable_without_the_heavy_libraries() -> None:
    heavy = ("airflow", "paho", "pandas", "influxdb_client", "matplotlib", "statsmodels")
    code = (
        "import sys, livinglab, livinglab.model, livinglab.errors, livinglab.store.base\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
