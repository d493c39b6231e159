"""Heads: from an embedding to the features of a Bayesian last layer."""

from probrm.heads.mean_rate import mean_rate_intercept
from probrm.heads.trunks import HeadConfig, LinearTrunk, MLPTrunk, Trunk, build_trunk, columns, last_layer, scaled

__all__ = ["HeadConfig", "LinearTrunk", "MLPTrunk", "Trunk", "build_trunk", "columns", "last_layer", "mean_rate_intercept", "scaled"]
