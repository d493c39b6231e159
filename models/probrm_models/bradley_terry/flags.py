"""Flags of Bradley–Terry models."""

from probrm.config.flags import ModelFlags
from probrm.recipes.pairs.flags import PAIRS

BRADLEY_TERRY = ModelFlags("Bradley–Terry reward model from pairs: one reward an answer, with a Bayesian last layer.", PAIRS)
