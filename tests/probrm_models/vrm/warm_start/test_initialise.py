"""Where the guide begins, and what every guide over the globals must be able to do."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from probrm.errors import ConfigError
from probrm.guides import GUIDES, Layout, WhitenedGuide, guide_config
from probrm.guides.families import DiagonalNormal, FullRankNormal, LowRankNormal, Point
from probrm.guides.registry import Amortised
from probrm.inference.svi.elbo import LocalKLELBO
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import ResponseTable
from probrm_models.vrm.warm_start.initialise import SharedDirection, build_guide
from probrm_models.vrm.warm_start.random_effects import fit_response_effects
from tests import vrm_rows

PRIORS: dict[str, Any] = {
    "normal with a learned scale": {},
    "normal": {"dist": "Normal", "scale": 0.7},
    "student": {"dist": "StudentT", "scale": {"dist": "HalfNormal"}},
    "laplace": {"dist": "Laplace", "scale": 1.5},
    "horseshoe": {"dist": "Horseshoe"},
}


def model_with(prior: str, objectives: int = 3, **settings: Any) -> VRMModel:
    priors = dict.fromkeys(("shared", "contrasts"), PRIORS[prior]) if PRIORS[prior] else {}
    return vrm_rows.model(objectives, priors=priors, **settings)


def coordinates(model: VRMModel, scale: float = 1.0) -> tuple[Layout, SharedDirection, Tensor, Tensor]:
    layout = Layout.of(model, vrm_rows.pairs(4))
    mean, root = torch.randn(5), torch.randn(5, 5).tril(-1) + torch.diag(torch.rand(5) + 0.3)
    others = [site.name for site in layout.sites if site.name not in ("shared", "contrasts")]
    centres = {name: 0.3 * i - 0.2 for i, name in enumerate(others)}
    widths = {name: 0.2 + 0.1 * i for i, name in enumerate(others)}
    return layout, SharedDirection(layout, mean, root, centres, widths, scale), mean, root


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("prior", ["normal", "normal with a learned scale", "horseshoe"])
def test_the_log_determinant_is_that_of_the_jacobian(prior: str, k: int, double: None) -> None:
    layout, map_, _, _ = coordinates(model_with(prior, k), 0.6)
    epsilon = torch.randn(layout.size)
    jacobian: Any = torch.autograd.functional.jacobian(map_, epsilon)
    torch.testing.assert_close(map_.log_det(map_(epsilon)), torch.linalg.slogdet(jacobian)[1])
    torch.testing.assert_close(map_.inverse(map_(epsilon)), epsilon)
    many = torch.randn(4, layout.size)
    torch.testing.assert_close(map_(many)[2], map_(many[2]))
    torch.testing.assert_close(map_.log_det(map_(many))[2], map_.log_det(map_(many[2])))


@pytest.mark.parametrize("k", [1, 3])
def test_at_the_centre_all_objectives_are_bradley_and_terrys(k: int) -> None:
    model = model_with("normal with a learned scale", k)
    layout, map_, mean, _ = coordinates(model)
    values = layout.constrain(map_(torch.zeros(layout.size)))
    torch.testing.assert_close(model.objectives(values), mean.expand(k, 5))
    centres = {site.name: math.exp(float(map_.loc[site.flat])) for site in layout.sites if site.name.endswith("_scale")}
    assert {name: float(values[name]) for name in centres} == pytest.approx(centres, rel=1e-5)


def test_draws_of_the_mean_objective_have_the_given_covariance_and_contrasts_that_of_their_prior() -> None:
    """40,000 draws: each entry of the covariance within 5 standard errors."""
    model = model_with("normal")
    layout, map_, mean, root = coordinates(model, 0.7)
    values = layout.constrain(map_(torch.randn(40_000, layout.size)))
    average = model.objectives(values).mean(-2)
    covariance = root @ root.T
    error = ((covariance.diagonal()[:, None] * covariance.diagonal() + covariance.square()) / 40_000).sqrt()
    assert ((average.T.cov() - covariance).abs() < 5 * error).all()
    assert ((average.mean(0) - mean).abs() < 5 * (covariance.diagonal() / 40_000).sqrt()).all()
    assert values["contrasts"].std(0).flatten().tolist() == pytest.approx([0.7] * 10, rel=5 / 80_000**0.5)


def test_contrasts_breathe_with_the_scale_of_their_prior() -> None:
    model = model_with("normal with a learned scale")
    layout, map_, _, _ = coordinates(model)
    values = layout.constrain(map_(torch.randn(40_000, layout.size)))
    standardised = values["contrasts"] / values["contrasts_scale"][:, None, None]
    assert standardised.std(0).flatten().tolist() == pytest.approx([1.0] * 10, rel=5 / 80_000**0.5)
    assert float(values["contrasts_scale"].log().std()) > 0.1


@pytest.fixture
def start() -> tuple[VRMModel, WhitenedGuide, Any, Any]:
    rows = vrm_rows.shared(vrm_rows.pairs(80, seed=3))
    model = vrm_rows.model(3)
    guide = build_guide(model, rows, guide_config("auto-normal"))
    difference = model.inputs(rows["chosen"]) - model.inputs(rows["rejected"])
    found = fit_response_effects(
        difference, rows["chosen_index"], rows["rejected_index"], 60, outcome=rows["outcome"], weight=rows["weight"]
    )
    return model, guide, rows, found


def test_it_begins_at_bradley_terry_with_response_effects(start: tuple[VRMModel, WhitenedGuide, Any, Any]) -> None:
    """Means over 20,000 draws: of the reward's slope, of its residual's width, and of each response's effect.

    The weighted sum of K residuals τ ε_k under weights of the prior is as wide as the one effect of Bradley–Terry's.
    """
    model, guide, _, found = start
    torch.manual_seed(0)
    draws = guide.draws(20_000)
    sd = found.factor.square().sum(1).sqrt().float()
    assert ((draws["shared"].mean(0) - found.weights.float()).abs() < 5 * sd / 20_000**0.5).all()
    assert draws["shared"].std(0).tolist() == pytest.approx(sd.tolist(), rel=0.03)
    assert float(draws["shared_scale"].median()) == pytest.approx(found.scale, rel=0.02)
    w = model.weights.prior(1, draws["shared"]).sample((20_000,))[:, 0]
    residual = (w * draws["residual"][:, None] * torch.randn(20_000, 3)).sum(-1)
    assert float(residual.std()) == pytest.approx(found.residual, rel=0.05)
    assert guide.local is not None
    table = guide.local.features
    assert isinstance(table, ResponseTable)
    effect = table(torch.arange(60))
    mean = float(draws["residual"].log().mean().exp()) * effect.mean.mean(-1)
    torch.testing.assert_close(mean.detach(), found.effects.float(), rtol=0.02, atol=1e-3)
    assert effect.base_dist.scale.max() < 1.001


@pytest.mark.parametrize("name", GUIDES)
@pytest.mark.parametrize("prior", PRIORS)
def test_every_guide_can_be_trained_with_every_prior_of_the_weights(name: str, prior: str) -> None:
    """On a minibatch: the loss is finite, its gradients too, and the guide's own parameters have some."""
    rows = vrm_rows.shared(vrm_rows.pairs(40))
    model = model_with(prior, weights={"family": "logistic-normal"})
    guide = build_guide(model, rows, guide_config(name))
    loss = LocalKLELBO().differentiable_loss(model, guide, rows.slice(8, 20))
    parameters = [p for p in [*model.parameters(), *guide.parameters()] if p.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    assert bool(torch.isfinite(loss))
    assert all(g is None or bool(torch.isfinite(g).all()) for g in gradients)
    by_parameter = {id(p): g for p, g in zip(parameters, gradients, strict=True)}
    for parameter in guide.densities():
        gradient = by_parameter[id(parameter)]
        assert gradient is not None
        assert float(gradient.abs().max()) > 0
    assert all(bool(torch.isfinite(v).all()) for v in guide.draws(10).values())


@pytest.mark.parametrize("settings", [vrm_rows.STANDARD, vrm_rows.MLP], ids=["bilinear", "mlp"])
@pytest.mark.parametrize("name", ["auto-normal", "low-rank", "full-rank", "delta"])
def test_as_published_guides_begin_cold_and_apart(name: str, settings: Any) -> None:
    rows = vrm_rows.shared(vrm_rows.pairs(40))
    model = vrm_rows.model(3, **settings)
    guide = build_guide(model, rows, guide_config(name))
    loss = LocalKLELBO().differentiable_loss(model, guide, rows.slice(8, 20))
    assert model.features is not None
    gradients = torch.autograd.grad(loss, [*model.features.parameters(), *model.weights.parameters(), guide.family.loc])  # type: ignore[list-item]
    assert all(bool(torch.isfinite(g).all()) and float(g.abs().max()) > 0 for g in gradients)


@pytest.mark.parametrize(
    ("globals_", "family"), [("auto-normal", DiagonalNormal), ("low-rank", LowRankNormal), ("full-rank", FullRankNormal), ("delta", Point)]
)
def test_the_family_is_the_one_that_was_asked_for(globals_: str, family: type) -> None:
    model, rows = vrm_rows.model(3), vrm_rows.pairs(40)
    assert isinstance(build_guide(model, rows, guide_config(globals_)).family, family)
    assert isinstance(build_guide(model, rows, Amortised(globals=globals_)).family, family)  # type: ignore[arg-type]


def test_amortised_has_a_network_over_responses_and_no_table() -> None:
    model, rows = vrm_rows.model(3), vrm_rows.shared(vrm_rows.pairs(40))
    guide = build_guide(model, rows, Amortised())
    assert guide.local is not None
    assert not isinstance(guide.local.features, ResponseTable)
    assert {id(p) for p in guide.densities()} == {id(p) for p in guide.family.parameters()}
    assert len(list(guide.local.parameters())) == 2


def test_a_point_keeps_the_scales_of_the_priors_where_they_began(start: tuple[VRMModel, WhitenedGuide, Any, Any]) -> None:
    _, _, rows, found = start
    guide = build_guide(vrm_rows.model(3), rows, guide_config("delta"))
    with torch.no_grad():
        guide.family.loc.add_(1.0)  # type: ignore[operator]
    draws = guide.draws(3)
    assert draws["shared_scale"].tolist() == pytest.approx([found.scale] * 3, rel=1e-4)
    assert float(draws["shared"].std(0).max()) == 0.0


def test_the_objectives_begin_apart_so_that_they_can_part() -> None:
    model, rows = vrm_rows.model(3), vrm_rows.pairs(40)
    guide = build_guide(model, rows, guide_config("auto-normal"))
    layout = guide.layout
    place = next(site.flat for site in layout.sites if site.name == "contrasts")
    moved = guide.family.loc.detach()  # type: ignore[union-attr, operator]
    assert 0.01 < float(moved[place].std()) < 3
    assert int((moved != 0).sum()) == moved[place].numel()


def test_full_rank_over_too_many_latents_is_refused() -> None:
    model = vrm_rows.model(3)
    wide = vrm_rows.with_columns(vrm_rows.pairs(8), chosen=torch.randn(8, 1200), rejected=torch.randn(8, 1200))
    model = VRMModel(type(model.shape)(1200, 3, ("a", "b", "c")))
    with pytest.raises(ConfigError, match="full-rank"):
        build_guide(model, wide, guide_config("full-rank"))
