"""Is each latent used, and what does it buy: told at every fit of the variational reward model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro import poutine
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor

from probrm.data.batch import Batch
from probrm.inference.device import own_random_stream
from probrm.inference.svi.elbo import divergence
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.predictions import reward_draws, weight_draws
from probrm_models.vrm.row_guide import with_shares

ACTIVE = 0.01
"""Nats of divergence, averaged over prompts or responses, from which a dimension counts as used (Burda et al. 2016 call it active)."""
_DRAWS = 200


@torch.no_grad()
def collapse(model: VRMModel, guide: Any, data: Batch) -> dict[str, Any]:
    """How far the posteriors of the rows' latents are from their standard priors; 0 means that a latent is not used.

    Weights are compared with the prior that knows no prompt, also where the model's own prior is a network of the prompt.

    Args:
        model: fitted, on the CPU.
        guide: its guide.
        data: the pairs that both were trained on.

    Returns:
        ``kl``: nats by latent and dimension, averaged over the distinct prompts or responses; ``active``: dimensions of at
        least ``ACTIVE`` nats; ``kl_total``: summed over pairs as the paper's bound has it; ``weights_entropy``: of the mean
        weights of a prompt, averaged; ``weights_entropy_average``: of the average prompt's; ``weights_sd``: of each
        objective's mean weight across prompts. Weights that do not vary with the prompt have equal entropies and sd 0.
    """
    rows = with_shares(data)
    with own_random_stream(0):
        drawn: Any = prune_subsample_sites(poutine.trace(guide).get_trace(rows))
        joint: Any = prune_subsample_sites(poutine.trace(poutine.replay(model, trace=drawn)).get_trace(rows))
    kl: dict[str, Tensor] = {}
    total = 0.0
    for site, share, name in (
        (model.weights.site, "prompt_share", "weights"),
        ("chosen_features", "chosen_share", "features"),
        ("rejected_features", "rejected_share", "features"),
    ):
        prior = model.weights.prior(len(rows), rows["prompt"]) if name == "weights" else joint.nodes[site]["fn"]
        nats = divergence(drawn.nodes[site]["fn"], prior)
        total += float(nats.sum())
        kl[name] = kl.get(name, 0.0) + (nats * rows[share][:, None]).sum(0)
    kl["weights"] /= float(rows["prompt_share"].sum())
    kl["features"] /= float(rows["chosen_share"].sum() + rows["rejected_share"].sum())
    mean = model.weights.mean(torch.unique(rows["prompt"], dim=0))
    names = model.shape.objectives
    return {
        "kl": {name: value.tolist() for name, value in kl.items()},
        "active": {name: int((value >= ACTIVE).sum()) for name, value in kl.items()},
        "kl_total": total,
        "weights_entropy": float(_entropy(mean).mean()),
        "weights_entropy_average": float(_entropy(mean.mean(0))),
        "weights_mean": dict(zip(names, mean.mean(0).tolist(), strict=True)),
        "weights_sd": dict(zip(names, mean.std(0, correction=0).tolist(), strict=True)),
    }


def _entropy(weights: Tensor) -> Tensor:
    return torch.special.entr(weights).sum(-1)


@torch.no_grad()
def usefulness(model: VRMModel, draws: dict[str, Tensor], pairs: Batch) -> dict[str, Any]:
    """Accuracy and log loss of pairs that the model has not seen, with each latent in turn made useless.

    Args:
        model: fitted.
        draws: of its globals.
        pairs: held out.

    Returns:
        By name: ``full``; ``weights_shuffled``: each prompt has another prompt's weights; ``weights_average``: all prompts
        have the same; ``features_mean``: features without their uncertainty.
    """
    taken = {name: value[:: max(1, len(value) // _DRAWS)] for name, value in draws.items()}

    def result(weights: Callable[[Tensor], Tensor] = lambda w: w, spread: bool = True) -> dict[str, float]:
        with own_random_stream(0):
            w = weights(weight_draws(model, taken, pairs["prompt"]))
            chosen, rejected = reward_draws(model, taken, pairs, ("chosen", "rejected"), weights=w, spread=spread)
        p = (chosen - rejected).sigmoid().mean(0)
        decided = pairs["outcome"] != 0.5
        right = (p > 0.5).float() + 0.5 * (p == 0.5).float()
        return {"accuracy": float(right[decided].mean()), "nll": -float(p[decided].clamp(min=1e-6).log().mean())}

    # By prompt, not by pair: pairs of one prompt would else keep a share of what they had.
    distinct, place = torch.unique(pairs["prompt"], dim=0, return_inverse=True)
    first = torch.zeros(len(distinct), dtype=torch.long, device=place.device).scatter_(
        0, place, torch.arange(len(place), device=place.device)
    )
    with own_random_stream(0):  # their order is that of their first columns: the next in it would be much alike
        order = torch.randperm(len(first), device=first.device)
    turned = torch.empty_like(first).scatter_(0, order, first[order.roll(1)])[place]
    return {
        "full": result(),
        "weights_shuffled": result(lambda w: w[:, turned]),
        "weights_average": result(lambda w: w.mean(1, keepdim=True).expand_as(w)),
        "features_mean": result(spread=False),
    }
