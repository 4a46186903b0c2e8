"""The examples in docstrings of configuration, units, positions and registry are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import livinglab.config

MODULES = [
    "livinglab.units",
    "livinglab.geo",
    "livinglab.registry",
    *(
        f"livinglab.config.{module.name}"
        for module in pkgutil.iter_modules(livinglab.config.__path__)
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
