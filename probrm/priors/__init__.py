"""Priors that can be swapped: in code, in TOML, with ``--set``."""

from probrm.priors.base import Prior, PriorSlot, as_prior, prior_names, prior_to_dict, register_prior
from probrm.priors.normal_proxy import NormalStandIns
from probrm.priors.scalar import Beta, Gamma, HalfCauchy, HalfNormal, LogNormal
from probrm.priors.weights import Horseshoe, Laplace, Normal, StudentT

__all__ = [
    "Beta",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "Horseshoe",
    "Laplace",
    "LogNormal",
    "Normal",
    "NormalStandIns",
    "Prior",
    "PriorSlot",
    "StudentT",
    "as_prior",
    "prior_names",
    "prior_to_dict",
    "register_prior",
]
