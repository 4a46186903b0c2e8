"""Every reference file beside the repository is read by a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared_data import ORACLES

TESTS = Path(__file__).parents[1]
#: Readers of references, and the folder that they add.
READERS = {"oracle_json": "", "oracle_csv": "", "mobility_oracle": "mobility/",
           "water_oracle": "water/"}  # fmt: skip


def named_files() -> Iterator[str]:
    """Paths below the references that tests read, as regular expressions."""
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in READERS:
                yield READERS[getattr(node.func, "id", "")] + pattern(node.args[0])
            elif isinstance(node, ast.BinOp) and getattr(node.left, "id", "") == "ORACLES":
                yield pattern(node.right)
            elif isinstance(node, ast.Constant) and "oracles/" in str(node.value):
                yield re.escape(str(node.value).rpartition("oracles/")[2])


def pattern(node: ast.expr) -> str:
    """A literal, or an f-string with its fields open."""
    if isinstance(node, ast.JoinedStr):
        return "".join(pattern(part) for part in node.values)
    return re.escape(str(node.value)) if isinstance(node, ast.Constant) else r"[^/]+"


def test_every_reference_file_is_read_by_a_test() -> None:
    # A reader's own `ORACLES / path` names nothing.
    expressions = [re.compile(text) for text in named_files() if text.endswith(("json", "csv"))]
    files = [path.relative_to(ORACLES).as_posix() for path in ORACLES.rglob("*.*")]
    wanted = [name for name in files if not name.endswith(".md")]
    assert len(wanted) > 30
    assert [name for name in wanted if not any(e.fullmatch(name) for e in expressions)] == []
