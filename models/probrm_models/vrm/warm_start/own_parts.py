"""How far responses are from what their embeddings tell, τ: by the pairs that share a response, and by its prior.

A response that is in one pair says nothing of τ: its own part shrinks the logit, and so would smaller weights. What tells τ is that the
outcomes of pairs which share a response go together more than their logits say. The likelihood of such a component of pairs,
``E Π σ(√(1 + π t² / 4) f_i + t (ε_c − ε_r))`` with ``t² = E|w|² τ² + u`` and f the logits of average responses, known up to a variance u, is averaged over draws of ε that are
the same for every τ. The likelihood of its pairs by themselves is taken off: there the link's shape alone speaks, and no link is that right.
Beyond a dozen responses draws from the prior no longer meet what a component says: there ``random_effects`` knows τ better.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from pyro import poutine
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from probrm.inference.device import own_random_stream
from probrm.priors import Prior

LARGEST = 12
"""Responses in a component."""
_DRAWS, _GRID, _PRIOR = 256, 32, 2048
_LEAST = 0.05
"""Standard deviation of log τ."""


def components(chosen: Int[Tensor, " n"], rejected: Int[Tensor, " n"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Each pair's component, and how many responses are in it."""
    count = int(torch.cat([chosen, rejected]).max()) + 1
    links = csr_array((np.ones(len(chosen)), (chosen.cpu().numpy(), rejected.cpu().numpy())), shape=(count, count))
    label = torch.from_numpy(connected_components(links, directed=False)[1].astype(np.int64)).to(chosen.device)
    return label[chosen], label.bincount()[label[chosen]]


@torch.no_grad()
def residual_posterior(
    logit: Float[Tensor, " n"],
    chosen: Int[Tensor, " n"],
    rejected: Int[Tensor, " n"],
    prior: Prior,
    *,
    outcome: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    squared_length: float = 1.0,
    unsure: float = 0.0,
    seed: int = 0,
) -> tuple[float, float]:
    """Centre and standard deviation of a normal over log τ, with the posterior's median and 95 % quantile.

    Args:
        logit: of average responses.
        chosen: each pair's responses; those in components of more than ``LARGEST`` are left out.
        rejected: the same.
        prior: of τ.
        outcome: 1, 1/2 or 0.
        weight: of each pair.
        squared_length: E|w|².
        unsure: variance of a response's logit that is not known of its embedding's weights. Pairs which share a response share that, too, and it is no
            part of τ.
        seed: of the draws.
    """
    with own_random_stream(seed), poutine.block():
        every = torch.stack([prior.sample("residual") for _ in range(_PRIOR)]).float().cpu().clamp(min=1e-6)
    above = 1 - (torch.arange(_GRID, device="cpu") + 0.5) / _GRID
    grid = torch.quantile(every, 1 - above.square())  # closer together in the upper tail, where data may want more than the prior
    label, size = components(chosen, rejected)
    used = (size > 2) & (size <= LARGEST)
    evidence = torch.zeros(_GRID, device="cpu")
    if bool(used.any()):
        _, ends = torch.cat([chosen[used], rejected[used]]).unique(return_inverse=True)
        noise = torch.randn(_DRAWS // 2, int(ends.max()) + 1, generator=torch.Generator("cpu").manual_seed(seed), device="cpu").to(logit)
        left, right = ends.chunk(2)
        apart = (noise[:, left] - noise[:, right]).repeat(2, 1)
        apart[_DRAWS // 2 :] *= -1
        _, place = label[used].unique(return_inverse=True)
        f, y, counts = logit[used], outcome[used], weight[used]
        for i, tau in enumerate(grid.tolist()):
            t = (squared_length * tau**2 + unsure) ** 0.5
            d = (1 + math.pi / 4 * t**2) ** 0.5 * f + t * apart
            log_p = counts * (y * torch.nn.functional.logsigmoid(d) + (1 - y) * torch.nn.functional.logsigmoid(-d))
            total = log_p.new_zeros(_DRAWS, int(place.max()) + 1).index_add_(1, place, log_p)
            together, alone = (torch.logsumexp(each, 0).double().sum() - each.shape[1] * math.log(_DRAWS) for each in (total, log_p))
            evidence[i] = float(together - alone)
    mass = (evidence + above.log()).double().softmax(0)
    below = mass.cumsum(0) - mass / 2
    middle, high = (float(np.interp(q, below.numpy(), grid.log().numpy())) for q in (0.5, 0.95))
    return middle, max((high - middle) / 1.645, _LEAST)
