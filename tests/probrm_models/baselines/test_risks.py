"""Unbiasedness by enumeration: the expectation of each risk over who acts is the risk under full information."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import Tensor

from probrm_models.baselines.pair_risks import unbiased_bpr_risk
from probrm_models.baselines.pu_risks import nnpu_risk, upu_risk
from probrm_models.baselines.risks import cross_entropy, doubly_robust_risk, ips_risk, naive_risk, relmf_risk

N = 6


def numbers(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards, preferences and propensities (all above 0.1) of six rows."""
    generator = torch.Generator().manual_seed(seed)
    reward = 2 * torch.randn(N, generator=generator, dtype=torch.float64)
    preference = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    return reward, preference, 0.15 + 0.8 * torch.rand(N, generator=generator, dtype=torch.float64)


def activities(propensity: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Every ``a`` with its probability."""
    for bits in itertools.product((0.0, 1.0), repeat=N):
        a = torch.tensor(bits, dtype=torch.float64)
        yield float(torch.where(a == 1, propensity, 1 - propensity).prod()), a


def expected(risk: Callable[[Tensor], Tensor], preference: Tensor, propensity: Tensor) -> Tensor:
    total = torch.zeros(())
    for probability, a in activities(propensity):
        total = total + probability * risk(preference * a)
    return total


def test_cross_entropy_against_scikit_learn() -> None:
    reward, preference, _ = numbers()
    found = float(cross_entropy(reward, preference).mean())
    assert found == pytest.approx(log_loss(preference.numpy(), torch.sigmoid(reward).numpy()), abs=1e-10)


POINTWISE: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ips": ips_risk,
    "rel-mf": relmf_risk,
    "doubly-robust": lambda f, o, mu: doubly_robust_risk(f, o, mu, torch.linspace(0.1, 0.9, N, dtype=torch.float64)),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_risks_are_unbiased(name: str, double: None) -> None:
    reward, preference, mu = numbers()
    found = expected(lambda o: POINTWISE[name](reward, o, mu), preference, mu)
    np.testing.assert_allclose(found, cross_entropy(reward, preference), atol=1e-10)


def test_the_naive_risk_is_not(double: None) -> None:
    reward, preference, mu = numbers()
    found = expected(lambda o: naive_risk(reward, o), preference, mu)
    np.testing.assert_allclose(found, cross_entropy(reward, preference * mu), atol=1e-10)
    assert float((found - cross_entropy(reward, preference)).abs().max()) > 0.1


def test_clipping_biases_rel_mf_and_a_right_imputation_repairs_it(double: None) -> None:
    """Over preference too, for the imputation is a probability: ``γ``."""
    reward, _, mu = numbers()
    gamma, floor = torch.linspace(0.2, 0.8, N, dtype=torch.float64), 0.6
    full = cross_entropy(reward, gamma)
    assert bool((mu < floor).any())
    clipped, robust, wrong = torch.zeros(N), torch.zeros(N), torch.zeros(N)
    imputed = torch.full((N,), 0.5, dtype=torch.float64)
    for r, a in itertools.product((0.0, 1.0), repeat=2):
        probability = (gamma if r else 1 - gamma) * (mu if a else 1 - mu)
        o = torch.full((N,), r * a, dtype=torch.float64)
        clipped = clipped + probability * relmf_risk(reward, o, mu, floor)
        robust = robust + probability * doubly_robust_risk(reward, o, mu, gamma, floor)
        wrong = wrong + probability * doubly_robust_risk(reward, o, mu, imputed, floor)
    np.testing.assert_allclose(robust, full, atol=1e-10)
    assert float((clipped - full).abs().max()) > 0.05
    bias = (imputed - gamma) * (1 - mu / mu.clamp(min=floor))  # of the label, as documented
    np.testing.assert_allclose(wrong, cross_entropy(reward, gamma + bias), atol=1e-10)


def test_upu_is_unbiased_where_all_positive_rows_act_alike(double: None) -> None:
    reward, preference, _ = numbers()
    share = torch.full((N,), 0.3, dtype=torch.float64)
    prior = float(preference.mean())
    found = expected(lambda o: upu_risk(reward, o, prior, 0.3 * prior), preference, share)
    assert float(found) == pytest.approx(float(cross_entropy(reward, preference).mean()), abs=1e-10)


def test_nnpu_is_upu_until_the_risk_of_negative_rows_is_negative(double: None) -> None:
    reward, preference, _ = numbers()
    reward, action = reward / 10, preference * torch.tensor([1.0, 0, 0, 1, 0, 0])
    rate = float(action.mean())
    assert float(nnpu_risk(reward, action, 0.4, rate)) == pytest.approx(float(upu_risk(reward, action, 0.4, rate)), abs=1e-12)
    sure = torch.where(action == 1, 8.0, -8.0)  # all acted rows far above: π E₊[ℓ(f, 0)] is more than E[ℓ(f, 0)]
    assert float(upu_risk(sure, action, 0.9, rate)) < 0
    positive = 0.9 * float(torch.nn.functional.softplus(torch.tensor(-8.0)))
    assert float(nnpu_risk(sure, action, 0.9, rate)) == pytest.approx(positive, abs=1e-12)


def test_pu_weights_count_rows(double: None) -> None:
    reward, preference, _ = numbers()
    weight = torch.tensor([1.0, 2, 1, 1, 3, 1])
    copies = weight.long()
    repeated = upu_risk(reward.repeat_interleave(copies), preference.repeat_interleave(copies), 0.7, 0.5)
    assert float(upu_risk(reward, preference, 0.7, 0.5, weight)) == pytest.approx(float(repeated), abs=1e-12)


def test_pairs_are_unbiased(double: None) -> None:
    reward, preference, mu = numbers()
    i, j = (torch.tensor(side) for side in zip(*itertools.permutations(range(N), 2), strict=True))
    found = expected(lambda o: unbiased_bpr_risk(reward[i], reward[j], o[i], o[j], mu[i], mu[j]), preference, mu)
    full = preference[i] * (1 - preference[j]) * torch.nn.functional.softplus(reward[j] - reward[i])
    np.testing.assert_allclose(found, full, atol=1e-10)


def test_pairs_with_negative_weights_left_out(double: None) -> None:
    one = torch.ones(1)
    pair = (one, -one, one, one, 0.5 * one, 0.5 * one)
    assert float(unbiased_bpr_risk(*pair)) < 0
    assert float(unbiased_bpr_risk(*pair, nonnegative=True)) == 0
