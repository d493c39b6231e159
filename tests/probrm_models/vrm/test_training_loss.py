"""The loss of a training in every form of the model: read directly, it is the traced one, which is Pyro's."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceMeanField_ELBO

from probrm.data import Batch
from probrm.guides import WhitenedGuide, guide_config
from probrm.inference import SVI
from probrm.inference.svi import direct, elbo
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.inference.svi.train import run_svi
from probrm.priors import Horseshoe, Normal, StudentT
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import ResponseTable, VRMRowGuide
from probrm_models.vrm.warm_start.initialise import build_guide
from tests import vrm_rows
from tests.losses import SEED, check_direct, evaluated, is_direct, whitened

FORMS: dict[str, dict[str, Any]] = {
    "one objective": {"objectives": 1},
    "three objectives": {"objectives": 3},
    "ties": {"ties": True},
    "kl": {"attributes": 2, "supervision": {"loss": "kl", "weight": 0.7}},
    "mse": {"attributes": 2, "supervision": {"loss": "mse", "weight": 0.7}},
    "rank": {"attributes": 2, "supervision": {"loss": "rank", "weight": 0.7}},
    "no supervision": {"attributes": 2, "supervision": {"loss": "none"}},
    "logistic-normal": {"weights": {"family": "logistic-normal", "scale": 1.7}},
    "logistic-normal, standard": {"weights": {"family": "logistic-normal", "prior": "standard"}},
    "precision": {"objectives": 3, "weights": {"precision": 20.0}},
    "hidden": {"weights": {"hidden": [4]}},
    "standard weights": {"weights": {"prior": "standard", "concentration": 0.7}},
    "standard features": {"features": {"prior": "standard", "dim": 4, "loc": 0.5, "scale": 2.0}},
    "mlp": {**vrm_rows.MLP, "weights": {"prior": "standard"}, "ties": True},
    "per pair": {"weights": {"prior": "standard"}, "divergence": {"per": "pair"}},
    "numbers": {"priors": {"shared": Normal(0.0, 0.8), "contrasts": Normal(0.0, 0.4)}},
    "other priors": {"priors": {"shared": Horseshoe(0.3), "contrasts": StudentT(4.0, 0.0, 0.5), "residual": dist.Gamma(2.0, 2.0)}},
}
ELBOS = {"plain": (1.0,), "warm-up": (0.7, 4), "free bits": (1.0, 0, 0.3)}


def made(form: str, **more: Any) -> tuple[VRMModel, WhitenedGuide, Batch]:
    """Model, guide and all rows; two of the rows are ties, one has no score."""
    settings: dict[str, Any] = {"objectives": 2} | FORMS[form] | more
    model = vrm_rows.shaken(vrm_rows.model(**settings), 0.3)
    rows = vrm_rows.shared(vrm_rows.pairs(24))
    outcome = rows["outcome"].clone()
    outcome[[5, 9]] = 0.5
    rows = vrm_rows.with_columns(rows, outcome=outcome)
    if model.shape.attributes:
        found = torch.randn(24, 2)
        found[7, 1] = torch.nan
        rows = vrm_rows.with_columns(rows, scores=found)
    table = ResponseTable(torch.randn(18, model.dim), torch.rand(18, model.dim) + 0.2)
    own = model.features is None
    guide = whitened(model, rows, VRMRowGuide(model.weights, table if own else model.features, own=own))  # type: ignore[arg-type]
    guide.steps += 1
    return model, guide, rows


@pytest.mark.parametrize("terms", ELBOS)
@pytest.mark.parametrize("form", FORMS)
def test_it_is_the_traced_loss_of_a_minibatch(form: str, terms: str, double: None) -> None:
    model, guide, rows = made(form)
    check_direct(LocalKLELBO(*ELBOS[terms]).differentiable_loss, model, guide, rows.slice(4, 16))


@pytest.mark.parametrize("form", ["three objectives", "mlp", "rank"])
def test_in_single_precision(form: str) -> None:
    model, guide, rows = made(form)
    check_direct(LocalKLELBO().differentiable_loss, model, guide, rows, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["per pair", "logistic-normal, standard", "mlp", "kl"])
def test_it_is_pyros_bound(form: str, double: None) -> None:
    """``TraceMeanField_ELBO`` with all rows, each latent paying once a row; it leaves out the densities of points, the volumes."""
    model, guide, rows = made(form, divergence={"per": "pair"})

    def theirs(model: Any, guide: Any, batch: Batch) -> Any:
        loss = TraceMeanField_ELBO().differentiable_loss(model, guide, batch)
        pyro.set_rng_seed(SEED)
        return loss - sum(guide.draw().log_volumes.values())

    value, gradients = evaluated(LocalKLELBO().differentiable_loss, model, guide, rows, traced=False)
    other, others = evaluated(theirs, model, guide, rows, traced=True)
    torch.testing.assert_close(value, other, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients, others, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["low-rank", "full-rank", "delta", "amortised"])
def test_of_every_guide_from_its_warm_start(name: str) -> None:
    rows = vrm_rows.shared(vrm_rows.pairs(40))
    model = vrm_rows.model(3)
    guide = build_guide(model, rows, guide_config(name))
    check_direct(LocalKLELBO().differentiable_loss, model, guide, rows.slice(8, 20), rtol=1e-4, atol=1e-4)


def test_a_training_is_that_of_traces(double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty steps, to rounding; each of them but Pyro's look before the first is read directly."""
    found, calls = [], []

    def counted(*args: Any) -> Any:
        terms = direct.direct_terms(*args)
        calls.append(terms is not None)
        return terms

    for read in (counted, lambda *_: None):
        monkeypatch.setattr(elbo, "direct_terms", read)
        pyro.set_rng_seed(0)
        model, guide, rows = made("kl")
        run_svi(model, guide, rows, SVI(batch_size=8, max_steps=20, eval_every=20), elbo=LocalKLELBO(1.0, 4))
        found.append(model.state_dict() | guide.state_dict())
    assert calls == [False, *[True] * 20]
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("traced", [False, True])
def test_a_prior_that_is_the_guides_density_costs_nothing(traced: bool, double: None) -> None:
    """Not even where its divergence, zero whatever the network, is below the free bits."""
    model, guide, rows = made("three objectives")
    low, high = (evaluated(LocalKLELBO(1.0, 0, free).differentiable_loss, model, guide, rows, traced=traced)[0] for free in (50.0, 100.0))
    responses = float(rows["chosen_share"].sum() + rows["rejected_share"].sum())
    assert float(high - low) == pytest.approx(50.0 * 3 * responses)


