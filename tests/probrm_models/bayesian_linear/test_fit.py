"""The head against closed forms, and its intervals against truths drawn from its prior, with the unweighted ones as negative control."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

from probrm.data import Batch
from probrm_models.bayesian_linear.fit import Head, linear_head


def pairs(m: int = 200, d: int = 4, *, seed: int = 0, weights: np.ndarray | None = None) -> Batch:
    """Pairs of standard normal vectors, decided by Bradley and Terry's model; the chosen side first."""
    draw = np.random.default_rng(seed)
    weights = np.array([2.0, -1.0, 0.5, 0.0])[:d] if weights is None else weights
    sides = draw.normal(size=(2, m, d))
    swap = draw.uniform(size=m) > expit((sides[0] - sides[1]) @ weights / d**0.5)
    chosen, rejected = (torch.from_numpy(np.where(swap[:, None], sides[1 - i], sides[i])) for i in (0, 1))
    return Batch({"chosen": chosen, "rejected": rejected, "weight": torch.from_numpy(draw.uniform(0.5, 2, m))}, m)


def design(batch: Batch) -> np.ndarray:
    return (batch["chosen"] - batch["rejected"]).numpy() / batch["chosen"].shape[1] ** 0.5


def test_precision_is_the_sum_of_outer_products_one_pair_after_the_other() -> None:
    batch = pairs(50)
    weighted = linear_head(batch, l2=0.7, hessian="weighted")
    plain = linear_head(batch, l2=0.7)
    by_hand, curved = 0.7 * np.eye(4), 0.7 * np.eye(4)
    for x, w in zip(design(batch), batch["weight"].numpy(), strict=True):
        p = 1 / (1 + np.exp(-x @ weighted.weights))
        by_hand += w * np.outer(x, x)
        curved += w * p * (1 - p) * np.outer(x, x)
    np.testing.assert_allclose(plain.precision, by_hand, atol=1e-8)
    np.testing.assert_allclose(weighted.precision, curved, atol=1e-8)
    np.testing.assert_array_equal(plain.weights, weighted.weights)


def test_weights_are_the_optimum_of_the_penalised_loss_and_the_weighted_precision_its_curvature(double: None) -> None:
    batch, l2 = pairs(), 0.3
    x, weight = torch.from_numpy(design(batch)), batch["weight"]

    def loss(theta: torch.Tensor) -> torch.Tensor:
        return -(weight * torch.nn.functional.logsigmoid(x @ theta)).sum() + l2 / 2 * theta.square().sum()

    head = linear_head(batch, l2=l2, hessian="weighted")
    at = torch.from_numpy(head.weights)
    np.testing.assert_allclose(torch.func.grad(loss)(at).numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(torch.func.hessian(loss)(at).numpy(), head.precision, atol=1e-8)
    found = minimize(lambda theta: float(loss(torch.from_numpy(theta))), np.zeros(4), tol=1e-12)
    np.testing.assert_allclose(head.weights, found.x, atol=1e-4)


def test_one_weight_in_closed_form() -> None:
    """m pairs that differ by 1, k of them against it: tanh-free for λ → 0, θ = log((m − k)/k), and H = λ + m."""
    m, k = 40, 10
    sign = np.where(np.arange(m) < k, -1.0, 1.0)[:, None]
    batch = Batch({"chosen": torch.from_numpy(sign), "rejected": torch.zeros(m, 1).double(), "weight": torch.ones(m).double()}, m)
    plain, weighted = linear_head(batch, l2=1e-8), linear_head(batch, l2=1e-8, hessian="weighted")
    assert float(plain.weights[0]) == pytest.approx(np.log(3), abs=1e-6)
    assert float(plain.precision[0, 0]) == pytest.approx(m, abs=1e-6)
    assert float(weighted.precision[0, 0]) == pytest.approx(m * 0.75 * 0.25, abs=1e-6)


def test_draws_have_the_mean_and_the_scaled_inverse_for_covariance() -> None:
    """Moments of 40,000 draws within 5 standard errors of θ̂ and β²H⁻¹."""
    n, head = 40_000, linear_head(pairs(), l2=1.0)
    draws = head.draws(n, 0.5, np.random.default_rng(0))
    covariance = 0.25 * np.linalg.inv(head.precision)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_array_less(np.abs(draws.mean(0) - head.weights), 5 * sd / n**0.5)
    error = np.sqrt((covariance**2 + np.outer(sd, sd) ** 2) / n)
    np.testing.assert_array_less(np.abs(np.cov(draws.T) - covariance), 5 * error)


def test_an_interval_of_a_reward_is_beta_standard_errors_wide() -> None:
    """``φᵀH⁻¹φ``, read off draws: 1.645 standard deviations to either side for the default, 0.5 for RewardUQ's."""
    head, phi = linear_head(pairs(), l2=1.0), np.array([0.3, -1.0, 0.2, 0.8])
    sd = float(phi @ np.linalg.solve(head.precision, phi)) ** 0.5
    for beta in (1.6448536, 0.5):
        rewards = head.draws(200_000, beta / 1.6448536, np.random.default_rng(1)) @ phi
        low, high = np.quantile(rewards, [0.05, 0.95])
        assert (high - low) / 2 == pytest.approx(beta * sd, rel=0.01)


def covered(head: Head, truth: np.ndarray) -> int:
    """How many of the weights lie in their central 90 % intervals."""
    sd = np.sqrt(np.diag(np.linalg.inv(head.precision)))
    return int((np.abs(head.weights - truth) <= 1.6448536 * sd).sum())


def test_weighted_intervals_hold_the_truth_as_often_as_they_say_and_unweighted_ones_do_not(seed_shift: int) -> None:
    """40 fits of 5 weights from the prior N(0, 1/λ), 400 pairs: 180 ± 4.2 of 200 within 90 % intervals; fewer than 163 with probability 1e-4.

    The negative control are RewardUQ's default intervals: σ′ ≤ 1/4, so they are at most about half as wide, and hold less than 60 %.
    """
    weighted = unweighted = 0
    for seed in range(40):
        truth = np.random.default_rng(10_000 * seed_shift + seed).normal(size=5) * 1.5
        batch = pairs(400, 5, seed=777 + 1000 * seed_shift + seed, weights=truth)
        batch = Batch({**batch.columns, "weight": torch.ones(400).double()}, 400)
        weighted += covered(linear_head(batch, l2=1 / 1.5**2, hessian="weighted"), truth)
        unweighted += covered(linear_head(batch, l2=1 / 1.5**2), truth)
    assert 163 <= weighted <= 195, weighted
    assert unweighted < 125, unweighted
