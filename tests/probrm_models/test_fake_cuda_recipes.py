"""Whole recipes on a GPU that is not there, from a file to a run: what a fit does beside its steps has its devices right, too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial

import pytest

from benchmarks.gpu.stores import Material, materials
from probrm.config import build_config
from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
from probrm_models.implicit.recipe import ImplicitRecipe
from probrm_models.vrm.recipe import VRMRecipe
from tests.fake_cuda import DEVICE, accept_any_device, outcomes

NAME = "tests.probrm_models.test_fake_cuda_recipes"
_SVI = ("inference.max_steps=6", "inference.eval_every=3", "inference.draws=20")
_LAPLACE = ("inference.name=laplace", "inference.draws=20")
_NUTS = ("inference.name=nuts", "inference.draws=4", "inference.warmup=4", "inference.chains=1")
_OBJECTIVES = "model.selection=objectives"


@functools.cache
def _material(kind: str) -> Material:
    return materials(None, tiny=True)[kind]


def fits(recipe: type[ImplicitRecipe | BradleyTerryRecipe | VRMRecipe], *sets: str) -> None:
    accept_any_device()
    made = recipe()
    data = {"propensity_features": ["surface", "position"]} if made.kind == "implicit" else {}
    given = _material(made.kind)
    run = made.fit(given.source, build_config(made, flags={"device": DEVICE, "starts": 1, "data": data}, sets=sets), embeddings=given.store)
    assert all(draws.device.type == "cpu" for draws in run.draws.values())


CASES: dict[str, Callable[[], None]] = {
    "implicit, SVI": partial(fits, ImplicitRecipe, *_SVI),
    "bradley-terry, SVI": partial(fits, BradleyTerryRecipe, *_SVI),
    "vrm, several objectives": partial(fits, VRMRecipe, *_SVI, _OBJECTIVES),
    "vrm, Laplace": partial(fits, VRMRecipe, *_LAPLACE, _OBJECTIVES),
    "vrm, NUTS": partial(fits, VRMRecipe, *_NUTS, _OBJECTIVES),
}


THOROUGH = {"bradley-terry, SVI", "vrm, Laplace", "vrm, NUTS"}
"""Minutes each, and their models and guides take single steps in ``test_fake_cuda``."""


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu_that_is_not_there(name: str, simulations: Callable[[int, int], int]) -> None:
    simulations(1, int(name not in THOROUGH))
    assert not outcomes(NAME, name)[name]
