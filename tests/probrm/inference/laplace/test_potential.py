from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor
from torch.autograd.functional import hessian
from torch.distributions import biject_to, constraints

from probrm.coordinates.sites import global_latents, trace_globals
from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import Potential
from probrm.inference.laplace.potential import in_double
from probrm.linear import LinearForm
from probrm.model import RewardModel, Values

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


class Formed(RewardModel):
    """``TwoRates`` with a linear form; ``bend`` puts a wrong density into it."""

    kind = "formed"

    def __init__(self, inner: RewardModel, bend: float = 0.0) -> None:
        super().__init__()
        self.inner, self.bend, self.asked = inner, bend, 0

    def forward(self, batch: Batch) -> None:
        self.inner(batch)

    def linear_form(self, batch: Batch) -> LinearForm:
        self.asked += 1
        ones = torch.ones(len(batch), 1, dtype=batch["x"].dtype)

        def coefficients(values: Values) -> list[Tensor]:
            return [torch.cat([torch.logit(values["rate"])[None], values["slopes"]])]

        def density(eta: Tensor) -> Tensor:
            return batch.scale * (dist.Bernoulli(logits=eta[0]).log_prob(batch["y"]) + self.bend * eta[0].square())

        return LinearForm([torch.cat([ones, batch["x"]], 1)], coefficients, density, batch["user"], 0)

    @property
    def exchangeable(self) -> str | None:
        return self.inner.exchangeable

    def reward(self, values: Values, batch: Batch) -> Tensor:
        return self.inner.reward(values, batch)

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return self.inner.log_likelihood(values, batch)

    def dims(self) -> dict[str, tuple[str, ...]]:
        return self.inner.dims()

    def coords(self) -> dict[str, list[str]]:
        return self.inner.coords()

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Formed:
        raise NotImplementedError


@pytest.mark.parametrize("part", [slice(0, 40), slice(3, 20)], ids=["all rows", "a minibatch"])
def test_curvature_from_a_linear_form_is_that_from_backward_passes(part: slice, two_rates: Make, rates_batch: Batch) -> None:
    """A rate and its logit, a scale, a block of users, one of them without a row."""
    model = Formed(two_rates(6))
    layout = Layout.of(model, rates_batch)
    potential = Potential(model, layout, rates_batch.slice(part.start, part.stop).to(dtype=torch.float64))
    for _ in range(3):
        z = torch.randn(layout.size).double()
        for found, expected in zip(potential.curvature(z), potential._arrow(z, rows=True), strict=True):
            assert torch.allclose(found, expected, atol=1e-8)
    assert model.asked == 1  # its designs are kept


def test_a_wrong_density_in_the_form_is_noticed(two_rates: Make, rates_batch: Batch) -> None:
    """Control: the curvature comes from the form, not from the model."""
    model = Formed(two_rates(6), bend=1e-4)
    layout = Layout.of(model, rates_batch)
    potential = Potential(model, layout, rates_batch.to(dtype=torch.float64))
    z = torch.randn(layout.size).double()
    for found, expected in zip(potential.curvature(z), potential._arrow(z, rows=True), strict=True):
        assert not torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("local", [False, True], ids=["rows observed", "rows with latents"])
def test_the_globals_of_a_trace_without_its_rows(local: bool, two_rates: Make, rates_batch: Batch) -> None:
    """The same sites in the same order, the same values, the same densities, and nothing of the rows."""
    model = two_rates(5, local=local)
    with torch.random.fork_rng():
        whole: Any = poutine.trace(model).get_trace(rates_batch)
    short = trace_globals(model, rates_batch)
    whole.compute_log_prob()
    short.compute_log_prob()
    expected = global_latents(whole)
    assert list(global_latents(short)) == list(expected)
    assert set(short.nodes) <= set(expected)
    for name, site in expected.items():
        assert torch.equal(short.nodes[name]["value"], site["value"])
        assert torch.equal(short.nodes[name]["log_prob_sum"], site["log_prob_sum"])


def test_a_model_that_stops_before_its_rows_is_left_as_it_was(two_rates: Make, rates_batch: Batch) -> None:
    """The way out of the model is no error to those outside, and a real error still is one."""
    model = two_rates(5)
    trace_globals(model, rates_batch)
    whole: Any = poutine.trace(model).get_trace(rates_batch)
    assert {"rate", "slopes", "effects", "y"} <= set(whole.nodes)

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trace_globals(broken)
