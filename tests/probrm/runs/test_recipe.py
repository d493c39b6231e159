from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

import probrm.runs.recipe as room
from probrm.errors import ConfigError
from probrm.runs import Recipe, find_recipe, recipe_names


def test_installed_models_are_found_by_name() -> None:
    assert "implicit" in recipe_names()
    recipe = find_recipe("implicit")
    assert isinstance(recipe, Recipe)
    assert recipe.kind == "implicit"


def test_a_model_from_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new model is an entry point; nothing here changes."""
    entry = EntryPoint("mine", "probrm_models.implicit_recipe:ImplicitRecipe", room.GROUP)
    monkeypatch.setattr(room, "entry_points", lambda group: [entry] if group == "probrm.recipes" else [])
    assert recipe_names() == ["mine"]
    assert isinstance(find_recipe("mine"), Recipe)
    with pytest.raises(ConfigError, match=r"unknown model 'implicit'; installed: mine"):
        find_recipe("implicit")
