"""The demo week, computed once for all tests that look at results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from demo_store import build_demo

from livinglab.project import Project


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Four labs, a week of real data, everything computed; to be read only."""
    project = build_demo(tmp_path_factory.mktemp("demo"))
    yield project
    project.close()


@pytest.fixture
def demo_copy(demo_project: Project, tmp_path: Path) -> Iterator[Project]:
    """The demo week in a folder of the test's own, to be changed."""
    state_dir = tmp_path / "demo"
    shutil.copytree(demo_project.state_dir, state_dir)
    settings = demo_project.registry.settings.model_copy(update={"state_dir": state_dir})
    registry = replace(demo_project.registry, settings=settings)
    project = Project(registry, config_dir=demo_project.config_dir)
    yield project
    project.close()
