"""The families start at the Laplace solution, and the guide's density is that of its draws."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pyro import poutine
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal

from probrm.coordinates.path_following import PathFollowing
from probrm.data.batch import Batch
from probrm.errors import ConfigError
from probrm.guides import Layout, WhitenedGuide, Whitening, build_guide
from probrm.guides.families import FULL_RANK_LIMIT, DiagonalNormal, FullRankNormal, LowRankNormal, Point
from probrm.model import RewardModel

NORMALS = ["auto-normal", "low-rank", "full-rank"]


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


@pytest.fixture
def model(two_rates: Callable[..., RewardModel]) -> RewardModel:
    return two_rates(5)


@pytest.fixture
def layout(model: RewardModel, rates_batch: Batch) -> Layout:
    return Layout.of(model, rates_batch)


@pytest.fixture
def whitening() -> Whitening:
    """Of nine coordinates, five of them exchangeable, all correlated."""
    root = torch.randn(4, 4).double()
    return Whitening(
        torch.randn(9).double(), torch.rand(5).double() + 1, 0.3 * torch.randn(5, 4).double(), root @ root.T + 2 * torch.eye(4).double()
    )


def dense(whitening: Whitening) -> Tensor:
    return (whitening(torch.eye(len(whitening.loc)).double()) - whitening.loc).T


def covariance(density: Any) -> Tensor:
    """Of any of the families' densities."""
    full = getattr(density, "covariance_matrix", None)
    return torch.diag(density.variance) if full is None else full


def disturb(guide: nn.Module) -> nn.Module:
    """Moves every parameter away from where it starts; a normal stays one."""
    with torch.no_grad():
        for name, parameter in guide.named_parameters():
            if not name.endswith("skew"):
                parameter.add_(0.4 * torch.randn_like(parameter))
    return guide


def built(name: str, model: RewardModel, layout: Layout, whitening: Whitening) -> WhitenedGuide:
    guide = build_guide(name, model, layout, copy.deepcopy(whitening))
    assert isinstance(guide, WhitenedGuide)
    return guide.double()


@pytest.mark.parametrize("name", NORMALS)
def test_starts_as_the_laplace_solution(name: str, model: RewardModel, layout: Layout, whitening: Whitening) -> None:
    guide, m = built(name, model, layout, whitening), dense(whitening)
    density = guide.family()
    found = m @ covariance(density) @ m.T
    assert torch.equal(density.mean, torch.zeros(9).double())
    # low-rank starts 0.01 off in a random direction, for at zero its gradient vanishes
    assert torch.allclose(found, m @ m.T, atol=2e-2 if name == "low-rank" else 1e-6)


def test_delta_starts_at_the_mode(model: RewardModel, layout: Layout, whitening: Whitening) -> None:
    values, expected = built("delta", model, layout, whitening).draws(2), layout.constrain(whitening.loc)
    assert all(torch.allclose(values[name][i], expected[name]) for name in expected for i in (0, 1))


@pytest.mark.parametrize("name", NORMALS)
def test_log_density_of_a_draw_is_the_closed_form(
    name: str, model: RewardModel, layout: Layout, whitening: Whitening, rates_batch: Batch
) -> None:
    """``log q(values) = log N(z; loc + M m, M C Mᵀ) + log |dz / d values|``, all of it dense and by autograd."""
    guide = built(name, model, layout, whitening)
    disturb(guide.family)
    for _ in range(5):
        trace = run(guide, rates_batch)
        values = {site.name: trace.nodes[site.name]["value"].detach() for site in layout.sites}
        density, m = guide.family(), dense(whitening)
        normal = MultivariateNormal(whitening.loc + m @ density.mean, m @ covariance(density) @ m.T)
        flat = torch.cat([values[site.name].reshape(-1) for site in layout.sites])

        def unconstrain(flat: Tensor) -> Tensor:
            return layout.unconstrain({site.name: flat[site.flat].reshape(site.shape) for site in layout.sites})

        change = jacobian(unconstrain, flat)
        assert isinstance(change, Tensor)
        expected = normal.log_prob(unconstrain(flat)) + torch.linalg.slogdet(change)[1]
        assert float(trace.log_prob_sum().detach()) == pytest.approx(float(expected.detach()), abs=1e-8)


