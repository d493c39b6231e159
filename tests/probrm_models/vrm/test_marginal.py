"""The marginal form of the variational reward model against quadrature, sampling and automatic differentiation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit
from torch import Tensor

from probrm.data import Batch
from probrm.guides import Layout
from probrm.inference.laplace.potential import Potential
from probrm.recipes.pairs.repeats import shares
from probrm_models.vrm.marginal import linear_form, marginal_rows, row_density
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.quadrature import pair_nodes
from tests import vrm_rows

FORMS: dict[str, Any] = {
    "one objective": {},
    "dirichlet": {},
    "logistic-normal": {"weights": {"family": "logistic-normal"}},
    "standard": {"features": {"prior": "standard", "dim": 4, "loc": 0.5, "scale": 2.0}},
    "latent gate": {"weights": {"gate": "latent", "precision": 20.0}, "features": {"squared_length": 0.5}},
}


@pytest.fixture(autouse=True)
def _double(double: None) -> None:
    return


def globals_of(model: VRMModel, seed: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    columns = model.dim if model.standard else vrm_rows.EMBEDDING
    values = {"shared": 2 * torch.randn(columns)}
    if model.count > 1:
        values["contrasts"] = torch.randn(model.count - 1, columns)
    if not model.standard:
        values["residual"] = torch.tensor(1.3)
    if model.gated:
        values["gate"] = torch.randn(model.count - 1, 4)
    return values | ({"log_tie": torch.tensor(0.4)} if model.shape.ties else {})


def built(form: str, *, ties: bool = False, k: int = 3, by: float = 0.1) -> VRMModel:
    torch.manual_seed(0)
    return vrm_rows.shaken(vrm_rows.model(1 if form == "one objective" else k, ties=ties, **FORMS[form]), by)


def mixed(rows: Batch) -> Batch:
    """Wins, ties and losses in turn."""
    return vrm_rows.with_columns(rows, outcome=torch.tensor([1.0, 0.5, 0.0]).repeat(len(rows))[: len(rows)])


def by_quadrature(model: VRMModel, values: dict[str, Tensor], rows: Batch) -> np.ndarray:
    """Two objectives: w is one Beta number, ``r − r'`` given it a normal one; both by a fine grid over their quantiles' range."""
    assert model.count == 2
    alpha = model.weights.posterior(rows["prompt"]).concentration.detach().numpy()
    slopes = model.objectives(values).numpy()
    gap = (rows["chosen"] - rows["rejected"]).numpy() @ slopes.T / vrm_rows.EMBEDDING**0.5
    z, mass = np.polynomial.hermite_e.hermegauss(40)
    mass = mass / mass.sum()
    found = []
    for i in range(len(rows)):
        u, step = np.linspace(0, 1, 4001, retstep=True)
        w = stats.beta.ppf(u[:-1] + step / 2, *alpha[i])
        mean, sd = w * gap[i, 0] + (1 - w) * gap[i, 1], float(values["residual"]) * np.sqrt(2 * (w**2 + (1 - w) ** 2))
        d = mean[:, None] + sd[:, None] * z
        o = float(rows["outcome"][i])
        if "log_tie" in values:
            parts = np.stack([np.exp(-d / 2), np.full_like(d, np.exp(float(values["log_tie"]))), np.exp(d / 2)])
            p = parts[int(2 * o)] / parts.sum(0)
        else:
            p = expit(d) ** o * expit(-d) ** (1 - o)
        found.append(np.log((p @ mass).mean()))
    return np.array(found)


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_the_integral_over_weights_and_residuals(ties: bool) -> None:
    """With many nodes to a ten-thousandth; with as many as a fit takes to some hundredths at worst, and not in one direction."""
    model, rows = built("dirichlet", ties=ties, k=2, by=0.2), mixed(vrm_rows.pairs(24))
    values = globals_of(model)
    exact = by_quadrature(model, values, rows)
    np.testing.assert_allclose(row_density(model, values, marginal_rows(model, rows, count=2**14)).detach(), exact, atol=3e-4)
    error = row_density(model, values, marginal_rows(model, rows)).detach().numpy() - exact
    assert np.abs(error).max() < 0.1
    assert abs(error.mean()) < 4e-3
    without = row_density(model, values | {"residual": torch.tensor(0.0)}, marginal_rows(model, rows)).detach().numpy()
    assert np.abs(without - exact).mean() > 0.05  # what the tolerances tell apart


def test_one_objective_is_logistic_regression_with_normal_noise() -> None:
    model, rows = built("one objective"), mixed(vrm_rows.pairs(12))
    values = globals_of(model)
    gap = (rows["chosen"] - rows["rejected"]) @ values["shared"] / vrm_rows.EMBEDDING**0.5
    z = torch.linspace(-12, 12, 20_001)
    mass = (-0.5 * z.square()).exp() / (-0.5 * z.square()).exp().sum()
    d = gap[:, None] + 0.8 * 2**0.5 * z
    p = d.sigmoid() ** rows["outcome"][:, None] * (-d).sigmoid() ** (1 - rows["outcome"][:, None])
    found = row_density(model, values | {"residual": torch.tensor(0.8)}, marginal_rows(model, rows))
    torch.testing.assert_close(found, (p @ mass).log(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ties", [False, True])
def test_its_mean_over_nodes_is_that_over_draws_of_the_row(form: str, ties: bool) -> None:
    """Against 40,000 draws of ``difference``: within 5 standard errors and the nodes' own hundredth."""
    model, rows = built(form, ties=ties), mixed(vrm_rows.pairs(9))
    values = globals_of(model)
    many = {name: value.expand(40_000, *value.shape) for name, value in values.items()}
    with torch.no_grad():
        p = model.preference_dist(model.difference(many, rows), many).log_prob(rows["outcome"]).exp()
    found = row_density(model, values, marginal_rows(model, rows, count=4096)).detach()
    error = p.std(0) / len(p) ** 0.5 / p.mean(0)
    assert (
        (found - p.mean(0).log()).abs() < 5 * error + (0.01 if model.gated else 1e-3)
    ).all()  # two moments are not the whole of a Dirichlet
    torch.testing.assert_close(model.log_likelihood(values, rows), row_density(model, values, marginal_rows(model, rows)).detach())


