"""The amortised posteriors: where they begin, and that they stay within what can be computed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from probrm.inference.svi.elbo import divergence
from probrm_models.vrm.config import FeaturesConfig, WeightsConfig
from probrm_models.vrm.networks import FLOOR, AmortisedFeatures, Network, build_weights

X = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("concentration", [0.001, 0.05, 0.0505, 0.3, 1.0, 20.0, 500.0])
def test_dirichlet_is_its_prior_before_training(concentration: float, hidden: tuple[int, ...]) -> None:
    """Those below the floor are raised, in prior and posterior alike."""
    weights = build_weights(WeightsConfig(concentration=concentration, hidden=hidden), 3, 4)
    prior, posterior = weights.prior(7, X), weights.posterior(X)
    torch.testing.assert_close(posterior.concentration, prior.concentration, rtol=1e-4, atol=1e-6)
    assert float(prior.concentration.min()) == pytest.approx(max(concentration, 0.051), rel=1e-5)
    assert divergence(posterior, prior).abs().max() < 1e-3 * max(1.0, concentration / 20)


@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_logistic_normal_is_its_prior_before_training(scale: float, hidden: tuple[int, ...]) -> None:
    weights = build_weights(WeightsConfig("logistic-normal", scale=scale, hidden=hidden), 3, 4)
    assert divergence(weights.posterior(X), weights.prior(7, X)).abs().max() < 1e-5
    assert weights.prior(7, X).base_dist.scale.unique().item() == pytest.approx(scale)


@pytest.mark.parametrize("config", [FeaturesConfig(), FeaturesConfig(loc=3.0, scale=0.2), FeaturesConfig(loc=-1.0, scale=10.0)])
def test_features_begin_at_their_prior_with_means_a_little_apart(config: FeaturesConfig) -> None:
    q = AmortisedFeatures(config, 3, 5)(X).base_dist
    assert ((q.loc - config.loc) / config.scale).abs().max() < 0.6
    assert (q.loc - config.loc).abs().max() > 0  # else its network and the decoder's weights would have no gradient at V = 0
    assert (q.scale / config.scale).log().abs().max() < 0.6


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
def test_wild_outputs_leave_densities_and_gradients_finite(family: str, size: float) -> None:
    """Up to 30 for the normal's, whose width is that of softplus; concentrations have a floor at any output."""
    weights = build_weights(WeightsConfig(family), 3, 4)  # type: ignore[arg-type]
    if family == "logistic-normal":
        size = min(size, 30.0)
    with torch.no_grad():
        weights.network.layers[-1].bias.copy_(size * torch.linspace(-1, 1, len(weights.network.layers[-1].bias)))  # type: ignore[operator, union-attr, arg-type]
    q = weights.posterior(X)
    if family == "dirichlet":
        assert q.concentration.min() >= FLOOR
    draw = weights.weights(q.rsample())
    torch.testing.assert_close(draw.sum(-1), torch.ones(7))
    loss = divergence(q, weights.prior(7, X)).sum() + (draw * torch.arange(4.0)).sum()
    gradients = torch.autograd.grad(loss, list(weights.parameters()))
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(g).all()) for g in gradients)


def test_gradients_of_draws_at_the_floor_are_finite() -> None:
    """5,000 draws where the implicit gradient is steepest."""
    weights = build_weights(WeightsConfig(concentration=0.001), 3, 4)
    draw = weights.posterior(X.new_zeros(5000, 3)).rsample()
    gradients = torch.autograd.grad((draw * torch.arange(4.0)).sum(), list(weights.parameters()))
    assert all(bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
def test_one_objective_has_all_the_weight(family: str) -> None:
    weights = build_weights(WeightsConfig(family), 3, 1)  # type: ignore[arg-type]
    draw = weights.weights(weights.posterior(X).rsample())
    torch.testing.assert_close(draw, torch.ones(7, 1))
    loss = divergence(weights.posterior(X), weights.prior(7, X)).sum() + draw.sum()
    assert all(bool(torch.isfinite(g).all()) for g in torch.autograd.grad(loss, list(weights.parameters())))


def test_weights_follow_the_prompt_when_the_network_does() -> None:
    weights = build_weights(WeightsConfig(), 3, 2)
    with torch.no_grad():
        weights.network.layers[0].weight.copy_(torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]]))  # type: ignore[operator, union-attr]
    mean = weights.posterior(X).mean[:, 0]
    assert bool(((mean > 0.5) == (X[:, 0] > 0)).all())


@pytest.mark.parametrize("hidden", [(), (4, 3)])
def test_a_networks_outputs_are_zero_before_training_and_have_gradients(hidden: tuple[int, ...]) -> None:
    network = Network(3, 2, hidden)
    assert network(X).abs().max() == 0.0
    (gradient,) = torch.autograd.grad(network(X).sum(), [network.layers[-1].weight])  # type: ignore[list-item]
    assert float(gradient.abs().max()) > 0
    assert sum(isinstance(layer, nn.Linear) for layer in network.layers) == len(hidden) + 1


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_densities_are_made_where_and_as_what_the_rows_are(family: str, dtype: torch.dtype) -> None:
    like = torch.zeros(2, dtype=dtype, device="meta")
    with torch.device("meta"):
        weights = build_weights(WeightsConfig(family), 3, 4).to(dtype)  # type: ignore[arg-type]
    torch.distributions.Distribution.set_default_validate_args(False)  # a meta tensor has no values to be looked at
    try:
        found = [weights.prior(2, like), weights.posterior(torch.zeros(2, 3, dtype=dtype, device="meta"))]
    finally:
        torch.distributions.Distribution.set_default_validate_args(True)
    for density in found:
        tensor = density.concentration if family == "dirichlet" else density.base_dist.loc
        assert tensor.device.type == "meta"
        assert tensor.dtype == dtype


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
def test_expected_weights(family: str) -> None:
    """Those of 100,000 draws, within the error of 200 (standard deviation at most 0.5: 5 standard errors are 0.18)."""
    weights = build_weights(WeightsConfig(family), 3, 4)  # type: ignore[arg-type]
    with torch.no_grad():
        weights.network.layers[0].weight.normal_(std=0.5)  # type: ignore[operator, union-attr]
        found = weights.mean(X)
        drawn = weights.weights(weights.posterior(X).sample((100_000,))).mean(0)
    assert (found - drawn).abs().max() < (0.01 if family == "dirichlet" else 0.18)
    torch.testing.assert_close(found.sum(-1), torch.ones(7))
