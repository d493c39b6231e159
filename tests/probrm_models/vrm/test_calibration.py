"""Simulation-based calibration of rewards (Talts et al. 2018, arXiv 1804.06788).

Truth and data are drawn from the priors that the fit has; the rank of a true reward among its posterior draws is then uniform
if, and only if on average, the posterior is right. One reward of one new response, and one difference of two, is ranked in each
simulation, so ranks are independent over simulations. Their normal scores are standard normal: the sum of their squares is
χ² (Cook, Gelman & Rubin 2006), which is the sharpest test of widths; Kolmogorov and Smirnov's test sees displacements.

Calibrated by construction is what the simulation draws: v, C, τ, w and ε from their priors, h standard normal, responses that
the fit has not seen. With two objectives the prior of w is the one that knows no prompt, ``weights.prior = "standard"``, and a
prompt's vector is its number in one-hot form: ``q(w | x)`` is then a free Dirichlet for each prompt, the form in which it can be
the posterior, and the responses are new ones of prompts in the training set. Not calibrated by construction, and not tested
here: rewards for prompts that the fit has not seen (``q(w | x)`` is a point estimate as a function of x, whose uncertainty
is nobody's; test_vrm_recovery prints the coverage), and τ itself, whose posterior is not wide enough at this size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from probrm.data.batch import Batch
from probrm.inference import SVI
from probrm.inference.device import own_random_stream
from probrm.priors import HalfNormal, Normal
from probrm_models.vrm.config import SupervisionConfig, VRMConfig, VRMPriors, WeightsConfig
from probrm_models.vrm.model import VRMModel
from tests.probrm_models.vrm.simulation import World, dirichlet, fit

SCALE, RESIDUAL = 1.5, 0.5
CONFIG = VRMConfig(
    weights=WeightsConfig(prior="standard"),
    supervision=SupervisionConfig("none"),
    priors=VRMPriors(shared=Normal(0.0, SCALE), contrasts=Normal(0.0, SCALE), residual=HalfNormal(RESIDUAL)),
)
SETTINGS = SVI(learning_rate=0.02, network_learning_rate=0.02, max_steps=300, eval_every=300, refit=False, draws=1000)
PROMPTS, ANSWERS, SIZE = 10, 7, 6
ALPHA = 1e-3
"""Failure rate of ``check`` where the posterior is right."""


def prior_world(objectives: int, draw: torch.Generator) -> World:
    """Everything from the prior; ten prompts, of each seven responses for the training and two more."""
    shared, contrasts = SCALE * torch.randn(SIZE, generator=draw), SCALE * torch.randn(max(objectives - 1, 1), SIZE, generator=draw)
    shape = World.draw(torch.eye(PROMPTS), torch.ones(PROMPTS, objectives), torch.zeros(objectives, SIZE), 1.0, 2, draw).shape
    values = {"shared": shared, "contrasts": contrasts}
    weights = dirichlet(torch.ones(PROMPTS, objectives), draw)
    tau = float((RESIDUAL * torch.randn(1, generator=draw)).abs())
    return World.draw(torch.eye(PROMPTS), weights, VRMModel(shape, CONFIG).objectives(values), tau, ANSWERS + 2, draw)


@functools.cache
def draws(objectives: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Posterior draws ``(s, 2)`` of a new response's reward and of the difference of two, and what they truly are, ``(2,)``."""
    draw = torch.Generator().manual_seed(seed)
    world = prior_world(objectives, draw)
    known = World(world.prompt, world.weights, world.objectives, world.residual, world.embedding[:, :ANSWERS], world.effects[:, :ANSWERS])
    fitted = fit(known, known.judge(draw), CONFIG, SETTINGS, seed=seed)
    at = seed % PROMPTS
    new, other = world.embedding[[at], ANSWERS], world.embedding[[at], ANSWERS + 1]
    batch = Batch({"prompt": world.prompt[[at]], "response": new, "chosen": new, "rejected": other}, 1)
    assert isinstance(fitted.model, VRMModel)
    with torch.no_grad(), own_random_stream(seed):
        found = torch.cat([fitted.model.reward(fitted.draws, batch), fitted.model.difference(fitted.draws, batch)], 1)
    truth = world.reward[at, ANSWERS], world.reward[at, ANSWERS] - world.reward[at, ANSWERS + 1]
    return found.numpy(), torch.stack(truth).numpy()


def ranks(objectives: int, seeds: range, factor: float = 1.0) -> np.ndarray:
    """In (0, 1), one row a simulation.

    Args:
        objectives: K.
        seeds: one a simulation.
        factor: by which draws are moved away from their mean, in all that makes them spread: globals, weights and effects.
    """
    found = []
    for seed in seeds:
        values, truth = draws(objectives, seed)
        values = values.mean(0) + factor * (values - values.mean(0))
        found.append(((values < truth).sum(0) + 0.5) / (len(values) + 1))
    return np.array(found)


def check(u: np.ndarray) -> None:
    """Widths and places are right: two tests for each column."""
    level, n = ALPHA / (2 * u.shape[1]), len(u)
    squares = stats.norm.ppf(u).astype(float) ** 2
    for column, total in zip(u.T, squares.sum(0), strict=True):
        width = 2 * min(stats.chi2.sf(total, n), stats.chi2.cdf(total, n))
        place = stats.kstest(column, "uniform").pvalue
        print(f"n = {n}: mean square {total / n:.2f}, p of widths {width:.1e}, of places {place:.1e}", np.histogram(column, 5, (0, 1))[0])
        assert width > level, "draws are too narrow or too wide"
        assert place > level, "draws are displaced"


def seeds(count: int, shift: int) -> range:
    return range(10_000 + 1000 * shift, 10_000 + 1000 * shift + count)


def test_the_check_at_hand() -> None:
    """Uniform ranks pass; those of a posterior of half or twice the width, or half a standard deviation off, do not."""
    z = np.random.default_rng(0).normal(size=(100, 2))
    check(stats.norm.cdf(z))
    for wrong in (2 * z, z / 2, z + 0.5):
        with pytest.raises(AssertionError):
            check(stats.norm.cdf(wrong))


@pytest.mark.long
@pytest.mark.parametrize("objectives", [1, 2])
def test_calibration_in_a_hundred_simulations(objectives: int, seed_shift: int, simulations: Callable[[int, int], int]) -> None:
    count = simulations(100, 24)
    check(ranks(objectives, seeds(count, seed_shift)))
    with pytest.raises(AssertionError):
        check(ranks(objectives, seeds(count, seed_shift), factor=0.5))
