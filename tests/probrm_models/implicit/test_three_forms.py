"""One model in three forms: strata summed out in closed form, enumerated by Pyro, and bounded by a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO
from torch import Tensor

from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.strata import StratumGuide, stratum_posterior

ROWS = 12
LEARNED = {"dist": "Beta", "concentration1": 1.0, "concentration0": 9.0}
ACTIONS = {
    "exact": {},
    "false rate": {"false_rate": 0.1},
    "learned false rate": {"false_rate": LEARNED},
    "miss rate": {"miss_rate": 0.15},
    "both": {"false_rate": LEARNED, "miss_rate": 0.15},
}

pytestmark = pytest.mark.usefixtures("double")


@dataclass
class Case:
    """A model, rows, and one value of every global latent, in float64."""

    model: ImplicitModel
    batch: Batch
    values: dict[str, Tensor]

    def guide(self, batch: Batch) -> None:
        """All mass at ``values``: the bound is then the joint density with the strata summed out."""
        for name, value in self.values.items():
            pyro.sample(name, dist.Delta(value, event_dim=value.dim()))

    def with_local(self, local: Any) -> Callable[[Batch], None]:
        def guide(batch: Batch) -> None:
            self.guide(batch)
            local(batch)

        return guide

    def logits(self) -> tuple[Tensor, Tensor]:
        return self.model.reward(self.values, self.batch), self.model.propensity(self.values, self.batch)

    def false_rate(self) -> Any:
        return self.values.get("false_rate", self.model.config.action.false_rate)

    def marginal(self) -> Tensor:
        self.model.form = "marginal"
        return -torch.as_tensor(Trace_ELBO().differentiable_loss(self.model, self.guide, self.batch))

    def enumerated(self) -> Tensor:
        self.model.form = "enumerated"
        return -TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(self.model, self.guide, self.batch)

    def amortised(self, local: Any) -> Tensor:
        self.model.form = "amortised"
        return -TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(self.model, self.with_local(local), self.batch)

    def prior(self) -> Tensor:
        trace = run(poutine.condition(self.model.globals, data=self.values))
        return trace.log_prob_sum()


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


def make(action: dict[str, Any], labels: bool, seed: int = 0) -> Case:
    torch.manual_seed(seed)
    clicked = torch.tensor([1.0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0])
    label = torch.full((ROWS,), math.nan)
    if labels:
        label[:4] = torch.tensor([1.0, 0, 1, 1])
        if action.get("false_rate"):
            label[6] = 0.0  # a click on a bad answer: possible only with false actions
    columns = {
        "embedding": torch.randn(ROWS, 5),
        "reward_covariates": torch.randn(ROWS, 2),
        "propensity_covariates": torch.randn(ROWS, 3),
        "user": torch.randint(0, 3, (ROWS,)),
        "action": clicked,
        "label": label,
        "weight": torch.ones(ROWS),
    }
    shape = LogShape(5, ("a", "b"), ("c", "d", "e"), ("u", "v", "w"))
    model = ImplicitModel(shape, ImplicitConfig.from_dict({"action": action}))
    trace = run(model.globals)
    values = {name: trace.nodes[name]["value"].clone().requires_grad_() for name in trace.stochastic_nodes}
    return Case(model, Batch(columns, ROWS), values)


@pytest.fixture(params=[False, True], ids=["no labels", "labels"])
def labels(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(params=list(ACTIONS))
def case(request: pytest.FixtureRequest, labels: bool) -> Case:
    return make(ACTIONS[request.param], labels)


def brute_force(case: Case, weight: np.ndarray | None = None, labels: bool = True) -> np.ndarray:
    """``weight · log Σ_{r*, a} p(r*) p(a) p(label | r*) p(o | r*, a)`` of each row, in plain numpy from METHOD's formulas."""
    reward, propensity = (x.detach().numpy() for x in case.logits())
    gamma, mu = 1 / (1 + np.exp(-reward)), 1 / (1 + np.exp(-propensity))
    epsilon, delta = float(torch.as_tensor(case.false_rate()).detach()), case.model.config.action.miss_rate
    action, label = case.batch["action"].numpy(), case.batch["label"].numpy()
    total = np.zeros(ROWS)
    for i in range(ROWS):
        for r in (0, 1):
            for a in (0, 1):
                stratum = (gamma[i] if r else 1 - gamma[i]) * (mu[i] if a else 1 - mu[i])
                acts = r * a * (1 - delta) + (1 - r * a) * epsilon
                verdict = 1.0 if np.isnan(label[i]) or not labels else float(label[i] == r)
                total[i] += stratum * verdict * (acts if action[i] else 1 - acts)
    return np.log(total) * (1.0 if weight is None else weight)


def gradients(value: Tensor, case: Case) -> dict[str, Tensor]:
    found = torch.autograd.grad(value, list(case.values.values()))
    return dict(zip(case.values, found, strict=True))


def test_marginal_is_brute_force(case: Case) -> None:
    expected = float(case.prior().detach()) + brute_force(case).sum()
    assert float(case.marginal().detach()) == pytest.approx(expected, abs=1e-8)


def test_enumerated_is_the_same_number(case: Case) -> None:
    assert float(case.enumerated().detach()) == pytest.approx(float(case.marginal().detach()), abs=1e-8)


