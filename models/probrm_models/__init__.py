"""The model/guide pairs, one package a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm_models.bradley_terry.config import BradleyTerryConfig
    from probrm_models.bradley_terry.model import BradleyTerryModel
    from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
    from probrm_models.implicit.fit import fit_implicit
    from probrm_models.implicit.model import ImplicitModel
    from probrm_models.implicit.naive import NaiveModel
    from probrm_models.vrm.config import VRMConfig
    from probrm_models.vrm.model import VRMModel

__all__ = [
    "BradleyTerryConfig",
    "BradleyTerryModel",
    "ImplicitConfig",
    "ImplicitModel",
    "ImplicitPriors",
    "NaiveModel",
    "VRMConfig",
    "VRMModel",
    "fit_implicit",
]

__getattr__ = lazy(
    __name__,
    **{
        "bradley_terry.config": "BradleyTerryConfig",
        "bradley_terry.model": "BradleyTerryModel",
        "implicit.config": "ImplicitConfig ImplicitPriors",
        "implicit.fit": "fit_implicit",
        "implicit.model": "ImplicitModel",
        "implicit.naive": "NaiveModel",
        "vrm.config": "VRMConfig",
        "vrm.model": "VRMModel",
    },
)
