"""The variational reward model given its globals alone: a prompt's weights and its responses' own parts are summed out.

Given the weights w of the prompt, ``r − r'`` is normal, with mean ``Σ_k w_k V_k·(h − h')`` and variance ``2 τ² |w|²``; with the
``standard`` prior its moments are those of the network's ``q(z | x, y)``. So a pair's likelihood is an average over nodes of w and of
one normal number (``quadrature``). The networks are points here, as everywhere.

Where the gate is a latent the weights have a distribution of their own in each draw, and nodes would have to move with it: there the
reward's own two moments stand for it (``moments``).

Pairs are taken for independent given the globals, and they are not where they share a response or a prompt: the parts that embeddings
do not tell, and the weights, are then the same. Pairs of the same responses count for their independent differences (``share``, see
``recipes.pairs.repeats.shares``), a composite likelihood (Varin, Reid & Firth 2011), as in Bradley–Terry; pairs of one prompt that share no
response count whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.linear import LinearForm
from probrm.recipes.pairs.model import row_weight
from probrm.recipes.pairs.repeats import shares
from probrm_models.vrm.moments import hermite, of_reward, squared_length
from probrm_models.vrm.networks import DirichletWeights
from probrm_models.vrm.quadrature import NODES, pair_nodes

if TYPE_CHECKING:
    from probrm_models.vrm.model import VRMModel

_COLUMNS = ("prompt", "chosen", "rejected", "outcome", "weight")
_BLOCK = 4_000_000
"""Numbers of one intermediate tensor."""
_TINY = 1e-12
_SAMPLES = 16
"""Of the row's latents for each draw of the globals, where a decoder is a network."""


def marginal_rows(model: VRMModel, rows: Batch, *, count: int = NODES) -> Batch:
    """The columns that the marginal form reads: the model's own, ``nodes (n, m, K + 2)`` of a network's weights, and ``share (n,)`` where it is known.

    Args:
        model: with trained networks.
        rows: pairs; with the columns ``chosen_index`` and ``rejected_index`` where they are to be discounted.
        count: nodes of a prompt.
    """
    columns = {name: rows[name] for name in _COLUMNS}
    if not model.gated:
        columns["nodes"] = pair_nodes(model, rows["prompt"], count)
    if "chosen_index" in rows:
        columns["share"] = shares(rows).to(rows["weight"])
    return Batch(columns, rows.total)


