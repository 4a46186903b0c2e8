"""What of the configuration a window depends on: an edit of a file, and whether it is felt."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from config_tree import ConfigTree

from livinglab.pipeline import CLEAN, INDICATORS, Target, Window
from livinglab.pipeline.recipes import recipe_of
from livinglab.pipeline.scope import Scope
from livinglab.timeline import DAY_NS, civil_day, parse_instant

START = parse_instant("2025-08-29T00:00:00Z")
DAY = Window(START, START + DAY_NS)
CIVIL_DAY = Window(*civil_day(date(2025, 8, 29), "Europe/Amsterdam"))
DEVICES = "labs/lombok/devices.csv"


@pytest.fixture
def tree(tmp_path: Path) -> ConfigTree:
    return ConfigTree(tmp_path)


def digest(tree: ConfigTree, level: str, window: Window) -> str:
    return recipe_of(Scope(tree.load()), Target(level, "lombok", "air")).of(window).digest


#: An edit, and whether the slice of a window of 29 August changes: (lombok, air).
EDITS = [
    (DEVICES, ",600,2025-06-01,,", ",600,2025-06-01,2026-01-01,", False),  # closed after the window
    (DEVICES, ",600,2025-06-01,,", ",600,2025-06-01,2025-08-29,", True),  # closed within it
    (DEVICES, ",600,2025-06-01,,", ",600,2025-07-01,,", False),  # began later, still before it
    (DEVICES, ",600,2025-06-01,,", ",600,2025-08-29T12:00:00Z,,", True),
    (DEVICES, "135339,456088", "135340,456088", False),  # a place is in no clean value
    (DEVICES, "utr-aq-01,toucan-senml", "utr-aq-01,reference-monitor", True),
    (DEVICES, "kanaalstraat,600", "kanaalstraat,300", True),  # step
    (DEVICES, "utr-bike-01,bicycle-loop,135360", "utr-bike-01,bicycle-loop,135361", False),
    ("labs/lombok/calibrations.csv", "1.0687", "1.0688", True),
    ("labs/lombok/calibrations.csv", "2025-06-01,,158 h", "2025-06-01,2025-12-01,158 h", False),
    ("labs/lombok/calibrations.csv", "R2 0.979", "R2 0.98", False),  # evidence
    ("labs/lombok/flags.csv", "2025-06-01,2025-06-02", "2025-06-01,2025-06-03", False),
    ("labs/lombok/flags.csv", "2025-06-01,2025-06-02", "2025-06-01,2025-08-30", True),
    ("quality/air.yaml", "spike_suspect_ug_m3: 60", "spike_suspect_ug_m3: 61", True),
    ("quality/noise.yaml", "spike_suspect_dba: 8", "spike_suspect_dba: 9", False),
    ("quality/air.yaml", "spike_suspect_ppm: 2", "spike_suspect_ppm: 1", False),  # no co
    ("quantities.yaml", "suspect: [-10, 300]", "suspect: [-10, 299]", True),  # o3
    ("quantities.yaml", "nl: Stikstofdioxide", "nl: NO2", False),
    ("labs/buiksloterham/calibrations.csv", "2.0256", "2.0257", False),  # another lab
    ("indicators.yaml", "value: 180,", "value: 181,", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "changes"), EDITS)
def test_slice_of_clean_holds_exactly_what_can_matter(
    tree: ConfigTree, name: str, old: str, new: str, changes: bool
) -> None:
    before = digest(tree, CLEAN, DAY)
    tree.replace(name, old, new)
    assert (digest(tree, CLEAN, DAY) != before) is changes


def test_slice_of_a_window_before_the_devices_names_none(tree: ConfigTree) -> None:
    start = parse_instant("2024-01-01T00:00:00Z")
    recipe = recipe_of(Scope(tree.load()), Target(CLEAN, "lombok", "air"))
    part = recipe.of(Window(start, start + DAY_NS))
    assert (part.rows, dict(part.content)) == ((), {})


#: Edits, and whether a civil day of indicators of (lombok, air) is another then.
INDICATOR_EDITS = [
    (
        "indicators.yaml",
        "value: 180,",
        "value: 181,",
        False,
    ),  # a limit is compared, it is not in it
    (DEVICES, "5.5,kanaalstraat", "5.5,vleutenseweg", True),
    (DEVICES, "utr-bike-01,bicycle-loop,135360", "utr-bike-01,bicycle-loop,135361", False),
    (DEVICES, "kanaalstraat,600", "kanaalstraat,300", True),  # step
    ("labs/lombok/lab.yaml", "name: Lombok", "name: Lombok West", False),
    ("labs/lombok/calibrations.csv", "1.0687", "1.0688", False),  # felt through the clean windows
]


@pytest.mark.parametrize(("name", "old", "new", "changes"), INDICATOR_EDITS)
def test_slice_of_indicators_holds_exactly_what_can_matter(
    tree: ConfigTree, name: str, old: str, new: str, changes: bool
) -> None:
    before = digest(tree, INDICATORS, CIVIL_DAY)
    tree.replace(name, old, new)
    assert (digest(tree, INDICATORS, CIVIL_DAY) != before) is changes
