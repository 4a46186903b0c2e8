"""The examples in the docstrings are true, and indicators keep their one signature."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
import yaml

import transforms

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(transforms.__path__, "transforms.")
)
CONFIG = Path(__file__).parents[2] / "config/indicators.yaml"
INDICATORS = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_docstring_examples_exist() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(len(test.examples) > 0 for test in found) > 40


@pytest.mark.parametrize("function", sorted({row["function"] for row in INDICATORS.values()}))
def test_indicator_functions_have_one_signature(function: str) -> None:
    module, _, name = function.partition(":")
    found = getattr(importlib.import_module(f"transforms.{module}"), name)
    parameters = inspect.signature(found).parameters
    assert list(parameters)[:6] == ["panel", "start", "end", "zone", "steps", "coverage"]
    keywords = [p for p in parameters.values() if p.name != "panel"]
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in keywords)
    for row in INDICATORS.values():
        if row["function"] == function:
            assert set(row.get("parameters", {})) <= set(parameters)
            period = parameters.get("period")
            given = row.get("parameters", {}).get("period", period and period.default)
            assert given in {None, row["period"]}, "the function's days are the row's days"
