"""Draws of rewards of the variational reward model for prompts and responses that the fit has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import Values

if TYPE_CHECKING:
    from probrm_models.vrm.model import VRMModel

_BLOCK = 4_000_000
"""Numbers of one intermediate tensor."""


def many(values: Values) -> tuple[dict[str, Tensor], bool]:
    """The globals as many draws, and whether they were one."""
    name = "decoder" if "decoder" in values else "shared"
    one = values[name].dim() == 1
    return {key: value.unsqueeze(0) if one else value for key, value in values.items()}, one


def weight_draws(
    model: VRMModel, values: Mapping[str, Tensor], prompt: Float[Tensor, "n p"], count: int | None = None
) -> Float[Tensor, "s n k"]:
    """Draws from ``q(w | x)``; rows with the same prompt share them, so that rewards within a prompt are comparable.

    Args:
        model: with its networks.
        values: globals, ``(s, *shape)``: of a latent gate each draw of them has its own.
        prompt: n prompts.
        count: s where it is not that of ``values``.
    """
    distinct, place = torch.unique(prompt, dim=0, return_inverse=True)
    held = len(next(iter(values.values())))
    count = count or held
    if model.gated:
        gate = values["gate"][torch.arange(count) % held]
        latent = model.weights_given(distinct, {"gate": gate}).sample()
    else:
        latent = model.weights.posterior(distinct).sample((count,))
    return model.weights.weights(latent)[:, place]


def reward_draws(
    model: VRMModel,
    values: Values,
    batch: Batch,
    sides: tuple[str, ...],
    *,
    weights: Float[Tensor, "s n k"] | None = None,
    spread: bool = True,
) -> list[Float[Tensor, "s n"]]:
    """Rewards of the batch's responses ``sides`` under each draw of the globals.

    Args:
        model: with its networks.
        values: globals, ``(s, *shape)``.
        batch: with the columns ``prompt`` and ``sides``.
        sides: names of columns of embeddings.
        weights: objective weights; None draws them from ``q(w | x)``.
        spread: whether features are drawn; False leaves them at their mean.
    """
    if weights is None:
        weights = weight_draws(model, values, batch["prompt"])
    result = []
    for side in sides:
        if model.trunk is not None:
            result.append(_network_rewards(model, values, weights, batch[side], spread))
            continue
        mean, variance = _moments(model, values, weights, batch[side])
        result.append(mean + variance.sqrt() * _antithetic(mean) if spread else mean)
    return result


def _moments(model: VRMModel, values: Values, weights: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the reward over the features, which a bilinear decoder leaves normal."""
    if model.features is None:
        scores = torch.einsum("skd,nd->snk", model.objectives(values), model.inputs(h))
        residual = values["residual"][:, None].square() * weights.square().sum(-1)
        return (weights * scores).sum(-1), residual
    z = model.features(h).base_dist
    direction = torch.einsum("snk,skd->snd", weights, model.objectives(values))
    return (direction * z.loc).sum(-1), (direction * z.scale).square().sum(-1)


def _network_rewards(model: VRMModel, values: Values, weights: Tensor, h: Tensor, spread: bool) -> Tensor:
    """Rewards from the network on [w, z], a few draws at a time."""
    assert model.features is not None
    assert model.trunk is not None
    z = model.features(h)
    step = max(1, _BLOCK // (len(h) * (model.trunk.out_dim + model.dim)))
    parts = []
    for start in range(0, len(weights), step):
        w = weights[start : start + step]
        drawn = z.sample((len(w),)) if spread else z.mean.expand(len(w), *z.mean.shape)
        hidden = model.trunk(torch.cat([w, drawn], -1))
        parts.append(torch.einsum("snf,sf->sn", hidden, values["decoder"][start : start + step]))
    return torch.cat(parts)


def _antithetic(like: Float[Tensor, "s n"]) -> Float[Tensor, "s n"]:
    """Standard normal draws whose mean over s is exactly 0 for even s: each stands there with its negative."""
    half = torch.randn((len(like) + 1) // 2, like.shape[1], dtype=like.dtype, device=like.device)
    return torch.cat([half, -half])[: len(like)]