class OwnProcess(VRMModel):
    """A term of its own."""

    def forward(self, batch: Batch) -> None:
        super().forward(batch)
        pyro.factor("extra", torch.tensor(-3.0))


def test_a_process_of_its_own_is_traced(double: None) -> None:
    model, guide, rows = made("three objectives")
    before, _ = evaluated(LocalKLELBO().differentiable_loss, model, guide, rows, traced=False)
    own = OwnProcess(model.shape, model.config)
    own.load_state_dict(model.state_dict())
    assert not is_direct(own, guide, rows)
    guide.local._networks[0] = own.weights  # type: ignore[union-attr, index]
    after, _ = evaluated(LocalKLELBO().differentiable_loss, own, guide, rows, traced=False)
    torch.testing.assert_close(after, before + 3.0)


@pytest.mark.parametrize("part", ["prior", "likelihood", "divergence", "guide"])
def test_a_wrong_term_is_noticed(part: str, double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: each kind of term off by a millionth."""
    model, guide, rows = made("standard weights")
    read = direct._read

    def wrong(*args: Any) -> direct.Terms:
        terms = read(*args)
        terms.log_p[0] = terms.log_p[0] * (1 + 1e-6 * (part == "prior"))
        terms.log_p[-1] = terms.log_p[-1] * (1 + 1e-6 * (part == "likelihood"))
        terms.log_q[0] = terms.log_q[0] * (1 + 1e-6 * (part == "guide"))
        terms.latents = [(q, p, scale * (1 + 1e-6 * (part == "divergence"))) for q, p, scale in terms.latents]
        return terms

    monkeypatch.setattr(direct, "_read", wrong)
    with pytest.raises(AssertionError):
        check_direct(LocalKLELBO().differentiable_loss, model, guide, rows)