def row_density(model: VRMModel, values: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
    """``log P(o | globals)`` of each pair for one draw of the globals, which gradients pass through; bilinear decoders."""
    if model.features is None:
        difference = model.inputs(batch["chosen"]) - model.inputs(batch["rejected"])
        scores = difference @ model.objectives(values).T
    if model.gated:
        assert isinstance(model.weights, DirichletWeights)
        alpha = model.weights.alpha(batch["prompt"], values["gate"])
        return _over_moments(model, alpha, scores, values["residual"], values.get("log_tie"), batch["outcome"])
    nodes = _nodes(model, batch)
    if model.features is None:
        return _over_nodes(model, nodes, scores, values["residual"], values.get("log_tie"), batch["outcome"])
    mean, variance = feature_moments(model, batch)
    direction = nodes[..., : model.count] @ model.objectives(values)
    spread = (direction.square() @ variance[..., None])[..., 0].sqrt()
    d = (direction @ mean[..., None])[..., 0] + spread * nodes[..., -2]
    return _average(model, nodes, d, values.get("log_tie"), batch["outcome"])


@torch.no_grad()
def feature_moments(model: VRMModel, batch: Batch) -> tuple[Float[Tensor, "n z"], Float[Tensor, "n z"]]:
    """Mean and variance of ``z − z'`` under the features' network, whose parameters may have another precision than the rows."""
    assert model.features is not None
    like = next(model.features.parameters())
    chosen, rejected = (model.features(batch[side].to(like)).base_dist for side in ("chosen", "rejected"))
    return (chosen.loc - rejected.loc).to(batch["outcome"]), (chosen.variance + rejected.variance).to(batch["outcome"])


@torch.no_grad()
def log_likelihoods(model: VRMModel, values: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "s n"]:
    """``log P(o | globals)`` of each pair for each of s draws of the globals."""
    count = len(next(iter(values.values())))
    if model.trunk is not None:
        each = torch.stack([_one_sample(model, values, batch) for _ in range(_SAMPLES)])
        return each.exp().mean(0).log()
    if not model.gated:
        batch = Batch({**batch.columns, "nodes": _nodes(model, batch)}, batch.total)
    step = max(1, _BLOCK // (len(batch) * NODES))
    density = torch.vmap(lambda one: row_density(model, one, batch), chunk_size=step)
    return density(dict(values)) if count else batch["outcome"].new_zeros(0, len(batch))


def linear_form(model: VRMModel, batch: Batch) -> LinearForm | None:
    """The predictors: ``Δh·v``, each ``Δh·C_i``, each ``A_i·x`` of a latent gate, τ, and log ν; None where moments are a network's."""
    if model.standard:
        return None
    nodes = None if model.gated else _nodes(model, batch)
    difference = model.inputs(batch["chosen"]) - model.inputs(batch["rejected"])
    ones = torch.ones_like(batch["outcome"])[:, None]
    constants = ["residual", *(["log_tie"] if model.shape.ties else [])]
    gates = [torch.cat([batch["prompt"] / batch["prompt"].shape[1] ** 0.5, ones], 1)] * (model.count - 1) if model.gated else []
    return LinearForm(
        designs=[difference] * model.count + gates + [ones] * len(constants),
        coefficients=lambda values: [
            values["shared"],
            *(values["contrasts"] if model.count > 1 else ()),
            *(values["gate"] if model.gated else ()),
            *(values[name][None] for name in constants),
        ],
        density=partial(_density, model, nodes, batch["outcome"], row_weight(batch) * batch.scale),
    )


def _density(
    model: VRMModel, nodes: Tensor | None, outcome: Tensor, weight: Tensor, predictors: Float[Tensor, "q n"]
) -> Float[Tensor, " n"]:
    k, rotation = model.count, model.rotation.to(predictors)
    scores = predictors[0][:, None] + predictors[1:k].T @ rotation.T
    residual, *tie = predictors[k if nodes is not None else 2 * k - 1 :]
    scores = scores * model.stretch(residual)[:, None]
    last = tie[0] if tie else None
    if nodes is not None:
        return _over_nodes(model, nodes, scores, residual, last, outcome) * weight
    assert isinstance(model.weights, DirichletWeights)
    alpha = model.weights.alpha_at(predictors[k : 2 * k - 1].T @ rotation.T)
    return _over_moments(model, alpha, scores, residual, last, outcome) * weight


def _over_moments(
    model: VRMModel, alpha: Float[Tensor, "n k"], scores: Float[Tensor, "n k"], residual: Tensor, tie: Tensor | None, outcome: Tensor
) -> Float[Tensor, " n"]:
    """The same with a normal of the reward's moments for ``w ~ Dirichlet(α)``: smooth in α, as a latent gate needs it."""
    mean, variance = of_reward(alpha, scores)
    spread = (variance + 2 * residual.square() * squared_length(alpha) + _TINY).sqrt()
    nodes, masses = hermite(mean)
    values = {} if tie is None else {"log_tie": tie}
    log_p = model.preference_dist(mean[:, None] + spread[:, None] * nodes, values).log_prob(outcome[:, None])
    return torch.logsumexp(log_p + masses, -1)


def _over_nodes(
    model: VRMModel, nodes: Float[Tensor, "n m k2"], scores: Float[Tensor, "n k"], residual: Tensor, tie: Tensor | None, outcome: Tensor
) -> Float[Tensor, " n"]:
    """From differences of the objectives' scores; ``residual`` and ``tie`` are scalars or ``(n,)``."""
    weights = nodes[..., : model.count]
    spread = (2 * weights.square().sum(-1)).sqrt() * nodes[..., -2]
    return _average(model, nodes, (weights @ scores[..., None])[..., 0] + residual[..., None] * spread, tie, outcome)


def _average(model: VRMModel, nodes: Tensor, difference: Float[Tensor, "n m"], tie: Tensor | None, outcome: Tensor) -> Float[Tensor, " n"]:
    values = {} if tie is None else {"log_tie": tie}
    log_p = model.preference_dist(difference, values).log_prob(outcome[:, None])
    return torch.logsumexp(log_p + nodes[..., -1], -1)


def _nodes(model: VRMModel, batch: Batch) -> Float[Tensor, "n m k2"]:
    return batch["nodes"] if "nodes" in batch else pair_nodes(model, batch["prompt"])


def _one_sample(model: VRMModel, values: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "s n"]:
    return model.preference_dist(model.difference(values, batch), values).log_prob(batch["outcome"])
