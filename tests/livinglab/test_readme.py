"""README's blocks run: the commands on what the demo leaves behind, the Python as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from livinglab.project import Project

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, demo_project: Project) -> Path:
    """A folder like a checkout after `make demo`: configuration, environment, the demo's state."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "state").symlink_to(demo_project.state_dir)
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f"export PATH={Path(sys.executable).parent}:$PATH\n", encoding="utf-8")
    return tmp_path


def test_two_commands_are_those_of_the_makefile() -> None:
    first = [line for block in blocks("sh")[:1] for line in block.splitlines()]
    targets = [line.split()[1] for line in first]
    assert targets == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_command_blocks_run_in_order(checkout: Path) -> None:
    script = "set -euo pipefail\n" + "\n".join(blocks("sh")[1:])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVINGLAB_")}
    done = subprocess.run(
        ["bash", "-x", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert (checkout / "var" / "report.html").exists()
    assert list((checkout / "var" / "export").glob("*.datapackage.json"))


def test_python_blocks_run(checkout: Path) -> None:
    environment = os.environ | {
        "LIVINGLAB_CONFIG": str(ROOT / "config"),
        "LIVINGLAB_STATE_DIR": str(checkout / "var" / "demo" / "state"),
        "LIVINGLAB_NOW": "2025-09-05T10:00:00Z",
    }
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        assert "ug/m3" in done.stdout
