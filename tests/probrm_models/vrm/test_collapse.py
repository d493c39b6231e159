"""Is each latent used, and what does it buy: on models made by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from probrm.coordinates.layout import Layout
from probrm.coordinates.whitening import Whitening
from probrm.data import Batch
from probrm.guides import guide_config
from probrm.guides.guide import WhitenedGuide
from probrm_models.vrm.collapse import ACTIVE, collapse, usefulness
from probrm_models.vrm.config import VRMConfig, VRMShape
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.row_guide import ResponseTable, VRMRowGuide
from tests import vrm_rows

# ---- collapse


def guide_of(model: VRMModel, rows: Batch, features: Any, *, own: bool) -> WhitenedGuide:
    layout = Layout.of(model, rows)
    coordinates = Whitening.diagonal(torch.zeros(layout.size), torch.ones(layout.size))
    return WhitenedGuide(layout, coordinates, guide_config("auto-normal").family(layout), VRMRowGuide(model.weights, features, own=own))


def table(loc: Tensor, scale: float = 1.0) -> ResponseTable:
    return ResponseTable(loc, torch.full_like(loc, scale))


def test_a_guide_that_is_the_prior_uses_nothing() -> None:
    rows, model = vrm_rows.pairs(), vrm_rows.model(3)
    found = collapse(model, guide_of(model, rows, table(torch.zeros(18, 3)), own=True), rows)
    assert found["active"] == {"weights": 0, "features": 0}
    assert max(found["kl"]["weights"] + found["kl"]["features"]) < 1e-4
    assert found["kl_total"] == pytest.approx(0, abs=0.01)
    assert max(found["weights_sd"].values()) < 1e-6
    assert found["weights_entropy"] == pytest.approx(math.log(3), abs=1e-5)
    assert found["weights_entropy_average"] == pytest.approx(math.log(3), abs=1e-5)


def test_logits_that_are_the_prior_do_not_vary_either() -> None:
    rows, model = vrm_rows.pairs(), vrm_rows.model(3, weights={"family": "logistic-normal"})
    found = collapse(model, guide_of(model, rows, table(torch.zeros(18, 3)), own=True), rows)
    assert found["active"]["weights"] == 0
    assert max(found["weights_sd"].values()) < 1e-6
    assert found["weights_entropy"] == pytest.approx(found["weights_entropy_average"], abs=1e-6)


def test_active_dimensions_are_counted_and_each_response_counts_once() -> None:
    """Means of 1 in dimension 2 for half of the responses, which are in several rows each; widths of a half in dimension 0."""
    rows, model = vrm_rows.pairs(), vrm_rows.model(3)
    loc = torch.zeros(18, 3)
    loc[:9, 2] = 1.0
    scale = torch.ones(18, 3)
    scale[:, 0] = 0.5
    found = collapse(model, guide_of(model, rows, ResponseTable(loc, scale), own=True), rows)
    assert found["active"] == {"weights": 0, "features": 2}
    seen = torch.cat([rows["chosen_index"], rows["rejected_index"]])
    share = float((seen.unique() < 9).float().mean())
    narrow = math.log(2) + (0.25 - 1) / 2
    assert found["kl"]["features"] == pytest.approx([narrow, 0.0, 0.5 * share], abs=1e-3)
    in_rows = float((seen < 9).sum()) * 0.5 + len(seen) * narrow
    assert found["kl_total"] == pytest.approx(in_rows, rel=1e-3)


def test_the_threshold_is_where_it_is_said_to_be() -> None:
    rows, model = vrm_rows.pairs(), vrm_rows.model(2)
    for nats, active in ((1.1 * ACTIVE, 1), (0.9 * ACTIVE, 0)):
        loc = torch.tensor([math.sqrt(2 * nats), 0.0]).expand(18, 2)
        assert collapse(model, guide_of(model, rows, table(loc), own=True), rows)["active"]["features"] == active


@pytest.mark.parametrize("family", ["dirichlet", "logistic-normal"])
def test_weights_that_follow_the_prompt(family: str) -> None:
    rows, model = vrm_rows.pairs(40), vrm_rows.model(2, weights={"family": family})
    with torch.no_grad():
        model.weights.network.layers[0].weight[0] = 1.0  # type: ignore[index, operator, union-attr]
        model.weights.network.layers[0].weight[1] = -1.0  # type: ignore[index, operator, union-attr]
    found = collapse(model, guide_of(model, rows, table(torch.zeros(30, 2)), own=True), rows)
    assert found["active"]["weights"] == (1 if family == "dirichlet" else 2)
    assert found["weights_sd"]["a"] > 0.1
    assert sum(found["weights_mean"].values()) == pytest.approx(1, abs=1e-5)
    assert found["weights_entropy"] < found["weights_entropy_average"] - 0.02


def test_it_leaves_the_global_stream_alone_and_says_the_same_twice() -> None:
    rows, model = vrm_rows.pairs(), vrm_rows.model(3)
    guide, before = guide_of(model, rows, table(torch.zeros(18, 3)), own=True), torch.get_rng_state()
    assert collapse(model, guide, rows) == collapse(model, guide, rows)
    usefulness(model, guide.draws(10), rows)
    after = torch.get_rng_state()
    guide.draws(10)
    torch.set_rng_state(before)
    guide.draws(10)
    assert not torch.equal(before, after)  # the draws alone moved it
    assert torch.equal(torch.get_rng_state(), after)


def test_as_published_the_models_own_networks_are_looked_at() -> None:
    rows, model = vrm_rows.pairs(), vrm_rows.model(3, **vrm_rows.STANDARD)
    assert model.features is not None
    with torch.no_grad():
        model.features.network.layers[0].weight.zero_()  # type: ignore[operator, union-attr]
        model.features.network.layers[0].bias[1] = 2.0  # type: ignore[index, operator, union-attr]
    found = collapse(model, guide_of(model, rows, model.features, own=False), rows)
    assert found["kl"]["features"] == pytest.approx([0.0, 2.0, 0.0, 0.0], abs=1e-4)
    assert found["active"]["features"] == 1


# ---- usefulness


def opposed(prompts: int = 60, *, residual: float = 0.1, opposite: bool = True) -> tuple[VRMModel, dict[str, Tensor], Batch]:
    """Two objectives over one embedding; a prompt's first column says which of them counts, and the winners follow it.

    ``opposite`` objectives disagree about every pair; otherwise they are one.
    """
    x = torch.randn(prompts, 3).repeat_interleave(3, 0)
    h = torch.rand(3 * prompts, 1) + 0.5
    sign = torch.where(x[:, :1] > 0, 1.0, -1.0) if opposite else torch.ones(len(x), 1)
    n = len(x)
    columns = {"prompt": x, "chosen": sign * h, "rejected": -sign * h, "outcome": torch.ones(n), "weight": torch.ones(n)}
    model = VRMModel(VRMShape(1, 3, ("a", "b")), VRMConfig.from_dict({"weights": {"concentration": 2.0}}))
    with torch.no_grad():
        model.weights.network.layers[0].weight.copy_(torch.tensor([[30.0, 0, 0], [-30.0, 0, 0]]))  # type: ignore[operator, union-attr]
    v = torch.tensor([[[3.0], [-3.0]]] if opposite else [[[3.0], [3.0]]])
    shared = v.mean(1)
    contrasts = model.rotation.T @ (v - shared[:, None])
    draws = {"shared": shared.expand(400, 1), "contrasts": contrasts.expand(400, 1, 1), "residual": torch.full((400,), residual)}
    torch.testing.assert_close(model.objectives(draws)[0], v[0])
    return model, draws, Batch(columns, n)


def test_where_objectives_are_opposed_by_prompt_shuffled_weights_cost_accuracy() -> None:
    """Half of the prompts get weights of the other kind, 3 standard deviations of a share of 60 being 0.2: fails once in 400.

    The kind is that of the prompt's first column, by which ``torch.unique`` sorts: neighbours in that order are of one kind.
    """
    found = usefulness(*opposed())
    assert found["full"]["accuracy"] > 0.97
    assert 0.3 < found["weights_shuffled"]["accuracy"] < 0.7
    assert 0.3 < found["weights_average"]["accuracy"] < 0.7
    assert found["weights_shuffled"]["nll"] > found["full"]["nll"] + 0.3
    assert found["features_mean"]["accuracy"] > 0.97


def test_where_objectives_are_one_shuffled_weights_change_nothing() -> None:
    found = usefulness(*opposed(opposite=False))
    assert found["full"]["accuracy"] == 1.0
    for name in ("weights_shuffled", "weights_average"):
        assert found[name] == {"accuracy": 1.0, "nll": pytest.approx(found["full"]["nll"], abs=1e-3)}


def test_features_without_their_uncertainty_are_surer() -> None:
    found = usefulness(*opposed(residual=6.0))
    assert found["features_mean"]["nll"] < found["full"]["nll"] - 0.1


def test_every_prompt_gets_another_ones_weights_all_its_pairs_the_same() -> None:
    """With two prompts of opposite kinds the exchange turns every verdict around."""
    model, draws, rows = opposed()
    kinds = rows["prompt"][:, 0] > 0
    two = rows.subset(torch.cat([kinds.nonzero()[:3, 0], (~kinds).nonzero()[:3, 0]]))
    found = usefulness(model, draws, two)
    assert found["full"]["accuracy"] == 1.0
    assert found["weights_shuffled"]["accuracy"] == 0.0


def test_ties_have_no_verdict() -> None:
    model, draws, rows = opposed()
    tied = vrm_rows.with_columns(
        rows, outcome=torch.tensor([1.0, 0.5, 0.5] * 60), chosen=rows["chosen"] * torch.tensor([1.0, -1.0, -1.0] * 60)[:, None]
    )
    assert usefulness(model, draws, tied)["full"]["accuracy"] > 0.97
