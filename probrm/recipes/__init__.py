"""What models do on files: reading, encoding, fitting, scoring, comparing.

Names are loaded on first use: a model's flags cost no import of what is heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.recipes.logs.job import LogJob
    from probrm.recipes.logs.model import LogModel
    from probrm.recipes.logs.recipe import LogRecipe
    from probrm.recipes.logs.shape import LogShape
    from probrm.recipes.pairs.job import PairJob
    from probrm.recipes.pairs.model import PairModel
    from probrm.recipes.pairs.recipe import PairRecipe
    from probrm.recipes.pairs.shape import PairShape
    from probrm.recipes.recipe import Recipe

__all__ = ["LogJob", "LogModel", "LogRecipe", "LogShape", "PairJob", "PairModel", "PairRecipe", "PairShape", "Recipe"]

__getattr__ = lazy(
    __name__,
    **{
        "logs.job": "LogJob",
        "logs.model": "LogModel",
        "logs.recipe": "LogRecipe",
        "logs.shape": "LogShape",
        "pairs.job": "PairJob",
        "pairs.model": "PairModel",
        "pairs.recipe": "PairRecipe",
        "pairs.shape": "PairShape",
        "recipe": "Recipe",
    },
)
