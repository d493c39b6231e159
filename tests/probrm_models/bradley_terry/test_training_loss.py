"""The loss of a training of Bradley–Terry's weights: read directly, it is Pyro's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO

from probrm.data import Batch
from probrm.guides import Layout, WhitenedGuide, Whitening
from probrm.guides.registry import Delta
from probrm.heads import HeadConfig
from probrm.inference import SVI
from probrm.inference.svi import unwatched
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.inference.svi.train import run_svi
from probrm.inference.svi.unwatched import TraceBound
from probrm.priors import Horseshoe, Normal
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors
from probrm_models.bradley_terry.model import BradleyTerryModel
from tests.losses import check_direct, evaluated, is_direct, whitened

HEADS = {"linear": HeadConfig(), "mlp": HeadConfig("mlp", (3,))}
PRIORS = {"learned scale": BradleyTerryPriors().weights, "number": Normal(0.0, 1.5), "horseshoe": Horseshoe(0.3)}


def rows(*, weights: bool) -> Batch:
    """Pairs with ties, and a minibatch's worth of a set of 60."""
    chosen, rejected = torch.randn(2, 20, 4)
    columns = {"chosen": chosen, "rejected": rejected, "outcome": torch.randint(3, (20,)) / 2, "weight": torch.ones(20)}
    if weights:
        columns |= {"weight": torch.rand(20) + 0.5, "share": torch.rand(20)}
    return Batch(columns, 60)


def made(head: str, *, ties: bool, prior: str = "learned scale") -> BradleyTerryModel:
    config = BradleyTerryConfig(BradleyTerryPriors(weights=PRIORS[prior]), HEADS[head])
    return BradleyTerryModel(PairShape(4, ties=ties), config)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("bound", [TraceBound, LocalKLELBO])
def test_it_is_the_traced_loss_and_pyros(bound: Any, prior: str, head: str, ties: bool, weights: bool, double: None) -> None:
    batch, model = rows(weights=weights), made(head, ties=ties, prior=prior)
    guide = whitened(model, batch)
    check_direct(bound().differentiable_loss, model, guide, batch)
    ours, theirs = (evaluated(loss.differentiable_loss, model, guide, batch, traced=loss is not bound) for loss in (bound(), Trace_ELBO()))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_of_a_point(double: None) -> None:
    """The deterministic model's guide."""
    batch, model = rows(weights=True), made("mlp", ties=True, prior="number")
    layout = Layout.of(model, batch)
    unit = Whitening.diagonal(torch.zeros(layout.size), torch.ones(layout.size))
    check_direct(TraceBound().differentiable_loss, model, WhitenedGuide(layout, unit, Delta().family(layout)), batch)


def test_a_training_is_that_of_traces(double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty steps, to rounding; each of them but Pyro's look before the first is read directly."""
    batch, found, calls = rows(weights=True), [], []
    read = unwatched.direct_terms

    def counted(*args: Any) -> Any:
        terms = read(*args)
        calls.append(terms is not None)
        return terms

    for direct in (counted, lambda *_: None):
        monkeypatch.setattr(unwatched, "direct_terms", direct)
        torch.manual_seed(0)
        model = made("mlp", ties=True)
        guide = whitened(model, batch)
        run_svi(model, guide, batch, SVI(batch_size=8, max_steps=20, eval_every=20))
        found.append(model.state_dict() | guide.state_dict())
    assert calls == [False, *[True] * 20]
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-8)


class OwnProcess(BradleyTerryModel):
    """Every pair counts twice."""

    def forward(self, batch: Batch) -> None:
        with poutine.scale(scale=2.0):
            super().forward(batch)


class Lazy(BradleyTerryModel):
    """A part of the process is another: still read directly."""

    def difference(self, values: Any, batch: Batch) -> Any:
        return super().difference(values, batch) / 2


def test_a_process_of_its_own_is_traced_and_parts_of_it_are_read(double: None) -> None:
    batch, config = rows(weights=True), made("linear", ties=True).config
    plain, own, lazy = (kind(PairShape(4, ties=True), config) for kind in (BradleyTerryModel, OwnProcess, Lazy))
    guide = whitened(plain, batch)
    assert is_direct(plain, guide, batch)
    assert not is_direct(own, guide, batch)
    losses = [evaluated(TraceBound().differentiable_loss, model, guide, batch, traced=False)[0] for model in (plain, own)]
    assert not torch.isclose(losses[0], losses[1])
    torch.testing.assert_close(losses[1], evaluated(Trace_ELBO().differentiable_loss, own, guide, batch, traced=True)[0])
    check_direct(TraceBound().differentiable_loss, lazy, guide, batch)
    assert lazy.linear_form(batch) is None