@pytest.mark.parametrize("form", FORMS)
def test_many_draws_at_once_are_each_by_itself(form: str) -> None:
    model, rows = built(form, ties=True), mixed(vrm_rows.pairs(9))
    draws = [globals_of(model, seed) for seed in range(5)]
    found = model.log_likelihood({name: torch.stack([d[name] for d in draws]) for name in draws[0]}, rows)
    torch.testing.assert_close(found, torch.stack([model.log_likelihood(d, rows) for d in draws]))


def test_a_network_decoder_has_a_mean_over_samples_and_no_marginal_form() -> None:
    model, rows = vrm_rows.shaken(vrm_rows.model(2, **vrm_rows.MLP), 0.3), vrm_rows.pairs(4)
    values = {"decoder": torch.randn(400, 6)}
    p = model.log_likelihood(values, rows).exp()
    assert p.shape == (400, 4)
    assert ((p > 0) & (p < 1)).all()
    with pytest.raises(NotImplementedError, match="network decoder"), model.marginalised():
        pass


@pytest.mark.parametrize("form", FORMS)
def test_the_model_scores_each_pair_by_weight_share_and_batch(form: str) -> None:
    model = built(form, ties=True)
    rows = mixed(vrm_rows.pairs(12, responses=3))
    prepared = Batch(marginal_rows(model, rows).columns, 36)
    torch.testing.assert_close(prepared["share"], shares(rows).double())
    assert float(prepared["share"].min()) < 1
    values = globals_of(model)
    with model.marginalised():
        layout = Layout.of(model, prepared)
        assert model.linear
        potential = Potential(model, layout, prepared)
        some = {name: values.get(name, torch.tensor(1.0)) for name in (site.name for site in layout.sites)}
        z = layout.unconstrain(some)
        likelihood = potential.prior(z) - potential(z)
        traced = potential.prior(z) + potential._log_density(z, prepared, rows=True)
    expected = (3 * prepared["weight"] * prepared["share"] * row_density(model, values, prepared)).sum()
    torch.testing.assert_close(likelihood, expected)
    torch.testing.assert_close(traced, expected)
    assert not model.linear  # closed again


