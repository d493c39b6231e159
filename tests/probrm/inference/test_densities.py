"""Densities of a guide's draws: against closed forms, another way to work them out, and with a guide whose density is known to be wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import AutoDelta, AutoDiagonalNormal, AutoMultivariateNormal
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout, build_guide
from probrm.inference import SVI, Laplace, fit, newton_laplace
from probrm.inference.densities import draws_and_density, log_joint
from probrm.inference.laplace.potential import Potential
from probrm.model import RewardModel

Make = Callable[..., RewardModel]


@pytest.fixture(autouse=True)
def _own_parameters() -> Iterator[None]:
    """Pyro's guides keep their parameters to themselves."""
    with pyro.settings.context(module_local_params=True):
        yield


@pytest.mark.parametrize("total", [40, 100], ids=["all rows", "rows that stand for more"])
def test_log_joint_is_minus_the_potential(two_rates: Make, rates_batch: Batch, total: int) -> None:
    batch, model = Batch(rates_batch.columns, total), two_rates(6)
    layout = Layout.of(model, batch)
    z = torch.randn(7, layout.size)
    potential = Potential(model, layout, batch.to(dtype=torch.float64))
    expected = torch.stack([-potential(one.double()) for one in z])
    assert torch.allclose(log_joint(model, layout, batch, z), expected, atol=1e-8)


def test_log_joint_through_linear_predictors_is_the_traces() -> None:
    """With users, level correction, labels and weights; in several chunks."""
    from tests.probrm_models.implicit.test_linear import SETTINGS, potential_of

    for name in ("everything", "several, everything", "no users"):
        potential = potential_of(SETTINGS[name])
        assert potential.form is not None
        z = 0.5 * torch.randn(5, potential.layout.size)
        found = log_joint(potential.model, potential.layout, potential.batch, z)
        expected = [float(potential._log_density(one.double(), potential.batch, rows=True)) for one in z]
        assert found.tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("guide", ["auto-normal", "low-rank", "full-rank"])
def test_the_evidence_of_a_conjugate_model(guide: str, regression: Make, simulated: Callable[..., Batch]) -> None:
    """Laplace is exact here, and every family begins there: each draw's ratio is the evidence, ``log N(y; 0, X Xᵀ + .7² I)``."""
    batch, model = simulated(50, 3), regression(3)
    layout = Layout.of(model, batch)
    built = build_guide(guide, model, layout, newton_laplace(model, batch, layout).coordinates.float())
    z, log_q = draws_and_density(built, layout, batch, 200)
    assert log_q is not None
    ratio = log_joint(model, layout, batch, z) - log_q
    x, y = batch["x"].double(), batch["y"].double()
    evidence = torch.distributions.MultivariateNormal(torch.zeros(50).double(), x @ x.T + 0.49 * torch.eye(50).double()).log_prob(y)
    spread = 0.15 if guide == "low-rank" else 1e-4  # its factor does not begin at zero
    assert float(ratio.mean()) == pytest.approx(float(evidence), abs=spread)
    assert float(ratio.std()) < spread


@pytest.mark.parametrize("auto", [AutoDiagonalNormal, AutoMultivariateNormal])
def test_pyros_guides_over_constrained_sites(auto: Any, two_rates: Make, rates_batch: Batch) -> None:
    """``log q`` of the unconstrained latents is the normal's that Pyro draws them from."""
    model = two_rates(6)
    guide = auto(model, init_scale=0.4)
    guide(rates_batch)
    layout = Layout.of(model, rates_batch)
    z, log_q = draws_and_density(guide, layout, rates_batch, 5)
    assert log_q is not None
    normal, order = guide.get_posterior(), _order(guide, layout)
    assert torch.allclose(log_q, normal.log_prob(z[:, order]), atol=1e-4)


def _order(guide: Any, layout: Layout) -> Tensor:
    """From Pyro's order of the latents to ours."""
    places = {site.name: range(site.flat.start, site.flat.stop) for site in layout.sites}
    return torch.tensor([i for name, _ in guide._unconstrained_shapes.items() for i in places[name]])


def test_a_density_of_a_guides_own(regression: Make, simulated: Callable[..., Batch]) -> None:
    """A guide written by hand; and one that says another density than it draws from has a ratio that is off by as much."""
    batch, model = simulated(30, 2), regression(2)
    layout = Layout.of(model, batch)

    def guide(batch: Batch) -> None:
        pyro.sample("weights", dist.Normal(batch["x"].new_zeros(2), 0.5).to_event(1))

    z, log_q = draws_and_density(guide, layout, batch, 9)
    assert log_q is not None
    assert torch.allclose(log_q, torch.distributions.Normal(0.0, 0.5).log_prob(z).sum(-1))
    assert not torch.allclose(log_q, torch.distributions.Normal(0.0, 0.6).log_prob(z).sum(-1))


def test_a_guide_that_is_a_point_in_part_has_no_density(two_rates: Make, rates_batch: Batch) -> None:
    """A density of some latents beside a mass at others: their ratio to the posterior means nothing."""
    layout = Layout.of(two_rates(6), rates_batch)
    sites = {site.name: site for site in layout.sites}

    def guide(batch: Batch) -> None:
        for name, site in sites.items():
            value = layout.constrain(torch.randn(layout.size))[name]
            pyro.sample(name, dist.Delta(value if name != "slopes" else torch.zeros(site.shape), event_dim=len(site.shape)))  # type: ignore[arg-type]

    assert draws_and_density(guide, layout, rates_batch, 4)[1] is None


def test_a_point_has_no_density(two_rates: Make, rates_batch: Batch, regression: Make) -> None:
    auto = AutoDelta(two_rates(6))
    auto(rates_batch)
    assert draws_and_density(auto, Layout.of(two_rates(6), rates_batch), rates_batch, 3)[1] is None
    batch = Batch({"x": torch.ones(5, 1), "y": torch.ones(5)}, 5)
    fitted = fit(regression(1), batch, guide="delta", inference=SVI(max_steps=20, draws=8), starts=1)
    assert fitted.sample_stats == {}


@pytest.mark.parametrize("inference", [Laplace(draws=50), SVI(max_steps=30, draws=50)])
def test_a_fit_keeps_the_densities_of_its_draws(inference: Any, regression: Make, simulated: Callable[..., Batch]) -> None:
    batch = simulated(60, 3, "logistic")
    model = regression(3, "logistic")
    fitted = fit(model, batch, inference=inference, starts=1)
    assert fitted.chains == 1
    stats = fitted.sample_stats
    assert set(stats) == {"log_density", "log_guide"}
    layout = Layout.of(model, batch)
    again = log_joint(model, layout, batch, layout.unconstrain(fitted.draws))
    assert torch.allclose(stats["log_density"], again, atol=1e-4)
    ratio = (stats["log_density"] - stats["log_guide"]).double()
    assert float(ratio.std()) < 1.0
    assert math.isfinite(float(ratio.mean()))
