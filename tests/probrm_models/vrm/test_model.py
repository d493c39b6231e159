"""The generative process of the variational reward model, against formulas written out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from pyro import poutine
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor

from probrm.data import Batch
from probrm_models.vrm.config import VRMConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import VRMRowGuide
from tests import vrm_rows

FORMS: dict[str, Any] = {
    "embedding": {},
    "logistic-normal": {"weights": {"family": "logistic-normal", "scale": 1.7}},
    "standard": {"features": {"prior": "standard", "dim": 4, "loc": 0.5, "scale": 2.0}},
    "mlp": dict(vrm_rows.MLP),
}


def nodes(model: VRMModel, rows: Batch) -> dict[str, Any]:
    trace: Any = prune_subsample_sites(poutine.trace(model).get_trace(rows))
    return {name: site for name, site in trace.nodes.items() if site["type"] == "sample"}


def shapes(model: VRMModel, rows: Batch) -> dict[str, tuple[int, ...]]:
    return {name: tuple(site["value"].shape) for name, site in nodes(model, rows).items() if not site["is_observed"]}


def test_sites_and_shapes() -> None:
    rows = vrm_rows.pairs(8)
    of_rows = {"weights": (8, 3), "chosen_features": (8, 3), "rejected_features": (8, 3)}
    slopes = {"shared_scale": (), "shared": (5,), "contrasts_scale": (), "contrasts": (2, 5)}
    assert shapes(vrm_rows.model(3), rows) == slopes | {"residual": ()} | of_rows
    assert shapes(vrm_rows.model(3, ties=True), rows) == slopes | {"residual": (), "log_tie": ()} | of_rows
    features = {"weights": (8, 3), "chosen_features": (8, 4), "rejected_features": (8, 4)}
    slopes = {"shared_scale": (), "shared": (4,), "contrasts_scale": (), "contrasts": (2, 4)}
    assert shapes(vrm_rows.model(3, **FORMS["standard"]), rows) == slopes | features
    assert shapes(vrm_rows.model(3, **FORMS["mlp"]), rows) == {"decoder_scale": (), "decoder": (6,)} | features
    logits = shapes(vrm_rows.model(3, **FORMS["logistic-normal"]), rows)
    assert logits["weight_logits"] == (8, 3)
    assert "weights" not in logits
    alone = shapes(vrm_rows.model(1), rows)
    assert "contrasts" not in alone
    assert alone["shared"] == (5,)


def test_what_belongs_to_a_row_is_in_the_plate_and_counts_by_share_weight_and_batch() -> None:
    rows = Batch(vrm_rows.shared(vrm_rows.pairs(8)).columns, 80)  # a minibatch of 80
    found = nodes(vrm_rows.model(3, attributes=3), vrm_rows.with_columns(rows, scores=torch.randn(8, 3)))
    for site, column in (("weights", "prompt_share"), ("chosen_features", "chosen_share"), ("rejected_features", "rejected_share")):
        assert [frame.name for frame in found[site]["cond_indep_stack"]] == ["rows"]
        torch.testing.assert_close(found[site]["scale"], 10 * rows[column])
    for site in ("preference", "supervision"):
        assert [frame.name for frame in found[site]["cond_indep_stack"]] == ["rows"]
        torch.testing.assert_close(found[site]["scale"], 10 * rows["weight"])
    assert found["shared"]["cond_indep_stack"] == ()
    per_pair = nodes(vrm_rows.model(3, divergence={"per": "pair"}), rows)
    assert [per_pair[site]["scale"] for site in ("weights", "chosen_features", "rejected_features")] == [10.0] * 3


def test_supervision_is_a_term_of_its_own_where_it_is_asked_for_and_possible() -> None:
    rows = vrm_rows.pairs(8)
    scored = vrm_rows.with_columns(rows, scores=torch.randn(8, 2))
    assert "supervision" in nodes(vrm_rows.model(3, attributes=2), scored)
    assert "supervision" not in nodes(vrm_rows.model(3), rows)
    for off in ({"loss": "none"}, {"weight": 0.0}):
        assert "supervision" not in nodes(vrm_rows.model(3, attributes=2, supervision=off), scored)


def normal(x: Tensor, loc: float, scale: Any) -> Tensor:
    return (-0.5 * ((x - loc) / scale).square() - torch.as_tensor(scale).log() - 0.5 * math.log(2 * math.pi)).sum()


def half_normal(x: Tensor, scale: float) -> Tensor:
    return math.log(2.0) + normal(x, 0.0, scale)


def test_log_joint_by_hand(double: None) -> None:
    """Every term of the default form with supervision and ties, scales and shares included."""
    model = vrm_rows.model(3, attributes=2, ties=True, weights={"concentration": 0.6}, supervision={"weight": 0.7})
    rows = vrm_rows.shared(vrm_rows.pairs(8))
    scores = torch.randn(8, 2)
    outcome = torch.tensor([1.0, 0.5] * 4)
    rows = Batch({**rows.columns, "scores": scores, "outcome": outcome}, 24)
    trace: Any = poutine.trace(model).get_trace(rows)
    v = {name: site["value"] for name, site in trace.nodes.items() if site["type"] == "sample"}
    found = trace.log_prob_sum()

    w, r = v["weights"], {}
    slopes = v["shared"] + model.rotation @ v["contrasts"]
    for side in ("chosen", "rejected"):
        r[side] = sum(w[:, k] * (rows[side] @ slopes[k] / 5**0.5 + v["residual"] * v[f"{side}_features"][:, k]) for k in range(3))
    d, nu = r["chosen"] - r["rejected"], v["log_tie"].exp()
    p = torch.where(outcome == 1, (d / 2).exp(), nu) / ((d / 2).exp() + nu + (-d / 2).exp())
    s = scores.exp() / scores.exp().sum(-1, keepdim=True)
    q = w[:, :2] / w[:, :2].sum(-1, keepdim=True)
    supervision = -0.7 * (s * (s / q).log()).sum(-1)
    dirichlet = math.lgamma(1.8) - 3 * math.lgamma(0.6) + (-0.4 * w.log()).sum(-1)
    expected = (3 * rows["weight"] * (p.log() + supervision)).sum() + (3 * rows["prompt_share"] * dirichlet).sum()
    for side in ("chosen", "rejected"):
        log_density = (-0.5 * v[f"{side}_features"].square() - 0.5 * math.log(2 * math.pi)).sum(-1)
        expected = expected + (3 * rows[f"{side}_share"] * log_density).sum()
    for name in ("shared", "contrasts"):
        expected = expected + half_normal(v[f"{name}_scale"], 4.0) + normal(v[name], 0.0, v[f"{name}_scale"])
    expected = expected + half_normal(v["residual"], 1.0) + normal(v["log_tie"], 0.0, 1.0)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_log_joint_of_a_latent_gate_by_hand(double: None) -> None:
    """Of average responses: scores grow by ``√(1 + π E|w|² τ² / 4)``; the weights' density is Dirichlet(.05 + κ softmax(R A x))."""
    settings = {"weights": {"gate": "latent", "precision": 7.0}, "features": {"squared_length": 0.4}}
    model, rows = vrm_rows.model(3, **settings), vrm_rows.shared(vrm_rows.pairs(8))
    trace: Any = poutine.trace(model).get_trace(rows)
    v = {name: site["value"] for name, site in trace.nodes.items() if site["type"] == "sample"}
    x = torch.cat([rows["prompt"] / 3**0.5, torch.ones(8, 1)], 1)
    alpha = 0.05 + 7 * (x @ v["gate"].T @ model.rotation.T).softmax(-1)
    dirichlet = alpha.sum(-1).lgamma() - alpha.lgamma().sum(-1) + ((alpha - 1) * v["weights"].log()).sum(-1)
    slopes = (v["shared"] + model.rotation @ v["contrasts"]) * (1 + math.pi / 4 * 0.4 * v["residual"] ** 2) ** 0.5
    r = {}
    expected = (rows["prompt_share"] * dirichlet).sum() + normal(v["gate"], 0.0, 1.0) + half_normal(v["residual"], 1.0)
    for side in ("chosen", "rejected"):
        own = v[f"{side}_features"]
        r[side] = (v["weights"] * (rows[side] @ slopes.T / 5**0.5 + v["residual"] * own)).sum(-1)
        expected = expected + (rows[f"{side}_share"] * (-0.5 * own.square() - 0.5 * math.log(2 * math.pi)).sum(-1)).sum()
    expected = expected + (rows["weight"] * (r["chosen"] - r["rejected"]).sigmoid().log()).sum()
    for name in ("shared", "contrasts"):
        expected = expected + half_normal(v[f"{name}_scale"], 4.0) + normal(v[name], 0.0, v[f"{name}_scale"])
    torch.testing.assert_close(trace.log_prob_sum(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "settings",
    [
        {"weights": {"gate": "latent"}},
        {"weights": {"gate": "latent", "precision": 5.0, "hidden": [4]}},
        {"weights": {"gate": "latent", "precision": 5.0, "family": "logistic-normal"}},
    ],
)
def test_a_gate_is_a_latent_of_a_linear_dirichlet_only(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="latent"):
        vrm_rows.model(2, **settings)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_contrasts_are_orthonormal_and_leave_the_mean_alone(k: int) -> None:
    """So the objectives are alike a priori, and ``shared`` is their mean."""
    model = vrm_rows.model(k)
    r = model.rotation
    torch.testing.assert_close(r.T @ r, torch.eye(k - 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(r.sum(0), torch.zeros(k - 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(r.square().sum(1), torch.full((k,), (k - 1) / k), atol=1e-6, rtol=0)
    values = {"shared": torch.randn(7, 5), "contrasts": torch.randn(7, k - 1, 5)}
    objectives = model.objectives(values)
    assert objectives.shape == (7, k, 5)
    torch.testing.assert_close(objectives.mean(-2), values["shared"], atol=1e-5, rtol=0)


def test_bilinear_rewards_are_weighted_sums_of_scores() -> None:
    w, z, h = torch.rand(8, 2).softmax(-1), torch.randn(8, 2), torch.randn(8, 5)
    model = vrm_rows.model(2)
    values = {"shared": torch.randn(5), "contrasts": torch.randn(1, 5), "residual": torch.tensor(0.7)}
    slopes = model.objectives(values)
    expected = sum(w[:, k] * ((h * slopes[k]).sum(-1) / 5**0.5 + 0.7 * z[:, k]) for k in range(2))
    torch.testing.assert_close(model.decoder(values)(w, z, h), expected)
    standard = vrm_rows.model(2, **vrm_rows.STANDARD)
    values, z = {"shared": torch.randn(4), "contrasts": torch.randn(1, 4)}, torch.randn(8, 4)
    slopes = standard.objectives(values)
    expected = sum(w[:, k] * (z * slopes[k]).sum(-1) for k in range(2))
    torch.testing.assert_close(standard.decoder(values)(w, z, h), expected)


def test_the_network_decoder_sees_weights_and_features_and_not_the_embedding() -> None:
    model = vrm_rows.model(2, **vrm_rows.MLP)
    assert model.trunk is not None
    w, z, h, last = torch.rand(8, 2).softmax(-1), torch.randn(8, 4), torch.randn(8, 5), torch.randn(6)
    found = model.decoder({"decoder": last})(w, z, h)
    torch.testing.assert_close(found, model.trunk(torch.cat([w, z], 1)) @ last)
    torch.testing.assert_close(found, model.decoder({"decoder": last})(w, z, h + 1))
    assert (found - model.decoder({"decoder": last})(w.flip(1), z, h)).abs().max() > 1e-4
    assert (found - model.decoder({"decoder": last})(w, z.flip(1), h)).abs().max() > 1e-4


@pytest.mark.parametrize("form", FORMS)
def test_it_comes_back_from_its_spec_and_state(form: str) -> None:
    model = vrm_rows.shaken(vrm_rows.model(3, attributes=2, ties=True, **FORMS[form]), 0.2)
    again = VRMModel.from_spec(json.loads(json.dumps(model.spec())))
    again.load_state_dict(model.state_dict())
    assert again.spec() == model.spec()
    assert again.shape == model.shape
    assert again.config == model.config
    rows, values = vrm_rows.pairs(8), {name: site["value"] for name, site in nodes(model, vrm_rows.pairs(8)).items()}
    found = []
    for each in (model, again):
        torch.manual_seed(0)
        found.append(each.difference(values, rows))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("form", FORMS)
def test_dims_and_coords_name_what_there_is(form: str) -> None:
    model = vrm_rows.model(3, **FORMS[form])
    coords = model.coords()
    for name, site in nodes(model, vrm_rows.pairs(8)).items():
        if not site["cond_indep_stack"]:
            assert tuple(len(coords[dim]) for dim in model.axes(name, site["value"].shape)) == tuple(site["value"].shape), name


def test_numbers_have_the_rows_dtype(double: None) -> None:
    model = vrm_rows.model(3)
    found = nodes(model, vrm_rows.pairs(8))
    assert {found[name]["value"].dtype for name in ("weights", "chosen_features", "rejected_features")} == {torch.float64}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("form", FORMS)
def test_on_a_gpu(form: str) -> None:
    rows, model = vrm_rows.pairs(8).to(device="cuda"), vrm_rows.model(3, **FORMS[form]).cuda()
    with torch.device("cuda"):
        found = nodes(model, rows)
        row_guide = VRMRowGuide(model.weights, model.features, own=False) if model.features is not None else None
        drawn: Any = poutine.trace(row_guide).get_trace(rows) if row_guide else None
    assert {site["value"].device.type for name, site in found.items() if name != "supervision"} == {"cuda"}
    assert drawn is None or drawn.nodes["chosen_features"]["value"].is_cuda


@pytest.mark.parametrize(
    "settings",
    [
        {"objectives": 0},
        {"weights": {"family": "softmax"}},
        {"weights": {"concentration": 0}},
        {"features": {"prior": "standard", "scale": -1}},
        {"decoder": {"name": "mlp"}},
        {"supervision": {"weight": -0.1}},
        {"supervision": {"loss": "hinge"}},
        {"divergence": {"weight": 0}},
        {"divergence": {"free_bits": float("inf")}},
        {"divergence": {"warmup": -1}},
        {"divergence": {"per": "row"}},
        {"priors": {"objective": {"dist": "Normal"}}},
        {"hidden": 3},
    ],
    ids=str,
)
def test_settings_that_are_wrong(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VRMConfig.from_dict(settings)


def test_settings_come_back_from_json() -> None:
    settings = {"objectives": 3, "weights": {"hidden": [4, 5]}, **vrm_rows.MLP, "priors": {"shared": {"dist": "StudentT", "scale": 2.0}}}
    config = VRMConfig.from_dict(settings)
    assert VRMConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.weights.hidden == (4, 5)
    assert config.features.dim == 4
