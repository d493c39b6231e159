"""Fixed nodes over a pair's own latents: what makes the variational reward model's marginal likelihood a smooth function of its globals.

A pair's outcome depends on its prompt's weights w and on one normal number z, in which the parts of both responses that their
embeddings do not tell meet. Its likelihood is a mean over nodes of (w, z): Gauss–Hermite's over z where there is one objective, and
else Sobol' points under the tent transform (Hickernell 2002), which are turned by an angle that belongs to the prompt (Cranley &
Patterson 1976). Prompts have different nodes, so that the errors of their likelihoods, some thousandths each, do not add up; a prompt
has the same nodes in whatever batch it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtri
from torch import Tensor
from torch.quasirandom import SobolEngine

if TYPE_CHECKING:
    from probrm_models.vrm.model import VRMModel

NODES = 64
"""Of a prompt, where there is more than one objective."""
_HERMITE = 20
_TURNS = 1000.0
"""How far an angle turns with a prompt's vector: prompts next to each other have unrelated angles."""
_EDGE = 2.0**-40


@torch.no_grad()
def pair_nodes(model: VRMModel, prompt: Float[Tensor, "n p"], count: int = NODES) -> Float[Tensor, "n m k2"]:
    """The nodes of n pairs: weights (K of them), z, and the logarithm of the node's mass.

    Args:
        model: its network of the weights says how they are spread.
        prompt: the pairs' prompts.
        count: m, where there is more than one objective.
    """
    if model.count == 1:
        z, mass = np.polynomial.hermite_e.hermegauss(_HERMITE)
        table = np.stack([np.ones_like(z), z, np.log(mass / mass.sum())], 1)
        return torch.from_numpy(table).to(prompt).expand(len(prompt), -1, -1)
    distinct, place = torch.unique(prompt, dim=0, return_inverse=True)
    points = _points(distinct.double().cpu(), model.weights.dims + 1, count)
    weights = model.weights.transport(distinct, points[..., :-1])
    z = torch.from_numpy(ndtri(points[..., -1:].numpy()))
    nodes = torch.cat([weights, z, torch.full_like(z, -math.log(count))], -1)
    return nodes.to(prompt)[place]


def _points(prompt: Float[Tensor, "n p"], dims: int, count: int) -> Float[Tensor, "n m d"]:
    """Uniform on the unit cube, by prompt; on the CPU, where Sobol' points are made."""
    with torch.device("cpu"):
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(prompt.shape[1], dims, dtype=torch.float64, generator=generator)
        sobol = SobolEngine(dims, scramble=True, seed=0).draw(count, dtype=torch.float64)
    turned = (sobol + _TURNS * (prompt @ directions)[:, None]).remainder(1.0)
    return (1 - (2 * turned - 1).abs()).clamp(_EDGE, 1 - _EDGE)
