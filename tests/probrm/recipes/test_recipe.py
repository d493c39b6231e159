from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import probrm.runs.registry as room
from probrm.data import Conversation
from probrm.errors import ConfigError
from probrm.progress import silent
from probrm.recipes import Recipe
from probrm.runs import find_recipe, recipe_names
from tests.own_recipe import OwnRecipe


def test_installed_models_are_found_by_name() -> None:
    assert "implicit" in recipe_names()
    recipe = find_recipe("implicit")
    assert isinstance(recipe, Recipe)
    assert recipe.kind == "implicit"


def test_a_model_from_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new model is an entry point; nothing here changes."""
    entry = EntryPoint("own", "tests.own_recipe:OwnRecipe", room.GROUP)
    monkeypatch.setattr(room, "entry_points", lambda group: [entry] if group == "probrm.recipes" else [])
    assert recipe_names() == ["own"]
    assert isinstance(find_recipe("own"), OwnRecipe)
    with pytest.raises(ConfigError, match=r"unknown model 'implicit'; installed: own"):
        find_recipe("implicit")


def test_what_a_recipe_need_not_say() -> None:
    class Plain(OwnRecipe):
        defaults, headline, unit, titles = Recipe.defaults, Recipe.headline, Recipe.unit, Recipe.titles

    recipe = Plain()
    run: Any = None
    assert (recipe.defaults(), recipe.headline(run), recipe.unit, recipe.titles) == ({}, [], "rows", {})
    assert (recipe.described(run), recipe.posterior_sections(run)) == ({}, [])


def test_a_model_without_objectives_takes_no_weights() -> None:
    run: Any = None
    with pytest.raises(ConfigError, match=r"--weights: the model 'own' has no objectives.*\n.*leave --weights out"):
        OwnRecipe().reweighted(run, {"helpful": 1.0})


def test_a_benchmark_is_scored_on_rewards_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [Conversation("a", "b"), Conversation("a", "c")]
    asked: dict[str, Any] = {}

    class Given(OwnRecipe):
        def reward(self, run: Any, conversations: Any, **options: Any) -> Any:
            asked.update(options, run=run, conversations=conversations)
            return SimpleNamespace(reward=np.array([1.0, 2.0]), probability=np.array([0.7, 0.9]))

    items = SimpleNamespace(conversations=texts, score=lambda rewards, **options: (rewards.tolist(), options))
    found = SimpleNamespace(
        find_benchmark=lambda name, domain: SimpleNamespace(read=lambda source: items if (name, source) == ("n", "f") else None)
    )
    monkeypatch.setitem(sys.modules, "probrm.reward_benchmarks", found)
    run: Any = "run"
    scored: Any = Given().benchmark(run, "n", "f", embeddings="store", bootstrap=7, seed=3)
    assert scored == ([1.0, 2.0], {"bootstrap": 7, "seed": 3, "progress": silent})
    assert (asked["run"], asked["conversations"], asked["embeddings"], asked["cache"]) == ("run", texts, "store", True)