def test_the_residual_is_a_parameter_of_the_likelihood_there_and_a_scale_elsewhere() -> None:
    model, rows = built("dirichlet"), vrm_rows.pairs(8)
    hyper = {site.name for site in Layout.of(model, rows).sites if site.hyper}
    assert hyper == {"shared_scale", "contrasts_scale", "residual"}
    with model.marginalised():
        layout = Layout.of(model, marginal_rows(model, rows))
    assert {site.name for site in layout.sites if site.hyper} == {"shared_scale", "contrasts_scale"}
    assert [site.name for site in layout.sites] == [site.name for site in Layout.of(model, rows).sites]


@pytest.mark.parametrize("form", ["one objective", "dirichlet", "logistic-normal"])
@pytest.mark.parametrize("ties", [False, True])
def test_matrix_products_give_the_hessian_of_automatic_differentiation(form: str, ties: bool) -> None:
    model = built(form, ties=ties)
    rows = marginal_rows(model, mixed(vrm_rows.pairs(24)))
    with model.marginalised():
        layout = Layout.of(model, rows)
        potential = Potential(model, layout, rows)
        z = 0.5 * torch.randn(layout.size)
        form_ = linear_form(model, rows)
        assert form_ is not None
        assert potential.form is not None
        _, _, dense = potential.curvature(z)
        _, gradient = potential.gradient(z)
        direct = torch.autograd.functional.hessian(lambda x: -potential._log_density(x, rows, rows=True), z)
        slope = torch.autograd.functional.jacobian(lambda x: -potential._log_density(x, rows, rows=True), z)
    torch.testing.assert_close(dense, direct, atol=1e-8, rtol=1e-8)  # type: ignore[arg-type]
    torch.testing.assert_close(gradient, slope, atol=1e-8, rtol=1e-8)  # type: ignore[arg-type]


def test_the_networks_keep_their_precision() -> None:
    """Rows in float64 meet a model in float32, as where a mode is looked for."""
    model = built("standard").float()
    rows = vrm_rows.pairs(8)
    values = globals_of(model)
    found = row_density(model, values, marginal_rows(model, rows))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, row_density(built("standard"), values, marginal_rows(built("standard"), rows)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("form", ["dirichlet", "logistic-normal"])
def test_nodes_of_weights_are_distributed_as_the_network_says(form: str) -> None:
    """Means and mean squares of 4,096 nodes against 200,000 draws."""
    model, prompt = built(form, by=0.2), torch.randn(5, vrm_rows.PROMPT)
    nodes = pair_nodes(model, prompt, 4096)
    drawn = model.weights.weights(model.weights.posterior(prompt).sample((200_000,))).transpose(0, 1)
    w = nodes[..., :3]
    torch.testing.assert_close(w.sum(-1), torch.ones(5, 4096))
    for mine, theirs in ((w, drawn), (w.square(), drawn.square()), (w[..., :1] * w, drawn[..., :1] * drawn)):
        torch.testing.assert_close(mine.mean(1), theirs.mean(1), atol=4e-3, rtol=0)
    z = nodes[..., 3]
    torch.testing.assert_close(z.mean(1), torch.zeros(5), atol=5e-3, rtol=0)
    torch.testing.assert_close(z.square().mean(1), torch.ones(5), atol=1e-2, rtol=0)
    torch.testing.assert_close(nodes[..., 4].exp().sum(1), torch.ones(5))


def test_a_prompt_has_the_same_nodes_in_any_batch_and_other_prompts_have_others() -> None:
    model, prompt = built("dirichlet"), torch.randn(5, vrm_rows.PROMPT)
    nodes = pair_nodes(model, prompt)
    torch.testing.assert_close(pair_nodes(model, prompt[[3, 1, 3]]), nodes[[3, 1, 3]])
    assert (nodes[0, :, 3] - nodes[1, :, 3]).abs().max() > 0.1