def test_gradients_agree_in_every_global(case: Case) -> None:
    closed, enumerated = gradients(case.marginal(), case), gradients(case.enumerated(), case)
    for name in case.values:
        assert torch.allclose(closed[name], enumerated[name], atol=1e-8), name
        assert closed[name].abs().sum() > 0, f"{name} does not enter the density"


def test_gradients_are_finite_differences_of_brute_force(case: Case) -> None:
    found, step = gradients(case.marginal(), case), 1e-5

    def total() -> float:
        return float(case.prior().detach()) + brute_force(case).sum()

    for name, value in case.values.items():
        for at in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                with torch.no_grad():
                    value[at] += sign * step
                    ends.append(total())
                    value[at] -= sign * step
            assert float(found[name][at]) == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-4), name


def test_log_likelihood_is_that_of_the_action_without_verdicts(case: Case) -> None:
    found = case.model.log_likelihood(case.values, case.batch)
    assert found.detach().numpy() == pytest.approx(brute_force(case, labels=False), abs=1e-8)


def test_many_draws_at_once_are_each_one(case: Case) -> None:
    many = {name: torch.stack([value.detach(), value.detach() * 0.9]) for name, value in case.values.items()}
    for function in (case.model.log_likelihood, case.model.reward, case.model.propensity):
        together = function(many, case.batch)
        assert together.shape == (2, ROWS)
        for i in (0, 1):
            one = function({name: value[i] for name, value in many.items()}, case.batch)
            assert torch.allclose(together[i], one, atol=1e-12)


def test_weights_scale_rows_of_the_marginal_form(case: Case) -> None:
    weight = torch.rand(ROWS) + 0.5
    case.batch = Batch({**case.batch.columns, "weight": weight}, ROWS)
    expected = float(case.prior().detach()) + brute_force(case, weight.numpy()).sum()
    assert float(case.marginal().detach()) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("form", ["marginal", "enumerated"])
@pytest.mark.parametrize("size", [1, 3, 4])
def test_minibatches_are_unbiased(case: Case, form: str, size: int) -> None:
    """The average over all slices of an epoch is the value, and the gradient, of all rows."""
    whole = getattr(case, form)()
    expected, parts = gradients(whole, case), []
    full = case.batch
    for start in range(0, ROWS, size):
        case.batch = full.slice(start, start + size)
        assert case.batch.scale == ROWS / size
        parts.append(getattr(case, form)())
    average = torch.stack(parts).mean()
    assert float(average.detach()) == pytest.approx(float(whole.detach()), abs=1e-8)
    found = gradients(average, case)
    assert all(torch.allclose(found[name], expected[name], atol=1e-8) for name in expected)


def amortised(case: Case, stretch: float) -> StratumGuide:
    local = case.model.local_guide(hidden=8)
    assert isinstance(local, StratumGuide)
    with torch.no_grad():
        for parameter in local.parameters():
            parameter.mul_(stretch)
    return local


@pytest.mark.parametrize("stretch", [0.0, 1.0, 5.0, 20.0])
def test_any_network_gives_a_lower_bound(case: Case, stretch: float) -> None:
    marginal = float(case.marginal().detach())
    for seed in range(5):
        torch.manual_seed(seed)
        bound = float(case.amortised(amortised(case, stretch)).detach())
        assert math.isfinite(bound)
        assert bound < marginal - 1e-3


def exact_logits(case: Case) -> Callable[[Batch], Tensor]:
    """Of the posterior of the strata given action and verdict, from the table rather than from the network."""

    def logits(batch: Batch) -> Tensor:
        reward, propensity = (x.detach() for x in case.logits())
        rate = case.false_rate()
        rate = rate.detach() if isinstance(rate, Tensor) else rate
        posterior = stratum_posterior(reward, propensity, batch["action"], case.model.config.action, rate)
        good = torch.tensor([1.0, 0.0, 1.0, 0.0])
        excluded = ((batch["label"][:, None] == 1) & (good == 0)) | ((batch["label"][:, None] == 0) & (good == 1))
        return posterior.masked_fill(excluded, 0.0).log().clamp_min(-1e4)

    return logits


def test_the_bound_touches_at_the_exact_posterior_with_its_gradient(case: Case) -> None:
    """There the bound is the marginal, and, as the maximum over q, has the marginal's gradient in the globals."""
    local = amortised(case, 1.0)
    local.logits = exact_logits(case)  # type: ignore[method-assign]
    bound, marginal = case.amortised(local), case.marginal()
    assert float(bound.detach()) == pytest.approx(float(marginal.detach()), abs=1e-8)
    found, expected = gradients(bound, case), gradients(marginal, case)
    for name in expected:
        assert torch.allclose(found[name], expected[name], atol=1e-8), name


def test_the_bounds_gradient_reaches_the_network_without_nan(case: Case) -> None:
    local = amortised(case, 5.0)
    found = torch.autograd.grad(case.amortised(local), list(local.net.parameters()))
    assert all(torch.isfinite(g).all() for g in found)
    assert sum(float(g.abs().sum()) for g in found) > 0


def test_training_the_network_closes_most_of_the_gap() -> None:
    case = make({}, labels=True)
    local, marginal = amortised(case, 1.0), float(case.marginal().detach())
    optimiser = torch.optim.Adam(local.parameters(), lr=0.05)
    first = marginal - float(case.amortised(local).detach())
    for _ in range(100):
        optimiser.zero_grad()
        (-case.amortised(local)).backward()
        optimiser.step()
    last = marginal - float(case.amortised(local).detach())
    assert 0 <= last < 0.1 * first
