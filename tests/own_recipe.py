"""A recipe as another package would bring it: found by its entry point, fitted by the command line, nothing changed there."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from probrm.config.flags import Flag, ModelFlags
from probrm.runs import Run
from probrm_models.implicit.recipe import ImplicitRecipe

FLAGS = ModelFlags("A model of my own.", (Flag("strength", "model.strength", "How much of it.", "X", float),))


class OwnRecipe(ImplicitRecipe):
    """The implicit model with defaults and words of its own."""

    kind = "own"

    def defaults(self) -> dict[str, Any]:
        """Fast ones."""
        return {"inference": {"name": "laplace", "draws": 50}, "starts": 1, "held_out": 0.0}

    def headline(self, run: Run) -> list[str]:
        """A line of its own."""
        return [f"{len(run.draws['base_rate'])} draws of my own"]


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the package's metadata would, beside what is installed."""
    import probrm.runs.registry as room

    entries = room.entry_points
    own = EntryPoint("own", "tests.own_recipe:OwnRecipe", room.GROUP)
    monkeypatch.setattr(room, "entry_points", lambda group: [*entries(group=group), *([own] if group == room.GROUP else [])])
