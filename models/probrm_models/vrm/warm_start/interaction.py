"""How prompts and responses interact: where the weights' network and the objectives' contrasts begin.

Weights that do not vary with the prompt leave contrasts nothing to explain, and contrasts of zero leave weights nothing to
do: the likelihood is flat there to first order in either, and training from that saddle takes long. Its slope in the
product of the two is known, though: it is ``M = Σ_i (o_i − p_i) x_i Δh_iᵀ``, with the probabilities p of Bradley–Terry. Its
leading singular vectors are the features of prompts, and the differences of responses, that interact most.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.networks import GAIN
from probrm_models.vrm.supervision import targets

SIZE = 0.5
"""Standard deviation over the pairs of a contrast's difference of scores, logits, and over prompts of the network's outputs."""


@torch.no_grad()
def interact(model: VRMModel, rows: Batch, difference: Float[Tensor, "n d"], surprise: Float[Tensor, " n"]) -> Float[Tensor, "c d"] | None:
    """Sets the network of the weights in place, and gives the contrasts that belong to it, ``(K − 1, d)``.

    Where the weights are supervised, prompts' features are those that go with the attributes' targets instead, so that each
    objective is its attribute from the start.

    Args:
        model: its weights' network is linear and untrained.
        rows: training pairs.
        difference: Δh, features of the chosen response minus those of the rejected.
        surprise: outcome minus Bradley–Terry's probability, times whatever the pair counts.

    Returns:
        None where there is one objective, or a network with hidden layers, which has no direction to set.
    """
    network = model.weights.network
    last: nn.Linear = network.layers[-1]  # type: ignore[assignment]
    count = min(model.count - 1, *difference.shape[1:], rows["prompt"].shape[1])
    if count < 1 or len(network.layers) > 1:
        return None
    x = rows["prompt"]
    supervision = model.config.supervision
    if "scores" in rows and supervision.weight and supervision.loss != "none":
        wanted = targets(rows["scores"])
        wanted = (wanted - wanted.nanmean(0)).nan_to_num() @ model.rotation[: wanted.shape[1]]
        directions = x.T @ wanted
    else:
        directions = torch.linalg.svd((x * surprise[:, None]).T @ difference, full_matrices=False)[0][:, :count]
    features = x @ directions
    scale = features.std(0).clamp(min=1e-6)
    features, directions = features / scale, directions / scale
    contrasts = (features * surprise[:, None]).T @ difference
    contrasts = SIZE * contrasts / (difference @ contrasts.T).std(0).clamp(min=1e-6)[:, None]
    outputs = SIZE * model.rotation[:, : directions.shape[1]] @ directions.T
    last.weight[: model.count] = outputs * x.shape[1] ** 0.5 / GAIN
    return torch.cat([contrasts, contrasts.new_zeros(model.count - 1 - len(contrasts), contrasts.shape[1])])
