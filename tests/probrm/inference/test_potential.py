from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian
from torch.distributions import biject_to, constraints

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import Potential
from probrm.inference.potential import in_double
from probrm.model import RewardModel

Make = Callable[..., RewardModel]


@dataclass
class Case:
    layout: Layout
    potential: Potential


@pytest.fixture(params=[True, False], ids=["arrow", "dense"])
def case(request: pytest.FixtureRequest, two_rates: Make, rates_batch: Batch) -> Case:
    """With and without an exchangeable block of the Hessian."""
    model = two_rates(5, arrow=request.param)
    layout = Layout.of(model, rates_batch)
    return Case(layout, Potential(model, layout, rates_batch.to(dtype=torch.float64)))


@pytest.mark.usefixtures("double")
def test_value_is_the_joint_density_in_unconstrained_coordinates(case: Case) -> None:
    z = torch.randn(case.layout.size)
    values = case.layout.constrain(z)
    prior = dist.Beta(2.0, 2.0).log_prob(values["rate"]) + dist.Normal(0.0, 1.0).log_prob(values["slopes"]).sum()
    prior = prior + dist.HalfNormal(1.0).log_prob(values["effects_scale"])
    prior = prior + dist.Normal(0.0, values["effects_scale"]).log_prob(values["effects"]).sum()
    batch = case.potential.batch
    likelihood = case.potential.model.log_likelihood(values, batch).sum()
    raw = {site.name: z[site.flat] for site in case.layout.sites}
    jacobian = biject_to(constraints.unit_interval).log_abs_det_jacobian(raw["rate"], values["rate"]).sum() + raw["effects_scale"].sum()
    assert float(case.potential(z)) == pytest.approx(-float(prior + likelihood + jacobian), abs=1e-8)


@pytest.mark.usefixtures("double")
def test_prior_is_the_density_without_the_rows(case: Case) -> None:
    z = torch.randn(case.layout.size)
    likelihood = case.potential.model.log_likelihood(case.layout.constrain(z), case.potential.batch).sum()
    assert float(case.potential.prior(z) - case.potential(z)) == pytest.approx(float(likelihood), abs=1e-8)


def test_a_minibatch_counts_for_all_rows(case: Case) -> None:
    batch, z = case.potential.batch, torch.randn(case.layout.size).double()
    whole = case.potential(z) - case.potential.prior(z)
    halves = []
    for part in (batch.slice(0, 20), batch.slice(20, 40)):
        potential = Potential(case.potential.model, case.layout, part)
        halves.append(potential(z) - potential.prior(z))
    assert float((halves[0] + halves[1]) / 2) == pytest.approx(float(whole), abs=1e-8)


def test_gradient_is_autograds(case: Case) -> None:
    z = torch.randn(case.layout.size).double().requires_grad_()
    value, gradient = case.potential.gradient(z)
    (expected,) = torch.autograd.grad(case.potential(z), z)
    assert torch.allclose(gradient, expected, atol=1e-10)
    assert float(value) == pytest.approx(float(case.potential(z).detach()), abs=1e-10)


def test_curvature_is_the_dense_hessian(case: Case) -> None:
    z = torch.randn(case.layout.size).double()
    diagonal, coupling, dense = case.potential.curvature(z)
    arrow = torch.cat([torch.cat([torch.diag(diagonal), coupling], 1), torch.cat([coupling.T, dense], 1)])
    expected = hessian(case.potential, z)
    assert isinstance(expected, Tensor)
    assert len(diagonal) == case.layout.exchangeable
    assert torch.allclose(arrow, expected, atol=1e-8)


def test_more_columns_than_are_taken_at_a_time(regression: Make, simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(30, 70, "logistic"), regression(70, "logistic")
    potential = Potential(model, Layout.of(model, batch), batch.to(dtype=torch.float64))
    z = 0.1 * torch.randn(70).double()
    expected = hessian(potential, z)
    assert isinstance(expected, Tensor)
    assert torch.allclose(potential.curvature(z)[2], expected, atol=1e-8)


def test_validation_is_as_before(regression: Make, simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(30, 2), regression(2)
    before = pyro.settings.get()
    Potential(model, Layout.of(model, batch), batch.to(dtype=torch.float64))(torch.zeros(2).double())
    assert pyro.settings.get() == before


def test_a_model_without_parameters_needs_no_copy(regression: Make) -> None:
    model = regression(2)
    assert in_double(model) is model
