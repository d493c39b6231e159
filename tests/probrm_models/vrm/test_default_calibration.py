"""Intervals of the default fit on simulated pairs, from the choice of the scales to predictions for new prompts.

Everything but the scales is drawn from the model: v, C, the gate, τ from its prior, weights and responses' own parts. Scales are chosen by the fit, from
a grid, so that coverage is near what it should be and not equal. Of twenty worlds the standard error of the mean coverage is about .03 at either level.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from probrm.config import build_config
from probrm.data import Batch
from probrm.inference.device import own_random_stream
from probrm.recipes.pairs.job import PairJob
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.networks import contrast_basis
from probrm_models.vrm.recipe import VRMRecipe

pytestmark = pytest.mark.long
PROMPTS, NEW, D, P, KAPPA = 300, 300, 12, 8, 20.0
ENDS = ((0, 1), (1, 2), (2, 3))
"""Pairs of a prompt's four responses."""


def world(seed: int, apart: float) -> tuple[Batch, Batch, Tensor]:
    """Pairs to be fitted, one new pair of each new prompt, and its true probability, the winner first."""
    draw = torch.Generator().manual_seed(seed)
    with own_random_stream(seed):
        tau = float(torch.randn(()).abs())
        x = torch.randn(PROMPTS + NEW, P)
        gate, v = torch.randn(1, P) / P**0.5, torch.randn(D) / D**0.5
        slopes = 1.6 * (v + contrast_basis(2) @ (apart * torch.randn(1, D) / D**0.5))
        w = torch.distributions.Dirichlet(0.05 + KAPPA * (x @ gate.T @ contrast_basis(2).T).softmax(-1)).sample()
        h = torch.randn(PROMPTS + NEW, 4, D)
        own = tau * w.norm(dim=1)[:, None] * torch.randn(PROMPTS + NEW, 4)
    length = float(w.square().sum(1).mean())
    reward = (1 + math.pi / 4 * length * tau**2) ** 0.5 * torch.einsum("nk,kd,njd->nj", w, slopes, h) + own

    def pairs(prompts: range, ends: tuple[tuple[int, int], ...]) -> tuple[Batch, Tensor]:
        at = torch.tensor([(i, a, b) for i in prompts for a, b in ends])
        p = (reward[at[:, 0], at[:, 1]] - reward[at[:, 0], at[:, 2]]).sigmoid()
        won = torch.rand(len(p), generator=draw) < p
        first, second = torch.where(won, at[:, 1], at[:, 2]), torch.where(won, at[:, 2], at[:, 1])
        _, index = torch.unique(torch.cat([4 * at[:, 0] + first, 4 * at[:, 0] + second]), return_inverse=True)
        ones = torch.ones(len(p))
        columns = {"prompt": x[at[:, 0]], "chosen": h[at[:, 0], first], "rejected": h[at[:, 0], second], "outcome": ones, "weight": ones}
        columns |= {"prompt_index": at[:, 0], "chosen_index": index[: len(p)], "rejected_index": index[len(p) :]}
        return Batch(columns, len(p)), torch.where(won, p, 1 - p)

    seen, _ = pairs(range(PROMPTS), ENDS)
    return seen, *pairs(range(PROMPTS, PROMPTS + NEW), ENDS[:1])


def covered(seed: int, apart: float) -> dict[tuple[float, float], float]:
    """Shares of true probabilities in intervals, by level and by a factor of their width in logits."""
    seen, new, truth = world(seed, apart)
    recipe = VRMRecipe()
    inputs = SimpleNamespace(centre=torch.zeros(D), prompt_centre=torch.zeros(P), attributes=())
    held = np.flatnonzero((seen["prompt_index"] % 10 == 0).numpy())
    config = build_config(recipe, sets=["inference.refit=false"])
    fitted = recipe.fit_model(PairJob(config=config, rows=None, inputs=inputs, data=seen, held=held))  # type: ignore[arg-type]
    assert isinstance(fitted.model, VRMModel)
    with torch.no_grad(), own_random_stream(seed):
        d = fitted.model.difference(fitted.draws, new)
    found = {}
    for factor in (1.0, 0.5):
        at = d.mean(0) + factor * (d - d.mean(0))
        for level in (0.5, 0.9):
            low, high = torch.quantile(at, torch.tensor([(1 - level) / 2, (1 + level) / 2]), dim=0).sigmoid()
            found[level, factor] = float(((low <= truth) & (truth <= high)).float().mean())
    return found


@pytest.mark.parametrize("apart", [0.0, 2.0])
def test_new_pairs_are_in_their_intervals_as_often_as_these_say(apart: float, simulations: Callable[[int, int], int]) -> None:
    """Halved intervals are the negative control."""
    count = simulations(20, 6)
    each = [covered(seed, apart) for seed in range(count)]
    wider = (20 / count) ** 0.5
    mean = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
    print(apart, mean)
    assert mean[0.5, 1.0] == pytest.approx(0.5, abs=0.09 * wider)
    assert mean[0.9, 1.0] == pytest.approx(0.9, abs=min(0.07 * wider, 0.1))
    assert mean[0.5, 0.5] < 0.4
    assert mean[0.9, 0.5] < 0.75