@pytest.mark.parametrize("name", NORMALS)
def test_draws_have_the_moments_of_the_density(name: str, model: RewardModel, layout: Layout, whitening: Whitening) -> None:
    """20,000 draws: all 9 means within 5 standard errors, all 81 second moments too (fails for a seed in 20,000)."""
    guide = built(name, model, layout, whitening)
    disturb(guide.family)
    count, density, m = 20_000, guide.family(), dense(whitening)
    z = layout.unconstrain(guide.draws(count))
    x = torch.linalg.solve_triangular(
        torch.linalg.cholesky(m @ covariance(density).detach() @ m.T), (z - whitening.loc - m @ density.mean.detach()).T, upper=False
    )
    assert float(x.mean(1).abs().max()) * count**0.5 < 5
    moments = x @ x.T / count - torch.eye(9).double()
    assert float((moments / (1 + torch.eye(9)).sqrt()).abs().max()) * count**0.5 < 5


@pytest.mark.parametrize("name", NORMALS)
def test_the_bounds_gradient_is_free_of_noise_where_the_guide_is_exact(
    name: str, regression: Callable[..., RewardModel], simulated: Callable[..., Batch], closed_form: Callable[..., Any]
) -> None:
    """The path derivative alone: the score term, of mean zero but not of variance zero, is left out."""
    from pyro.infer import Trace_ELBO

    batch = simulated(50, 3)
    model = regression(3)
    mean, cov, evidence = closed_form(batch)
    layout = Layout.of(model, batch)
    guide = built(name, model, layout, Whitening(mean, torch.zeros(0).double(), torch.zeros(0, 3).double(), torch.linalg.inv(cov)))
    if isinstance(guide.family, LowRankNormal):
        guide.family.factor.data.zero_()
    for _ in range(3):
        loss = Trace_ELBO()(model, guide)(batch.to(dtype=torch.float64))
        gradients = torch.autograd.grad(loss, list(guide.family.parameters()))
        assert float(loss.detach()) == pytest.approx(-evidence, abs=1e-4)
        assert max(float(g.abs().max()) for g in gradients) < 1e-4


def test_delta_keeps_the_scales_at_their_evidence_estimate() -> None:
    point = Point(torch.tensor([False, True]))
    point.loc.data += 1.0
    assert point().rsample().tolist() == [1.0, 0.0]
    (gradient,) = torch.autograd.grad(point().rsample().sum(), point.loc)
    assert gradient.tolist() == [1.0, 0.0]


def test_full_rank_has_a_limit() -> None:
    assert FULL_RANK_LIMIT == 3000
    with pytest.raises(ConfigError, match="full-rank' over 3001 latents") as caught:
        FullRankNormal(3001)
    assert "auto-normal" in caught.value.fix


def test_rank_is_at_most_the_dimension() -> None:
    assert LowRankNormal(3, 10).factor.shape == (3, 3)
    assert LowRankNormal(30, 10).factor.shape == (30, 10)


def test_parameters_count_what_the_family_promises() -> None:
    assert sum(p.numel() for p in DiagonalNormal(7).parameters()) == 14
    assert sum(p.numel() for p in FullRankNormal(7).parameters()) == 14 + 49


def test_a_coordinate_that_is_held_stays_a_standard_normal(layout: Layout, whitening: Whitening) -> None:
    """However its parameters are moved; the others follow theirs, and with other coordinates nothing is held."""
    ridge = PathFollowing(Whitening.diagonal(torch.zeros(8), torch.ones(8), 5), 6, 0.3, 0.5, torch.tensor([-1.0, 1.0]), torch.zeros(2, 8))
    held = torch.arange(9) == 6
    for coordinates, fixed in ((ridge, held), (whitening, held & False)):
        density = disturb(build_guide("auto-normal", None, layout, coordinates)).family().base_dist  # type: ignore[arg-type, operator, union-attr]
        assert torch.equal(density.loc == 0, fixed)
        assert torch.equal(density.scale == 1, fixed)
