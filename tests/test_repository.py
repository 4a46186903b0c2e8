"""What the repository as a whole promises: no secret, no machine, no hosts."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    """Files of the repository; a copy without git history lists what lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_lock_names_no_host_and_hashes_everything() -> None:
    lock = text_of(ROOT / "requirements.lock")
    assert "://" not in lock
    pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", lock, flags=re.MULTILINE)
    assert len(pins) > 100
    assert lock.count("--hash=sha256:") >= len(pins)


def test_every_dependency_is_in_the_lock() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    lock = text_of(ROOT / "requirements.lock")
    extras = project["optional-dependencies"].values()
    for requirement in chain(project["dependencies"], *extras):
        name = re.split(r"[\[<>=~! ]", requirement)[0]
        if name != "livinglab":
            assert re.search(rf"^{re.escape(name)}==", lock, flags=re.MULTILINE), name


@pytest.mark.parametrize("name", ["uv.lock", "package-lock.json", "pnpm-lock.yaml"])
def test_no_lock_that_holds_addresses(name: str) -> None:
    assert [path for path in tracked() if path.name == name] == []


def test_no_path_of_one_machine() -> None:
    home, parent = str(Path.home()), str(ROOT.parent)
    for path in tracked():
        text = text_of(path)
        for place in {f"{home}/", f"{parent}/"} - {"//"}:
            assert place not in text, f"{path.relative_to(ROOT)} names {place}"


def test_tests_that_could_not_run_are_absent() -> None:
    pattern = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail)\b|importorskip")
    for path in tracked():
        if path.suffix == ".py" and path != Path(__file__):
            assert not pattern.search(text_of(path)), path.relative_to(ROOT)


def test_no_secret_in_the_repository() -> None:
    value = r"[A-Za-z0-9+_-][A-Za-z0-9+/_-]{19,}"  # a path begins with a slash
    pattern = re.compile(rf"(?i)(password|token|secret)\s*[:=]\s*[\"']?{value}")
    for path in tracked():
        if path.suffix in {".yaml", ".yml", ".conf", ".env", ".toml", ".cfg", ".ini"}:
            assert not pattern.search(text_of(path)), path.relative_to(ROOT)


def test_changelog_names_the_version() -> None:
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"## {version}" in text_of(ROOT / "CHANGELOG.md")
