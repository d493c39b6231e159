"""The guide over rows, and the shares by which a latent that is in several rows pays once."""

from __future__ import annotations

from typing import Any

import pyro
import torch
from pyro import poutine

from probrm.data import Batch
from probrm.inference.svi.elbo import LocalKLELBO
from probrm_models.vrm.config import FeaturesConfig
from probrm_models.vrm.networks import AmortisedFeatures
from probrm_models.vrm.row_guide import ResponseTable, VRMRowGuide, with_shares
from tests import vrm_rows


def test_shares_add_up_to_the_numbers_of_prompts_and_responses() -> None:
    rows = with_shares(vrm_rows.pairs(30))
    prompts = len(rows["prompt_index"].unique())
    responses = len(torch.cat([rows["chosen_index"], rows["rejected_index"]]).unique())
    assert prompts == 8  # the last one has 2 rows
    torch.testing.assert_close(rows["prompt_share"].sum(), torch.tensor(float(prompts)))
    torch.testing.assert_close(rows["chosen_share"].sum() + rows["rejected_share"].sum(), torch.tensor(float(responses)))
    assert rows.total == 30
    assert set(rows.columns) - set(vrm_rows.pairs().columns) == {"prompt_share", "chosen_share", "rejected_share"}


def test_a_response_that_won_once_and_lost_twice_has_a_third_in_each_row() -> None:
    rows = vrm_rows.with_columns(
        vrm_rows.pairs(4),
        chosen_index=torch.tensor([5, 1, 2, 2]),
        rejected_index=torch.tensor([1, 5, 5, 0]),
        prompt_index=torch.zeros(4).long(),
    )
    found = with_shares(rows)
    torch.testing.assert_close(found["chosen_share"], torch.tensor([1 / 3, 1 / 2, 1 / 2, 1 / 2]))
    torch.testing.assert_close(found["rejected_share"], torch.tensor([1 / 2, 1 / 3, 1 / 3, 1.0]))
    torch.testing.assert_close(found["prompt_share"], torch.full((4,), 1 / 4))


def test_minibatches_estimate_the_divergence_of_all_latents_without_bias() -> None:
    """Over all minibatches of one row, β's part of the loss is on average each distinct prompt's and response's divergence once."""
    model = vrm_rows.model(3, weights={"prior": "standard"})
    vrm_rows.shaken(model, 0.3)
    rows = with_shares(vrm_rows.pairs(16))
    table = ResponseTable(torch.randn(12, 3), torch.rand(12, 3) + 0.2)
    guide = VRMRowGuide(model.weights, table, own=True)
    globals_ = {"shared": torch.zeros(5), "contrasts": torch.zeros(2, 5), "residual": torch.tensor(1.0)}
    globals_ |= {"shared_scale": torch.tensor(1.0), "contrasts_scale": torch.tensor(1.0)}
    fixed = poutine.condition(model, data=globals_)

    @torch.no_grad()
    def divergences(batch: Batch) -> torch.Tensor:
        losses = []
        for beta in (2.0, 1.0):
            pyro.set_rng_seed(0)
            losses.append(LocalKLELBO(beta).differentiable_loss(fixed, guide, batch))
        return losses[0] - losses[1]

    one_by_one = torch.stack([divergences(rows.slice(i, i + 1)) for i in range(16)])
    index = torch.cat([rows["chosen_index"], rows["rejected_index"]]).unique()
    features = torch.distributions.kl_divergence(
        torch.distributions.Normal(table.loc[index], torch.nn.functional.softplus(table.raw_scale[index])),
        torch.distributions.Normal(0.0, 1.0),
    ).sum()
    prompts = rows["prompt"].unique(dim=0)
    weights = torch.distributions.kl_divergence(model.weights.posterior(prompts), model.weights.prior(len(prompts), prompts)).sum()
    torch.testing.assert_close(divergences(rows), (features + weights).detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one_by_one.mean(), divergences(rows), rtol=1e-3, atol=1e-3)


def test_a_table_begins_as_told_and_rows_of_one_response_share_its_density() -> None:
    loc, scale = torch.randn(4, 2), torch.rand(4, 2) + 0.05
    found = ResponseTable(loc, scale)(torch.tensor([3, 0, 3])).base_dist
    torch.testing.assert_close(found.loc.detach(), loc[[3, 0, 3]])
    torch.testing.assert_close(found.scale.detach(), scale[[3, 0, 3]], rtol=1e-4, atol=1e-5)


def test_parameters_belong_to_one_module_each() -> None:
    """The model's networks are the model's; densities are those of a table alone."""
    model = vrm_rows.model(3)
    table = ResponseTable(torch.zeros(4, 3), torch.ones(4, 3))
    guide = VRMRowGuide(model.weights, table, own=True)
    assert {id(p) for p in guide.parameters()} == {id(table.loc), id(table.raw_scale)} == {id(p) for p in guide.densities()}
    standard = vrm_rows.model(3, **vrm_rows.STANDARD)
    assert standard.features is not None
    guide = VRMRowGuide(standard.weights, standard.features, own=False)
    assert list(guide.parameters()) == []
    assert guide.densities() == []
    network = AmortisedFeatures(FeaturesConfig(), 5, 3)
    guide = VRMRowGuide(model.weights, network, own=True)
    assert {id(p) for p in guide.parameters()} == {id(p) for p in network.parameters()}
    assert guide.densities() == []


def test_a_response_has_one_density_on_either_side() -> None:
    rows = vrm_rows.pairs(8)
    model = vrm_rows.shaken(vrm_rows.model(2, **vrm_rows.STANDARD), 0.5)
    trace: Any = poutine.trace(VRMRowGuide(model.weights, model.features, own=False)).get_trace(rows)
    swapped = vrm_rows.with_columns(rows, chosen=rows["rejected"], rejected=rows["chosen"])
    other: Any = poutine.trace(VRMRowGuide(model.weights, model.features, own=False)).get_trace(swapped)
    torch.testing.assert_close(trace.nodes["chosen_features"]["fn"].mean, other.nodes["rejected_features"]["fn"].mean)
    torch.testing.assert_close(trace.nodes["weights"]["fn"].mean[0], trace.nodes["weights"]["fn"].mean[3])  # the same prompt
