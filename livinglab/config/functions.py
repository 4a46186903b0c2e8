"""Parameters of an indicator function, read from its source.

The ingest service checks the whole configuration but runs where the science packages are not
installed: the source is read, not imported.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from livinglab.config.findings import nearest


class FunctionError(ValueError):
    """No such module or function; the text says what was expected."""


def parameters_of(function: str) -> frozenset[str] | None:
    """Names of all parameters of "module:function" below `transforms`; None = it takes any.

    Raises
    ------
    FunctionError
        If there is no such module or function.

    Examples
    --------
    >>> "coverage" in parameters_of("air:hourly_mean")
    True
    """
    module, _, name = function.partition(":")
    path = _modules().get(module)
    if path is None:
        raise FunctionError(f"no module transforms/{module}.py{nearest(module, _modules())}")
    functions = _functions(path, path.stat().st_mtime_ns)
    if name not in functions:
        told = f"transforms/{module}.py has no function {name!r}{nearest(name, functions)}"
        raise FunctionError(told)
    return functions[name]


def _modules() -> dict[str, Path]:
    spec = find_spec("transforms")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    return {path.stem: path for path in folder.glob("*.py") if not path.stem.startswith("_")}


@lru_cache(maxsize=64)
def _functions(path: Path, _modified_ns: int) -> dict[str, frozenset[str] | None]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: _names(node.args)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def _names(arguments: ast.arguments) -> frozenset[str] | None:
    if arguments.kwarg is not None:
        return None
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return frozenset(argument.arg for argument in every)
