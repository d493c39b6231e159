"""Flags of the Bayesian linear head: how pairs are read."""

from probrm.config.flags import ModelFlags
from probrm.recipes.pairs.flags import EXAMPLE, PAIRS

BAYESIAN_LINEAR = ModelFlags(
    "Baseline for pairs: a linear head with a Gaussian posterior (RewardUQ's BAY-LIN).",
    tuple(flag for flag in PAIRS if flag.setting.startswith("data.")),
    baseline=True,
    example=EXAMPLE,
)
