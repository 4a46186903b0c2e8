"""stub"""

from __future__ import annotations
from typing import Any


def check_tree(tree: Any, reader: Any) -> None: ...
def check_registry(registry: Any, tree: Any, reader: Any) -> None: ...
