"""Flags of Bradley–Terry models."""

from probrm.config.flags import ModelFlags
from probrm.recipes.pairs.flags import EXAMPLE, PAIRS

BRADLEY_TERRY = ModelFlags("From preference pairs: one reward for each answer (Bradley–Terry).", PAIRS, example=EXAMPLE)
