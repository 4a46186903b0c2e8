"""A copy of the demo configuration that a test may spoil."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from livinglab.config import load_registry
from livinglab.errors import ConfigError
from livinglab.registry import Registry

DEMO = Path(__file__).parents[1] / "config"


class ConfigTree:
    """The copy: edit, load, and see what is said."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "config"
        shutil.copytree(DEMO, self.root)
        for path in self.root.glob("labs/*/*.csv"):  # the demo may move its dates
            text = path.read_text(encoding="utf-8")
            text = re.sub(r",\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d,", ",2025-06-01,2025-06-02,", text)
            path.write_text(re.sub(r",\d{4}-\d\d-\d\d,,", ",2025-06-01,,", text), encoding="utf-8")

    def path(self, name: str) -> Path:
        """A file of the tree."""
        return self.root / name

    def text(self, name: str) -> str:
        """The text of a file."""
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name: str, text: str | bytes) -> None:
        """Replace a file."""
        raw = text.encode() if isinstance(text, str) else text
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_bytes(raw)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace one passage that must be there once."""
        text = self.text(name)
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def append(self, name: str, line: str) -> None:
        """Add a line at the end."""
        self.write(name, self.text(name).rstrip("\n") + "\n" + line + "\n")

    def load(self) -> Registry:
        """The registry."""
        return load_registry(self.root)

    def problems(self) -> list[str]:
        """What is said against the tree, a line per problem; [] where it is right."""
        try:
            self.load()
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        return []
