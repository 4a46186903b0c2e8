"""The recipe of each level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livinglab.pipeline.clean import Clean
from livinglab.pipeline.experiments import Experiments
from livinglab.pipeline.indicators import Indicators
from livinglab.pipeline.recipe import Recipe
from livinglab.pipeline.scope import Scope
from livinglab.pipeline.windows import CLEAN, EXPERIMENT, INDICATORS, YEARS, Target
from livinglab.pipeline.years import Years

RECIPES: Final[Mapping[str, type[Recipe]]] = {
    CLEAN: Clean,
    INDICATORS: Indicators,
    YEARS: Years,
    EXPERIMENT: Experiments,
}


def recipe_of(scope: Scope, target: Target) -> Recipe:
    """How the windows of a target are computed with one registry."""
    return RECIPES[target.level](scope, target)
